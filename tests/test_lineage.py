"""git_exp.lineage: what a run was derived from, and the tree that is drawn of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pygit2
import pytest

from git_exp import lineage, query, records
from git_exp.lineage import Lineage
from git_exp.run import Run
from git_exp.store import Store

TEXT = [f"line {at}" for at in range(30)]
ACC = query.goal("acc")


def text(*edits: int) -> str:
    """A file of thirty lines, of which these are edited."""
    return "\n".join(f"edit {at}" if at in edits else line for at, line in enumerate(TEXT)) + "\n"


class Grove:
    """Makes runs of a file's text on commits, one a second, and asks what was derived from what."""

    def __init__(self, repo: Path) -> None:
        self.repo, self.git = repo, pygit2.Repository(str(repo))
        self.runs: list[Run] = []

    def commit(self, code: str, *parents: str) -> str:
        tree = self.git.TreeBuilder()
        tree.insert("model.py", self.git.create_blob(code.encode()), 0o100644)
        who = pygit2.Signature("Ada", "ada@example.org", 0, 0)
        given = [pygit2.Oid(hex=one) for one in parents]
        return str(self.git.create_commit(None, who, who, "c", tree.write(), given))

    def run(self, name: str, base: str | None, code: str, acc: Any = None, **given: Any) -> Run:
        commit = self.commit(code, *([base] if base else []))
        git: dict[str, Any] = {
            "commit": commit, "tree": str(self.git[commit].peel(pygit2.Tree).id), "base": base,
            "capture": "full", **given.pop("git", {}),
        }  # fmt: skip
        run = Run(
            id=name, commit=commit, name=name, started=records.stamp(len(self.runs) * 1_000_000),
            status=given.pop("status", "finished"), git=records.Git(**git), **given,
        )  # fmt: skip
        if acc is not None:
            run.metrics = {"acc": records.Summary(last=acc)}
        self.runs.insert(0, run)
        return run

    def lineage(self) -> Lineage:
        return Lineage(Store.open(self.repo, {}), self.runs, ACC)

    def parents(self) -> dict[str, str | None]:
        found = self.lineage()
        places = {run.id: found.parent(at)[0] for at, run in enumerate(found.runs)}
        return {name: found.runs[at].id if at is not None else None for name, at in places.items()}


@pytest.fixture
def grove(repo: Path) -> Grove:
    return Grove(repo)


@pytest.fixture
def base(grove: Grove) -> str:
    return grove.commit(text())


def test_the_parent_is_the_earlier_run_of_the_nearest_code(grove: Grove, base: str) -> None:
    grove.run("root", base, text())
    grove.run("a", base, text(1, 2, 3))
    grove.run("b", base, text(1, 2, 3, 4))
    grove.run("c", base, text(9))
    grove.run("d", base, text(1, 2, 3, 5))

    assert grove.parents() == {"root": None, "a": "root", "b": "a", "c": "root", "d": "a"}


def test_of_equals_the_latest_is_the_parent(grove: Grove, base: str) -> None:
    grove.run("root", base, text())
    grove.run("same", base, text())
    grove.run("one", base, text(1))

    assert grove.parents()["one"] == "same"


def test_a_run_of_the_same_code_stands_beside_the_first_one(grove: Grove, base: str) -> None:
    grove.run("root", base, text())
    grove.run("again", base, text())
    grove.run("a", base, text(1))
    grove.run("a again", base, text(1), git={"derived": "a"})
    grove.run("b", base, text(2))
    grove.run("a at last", base, text(1))

    found = grove.parents()

    assert (found["again"], found["a"]) == (None, "again")
    assert (found["a again"], found["a at last"]) == ("again", "again")
    assert list(lines(grove)) == [
        "o root",
        "o again",
        "|\\",
        "| o a",
        "|\\",
        "| o a again",
        "|\\",
        "| o b",
        "o a at last",
    ]


def test_only_of_the_run_that_says_it_is_a_parent_recorded(grove: Grove, base: str) -> None:
    grove.run("start", base, text())
    grove.run("a", base, text(1), git={"derived": "start"})
    grove.run("a again", base, text(1), git={"derived": "a"})
    grove.run("a too", base, text(1), git={"derived": "start"})

    found = lineage.family(grove.lineage())

    assert [(one.run.id, one.parent, one.how) for one in found.nodes] == [
        ("start", None, None), ("a", "start", "recorded"), ("a again", "start", "nearest"),
        ("a too", "start", "recorded"),
    ]  # fmt: skip


