"""Notes trees: any that stock git writes is read, and what we write stock git reads."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import pytest

from git_exp import errors
from git_exp.git import notes, objects
from git_exp.git.notes import Tip
from git_exp.git.objects import BLOB, Ident, Writer
from git_exp.git.repo import Repo
from tests.spooled import counted, found, whole

Git = Callable[..., str]
ADA = Ident(name="Ada", email="ada@example.org", time=1_767_323_045)


def ids(count: int, seed: int = 1) -> list[str]:
    """Object ids, of which some share their first two and four digits."""
    chosen = random.Random(seed)
    heads = [f"{chosen.randrange(256):02x}{chosen.randrange(4):02x}" for _ in range(max(count, 1))]
    return [heads[n % max(1, count // 2)] + f"{chosen.getrandbits(144):036x}" for n in range(count)]


def put(repo: Path, texts: Mapping[str, bytes], *, message: str | None = None) -> Tip:
    """Write notes as a seal does and move the ref; a `message` of another writer's."""
    here = found(repo)
    writer = Writer(here)
    made = notes.write(writer, notes.tip(here), texts)
    if message is None:
        oid = notes.commit(writer, made, "exp: test", author=ADA, committer=ADA)
    else:
        parents = [made.commit] if made.commit else []
        oid = writer.commit(made.tree or "", parents, message, author=ADA, committer=ADA)
    _move(here, oid)
    return made


def _move(here: Repo, oid: str) -> None:
    here.git("update-ref", "refs/notes/exp", oid)


def by_hand(repo: Path, entries: Mapping[str, tuple[int, bytes]]) -> None:
    """A notes tree of any shape, made by somebody who counts nothing."""
    here = found(repo)
    writer = Writer(here)
    made = {path: (mode, writer.blob(text)) for path, (mode, text) in entries.items()}
    tree = writer.tree(None, made)
    _move(here, writer.commit(tree, [], "by hand", author=ADA, committer=ADA))


def paths(git: Git) -> list[str]:
    return git("ls-tree", "-r", "--name-only", "refs/notes/exp").splitlines()


def all_of(repo: Path) -> dict[str, bytes]:
    here = found(repo)
    tip = notes.tip(here)
    listed = {oid for oid, _ in notes.listing(here, tip.tree)}
    return {oid: notes.read(here, tip.tree, oid) for oid in listed}


def texts(oids: Iterable[str]) -> dict[str, bytes]:
    return {oid: f"note on {oid}\n".encode() for oid in oids}


def test_there_are_no_notes_before_the_first(repo: Path) -> None:
    here = found(repo)

    assert notes.tip(here) == notes.NOTHING
    assert list(notes.listing(here, None)) == []
    assert notes.read(here, None, "1" * 40) == b""
    assert notes.removed(here, None) == {}


def test_notes_are_written_with_one_level_and_counted(repo: Path, git: Git) -> None:
    oids = ids(30)

    made = put(repo, texts(oids))

    assert made.count == 30
    assert paths(git) == sorted(f"{oid[:2]}/{oid[2:]}" for oid in oids)
    assert all_of(repo) == texts(oids)
    assert whole(repo) == ""


def test_stock_git_lists_and_shows_what_we_write(repo: Path, git: Git) -> None:
    commits = [git("commit-tree", "HEAD^{tree}", "-m", str(number)) for number in range(20)]
    put(repo, texts(commits))

    listed = git("notes", "--ref=exp", "list").splitlines()

    assert sorted(line.split()[1] for line in listed) == sorted(commits)
    for commit in commits:
        assert git("notes", "--ref=exp", "show", commit) == f"note on {commit}"


