"""A session in git: `refs/sessions/<id>`, one commit an event, moved by compare-and-swap.

The tree of each commit is `state.json` and `events.jsonl`. The events say all: the state is their
fold, written beside them for whoever reads it without git exp.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress

import msgspec

from git_exp import errors, locks, records
from git_exp.git import ancestry, cat, dates, gc, objects, refs
from git_exp.git.objects import BLOB, Ident, Writer
from git_exp.git.refs import Change
from git_exp.git.repo import Repo
from git_exp.session import cargo, events, files, local, machine, story
from git_exp.session.cargo import EVENTS, PREFIX
from git_exp.session.events import Event
from git_exp.session.models import ExperimentConfig
from git_exp.session.state import ExperimentState, new_id

STATE = "state.json"
_REWRITES = 20
_DAY = 86_400_000_000

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
    if not cargo.is_id(session_id):
        raise errors.BadName(
            f"bad session id '{session_id[:40]}'", hint="1 to 64 of a-z, A-Z, 0-9, - and _"
        )
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
    date = dates.before_shared(repo, head, tips)
    made = _session(mine, "", [files.line(event)])
    draft = _draft(repo, made, date=date, message=story.message(event, made.state))

    def attempt() -> Session:
        try:
            return _made(draft)
        except errors.RefMoved:
            raise errors.Refused(
                f"there is a session '{mine}' already", hint=f"git exp session status -s {mine}"
            ) from None

    if refs.resolve(repo, ref) is None:
        # Before it is there: a full disk would leave one that `@` does not mean.
        local.note(repo, mine)
    return _insisted(repo, ref, attempt)


def read(repo: Repo, session_id: str) -> Session:
    """A session as it stands now. Raises `NotFound`, or `BadField` for one that is damaged."""
    tip = refs.resolve(repo, name(session_id))
    if tip is None:
        raise errors.NotFound(f"no session '{session_id}'", hint="list them: git exp session list")
    return at(repo, session_id, tip)


def at(repo: Repo, session_id: str, commit: str) -> Session:
    """A session as it stood at a commit, whose history may be another clone's."""
    return _session(session_id, commit, cargo.lines(repo, commit))


def every(repo: Repo) -> Iterator[Session]:
    """All sessions that can be read, in no order, read by one git and without pygit2."""
    tips = {
        one: oid
        for ref, oid in refs.listing(repo, PREFIX).items()
        if cargo.is_id(one := ref.removeprefix(PREFIX))
    }
    texts = cat.blobs(repo, [f"{oid}:{EVENTS}" for oid in tips.values()], most=cargo.LARGEST)
    for (session_id, oid), text in zip(tips.items(), texts, strict=True):
        # What is damaged is told of when it is asked for by its name.
        with suppress(errors.BadField):
            if text is not None:
                yield _session(session_id, oid, cargo.split(text))


def ids(repo: Repo) -> list[str]:
    """The sessions that there are, that with the newest event first."""
    tips = refs.listing(repo, PREFIX)
    written = {ref: _author_time(repo, oid) for ref, oid in tips.items()}
    found = sorted(written, key=lambda ref: (written[ref], ref), reverse=True)
    return [one for ref in found if cargo.is_id(one := ref.removeprefix(PREFIX))]


def add(
    repo: Repo, session_id: str, happening: Happening, *, known: Session | None = None
) -> Session:
    """Add what happens to a session, told of its state as it is when it is added.

    Of two who add at once each comes after the other. Where nothing is to happen any more the
    session is answered as it stands. Where it still is as it is `known` it is not read again.
    """

    def attempt() -> Session:
        still = known is not None and refs.resolve(repo, name(session_id)) == known.commit
        before = known if known is not None and still else read(repo, session_id)
        event = happening(before.state, now(before))
        return before if event is None else _made(after(repo, before, event))

    return _insisted(repo, name(session_id), attempt)


def merge(repo: Repo, session_id: str, theirs: str) -> Session:
    """Bring in another history of a session: the union of both sides' events.

    Ours then has theirs in its history, or is theirs: where that has all of our events its tip is
    taken, so that merges of equal content come to an end. Raises `Refused` for one that began
    otherwise.
    """
    return _insisted(repo, name(session_id), lambda: _merged(repo, session_id, theirs))


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """A commit of a session that may be written, and which no ref holds: the same each time."""

    repo: Repo
    session: Session
    parents: Sequence[str]
    message: str
    author: Ident
    committer: Ident

    def written(self) -> tuple[Writer, str]:
        """Its objects, written, and its commit among them."""
        writer = Writer(self.repo)
        entries = {
            EVENTS: (BLOB, writer.blob(b"".join(self.session.lines))),
            STATE: (BLOB, writer.blob(files.document(self.session.state))),
        }
        commit = writer.commit(
            writer.tree(None, entries),
            list(self.parents),
            self.message,
            author=self.author,
            committer=self.committer,
        )
        writer.sync()
        return writer, commit


def after(repo: Repo, before: Session, event: Event) -> Draft:
    """What a session is after an event."""
    run = event.result.run_id if isinstance(event, events.Result) else None
    kept = [objects.committed(repo, before.commit)]
    if run and (commit := refs.resolve(repo, f"refs/runs/{run}")):
        kept.append(objects.committed(repo, commit))
    made = msgspec.structs.replace(
        before,
        commit="",
        # What is of a day that is yet to come stays the last.
        lines=sorted([*before.lines, files.line(event)]),
        state=machine.step(before.state, event),
    )
    message = story.message(event, made.state)
    return _draft(repo, made, date=max(kept), parents=(before.commit,), message=message)


