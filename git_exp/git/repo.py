"""A repository on disk: discovery, configuration, and the git program at its door."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from git_exp import errors

if TYPE_CHECKING:
    import pygit2

# Variables that name one repository: the child is told by our own values instead.
_LOCAL = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_COMMON_DIR")
# git repeats an option that it does not know: that parts the answers, which may hold line feeds.
_PART = f"--part-{os.urandom(8).hex()}"
_QUESTIONS = (
    "--path-format=absolute", "--show-object-format", _PART, "--is-bare-repository", _PART,
    "--git-dir", _PART, "--git-common-dir", _PART, "--git-path", "index", _PART,
    "--show-prefix", _PART, "--show-toplevel", _PART,
)  # fmt: skip
# There is no catalogue of this language: messages are English, the user's locale stays.
_PLAIN = {"LANGUAGE": "en", "GIT_TERMINAL_PROMPT": "0"}
# git names the repository, and the command that would trust it, quoted for a shell.
# What is to be said of paths that are none.
SPEC = "give paths of this repository, as git takes them; all of them: ."
_OUTSIDE = re.compile(r"'([^'\n]*)' is outside repository")
_OWNED = re.compile(
    r"dubious ownership in repository at '(.*?)'\n.*?(git config --global --add safe.directory .*)",
    re.DOTALL,
)
_SIZES = {"k": 1 << 10, "m": 1 << 20, "g": 1 << 30}


class Config(msgspec.Struct, frozen=True, kw_only=True):
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
        return value.lower() in ("true", "yes", "on") or value.strip("0").isdigit()

    def size(self, key: str, default: int) -> int:
        """Bytes or a count, with git's suffixes k, m and g."""
        value = (self.get(key) or "").strip().lower()
        if not value:
            return default
        unit = _SIZES.get(value[-1], 1)
        digits = value[:-1] if unit > 1 else value
        if not (digits.isascii() and digits.isdigit()):
            raise errors.UsageError(
                f"bad numeric config value '{value}' for '{key}'", hint=f"git config {key} 10m"
            )
        return int(digits) * unit


