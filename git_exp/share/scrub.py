"""Scrub: a run made anew without what it should never have held; the old one is deleted."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Sequence

import msgspec

from git_exp import data, errors, ledger, locks, merge, query, records, scan, starting
from git_exp.git import objects
from git_exp.git.objects import BLOB, TREE, Writer
from git_exp.git.refs import Change
from git_exp.ledger import Before, Plan
from git_exp.run import Run
from git_exp.scan import Library
from git_exp.share import archive, remotes
from git_exp.store import Store


class What(msgspec.Struct, frozen=True, kw_only=True):
    """What is to go: files and folders by their paths, values by their keys.

    With neither, whatever the scan of a push would stop for.
    """

    paths: Sequence[str] = ()
    keys: Sequence[str] = ()


class Scrubbed(msgspec.Struct, kw_only=True):
    """One run that was made anew: what of it changed, and the remotes that have had its records.

    `held` is the archive of another clone that holds the old one, until that clone pushes again.
    """

    old: str
    new: str
    name: str
    files: list[str] = []
    records: int = 0
    sent: list[str] = []
    held: str | None = None


class _Turn(msgspec.Struct, frozen=True, kw_only=True):
    """One run on its way to the other."""

    store: Store
    run: Run
    new_id: str
    what: What
    reason: str | None
    library: Library | None
    report: Scrubbed


def scrub(store: Store, run: Run, what: What, *, reason: str | None = None) -> Scrubbed:
    """Make a run anew without what is named, and delete the old one here and wherever it comes.

    The new run has an id and commits of its own. Of the old one's records only the tombstone is
    kept, on every clone. Raises `Refused` for a running run, `NotFound` where there is nothing to
    take out.
    """
    if not all((*what.paths, *what.keys)):
        raise errors.UsageError("a path or key that is empty", hint="--key api_key, --path data/")
    if run.live:
        raise errors.Refused(f"run {query.short(run.id)} is still running", hint="stop it first")
    store.need(run)
    report = Scrubbed(old=run.id, new=str(uuid.uuid4()), name=run.name, sent=_sent(store, run))
    if run.archived and not archive.is_ours(store.repo, run.archived.ref):
        report.held = run.archived.ref
    library = scan.installed(store.repo)
    turn = _Turn(
        store=store,
        run=run,
        new_id=report.new,
        what=what,
        reason=reason,
        library=library,
        report=report,
    )

    def plan(writer: Writer, before: Before) -> Plan:
        report.files, report.records = [], 0
        return _plan(turn, writer, before)

    if run.own:
        starting.remember(store.repo, report.new)
    with locks.held(store.repo) as lock:
        ledger.write(store.repo, lock, plan)
    archive.drop(store, {run.commit})
    return report


def _plan(turn: _Turn, writer: Writer, before: Before) -> Plan:
    run, report = turn.run, turn.report
    commit = _code(turn, writer)
    large = _data(turn, writer, commit)
    old = merge.lines(before.note(run.commit))
    _insist(turn, [*old, *_objects(turn)])
    # The new run has refs of its own, wherever the old one's went.
    kept = [line for line in old if not records.is_kind(line, b"archived")]
    lines = [_record(turn, line, commit) for line in kept]
    report.records = sum(1 for line in old if _masked(turn, line) != line)
    if not (report.files or report.records):
        raise errors.NotFound(
            f"run {query.short(run.id)} has nothing of that",
            hint="see what it holds: git exp show -p",
        )
    now = time.time_ns() // 1000
    stone = records.Deleted(
        t=records.later(now, ledger.newest_time(old, now=now)),
        by=objects.ident(turn.store.repo, now / 1e6).name,
        reason=turn.reason,
        replaced_by=turn.new_id,
    )
    changes = [Change(name=f"refs/runs/{turn.new_id}", new=commit, old=None)]
    if large:
        changes.append(Change(name=data.name(turn.new_id), new=large, old=None))
    names = (f"refs/runs/{run.id}", data.name(run.id))
    gone = ((name, before.ref(name)) for name in names)
    changes += [Change(name=name, new=None, old=oid) for name, oid in gone if oid]
    return Plan(
        subject="exp: scrub 1 run",
        lines={commit: lines, run.commit: [records.line(stone)[:-1]]},
        changes=changes,
        private={commit} if before.is_private(run.commit) else (),
        # What went before holds the records as they were.
        orphan=True,
    )


def _insist(turn: _Turn, lines: Sequence[bytes]) -> None:
    """Refuse a key that nothing in the records has: it may be misspelt."""
    for key in turn.what.keys:
        if all(scan.masked(line, [key]) == scan.masked(line) for line in lines):
            raise errors.NotFound(
                f"run {query.short(turn.run.id)} has no key '{key}'",
                hint="see what it holds: git exp show --events",
            )


def _objects(turn: _Turn) -> list[bytes]:
    """The configs that the run holds: what they are made of is in no record of its own."""
    repo = turn.store.repo
    return (data.file(repo, turn.store.data_tip(turn.run), data.OBJECTS) or b"").splitlines()


def _code(turn: _Turn, writer: Writer) -> str:
    """The run's commit with the files taken out."""
    repo, run = turn.store.repo, turn.run
    found = objects.commit(repo, run.commit)
    assert found
    base = found.parents[0] if found.parents else None
    tree = _without(turn, writer, found.tree, base=base)
    message = _masked(turn, found.message.replace(run.id, turn.new_id).encode()).decode()
    if turn.new_id not in message:
        message += f"\nRun-Id: {turn.new_id}\n"
    return writer.commit(
        tree, found.parents, message, author=found.author, committer=found.committer
    )


