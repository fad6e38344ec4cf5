"""The closing lines of a run, on stderr: what it was, how it ended, what to do next."""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from git_exp import query, records, table
from git_exp.cli import output

if TYPE_CHECKING:
    from git_exp.cli.joining import Aim
    from git_exp.evidence import Closing
    from git_exp.index.search import Indexed
    from git_exp.launch.child import Outcome
    from git_exp.launch.recorded import Recorded
    from git_exp.nearly import Nearly
    from git_exp.run import Run
    from git_exp.store import Store
    from git_exp.verdict import Verdict

SHOWN = 5
# Of a metric's name, and of a line.
_NAME = 60
_LONGEST = 400
# More runs than that nobody makes for one idea.
_MANY = 10
# Of what a command wrote that was not passed on; less where there is more to say, for ten lines.
_LAST = 5


def tell(store: Store, done: Recorded, *, quiet: bool = False) -> None:
    """Say how a run ended; of a failure that nobody saw, with the last lines that it wrote."""
    from git_exp import protect

    if done.outcome.error:
        output.say(done.outcome.error)
    if quiet and done.status != "finished":
        whole = done.error.traceback if done.error else None
        room = _LAST - bool(done.outcome.unread.lines) - bool(done.tainted)
        for line in (whole.splitlines() if whole else done.last)[-room:]:
            output.say(line)
    if done.outcome.unread.lines:
        _tell_unread(*done.outcome.unread)
    if done.tainted:
        output.warn(f"{protect.told(done.tainted)}; it never counts as best")
    took = table.duration(done.outcome.wall_ms)
    run_id = query.short(done.run.run_id)
    timed_out = ": its time was over" if done.outcome.timed_out else ""
    ended = f"{done.status}{_how(done.outcome)} in {took}{timed_out}"
    output.say(f"run {run_id} '{done.run.name}' {ended}{metrics(done.metrics)}")
    if done.tainted:
        if files := done.tainted.files:
            _hint(f"{_put_back(store, files)}; then run it again")
    elif done.status != "finished":
        output.hints(f"look at what it wrote: git exp show {run_id} --output")


def _hint(text: str) -> None:
    """A hint on one line, whatever the names in it are: a line feed would begin another one."""
    output.hints(output.escape(text))


def _how(outcome: Outcome) -> str:
    """What ended a command, where it did not end well."""
    if outcome.timed_out or outcome.error:
        return ""
    if outcome.signal:
        import signal

        known = {one.value: one.name for one in signal.Signals}
        return f" by {known.get(outcome.signal, f'signal {outcome.signal}')}"
    return f" with exit code {outcome.exit_code}" if outcome.exit_code else ""


def _put_back(store: Store, files: Sequence[str]) -> str:
    """How files become as in HEAD again: those that it has, and those that it has not."""
    from git_exp import protect

    some = files[:SHOWN]
    added = set(protect.added(store.repo, some))
    changed = [_here(store, one) for one in some if one not in added]
    said = [f"put back: git restore --source=HEAD -- {shlex.join(changed)}"] if changed else []
    if added:
        gone = shlex.join(_here(store, one) for one in some if one in added)
        said.append(f"put elsewhere: {gone}")
    return "; ".join(said)


def _here(store: Store, path: str) -> str:
    """A path of the repository as it is called in the current folder."""
    return os.path.relpath(os.path.join(store.repo.top or ".", path))


def weighed(store: Indexed, run_id: str, aim: Aim | None) -> None:
    """Say what a run is worth: against the best before it, against its parent; what to do next.

    `aim` is what is to be better, and than what; without one it is the only metric of the run, and
    of several one is named. Where nothing can be compared nothing is said.
    """
    from git_exp import evidence

    goal, among = aim or (None, None)
    found = evidence.closing(store, run_id, goal, among=among)
    if isinstance(found, evidence.Closing):
        _tell_worth(store, found)
    elif found and found.why:
        output.say(_cut(f"not judged: {found.why}", _LONGEST))
        output.hints(f"look at what it wrote: git exp show {query.short(run_id)} --output")
    elif found:
        output.hints(f"what it is worth: git exp verdict --metric {shlex.quote(found.metric)}")


def _tell_worth(store: Store, found: Closing) -> None:
    from git_exp.verdict import wording

    goal = found.said.goal
    output.say(_cut(wording.closing(found.verdict, goal.measure), _LONGEST))
    if found.parent and (parent := _parent(found.parent, found.said.a, goal.measure.metric)):
        output.say(_cut(parent, _LONGEST))
    if found.nearly:
        _tell_nearly(found.nearly)
    for hint in _next(store, found):
        _hint(hint)


