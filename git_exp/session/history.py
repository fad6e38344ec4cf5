"""A session in git: `refs/sessions/<id>`, one commit an event, moved by compare-and-swap.

The tree of each commit is `state.json` and `events.jsonl`. The events say all: the state is their
fold, written beside them for whoever reads it without git exp.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

import msgspec

from git_exp import errors, records
from git_exp.git import dates, gc, objects, refs
from git_exp.git.objects import BLOB, Ident, Writer
from git_exp.git.refs import Change
from git_exp.git.repo import Repo
from git_exp.session import events, files, machine, story
from git_exp.session.events import Event
from git_exp.session.models import ExperimentConfig
from git_exp.session.state import ExperimentState, new_id

PREFIX = "refs/sessions/"
EVENTS = "events.jsonl"
STATE = "state.json"
# What an id may be: never a path, nor an option.
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_REWRITES = 20

# What happens, of a state and the time of it: none where there is nothing to do any more.
Happening = Callable[[ExperimentState, float], Event | None]


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """A session as it stood at a commit.

    `lines` are its events, those too that a newer git exp wrote, and `damaged` ones, which are
    kept and passed over.
    """

    id: str
    commit: str
    lines: Sequence[bytes]
    state: ExperimentState
    damaged: int = 0


def name(session_id: str) -> str:
    """The ref of a session. Raises `BadName`."""
    if not _ID.fullmatch(session_id):
        raise errors.BadName(f"bad session id '{session_id[:40]}'", hint="letters, digits, - and _")
    return PREFIX + session_id


def start(
    repo: Repo, config: ExperimentConfig, *, session_id: str | None = None, by: str | None = None
) -> Session:
    """Begin a session. Raises `Refused` where there is one of that id."""
    mine = new_id() if session_id is None else session_id
    ref = name(mine)
    head = refs.resolve(repo, "HEAD")
    tips = set(refs.listing(repo, "refs/remotes").values())
    event = events.Start(t=_now(()), by=by, session_id=mine, config=config)
    try:
        return _made(repo, ref, [files.line(event)], date=dates.before_shared(repo, head, tips))
    except errors.RefMoved:
        raise errors.Refused(
            f"there is a session '{mine}' already", hint=f"git exp session status -s {mine}"
        ) from None


def read(repo: Repo, session_id: str) -> Session:
    """A session as it stands now. Raises `NotFound`, or `BadField` for one that is damaged."""
    tip = refs.resolve(repo, name(session_id))
    if tip is None:
        raise errors.NotFound(f"no session '{session_id}'", hint="list them: git exp session list")
    return at(repo, session_id, tip)


def at(repo: Repo, session_id: str, commit: str) -> Session:
    """A session as it stood at a commit, whose history may be another clone's."""
    return _session(session_id, commit, _lines(repo, commit))


def ids(repo: Repo) -> list[str]:
    """The sessions that there are, that with the newest event first."""
    tips = refs.listing(repo, PREFIX)
    written = {ref: _author_time(repo, oid) for ref, oid in tips.items()}
    found = sorted(written, key=lambda ref: (written[ref], ref), reverse=True)
    return [one for ref in found if _ID.fullmatch(one := ref.removeprefix(PREFIX))]


def add(repo: Repo, session_id: str, happening: Happening) -> Session:
    """Add what happens to a session, told of its state as it is when it is added.

    Of two who add at once each comes after the other. Where nothing is to happen any more the
    session is answered as it stands.
    """
    found: list[Session] = []

    def attempt() -> None:
        before = read(repo, session_id)
        event = happening(before.state, _now(before.lines))
        after = before if event is None else _next(repo, before, event)
        found[:] = [after]

    refs.insist(attempt)
    return found[0]


def merge(repo: Repo, session_id: str, theirs: str) -> Session:
    """Bring in another history of a session: the union of both sides' events.

    Where one side has all of the other's, its tip is taken, so that merges of equal content come
    to an end. Raises `Refused` for one that began otherwise.
    """
    found: list[Session] = []

    def attempt() -> None:
        found[:] = [_merged(repo, session_id, theirs)]

    refs.insist(attempt)
    return found[0]