def adopt(draft: Draft) -> Session:
    """Merge what was written into the session, once somebody else has it."""
    repo, session_id = draft.repo, draft.session.id

    def attempt() -> Session:
        # Anew: no ref held it here meanwhile.
        writer, commit = draft.written()
        found = _merged(repo, session_id, commit)
        _hold(draft, writer)
        return found

    return _insisted(repo, name(session_id), attempt)


def now(before: Session) -> float:
    """The time of what happens next in a session: after all that has."""
    return _now(before.lines)


def _insisted(repo: Repo, ref: str, attempt: Callable[[], Session]) -> Session:
    """Try until nobody is in the way: not a lock that a git of ours which was killed left there.

    One on the ref that somebody else has is waited for, and never taken away.
    """
    found: list[Session] = []

    def again() -> None:
        with locks.held(repo), locks.marked(repo, [ref]):
            found[:] = [attempt()]

    refs.insist(again)
    return found[0]


def _merged(repo: Repo, session_id: str, theirs: str) -> Session:
    ref = name(session_id)
    tip = refs.resolve(repo, ref)
    if tip and ancestry.holds(repo, tip, theirs):
        return at(repo, session_id, tip)
    other = at(repo, session_id, theirs)
    mine = at(repo, session_id, tip).lines if tip else ()
    both = {*mine, *other.lines}
    if len({line for line in both if _is_start(line)}) > 1:
        raise errors.Refused(
            f"session '{session_id}' began twice, here and elsewhere",
            hint="give one another id: git exp session start --id",
        )
    if tip is None or both == set(other.lines):
        refs.update(repo, [Change(name=ref, new=theirs, old=tip)])
        return other
    date = max(objects.committed(repo, one) for one in (tip, theirs))
    message = story.merged(len(both) - len(set(mine)))
    made = _session(session_id, "", sorted(both))
    return _made(_draft(repo, made, date=date, parents=(tip, theirs), message=message))


def _draft(
    repo: Repo, made: Session, *, date: int, message: str, parents: Sequence[str] = ()
) -> Draft:
    who = objects.ident(repo, time.time_ns() / 1_000_000_000)
    return Draft(
        repo=repo,
        session=made,
        parents=parents,
        message=message,
        author=who,
        committer=Ident(name=who.name, email=who.email, time=date, offset=0),
    )


def _made(draft: Draft) -> Session:
    """Write a commit and move the session's ref from its first parent to it."""
    writer, commit = draft.written()
    old = draft.parents[0] if draft.parents else None
    refs.update(draft.repo, [Change(name=name(draft.session.id), new=commit, old=old)])
    _hold(draft, writer)
    return msgspec.structs.replace(draft.session, commit=commit)


def _hold(draft: Draft, writer: Writer) -> None:
    """See to it that a gc takes nothing of what was written, which a ref holds now."""
    for _ in range(_REWRITES):
        if gc.held(draft.repo, writer.written) and not writer.missing():
            return
        # A gc has taken what it knew no ref of: the same is written again.
        writer, _commit = draft.written()
    raise errors.ObjectsVanished


def _session(session_id: str, commit: str, lines: Sequence[bytes]) -> Session:
    """What lines say; those of more than a day in the future are damage, as in other records."""
    every: list[Event] = []
    damaged = 0
    latest = _latest(lines)
    for line in lines:
        try:
            if latest and line[6:33] > latest:
                raise errors.BadField("a line of a session is of a day to come")
            every += [event] if (event := files.parse(line)) else []
        except errors.BadField:
            damaged += 1
    if not every or not isinstance(every[0], events.Start):
        raise errors.DamagedSession(
            f"session '{session_id}' is damaged: it has no beginning",
            hint=f"see what it was: git log --stat {PREFIX}{session_id}",
        )
    # The ref is what it is called by, whatever its start says.
    first = every[0].but(session_id=session_id)
    state = machine.folded(first, every[1:])
    return Session(id=session_id, commit=commit, lines=lines, state=state, damaged=damaged)


def _event(line: bytes) -> Event | None:
    with suppress(errors.BadField):
        return files.parse(line)
    return None


def _is_start(line: bytes) -> bool:
    return isinstance(_event(line), events.Start)


def _now(lines: Sequence[bytes]) -> float:
    """The time of what happens now: after all that has, however wrong our own clock is."""
    latest = _latest(lines)
    times = [line[6:33] for line in lines if latest is None or line[6:33] <= latest]
    newest = max((t.decode() for t in times if records.valid_time(t.decode("ascii", "replace"))),
                 default=None)  # fmt: skip
    after = records.micros(newest) + 1 if newest else 0
    return max(time.time_ns() // 1_000, after) / 1_000_000


def _latest(lines: Sequence[bytes]) -> bytes | None:
    """The latest time that a line may be of; None where our own clock is behind the beginning."""
    found = records.stamp(time.time_ns() // 1_000 + _DAY).encode()
    began = next((line[6:33] for line in lines if _is_start(line)), b"")
    return None if found < began else found


def _author_time(repo: Repo, oid: str) -> int:
    found = objects.commit(repo, oid)
    return found.author.time if found else 0
