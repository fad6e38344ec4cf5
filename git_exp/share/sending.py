"""Push: what another repository lacks of our runs, code first and records last."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping, Sequence

import msgspec

from git_exp import errors, query, seal, spool
from git_exp.git import notes, objects, refs, remote
from git_exp.git.notes import Tip
from git_exp.git.refs import Change
from git_exp.git.remote import Refused, Remote, Update
from git_exp.git.repo import Repo
from git_exp.run import Run
from git_exp.share import archive, outgoing, receiving, remotes, union
from git_exp.share.cargo import Cargo, Carried, Trip, loaded
from git_exp.share.inspect import Inspection
from git_exp.share.outgoing import Item, Sides
from git_exp.store import Store

PATIENCE = 60.0
_PATTERNS = (notes.REF, "refs/runs/*", "refs/exp/data/*", "refs/exp/archive/*")
_CULPRITS = 3
# So often a ref that could not be updated over there may be somebody else's doing.
_RACES = 5

Progress = Callable[[int, int], None]
# Notes by the commits that they are on: the blob over there or none, and ours.
News = Mapping[str, tuple[str, str]]
_Ours = tuple[Tip, dict[str, str]]


class Pushed(msgspec.Struct, kw_only=True):
    """What went to a remote: ids of runs whose code or data did, records by the commits of runs.

    `archived` are runs whose refs went into an archive before, `codeless` those whose records went
    without their code, which is neither here nor there. `removed` are refs of deleted or archived
    runs that are gone over there, `refused` what the remote did not take and why, `warnings` what
    may be a secret. `merged` came the other way. `sessions` is what came of the cargo.
    """

    remote: str
    runs: list[str] = []
    records: list[str] = []
    archived: list[str] = []
    codeless: list[str] = []
    removed: list[str] = []
    refused: dict[str, str] = {}
    warnings: list[str] = []
    merged: union.Merged = msgspec.field(default_factory=union.Merged)
    sessions: Carried = msgspec.field(default_factory=Carried)


class _Push(msgspec.Struct, kw_only=True):
    """One push on its way."""

    store: Store
    other: Remote
    only: list[Run] | None
    progress: Progress | None = None
    report: Pushed
    inspection: Inspection
    folded: bool
    trip: Trip | None
    withheld: set[str] = set()
    races: int = 0
    why: str = "others push all the time"

    @property
    def repo(self) -> Repo:
        return self.store.repo

    def is_lost(self, refused: Refused) -> bool:
        """Whether somebody else may have been first: it is looked at again, merged where it can."""
        merges = self.trip is not None and refused.name.startswith(self.trip.prefix)
        return (refused.raced and self.races < _RACES) or (merges and refused.moved)

    def lost(self, refused: Refused) -> errors.RefMoved:
        """What to raise where somebody else was at a ref over there at the same time."""
        if refused.raced:
            self.races += 1
            self.why = f"it refuses {refused.name}: {refused.why}"
        return errors.RefMoved(refused.name)


def push(
    store: Store,
    name: str | None = None,
    runs: Sequence[Run] | None = None,
    *,
    allow: Sequence[str] = (),
    progress: Progress | None = None,
    cargo: Cargo | None = None,
) -> Pushed:
    """Send a remote what it lacks: the code and data of runs, then all records, then `cargo`.

    With `runs` only theirs, and no cargo. Live runs are sealed so far. Raises `SecretsFound` before
    anything is sent, save for findings whose ids are in `allow`; `RemoteFailed` when it could not
    be finished within a minute: whatever was sent is there, and the next push sends the rest.
    """
    turn = _begun(store, name, runs, allow=allow, cargo=cargo)
    turn.progress = progress
    _seal(store)
    until, pause = time.monotonic() + PATIENCE, 0.01
    while True:
        try:
            _attempt(turn)
            refs.tidy(store.repo, "refs/runs", "refs/exp", "refs/sessions")
            return turn.report
        except errors.RefMoved as error:
            if time.monotonic() > until:
                hint = "nothing is lost: git exp push again"
                raise errors.RemoteFailed(turn.other.shown, turn.why, hint=hint) from error
        time.sleep(random.uniform(0, pause))
        pause = min(pause * 2, 2.0)


def preview(
    store: Store,
    name: str | None = None,
    runs: Sequence[Run] | None = None,
    *,
    allow: Sequence[str] = (),
    cargo: Cargo | None = None,
) -> Pushed:
    """What a push would send: the remote is asked, and nothing changes on either side."""
    return _dry(_begun(store, name, runs, allow=allow, cargo=cargo))


def _begun(
    store: Store,
    name: str | None,
    runs: Sequence[Run] | None,
    *,
    allow: Sequence[str],
    cargo: Cargo | None,
) -> _Push:
    other = remotes.chosen(store.repo, name)
    for run in runs or ():
        if run.private:
            raise errors.Refused(
                f"run {query.short(run.id)} is private", hint="no push sends it, whoever asks"
            )
    looking, carried = Inspection(store.repo, allow), Carried()
    report = Pushed(remote=other.shown, warnings=looking.warnings, sessions=carried)
    trip = Trip(store=store, other=other, cargo=cargo, report=carried) if cargo else None
    return _Push(
        store=store,
        other=other,
        only=None if runs is None else list(runs),
        report=report,
        inspection=looking,
        folded=runs is not None,
        trip=trip if runs is None else None,
    )


def _seal(store: Store) -> None:
    """What has ended is sealed, and what still runs so far."""
    seal.complete(store.repo)
    root = seal.spools(store.repo)
    live = [run_id for run_id in spool.run_ids(root) if store.lives(run_id)]
    if live:
        seal.so_far(store.repo, live)


def _attempt(turn: _Push) -> None:
    """One round. Raises `RefMoved` where somebody else's push came between."""
    repo, other = turn.repo, turn.other
    # What was refused the last time is sent anew.
    turn.withheld.clear()
    turn.report.refused.clear()
    if turn.trip:
        turn.trip.forget()
    there, theirs, (ours, here) = _met(turn)
    sides = Sides(repo=repo, here=here, there=there, tree=ours.tree)
    if names := outgoing.unknown(sides):
        # A gc has taken what was there before an archive was written anew.
        remote.fetch(repo, other, names, offer=names)
    if archive.drop(turn.store, {*turn.report.merged.gone, *outgoing.deleted(sides)}):
        sides = msgspec.structs.replace(sides, here=_ours(turn)[1])
    items = _items(turn, sides)
    news = _news(turn, theirs=theirs, ours=ours)
    if (items or news) and not turn.folded:
        turn.folded = True
        folded = archive.fold(turn.store, archive.due(turn.store, slack=True))
        turn.report.archived += [run.id for run in folded]
        if folded:
            return _attempt(turn)
    if items or news:
        turn.inspection.look(sides, items, news)
    load = loaded(turn.trip, turn.inspection, (sides.here, there))
    if items or news:
        _send(turn, items)
        _remove(turn, outgoing.unwanted(sides, turn.report.refused))
    _remove(turn, outgoing.emptied(sides))
    news = {commit: blobs for commit, blobs in news.items() if commit not in turn.withheld}
    if news:
        _records(turn, sides, items, news=news, theirs=theirs, ours=ours)
    if turn.trip and load.items:
        failed = _sent(turn, load.items, [_CULPRITS])
        turn.report.refused.update(failed)
        turn.trip.sent(load.items, failed)
    return None


