"""The data commit: what of a run is large, on a ref of its own."""

from __future__ import annotations

import io
import re
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

import msgspec

from git_exp import outputs, records, spool
from git_exp.git import objects, refs
from git_exp.git.objects import BLOB, Ident, Writer
from git_exp.git.refs import Change
from git_exp.git.repo import Repo
from git_exp.spool import Folder, Found

CHUNK = 16 << 20
MAX_OUTPUT = 16 << 20
OUTPUTS = ("output/stdout", "output/stderr")
OBJECTS = "objects.jsonl"
# In a spool it has no suffix: it is no journal.
WAITING = "objects"
_DIGEST = re.compile(r"[0-9a-f]{64}")
_KEPT = ("output", "artifacts", "packages.txt", WAITING, "aside")


class Sorted(msgspec.Struct, kw_only=True):
    """A spool's lines by where they go: notes for the note, chunks of series as blobs."""

    notes: list[bytes] = []
    entries: dict[str, tuple[int, str]] = {}
    last: str = ""


def name(run_id: str) -> str:
    """The ref of a run's data."""
    return f"refs/exp/data/{run_id}"


def sort(writer: Writer, folder: Folder, tip: str | None) -> Sorted:
    """Sort a spool's lines; of the series only those that are not in the data commit yet."""
    out = Sorted()
    there = _chunks(writer.repo, tip)
    for found in folder.journals:
        mine = [chunk.oid for chunk in there if chunk.stem == found.stem]
        number = len(mine)
        for text in _series(found, out, skip=sum(objects.size(writer.repo, oid) for oid in mine)):
            out.entries[f"series/{found.stem}.{number:05d}.jsonl"] = (BLOB, writer.blob(text))
            number += 1
    return out


def ref(writer: Writer, folder: Folder, found: Sorted, *, tip: str | None) -> list[Change]:
    """The new data commit of a run; none where its tip has this tree already."""
    entries = {**found.entries, **_files(writer, folder, found)}
    if waiting := kept_objects(folder.path):
        entries[OBJECTS] = (BLOB, writer.blob(joined(file(writer.repo, tip, OBJECTS), waiting)))
    if not entries or folder.writer is None:
        return []
    old = objects.commit(writer.repo, tip) if tip else None
    tree = writer.tree(old.tree if old else None, entries)
    if old and tree == old.tree:
        return []
    parent = tip if old else None
    commit = _commit(writer, folder.writer, tree, parent=parent, last=found.last)
    return [Change(name=name(folder.run_id), new=commit, old=tip)]


def tip(repo: Repo, run_id: str) -> str | None:
    """Where the data of a run stands, by its own ref."""
    return refs.resolve(repo, name(run_id))


def series(repo: Repo, tip: str | None, but: Collection[str] = ()) -> Iterator[bytes]:
    """The `track` lines in a data commit, a chunk at a time, in no order between journals.

    `but` leaves out some journals by their stems: those that are still in the spool.
    """
    for chunk in _chunks(repo, tip):
        if chunk.stem in but:
            continue
        # A list of its lines would be larger than the chunk itself.
        for line in io.BytesIO(objects.blob(repo, chunk.oid)):
            if line != b"\n":
                yield line.removesuffix(b"\n")


def file(repo: Repo, tip: str | None, path: str) -> bytes | None:
    """A file of a data commit, None where there is none."""
    entry = objects.entry(repo, tip, path) if tip else None
    return objects.blob(repo, entry[1]) if entry else None


def stands_on(repo: Repo, tip: str, commit: str) -> bool:
    """Whether a data commit is that of the run with this commit: its history begins there."""
    found = objects.commit(repo, tip)
    while found and found.parents:
        if found.parents[0] == commit:
            return True
        found = objects.commit(repo, found.parents[0])
    return False


def kept_objects(folder: Path) -> bytes:
    """The objects that wait in a spool, as lines; one that was torn is cut."""
    try:
        text = (folder / WAITING).read_bytes()
    except FileNotFoundError:
        return b""
    return text[: text.rfind(b"\n") + 1]


def joined(sealed: bytes | None, waiting: bytes) -> bytes:
    """The lines of objects that are sealed, and those of the spool that are not."""
    # Each once: two processes of a run register the same action.
    every = ((sealed or b"") + waiting).split(b"\n")
    return b"".join(line + b"\n" for line in dict.fromkeys(every) if line)


