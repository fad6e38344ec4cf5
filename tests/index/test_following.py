"""git_exp.index.following: a list that goes along says what a new one would."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from git_exp import Experiment, errors
from git_exp.index.following import Following
from git_exp.index.search import Indexed


def names(following: Following) -> list[str] | None:
    found = following.look()
    return None if found is None else [run.name for run in found]


def test_nothing_is_read_again_while_nothing_changes(repo: Path) -> None:
    with Experiment("one", repo=repo):
        pass
    following = Following(Indexed.open(repo, os.environ))

    assert names(following) == ["one"]
    assert names(following) is None


def test_a_live_run_is_followed_and_the_sealed_ones_are_not_asked_for(
    repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Experiment("old", repo=repo):
        pass
    store = Indexed.open(repo, os.environ)
    following = Following(store)
    following.look()

    with Experiment("new", repo=repo) as exp:
        started = following.look() or []
        monkeypatch.setattr(store, "select", None)
        exp.track({"acc": 0.5})
        tracked = following.look() or []
        monkeypatch.undo()
    ended = following.look() or []

    assert [(run.name, run.status) for run in started] == [("new", "running"), ("old", "finished")]
    assert [dict(run.metrics)["acc"].last for run in tracked[:1]] == [0.5]
    assert [(run.name, run.status) for run in ended] == [("new", "finished"), ("old", "finished")]
    assert repr(ended) == repr(store.runs())


def test_only_what_fits_is_followed(repo: Path) -> None:
    store = Indexed.open(repo, os.environ)
    with Experiment("zero", params={"lr": 1}, repo=repo):
        pass
    following = Following(store, "lr > 1")

    assert names(following) == []
    with (
        Experiment("one", params={"lr": 1}, repo=repo),
        Experiment("two", params={"lr": 2}, repo=repo),
    ):
        assert names(following) == ["two"]
    assert names(following) == ["two"]


def test_a_run_that_is_deleted_goes(repo: Path) -> None:
    store = Indexed.open(repo, os.environ)
    with Experiment("one", repo=repo):
        pass
    following = Following(store)
    store.remove(following.look() or [])

    assert names(following) == []


def test_a_look_that_fails_is_made_again(repo: Path) -> None:
    store = Indexed.open(repo, os.environ)
    with Experiment("one", params={"lr": 1}, repo=repo):
        pass
    following = Following(store, "rate > 1")

    for _ in range(2):
        with pytest.raises(errors.NotFound):
            following.look()