def _records(
    turn: _Push, sides: Sides, items: Sequence[Item], *, news: News, theirs: Tip, ours: Tip
) -> None:
    """Send the records, and have here what stands there then."""
    repo, other = turn.repo, turn.other
    new = [commit for commit, (had, _) in news.items() if not had]
    turn.report.codeless = outgoing.codeless(sides, new, items)
    tip = _published(turn, news, theirs=theirs, ours=ours)
    refs.insist(lambda: _follow(repo, other, tip))
    union.merge_in(repo, notes.tip(repo, other.notes))


def _follow(repo: Repo, other: Remote, tip: str | None) -> None:
    refs.update(repo, [Change(name=other.notes, new=tip, old=refs.resolve(repo, other.notes))])


def _met(turn: _Push) -> tuple[dict[str, str], Tip, _Ours]:
    """The refs of the other side and its notes, merged into ours; our notes and refs with that."""
    repo, other = turn.repo, turn.other
    found: list[_Ours] = []
    more = [f"{turn.trip.prefix}*"] if turn.trip else []
    there = remote.listing(
        repo, other, *_PATTERNS, *more, meanwhile=lambda: found.append(_ours(turn))
    )
    known = remotes.followed(repo, other)
    if there.get(notes.REF) != known.commit:
        if notes.REF in there:
            receiving.fetch_notes(repo, other)
        elif known.commit:
            refs.update(repo, [Change(name=other.notes, new=None, old=known.commit)])
    theirs = remotes.followed(repo, other)
    _add(turn.report.merged, union.merge_in(repo, theirs, known))
    stands = notes.tip(repo).commit == found[0][0].commit
    return there, theirs, found[0] if stands else _ours(turn)


