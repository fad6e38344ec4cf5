"""Two sets of lines to one: as `git notes merge -s cat_sort_uniq` has it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from git_exp import merge, records

T = "2026-01-02T03:04:05.000000Z"
lines = st.lists(st.binary(max_size=8).map(lambda raw: raw.replace(b"\n", b"")), max_size=6)
Git = Callable[..., str]


def test_a_union_has_every_line_once_sorted_by_bytes() -> None:
    assert merge.union([b"b", b"a"], [b"b", b"\xff"], []) == b"a\nb\n\xff\n"
    assert merge.union() == b""


def test_a_note_whose_last_line_has_no_end_has_that_line_too() -> None:
    assert merge.lines(b"a\n\nb") == [b"a", b"b"]
    assert merge.lines(b"") == []


def test_a_tombstone_is_a_line_of_its_own_kind() -> None:
    deleted = records.line(records.Deleted(t=T, by="ada"))
    told = records.line(records.Note(t=T, text='"event":"deleted"'))

    assert merge.is_tombstone(told + deleted)
    assert not merge.is_tombstone(told)
    assert not merge.is_tombstone(b"")


def test_a_union_is_what_git_notes_merge_makes(repo: Path, git: Git) -> None:
    ours = [records.line(records.Note(t=T, text=text))[:-1] for text in ("b", "é", "a")]
    theirs = [records.line(records.Note(t=T, text=text))[:-1] for text in ("c", "a")]
    for ref, side in (("ours", ours), ("theirs", theirs)):
        note = merge.union(side).decode()
        git("notes", f"--ref={ref}", "add", "-F", "-", "HEAD", stdin=note)

    git("notes", "--ref=ours", "merge", "-q", "-s", "cat_sort_uniq", "refs/notes/theirs")

    merged = subprocess.run(("git", "notes", "--ref=ours", "show", "HEAD"), capture_output=True)
    assert merged.stdout == merge.union(ours, theirs)


@given(lines, lines)
def test_a_union_is_the_same_from_both_sides(one: list[bytes], other: list[bytes]) -> None:
    assert merge.union(one, other) == merge.union(other, one)


@given(lines, lines, lines)
def test_a_union_is_the_same_in_any_grouping(
    a: list[bytes], b: list[bytes], c: list[bytes]
) -> None:
    left = merge.union(merge.lines(merge.union(a, b)), c)
    right = merge.union(a, merge.lines(merge.union(b, c)))

    assert merge.lines(left) == merge.lines(right)


@given(lines)
def test_a_union_with_itself_changes_nothing(one: list[bytes]) -> None:
    note = merge.union(one)

    assert merge.union(merge.lines(note), merge.lines(note)) == merge.union(merge.lines(note))


def test_a_torn_line_is_no_tombstone() -> None:
    whole = records.line(records.Deleted(t=T, by="Ada"))

    assert merge.is_tombstone(whole)
    assert not merge.is_tombstone(whole[:60])


def test_of_a_scrubbed_run_only_tombstones_are_kept_whoever_has_the_rest() -> None:
    note = records.line(records.Note(t=T, text="secret"))[:-1]
    stone = records.line(records.Deleted(t=T, by="Ada"))[:-1]
    scrubbed = records.line(records.Deleted(t=T, by="Ada", replaced_by="other"))[:-1]

    assert merge.lines(merge.union([note, stone])) == [stone, note]
    assert merge.lines(merge.union([note, stone], [scrubbed])) == sorted([stone, scrubbed])