def test_a_second_level_begins_above_the_limit_and_ends_below_it(
    repo: Path, git: Git, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notes, "ONE_LEVEL", 5)
    oids = ids(7)
    put(repo, texts(oids[:5]))
    assert paths(git) == sorted(f"{oid[:2]}/{oid[2:]}" for oid in oids[:5])

    put(repo, texts(oids[5:]))

    assert paths(git) == sorted(f"{oid[:2]}/{oid[2:4]}/{oid[4:]}" for oid in oids)
    assert all_of(repo) == texts(oids)
    listed = git("notes", "--ref=exp", "list").splitlines()
    assert {line.split()[1] for line in listed} == set(oids)
    git("notes", "--ref=exp", "remove", "--ignore-missing", *oids[:2])
    put(repo, {oids[3]: b"changed\n"})
    assert paths(git) == sorted(f"{oid[:2]}/{oid[2:]}" for oid in oids[2:])
    assert all_of(repo)[oids[3]] == b"changed\n"


@pytest.mark.parametrize("limit", [3, 8, 1_000_000])
def test_the_tree_is_a_function_of_the_notes_alone(
    repo: Path, git: Git, monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    monkeypatch.setattr(notes, "ONE_LEVEL", limit)
    oids = ids(12)
    trees = set()
    for seed in range(4):
        chosen = random.Random(seed)
        order = chosen.sample(oids, len(oids))
        git("update-ref", "-d", "refs/notes/exp")
        while order:
            several = [order.pop() for _ in range(min(len(order), chosen.randrange(1, 5)))]
            made = put(repo, texts(several), message=chosen.choice([None, "foreign"]))
        # What is written after a foreign writer is put in order at the next write of ours.
        made = put(repo, texts(oids[:1]))
        trees.add(made.tree)
        assert made.count == 12

    assert len(trees) == 1


SHAPES: dict[str, Callable[[str], list[str]]] = {
    "flat": lambda oid: [oid],
    "one level": lambda oid: [f"{oid[:2]}/{oid[2:]}"],
    "two levels": lambda oid: [f"{oid[:2]}/{oid[2:4]}/{oid[4:]}"],
    "three levels": lambda oid: [f"{oid[:2]}/{oid[2:4]}/{oid[4:6]}/{oid[6:]}"],
    "mixed": lambda oid: [[oid, f"{oid[:2]}/{oid[2:]}", f"{oid[:2]}/{oid[2:4]}/{oid[4:]}"][
        int(oid[-1], 16) % 3]],
}  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES)
def test_any_shape_is_read_and_brought_to_one_level_by_the_next_write(
    repo: Path, git: Git, shape: str
) -> None:
    oids = ids(20)
    place = SHAPES[shape]
    by_hand(repo, {path: (BLOB, texts(oids)[oid]) for oid in oids for path in place(oid)})
    assert notes.tip(found(repo)).count is None
    assert all_of(repo) == texts(oids)

    made = put(repo, {oids[0]: b"new\n"})

    assert made.count == 20
    assert paths(git) == sorted(f"{oid[:2]}/{oid[2:]}" for oid in oids)
    assert all_of(repo) == {**texts(oids), oids[0]: b"new\n"}
    assert whole(repo) == ""


def test_a_note_in_several_places_is_all_of_them_in_one(repo: Path, git: Git) -> None:
    oid, other = ids(2)
    by_hand(repo, {
        oid: (BLOB, b"a\n"),
        f"{oid[:2]}/{oid[2:]}": (BLOB, b"b\n"),
        f"{oid[:2]}/{oid[2:4]}/{oid[4:]}": (BLOB, b"c\n"),
    })  # fmt: skip
    here = found(repo)
    assert notes.read(here, notes.tip(here).tree, oid) == b"a\nb\nc\n"
    assert len(list(notes.listing(here, notes.tip(here).tree))) == 3

    made = put(repo, {other: b"x\n"})

    assert made.count == 2
    assert all_of(repo)[oid] == b"a\nb\nc\n"
    assert paths(git) == sorted(f"{one[:2]}/{one[2:]}" for one in (oid, other))