def _without(turn: _Turn, writer: Writer, tree: str, *, base: str | None) -> str:
    """A tree without what is named; else without each file that only it has and that holds a
    secret.
    """
    repo = turn.store.repo
    if turn.what.paths or turn.what.keys:
        named = [path.strip("/") for path in turn.what.paths]
        gone = [path for path in named if objects.entry(repo, tree, path)]
    else:
        changed = objects.differing(repo, base, tree)
        every = [os.fsdecode(path) for letter, path in changed if letter != "D"]
        gone = [path for path in every if _is_secret(turn, tree, path)]
    turn.report.files += gone
    return writer.tree(tree, dict.fromkeys(gone)) if gone else tree


def _is_secret(turn: _Turn, tree: str, path: str) -> bool:
    if scan.holds_secret(os.fsencode(path), turn.library):
        return True
    found = objects.entry(turn.store.repo, tree, path)
    if not found or found[0] == TREE or not objects.is_file(found[0]):
        return False
    text = objects.blob(turn.store.repo, found[1])
    return scan.holds_secret(text, turn.library)


def _data(turn: _Turn, writer: Writer, commit: str) -> str | None:
    """The run's data on its new commit: files taken out, texts masked."""
    repo, run = turn.store.repo, turn.run
    tip = turn.store.data_tip(run)
    found = objects.commit(repo, tip) if tip else None
    if found is None:
        return None
    named = [path.strip("/") for path in turn.what.paths]
    entries: dict[str, tuple[int, str] | None] = {}
    for path, blob in objects.files(repo, found.tree):
        if any(path == one or path.startswith(f"{one}/") for one in named):
            entries[path] = None
            turn.report.files.append(path)
            continue
        text = objects.blob(repo, blob)
        parts = text.split(b"\0") if path in data.OUTPUTS else [text]
        clean = b"\0".join(_masked(turn, part) for part in parts)
        if clean != text:
            entries[path] = (BLOB, writer.blob(clean))
            turn.report.files.append(path)
    tree = writer.tree(found.tree, entries) if entries else found.tree
    message = found.message.replace(run.id, turn.new_id)
    return writer.commit(tree, [commit], message, author=found.author, committer=found.committer)


def _masked(turn: _Turn, text: bytes) -> bytes:
    if turn.what.paths and not turn.what.keys:
        return text
    return scan.masked(text, turn.what.keys, library=turn.library)


def _record(turn: _Turn, line: bytes, commit: str) -> bytes:
    """One record as the new run's; its start says which run it replaces."""
    clean = _masked(turn, line)
    event = records.parse(clean)
    if not isinstance(event, records.RunStart):
        return clean
    git = event.git and msgspec.structs.replace(
        event.git, commit=commit, tree=objects.tree_of(turn.store.repo, commit)
    )
    start = msgspec.structs.replace(event, run_id=turn.new_id, replaces=turn.run.id, git=git)
    return records.line(start)[:-1]


def _sent(store: Store, run: Run) -> list[str]:
    """The remotes whose notes have the records of a run."""
    return [one.name for one in remotes.holders(store.repo, run.commit)]
