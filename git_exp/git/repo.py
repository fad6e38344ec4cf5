"""A repository on disk: discovery, configuration, and the git program at its door."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from git_exp import errors

if TYPE_CHECKING:
    import pygit2

# Variables that name one repository: the child is told by our own values instead.
_LOCAL = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_COMMON_DIR")
_QUESTIONS = (
    "--path-format=absolute", "--git-dir", "--git-common-dir", "--git-path", "index",
    "--show-object-format", "--is-bare-repository", "--show-prefix", "--show-toplevel",
)  # fmt: skip
# There is no catalogue of this language: messages are English, the user's locale stays.
_PLAIN = {"LANGUAGE": "en", "GIT_TERMINAL_PROMPT": "0"}
_SIZES = {"k": 1 << 10, "m": 1 << 20, "g": 1 << 30}


@dataclass(frozen=True, kw_only=True)
class Config:
    """What `git config --list` says, last value first in line."""

    values: Mapping[str, tuple[str, ...]]

    def get(self, key: str, default: str | None = None) -> str | None:
        """The last value of a key, whose section and name are in any case."""
        return self.values.get(_canonical(key), (default,))[-1]

    def all(self, key: str) -> tuple[str, ...]:
        return self.values.get(_canonical(key), ())

    def flag(self, key: str, default: bool = False) -> bool:
        value = self.get(key)
        if value is None:
            return default
        return value.lower() in ("true", "yes", "on", "1", "")

    def size(self, key: str, default: int) -> int:
        """Bytes or a count, with git's suffixes k, m and g."""
        value = (self.get(key) or "").strip().lower()
        if not value:
            return default
        unit = _SIZES.get(value[-1], 1)
        digits = value[:-1] if unit > 1 else value
        if not digits.isdigit():
            raise errors.UsageError(
                f"bad numeric config value '{value}' for '{key}'", hint=f"git config {key} 10m"
            )
        return int(digits) * unit


@dataclass(frozen=True, kw_only=True)
class Repo:
    """One repository as the user's git sees it from one folder."""

    git_dir: Path
    common_dir: Path
    index: Path
    top: Path | None
    prefix: str
    bare: bool
    config: Config
    env: Mapping[str, str] = field(repr=False)

    @property
    def home(self) -> Path:
        """Where git exp keeps what is local: spool, locks, caches."""
        return self.common_dir / "exp"

    @cached_property
    def pg(self) -> pygit2.Repository:
        """The object store by pygit2, opened at this exact path without a search."""
        return opened(self)

    def git(self, *args: str, stdin: bytes | None = None, index: Path | None = None) -> bytes:
        """What a git command prints; `GitFailed` when it exits with an error."""
        child = self.start(*args, index=index, stdin=stdin is not None)
        return finish(child, args, stdin)

    def start(
        self,
        *args: str,
        index: Path | None = None,
        stdin: bool = False,
        keep: Sequence[int] = (),
    ) -> subprocess.Popen[bytes]:
        """Start a git command in this repository; `keep` are descriptors it inherits."""
        return _spawn(args, self.top or self.git_dir, self.child_env(index), stdin=stdin, keep=keep)

    def child_env(self, index: Path | None = None) -> dict[str, str]:
        """The environment of a git command that works on this repository, from any folder."""
        env = {key: value for key, value in self.env.items() if key not in _LOCAL}
        env.update(_PLAIN, GIT_DIR=str(self.git_dir), GIT_OPTIONAL_LOCKS="0")
        if self.top:
            env["GIT_WORK_TREE"] = str(self.top)
        if index or "GIT_INDEX_FILE" in self.env:
            env["GIT_INDEX_FILE"] = str(index or self.index)
        return env


def discover(cwd: Path, env: Mapping[str, str]) -> Repo:
    """The repository that git itself finds from a folder, with all its configuration."""
    plain = {**env, **_PLAIN}
    listing = _spawn(("config", "-z", "--list"), cwd, plain)
    asking = _spawn(("rev-parse", *_QUESTIONS), cwd, plain)
    out, err = asking.communicate()
    config, _ = listing.communicate()
    lines = os.fsdecode(out).split("\n")[:-1]
    if len(lines) < 6:
        raise _refusal(cwd, err.decode(errors="replace"))
    git_dir, common_dir, index, objects, bare, prefix = lines[:6]
    if objects != "sha1":
        raise errors.UnsupportedRepository(objects.upper().replace("SHA", "SHA-"))
    return Repo(
        git_dir=Path(git_dir),
        common_dir=Path(common_dir),
        index=Path(index),
        top=Path(lines[6]) if len(lines) > 6 else None,
        prefix=prefix,
        bare=bare == "true",
        config=_parse(config),
        env=env,
    )


def opened(repo: Repo) -> pygit2.Repository:
    """A fresh handle, with nothing cached: what it finds is on disk."""
    import pygit2

    flags = pygit2.enums.RepositoryOpenFlag
    pygit2.settings.set_extensions(["partialclone", "worktreeconfig"])
    try:
        return pygit2.Repository(str(repo.git_dir), flags.NO_SEARCH | flags.NO_DOTGIT)
    except pygit2.GitError as error:
        raise _unopened(repo, str(error)) from error


def finish(
    child: subprocess.Popen[bytes], args: Sequence[str], stdin: bytes | None = None
) -> bytes:
    """Feed a started command, wait for it, and give its output; `GitFailed` if it failed."""
    out, err = child.communicate(stdin)
    if child.returncode:
        words = [arg for arg in args if not arg.startswith("-") and "=" not in arg]
        raise errors.GitFailed(words[0], child.returncode, err.decode(errors="replace"))
    return out


def _spawn(
    args: Sequence[str],
    cwd: Path,
    env: Mapping[str, str],
    *,
    stdin: bool = False,
    keep: Sequence[int] = (),
) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            ("git", *args),
            cwd=cwd,
            env=env,
            stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=keep,
        )
    except FileNotFoundError as error:
        if not cwd.is_dir():
            raise errors.NotARepository(str(cwd)) from error
        raise errors.GitMissing from error


def _refusal(cwd: Path, said: str) -> errors.RepositoryError:
    if "dubious ownership" in said:
        where = said.partition("repository at '")[2].partition("'")[0]
        return errors.UnsafeRepository(where or str(cwd))
    if "unknown repository extension" in said or "unknown ref storage" in said:
        lowered = said.lower()
        what = "reftable" if "refstorage" in lowered or "ref storage" in lowered else "such"
        return errors.UnsupportedRepository(what)
    if "not a git repository" in said:
        return errors.NotARepository(str(cwd))
    return errors.RepositoryError(said.strip().splitlines()[0] if said.strip() else "git failed")


def _unopened(repo: Repo, said: str) -> errors.RepositoryError:
    if "not owned by" in said or "owner" in said:
        return errors.UnsafeRepository(str(repo.top or repo.git_dir))
    if "refstorage" in said:
        return errors.UnsupportedRepository("reftable")
    return errors.RepositoryError(f"cannot open '{repo.git_dir}': {said}")


def _parse(listing: bytes) -> Config:
    values: dict[str, tuple[str, ...]] = {}
    for entry in os.fsdecode(listing).split("\0")[:-1]:
        # A key without a value is a true flag, and has no line feed.
        key, _, value = entry.partition("\n")
        values[key] = (*values.get(key, ()), value)
    return Config(values=values)


def _canonical(key: str) -> str:
    section, _, rest = key.partition(".")
    middle, dot, name = rest.rpartition(".")
    return f"{section.lower()}.{middle}{dot}{name.lower()}"
