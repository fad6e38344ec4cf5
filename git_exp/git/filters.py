"""Content filters and line endings: which files git would not write back byte for byte."""

from __future__ import annotations

import filecmp
import os
import shutil
import stat
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from git_exp import errors
from git_exp.git.repo import Repo
from git_exp.git.survey import PLAIN, listed

_CONVERSIONS = ("text", "eol", "crlf", "ident", "filter", "working-tree-encoding")
# LFS keeps the bytes in its own store; to ask for them may be a download.
_KEEPING = (b"unspecified", b"unset", b"lfs")


def lossy(repo: Repo, index: Path, paths: Iterable[bytes], *, drivers: bool = False) -> set[bytes]:
    """The files whose bytes git would not give back from what an index holds of them.

    A clean filter may drop what no smudge filter knows: nbstripout takes a notebook's output.
    With `drivers` alone those are asked about that a filter program handles, line endings not.
    """
    top = os.fsencode(repo.top or "")
    names = ("filter",) if drivers else _CONVERSIONS
    asked = sorted(path for path in paths if _regular(os.path.join(top, path)))
    wanted = asked if not drivers and _converts_all(repo) else _attributed(repo, asked, names)
    if not wanted:
        return set()
    with written(repo, index, wanted) as folder:
        there = os.fsencode(folder)
        return {
            path
            for path in wanted
            if not _equal(os.path.join(top, path), os.path.join(there, path))
        }


@contextmanager
def written(repo: Repo, index: Path, paths: Iterable[bytes]) -> Iterator[Path]:
    """A folder with files as git would write them, gone afterwards; one that it cannot is not."""
    folder = repo.git_dir / "exp" / "tmp" / f"{uuid.uuid4()}.files"
    folder.mkdir(parents=True)
    try:
        args = ("checkout-index", "-q", "-z", "--stdin", f"--prefix={folder}/")
        with suppress(errors.GitFailed):
            repo.git(*PLAIN, *args, stdin=listed(paths), index=index)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _converts_all(repo: Repo) -> bool:
    ending = (repo.config.get("core.autocrlf") or "").lower()
    return (
        ending == "input" or repo.config.flag("core.autocrlf") or bool(repo.config.get("core.eol"))
    )


def _attributed(repo: Repo, paths: list[bytes], names: tuple[str, ...]) -> list[bytes]:
    if not paths:
        return []
    out = repo.git("check-attr", "-z", "--stdin", *names, stdin=listed(paths)).split(b"\0")
    values = zip(out[:-1:3], out[2::3], strict=True)
    return sorted({path for path, value in values if value not in _KEEPING})


def _regular(path: bytes) -> bool:
    try:
        return stat.S_ISREG(os.lstat(path).st_mode)
    except OSError:
        return False


def _equal(one: bytes, other: bytes) -> bool:
    return _regular(other) and filecmp.cmp(one, other, shallow=False)
