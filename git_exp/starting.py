"""The start of a run: the snapshot, its commit, the first journal, and the run's ref last."""

from __future__ import annotations

import os
import platform
import time
import uuid
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

import git_exp.names
from git_exp import distributions, errors, journal, mask, origin, records, seal, spool, values
from git_exp.git import dates, gc, objects, refs, snapshot, untracked
from git_exp.git.refs import Change
from git_exp.git.repo import Repo
from git_exp.git.snapshot import Snapshot
from git_exp.git.untracked import LeftOut
from git_exp.run import OURS, flat

LIST_LIMIT = 1_000
_TRIES = 3


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """The process that asks, as its door sees it."""

    argv: Sequence[str]
    cwd: Path
    executable: str | None = None
    python: str | None = None


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody wants recorded as a run; `derived` is the id of the run whose code it began as.

    Left out, it is the run that the worktree was last set to, where that is certain. `ours` is what
    git exp itself has to say in the metadata, by names that no metadata of a user's can have.
    """

    caller: Caller
    name: str | None = None
    metadata: Any = None
    params: Mapping[str, Any] = {}
    tags: Iterable[str] = ()
    group: str | None = None
    parent_run: str | None = None
    derived: str | None = None
    private: bool = False
    snapshot: bool = True
    ours: Mapping[str, Any] = {}


class Started(msgspec.Struct, frozen=True, kw_only=True):
    """A run that has begun: its first record is in the journal `opened`, its ref is there."""

    run: records.RunStart
    commit: str
    opened: journal.Opened
    packages: bytes


class _Learned(msgspec.Struct, kw_only=True):
    """What is looked up while git captures the worktree."""

    tips: Collection[str] = ()
    packages: bytes = b""


def begin(repo: Repo, request: Request) -> Started:
    """Begin a run: the code first, then its journal, the ref last.

    What is wrong with the request raises before anything is written.
    """
    run_id = str(uuid.uuid4())
    described = checked(repo, request, run_id)
    try:
        for _ in range(_TRIES):
            with suppress(errors.ObjectsVanished):
                return _begun(repo, request, described)
    except OSError as error:
        raise unwritten(repo, error) from error
    raise errors.ObjectsVanished


def unwritten(repo: Repo, error: OSError) -> errors.GitExpError:
    """What to say when the file system does not take what a run begins with."""
    if isinstance(error, errors.GitExpError):
        return error
    where = error.filename or repo.common_dir
    return errors.RepositoryError(
        f"cannot write '{where}': {error.strerror or error}",
        hint="is the disk full, or the repository somebody else's?",
    )


def _begun(repo: Repo, request: Request, described: records.RunStart) -> Started:
    """One try; `ObjectsVanished` where a gc took an object of it before the ref held them."""
    learned = _Learned()

    def learn() -> None:
        learned.packages = distributions.listing()
        if refs.any_below(repo, "refs/remotes"):
            learned.tips = set(refs.listing(repo, "refs/remotes").values())

    ref = f"refs/runs/{described.run_id}"
    with refs.transaction(repo) as pending:
        taken = _captured(repo, request, learn)
        commit = _commit(repo, described, taken, tips=learned.tips)
        git = _git(repo, commit, taken, full=request.snapshot)
        git = msgspec.structs.replace(git, derived=_derived(repo, request, taken))
        run = msgspec.structs.replace(described, t=now(), git=git)
        opened = first_journal(repo, run, commit)
        try:
            remember(repo, run.run_id)
            pending.commit([Change(name=ref, new=commit, old=None)])
        except BaseException:
            # Ctrl-C too: in a notebook the process goes on, and would hold the journal for good.
            undo(opened)
            raise
    kept = gc.held_commit(repo, commit, taken.base)
    if not (kept and objects.reachable(repo, commit, taken.changes)):
        # The ref first: while it stands, git's own gc stumbles over what it lacks.
        refs.insist(lambda: refs.update(repo, [Change(name=ref, new=None, old=commit)]))
        undo(opened)
        raise errors.ObjectsVanished
    if request.snapshot:
        # What follows is derived from this run as much as from that one.
        origin.forget(repo)
    return Started(run=run, commit=commit, opened=opened, packages=learned.packages)


def _derived(repo: Repo, request: Request, taken: Snapshot) -> str | None:
    return request.derived or (origin.of_next(repo, taken) if request.snapshot else None)


def _captured(repo: Repo, request: Request, learn: Callable[[], None]) -> Snapshot:
    if request.snapshot:
        return snapshot.take(repo, untracked.rules(repo.config), meanwhile=learn)
    learn()
    return _unseen(repo)


def checked(repo: Repo, request: Request, run_id: str) -> records.RunStart:
    """The first record of a run, all but its code; proved to be encodable."""
    name = request.name
    if name is not None:
        name = values.quoted(git_exp.names.checked(name))
    who = objects.ident(repo, time.time())
    run = records.RunStart(
        t=now(),
        v=records.VERSION,
        run_id=run_id,
        name=name or git_exp.names.made_up(run_id),
        metadata=_metadata(request),
        params=params(request.params),
        tags=tags(request.tags),
        group=None if request.group is None else one_line(request.group, "group"),
        parent_run=request.parent_run,
        private=request.private or repo.config.flag("exp.private"),
        process=process(repo, request.caller),
        host=host(),
        user=f"{who.name} <{who.email}>",
    )
    records.line(run)
    return run


def _metadata(request: Request) -> Any:
    told = values.plain(request.metadata, ("metadata",))
    for name in told if isinstance(told, dict) else ():
        if name.partition(".")[0] == OURS:
            raise errors.BadName(
                f"metadata '{name}' is git exp's own", hint=f"choose another name than {OURS}"
            )
    return {**(told or {}), **request.ours} if request.ours else told


def parent(run_id: str | None) -> str | None:
    """The run that a new one is started inside of, if the environment names one."""
    return run_id if run_id and values.is_run_id(run_id) else None


def gaps(run: records.RunStart) -> list[str]:
    """What somebody should hear of who starts a run: all that its snapshot does not hold."""
    git = run.git
    if git is None:
        return []
    said: list[str] = []
    if git.capture == "partial":
        paths = [one.path for one in git.missed]
        paths += [one.path for one in git.submodules if one.dirty]
        more = f" and {len(paths) - 5} more" if len(paths) > 5 else ""
        said.append(f"warning: the snapshot is partial, without: {', '.join(paths[:5])}{more}")
    left = git.skipped_count or len(git.skipped)
    if left:
        files = "1 untracked file is" if left == 1 else f"{left} untracked files are"
        said.append(f"{files} not in the snapshot: git exp show {run.run_id[:8]}")
    return said


def params(given: Mapping[str, Any]) -> dict[str, Any]:
    """Params as they are recorded: flat names to numbers, text, booleans. Raises `Unencodable`.

    Mappings inside are flattened to dotted names, as a tracked value's metrics are.
    """
    if not isinstance(given, Mapping):
        raise errors.Unencodable(
            f"params are a mapping of names to values, not {type(given).__name__}"
        )
    found = flat(dict(given))
    if "" in found:
        raise errors.BadName("a param has an empty name")
    return {values.quoted(str(key)): values.scalar(value, str(key)) for key, value in found.items()}


def tags(given: Iterable[str]) -> list[str]:
    """Tags as they are recorded: each once, one line of text each. Raises `BadName`."""
    if isinstance(given, str):
        given = (given,)
    if not isinstance(given, Iterable):
        raise errors.BadName(f"tags are lines of text, not {type(given).__name__}")
    return list(dict.fromkeys(one_line(one, "tag") for one in given))


def one_line(given: str, what: str) -> str:
    """A tag or a group as it is recorded. Raises `BadName` for what is blank or several lines."""
    if not isinstance(given, str) or not given.strip() or not git_exp.names.is_line(given):
        raise errors.BadName(f"a {what} is one line of text, not {given!r:.80}")
    return values.quoted(given)


def process(repo: Repo, caller: Caller) -> records.Process:
    """The caller's process, with secrets on its command line masked."""
    return records.Process(
        pid=os.getpid(),
        argv=recorded(caller.argv),
        cwd=values.quoted(os.path.relpath(caller.cwd, repo.top or repo.git_dir)),
        executable=caller.executable,
        python=caller.python,
    )


