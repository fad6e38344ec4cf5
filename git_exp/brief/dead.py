"""Dead ends: how runs failed, ideas that made things worse, values that always lost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from git_exp import data, values
from git_exp.brief.course import Course
from git_exp.brief.facts import Failure, Idea, Losing
from git_exp.brief.replicated import Keys
from git_exp.brief.untried import Tried, shown
from git_exp.git import cat
from git_exp.index.digest import Digest, Mark
from git_exp.run import Run
from git_exp.store import Store

MOST = 20
_IDEAS = 3
_FEW = 3
_RECENT = 1_000
_LARGEST, _LINE = 1 << 18, 1_000


def reasons(store: Store, runs: Iterable[Run]) -> dict[str, str]:
    """How runs ended that did not finish, each in one line, by their ids.

    Of a command that told no error it is the last line that it wrote to stderr.
    """
    several = {run.id: run for run in runs if run.status not in ("finished", "running")}
    silent = [
        run.id
        for run in several.values()
        if run.error is None and run.exit_code is not None and values.is_run_id(run.id)
    ]
    # Nobody's data is fetched for this, and no pygit2 is imported.
    names = [f"{data.name(run_id)}:{data.OUTPUTS[1]}" for run_id in silent]
    written = cat.blobs(store.repo, names, most=_LARGEST) if names else ()
    last = {run_id: _last(text) for run_id, text in zip(silent, written, strict=False) if text}
    return {run.id: _how(run, last.get(run.id)) for run in several.values()}


def _how(run: Run, last: str | None) -> str:
    if run.error:
        said = " ".join(run.error.message.split())
        return f"{run.error.type}: {said}" if said else run.error.type
    code = run.status if run.exit_code is None else f"exit code {run.exit_code}"
    return f"{last} ({code})" if last else code


def _last(text: bytes) -> str:
    lines = text.rstrip()[-_LINE:].splitlines()
    return " ".join(lines[-1].decode(errors="replace").split()) if lines else ""


def failures(runs: Iterable[Run], told: Mapping[str, str]) -> list[Failure]:
    """Runs that failed alike, given newest first; what failed most often comes first."""
    groups: dict[str, list[Run]] = {}
    for run in runs:
        groups.setdefault(told[run.id], []).append(run)
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


def ideas(digest: Digest, course: Course, keys: Keys, *, within: float) -> list[Idea]:
    """Ideas of which no run came near the best of its time, those that lost most first.

    A run that lost to a replicate of its own had no luck, and says nothing of an idea.
    """
    recent = course.marks[-_RECENT:]
    said = digest.ideas([one.at for one in recent])
    found = _all_lost(course, ((said.get(one.at, ""), one) for one in recent), within=within)
    # An older run may have done better with one of them.
    every = digest.saying([one.idea for one in found]) if found else []
    known = course.by_place
    pairs = ((idea, known[at]) for idea, at in every if at in known)
    lost = _all_lost(course, pairs, within=within)
    marks = {one.id: one for one in known.values()} if lost else {}
    return [
        one for one in lost
        if one.run and one.against and not keys.same(marks[one.run], marks[one.against])
    ]  # fmt: skip


def _all_lost(course: Course, pairs: Iterable[tuple[str, Mark]], *, within: float) -> list[Idea]:
    groups: dict[str, list[Mark]] = {}
    for idea, mark in pairs:
        groups.setdefault(idea, []).append(mark)
    lost = (_lost(course, idea, sorted(some), within=within) for idea, some in groups.items())
    found = [one for one in lost if one and one.idea.strip()]
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
