"""Files that git writes otherwise than a commit has them: line endings, idents, filters, LFS."""

from __future__ import annotations

import filecmp
import hashlib
import os
import re
import shutil
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import msgspec

from git_exp import errors
from git_exp.git import filters, objects
from git_exp.git.index import copied
from git_exp.git.repo import Repo
from git_exp.git.survey import listed

_MODULE = "160000"
_POINTER = re.compile(
    rb"version https://git-lfs\.github\.com/spec/v1\n"
    rb"oid sha256:(?P<digest>[0-9a-f]{64})\nsize (?P<size>[0-9]+)\n?"
)
_LONGEST_POINTER = 1024
# How an environment tells git of settings, and of attributes.
_TELLING = ("GIT_CONFIG_COUNT", "GIT_CONFIG_PARAMETERS", "GIT_ATTR_SOURCE")
_NO_FILTER = ("unspecified", "unset", "set", "")


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """What a tree has at a path; `mode` in octal digits."""

    mode: str
    oid: str


def entries(listing: bytes) -> dict[str, Entry]:
    """What `ls-tree -r -z` lists, by path."""
    found: dict[str, Entry] = {}
    for line in listing.split(b"\0")[:-1]:
        head, _, path = line.partition(b"\t")
        mode, _, oid = head.decode().split(" ")
        found[os.fsdecode(path)] = Entry(mode=mode, oid=oid)
    return found


def differing(repo: Repo, commit: str, unlike: Mapping[str, Entry]) -> set[str]:
    """Of files whose bytes are not those of a commit, the ones that git would not write so either.

    The commit's own attributes count, and none that somebody has added since, here or outside of
    the worktree. A pointer of git-lfs is compared with what it names. For a filter that the commit
    itself asks for, and for a submodule, git's word is taken.
    """
    odd: set[str] = set()
    asked = {path: one for path, one in unlike.items() if one.mode == _MODULE}
    rest: dict[str, Entry] = {}
    for path in unlike.keys() - asked.keys():
        pointer = _pointer(repo, unlike[path].oid)
        if pointer is None:
            rest[path] = unlike[path]
        elif not _is_named(repo.at(os.fsencode(path)), pointer):
            odd.add(path)
    if rest:
        filtered, others = _converted(repo, commit, rest)
        asked |= filtered
        odd |= others
    return odd | (_edited(repo, asked) if asked else set())


def _converted(
    repo: Repo, commit: str, wanted: dict[str, Entry]
) -> tuple[dict[str, Entry], set[str]]:
    """The files that a filter of the commit's makes, and those that are not as git writes them."""
    now = _filters(repo.git("check-attr", "-z", "--stdin", "filter", stdin=_lines(wanted)))
    try:
        with _apart(repo, commit) as apart:
            asked_for = apart.filters(wanted)
            named = {path for path, name in asked_for.items() if name not in _NO_FILTER}
            asked = {path: wanted[path] for path in named if now.get(path) == asked_for[path]}
            plain = {path: one for path, one in wanted.items() if path not in named}
            return asked, (named - asked.keys()) | (apart.unlike(plain) if plain else set())
    except errors.GitFailed:
        # What cannot be compared is not known to be the same.
        return {}, set(wanted)


def _edited(repo: Repo, wanted: Mapping[str, Entry]) -> set[str]:
    """Those that git itself calls changed, with an index that holds nothing else."""
    with copied(repo) as index:
        index.unlink(missing_ok=True)
        repo.git("update-index", "-z", "--index-info", stdin=_infos(wanted), index=index)
        words = ("diff", "-z", "--name-only", "--no-renames", "--no-ext-diff", "--no-textconv")
        out = repo.git(*words, "--ignore-submodules=none", index=index)
    return {os.fsdecode(one) for one in out.split(b"\0")[:-1]}


