"""Naming a run: ids, names, commits, and revisions such as `@~1` and `@{best:acc}`."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol

from git_exp import directions, errors, records
from git_exp.run import Run

SHORT = 8
LEAST = 4
NEAR = 1_000
LONGEST = 200
SAVED = "@{saved}"
AGGREGATES = ("last", "max", "min", "first")
# A run whose protected files were changed carries this tag: it never counts as best.
TAINTED = "tainted"

_FULL = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_PREFIX = re.compile(rf"[0-9a-f-]{{{LEAST},36}}")
_COMMIT = re.compile(rf"[0-9a-f]{{{LEAST},40}}")
_BEFORE = re.compile(r"@(?:~([0-9]{1,9})|(~*))")
_ASKING = re.compile(r"@\{(best|tag):(.+)\}", re.DOTALL)
_MEASURE = re.compile(rf"({'|'.join(AGGREGATES)})\((.+)\)", re.DOTALL)
_HEAD = re.compile(r"HEAD(?:[~^][0-9]*)*")
_ASIDE = re.compile(r"@\{saved(?:~[0-9]+)?\}")
_FORMS = "revisions are @, @~N, @{best:METRIC} and @{tag:T}"


class Source(Protocol):
    """Where runs come from, newest first."""

    def runs(self, limit: int | None = None) -> list[Run]: ...

    def get(self, run_id: str) -> Run | None: ...

    def matching(self, name: str) -> list[Run]: ...

    def tagged(self, tag: str) -> Run | None: ...

    def best(self, wanted: Goal) -> Run | None: ...

    def tags(self) -> list[str]: ...

    def metrics(self) -> list[str]: ...

    def ways(self) -> Mapping[str, bool]: ...


class Listed:
    """A source that answers every question from the list of its runs."""

    def runs(self, limit: int | None = None) -> list[Run]:
        """The newest runs, or all of them, newest first."""
        raise NotImplementedError

    def matching(self, name: str) -> list[Run]:
        """The newest run of that name, and all whose id or commit begins with it."""
        return list(among(name, self.runs()))

    def tagged(self, tag: str) -> Run | None:
        """The newest run with a tag."""
        return next((run for run in self.runs() if tag in run.tags), None)

    def best(self, wanted: Goal) -> Run | None:
        """The best of the finished, untainted runs."""
        return best(self.runs(), wanted)

    def tags(self) -> list[str]:
        """Every tag there is, those of the newest runs first."""
        return list(dict.fromkeys(tag for run in self.runs() for tag in run.tags))

    def metrics(self) -> list[str]:
        """Every metric there is, those of the newest runs first."""
        return list(dict.fromkeys(path for run in self.runs() for path in run.metrics))

    def ways(self) -> Mapping[str, bool]:
        """Whether more of a metric is better, where somebody has said so."""
        return {}


class Measure(NamedTuple):
    """One number of a run: an aggregate of a metric, such as `max(acc)`."""

    metric: str
    aggregate: str = "last"

    def of(self, run: Run) -> float | int | None:
        """The number, if this run has it."""
        summary = run.metrics.get(self.metric)
        return records.number(getattr(summary, self.aggregate)) if summary else None


class Goal(NamedTuple):
    """What the best run is best in, and which way; `assumed` where nothing tells that."""

    measure: Measure
    higher: bool
    assumed: bool = False


def find(source: Source, name: str, *, near: bool = True) -> Run:
    """The one run that a name means; `NotFound`, or `Ambiguous` with the candidates.

    Reads no more runs than it must: a full id is one, `@~3` is four; where none is found, as many
    as it takes to say what may have been meant, unless `near` is off.
    """
    if name.startswith("@"):
        return _revision(source, name)
    run_id = name.lower().removeprefix("refs/").removeprefix("runs/")
    if _FULL.fullmatch(run_id):
        found = source.get(run_id)
        if found:
            return found
    return _one(source, name, near=near)


def every(source: Source, names: Sequence[str], *, of_commits: bool = False) -> list[Run]:
    """The runs that several names mean, in their order; with `of_commits` all of a commit."""
    found = (_of_commit(source, name) if of_commits else [] for name in names)
    return [
        run for name, runs in zip(names, found, strict=True) for run in runs or [find(source, name)]
    ]


def _of_commit(source: Source, name: str) -> list[Run]:
    """The runs that are linked to one commit, where the name can mean nothing else."""
    commit = beginnings(name)[1]
    found = list({run.id: run for run in source.matching(name)}.values()) if commit else []
    links = [[one for one in run.links if one.startswith(commit)] for run in found]
    return found if len({tuple(some) for some in links}) == 1 and len(links[0]) == 1 else []


def best(runs: Iterable[Run], goal: Goal) -> Run | None:
    """The best of the finished, untainted runs, given newest first.

    Neither NaN nor an infinity wins: the run has diverged. A tie goes to the oldest.
    """
    ahead: Callable[[float, float], bool] = (
        (lambda new, old: new >= old) if goal.higher else (lambda new, old: new <= old)
    )
    found, top = None, math.nan
    for run in runs:
        value = goal.measure.of(run) if run.status == "finished" else None
        if value is None or _is_odd(value) or TAINTED in run.tags:
            continue
        if found is None or ahead(value, top):
            found, top = run, value
    return found


def _is_odd(value: float) -> bool:
    # An integer may be larger than any float.
    return value != value or value in (math.inf, -math.inf)


def goal(text: str, source: Source | None = None) -> Goal:
    """What `@{best:…}` asks for: `acc`, `+acc`, `-acc`, `max(acc)`, `-min(acc)`.

    Without a sign it is as the source has been told of that metric, else as its name says.
    """
    sign, bare = (text[0], text[1:]) if text[:1] in ("+", "-") else ("", text)
    asked = measure(bare)
    return Goal(asked, sign == "+") if sign else better(asked, source)


def better(asked: Measure, source: Source | None = None) -> Goal:
    """Which way a measure is better where it is not said with it; more, where nothing tells."""
    told = source.ways().get(asked.metric) if source else None
    if told is None:
        told = directions.higher(asked.metric)
    return Goal(asked, told is not False, assumed=told is None)


def measure(text: str) -> Measure:
    """A metric, or an aggregate of one."""
    found = _MEASURE.fullmatch(text)
    return Measure(found[2], found[1]) if found else Measure(text)


def higher_is_better(metric: str, ways: Mapping[str, bool] | None = None) -> bool:
    """Whether more of a metric is better, by what was said or else its name; True for all else."""
    by_name = directions.higher(metric) is not False
    return ways.get(metric, by_name) if ways else by_name


def short(run_id: str) -> str:
    """An id as people read and type it."""
    return run_id[:SHORT]


def _revision(source: Source, name: str) -> Run:
    back = _BEFORE.fullmatch(name)
    if back:
        return _before(source, name, int(back[1]) if back[1] else len(back[2]))
    asked = _ASKING.fullmatch(name)
    if asked is None:
        saved = f"saved work is no run; bring it back: git exp restore {name}"
        hint = saved if _ASIDE.fullmatch(name) else _FORMS
        raise errors.NotFound(f"no run '{name}'", hint=hint)
    if asked[1] == "tag":
        return _tagged(source, name, asked[2])
    return _best(source, name, goal(asked[2], source))


def _before(source: Source, name: str, count: int) -> Run:
    runs = source.runs(count + 1)
    if len(runs) > count:
        return runs[count]
    if not runs:
        raise _no_runs()
    there = "there is only 1 run" if len(runs) == 1 else f"there are only {len(runs)} runs"
    raise errors.NotFound(f"no run '{name}': {there}", hint="list them: git exp log")


def _tagged(source: Source, name: str, tag: str) -> Run:
    found = source.tagged(tag)
    if found:
        return found
    hint = _known("tags", source.tags(), "git exp tag RUN TAG")
    raise errors.NotFound(f"no run '{name}': no run has that tag", hint=hint)


def _best(source: Source, name: str, wanted: Goal) -> Run:
    found = source.best(wanted)
    if found:
        return found
    known = source.metrics()
    why = "no run has that metric"
    if wanted.measure.metric in known:
        why = "no finished run has a number for it"
    hint = _known("metrics", known, "list runs: git exp log")
    raise errors.NotFound(f"no run '{name}': {why}", hint=hint)


def _known(what: str, names: Sequence[str], otherwise: str) -> str:
    more = ", …" if len(names) > 10 else ""
    return f"known {what}: {', '.join(names[:10])}{more}" if names else otherwise


def _one(source: Source, name: str, *, near: bool) -> Run:
    found = {run.id: run for run in source.matching(name)}
    if len(found) == 1:
        return next(iter(found.values()))
    if found:
        raise errors.Ambiguous(name, _candidates(list(found.values())))
    if not source.runs(1):
        raise _no_runs()
    hint = _meant(name, source.runs(NEAR)) if near else None
    raise errors.NotFound(f"no run '{name}'", hint=hint or "list them: git exp log")


def _meant(name: str, runs: Sequence[Run]) -> str | None:
    """What a name that no run has may mean: some of git's, or a run's misspelt."""
    began = _beginning(name, runs)
    if began:
        return f"runs that began there: git exp log --where {began}"
    import difflib

    names = {run.name.lower(): run.name for run in runs if run.name}
    lowered = name.lower()[:LONGEST]
    found = [one for one in names if one.startswith(lowered)][:3]
    found += difflib.get_close_matches(lowered, names)
    shown = [f"'{names[one]}'" for one in dict.fromkeys(found)]
    return f"did you mean {' or '.join(shown[:3])}?" if shown else None


def _beginning(name: str, runs: Sequence[Run]) -> str | None:
    """The expression, quoted for a shell, for the runs that began at a revision of git's."""
    import shlex

    from git_exp.query import grammar

    commit = beginnings(name)[1]
    if commit and any(run.base and run.base.startswith(commit) for run in runs):
        return shlex.quote(f"base = {commit}")
    if any(run.git and run.git.branch == name for run in runs):
        return shlex.quote(f"branch = {grammar.word(name)}")
    return f'"base = $(git rev-parse {name})"' if _HEAD.fullmatch(name) else None