def _add(whole: union.Merged, more: union.Merged) -> None:
    for name in union.Merged.__struct_fields__:
        setattr(whole, name, list(dict.fromkeys((*getattr(whole, name), *getattr(more, name)))))


def _ours(turn: _Push) -> _Ours:
    """Our notes and refs: the refs last, so that none is missing that a note tells of."""
    tip = notes.tip(turn.repo)
    more = [turn.trip.prefix] if turn.trip else []
    return tip, refs.listing(turn.repo, "refs/runs/", "refs/exp/data/", archive.PREFIX, *more)


def _items(turn: _Push, sides: Sides) -> list[Item]:
    """What is to be sent; archives before the refs that they stand for go."""
    items = outgoing.lacking(sides, turn.store.own)
    if turn.only is not None:
        ids = {run.id for run in turn.only}
        items = [item for item in items if item.run_id in ids]
    return items + outgoing.archives(sides)


def _news(turn: _Push, *, theirs: Tip, ours: Tip) -> dict[str, tuple[str, str]]:
    """The notes in which ours have more than theirs: by commits, their blob or none, and ours."""
    if ours.tree == theirs.tree:
        return {}
    found = notes.changes(turn.repo, theirs.commit, ours.commit)
    was = {path.replace("/", ""): blob for path, blob in found.was.items()}
    there = {path.replace("/", ""): blob for path, blob in found.there.items()}
    # In another fan-out the same note is at another path.
    news = {c: (was.get(c, ""), blob) for c, blob in there.items() if was.get(c) != blob}
    if turn.only is None:
        return news
    commits = {run.commit for run in turn.only}
    return {commit: blobs for commit, blobs in news.items() if commit in commits}


def _send(turn: _Push, items: list[Item]) -> None:
    """Send code and data in batches; what is refused holds back the records of its run."""
    done, total = 0, len(items)
    for batch in outgoing.batches(items):
        failed = _sent(turn, batch, [_CULPRITS])
        for item in batch:
            if item.run_id not in failed:
                turn.report.runs += [item.run_id] if item.commit else []
            else:
                turn.withheld |= item.holds(turn.repo)
        turn.report.refused.update(failed)
        done += len(batch)
        if turn.progress:
            turn.progress(done, total)


