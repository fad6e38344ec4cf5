"""Whether all that was recorded is there: records, refs and spools, and mending what is not."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from git_exp import data, ledger, locks, merge, records, seal, spool
from git_exp.git import notes, objects, refs
from git_exp.git.refs import Change
from git_exp.git.repo import Repo
from git_exp.spool import Life
from git_exp.store import Store

_LEFTOVER_AFTER = 86_400
_RUNS = "refs/runs/"


@dataclass(kw_only=True)
class Finding:
    """One thing that is not as it should be; `mended` once it is."""

    what: str
    run: str | None = None
    hint: str | None = None
    mended: bool = False


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """All that was found, and how much was looked at."""

    runs: int
    records: int
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
    found = [*_spools(repo, repair=repair, foreign=foreign), *_leftovers(repo, repair=repair)]
    found += _vanished(repo, repair=repair)
    noted = dict(_noted(repo))
    counted = 0
    for commit, note in noted.items():
        lines = merge.lines(note)
        counted += len(lines)
        found += _records(commit, lines)
    found += _refs(store, noted, repair=repair)
    return Verdict(runs=len(noted), records=counted, findings=found)


def _spools(repo: Repo, *, repair: bool, foreign: bool) -> list[Finding]:
    """Spools that nobody writes any more, and those that could not be sealed."""
    waiting = {run_id: found for run_id in _unsealed(repo) if (found := _waiting(repo, run_id))}
    if repair and waiting:
        report = seal.complete(repo, foreign=foreign, again=True)
        for run_id in report.sealed:
            if run_id in waiting:
                waiting[run_id].mended = True
        for run_id, why in report.aside.items():
            waiting[run_id] = Finding(run=run_id, what=f"its spool cannot be sealed: {why}")
    return list(waiting.values())


def _unsealed(repo: Repo) -> list[str]:
    return spool.run_ids(seal.spools(repo))


def _waiting(repo: Repo, run_id: str) -> Finding | None:
    with spool.look(seal.spools(repo), run_id) as folder:
        if seal.is_aside(folder.path):
            why = (folder.path / "aside").read_text(errors="replace").strip()
            return Finding(run=run_id, what=f"its spool cannot be sealed: {why}")
        if not folder.journals:
            return None
        if folder.life is Life.UNKNOWN:
            hint = "if that machine is done with it: git exp fsck --repair --foreign"
            return Finding(run=run_id, what="its spool is of another machine", hint=hint)
        if folder.life is Life.DEAD and any(one.life is Life.DEAD for one in folder.journals):
            return Finding(run=run_id, what="its spool is not sealed", hint="git exp fsck --repair")
    return None


def _leftovers(repo: Repo, *, repair: bool) -> list[Finding]:
    """Files that a killed process left half made, a day ago or longer."""
    root, old = seal.spools(repo), time.time() - _LEFTOVER_AFTER
    halves = [*(repo.git_dir / "exp" / "tmp").glob("*"), *root.glob("*/.*.new")]
    stale = [path for path in halves if path.stat().st_mtime < old]
    if repair:
        for path in stale:
            path.unlink(missing_ok=True)
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


def _vanished(repo: Repo, *, repair: bool) -> list[Finding]:
    """Notes that our history has and the tip has not: only tombstones delete."""
    tip = notes.tip(repo)
    lost = notes.removed(repo, tip.commit)
    if not lost:
        return []
    if repair:
        lines = {commit: merge.lines(objects.blob(repo, blob)) for commit, blob in lost.items()}

        def plan(_: objects.Writer, __: notes.Tip) -> ledger.Plan:
            return ledger.Plan(subject=f"exp: put back {len(lines)} notes", lines=lines)

        with locks.held(repo) as lock:
            ledger.write(repo, lock or -1, plan)
    hint = "git exp fsck --repair puts them back"
    return [Finding(what=f"the note on {commit} was removed", hint=hint, mended=repair)
            for commit in lost]  # fmt: skip


def _noted(repo: Repo) -> Iterator[tuple[str, bytes]]:
    tip = notes.tip(repo)
    for commit in dict.fromkeys(commit for commit, _ in notes.listing(repo, tip.tree)):
        yield commit, notes.read(repo, tip.tree, commit)


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
    listed = refs.listing(repo, _RUNS, "refs/exp/data/")
    runs = {name: oid for name, oid in listed.items() if name.startswith(_RUNS)}
    yield from _dangling(repo, listed)
    for name, commit in runs.items():
        run_id = name.removeprefix(_RUNS)
        if commit not in noted and run_id not in _unsealed(repo):
            yield Finding(run=run_id, what="it has a commit and no records")
        if commit in noted and merge.is_tombstone(noted[commit]):
            yield Finding(run=run_id, what="it is deleted, and still has a ref", mended=repair)
            if repair:
                refs.update(repo, [Change(name=name, new=None, old=commit)])
    yield from _refless(store, noted, set(runs.values()), repair=repair)


def _dangling(repo: Repo, listed: dict[str, str]) -> Iterator[Finding]:
    gone = set(objects.missing(repo, listed.values()))
    for name, oid in listed.items():
        if oid in gone:
            yield Finding(run=name.rpartition("/")[2], what=f"'{name}' names no object: {oid}")


def _refless(
    store: Store, noted: dict[str, bytes], held: set[str], *, repair: bool
) -> Iterator[Finding]:
    """Runs of one's own whose ref is gone: others' arrive without their code."""
    for commit in noted.keys() - held:
        if merge.is_tombstone(noted[commit]):
            continue
        run = store.at(commit)
        if run is None or not run.own:
            continue
        name = f"{_RUNS}{run.id}"
        gone = bool(objects.missing(store.repo, [commit]))
        if repair and not gone:
            refs.update(store.repo, [Change(name=name, new=commit, old=None)])
        what = "its code is gone" if gone else "its ref is gone, its code is not"
        yield Finding(run=run.id, what=what, mended=repair and not gone)