class Repo(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """One repository as the user's git sees it from one folder."""

    git_dir: Path
    common_dir: Path
    index: Path
    top: Path | None
    prefix: str
    bare: bool
    config: Config
    env: Mapping[str, str]

    @property
    def home(self) -> Path:
        """Where git exp keeps what is local: spool, locks, caches."""
        return self.common_dir / "exp"

    def at(self, path: bytes) -> Path:
        """Where a path of the worktree is on disk."""
        return (self.top or self.git_dir) / os.fsdecode(path)

    def mode(self, path: bytes) -> int:
        """What stands at a path of the worktree: 0 where nothing is, or nobody may look."""
        try:
            return self.at(path).lstat().st_mode
        except OSError:
            return 0

    @cached_property
    def pg(self) -> pygit2.Repository:
        """The object store by pygit2, opened at this exact path without a search."""
        return opened(self)

    @property
    def is_open(self) -> bool:
        """Whether pygit2 has been needed already: to ask it is quicker then than to start a git."""
        return "pg" in vars(self)

    def git(self, *args: str, stdin: bytes | None = None, index: Path | None = None) -> bytes:
        """What a git command prints; `GitFailed` when it exits with an error."""
        child = self.start(*args, index=index, stdin=stdin is not None)
        return finish(child, args, stdin)

    def start(
        self,
        *args: str,
        index: Path | None = None,
        stdin: bool = False,
        silent: bool = False,
        remote: bool = False,
        keep: Sequence[int] = (),
    ) -> subprocess.Popen[bytes]:
        """Start a git command in this repository; `keep` are descriptors it inherits.

        A `silent` one's errors go nowhere: nobody would read them while it runs. One that goes to
        a `remote` may ask the user for a password, and its hooks are told that we are pushing.
        """
        where, env = self.top or self.git_dir, self.child_env(index)
        if remote:
            asking = self.env.get("GIT_TERMINAL_PROMPT", "1")
            env.update(GIT_EXP_PUSHING="1", GIT_TERMINAL_PROMPT=asking)
        err = subprocess.DEVNULL if silent else subprocess.PIPE
        return _spawn(args, where, env, stdin=stdin, err=err, keep=keep)

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
    # GIT_CONFIG is for `git config` alone: no other command would look there.
    asked = {key: value for key, value in plain.items() if key != "GIT_CONFIG"}
    listing = _spawn(("config", "-z", "--list"), cwd, asked)
    asking = _spawn(("rev-parse", *_QUESTIONS), cwd, plain)
    out, err = asking.communicate()
    config, _ = listing.communicate()
    # Where there is no worktree, git fails at the last question and has answered the others.
    answers = os.fsdecode(out).split(f"\n{_PART}\n")[:-1]
    if len(answers) < 6:
        raise _refusal(cwd, os.fsdecode(err))
    objects, bare, git_dir, common_dir, index, prefix = answers[:6]
    found = _parse(config)
    if objects != "sha1":
        raise errors.UnsupportedRepository(objects.upper().replace("SHA", "SHA-"))
    if found.get("extensions.refStorage", "files") != "files":
        raise errors.UnsupportedRepository("reftable")
    return Repo(
        git_dir=Path(git_dir),
        common_dir=Path(common_dir),
        index=Path(index),
        top=Path(answers[6]) if len(answers) > 6 else None,
        prefix=prefix,
        bare=bare == "true",
        config=found,
        env=env,
    )


def opened(repo: Repo) -> pygit2.Repository:
    """A fresh handle, with nothing cached: what it finds is on disk."""
    import pygit2

    flags = pygit2.enums.RepositoryOpenFlag
    pygit2.settings.set_extensions(["partialclone", "worktreeconfig", "relativeworktrees"])
    try:
        return pygit2.Repository(str(repo.git_dir), flags.NO_SEARCH | flags.NO_DOTGIT)
    except pygit2.GitError as error:
        raise _unopened(repo, str(error)) from error


def finish(
    child: subprocess.Popen[bytes], args: Sequence[str], stdin: bytes | None = None
) -> bytes:
    """Feed a started command, wait for it, and give its output; `GitFailed` if it failed."""
    with _unbroken() if stdin else nullcontext():
        out, err = child.communicate(stdin)
    if child.returncode:
        said = err.decode(errors="replace")
        if found := _OUTSIDE.search(said):
            raise errors.UsageError(f"'{found[1]}' is outside repository", hint=SPEC)
        raise errors.GitFailed(_command(args), child.returncode, said)
    return out


def _command(args: Sequence[str]) -> str:
    """Which command of git's it is, after the options of git itself and their values."""
    pairs = zip(("", *args), args, strict=False)
    return next(arg for before, arg in pairs if arg[:1] != "-" and before not in ("-c", "-C"))


@contextmanager
def _unbroken() -> Iterator[None]:
    """A git that ends before it has read all does not end us, who die of SIGPIPE as git does."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGPIPE})
    try:
        yield
    finally:
        if signal.SIGPIPE not in before:
            if signal.SIGPIPE in signal.sigpending():
                signal.sigwait({signal.SIGPIPE})
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _spawn(
    args: Sequence[str],
    cwd: Path,
    env: Mapping[str, str],
    *,
    stdin: bool = False,
    err: int = subprocess.PIPE,
    keep: Sequence[int] = (),
) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            ("git", *args),
            cwd=cwd,
            env=env,
            stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=err,
            pass_fds=keep,
        )
    except OSError as error:
        if not cwd.is_dir():
            raise errors.NotARepository(str(cwd)) from error
        if isinstance(error, FileNotFoundError):
            raise errors.GitMissing from error
        raise errors.RepositoryError(f"cannot run git: {error.strerror}") from error


def _refusal(cwd: Path, said: str) -> errors.RepositoryError:
    if owned := _OWNED.search(said):
        return errors.UnsafeRepository(owned[1], owned[2].rstrip())
    if "unknown repository extension" in said and "refstorage" in said.lower():
        return errors.UnsupportedRepository("reftable")
    if "not a git repository" in said:
        return errors.NotARepository(str(cwd))
    fatal = said.partition("fatal: ")[2] or said
    return errors.RepositoryError(" ".join(fatal.split()) or "git failed")


def _unopened(repo: Repo, said: str) -> errors.RepositoryError:
    if "not owned by" in said:
        return errors.UnsafeRepository(str(repo.top or repo.git_dir))
    return errors.RepositoryError(f"cannot open '{repo.git_dir}': {said}")


def _parse(listing: bytes) -> Config:
    values: dict[str, tuple[str, ...]] = {}
    for entry in os.fsdecode(listing).split("\0")[:-1]:
        # A key without a value has no line feed: it is a flag that is on.
        key, given, value = entry.partition("\n")
        values[key] = (*values.get(key, ()), value if given else "true")
    return Config(values=values)


def _canonical(key: str) -> str:
    section, _, rest = key.partition(".")
    middle, dot, name = rest.rpartition(".")
    return f"{section.lower()}.{middle}{dot}{name.lower()}"