def test_a_write_to_a_note_in_several_places_leaves_one(repo: Path, git: Git) -> None:
    (oid,) = ids(1)
    by_hand(repo, {oid: (BLOB, b"a\n"), f"{oid[:2]}/{oid[2:]}": (BLOB, b"b\n")})

    made = put(repo, {oid: b"a\nb\n"})

    assert made.count == 1
    assert paths(git) == [f"{oid[:2]}/{oid[2:]}"]
    assert all_of(repo) == {oid: b"a\nb\n"}


def test_what_is_no_note_is_passed_over_and_kept(repo: Path, git: Git) -> None:
    (oid,) = ids(1)
    others = {
        "README": (BLOB, b"hello"),
        "abc": (BLOB, b"hex, and too short"),
        "folder/inside": (BLOB, b"x"),
        "ABCDEF" + "0" * 34: (BLOB, b"capitals"),
        f"{oid[:2]}/README": (BLOB, b"among the notes"),
        "1" * 41: (BLOB, b"too long"),
        "2" * 40: (0o120000, b"a link"),
    }
    by_hand(repo, {**others, oid: (BLOB, b"the note\n")})
    assert all_of(repo) == {oid: b"the note\n"}

    made = put(repo, {oid: b"the note, changed\n"})

    assert made.count == 1
    assert paths(git) == sorted([*others, f"{oid[:2]}/{oid[2:]}"])


def test_a_module_where_a_note_should_be_is_no_note(repo: Path, git: Git) -> None:
    (oid,) = ids(1)
    head = git("rev-parse", "HEAD")
    blob = git("hash-object", "-w", "--stdin", stdin="a note")
    listing = f"160000 commit {head}\t{'3' * 40}\n100644 blob {blob}\t{oid}\n"
    tree = git("mktree", stdin=listing)
    git("update-ref", "refs/notes/exp", git("commit-tree", tree, "-m", "odd"))

    assert all_of(repo) == {oid: b"a note"}
    assert notes.blobs(found(repo), tree, "3" * 40) == []


def test_a_note_that_nobody_can_read_stays_where_it_is(repo: Path, git: Git) -> None:
    lost, oid = ids(2)
    by_hand(repo, {lost: (BLOB, b"to be lost\n"), oid: (BLOB, b"kept\n")})
    (blob,) = notes.blobs(found(repo), notes.tip(found(repo)).tree, lost)
    (repo / f".git/objects/{blob[:2]}/{blob[2:]}").unlink()

    made = put(repo, {oid: b"changed\n"})

    assert made.count == 2
    assert paths(git) == sorted([lost, f"{oid[:2]}/{oid[2:]}"])
    with pytest.raises(errors.GitFailed, match="git cat-file failed"):
        notes.read(found(repo), made.tree, lost)


def test_stock_git_s_own_changes_are_read_and_put_in_order(repo: Path, git: Git) -> None:
    commits = [git("commit-tree", "HEAD^{tree}", "-m", str(number)) for number in range(300)]
    put(repo, texts(commits[:150]))
    for commit in commits[150:153]:
        git("notes", "--ref=exp", "add", "-m", f"note on {commit}", commit)
    git("notes", "--ref=exp", "copy", "--stdin", stdin="".join(
        f"{commits[0]} {commit}\n" for commit in commits[153:]))  # fmt: skip
    assert notes.tip(found(repo)).count is None
    expected = {**texts(commits[:153]), **dict.fromkeys(commits[153:], texts(commits)[commits[0]])}
    assert all_of(repo) == expected

    made = put(repo, {commits[0]: b"ours\n"})

    assert made.count == 300
    assert paths(git) == sorted(f"{oid[:2]}/{oid[2:]}" for oid in commits)
    assert all_of(repo) == {**expected, commits[0]: b"ours\n"}


