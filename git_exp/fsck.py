"""Whether all that was recorded is there: records, refs and spools, and mending what is not."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import msgspec

from git_exp import data, errors, ledger, locks, merge, records, seal, spool, values
from git_exp.git import notes, objects, refs
from git_exp.git.refs import Change
from git_exp.git.repo import Repo
from git_exp.run import Run, fold
from git_exp.share import archive
from git_exp.spool import Life
from git_exp.store import Store

_LEFTOVER_AFTER = 86_400
_LOCKED_AFTER = 10
_RUNS, _DATA = "refs/runs/", "refs/exp/data/"


class Finding(msgspec.Struct, kw_only=True):
    """One thing that is not as it should be; `mended` once it is."""

    what: str
    run: str | None = None
    hint: str | None = None
    mended: bool = False


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """All that was found, and how much was looked at.

    `damaged` lines of the series are kept as they are: a killed process leaves its last one torn.
    """

    runs: int
    records: int
    damaged: int
    findings: list[Finding]

    @property
    def sound(self) -> bool:
        """Whether nothing is left to mend."""
        return all(finding.mended for finding in self.findings)


def check(store: Store, *, repair: bool = False, foreign: bool = False) -> Verdict:
    """Check everything; `repair` mends what can be, with the dead spools of other machines too if
    `foreign`. Reading changes nothing.
    """
    repo = store.repo
    found = [*_locked(repo), *_spools(repo, repair=repair, foreign=foreign)]
    found += [*_leftovers(repo, repair=repair), *_strays(repo)]
    found += _vanished(repo, repair=repair)
    noted = _noted(repo, found)
    for commit, note in noted.items():
        found += _records(commit, merge.lines(note))
    found += _refs(store, noted, repair=repair)
    return Verdict(
        runs=len(noted),
        records=sum(len(merge.lines(note)) for note in noted.values()),
        damaged=_damaged(repo, found),
        findings=found,
    )


def _locked(repo: Repo) -> Iterator[Finding]:
    """A lock that nobody takes away: while it is there, nothing can be sealed."""
    lock = refs.lock_of(repo, notes.REF)
    with suppress(FileNotFoundError):
        if time.time() - lock.stat().st_mtime > _LOCKED_AFTER:
            hint = f"if no git process is running in this repository: rm '{lock}'"
            yield Finding(what=f"'{lock}' has been there for a while", hint=hint)


def _spools(repo: Repo, *, repair: bool, foreign: bool) -> list[Finding]:
    """Spools that nobody writes any more, and those that could not be sealed."""
    waiting = {run_id: found for run_id in _unsealed(repo) if (found := _waiting(repo, run_id))}
    if repair and waiting:
        report = seal.complete(repo, foreign=foreign, again=True)
        left = _unsealed(repo)
        for run_id, found in waiting.items():
            found.mended = run_id in report.sealed or run_id not in left
        for run_id, why in report.aside.items():
            waiting[run_id] = Finding(run=run_id, what=f"its spool cannot be sealed: {why}")
    return list(waiting.values())


def _unsealed(repo: Repo) -> list[str]:
    return spool.run_ids(seal.spools(repo))


def _waiting(repo: Repo, run_id: str) -> Finding | None:
    with spool.look(seal.spools(repo), run_id) as folder:
        lives = {one.life for one in folder.journals}
        if seal.is_aside(folder.path):
            why = (folder.path / "aside").read_text(errors="replace").strip()
            what, hint = f"its spool cannot be sealed: {why}", "git exp fsck --repair tries again"
        elif folder.unreadable:
            what, hint = f"its spool cannot be read: {folder.unreadable[0]}", None
        elif folder.life is Life.DEAD and Life.DEAD in lives:
            what, hint = "its spool is not sealed", "git exp fsck --repair"
        elif Life.UNKNOWN in lives:
            what = "its spool is of another machine"
            hint = "if that machine is done with it: git exp fsck --repair --foreign"
        else:
            return None
    return Finding(run=run_id, what=what, hint=hint)


def clear(repo: Repo) -> list[str]:
    """Remove what killed processes left half made, a day ago or longer; what that was."""
    return [found.what for found in _leftovers(repo, repair=True)]


def _leftovers(repo: Repo, *, repair: bool) -> list[Finding]:
    """Files that a killed process left half made, a day ago or longer."""
    root, old = seal.spools(repo), time.time() - _LEFTOVER_AFTER
    halves = [*(repo.git_dir / "exp" / "tmp").glob("*"), *root.glob("*/.*.new")]
    # A copy of the index has the index's own modification time: what counts is its creation.
    stale = [path for path in halves if _changed(path) < old]
    if repair:
        for path in stale:
            _discard(path)
    found = [
        Finding(what=f"a leftover file: {path.relative_to(repo.common_dir)}", mended=repair)
        for path in stale
    ]
    for run_id in _unsealed(repo):
        if not any((root / run_id).glob("*.jsonl")) and (root / run_id).stat().st_mtime < old:
            if repair:
                data.remove(root / run_id)
                with suppress(OSError):
                    (root / run_id).rmdir()
            found.append(Finding(run=run_id, what="an empty spool", mended=repair))
    return found


def _strays(repo: Repo) -> Iterator[Finding]:
    """What is no spool of a run, and so is looked at by nobody."""
    root = seal.spools(repo)
    for path in sorted(root.iterdir()) if root.is_dir() else ():
        if not values.is_run_id(path.name):
            yield Finding(what=f"no run's spool: {path.relative_to(repo.common_dir)}")


def _changed(path: Path) -> float:
    try:
        return path.stat().st_ctime
    except FileNotFoundError:
        return time.time()


def _discard(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _vanished(repo: Repo, *, repair: bool) -> list[Finding]:
    """Lines that our history has and the tip has not: only tombstones delete."""
    found: list[Finding] = []
    for ref in notes.REFS:
        tip = notes.tip(repo, ref)
        lost = _lost(repo, ref, tip)
        if repair and lost:
            _put_back(repo, lost, private=ref == notes.PRIVATE)
        hint = "git exp fsck --repair puts them back"
        for commit in lost:
            what = f"{_what_of(repo, tip, commit)} removed"
            found.append(Finding(what=what, hint=hint, mended=repair))
    return found


def _lost(repo: Repo, ref: str, tip: notes.Tip) -> dict[str, list[bytes]]:
    lost: dict[str, list[bytes]] = {}
    gone = {**notes.removed(repo, tip.commit)}
    for commit, blobs in notes.overwritten(repo, ref, tip).items():
        gone[commit] = [*gone.get(commit, []), *blobs]
    for commit, blobs in gone.items():
        had = [line for blob in blobs for line in merge.lines(objects.blob(repo, blob))]
        there = merge.lines(notes.read(repo, tip.tree, commit))
        # Not those of a run that was scrubbed: a merge by a stock git had brought them back.
        if merge.union(had, there) != merge.union(there):
            lost[commit] = had
    return lost


def _put_back(repo: Repo, lost: dict[str, list[bytes]], *, private: bool) -> None:
    def plan(_: objects.Writer, __: ledger.Before) -> ledger.Plan:
        subject = f"exp: put back {len(lost)} notes"
        return ledger.Plan(subject=subject, lines=lost, private=lost if private else ())

    with locks.held(repo) as lock:
        ledger.write(repo, lock, plan)


def _what_of(repo: Repo, tip: notes.Tip, commit: str) -> str:
    there = notes.blobs(repo, tip.tree, commit)
    return f"lines of the note on {commit} were" if there else f"the note on {commit} was"


def _noted(repo: Repo, found: list[Finding]) -> dict[str, bytes]:
    noted: dict[str, bytes] = {}
    for tip in (notes.tip(repo, ref) for ref in notes.REFS):
        for commit in dict.fromkeys(commit for commit, _ in notes.listing(repo, tip.tree)):
            try:
                noted[commit] = notes.read(repo, tip.tree, commit)
            except errors.RepositoryError as error:
                found.append(Finding(what=f"the note on {commit} cannot be read: {error}"))
    return noted


def _damaged(repo: Repo, found: list[Finding]) -> int:
    """How many lines of the series are no records."""
    count = 0
    for name in refs.listing(repo, _DATA):
        run_id = name.removeprefix(_DATA)
        try:
            events = map(records.parse, data.series(repo, data.tip(repo, run_id)))
            count += sum(isinstance(event, records.Damaged) for event in events)
        except errors.RepositoryError as error:
            found.append(Finding(run=run_id, what=f"its data cannot be read: {error}"))
    return count


def _records(commit: str, lines: list[bytes]) -> Iterator[Finding]:
    ahead = records.stamp(time.time_ns() // 1000 + records.DAY)
    for number, line in enumerate(lines, 1):
        event = records.parse(line)
        if isinstance(event, records.Damaged):
            yield Finding(what=f"line {number} of the note on {commit} is damaged: {event.why}")
        elif event.t > ahead:
            yield Finding(what=f"line {number} of the note on {commit} is of the future: {event.t}")


def _refs(store: Store, noted: dict[str, bytes], *, repair: bool) -> Iterator[Finding]:
    repo = store.repo
    listed = refs.listing(repo, _RUNS, _DATA)
    runs = {name: oid for name, oid in listed.items() if name.startswith(_RUNS)}
    spooled = _unsealed(repo)
    yield from _dangling(repo, listed)
    for name, commit in runs.items():
        run_id = name.removeprefix(_RUNS)
        if commit not in noted and run_id not in spooled:
            yield Finding(run=run_id, what="it has a commit and no records")
    held = set(runs.values())
    for commit, note in noted.items():
        if b'"event":"run_start"' not in note and commit not in held:
            yield from _no_run(commit, note)
        if merge.is_tombstone(note):
            yield from _deleted(repo, listed, fold(merge.lines(note), commit=commit), repair=repair)
    yield from _archived_and_deleted(store, noted, repair=repair)
    yield from _refless(store, noted, held, repair=repair)


def _no_run(commit: str, note: bytes) -> Iterator[Finding]:
    if not merge.is_tombstone(note):
        yield Finding(what=f"the note on {commit} tells of no run")


def _archived_and_deleted(
    store: Store, noted: dict[str, bytes], *, repair: bool
) -> Iterator[Finding]:
    """Deleted runs that an archive of ours holds: a push that was killed left them there."""
    held: dict[str, str] = {}
    for name, tip in refs.listing(store.repo, archive.PREFIX).items():
        if archive.is_ours(store.repo, name):
            held.update({one.commit: one.run_id for one in archive.entries(store.repo, tip)})
    gone = [commit for commit in held if merge.is_tombstone(noted.get(commit, b""))]
    if gone and repair:
        archive.drop(store, gone)
    hint = "git exp fsck --repair"
    for commit in gone:
        what = "it is deleted, and an archive holds it"
        yield Finding(run=held[commit], what=what, hint=hint, mended=repair)


def _dangling(repo: Repo, listed: dict[str, str]) -> Iterator[Finding]:
    gone = set(objects.missing(repo, listed.values()))
    for name, oid in listed.items():
        if oid in gone:
            yield Finding(run=name.rpartition("/")[2], what=f"'{name}' names no object: {oid}")


def _deleted(repo: Repo, listed: dict[str, str], run: Run, *, repair: bool) -> Iterator[Finding]:
    """The refs of a deleted run; not those of another that its records claim to be."""
    code, large = _RUNS + run.id, _DATA + run.id
    if listed.get(code, run.commit) != run.commit:
        return
    there = {name: listed[name] for name in (code, large) if name in listed}
    if large in there and not data.stands_on(repo, there[large], run.commit):
        del there[large]
    if there and repair:
        refs.update(repo, [Change(name=name, new=None, old=oid) for name, oid in there.items()])
    if there:
        yield Finding(run=run.id, what="it is deleted, and still has a ref", mended=repair)


def _refless(
    store: Store, noted: dict[str, bytes], held: set[str], *, repair: bool
) -> Iterator[Finding]:
    """Runs of one's own whose ref is gone: others' arrive without their code."""
    archived: set[str] | None = None
    for commit in noted.keys() - held:
        run = store.at(commit)
        if run is None or not run.own:
            continue
        if run.archived:
            archived = _archived(store.repo) if archived is None else archived
            if commit in archived:
                continue
        if objects.missing(store.repo, [commit]):
            yield Finding(run=run.id, what="its code is gone")
            continue
        try:
            yield _restored(store.repo, run, repair=repair)
        except errors.RepositoryError as error:
            yield Finding(run=run.id, what=str(error), hint=error.hint)


def _archived(repo: Repo) -> set[str]:
    """The commits of the runs that archives hold."""
    tips = refs.listing(repo, archive.PREFIX).values()
    return {entry.commit for tip in tips for entry in archive.entries(repo, tip)}


def _restored(repo: Repo, run: Run, *, repair: bool) -> Finding:
    name = f"{_RUNS}{run.id}"
    if other := refs.resolve(repo, name):
        return Finding(run=run.id, what=f"'{name}' is another commit: {other}")
    if repair:
        refs.update(repo, [Change(name=name, new=run.commit, old=None)])
    what = "its ref is gone, its code is not"
    return Finding(run=run.id, what=what, hint="git exp fsck --repair", mended=repair)
