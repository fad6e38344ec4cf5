"""What was recorded, for Python: runs by an expression, one by its name, all as a table."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from git_exp import query

if TYPE_CHECKING:
    from git_exp.index.search import Indexed
    from git_exp.run import Run


def runs(
    where: str | None = None,
    sort: str | Sequence[str] | None = None,
    limit: int | None = None,
    repo: str | os.PathLike[str] | None = None,
) -> list[Run]:
    """The runs of a repository, newest first.

    Parameters
    ----------
    where
        An expression such as ``"lr <= 0.01 and acc > 0.9"``: git-exp-query(7) describes them.
    sort
        What to sort by, or several: a field, a param, a metric, ``"max(acc)"``; with ``-`` before
        it the greatest comes first. A run that has none of it comes last.
    limit
        No more than that many.
    repo
        A folder in the repository, the current one by default.

    Raises
    ------
    UsageError
        The expression is wrong; the hint points at the place.
    NotFound
        It names a param or metric that no run has.
    NotARepository
        There is no repository.
    """
    from git_exp.index.search import Selection

    keys = (sort,) if isinstance(sort, str) else tuple(sort or ())
    with closing(opened(repo)) as store:
        return store.select(Selection(where=where, sort=keys, limit=limit))


def get(rev: str, repo: str | os.PathLike[str] | None = None) -> Run:
    """One run by its name, id, commit, or a revision such as ``"@~1"`` or ``"@{best:acc}"``.

    Raises `NotFound`, or `Ambiguous` with the candidates.
    """
    with closing(opened(repo)) as store:
        return query.find(store, rev)


def to_arrow(
    runs: Sequence[Run] | str | None = None,
    *,
    series: bool = False,
    repo: str | os.PathLike[str] | None = None,
) -> Any:
    """Runs, given or as an expression finds them or all, as a `pyarrow.Table` with a row each.

    With `series`, one row for each point that they tracked. Columns and types are those of
    `git exp export`. Raises `UsageError` where the extra ``git-exp[data]`` is not installed.
    """
    from git_exp import frames
    from git_exp.run import Run

    return frames.to_arrow(_listed(runs, repo), Run.series if series else None)


def to_pandas(
    runs: Sequence[Run] | str | None = None,
    *,
    series: bool = False,
    repo: str | os.PathLike[str] | None = None,
) -> Any:
    """What `to_arrow` gives, as a `pandas.DataFrame`; integers with gaps become floats there."""
    from git_exp import frames
    from git_exp.run import Run

    return frames.to_pandas(_listed(runs, repo), Run.series if series else None)


def opened(repo: str | os.PathLike[str] | None) -> Indexed:
    """The store of a repository, which fetches the code of a run when it is first needed."""
    from git_exp.index.search import Indexed

    found = Indexed.open(Path(repo or Path.cwd()), os.environ)
    found.hydrate = lambda run: _hydrate(found, run)
    return found


def _listed(
    found: Sequence[Run] | str | None, repo: str | os.PathLike[str] | None
) -> Sequence[Run]:
    return runs(found, repo=repo) if found is None or isinstance(found, str) else found


def _hydrate(store: Indexed, run: Run) -> None:
    from git_exp import share

    share.hydrate(store, run)