def test_nothing_is_derived_from_a_run_that_failed_unless_that_is_recorded(
    grove: Grove, base: str
) -> None:
    grove.run("root", base, text(), acc=0.5)
    for name, status in (("f", "failed"), ("c", "crashed"), ("l", "lost")):
        grove.run(name, base, text(1, 2), status=status)
    grove.run("next", base, text(1, 2, 3), acc=0.9)
    grove.run("same", base, text(1, 2), acc=0.8)
    grove.run("told", base, text(1, 2, 4), git={"derived": "f"})

    assert grove.parents() == {
        "root": None, "f": "root", "c": "root", "l": "root", "next": "root", "same": "root",
        "told": "f",
    }  # fmt: skip
    found = lineage.family(grove.lineage())
    assert found.path == ["root", "next"]


def test_lines_count_and_not_files_alone(grove: Grove, base: str) -> None:
    grove.run("far", base, text(*range(20)))
    grove.run("near", base, text(25))
    grove.run("child", base, text(*range(20), 21))

    assert grove.parents()["child"] == "far"


def test_what_is_recorded_wins_unless_it_began_later(grove: Grove, base: str) -> None:
    grove.run("a", base, text(1), git={"derived": "c"})
    grove.run("b", base, text(9))
    grove.run("c", base, text(1, 2), git={"derived": "b"})
    grove.run("d", base, text(1, 2, 3), git={"derived": "away"})

    found = grove.lineage()

    assert grove.parents() == {"a": None, "b": None, "c": "b", "d": "c"}
    assert [found.parent(at)[1] for at in range(4)] == [None, None, "recorded", "nearest"]


def test_where_the_base_is_nearer_a_run_began_anew(grove: Grove, base: str) -> None:
    grove.run("a", base, text(*range(10)))
    grove.run("b", base, text(20))

    assert grove.parents() == {"a": None, "b": None}


def test_runs_of_commits_in_a_row_follow_each_other(grove: Grove, base: str) -> None:
    second = grove.commit(text(1), base)
    third = grove.commit(text(1, 2), second)
    for name, commit, code in (
        ("a", base, text()),
        ("b", second, text(1)),
        ("c", third, text(1, 2)),
    ):
        grove.run(name, commit, code)

    assert grove.parents() == {"a": None, "b": "a", "c": "b"}


def test_a_commit_that_was_made_of_a_run_is_that_runs(grove: Grove, base: str) -> None:
    good = grove.run("good", base, text(1, 2, 3))
    grove.run("bad", base, text(7, 8, 9))
    promoted = grove.commit(text(1, 2, 3), base)
    good.links.append(promoted)
    grove.run("next", promoted, text(1, 2, 3, 4))
    grove.run("detached", good.commit, text(1, 2, 3, 5, 6, 7))

    assert (grove.parents()["next"], grove.parents()["detached"]) == ("good", "good")


def test_a_commit_of_a_run_is_that_runs_wherever_it_was_moved_to(grove: Grove, base: str) -> None:
    good = grove.run("good", base, text(1, 2, 3))
    moved = grove.commit(text(1, 2, 3, 20))
    good.links.append(moved)
    grove.run("next", moved, text(1, 2, 3, 20, 4))

    assert grove.parents()["next"] == "good"


def test_a_run_on_another_branch_is_not_derived_from_this_one(grove: Grove, base: str) -> None:
    here, there = grove.commit(text(1), base), grove.commit(text(2), base)
    grove.run("here", here, text(1, 3))
    grove.run("there", there, text(1, 3))

    assert grove.parents()["there"] is None


def test_of_older_runs_the_best_alone_is_looked_at(
    grove: Grove, base: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lineage, "_WINDOW", 2)
    grove.run("best", base, text(1, 2), acc=0.9)
    grove.run("poor", base, text(11, 12), acc=0.1)
    for at in range(2):
        grove.run(f"more{at}", base, text(20 + at), acc=0.5)
    grove.run("of best", base, text(1, 2, 3))
    grove.run("of poor", base, text(11, 12, 13))

    assert grove.parents()["of best"] == "best"
    assert grove.parents()["of poor"] != "poor"