def test_a_write_among_many_touches_only_its_own_folder(
    repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    oids = ids(400)
    put(repo, texts(oids))
    here = found(repo)
    writer = Writer(here)

    with counted(monkeypatch, objects, "tree") as listed:
        notes.write(writer, notes.tip(here), {oids[0]: b"changed\n"})

    assert listed == []
    assert len(writer.written) == 3


def test_what_our_history_lost_is_found_in_every_step_that_is_not_ours(
    repo: Path, git: Git
) -> None:
    one, two, three = (git("commit-tree", "HEAD^{tree}", "-m", str(n)) for n in range(3))
    put(repo, texts([one, two, three]))
    git("notes", "--ref=exp", "remove", one)
    put(repo, {one: b"again\n"})
    git("notes", "--ref=exp", "remove", one, two)
    here = found(repo)

    lost = notes.removed(here, notes.tip(here).commit)

    assert {oid: {objects.blob(here, blob) for blob in blobs} for oid, blobs in lost.items()} == {
        one: {texts([one])[one], b"again\n"},
        two: {texts([two])[two]},
    }


def test_what_one_side_of_a_foreign_merge_lacks_is_missed(repo: Path, git: Git) -> None:
    one, two = (git("commit-tree", "HEAD^{tree}", "-m", str(n)) for n in range(2))
    put(repo, texts([one]))
    base = git("rev-parse", "refs/notes/exp")
    put(repo, texts([two]))
    tree = git("rev-parse", f"{base}^{{tree}}")
    merged = git("commit-tree", tree, "-m", "ours", "-p", base, "-p", "refs/notes/exp")
    git("update-ref", "refs/notes/exp", merged)

    assert list(notes.removed(found(repo), merged)) == [two]


def test_a_history_that_is_shallow_is_read_as_far_as_it_goes(repo: Path, git: Git) -> None:
    put(repo, texts(ids(2)))
    git("notes", "--ref=exp", "add", "-m", "foreign", "HEAD")
    oid = git("rev-parse", "refs/notes/exp^")
    (repo / f".git/objects/{oid[:2]}/{oid[2:]}").unlink()
    tip = git("rev-parse", "refs/notes/exp")

    assert notes.removed(found(repo), tip) == {}


def test_two_notes_on_one_object_in_a_partial_clone_are_fetched_to_be_joined(
    repo: Path, git: Git, tmp_path: Path
) -> None:
    oid, other = ids(2)
    by_hand(repo, {oid: (BLOB, b"a\n"), f"{oid[:2]}/{oid[2:]}": (BLOB, b"b\n")})
    git("config", "uploadpack.allowFilter", "true")
    git("config", "uploadpack.allowAnySHA1InWant", "true")
    clone = tmp_path / "partial"
    git("clone", "-q", "--filter=blob:none", f"file://{repo}", clone)
    git("fetch", "-q", "origin", "refs/notes/exp:refs/notes/exp", cwd=clone)

    made = put(clone, {other: b"x\n"})

    assert made.count == 2
    assert all_of(clone) == {oid: b"a\nb\n", other: b"x\n"}


def test_no_notes_ref_is_asked_for_but_our_own(repo: Path, git: Git) -> None:
    git("notes", "add", "-m", "the user's", "HEAD")

    assert notes.tip(found(repo)) == notes.NOTHING
    assert notes.tip(found(repo), "refs/notes/commits").count is None


def test_a_mix_of_two_writers_is_what_both_wrote(repo: Path, git: Git) -> None:
    chosen = random.Random(3)
    commits = [git("commit-tree", "HEAD^{tree}", "-m", str(number)) for number in range(12)]
    model: dict[str, bytes] = {}
    for turn in range(24):
        commit = chosen.choice(commits)
        text = f"turn {turn}\n".encode()
        if chosen.random() < 0.5:
            put(repo, {commit: text})
        else:
            git("notes", "--ref=exp", "add", "-f", "-F", "-", commit, stdin=text.decode())
        model[commit] = text

        assert all_of(repo) == model