class _Apart:
    """A repository of our own with the objects of the user's, and none of its local settings."""

    def __init__(self, users: Repo, folder: Path) -> None:
        env = {"GIT_OBJECT_DIRECTORY": str(users.common_dir / "objects"), **users.env}
        self._users = users
        self._repo = msgspec.structs.replace(
            users,
            git_dir=folder,
            common_dir=folder,
            index=folder / "index",
            top=folder / "tree",
            env={key: one for key, one in env.items() if not key.startswith(_TELLING)}
            | {"GIT_ATTR_NOSYSTEM": "1"},
        )

    def make(self, commit: str) -> None:
        """Make it, with the commit's attributes in its index."""
        folder = self._repo.git_dir
        settings = {"core.attributesFile": os.devnull, "core.bare": "false"}
        for key in ("core.autocrlf", "core.eol"):
            if value := self._users.config.get(key):
                settings[key] = value
        try:
            for name in ("objects", "refs", "tree"):
                (folder / name).mkdir(parents=True)
            (folder / "HEAD").write_text("ref: refs/heads/none\n")
        except OSError as error:
            raise errors.WriteFailed(str(folder), error.strerror or str(error)) from error
        for key, value in settings.items():
            self._git("config", "--file", str(folder / "config"), key, value)
        every = entries(self._git("--no-replace-objects", "ls-tree", "-r", "-z", commit))
        named = {path: one for path, one in every.items() if Path(path).name == ".gitattributes"}
        self._git("update-index", "-z", "--index-info", stdin=_infos(named))

    def filters(self, paths: Iterable[str]) -> dict[str, str]:
        """The filter that the commit's attributes ask for, of each of some files."""
        words = ("check-attr", "--cached", "-z", "--stdin", "filter")
        return _filters(self._git(*words, stdin=_lines(paths)))

    def unlike(self, wanted: Mapping[str, Entry]) -> set[str]:
        """The files that git would write otherwise than they are in the user's worktree."""
        self._git("update-index", "-z", "--index-info", stdin=_infos(wanted))
        with filters.written(self._repo, self._repo.index, map(os.fsencode, wanted)) as folder:
            pairs = ((path, folder / path, self._users.at(os.fsencode(path))) for path in wanted)
            return {path for path, ours, theirs in pairs if not _are_same(ours, theirs)}

    def _git(self, *args: str, stdin: bytes | None = None) -> bytes:
        return self._repo.git(*args, stdin=stdin, index=self._repo.index)


@contextmanager
def _apart(repo: Repo, commit: str) -> Iterator[_Apart]:
    folder = repo.git_dir / "exp" / "tmp" / f"{uuid.uuid4()}.apart"
    try:
        found = _Apart(repo, folder)
        found.make(commit)
        yield found
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _filters(out: bytes) -> dict[str, str]:
    """What `check-attr -z` says of one attribute, by path."""
    words = out.split(b"\0")[:-1]
    return {os.fsdecode(words[at]): os.fsdecode(words[at + 2]) for at in range(0, len(words), 3)}


def _infos(wanted: Mapping[str, Entry]) -> bytes:
    lines = (f"{one.mode} {one.oid}\t".encode() + os.fsencode(path) for path, one in wanted.items())
    return b"".join(line + b"\0" for line in lines)


def _lines(paths: Iterable[str]) -> bytes:
    return listed(map(os.fsencode, paths))


def _pointer(repo: Repo, oid: str) -> re.Match[bytes] | None:
    """What a blob says, if it is a pointer of git-lfs: the SHA-256 and the size of a file."""
    if objects.size(repo, oid) > _LONGEST_POINTER:
        return None
    return _POINTER.fullmatch(objects.blob(repo, oid))


def _is_named(place: Path, pointer: re.Match[bytes]) -> bool:
    with place.open("rb") as file:
        if os.fstat(file.fileno()).st_size != int(pointer["size"]):
            return False
        return hashlib.file_digest(file, "sha256").hexdigest() == pointer["digest"].decode()


def _are_same(one: Path, other: Path) -> bool:
    try:
        return filecmp.cmp(one, other, shallow=False)
    except OSError:
        return False