def remove(folder: Path) -> None:
    """Remove what waited in a spool beside its journals: it is sealed."""
    import shutil

    for kept in _KEPT:
        path = folder / kept
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


class _Chunk(msgspec.Struct, frozen=True, kw_only=True):
    stem: str
    oid: str


def _chunks(repo: Repo, tip: str | None) -> list[_Chunk]:
    """The chunks in a data commit, in order: `<journal>.<number>.jsonl`."""
    under = objects.entry(repo, tip, "series") if tip else None
    if under is None:
        return []
    return [
        _Chunk(stem=name.rsplit(".", 2)[0], oid=oid)
        for name, _, oid in sorted(objects.tree(repo, under[1]))
    ]


def _series(found: Found, out: Sorted, skip: int) -> Iterator[bytes]:
    """A journal's series past the first `skip` bytes, in chunks; all other lines go to `out`."""
    chunk = bytearray()
    for line in found.lines():
        if not _is_series(line):
            if not spool.is_private(line):
                out.notes.append(line)
                out.last = max(out.last, _time(line))
            continue
        if skip > 0:
            skip -= len(line) + 1
            continue
        if chunk and len(chunk) + len(line) >= CHUNK:
            yield bytes(chunk)
            chunk.clear()
        chunk += line + b"\n"
        out.last = max(out.last, _time(line))
    if chunk:
        yield bytes(chunk)


def _is_series(line: bytes) -> bool:
    """Whether a line belongs to the series: what is tracked, and what is damaged."""
    if records.is_kind(line, b"track"):
        return True
    return isinstance(records.parse(line), records.Damaged)


def _time(line: bytes) -> str:
    text = line[6:33].decode("ascii", "replace")
    return text if records.valid_time(text) else ""


def kept(repo: Repo, output: Path) -> bytes:
    """What is kept of an output file: up to `exp.maxOutput` bytes."""
    return b"".join(outputs.trimmed(output, repo.config.size("exp.maxOutput", MAX_OUTPUT)))


def _files(writer: Writer, folder: Folder, found: Sorted) -> dict[str, tuple[int, str]]:
    entries: dict[str, tuple[int, str]] = {}
    for path in OUTPUTS:
        output = folder.path / path
        if output.exists() and output.stat().st_size:
            entries[path] = (BLOB, writer.blob(kept(writer.repo, output)))
    packages = folder.path / "packages.txt"
    if packages.exists():
        entries["packages.txt"] = (BLOB, writer.blob(packages.read_bytes()))
    for path, digest in artifacts(found.notes):
        waiting = folder.path / "artifacts" / digest
        if waiting.exists():
            name = f"artifacts/{path}"
            if _in_the_way(name, entries):
                # Two processes of one run: one's file is the other's folder. Both are kept.
                name = f"{name}~{digest[:8]}"
            entries[name] = (BLOB, writer.blob(waiting.read_bytes()))
    return entries


def _in_the_way(name: str, entries: Collection[str]) -> bool:
    return any(other.startswith(f"{name}/") or name.startswith(f"{other}/") for other in entries)


def artifacts(lines: Iterable[bytes]) -> Iterator[tuple[str, str]]:
    """The stored artifacts that lines tell of, path and SHA-256, the latest of each path last."""
    for line in sorted(lines):
        if not records.is_kind(line, b"artifact"):
            continue
        event = records.parse(line)
        # It names a file in the spool, and anybody may have written it: no path is a digest.
        if isinstance(event, records.Artifact) and event.stored and is_digest(event.sha256):
            yield event.path, str(event.sha256)


def is_digest(text: str | None) -> bool:
    """Whether text is a SHA-256 as records have it: never a path."""
    return text is not None and _DIGEST.fullmatch(text) is not None


def _commit(
    writer: Writer, owner: records.Writer, tree: str, *, parent: str | None, last: str
) -> str:
    run = objects.commit(writer.repo, owner.commit)
    when = max(0, records.micros(last) // 1_000_000) if last else 0
    who = run.author if run else Ident(name=objects.NOBODY[0], email=objects.NOBODY[1], time=0)
    parent = parent or (owner.commit if run else None)
    return writer.commit(
        tree,
        [parent] if parent else [],
        f"data of run {owner.run_id}\n",
        author=Ident(name=who.name, email=who.email, time=when),
        committer=run.committer if run else who,
    )
