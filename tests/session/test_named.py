"""Which session a name means."""

from __future__ import annotations

from pathlib import Path

import pytest

from git_exp import errors
from git_exp.git.repo import Repo
from git_exp.session import events, history, named
from git_exp.session.models import ExperimentConfig
from tests.cli.conftest import Git_
from tests.conftest import Clock
from tests.spooled import found

CONFIG = ExperimentConfig(goal="g")


@pytest.fixture
def opened(repo: Path) -> Repo:
    return found(repo)


def test_at_is_the_session_that_began_last_whatever_happens_in_others(
    opened: Repo, clock: Clock
) -> None:
    for name in ("one", "two"):
        history.start(opened, CONFIG, session_id=name)
        clock.move(10)
    history.add(opened, "one", lambda _, now: events.Pause(t=now))

    assert history.ids(opened) == ["one", "two"]
    assert named.find(opened, "@").id == "two"
    assert [one.id for one in named.begun(opened)] == ["two", "one"]


def test_what_began_elsewhere_is_meant_only_where_none_began_here(
    opened: Repo, clock: Clock
) -> None:
    history.start(opened, CONFIG, session_id="mine")
    clock.move(10)
    history.start(opened, CONFIG, session_id="theirs")
    own = opened.home / "sessions"
    assert own.read_text() == "mine\ntheirs\n"

    own.write_text("mine\ngone\n")
    assert named.find(opened, "@").id == "mine"
    own.unlink()
    assert named.find(opened, "@").id == "theirs"


def test_what_cannot_be_noted_here_does_not_begin(
    opened: Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    history.start(opened, CONFIG, session_id="one")

    def full(*_: object) -> None:
        raise errors.WriteFailed("sessions", "No space left on device")

    monkeypatch.setattr("git_exp.session.local.note", full)
    with pytest.raises(errors.WriteFailed):
        history.start(opened, CONFIG, session_id="two")
    with pytest.raises(errors.Refused, match="there is a session 'one' already"):
        history.start(opened, CONFIG, session_id="one")

    assert history.ids(opened) == ["one"]


def test_a_session_is_named_by_its_id_or_four_letters_of_it(opened: Repo) -> None:
    for name in ("abcd1", "abcd2", "abcd", "xy", "wxyz9"):
        history.start(opened, CONFIG, session_id=name)

    assert named.find(opened, "abcd").id == "abcd"
    assert named.find(opened, "wxyz").id == "wxyz9"
    assert named.find(opened, "xy").id == "xy"
    with pytest.raises(errors.NotFound, match="no session 'wxy'"):
        named.find(opened, "wxy")


def test_a_beginning_of_two_is_ambiguous(opened: Repo) -> None:
    for name in ("abcd1", "abcd2"):
        history.start(opened, CONFIG, session_id=name)

    with pytest.raises(errors.Ambiguous) as refused:
        named.find(opened, "abcd")

    assert sorted(refused.value.candidates) == ["abcd1", "abcd2"]


@pytest.mark.parametrize(
    ("name", "said"), [("@", "there are no sessions yet"), ("x", "no session")]
)
def test_where_there_is_none_it_is_said_how_to_begin_one(
    name: str, said: str, opened: Repo
) -> None:
    with pytest.raises(errors.NotFound, match=said) as refused:
        named.find(opened, name)

    assert refused.value.hint == "begin one: git exp session start --goal TEXT --metric NAME"


def test_a_name_like_another_is_pointed_out(opened: Repo) -> None:
    history.start(opened, CONFIG, session_id="kernels")

    with pytest.raises(errors.NotFound) as refused:
        named.find(opened, "kernals")
    assert refused.value.hint == "did you mean kernels?"
    with pytest.raises(errors.NotFound) as refused:
        named.find(opened, "zz")
    assert refused.value.hint == "list them: git exp session list"


def test_a_damaged_session_hides_no_other(opened: Repo, git: Git_) -> None:
    history.start(opened, CONFIG, session_id="good")
    git("update-ref", "refs/sessions/bad", "HEAD")

    assert named.find(opened, "@").id == "good"
    with pytest.raises(errors.BadField, match="none of a session"):
        named.find(opened, "bad")
