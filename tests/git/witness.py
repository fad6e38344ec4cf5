"""A run in a repository, and the proof that it left all that is the user's as it was."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import redirect_stderr, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from git_exp import Experiment
from git_exp.git.repo import Repo, discover

ROOT = Path(__file__).parents[2]
# What a run adds to a git directory, git-lfs's own store too; all else in it is the user's.
_OURS = (b"objects", b"exp", b"refs/runs", b"refs/notes/exp", b"refs/exp", b"lfs")


@dataclass(frozen=True, kw_only=True)
class Ran:
    """A run that has ended: what it captured, recorded and said."""

    top: Path
    commit: str
    tree: str
    start: dict[str, Any]
    said: str

    @property
    def git(self) -> dict[str, Any]:
        """What the record says of the code; what is empty is not in it."""
        told: dict[str, Any] = self.start["git"]
        return told

    @property
    def modes(self) -> dict[bytes, bytes]:
        """Every path of the tree and its mode."""
        listed = git(self.top, "ls-tree", "-rz", "--full-tree", self.tree).split(b"\0")[:-1]
        return {line.partition(b"\t")[2]: line[:6] for line in listed}

    def read(self, path: str | bytes) -> bytes:
        """The bytes that the tree holds at a path."""
        return git(self.top, "cat-file", "blob", f"{self.commit}:{os.fsdecode(path)}", strip=False)

    def holds(self, path: str | bytes) -> bool:
        return os.fsencode(path) in self.modes

    def missed(self) -> dict[str, str]:
        """Path and reason of what could not be captured."""
        return {one["path"]: one["reason"] for one in self.git.get("missed", ())}

    def skipped(self) -> dict[str, str]:
        """Path and reason of the untracked files that were left out."""
        return {one["path"]: one["reason"] for one in self.git.get("skipped", ())}


def git(
    top: Path,
    *args: str | bytes,
    stdin: bytes | None = None,
    env: Mapping[str, str] | None = None,
    strip: bool = True,
) -> bytes:
    """What a git command prints in a folder, less its last line feed; it must succeed."""
    done = subprocess.run(
        ("git", *args), cwd=top, input=stdin, env={**os.environ, **(env or {})}, capture_output=True
    )
    assert done.returncode == 0, f"git {args}: {done.stderr!r}"
    return done.stdout.removesuffix(b"\n") if strip else done.stdout


def discovered(top: Path) -> Repo:
    """The repository as git-exp sees it from a folder."""
    return discover(top, dict(os.environ))


def write(top: Path, files: Mapping[str, str | bytes]) -> None:
    """Write files below a folder, and the folders on their way."""
    for name, text in files.items():
        path = top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())


def commit(top: Path, files: Mapping[str, str | bytes] | None = None) -> str:
    """Commit all that is there, after writing some files."""
    write(top, files or {})
    git(top, "add", "-A")
    git(top, "commit", "-q", "--allow-empty", "-m", "a commit")
    return git(top, "rev-parse", "HEAD").decode()


def run(top: Path, **given: Any) -> Ran:
    """A run in a folder from start to end, which must change nothing that is the user's."""
    before = state(top)

    heard = io.StringIO()
    with redirect_stderr(heard):
        with Experiment("a run", repo=top, **given) as exp:
            exp.track({"loss": 0.5})
            exp.track({"loss": 0.25})
        found = exp.commit or ""

    after = state(top)
    for what in sorted({*before, *after}):
        assert after.get(what) == before.get(what), f"the run changed {what}"
    git(top, "fsck", "--connectivity-only", "--no-dangling")
    note = git(top, "notes", "--ref=exp", "show", found)
    events = [json.loads(line) for line in note.splitlines()]
    assert [one["status"] for one in events if one["event"] == "run_end"] == ["finished"]
    return Ran(
        top=top,
        commit=found,
        tree=git(top, "rev-parse", f"{found}^{{tree}}").decode(),
        start=next(one for one in events if one["event"] == "run_start"),
        said=heard.getvalue(),
    )


def run_by(top: Path, *words: str | Path, env: Mapping[str, str] | None = None) -> Ran:
    """The same in a process of its own, started by some command."""
    done = subprocess.run(
        (*words, sys.executable, "-m", "tests.git.witness"),
        cwd=top,
        env={**os.environ, "PYTHONPATH": str(ROOT), **(env or {})},
        capture_output=True,
    )
    assert done.returncode == 0, done.stderr.decode()
    return read(done.stdout)


