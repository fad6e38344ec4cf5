"""Files of a run into the user's folder or archive: all of them or none, and nothing lost."""

from __future__ import annotations

import gzip
import io
import os
import shutil
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from git_exp import errors, outfile
from git_exp.action.shipped.artifacts import Files

# No zip file can tell an earlier time.
_FIRST_DAY = (1980, 1, 1, 0, 0, 0)
_LATEST_YEAR = 2107
_SHOWN = 3

# Whether files of these names, which are there and are others, may be replaced.
Asks = Callable[[Sequence[str]], bool]


def folder(place: Path, files: Files, may_replace: Asks) -> None:
    """Write files below a folder, which is made if need be; what is there already is kept.

    Raises `Refused` where that is not so, and for a name that a link would lead elsewhere;
    `WriteFailed` when the disk refuses. Then the folder is as it was.
    """
    with _refusing(place):
        for name in files:
            _expect_free(place, name)
        there = [name for name in files if os.path.lexists(place / name)]
        differing = [name for name in there if not _is_same(place / name, files[name])]
        _expect_agreed(differing, may_replace)
        new = [name for name in files if name not in there or name in differing]
        with _beside(place) as staged:
            for name in new:
                _write(staged / "new" / name, files[name]())
            with ExitStack() as undo:
                for number, name in enumerate(new):
                    aside = staged / str(number) if name in differing else None
                    _put(staged / "new" / name, place / name, undo=undo, aside=aside)
                undo.pop_all()


def archive(place: Path, files: Files, may_replace: Asks, *, kind: str, when: float) -> None:
    """Write files as an archive, `zip` or else `tar.gz`; `when` is the time of each.

    The same files make the same bytes. Raises as `folder` does.
    """
    with _refusing(place):
        _expect_agreed([str(place)] if place.is_file() else [], may_replace)
        with outfile.written(place) as file:
            pack = _zip if kind == "zip" else _tar
            pack(file, files, when)


def _zip(file: BinaryIO, files: Files, when: float) -> None:
    then = time.gmtime(when)[:6]
    dated = then if then >= _FIRST_DAY and then[0] <= _LATEST_YEAR else _FIRST_DAY
    with zipfile.ZipFile(file, "w") as packed:
        for name, read in files.items():
            info = zipfile.ZipInfo(name, dated)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = 0o644 << 16
            packed.writestr(info, read())


def _tar(file: BinaryIO, files: Files, when: float) -> None:
    with (
        gzip.GzipFile("", "wb", fileobj=file, mtime=0) as squeezed,
        tarfile.open(fileobj=squeezed, mode="w", format=tarfile.PAX_FORMAT) as packed,
    ):
        for name, read in files.items():
            data = read()
            info = tarfile.TarInfo(name)
            info.size, info.mtime = len(data), int(when)
            packed.addfile(info, io.BytesIO(data))


def _expect_free(place: Path, name: str) -> None:
    """Whether a file can stand there: folders on the way are folders, and in the place is none."""
    path = place / name
    for above in list(PurePosixPath(name).parents)[-2::-1]:
        if (place / above).is_symlink():
            raise errors.Refused(f"'{place / above}' is a link: '{name}' would leave the folder")
        if os.path.lexists(place / above) and not (place / above).is_dir():
            raise errors.Refused(f"'{place / above}' is no folder", hint="choose another folder")
    if path.is_dir() and not path.is_symlink():
        raise errors.Refused(f"'{path}' is a folder", hint="choose another folder")


def _is_same(path: Path, read: Callable[[], bytes]) -> bool:
    return path.is_file() and not path.is_symlink() and path.read_bytes() == read()


def _expect_agreed(differing: Sequence[str], may_replace: Asks) -> None:
    if differing and not may_replace(differing):
        raise errors.Refused(
            f"{named(differing)} would be overwritten", hint="choose another place, or overwrite"
        )


def named(names: Sequence[str]) -> str:
    """Some names in one line."""
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(f"'{name}'" for name in names[:_SHOWN]) + more


@contextmanager
def _beside(place: Path) -> Iterator[Path]:
    """A folder of ours on the disk of another that may not be there yet."""
    above = next(one for one in (place, *place.absolute().parents) if one.exists())
    made = Path(tempfile.mkdtemp(prefix=".git-exp.", dir=above))
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _put(new: Path, path: Path, *, undo: ExitStack, aside: Path | None) -> None:
    """A file to its place; what was there goes aside until all are in theirs."""
    for above in reversed(path.parents):
        if not above.exists():
            above.mkdir()
            undo.callback(above.rmdir)
    if aside:
        path.replace(aside)
        undo.callback(aside.replace, path)
    elif os.path.lexists(path):
        raise errors.Refused(f"'{path}' came up meanwhile", hint="run it again")
    new.replace(path)
    undo.callback(path.unlink)


@contextmanager
def _refusing(place: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise errors.WriteFailed(str(place), error.strerror or str(error)) from None