def test_code_that_nobody_has_stands_alone(grove: Grove, base: str) -> None:
    none = "f" * 40
    grove.run("root", base, text())
    grove.run("uncaptured", base, text(), git={"capture": "none"})
    grove.run("away", base, text(), git={"tree": none})
    grove.run("no base here", None, text(2), git={"base": none})
    grove.run("no base at all", None, text(3), git={"base": "-x"})
    grove.run("child", base, text(1))

    parents = grove.parents()

    assert (parents["uncaptured"], parents["away"]) == (None, None)
    assert parents["child"] == "root"


def test_before_the_first_commit_runs_have_each_other(grove: Grove) -> None:
    grove.run("a", None, text())
    grove.run("b", None, text(1))
    born = grove.commit(text(1))
    grove.run("c", born, text(1, 2))

    assert grove.parents() == {"a": None, "b": "a", "c": "b"}


def test_files_that_are_no_text_or_large_count_as_a_whole(grove: Grove, base: str) -> None:
    grove.run("binary", base, "\0" + text(1))
    grove.run("large", base, text(1) + "x" * (300 << 10))
    grove.run("text", base, text(1))

    assert grove.parents() == {"binary": None, "large": "binary", "text": None}


def lines(grove: Grove, *names: str, count: int = 50) -> Iterator[str]:
    for line in lineage.drawn(lineage.family(grove.lineage(), names, count)):
        node = line.node
        if node:
            change = "" if node.change is None else f" {node.change:+.1f}"
            yield f"{line.prefix}{'*' if node.best else 'o'} {node.run.id}{change}"
        elif line.hidden:
            yield f"{line.prefix}: {line.hidden}{'+' if line.more else ''}"
        else:
            yield line.prefix


@pytest.fixture
def planted(grove: Grove, base: str) -> Grove:
    """root, from it a and b; from a the best and a side branch of two; another tree beside."""
    grove.run("root", base, text(), acc=0.5)
    grove.run("a", base, text(1), acc=0.6)
    grove.run("a1", base, text(1, 2), acc=0.9)
    grove.run("a2", base, text(1, 3, 4), acc=0.4)
    grove.run("a21", base, text(1, 3, 4, 5), acc=0.3)
    grove.run("b", base, text(*range(10, 14)))
    grove.run("lone", grove.commit(text(8)), text(8))
    return grove


def test_the_tree_is_drawn_with_the_path_to_the_best_straight_down(planted: Grove) -> None:
    assert list(lines(planted)) == [
        "* root",
        "|\\",
        "| o b",
        "* a +0.1",
        "|\\",
        "| o a2 -0.2",
        "| o a21 -0.1",
        "* a1 +0.3",
        "",
        "o lone",
    ]


def test_the_latest_and_the_ends_of_the_best_path_are_shown(planted: Grove) -> None:
    assert list(lines(planted, count=2)) == [
        "* root",
        "|\\",
        "| o b",
        ": 1",
        "* a1 +0.3",
        "",
        "o lone",
    ]
    assert lineage.family(planted.lineage(), (), 2).left_out == 3


def test_of_a_run_its_ancestors_and_descendants_are_shown(planted: Grove) -> None:
    assert list(lines(planted, "a2")) == ["* root", "* a +0.1", "o a2 -0.2", "o a21 -0.1"]
    assert list(lines(planted, "a21", count=1)) == ["* root", ": 2", "o a21 -0.1"]


def test_it_looks_for_a_shown_ancestor_only_so_far(
    planted: Grove, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lineage, "PATIENCE", 1)

    assert list(lines(planted, "a21", count=1)) == ["* root", "", ": 1+", "o a21 -0.1"]


def test_a_chain_of_very_many_is_drawn_without_recursion(grove: Grove, base: str) -> None:
    first = grove.run("r0", base, text())
    for at in range(1, 3_000):
        git = records.Git(commit=first.commit, capture="none", derived=f"r{at - 1}")
        started = records.stamp(at * 1_000_000)
        grove.runs.insert(0, Run(id=f"r{at}", commit=first.commit, started=started, git=git))

    assert len(list(lines(grove, count=3_000))) == 3_000


def test_a_number_too_large_for_a_float_has_no_change() -> None:
    assert lineage._difference(10**400, 0.5) is None
