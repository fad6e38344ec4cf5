"""The union of notes: the same whatever comes first, and what a stock git makes of them too."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from itertools import permutations
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from git_exp.git import notes, objects, refs
from git_exp.git.notes import Tip
from git_exp.git.objects import BLOB, Ident, Writer
from git_exp.git.refs import Change
from git_exp.git.repo import Repo, discover
from git_exp.share import union
from tests.share.world import git

WHO = Ident(name="Ada", email="ada@example.org", time=1)
T = b'{"t":"2026-01-02T03:04:0%d.000000Z","event":"%b"%b}'
# Several begin with the same two digits: they share a folder.
COMMITS = [f"{at:02x}" * 19 + f"{more:02x}" for at in (0, 0x10, 0xAB) for more in (1, 2)]
PLAIN = [T % (at, b"note", b',"text":"%d"' % at) for at in range(4)]
STONES = [T % (5, b"deleted", b""), T % (6, b"deleted", b',"by":"Ada"')]
SCRUBS = [T % (7, b"deleted", b',"replaced_by":"x"'), T % (8, b"deleted", b',"replaced_by":"y"')]
JUNK = [b"{", b"no record", b"\xff\xfe", b" "]


class Side(msgspec.Struct, frozen=True):
    """The notes of one clone: their lines as they stand, and how they are put into folders."""

    texts: Mapping[str, tuple[bytes, ...]]
    fanout: str
    ended: bool

    def text(self, commit: str) -> bytes:
        whole = b"\n".join(self.texts[commit])
        return whole + b"\n" if self.ended else whole


def sides(lines: Sequence[bytes], fanouts: Sequence[str]) -> st.SearchStrategy[list[Side]]:
    text = st.lists(st.sampled_from(lines), min_size=1, max_size=5).map(tuple)
    one = st.builds(
        Side,
        texts=st.dictionaries(st.sampled_from(COMMITS), text, max_size=5),
        fanout=st.sampled_from(fanouts),
        ended=st.booleans(),
    )
    return st.lists(one, min_size=3, max_size=3)


def written(repo: Repo, side: Side) -> Tip:
    """A side as a commit: by us, or as stock git and others put notes into folders."""
    writer = Writer(repo)
    if side.fanout == "ours":
        # As we write them, sorted and each line once.
        texts = {one: notes.joined([side.text(one), b""]) for one in side.texts}
        made = notes.write(writer, notes.NOTHING, texts)
        oid = notes.commit(writer, made, "ours", author=WHO, committer=WHO)
        return Tip(commit=oid, tree=made.tree, count=made.count)
    entries = {}
    for at, commit in enumerate(side.texts):
        text = side.text(commit)
        paths = {
            "flat": [commit],
            "deep": [f"{commit[:2]}/{commit[2:4]}/{commit[4:]}"],
            "mixed": [commit, f"{commit[:2]}/{commit[2:]}"] if at % 2 else [commit],
        }[side.fanout]
        for number, path in enumerate(paths):
            # A stock git that merged two fan-outs leaves a part of the note in each.
            part = text if len(paths) == 1 else PLAIN[number] + b"\n" + text
            entries[path] = (BLOB, writer.blob(part))
    tree = writer.tree(None, entries)
    oid = writer.commit(tree, [], "Notes added by 'git notes add'\n", author=WHO, committer=WHO)
    return Tip(commit=oid, tree=tree, count=None)


def begin(repo: Repo, tip: Tip | None) -> None:
    """Make a tip our notes, whatever they were."""
    old, new = refs.resolve(repo, notes.REF), tip.commit if tip else None
    if old != new:
        refs.update(repo, [Change(name=notes.REF, new=new, old=old)])


def merged(repo: Repo, tips: Sequence[Tip]) -> Tip:
    """The notes of a clone that met these histories one after the other."""
    begin(repo, tips[0])
    for one in tips[1:]:
        union.merge_in(repo, one)
    return notes.tip(repo)


def settled(repo: Repo, tip: Tip) -> str | None:
    """The tree that is pushed: what others wrote is where it belongs, every line in its place."""
    found = contents(repo, tip)
    texts = {one: notes.joined([text, b""]) for one, text in found.items()}
    return notes.write(Writer(repo), notes.NOTHING, texts).tree if texts else None


def contents(repo: Repo, tip: Tip) -> dict[str, bytes]:
    every = dict.fromkeys(commit for commit, _ in notes.listing(repo, tip.tree))
    return {commit: notes.read(repo, tip.tree, commit) for commit in every}


def lines(repo: Repo, tip: Tip) -> dict[str, set[bytes]]:
    return {one: set(text.split(b"\n")) - {b""} for one, text in contents(repo, tip).items()}


@pytest.fixture
def bare(tmp_path: Path) -> Repo:
    git(tmp_path, "init", "-q", "--bare", "bare.git")
    return discover(tmp_path / "bare.git", os.environ)


def _agree(bare: Repo, every: Sequence[Side]) -> None:
    tips = [written(bare, one) for one in every]
    ends = [merged(bare, order) for order in permutations(tips)]

    assert len({settled(bare, end) for end in ends}) == 1, "the order counts"
    # Two who have met everybody and then each other have the same bytes.
    final = {merged(bare, [end, ends[0]]).tree for end in ends}
    assert len(final) == 1
    (a, b, c) = tips
    left = merged(bare, [merged(bare, [a, b]), c])
    right = merged(bare, [a, merged(bare, [b, c])])
    assert settled(bare, left) == settled(bare, right)
    again = merged(bare, [left, a, b, c, left])
    assert again.tree == left.tree, "what is known already changes something"


def _expected(bare: Repo, every: Sequence[Side]) -> None:
    tips = [written(bare, one) for one in every]
    whole: dict[str, set[bytes]] = {}
    for tip in tips:
        for commit, found in lines(bare, tip).items():
            whole.setdefault(commit, set()).update(found)
    for found in whole.values():
        if found & set(SCRUBS):
            found &= {*STONES, *SCRUBS}

    assert lines(bare, merged(bare, tips)) == whole


ANY = sides([*PLAIN, *STONES, *SCRUBS, *JUNK], ["ours", "ours", "flat", "deep", "mixed"])
PLAIN_SIDES = sides([*PLAIN, *STONES], ["ours", "flat", "deep"])
FEW = settings(
    max_examples=5,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
MANY = settings(FEW, max_examples=40)


@pytest.mark.slow
@FEW
@given(every=ANY)
def test_the_order_of_merges_does_not_count(bare: Repo, every: list[Side]) -> None:
    _agree(bare, every)


@pytest.mark.slow
@MANY
@given(every=ANY)
def test_the_order_of_a_great_many_merges_does_not_count(bare: Repo, every: list[Side]) -> None:
    _agree(bare, every)


@FEW
@given(every=sides([*PLAIN, *STONES, *SCRUBS, *JUNK], ["ours"]))
def test_merges_of_our_own_notes_have_the_same_bytes(bare: Repo, every: list[Side]) -> None:
    tips = [written(bare, one) for one in every]

    assert len({merged(bare, order).tree for order in permutations(tips)}) == 1


@settings(FEW, max_examples=25)
@given(every=ANY)
def test_a_merge_has_every_line_but_what_was_scrubbed(bare: Repo, every: list[Side]) -> None:
    _expected(bare, every)


@FEW
@given(every=PLAIN_SIDES)
def test_a_stock_git_makes_the_same_of_what_nobody_scrubbed(bare: Repo, every: list[Side]) -> None:
    tips = [written(bare, one) for one in every]
    with tempfile.TemporaryDirectory(dir=bare.common_dir.parent) as folder:
        git(Path(folder), "init", "-q", ".")
        Path(folder, ".git/objects/info/alternates").write_text(f"{bare.common_dir}/objects\n")
        git(Path(folder), "update-ref", "refs/notes/exp", tips[0].commit or "")
        for tip in tips[1:]:
            git(Path(folder), "update-ref", "refs/notes/theirs", tip.commit or "")
            git(Path(folder), "notes", "--ref=exp", "merge", "-q", "-s", "cat_sort_uniq", "theirs")
        other = discover(Path(folder), os.environ)
        stock = lines(other, notes.tip(other))

    assert stock == lines(bare, merged(bare, tips))


def test_a_merge_moves_our_ref_to_theirs_where_theirs_is_the_union(bare: Repo) -> None:
    less = written(bare, Side({COMMITS[0]: (PLAIN[0],)}, "ours", True))
    more = written(bare, Side({COMMITS[0]: (PLAIN[0],), COMMITS[1]: (PLAIN[1],)}, "ours", True))

    assert merged(bare, [less, more]).commit == more.commit
    assert merged(bare, [more, less]).commit == more.commit


def test_a_note_that_was_too_large_is_left_out_of_either_side(
    bare: Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(union, "LARGEST", 200)
    big = tuple(T % (1, b"note", b',"text":"%03d"' % at) for at in range(9))
    mine = written(bare, Side({COMMITS[0]: (PLAIN[0],), COMMITS[2]: (PLAIN[2],)}, "ours", True))
    theirs = written(bare, Side({COMMITS[0]: big, COMMITS[1]: (PLAIN[1],)}, "ours", True))
    begin(bare, mine)

    report = union.merge_in(bare, theirs)

    assert report.too_large == [COMMITS[0]]
    assert lines(bare, notes.tip(bare)) == {
        COMMITS[0]: {PLAIN[0]}, COMMITS[1]: {PLAIN[1]}, COMMITS[2]: {PLAIN[2]},
    }  # fmt: skip


def test_objects_of_a_merge_are_all_there(bare: Repo) -> None:
    tips = [
        written(bare, Side({one: (PLAIN[at % 4],)}, fanout, True))
        for at, (one, fanout) in enumerate(zip(COMMITS, ("ours", "flat", "deep") * 2, strict=True))
    ]

    end = merged(bare, tips)

    assert end.commit
    assert not objects.missing(bare, [end.commit, end.tree or ""])
    assert not git(bare.common_dir, "fsck", "--strict", "--no-dangling", "--connectivity-only")