def _sent(turn: _Push, items: Sequence[Item], left: list[int]) -> dict[str, str]:
    """Send these at once; if one is refused the others without it. Ids of the refused, and why."""
    refused = remote.push(turn.repo, turn.other, [one for item in items for one in item.updates])
    if not refused:
        return {}
    if lost := next((one for one in refused if turn.is_lost(one)), None):
        raise turn.lost(lost)
    guilty = {one.name: one.why for one in refused if not one.dragged}
    failed = {item.run_id: why for item in items if (why := _why(item, guilty))}
    if len(failed) == len(items) and len(items) > 1:
        # One reason for all of them may be that of a single one: look where it is, not for ever.
        return _halved(turn, items, left=left, failed=failed)
    left[0] -= len(failed)
    rest = [item for item in items if item.run_id not in failed]
    if not rest:
        return failed
    if not failed:
        why = refused[0].why
        return _halved(turn, items, left=left, failed={item.run_id: why for item in items})
    return {**failed, **_sent(turn, rest, left)}


def _halved(
    turn: _Push, items: Sequence[Item], *, left: list[int], failed: dict[str, str]
) -> dict[str, str]:
    if left[0] <= 0 or len(items) == 1:
        left[0] -= 1
        return failed
    middle = len(items) // 2
    return {**_sent(turn, items[:middle], left), **_sent(turn, items[middle:], left)}


def _why(item: Item, guilty: Mapping[str, str]) -> str | None:
    return next((guilty[one.name] for one in item.updates if one.name in guilty), None)


def _remove(turn: _Push, updates: Sequence[Update]) -> None:
    """Refs of deleted runs over there go; a server that lets none go keeps them."""
    for at in range(0, len(updates), outgoing.BATCH):
        batch = updates[at : at + outgoing.BATCH]
        refused = remote.push(turn.repo, turn.other, batch)
        kept = {one.name: one for one in refused}
        turn.report.removed += [one.name for one in batch if one.name not in kept]
        turn.report.refused.update(
            (name, one.why)
            for name, one in kept.items()
            if not (one.dragged or one.moved or one.raced)
        )


def _published(turn: _Push, news: News, *, theirs: Tip, ours: Tip) -> str | None:
    """The commit of all records on top of theirs, pushed. Raises `RefMoved` as a round does."""
    repo = turn.repo
    writer = objects.Writer(repo)
    if turn.only is None and not turn.withheld:
        made = ours if ours.count is not None else notes.write(writer, ours, {})
    else:
        made = notes.write(
            writer, theirs, {c: objects.blob(repo, to) for c, (_, to) in news.items()}
        )
    if made.tree == theirs.tree:
        return theirs.commit
    who = objects.ident(repo, time.time())
    tips = [tip.commit for tip in (theirs, ours) if tip.commit]
    date = max(objects.committed(repo, tip) for tip in tips)
    dated = objects.Ident(name=who.name, email=who.email, time=date)
    subject = f"exp: {len(news)} run{'s' * (len(news) != 1)}"
    parents = [theirs.commit] if theirs.commit else []
    commit = notes.commit(writer, made, subject, author=who, committer=dated, parents=parents)
    writer.sync()
    refused = remote.push(repo, turn.other, [Update(name=notes.REF, new=commit)])
    if not refused:
        turn.report.records = list(news)
        return commit
    if refused[0].moved or refused[0].raced:
        raise turn.lost(refused[0])
    raise errors.RemoteFailed(turn.other.shown, f"it refuses {notes.REF}: {refused[0].why}")


def _dry(turn: _Push) -> Pushed:
    repo, other = turn.repo, turn.other
    more = [f"{turn.trip.prefix}*"] if turn.trip else []
    there = remote.listing(repo, other, *_PATTERNS, *more)
    (ours, here), theirs = _ours(turn), remotes.followed(repo, other)
    sides = Sides(repo=repo, here=here, there=there, tree=ours.tree)
    items, news = _items(turn, sides), _news(turn, theirs=theirs, ours=ours)
    turn.inspection.look(sides, items, news)
    load = loaded(turn.trip, turn.inspection, (here, there), dry=True)
    if turn.trip:
        turn.trip.sent(load.items, {})
    turn.report.runs = [item.run_id for item in items if item.commit]
    turn.report.records = list(news)
    gone = [*outgoing.unwanted(sides), *outgoing.emptied(sides)]
    turn.report.removed = [one.name for one in gone]
    return turn.report