def recorded(argv: Sequence[str]) -> list[str]:
    """A command line as records have it."""
    return [values.quoted(word) for word in mask.argv(argv)]


def host() -> records.Host:
    """This machine; `memory` in bytes."""
    pages = os.sysconf("SC_PHYS_PAGES") if "SC_PHYS_PAGES" in os.sysconf_names else 0
    return records.Host(
        name=platform.node() or "localhost",
        os=f"{platform.system()} {platform.release()}",
        cpu_count=os.cpu_count(),
        memory=pages * os.sysconf("SC_PAGE_SIZE") if pages > 0 else None,
    )


def writer(run_id: str, commit: str, *, owner: bool, rank: int) -> records.Writer:
    """The first line of a journal that this process is about to write."""
    here = spool.here()
    return records.Writer(
        t=now(),
        run_id=run_id,
        commit=commit,
        owner=owner,
        rank=rank,
        pid=os.getpid(),
        host=here.host,
        boot=here.boot,
        machine=here.machine,
    )


def now() -> str:
    """The time as records have it."""
    return records.stamp(time.time_ns() // 1000)


def first_journal(repo: Repo, run: records.RunStart, commit: str) -> journal.Opened:
    """The journal of a run that begins, with its first record in it."""
    folder = seal.spools(repo) / run.run_id
    return journal.create(folder, writer(run.run_id, commit, owner=True, rank=0), records.line(run))


def undo(opened: journal.Opened) -> None:
    """Take back a first journal: its run has not begun."""
    path, fd = opened
    path.unlink(missing_ok=True)
    os.close(fd)
    with suppress(OSError):
        path.parent.rmdir()


def _commit(repo: Repo, run: records.RunStart, taken: Snapshot, *, tips: Collection[str]) -> str:
    """The run's commit: author the user, now; committer date as `dates` says."""
    author = objects.ident(repo, time.time())
    when = dates.before_shared(repo, taken.base, tips)
    return objects.Writer(repo).commit(
        taken.tree,
        [taken.base] if taken.base else [],
        message(run, dirty=taken.dirty),
        author=author,
        committer=objects.Ident(name=author.name, email=author.email, time=when, offset=0),
    )


def message(run: records.RunStart, *, dirty: bool) -> str:
    """The message of the commit of a run."""
    said = "true" if dirty else "false"
    return f"run: {run.name}\n\nRun-Id: {run.run_id}\nRun-Dirty: {said}\n"


def _unseen(repo: Repo) -> Snapshot:
    """What is known without a snapshot: HEAD and its tree."""
    try:
        head = os.fsdecode(repo.git("rev-parse", "--verify", "-q", "HEAD")).strip()
    except errors.GitFailed:
        head = ""
    tree = objects.tree_of(repo, head) if head else None
    return Snapshot(
        tree=tree or objects.Writer(repo).tree(None, {}),
        base=head or None,
        branch=None,
        dirty=False,
        changes=[],
    )


def remember(repo: Repo, run_id: str) -> None:
    """Note that this run is one's own: nothing that a record says can claim that."""
    fd = os.open(repo.home / "local", os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o666)
    try:
        os.write(fd, f"{run_id}\n".encode())
    finally:
        os.close(fd)


def _git(repo: Repo, commit: str, taken: Snapshot, *, full: bool) -> records.Git:
    partial = "partial" if taken.partial else "full"
    lines = [f"{letter}  {_text(path)}" for letter, path in taken.changes[:LIST_LIMIT]]
    return records.Git(
        commit=commit,
        tree=taken.tree,
        base=taken.base,
        branch=taken.branch,
        dirty=taken.dirty if full else None,
        capture=partial if full else "none",
        status=lines,
        status_count=_count(taken.changes),
        remote=_remote(repo, taken.branch),
        skipped=[_skipped(one) for one in taken.left_out[:LIST_LIMIT]],
        skipped_count=_count(taken.left_out),
        missed=[_skipped(one) for one in taken.missed[:LIST_LIMIT]],
        missed_count=_count(taken.missed),
        submodules=[
            records.Submodule(path=_text(one.path), dirty=one.dirty) for one in taken.submodules
        ],
    )


def _count(listed: Sequence[object]) -> int | None:
    return len(listed) if len(listed) > LIST_LIMIT else None


def _skipped(one: LeftOut) -> records.Skipped:
    return records.Skipped(
        path=_text(one.path), reason=one.reason, size=one.size, mtime=one.mtime, sha256=one.sha256
    )


def _text(path: bytes) -> str:
    return values.quoted(os.fsdecode(path))


def _remote(repo: Repo, branch: str | None) -> str | None:
    remote = repo.config.get(f"branch.{branch}.remote") or "origin"
    url = repo.config.get(f"remote.{remote}.url")
    return values.quoted(mask.bare_url(url)) if url else None
