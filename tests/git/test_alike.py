"""What is the same in two places: trees as far as paths go, and changes by their patch."""

from __future__ import annotations

from pathlib import Path

import pytest

from git_exp import errors
from git_exp.git import alike, objects
from tests.world import World


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "a repo")


def test_trees_are_compared_in_some_paths_alone(world: World) -> None:
    first = world.commit({"a.py": "1\n", "lib/b.py": "1\n", "doc/é x.md": "1\n"})
    doc = world.commit({"doc/é x.md": "2\n", "doc/new\nline": "n\n"})
    code = world.commit({"lib/b.py": "2\n"})
    trees = {name: world.git("rev-parse", f"{one}^{{tree}}")
             for name, one in (("first", first), ("doc", doc), ("code", code))}  # fmt: skip
    repo = world.repo("lib")
    others = [*trees.values(), "1" * 40, "", "--output=x", first]

    def same(*paths: str) -> set[str]:
        found = alike.same_paths(repo, trees["doc"], others, paths=paths)
        return {name for name, tree in trees.items() if tree in found}

    assert same("*.py") == {"first", "doc"}
    assert same("a.py") == {"first", "doc", "code"}
    assert same("doc") == {"doc", "code"}
    assert same(":!doc") == {"first", "doc"}
    assert alike.same_paths(repo, trees["doc"], [], paths=["a.py"]) == set()
    with pytest.raises(errors.GitFailed):
        same(":(nonsense)a")


def test_a_change_has_the_same_id_wherever_it_stands(world: World) -> None:
    base = world.commit({"a.py": "1\n", "b.py": "1\n"})
    change = world.commit({"a.py": "2\n"})
    world.git("checkout", "-q", "--detach", base)
    world.commit({"b.py": "2\n"})
    world.git("cherry-pick", change)
    again = world.git("rev-parse", "HEAD")
    empty = world.commit()

    found = alike.patch_ids(world.repo(), [change, again, empty, base])

    assert found[change] == found[again] != found[base]
    assert empty not in found
    assert alike.patch_ids(world.repo(), []) == {}


def test_parents_and_the_tree_of_the_index(world: World) -> None:
    first = world.commit({"a.py": "1\n"})
    second = world.commit({"a.py": "2\n"})
    world.write({"a.py": "3\n"})
    world.git("add", "a.py")
    repo = world.repo()

    assert alike.parents(repo, first) == []
    assert alike.parents(repo, second) == [first]
    tree = alike.index_tree(repo)
    assert tree != objects.tree_of(repo, second)
    assert world.git("cat-file", "-p", f"{tree}:a.py") == "3"
