"""What has run already: runs of this very code, with this command and these params."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from git_exp import distributions, mask, query, records, starting, table, values
from git_exp.git import snapshot, untracked
from git_exp.git.snapshot import Snapshot
from git_exp.run import Run, params_in
from git_exp.starting import Caller, Request
from git_exp.store import Store

if TYPE_CHECKING:
    from git_exp.index.search import Indexed

_NAMED = 5
_UNTOLD = 'SELECT id, "commit" FROM runs WHERE tree IS NULL'
# What `outputs.trimmed` puts in the place of what it leaves out.
_CUT = re.compile("^… [0-9]+ bytes left out …$".encode(), re.MULTILINE)


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """Which runs of this code are meant: a command as it was recorded, exactly these params.

    None is any.
    """

    argv: Sequence[str] | None = None
    cwd: str | None = None
    params: Mapping[str, Any] | None = None


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """A run of the tree that the worktree is now, and why its code may be another all the same."""

    run: Run
    doubts: list[str]


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """The runs of a tree, newest first; `gaps` is what the snapshot of now does not hold."""

    tree: str
    gaps: list[str]
    found: list[Seen]
    others: int = 0


class Earlier(msgspec.Struct, frozen=True, kw_only=True):
    """A run that answers for another one by its stdout, or `why` it cannot."""

    run: Run
    output: bytes = b""
    why: str | None = None


def question(
    store: Store, caller: Caller | None = None, params: Mapping[str, Any] | None = None
) -> Question:
    """What is asked for, in the form that records have. Raises `Unencodable`."""
    said = starting.process(store.repo, caller) if caller else None
    return Question(
        argv=said.argv if said else None,
        cwd=_folder(said) if said else None,
        params=None if params is None else starting.params(params),
    )


def look(store: Indexed, asked: Question) -> Answer:
    """The runs of the worktree as a run would capture it now; it writes objects and nothing else.

    Raises `SnapshotFailed` where nothing can be captured.
    """
    taken = snapshot.take(store.repo, untracked.rules(store.repo.config))
    there = by_tree(store, taken.tree, asked.argv)
    fitting = [run for run in there if _fits(run, asked)]
    other = 0 if asked.argv is None else _of_other_commands(store, taken.tree, asked.argv)
    return Answer(
        tree=taken.tree,
        gaps=_gaps(taken),
        found=[Seen(run=run, doubts=doubts(run, taken)) for run in fitting],
        others=len(there) - len(fitting) + other,
    )


def earlier(store: Indexed, request: Request, *, terminal: bool) -> Earlier | None:
    """The newest run that has done already what is asked for, or the newest that nearly has.

    `terminal` says that stdout is one. None where this was never run.
    """
    seen = look(store, question(store, request.caller, request.params))
    never = _never(seen, request)
    packages = hashlib.sha256(distributions.listing()).hexdigest()
    nearly: Earlier | None = None
    for one in seen.found:
        why = never or _unfit(one, packages) or _elsewhere(store, one.run, seen.tree)
        found = Earlier(run=one.run, why=why) if why else _written(store, one.run, terminal)
        if found.why is None:
            return found
        nearly = nearly or found
    return nearly


def by_tree(store: Indexed, tree: str, argv: Sequence[str] | None = None) -> list[Run]:
    """The runs whose code is a tree, newest first; with a command line, none of another's.

    Where a record does not tell the tree, the run's commit does if it is here, and the command is
    left for the caller to look at.
    """
    found = {run.id: run for run in store.of_tree(tree, argv)}
    with store.sql(_UNTOLD) as answer:
        untold = [(str(run_id), str(commit)) for run_id, commit in answer.rows]
    trees = _trees(store, [commit for _, commit in untold])
    for run_id, commit in untold:
        run = store.get(run_id) if trees.get(commit) == tree else None
        if run:
            found[run_id] = run
    return sorted(found.values(), key=lambda run: (run.started, run.id), reverse=True)


def _of_other_commands(store: Indexed, tree: str, argv: Sequence[str]) -> int:
    told = values.quoted(records.encode(list(argv)).decode()).replace("'", "''")
    asked = f"SELECT count(*) FROM runs WHERE tree = '{tree}' AND command IS NOT '{told}'"  # noqa: S608 - hex digits, and text with its quotes doubled
    with store.sql(asked) as answer:
        return int(next(iter(answer.rows))[0])


def doubts(run: Run, taken: Snapshot) -> list[str]:
    """Why the code of a run that has this tree may not be what would run now."""
    git = run.git
    if git is None or git.capture == "none":
        return ["its code was not captured"]
    said = [] if git.capture == "full" else ["its snapshot is partial"]
    listed = len(git.skipped)
    if (git.skipped_count or listed) > listed or len(taken.left_out) > starting.LIST_LIMIT:
        said.append("not all files that were left out are listed")
    then = {one.path: one for one in git.skipped}
    now = {one.path: one for one in map(_recorded, taken.left_out[: starting.LIST_LIMIT])}
    for path in sorted({*then, *now}):
        change = _change(then.get(path), now.get(path))
        if change:
            said.append(f"'{path}' is not in snapshots and {change}")
    return said


def masked(words: Sequence[str]) -> bool:
    """Whether records do not hold all of a command line, so that two may look the same."""
    return mask.argv(words) != list(words)


def listed(paths: Sequence[str]) -> str:
    """The first of some paths in one line."""
    more = f" and {len(paths) - _NAMED} more" if len(paths) > _NAMED else ""
    return f"{', '.join(paths[:_NAMED])}{more}"


def _fits(run: Run, asked: Question) -> bool:
    process = run.process
    if asked.argv is not None and (
        process is None or process.argv != list(asked.argv) or _folder(process) != asked.cwd
    ):
        return False
    return asked.params is None or _same_params(_given(run), asked.params)


def _folder(process: records.Process) -> str:
    return process.cwd or "."


def _given(run: Run) -> Mapping[str, Any]:
    """The params that a run began with: who joined it may have had others."""
    if not run.joined:
        return run.params
    starts = (event for event in run.events() if isinstance(event, records.RunStart))
    start = next(starts, None)
    return {**params_in(start.metadata), **start.params} if start else run.params


def _same_params(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    # As text: 1 is not true, nor is it 1.0, and NaN is NaN.
    first, second = ({key: table.text(held[key]) for key in held} for held in (one, other))
    return first == second


def _trees(store: Store, commits: Sequence[str]) -> dict[str, str]:
    """The trees of those commits that are here."""
    if not commits:
        return {}
    named = "".join(f"{commit}^{{tree}}\n" for commit in commits).encode()
    told = store.repo.git("cat-file", "--batch-check=%(objectname)", stdin=named).splitlines()
    known = (os.fsdecode(one) for one in told)
    return {commit: tree for commit, tree in zip(commits, known, strict=True) if " " not in tree}


def _gaps(taken: Snapshot) -> list[str]:
    paths = [one.path for one in taken.missed]
    paths += [one.path for one in taken.submodules if one.dirty]
    return [values.quoted(os.fsdecode(path)) for path in paths]


def _recorded(one: untracked.LeftOut) -> records.Skipped:
    path = values.quoted(os.fsdecode(one.path))
    return records.Skipped(
        path=path, reason=one.reason, size=one.size, mtime=one.mtime, sha256=one.sha256
    )


def _change(then: records.Skipped | None, now: records.Skipped | None) -> str | None:
    """What has become of a file that is left out; None where it is as it was."""
    if then is None or now is None:
        return "is new" if then is None else "is gone"
    if then.size is None or now.size is None:
        return "cannot be compared"
    if then.sha256 and now.sha256:
        same = (then.size, then.sha256) == (now.size, now.sha256)
    else:
        same = (then.size, then.mtime) == (now.size, now.mtime)
    return None if same else "differs"


def _never(seen: Answer, request: Request) -> str | None:
    """Why no run at all can answer."""
    if masked(request.caller.argv):
        return "a word of the command is masked in records, and may have been another"
    if seen.gaps:
        return f"the snapshot is partial, without: {listed(seen.gaps)}"
    return None


def _unfit(seen: Seen, packages: str) -> str | None:
    """Why a run cannot answer for another one, as far as its records tell."""
    run = seen.run
    if run.process is None or run.process.executable:
        return "it was not started by git exp run"
    if (run.status, run.exit_code) != ("finished", 0):
        code = f" with exit code {run.exit_code}" if run.exit_code else ""
        return f"it is {run.status}{code}"
    if query.TAINTED in run.tags:
        return f"it is tagged {query.TAINTED}"
    if run.damaged:
        return "some of its records cannot be read"
    if run.env and run.env.packages not in (None, packages):
        return "other packages are installed now"
    return seen.doubts[0] if seen.doubts else None


def _elsewhere(store: Store, run: Run, tree: str) -> str | None:
    """Why a run's commit does not prove what its record says: anybody may have written that."""
    return None if _trees(store, [run.commit]).get(run.commit) == tree else "its code is not here"


def _written(store: Store, run: Run, terminal: bool) -> Earlier:
    """A run with what it wrote to stdout, if that is what it would write there now."""
    written = store.file(run, "output/stdout") or b""
    if store.file(run, "packages.txt") is None:
        return Earlier(run=run, why="its output is not here")
    if _CUT.search(written):
        return Earlier(run=run, why="its output was not kept whole")
    if not terminal and b"\r\n" in written:
        return Earlier(run=run, why="its output is that of a terminal")
    return Earlier(run=run, output=written)