def read(told: bytes) -> Ran:
    """What such a process printed."""
    given = json.loads(told)
    return Ran(**{**given, "top": Path(given["top"])})


def reference(
    top: Path, *, without: Iterable[str] = (), env: Mapping[str, str] | None = None
) -> str:
    """The tree that a plain `git add -A` makes of a worktree, less some paths.

    Its objects go elsewhere: it is no help to a run that forgot to write its own.
    """
    asked = ("rev-parse", "--path-format=absolute", "--git-path")
    index, objects = (Path(os.fsdecode(git(top, *asked, one))) for one in ("index", "objects"))
    folder = Path(tempfile.mkdtemp())
    aside = {
        **(env or {}),
        "GIT_INDEX_FILE": str(folder / "index"),
        "GIT_OBJECT_DIRECTORY": str(folder),
        "GIT_ALTERNATE_OBJECT_DIRECTORIES": str(objects),
    }
    if index.exists():
        shutil.copy2(index, folder / "index")
    specs = [f":(top,exclude,literal){path}" for path in without]
    quiet = ("-c", "core.safecrlf=false", "-c", "core.splitIndex=false", "-c", "core.hooksPath=/x")
    git(top, *quiet, "add", "-A", "--sparse", "--", ":/", *specs, env=aside)
    tree = git(top, *quiet, "write-tree", env=aside).decode()
    shutil.rmtree(folder)
    return tree


def state(top: Path) -> dict[str, object]:
    """All that is the user's: git directory, worktree and what git says of them."""
    asked = ("rev-parse", "--path-format=absolute", "--git-common-dir", "--git-dir")
    dirs = dict.fromkeys(git(top, *asked).splitlines())
    found: dict[str, object] = {"mtime of the index": _mtime(top)}
    for place in dirs:
        found |= {f"{path!r} in the git directory": told for path, told in _kept(place)}
    if _has_worktree(top):
        root = git(top, "rev-parse", "--show-toplevel")
        found |= {f"file {path!r}": told for path, told in _files(root)}
        found["stash"] = git(top, "stash", "list")
        found["status"] = _status(top)
    found["branches"] = git(top, "for-each-ref", "refs/heads", "refs/tags", "refs/remotes")
    return found


def _status(top: Path) -> tuple[int, bytes]:
    """What git says; where a required filter fails, that is an error."""
    env = {**os.environ, "GIT_OPTIONAL_LOCKS": "0"}
    words = ("git", "status", "--porcelain=v2", "-z", "--branch")
    done = subprocess.run(words, cwd=top, env=env, capture_output=True)
    return done.returncode, done.stdout


def _has_worktree(top: Path) -> bool:
    return git(top, "rev-parse", "--is-inside-work-tree") == b"true"


def _mtime(top: Path) -> int | None:
    asked = ("rev-parse", "--path-format=absolute", "--git-path", "index")
    index = Path(os.fsdecode(git(top, *asked)))
    return index.stat().st_mtime_ns if index.exists() else None


def _kept(place: bytes) -> Iterator[tuple[bytes, bytes]]:
    for folder, names, files in os.walk(place):
        inside = os.path.relpath(folder, place)
        names[:] = [
            one for one in names if os.path.normpath(os.path.join(inside, one)) not in _OURS
        ]
        for name in files:
            path = os.path.normpath(os.path.join(inside, name))
            if path not in _OURS:
                yield path, Path(os.fsdecode(os.path.join(place, path))).read_bytes()


def _files(root: bytes) -> Iterator[tuple[bytes, tuple[int, int, bytes]]]:
    for folder, names, files in os.walk(root):
        if folder == root and b".git" in names:
            names.remove(b".git")
        for name in (*names, *files):
            path = Path(os.fsdecode(os.path.join(folder, name)))
            with suppress(PermissionError):
                found = path.lstat()
                told = found.st_mode, found.st_mtime_ns, _bytes(path)
                yield os.path.relpath(os.fsencode(path), root), told


def _bytes(path: Path) -> bytes:
    if path.is_symlink():
        return os.fsencode(path.readlink())
    if path.is_file() and path.stat().st_size <= 1 << 24 and os.access(path, os.R_OK):
        return path.read_bytes()
    return b""


if __name__ == "__main__":
    found = run(Path.cwd())
    told = {name: getattr(found, name) for name in ("commit", "tree", "start", "said")}
    print(json.dumps({"top": str(found.top), **told}))  # noqa: T201 - it is read by the test