def _merged(repo: Repo, session_id: str, theirs: str) -> Session:
    ref = name(session_id)
    tip = refs.resolve(repo, ref)
    other = at(repo, session_id, theirs)
    if tip is None or tip == theirs:
        if tip is None:
            refs.update(repo, [Change(name=ref, new=theirs, old=None)])
        return other
    mine = at(repo, session_id, tip)
    both = sorted({*mine.lines, *other.lines})
    if len(both) == len(mine.lines):
        return mine
    if len(both) == len(other.lines):
        refs.update(repo, [Change(name=ref, new=theirs, old=tip)])
        return other
    if len({line for line in both if _is_start(line)}) > 1:
        raise errors.Refused(
            f"session '{session_id}' began twice, here and elsewhere",
            hint="give one another id: git exp session start --id",
        )
    date = max(objects.committed(repo, one) for one in (tip, theirs))
    message = story.merged(len(both) - len(mine.lines))
    return _made(repo, ref, both, date=date, parents=(tip, theirs), message=message)


def _next(repo: Repo, before: Session, event: Event) -> Session:
    run = event.result.run_id if isinstance(event, events.Result) else None
    kept = [objects.committed(repo, before.commit)]
    if run and (commit := refs.resolve(repo, f"refs/runs/{run}")):
        kept.append(objects.committed(repo, commit))
    lines = [*before.lines, files.line(event)]
    return _made(repo, name(before.id), lines, date=max(kept), parents=(before.commit,))


def _made(
    repo: Repo,
    ref: str,
    lines: Sequence[bytes],
    *,
    date: int,
    parents: Sequence[str] = (),
    message: str | None = None,
) -> Session:
    """Write a commit of these events and move the ref from its first parent to it."""
    made = _session(ref.removeprefix(PREFIX), "", lines)
    last = _event(lines[-1])
    text = message or (story.message(last, made.state) if last else story.merged(1))
    now = time.time_ns() / 1_000_000_000

    def written() -> tuple[Writer, str]:
        writer = Writer(repo)
        entries = {
            EVENTS: (BLOB, writer.blob(b"".join(lines))),
            STATE: (BLOB, writer.blob(files.document(made.state))),
        }
        who = objects.ident(repo, now)
        dated = Ident(name=who.name, email=who.email, time=date, offset=0)
        tree = writer.tree(None, entries)
        commit = writer.commit(tree, list(parents), text, author=who, committer=dated)
        writer.sync()
        return writer, commit

    writer, commit = written()
    refs.update(repo, [Change(name=ref, new=commit, old=parents[0] if parents else None)])
    for _ in range(_REWRITES):
        if gc.held(repo, writer.written) and not writer.missing():
            return msgspec.structs.replace(made, commit=commit)
        # A gc has taken what it knew no ref of: the same is written again.
        writer, commit = written()
    raise errors.ObjectsVanished


def _session(session_id: str, commit: str, lines: Sequence[bytes]) -> Session:
    every: list[Event] = []
    damaged = 0
    for line in lines:
        try:
            every += [event] if (event := files.parse(line)) else []
        except errors.BadField:
            damaged += 1
    if not every or not isinstance(every[0], events.Start):
        raise errors.BadField(f"session '{session_id}' is damaged: it has no beginning")
    state = machine.folded(every[0], every[1:])
    return Session(id=session_id, commit=commit, lines=lines, state=state, damaged=damaged)


def _lines(repo: Repo, commit: str) -> list[bytes]:
    entry = objects.entry(repo, commit, EVENTS)
    if entry is None or not objects.is_file(entry[0]):
        raise errors.BadField(f"'{commit}' is no session: it has no {EVENTS}")
    return [line + b"\n" for line in objects.blob(repo, entry[1]).split(b"\n") if line]


def _event(line: bytes) -> Event | None:
    with suppress(errors.BadField):
        return files.parse(line)
    return None


def _is_start(line: bytes) -> bool:
    return isinstance(_event(line), events.Start)


def _now(lines: Sequence[bytes]) -> float:
    """The time of what happens now: after all that has."""
    newest = lines[-1][6:33].decode("ascii", "replace") if lines else None
    return records.micros(records.later(time.time_ns() // 1000, newest)) / 1_000_000


def _author_time(repo: Repo, oid: str) -> int:
    found = objects.commit(repo, oid)
    return found.author.time if found else 0
