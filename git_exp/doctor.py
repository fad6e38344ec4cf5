"""What runs cost the repository that they are in, and what others could do to them."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator

import msgspec

from git_exp import seal, upkeep
from git_exp.git import notes, refs, remote
from git_exp.git.repo import Repo
from git_exp.share import archive
from git_exp.store import Store

_OURS = ("refs/runs/", "refs/exp/", notes.REF)
_MANY = 1_000


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """What there is of ours: counts of refs and commits, and sizes in bytes.

    `offered` are commits that `git fetch` would tell a server of beyond the user's own: each is a
    "have" line in its request.
    """

    runs: int
    refs: int
    loose: int
    archived: int
    offered: int
    index: int
    spool: int


class Advice(msgspec.Struct, kw_only=True):
    """One thing that is dear or dangerous, and the way out; `done` once --fix has taken it."""

    what: str
    hint: str | None = None
    done: bool = False


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What runs cost here, and what to do about it."""

    cost: Cost
    advice: list[Advice]

    @property
    def well(self) -> bool:
        """Whether nothing is left to do."""
        return all(one.done for one in self.advice)


def examine(store: Store, *, fix: bool = False) -> Report:
    """What the runs of a repository cost; with `fix` what can be made cheaper is."""
    repo = store.repo
    advice = [*_spools(store, fix=fix), *_refs(store, fix=fix), *_archives(store, fix=fix)]
    advice += [*_prunes(repo), *_lfs(repo), *_reflogs(repo)]
    cost = _cost(repo)
    if cost.offered:
        what = f"{cost.offered} commits of runs are newer than what a server is known to have"
        advice.append(Advice(what=what, hint="a git fetch offers them all: git exp archive"))
    return Report(cost=cost, advice=advice)


def _cost(repo: Repo) -> Cost:
    ours = refs.listing(repo, *_OURS)
    tips = [tip for name, tip in ours.items() if name.startswith(archive.PREFIX)]
    return Cost(
        runs=sum(1 for _ in notes.listing(repo, notes.tip(repo).tree)),
        refs=len(ours),
        loose=_loose(repo),
        archived=sum(1 for tip in tips for _ in archive.entries(repo, tip)),
        offered=_offered(repo),
        index=_size(repo, "index.db*"),
        spool=_size(repo, "spool/**/*"),
    )


def _loose(repo: Repo) -> int:
    return sum(refs.loose(repo, prefix) for prefix in ("refs/runs", "refs/exp"))


def _offered(repo: Repo) -> int:
    """Our tips that are dated as new as the newest commit of a remote: fetch begins there."""
    # What was put aside is the user's own work, of which there is little.
    dated = refs.dates(repo, "refs/runs/", "refs/exp/data/", archive.PREFIX, notes.REF)
    known = refs.dates(repo, "refs/remotes/").values()
    newest = max(known, default=None)
    return 0 if newest is None else sum(1 for date in dated.values() if date >= newest)


def _size(repo: Repo, pattern: str) -> int:
    return sum(path.stat().st_size for path in repo.home.glob(pattern) if path.is_file())


def _spools(store: Store, *, fix: bool) -> Iterator[Advice]:
    if not seal.dead(store.repo):
        return
    if fix:
        seal.complete(store.repo)
    yield Advice(what="dead processes left runs unsealed", hint="git exp gc", done=fix)


def _refs(store: Store, *, fix: bool) -> Iterator[Advice]:
    loose = _loose(store.repo)
    if loose < refs.LOOSE:
        return
    if fix:
        refs.pack(store.repo, *upkeep.OURS, least=1)
    yield Advice(what=f"{loose} refs of runs are loose files", hint="git exp gc", done=fix)


def _archives(store: Store, *, fix: bool) -> Iterator[Advice]:
    due = archive.due(store)
    if not due:
        return
    if fix:
        archive.fold(store, due)
    what = f"{len(due)} old runs have refs of their own"
    yield Advice(what=what, hint="git exp archive", done=fix)


def _prunes(repo: Repo) -> Iterator[Advice]:
    """A configured refspec over our refs, with pruning: a fetch deletes what nobody has pushed."""
    for name in remote.configured(repo):
        yield from _forced(repo, name)
        prunes = repo.config.flag(f"remote.{name}.prune", repo.config.flag("fetch.prune"))
        specs = [spec.lstrip("+") for spec in repo.config.all(f"remote.{name}.fetch")]
        caught = [spec for spec in specs if _takes_ours(spec.rpartition(":")[2])]
        for spec in caught if prunes else ():
            yield Advice(
                what=f"remote '{name}' prunes '{spec}': a git fetch deletes runs not pushed there",
                hint=f"git config remote.{name}.prune false, or a narrower remote.{name}.fetch",
            )


def _forced(repo: Repo, name: str) -> Iterator[Advice]:
    """A configured refspec that puts a remote's notes in the place of ours."""
    for spec in repo.config.all(f"remote.{name}.fetch"):
        to = spec.rpartition(":")[2]
        if spec.startswith("+") and fnmatch.fnmatchcase(notes.REF, to):
            yield Advice(
                what=f"remote '{name}' fetches '{spec}': a git fetch drops records of yours",
                hint=f"let it fetch to refs/notes/{name}/* instead; git exp pull merges records",
            )
    if repo.config.flag(f"remote.{name}.mirror") and refs.resolve(repo, notes.PRIVATE):
        yield Advice(
            what=f"remote '{name}' is a mirror: a git push sends private runs there",
            hint=f"git config remote.{name}.mirror false",
        )


def _takes_ours(pattern: str) -> bool:
    examples = ("refs/runs/x", "refs/exp/data/x", "refs/notes/exp")
    return any(fnmatch.fnmatchcase(one, pattern) for one in examples)


def _lfs(repo: Repo) -> Iterator[Advice]:
    """`git lfs prune` looks at branches alone: what only runs use counts as unused."""
    kept = repo.config.flag("lfs.pruneverifyremotealways")
    if (repo.common_dir / "lfs" / "objects").is_dir() and not kept:
        yield Advice(
            what="git lfs prune removes files that only runs use",
            hint="push first, and git config lfs.pruneverifyremotealways true",
        )


def _reflogs(repo: Repo) -> Iterator[Advice]:
    if (repo.common_dir / "logs" / "refs" / "runs").is_dir():
        yield Advice(what="refs of runs have reflogs", hint="rm -r .git/logs/refs/runs")
