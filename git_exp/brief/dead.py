"""Dead ends: how runs failed, ideas that made things worse, values that always lost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from git_exp.brief.course import Course
from git_exp.brief.facts import Failure, Idea, Losing
from git_exp.brief.untried import Tried, shown
from git_exp.index.digest import Mark
from git_exp.run import Run

MOST = 20
_IDEAS = 3
_FEW = 3


def how(run: Run) -> str:
    """How a run failed, in one line."""
    if run.error:
        said = " ".join(run.error.message.split())
        return f"{run.error.type}: {said}" if said else run.error.type
    return run.status if run.exit_code is None else f"exit code {run.exit_code}"


def failures(runs: Iterable[Run]) -> list[Failure]:
    """Runs that failed alike, given newest first; what failed most often comes first."""
    groups: dict[str, list[Run]] = {}
    for run in runs:
        groups.setdefault(how(run), []).append(run)
    found = [
        Failure(
            error=error,
            count=len(some),
            run=some[0].id,
            ideas=list(dict.fromkeys(run.notes[0].text for run in some if run.notes))[:_IDEAS],
        )
        for error, some in groups.items()
    ]
    return sorted(found, key=lambda one: -one.count)[:MOST]


def ideas(course: Course, said: Mapping[int, str], *, within: float) -> list[Idea]:
    """Ideas of which no run came near the best of its time, those that lost most first."""
    groups: dict[str, list[Mark]] = {}
    for mark in course.marks:
        if mark.at in said:
            groups.setdefault(" ".join(said[mark.at].split()), []).append(mark)
    found = [
        one
        for text, marks in groups.items()
        if text and (one := _lost(course, text, marks, within=within))
    ]
    return sorted(found, key=lambda one: (-abs(one.value - one.against_value), one.run))[:MOST]


def _lost(course: Course, text: str, marks: Sequence[Mark], *, within: float) -> Idea | None:
    top = marks[0]
    for mark in marks:
        before = course.before(mark.started)
        if before is None or not _is_worse(course, mark.value, before.value, within=within):
            return None
        top = mark if course.better(mark.value, top.value) else top
    best = course.before(top.started)
    assert best is not None
    return Idea(
        idea=text, count=len(marks), run=top.id, value=top.value,
        against=best.id, against_value=best.value,
    )  # fmt: skip


def _is_worse(course: Course, value: float, best: float, *, within: float) -> bool:
    return course.better(best, value) and abs(best - value) > within * abs(best)


def losing(course: Course, tried: Sequence[Tried]) -> list[Losing]:
    """Values of several runs whose best is worse than half of all runs, the worst first."""
    if not course.marks:
        return []
    middle = course.median()
    found = [
        Losing(
            param=one.param, value=shown(one.value), count=one.runs, run=one.best.id,
            best=one.best.value, median=middle,
        )
        for one in tried
        if one.runs >= _FEW and course.better(middle, one.best.value)
    ]  # fmt: skip
    return sorted(found, key=lambda one: (-abs(one.best - middle), one.param, one.run))[:MOST]
