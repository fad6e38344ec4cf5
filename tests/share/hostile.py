"""A server whose owner means harm: objects and refs as no git program would write them."""

from __future__ import annotations

import hashlib
import json
import subprocess
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.share.world import git

FILE, FOLDER, LINK, MODULE = "100644", "40000", "120000", "160000"
T = "2026-01-02T03:04:06.%06dZ"
WHO = b"Eve <eve@example.org> 1 +0000"

Entry = tuple[str, bytes, str]


class Evil:
    """What is written on a server without any program of the user's."""

    def __init__(self, where: Path) -> None:
        self.where = where
        self.count = 0

    def write(self, kind: str, raw: bytes) -> str:
        words = ("git", "hash-object", "-t", kind, "-w", "--literally", "--stdin")
        done = subprocess.run(words, cwd=self.where, input=raw, capture_output=True, check=True)
        return done.stdout.decode().strip()

    def blob(self, raw: bytes) -> str:
        return self.write("blob", raw)

    def tree(self, *entries: Entry) -> str:
        """A tree in the order given, with names that git lets nobody write."""
        every = (mode.encode() + b" " + name + b"\0" + bytes.fromhex(oid)
                 for mode, name, oid in entries)  # fmt: skip
        return self.write("tree", b"".join(every))

    def commit(self, tree: str, *parents: str, message: bytes = b"evil\n") -> str:
        heads = [b"tree " + tree.encode(), *(b"parent " + one.encode() for one in parents),
                 b"author " + WHO, b"committer " + WHO]  # fmt: skip
        return self.write("commit", b"\n".join(heads) + b"\n\n" + message)

    def ref(self, name: str, oid: str) -> None:
        """A ref as a file: git itself would check its name."""
        path = self.where / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{oid}\n")

    def noted(self, texts: Mapping[str, bytes], *more: Entry) -> str:
        """The tree of notes on some commits, one folder deep, and whatever else is in it."""
        folders: dict[str, list[Entry]] = {}
        for commit, text in texts.items():
            entry = (FILE, commit[2:].encode(), self.blob(text))
            folders.setdefault(commit[:2], []).append(entry)
        made = [(FOLDER, name.encode(), self.tree(*sorted(inner, key=lambda one: one[1])))
                for name, inner in folders.items()]  # fmt: skip
        return self.tree(*sorted([*made, *more], key=lambda one: one[1]))

    def publish(self, tree: str, message: bytes | None = None, count: int = 1) -> None:
        """Make a tree the notes of the server, on top of those that it has."""
        text = message if message is not None else b"exp: 1 run\n\nNotes-Count: %d\n" % count
        self.ref("refs/notes/exp", self.commit(tree, message=text))

    def code(self, *entries: Entry, base: str | None = None, message: bytes = b"run: x\n") -> str:
        self.count += 1
        body = entries or ((FILE, b"train.py", self.blob(b"# evil %d\n" % self.count)),)
        parents = [base] if base else [git(self.where, "rev-parse", "refs/heads/main")]
        return self.commit(self.tree(*body), *parents, message=message)


def line(event: str, at: int = 0, /, **fields: Any) -> bytes:
    """A record, of whatever is in it."""
    return json.dumps({"t": T % at, "event": event, **fields}, separators=(",", ":")).encode()


def note(run_id: str, commit: str, *more: bytes, **start: Any) -> bytes:
    """The records of a finished run with one metric."""
    metrics = {"acc": {"last": 0.5, "min": 0.5, "max": 0.5, "first": 0.5, "count": 1}}
    begun = line("run_start", 1, v=1, run_id=run_id, **{
        "name": "evil", "git": {"commit": commit, "capture": "full"}, **start,
    })  # fmt: skip
    ended = line("run_end", 2, status="finished", metrics=metrics)
    return b"".join(one + b"\n" for one in sorted([begun, ended, *more]))


def new_id(seed: str = "") -> str:
    if not seed:
        return str(uuid.uuid4())
    return str(uuid.UUID(bytes=hashlib.sha256(seed.encode()).digest()[:16], version=4))


def strewn(top: Path, *but: Path) -> set[str]:
    """Every file below a folder that is in none of these others."""
    return {str(path) for path in top.rglob("*") if not any(one in path.parents for one in but)}
