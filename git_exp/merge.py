"""Two sets of lines to one: the union, sorted by bytes, as git's `cat_sort_uniq` has it."""

from __future__ import annotations

from collections.abc import Iterable


def lines(note: bytes) -> list[bytes]:
    """The lines of a note without their line feeds; a last one that lacks it counts too."""
    return [line for line in note.split(b"\n") if line]


def union(*notes: Iterable[bytes]) -> bytes:
    """One note of several sets of lines: sorted, each line once, each with its line feed."""
    every = sorted({line for note in notes for line in note})
    return b"".join(line + b"\n" for line in every)


def is_tombstone(note: bytes) -> bool:
    """Whether a note says that its run was deleted; reads no more than it must."""
    return b'"event":"deleted"' in note and any(
        line[33:52] == b'","event":"deleted"' for line in lines(note)
    )
