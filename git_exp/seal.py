"""Sealing: every complete spool into git, all of them in one notes commit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path

import msgspec

from git_exp import data, errors, ledger, locks, merge, metrics, records, spool
from git_exp.git import objects
from git_exp.git.refs import Change
from git_exp.git.repo import Repo
from git_exp.spool import Folder, Life

# Journals that are open at once, where the limit on open files is no lower than usual.
ROUND = 100


class Report(msgspec.Struct, kw_only=True):
    """What a sealing did: run ids sealed, and why others were not."""

    sealed: list[str] = []
    aside: dict[str, str] = {}


class _Round(msgspec.Struct, frozen=True, kw_only=True):
    """One holding of the seal lock."""

    repo: Repo
    lock: locks.Held
    report: Report
    foreign: bool = False


class _Part(msgspec.Struct, frozen=True, kw_only=True):
    """What one run's spool becomes."""

    folder: Folder
    commit: str
    lines: list[bytes]
    changes: list[Change]
    private: bool


def spools(repo: Repo) -> Path:
    """Where the spools of a repository are."""
    return repo.home / "spool"


def complete(
    repo: Repo,
    *,
    wait: float | None = None,
    mine: str | None = None,
    foreign: bool = False,
    again: bool = False,
) -> Report:
    """Seal every spool that nobody writes any more, in as few commits as can be.

    `mine` is a run that this process has ended: nothing is left to do once somebody else sealed it.
    `foreign` seals those of other machines too, `again` those that were set aside before.
    """
    root = spools(repo)
    report = Report()

    def gone() -> bool:
        return mine is not None and not (root / mine).exists()

    if gone() or not spool.run_ids(root):
        return report
    with locks.held_unless(repo, gone, wait=wait) as lock:
        if lock:
            turn = _Round(repo=repo, lock=lock, report=report, foreign=foreign)
            _seal(turn, spool.run_ids(root), _wanted(again=again))
    return report


def so_far(repo: Repo, run_ids: Iterable[str], *, wait: float | None = None) -> Report:
    """Seal what running runs have written up to now; their journals stay."""
    report = Report()
    with locks.held(repo, wait=wait) as lock:
        turn = _Round(repo=repo, lock=lock, report=report)
        _seal(turn, run_ids, lambda folder: bool(folder.journals))
    return report


def dead(repo: Repo) -> list[str]:
    """The runs in the spool that nobody writes any more."""
    found: list[str] = []
    for run_id in spool.run_ids(spools(repo)):
        with spool.look(spools(repo), run_id) as folder:
            if folder.journals and folder.life is Life.DEAD:
                found.append(run_id)
    return found


def is_aside(folder: Path) -> bool:
    """Whether a spool could not be sealed before."""
    return (folder / "aside").exists()


def _wanted(*, again: bool) -> Callable[[Folder], bool]:
    def wanted(folder: Folder) -> bool:
        if is_aside(folder.path) and not again:
            return False
        over = any(one.life is Life.DEAD for one in folder.journals) or bool(folder.unreadable)
        return over and folder.life is Life.DEAD

    return wanted


def _seal(turn: _Round, run_ids: Iterable[str], wanted: Callable[[Folder], bool]) -> None:
    waiting = iter(run_ids)
    while True:
        with ExitStack() as opened:
            folders = _next_round(turn, waiting, wanted, opened=opened)
            if not folders:
                return
            for folder in _published(turn, folders):
                _clean(folder)
                turn.report.sealed.append(folder.run_id)


def _next_round(
    turn: _Round, run_ids: Iterator[str], wanted: Callable[[Folder], bool], *, opened: ExitStack
) -> list[Folder]:
    """The next spools to seal, as many as may be open at once."""
    folders: list[Folder] = []
    for run_id in run_ids:
        with ExitStack() as looking:
            look = spool.look(spools(turn.repo), run_id, to_seal=True, foreign=turn.foreign)
            folder = looking.enter_context(look)
            if wanted(folder):
                folders.append(folder)
                opened.push(looking.pop_all())
        if sum(len(one.journals) for one in folders) >= spool.at_once(ROUND):
            break
    return folders


def _published(turn: _Round, folders: Sequence[Folder]) -> list[Folder]:
    """Publish these spools; one that cannot be is set aside and stops nobody."""
    good = list(folders)

    def plan(writer: objects.Writer, before: ledger.Before) -> ledger.Plan:
        made: list[_Part] = []
        for folder in list(good):
            try:
                made.append(_part(writer, folder, before))
            except (errors.WriteFailed, errors.ObjectsVanished):
                raise
            except (errors.RepositoryError, OSError, ValueError) as error:
                good.remove(folder)
                _set_aside(turn, folder, str(error))
        return _plan(made)

    for folder in good:
        # Nobody else writes these refs: a lock on one is of a process that is as dead as its run.
        locks.clear(turn.repo, _refs(folder) if folder.life is Life.DEAD else ())
    try:
        ledger.write(turn.repo, turn.lock, plan)
    except errors.GitFailed as error:
        if error.code < 0:
            raise
        # One ref among many was refused: each run by itself, so that only the bad one waits.
        if len(good) > 1:
            return [done for one in good for done in _published(turn, [one])]
        _set_aside(turn, good.pop(), str(error))
    return good


