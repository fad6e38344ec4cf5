"""Pull: the records of another repository, and the code and data of runs that are asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import msgspec

from git_exp import errors, merge, values
from git_exp.git import notes, objects, refs, remote
from git_exp.git.remote import Remote
from git_exp.git.repo import Repo
from git_exp.run import Run
from git_exp.share import archive, outgoing, remotes, union
from git_exp.share.cargo import Cargo, Carried, Trip, is_fault
from git_exp.store import Store

BATCH = 500
# Of the user's own history the other side is told where code is fetched: it stands on that.
_CODE = ("HEAD", "refs/heads/*", "refs/tags/*")

_KINDS = (outgoing.RUNS, outgoing.DATA)

Progress = Callable[[int, int], None]


class Pulled(msgspec.Struct, kw_only=True):
    """What came from a remote: records as merged, ids of runs whose code or data is here now.

    `sessions` is what came of the cargo.
    """

    remote: str
    merged: union.Merged
    sessions: Carried = msgspec.field(default_factory=Carried)
    runs: list[str] = []
    absent: list[str] = []


def pull(
    store: Store,
    name: str | None = None,
    runs: Sequence[Run] = (),
    *,
    everything: bool = False,
    progress: Progress | None = None,
    cargo: Cargo | None = None,
) -> Pulled:
    """Fetch the records of all runs from a remote and merge them into ours, and all `cargo`.

    The code and data of `runs` come too, or of all of them. Raises `RemoteFailed`.
    """
    repo = store.repo
    other = remotes.chosen(repo, name)
    known = remotes.followed(repo, other)
    carried = Carried()
    trip = Trip(store=store, other=other, cargo=cargo, report=carried) if cargo else None
    _fetch_all(repo, other, trip)
    merged = union.merge_in(repo, remotes.followed(repo, other), known)
    archive.drop(store, merged.gone)
    if trip:
        trip.merge()
    if carried.new:
        refs.tidy(repo, "refs/runs", "refs/exp", "refs/sessions")
    report = Pulled(remote=other.shown, merged=merged, sessions=carried)
    if runs or everything:
        chosen = None if everything else list(runs)
        _bring(store, other, chosen, report=report, progress=progress)
        refs.tidy(repo, "refs/runs", "refs/exp")
    return report


def _fetch_all(repo: Repo, other: Remote, trip: Trip | None) -> None:
    """Fetch the notes, and the cargo along with them."""
    try:
        came = fetch_notes(repo, other, trip)
    except errors.RemoteFailed as error:
        if trip is None or not is_fault(error):
            raise
        # Whose fault it is is not said: neither holds the other up.
        fetch_notes(repo, other)
        trip.fetch_sound()
    else:
        if trip and not came:
            # Where there are no notes git has brought nothing.
            trip.fetch()


def fetch_notes(repo: Repo, other: Remote, trip: Trip | None = None) -> bool:
    """Fetch the notes of a remote into the ref that follows them; False where it has none.

    Then nothing comes of the cargo, which else goes along.

    They are to be part of our own history: with an object that git finds fault with in it, no
    server that looks would ever take a push of ours again.
    """
    spec = f"+{notes.REF}:{other.notes}"
    known = remotes.followed(repo, other)
    offer = [*([other.notes] if known.commit else []), notes.REF, *(trip.offer if trip else ())]
    specs = [spec, *([trip.spec] if trip else [])]
    prune = trip is not None
    if not remotes.fetch(repo, other, specs, offer=offer, checked=True, prune=prune):
        return False
    if remotes.followed(repo, other).commit is None:
        raise errors.RemoteFailed(other.shown, f"its {notes.REF} is no commit of notes")
    return True


def hydrate(store: Store, run: Run, told: Callable[[str], None] | None = None) -> None:
    """Fetch the code and data of one run from a remote that has them; `told` gets its name before.

    Raises `NotFound` where none has, `RemoteFailed` where none can be reached.
    """
    failed: errors.RemoteFailed | None = None
    # A record that a stock git has fetched may be of any of them.
    others = remotes.holders(store.repo, run.commit) or remotes.every(store.repo)
    for other in others:
        report = Pulled(remote=other.shown, merged=union.Merged())
        if told:
            told(other.name)
        try:
            _bring(store, other, [run], report=report)
        except errors.RemoteFailed as error:
            failed = failed or error
        # An id may be anything that somebody has written.
        if values.is_run_id(run.id) and refs.resolve(store.repo, f"{outgoing.RUNS}{run.id}"):
            return
    if store.has_code(run):
        return
    if failed:
        raise failed
    raise errors.CodeAway(run.id)


def _bring(
    store: Store,
    other: Remote,
    runs: Sequence[Run] | None,
    *,
    report: Pulled,
    progress: Progress | None = None,
) -> None:
    """The code and data of some runs, or of all that the other side has."""
    repo = store.repo
    patterns: tuple[str, ...]
    if runs is None:
        patterns = (f"{outgoing.RUNS}*", f"{outgoing.DATA}*", f"{archive.PREFIX}*")
    else:
        named = [run.id for run in runs if values.is_run_id(run.id)]
        patterns = tuple(kind + run_id for run_id in named for kind in _KINDS) or (notes.REF,)
    there = remote.listing(repo, other, *patterns)
    here = refs.listing(repo, outgoing.RUNS, outgoing.DATA, archive.PREFIX)
    chosen = None if runs is None else {run.id: run.commit for run in runs}
    ids = [one for one in _trusted(store, there, chosen) if _may_come(one, here, there)]
    names = [kind + run_id for run_id in ids for kind in _KINDS]
    wanted = [name for name in names if name in there and here.get(name) != there[name]]
    specs = [f"{name}:{name}" for name in wanted]
    if runs is None:
        specs += [f"+{name}:{name}" for name in _archives(repo, here, there)]
    _fetch(repo, other, specs, progress=progress)
    report.runs = list(dict.fromkeys(name.rpartition("/")[2] for name in wanted))
    for run in runs or ():
        if outgoing.RUNS + run.id not in there and not _out_of_archive(store, other, run):
            report.absent.append(run.id)


def _may_come(run_id: str, here: Mapping[str, str], there: Mapping[str, str]) -> bool:
    # A run's ref never moves, and git lets any ref but a branch go anywhere in a fetch.
    name = outgoing.RUNS + run_id
    return here.get(name, there[name]) == there[name]


def _fetch(
    repo: Repo, other: Remote, specs: Sequence[str], *, progress: Progress | None = None
) -> None:
    # The code stands on the user's own history, which the other side is told of.
    offer = [*_CODE, f"refs/remotes/{other.name}/*"]
    for at in range(0, len(specs), BATCH):
        remotes.fetch(repo, other, specs[at : at + BATCH], offer=offer)
        if progress:
            progress(min(at + BATCH, len(specs)), len(specs))


def _archives(repo: Repo, here: Mapping[str, str], there: Mapping[str, str]) -> list[str]:
    """The archives of other clones that are not here as they are there."""
    return [
        name
        for name, oid in there.items()
        if archive.NAME.fullmatch(name)
        and here.get(name) != oid
        and not archive.is_ours(repo, name)
    ]


def _out_of_archive(store: Store, other: Remote, run: Run) -> bool:
    """Bring the code and data of a run that has no refs of its own: by their ids.

    A server that gives nothing by its id gives the whole archive.
    """
    kept = run.archived
    if kept is None or store.has_code(run) or not _is_free(store, run, kept.data):
        return store.has_code(run)
    specs = [f"{run.commit}:{outgoing.RUNS}{run.id}"]
    if kept.data and objects.is_oid(kept.data):
        specs.append(f"{kept.data}:{outgoing.DATA}{run.id}")
    try:
        _fetch(store.repo, other, specs)
    except errors.RemoteFailed:
        if not archive.NAME.fullmatch(kept.ref) or archive.is_ours(store.repo, kept.ref):
            raise
        _fetch(store.repo, other, [f"+{kept.ref}:{kept.ref}"])
    return store.has_code(run)


def _is_free(store: Store, run: Run, data: str | None) -> bool:
    """Whether the refs of a run are not those of another, whose id it claims to have."""
    if not values.is_run_id(run.id):
        return False
    if store.own.among([run.id]) and sum(one.id == run.id for one in store.runs()) > 1:
        return False
    code, large = (refs.resolve(store.repo, kind + run.id) for kind in _KINDS)
    return code in (None, run.commit) and large in (None, data)


def _trusted(store: Store, there: Mapping[str, str], chosen: Mapping[str, str] | None) -> list[str]:
    """The ids of runs over there that are what our notes say they are, and not ours.

    A ref is named by its run's id and stands at its commit: who offers another commit under an id
    is not followed.
    """
    known = notes.Reader(store.repo, notes.tip(store.repo).tree)
    named = [name.removeprefix(outgoing.RUNS) for name in there if name.startswith(outgoing.RUNS)]
    mine = store.own.among(named)
    ids: list[str] = []
    for run_id in filter(values.is_run_id, named):
        oid = there[outgoing.RUNS + run_id]
        if run_id in mine or (chosen is not None and chosen.get(run_id) != oid):
            continue
        note = known.read(oid)
        if f'"run_id":"{run_id}"'.encode() in note and not merge.is_tombstone(note):
            ids.append(run_id)
    return ids