def _tell_nearly(found: Nearly) -> None:
    """Say why two runs of one code are no replicates, which nobody would guess."""
    first, more = found.files[0], len(found.files) - 1
    files = f"{first} and {more} more" if more else first
    them = "them" if more else "it"
    output.say(
        f"differs from run {query.short(found.run.id)} only by untracked {files}:"
        f" ignore {them} (.gitignore) to make them replicates"
    )


def _next(store: Store, found: Closing) -> Iterator[str]:
    """What to do with a run, and a command for it."""
    from git_exp.verdict import judging, planning

    said, verdict = found.said, found.verdict
    best = "the best before it" if judging.is_ahead(verdict) else "the best"
    back = f"back to {best}: git exp restore {query.short(said.b.id)}"
    if said.goal.assumed and verdict.verdict != "indistinguishable":
        metric = shlex.quote(said.goal.measure.metric)
        yield f"higher is taken for better; if it is not: git exp verdict --metric {metric} --min"
    elif verdict.verdict == "worse":
        yield back
    elif verdict.verdict == "improved":
        sure = "run it 2 more times to be sure, or " if _is_others(verdict) else ""
        yield f"{sure}keep it: git exp promote {query.short(said.a.id)}"
    else:
        yield from _undecided(store, found, planning.lacking(verdict), back=back)


def _undecided(
    store: Store, found: Closing, lacking: tuple[int, int], *, back: str
) -> Iterator[str]:
    """What is missing to a verdict, or what to do without one."""
    ours, theirs = lacking
    if not ours and not theirs:
        yield f"prefer the simpler code, or go {back}"
    elif max(lacking) > _MANY:
        yield f"it takes {max(lacking):,} more runs: prefer the simpler code, or go {back}"
    elif ours:
        yield f"run it {_times(ours)}, or go {back}"
    if not theirs or max(lacking) > _MANY:
        return
    base, there = found.said.b, _beside(store, found.said.b)
    argv = shlex.join(base.process.argv) if base.process else ""
    # What somebody else has run is nothing to be typed, nor is what takes several lines.
    argv = argv if base.own and argv.isprintable() else "COMMAND"
    folder = os.path.normpath(os.path.join(there, _folder(base)))
    run = f"cd {shlex.quote(folder)} && git exp run -q -- {argv}"
    if not os.path.lexists(there):
        run = f"git exp checkout --worktree {shlex.quote(there)} {query.short(base.id)} && {run}"
    yield _cut(f"run the baseline {_times(theirs)}: {run}", _LONGEST)
    if not ours:
        yield f"then: git exp verdict {query.short(found.said.a.id)}; or go {back}"


def _beside(store: Store, base: Run) -> str:
    """A folder for the code of a run, beside the worktree."""
    top = store.repo.top or Path.cwd()
    return os.path.relpath(top.parent / f"base-{query.short(base.id)}")


def _folder(base: Run) -> str:
    """Where in its repository a run was started: nothing at the top."""
    cwd = (base.process.cwd if base.process else None) or "."
    return "" if cwd == "." or not base.own else cwd


def _times(count: int) -> str:
    return "once more" if count == 1 else f"{count} more times"


def _is_others(verdict: Verdict) -> bool:
    return verdict.noise is not None and verdict.noise.told_by == "others"


def _parent(before: Run, run: Run, metric: str) -> str | None:
    """A run beside the one whose code it began as."""
    if metric not in before.metrics or metric not in run.metrics:
        return None
    old, new = before.metrics[metric].last, run.metrics[metric].last
    return (
        f"parent {query.short(before.id)} '{before.name}': {metric} {table.number(old)}, "
        f"now {table.number(new)}"
    )


def again(run: Run, key: str) -> None:
    """Say that a run answers to its key once more."""
    age = table.age(run.started, time.time_ns() // 1_000)
    title = f"run {query.short(run.id)} '{run.name}' of {age}"
    output.say(f"key '{key}' is done: {title} {run.status}{metrics(run.metrics)}")


def metrics(found: Mapping[str, records.Summary]) -> str:
    """The first metrics of a run, to come after a word."""
    numbers = list(found.items())[:SHOWN]
    shown = ", ".join(
        f"{_cut(path, _NAME)}={table.number(summary.last)}" for path, summary in numbers
    )
    more = f", +{len(found) - SHOWN} more" if len(found) > SHOWN else ""
    return f": {shown}{more}" if shown else ""


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def _tell_unread(lines: int, first: str) -> None:
    what = "1 METRIC line" if lines == 1 else f"{lines} METRIC lines"
    which = "" if lines == 1 else ", the first"
    output.warn(f"{what} could not be read whole{which}: {first}")
