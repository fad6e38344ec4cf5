"""A repository on disk as its user has it, with runs made by hand and every byte accounted for."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from git_exp import errors, records, restore
from git_exp.git.repo import Repo, discover
from git_exp.restore import Answer, Form
from git_exp.run import Run


@dataclass(frozen=True)
class State:
    """All of a user's that a checkout could harm."""

    head: bytes
    index: bytes
    files: Mapping[bytes, tuple[int, bytes]]
    status: bytes


class World:
    """A repository on disk, driven as its user and as git-exp."""

    def __init__(self, top: Path, *, env: Mapping[str, str] | None = None) -> None:
        self.top = top
        self.env = {**os.environ, **(env or {})}
        if not top.exists():
            top.mkdir()
            self.git("init", "-q")

    def git(self, *args: str, stdin: bytes | None = None, env: Any = None) -> str:
        done = subprocess.run(
            ("git", *args), cwd=self.top, input=stdin, env=env or self.env, capture_output=True
        )
        assert done.returncode == 0, f"git {args}: {done.stderr!r}"
        return os.fsdecode(done.stdout).removesuffix("\n")

    def write(self, files: Mapping[str, str | bytes]) -> None:
        for name, text in files.items():
            path = self.top / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text if isinstance(text, bytes) else text.encode())

    def commit(self, files: Mapping[str, str | bytes] | None = None) -> str:
        self.write(files or {})
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", "a commit")
        return self.git("rev-parse", "HEAD")

    def run(self, **git: Any) -> Run:
        """A run of the worktree as it is: every file that is not ignored."""
        index = self.repo().git_dir / "run.index"
        env = {**self.env, "GIT_INDEX_FILE": str(index)}
        base = self.git("rev-parse", "HEAD") if self.born() else ""
        if self.repo().index.exists():
            shutil.copy2(self.repo().index, index)
        self.git("add", "-A", env=env)
        tree = self.git("write-tree", env=env)
        commit = self.git("commit-tree", tree, *(["-p", base] if base else []), "-m", "run: r")
        index.unlink(missing_ok=True)
        self.git("update-ref", f"refs/runs/{commit}", commit)
        known: dict[str, Any] = {"commit": commit, "base": base or None, "capture": "full", **git}
        return Run(id="r", commit=commit, git=records.Git(**known))

    def dirty(self) -> Run:
        """A run with a change, a deletion and a new file; then all is as it was committed."""
        self.write({"a.py": "a2\n", "new/n.py": "n\n"})
        (self.top / "lib/b.py").unlink()
        run = self.run()
        self.git("reset", "-q", "--hard")
        self.git("clean", "-q", "-fd")
        return run

    def dirty_with(self, files: Mapping[str, str | bytes]) -> Run:
        """A run that has these files; then all is as it was committed."""
        self.write(files)
        run = self.run()
        self.git("reset", "-q", "--hard")
        self.git("clean", "-q", "-fd")
        return run

    def forced(self, files: Mapping[str, str | bytes]) -> Run:
        """A run that has these files, ignored or not; then all is as it was committed."""
        self.write(files)
        self.git("add", "-A")
        self.git("add", "-f", *files)
        run = self.run()
        self.git("reset", "-q", "--hard")
        return run

    def hook(self, name: str, script: str) -> Path:
        path = self.repo().common_dir / "hooks" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        return path

    def born(self) -> bool:
        words = ("git", "rev-parse", "-q", "--verify", "HEAD")
        return subprocess.run(words, cwd=self.top, capture_output=True).returncode == 0

    def repo(self, folder: str = "") -> Repo:
        return discover(self.top / folder, self.env)

    def checkout(self, run: Run, folder: str = "", **form: Any) -> Answer:
        return restore.checkout(self.repo(folder), run, Form(**form))

    def back(self, name: str = "@{saved}", **how: bool) -> Answer:
        what = restore.saved(self.repo(), name)
        assert what
        return restore.back(self.repo(), what, **how)

    def refused(self, run: Run, folder: str = "", **form: Any) -> str:
        """The refusal, after proof that nothing was touched."""
        before = self.state(exact=True)
        with pytest.raises(errors.Refused) as refusal:
            self.checkout(run, folder, **form)
        assert self.state(exact=True) == before
        return f"{refusal.value} ({refusal.value.hint})"

    def state(self, exact: bool = False) -> State:
        head = (self.repo().git_dir / "HEAD").read_bytes()
        index = self.git("ls-files", "-s", "-v", "-z").encode(errors="surrogateescape")
        if exact:
            file = self.repo().index
            index += file.read_bytes() if file.exists() else b""
        listing = self.git("--no-optional-locks", "status", "--porcelain=v2", "-z", "-uall")
        return State(head, index, self.files(), os.fsencode(listing))

    def files(self) -> dict[bytes, tuple[int, bytes]]:
        found: dict[bytes, tuple[int, bytes]] = {}
        for folder, folders, names in os.walk(self.top):
            if Path(folder) == self.top:
                folders[:] = [name for name in folders if name != ".git"]
            for path in (Path(folder) / name for name in [*names, *folders]):
                mode = path.lstat().st_mode
                if stat.S_ISLNK(mode):
                    data = os.fsencode(path.readlink())
                elif stat.S_ISDIR(mode):
                    continue
                else:
                    data = path.read_bytes() if stat.S_ISREG(mode) else b""
                found[os.fsencode(path.relative_to(self.top))] = (mode, data)
        return found

    def tree(self, commit: str) -> dict[bytes, bytes]:
        """The files of a commit, path to bytes."""
        found = {}
        for line in self.git("ls-tree", "-r", "-z", commit).split("\0")[:-1]:
            head, _, path = line.partition("\t")
            _, kind, oid = head.split(" ")
            if kind == "blob":
                done = subprocess.run(
                    ("git", "cat-file", "blob", oid), cwd=self.top, capture_output=True
                )
                found[os.fsencode(path)] = done.stdout
        return found

    def contents(self) -> dict[bytes, bytes]:
        return {path: data for path, (_, data) in self.files().items()}

    def text(self, name: str) -> str:
        return (self.top / name).read_text()
