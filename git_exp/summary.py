"""refs/notes/exp-summary: one line a run on the commit it started from, derived from the records.

`git log --notes=exp-summary` then shows results under the code that made them. The ref is local,
has no history, and can be made anew from the records at any time.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

from git_exp import directions, errors, query, records, table
from git_exp.git import notes, objects, refs
from git_exp.git.notes import Tip
from git_exp.git.objects import BLOB, Ident
from git_exp.git.refs import Change
from git_exp.git.repo import Repo
from git_exp.run import Run

if TYPE_CHECKING:
    from git_exp.index.search import Indexed

REF = "refs/notes/exp-summary"
MOST = 3
_LONGEST = 60
_SUBJECT = "exp: summary of "
_FROM = re.compile(rf"{_SUBJECT}([0-9a-f]{{40}})\n")


def measured(run: Run, most: int = MOST, *, exact: bool = False) -> list[str]:
    """The few metrics that say most of a run, `acc=0.93`: first those known to be good or bad.

    Numbers have four significant digits, or all of them.
    """
    paths = sorted(run.metrics, key=lambda path: directions.higher(path) is None)
    shown = table.text if exact else table.number
    every = ((path, shown(run.metrics[path].last)) for path in paths[:most])
    # What is no number is text of the run's, and may have lines.
    return [f"{plain(path)}={plain(value)}" for path, value in every]


def line(run: Run) -> str:
    """One run in one line of text that nobody's terminal takes for an order."""
    mark = table.mark(run)
    words = [query.short(run.id), plain(run.name), run.status + (f" {mark}" if mark else "")]
    return " ".join(plain(word) for word in (*words, *measured(run)) if word)


def plain(text: str) -> str:
    """Text that may be anybody's, on one line, escaped and not too long."""
    shown = "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)
    return shown if len(shown) <= _LONGEST else f"{shown[: _LONGEST - 1]}…"


def follow(store: Indexed) -> bool:
    """Bring the summary up to the records as they are, if `exp.summaryNotes` asks for one.

    The cost follows what has changed since the last time. Whether it is wanted is the answer.
    """
    if not store.repo.config.flag("exp.summaryNotes"):
        return False
    refs.insist(lambda: _follow(store))
    return True


def keep(repo: Repo) -> None:
    """Bring the summary up to the records where nobody is to be disturbed by its trouble.

    Whatever goes wrong, the next command of git exp does it and tells.
    """
    from git_exp.index.search import Indexed

    store = Indexed(repo)
    with suppress(Exception):
        follow(store)
    store.close()


def rebuild(store: Indexed) -> None:
    """Make the summary anew from all records."""
    refs.insist(lambda: _rebuild(store))


def remove(store: Indexed) -> None:
    """Take the summary away."""
    there = refs.resolve(store.repo, REF)
    if there:
        refs.update(store.repo, [Change(name=REF, new=None, old=there)])


def _rebuild(store: Indexed) -> None:
    runs = store.runs()
    _write(store, notes.NOTHING, _texts((), runs), date=_date(store, runs))


def _follow(store: Indexed) -> None:
    repo = store.repo
    before, new = notes.tip(repo, REF), refs.resolve(repo, notes.REF)
    old = _source(store, before)
    if old == new:
        return
    changes = notes.changes(repo, old, new) if old else None
    if changes is None or changes.whole or before.count is None:
        _rebuild(store)
        return
    blobs = {*changes.there.values(), *changes.was.values()}
    bases = {base for blob in blobs for base in _bases(store, blob)}
    runs = [run for base in sorted(bases) for run in _on(store, base)]
    kept = objects.committed(repo, before.commit) if before.commit else 0
    _write(store, before, _texts(bases, runs), date=max(kept, _date(store, runs)))


def _source(store: Indexed, tip: Tip) -> str | None:
    """The records' tip that a summary was made of; None where nobody can tell."""
    found = objects.commit(store.repo, tip.commit) if tip.commit else None
    told = _FROM.match(found.message) if found else None
    return told[1] if told else None


def _bases(store: Indexed, blob: str) -> Iterable[str]:
    """The commit on which the run of a note stands."""
    for text in objects.blob(store.repo, blob).splitlines():
        event = records.parse(text) if records.is_kind(text, b"run_start") else None
        if isinstance(event, records.RunStart) and event.git and event.git.base:
            yield event.git.base


def _on(store: Indexed, base: str) -> list[Run]:
    from git_exp.index.search import Selection

    if not objects.is_oid(base):
        return []
    return store.select(Selection(where=f"base = {base}"))


def _write(store: Indexed, before: Tip, texts: Mapping[str, bytes], *, date: int) -> None:
    """Set the notes of these commits, and take away those that have nothing to say any more."""
    repo = store.repo
    source, stands = refs.resolve(repo, notes.REF), refs.resolve(repo, REF)
    there = {base for base in texts if notes.blobs(repo, before.tree, base)}
    writer = objects.Writer(repo)
    entries = {
        f"{base[:2]}/{base[2:]}": (BLOB, writer.blob(text)) if text else None
        for base, text in texts.items()
        if text or base in there
    }
    new = {base for base, text in texts.items() if text}
    count = (before.count or 0) + len(new - there) - len(there - new)
    made = Tip(commit=None, tree=writer.tree(before.tree, entries), count=count)
    who = objects.ident(repo, time.time())
    dated = Ident(name=who.name, email=who.email, time=date, offset=0)
    subject = _SUBJECT + (source or "nothing")
    commit = notes.commit(writer, made, subject, author=who, committer=dated)
    writer.sync()
    if before.commit not in (None, stands):
        raise errors.RefMoved(REF)
    refs.update(repo, [Change(name=REF, new=commit, old=stands)])


def _texts(bases: Iterable[str], runs: Iterable[Run]) -> dict[str, bytes]:
    """What is to stand on each commit: its runs in the order of their start, or nothing."""
    lines: dict[str, list[str]] = {base: [] for base in bases if objects.is_oid(base)}
    for run in sorted(runs, key=lambda run: (run.started, run.id)):
        # What git pushes of refs/notes/* may leave, private runs never do.
        if run.base and objects.is_oid(run.base) and not run.private:
            lines.setdefault(run.base, []).append(f"{line(run)}\n")
    return {base: "".join(some).encode() for base, some in lines.items()}


def _date(store: Indexed, runs: Iterable[Run]) -> int:
    """As old as the runs' own commits, which keeps ours out of fetch's negotiation."""
    return max((objects.committed(store.repo, run.commit) for run in runs), default=0)