def among(name: str, runs: Sequence[Run]) -> Iterator[Run]:
    """Of some runs, newest first, the first of that name, and all whose id or commit it begins."""
    yield from [run for run in runs if run.name == name][:1]
    run_id, commit = beginnings(name)
    if run_id:
        yield from (run for run in runs if run.id.startswith(run_id))
    if commit:
        yield from (run for run in runs if _has_commit(run, commit))


def beginnings(name: str) -> tuple[str, str]:
    """A name as the beginning of a run's id and as that of a commit's; empty where it is none."""
    lowered = name.lower()
    run_id = lowered if _PREFIX.fullmatch(lowered) else ""
    return run_id, lowered if _COMMIT.fullmatch(lowered) else ""


def _has_commit(run: Run, prefix: str) -> bool:
    return run.commit.startswith(prefix) or any(one.startswith(prefix) for one in run.links)


def _candidates(runs: Sequence[Run]) -> list[str]:
    ids = [run.id for run in runs]
    length = SHORT
    while len({one[:length] for one in ids}) < len(ids):
        length += 1
    return [f"{run.id[:length]} {run.name}".rstrip() for run in runs]


def _no_runs() -> errors.NotFound:
    return errors.NotFound("there are no runs yet", hint="record one: git exp run COMMAND")