def _plan(made: Sequence[_Part]) -> ledger.Plan:
    runs = "1 run" if len(made) == 1 else f"{len(made)} runs"
    lines: dict[str, list[bytes]] = {}
    for part in made:
        lines.setdefault(part.commit, []).extend(part.lines)
    changes = [change for part in made for change in part.changes]
    private = {part.commit for part in made if part.private}
    return ledger.Plan(subject=f"exp: seal {runs}", lines=lines, changes=changes, private=private)


def _part(writer: objects.Writer, folder: Folder, before: ledger.Before) -> _Part:
    owner = _owner(folder)
    note = before.note(owner.commit)
    tip = before.ref(data.name(folder.run_id))
    found = data.sort(writer, folder, tip)
    lines = found.notes
    if folder.life is Life.DEAD and not _has_end((*lines, *merge.lines(note))):
        lines = [*lines, ending(writer.repo, folder, lines)]
    changes: list[Change] = []
    if not merge.is_tombstone(note):
        changes = [*_run_ref(owner, before), *data.ref(writer, folder, found, tip=tip)]
    private = any(is_private(line) for line in lines)
    return _Part(folder=folder, commit=owner.commit, lines=lines, changes=changes, private=private)


def is_private(line: bytes) -> bool:
    """Whether a line is the start of a run that never leaves."""
    if not (records.is_kind(line, b"run_start") and b'"private":true' in line):
        return False
    event = records.parse(line)
    return isinstance(event, records.RunStart) and event.private


def _owner(folder: Folder) -> records.Writer:
    """Whose journals these are, once it is sure that all of them can be read."""
    if folder.unreadable:
        raise folder.unreadable[0]
    owner = folder.writer
    if owner is None:
        raise ValueError("no journal in it says which run it is of")
    if owner.run_id != folder.run_id or not objects.is_oid(owner.commit):
        raise ValueError(f"its journals are of run '{owner.run_id}', commit '{owner.commit}'")
    return owner


def _refs(folder: Folder) -> tuple[str, str]:
    return f"refs/runs/{folder.run_id}", data.name(folder.run_id)


def _run_ref(owner: records.Writer, before: ledger.Before) -> list[Change]:
    """The ref of a run that died before it had one; its commit may be gone with a gc."""
    name = f"refs/runs/{owner.run_id}"
    if before.ref(name) or objects.missing(before.repo, [owner.commit]):
        return []
    return [Change(name=name, new=owner.commit, old=None)]


def _has_end(lines: Iterable[bytes]) -> bool:
    return any(records.is_kind(line, b"run_end") for line in lines)


def ending(repo: Repo, folder: Folder, lines: Sequence[bytes]) -> bytes:
    """How a run ended whose owner could not say: told from its lines alone.

    Two recoveries of one spool write the same line.
    """
    every = [line for found in folder.journals for line in found.lines() if _timed(line)]
    stems = {found.stem for found in folder.journals}
    fold = metrics.Fold()
    fold.lines(sorted({*data.series(repo, data.tip(repo, folder.run_id), but=stems), *every}))
    times = [_time(line) for line in every]
    start = next((_time(line) for line in lines if records.is_kind(line, b"run_start")), None)
    last = max(times, default=start or records.stamp(0))
    lasted = (records.micros(last) - records.micros(start)) / 1000 if start else None
    status = "lost" if any(found.elsewhere for found in folder.journals) else "crashed"
    end = records.RunEnd(
        t=records.stamp(records.micros(last) + 1),
        status=status,
        duration_ms=lasted,
        metrics=fold.summaries,
        metrics_left_out=len(fold.left_out),
    )
    return records.line(end)[:-1]


def _time(line: bytes) -> str:
    return line[6:33].decode("ascii", "replace")


def _timed(line: bytes) -> bool:
    return line.startswith(b'{"t":"') and records.valid_time(_time(line))


def _set_aside(turn: _Round, folder: Folder, why: str) -> None:
    turn.report.aside[folder.run_id] = why
    if folder.life is Life.DEAD:
        with suppress(OSError):
            (folder.path / "aside").write_text(why + "\n")


def _clean(folder: Folder) -> None:
    """Unlink what is sealed: only journals whose lock is ours, and the folder with the last one.

    While the run goes on all of it stays: its owner still counts what the others tracked.
    """
    if folder.life is not Life.DEAD:
        return
    last = all(found.life is Life.DEAD for found in folder.journals)
    if last:
        data.remove(folder.path)
    # The journals go last: while one is there, a killed cleaning is done again.
    for found in folder.journals:
        if found.life is Life.DEAD:
            found.path.unlink(missing_ok=True)
    if last:
        with suppress(OSError):
            folder.path.rmdir()
