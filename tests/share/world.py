"""Clones of one server, and runs in them made without a process each."""

from __future__ import annotations

import os
import subprocess
import uuid
from collections.abc import Callable
from pathlib import Path

from git_exp import data, ledger, locks, merge, records
from git_exp.git import notes, objects, refs
from git_exp.git.objects import BLOB
from git_exp.git.refs import Change
from git_exp.git.repo import discover
from git_exp.index.search import Indexed
from git_exp.run import Run

START = 1_767_323_045_000_000


def git(cwd: Path, *args: str | Path, stdin: str = "", code: int | None = 0) -> str:
    """What git prints, without the last line feed."""
    done = subprocess.run(
        ("git", *map(str, args)), cwd=cwd, input=stdin, capture_output=True, text=True
    )
    assert code in (None, done.returncode), f"git {args}: {done.stderr}"
    return done.stdout.removesuffix("\n")


class Clone:
    """A repository that shares runs with others."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.count = 0

    def git(self, *args: str | Path, code: int | None = 0) -> str:
        return git(self.path, *args, code=code)

    @property
    def store(self) -> Indexed:
        return Indexed(discover(self.path, os.environ))

    def run(self, name: str = "a run", *, series: bool = True, **start: object) -> Run:
        """A finished and sealed run of ours, with code of its own."""
        store = self.store
        repo, self.count = store.repo, self.count + 1
        run_id, at = str(uuid.uuid4()), START + self.count * 1_000_000
        base = refs.resolve(repo, "refs/heads/main")

        def plan(writer: objects.Writer, before: ledger.Before) -> ledger.Plan:
            code = writer.tree(None, {"train.py": (BLOB, writer.blob(f"# {run_id}\n".encode()))})
            who = objects.Ident(name="Ada", email="ada@example.org", time=at // 1_000_000)
            dated = objects.Ident(name="Ada", email="ada@example.org", time=1)
            commit = writer.commit(
                code, [base] if base else [], f"run: {name}\n", author=who, committer=dated
            )
            changes = [Change(name=f"refs/runs/{run_id}", new=commit, old=None)]
            if series:
                line = records.line(records.Track(t=records.stamp(at), value=0.5))
                tree = writer.tree(None, {"series/a.00000.jsonl": (BLOB, writer.blob(line))})
                tip = writer.commit(tree, [commit], "data\n", author=who, committer=dated)
                changes.append(Change(name=data.name(run_id), new=tip, old=None))
            known = records.Git(commit=commit, base=base, capture="full")
            begun = records.RunStart(
                t=records.stamp(at),
                v=1,
                run_id=run_id,
                name=name,
                git=known,
                **start,  # type: ignore[arg-type]
            )
            ended = records.RunEnd(t=records.stamp(at + 1), status="finished")
            lines = [records.line(one)[:-1] for one in (begun, ended)]
            return ledger.Plan(subject="exp: seal 1 run", lines={commit: lines}, changes=changes)

        with locks.held(repo) as lock:
            ledger.write(repo, lock, plan)
        with (repo.home / "local").open("a") as file:
            file.write(f"{run_id}\n")
        found = store.get(run_id)
        assert found
        return found

    def note(self, run: Run, text: str) -> None:
        self.store.add(run, lambda t: records.Note(t=t, text=text))

    def runs(self) -> list[str]:
        """The ids of the runs that are listed, in order of the alphabet."""
        return sorted(run.id for run in self.store.runs())

    def notes(self) -> dict[str, set[bytes]]:
        """The lines of every note, by the commit that it is on."""
        repo = self.store.repo
        tree = notes.tip(repo).tree
        return {
            commit: set(merge.lines(notes.read(repo, tree, commit)))
            for commit, _ in notes.listing(repo, tree)
        }

    def tree(self) -> str | None:
        return notes.tip(self.store.repo).tree

    def refs(self, *prefixes: str) -> dict[str, str]:
        return refs.listing(self.store.repo, *prefixes)


def server(path: Path) -> Path:
    git(path.parent, "init", "-q", "--bare", path)
    return path


def clone(of: Path, path: Path, *, first: bool = False) -> Clone:
    """A clone of a server, which gets its first commit from the first."""
    path.parent.mkdir(exist_ok=True)
    git(path.parent, "init", "-q", path)
    git(path, "remote", "add", "origin", of)
    if first:
        (path / "train.py").write_text("# first\n")
        git(path, "add", ".")
        git(path, "commit", "-q", "-m", "first")
        git(path, "push", "-q", "origin", "HEAD:refs/heads/main")
    git(path, "fetch", "-q", "origin")
    git(path, "checkout", "-q", "-B", "main", "origin/main")
    return Clone(path)


Make = Callable[..., Clone]
