"""Two sets of lines to one: the union, sorted by bytes, as git's `cat_sort_uniq` has it."""

from __future__ import annotations

from collections.abc import Iterable

_STONE = b'","event":"deleted"'
_SCRUBBED = b'"replaced_by":'


def lines(note: bytes) -> list[bytes]:
    """The lines of a note without their line feeds; a last one that lacks it counts too."""
    return [line for line in note.split(b"\n") if line]


def union(*notes: Iterable[bytes]) -> bytes:
    """One note of several sets of lines: sorted, each line once, each with its line feed.

    Of a run that was scrubbed nothing but its tombstones is kept, whoever still had the rest.
    """
    every = sorted({line for note in notes for line in note})
    if any(_is_stone(line) and _SCRUBBED in line for line in every):
        every = [line for line in every if _is_stone(line)]
    return b"".join(line + b"\n" for line in every)


def is_tombstone(note: bytes) -> bool:
    """Whether a note says that its run was deleted; reads no more than it must."""
    return b'"event":"deleted"' in note and any(map(_is_stone, lines(note)))


def _is_stone(line: bytes) -> bool:
    # A torn line is none: it says nothing yet.
    return line[33:52] == _STONE and line.endswith(b"}")
