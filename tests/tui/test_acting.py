"""git_exp.tui.acting and asking: checkouts, fetches and actions, their dialogs and every cancel."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from git_exp import Action, Experiment, Param, errors
from git_exp.action import offered
from git_exp.action.interaction import Cancelled, Interaction
from git_exp.action.offered import Done, Offered
from git_exp.run import Run
from git_exp.store import Store
from tests.cli.conftest import Git_, Runs
from tests.families import few
from tests.programs import only
from tests.tui.conftest import Play, Shown

Ask = Callable[[Interaction], Any]


class Performed:
    """In place of real actions: each run offers one, which asks what a test wants."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ask: Ask = lambda dialogs: None
        self.answers: list[Any] = []
        self.trusted: list[bool] = []
        monkeypatch.setattr(offered, "listed", self.listed)
        monkeypatch.setattr(offered, "shipped", lambda run, known: [])
        monkeypatch.setattr(offered, "perform", self.perform)

    def listed(self, store: Store, run: Run) -> list[Offered]:
        words = {"Upload": "upload the model", "Evaluate": "evaluate [it]\x1b"}
        return [
            Offered(run=run, id=cls, cls=cls, description=told, t="") for cls, told in words.items()
        ]

    def perform(
        self, store: Store, one: Offered, interaction: Interaction, *, trust: bool = False
    ) -> Done:
        self.trusted.append(trust)
        if not (one.run.own or trust):
            raise errors.Refused("not your own run")
        try:
            self.answers.append(self.ask(interaction))
        except Cancelled:
            return Done(action=one, outcome="cancelled")
        except ValueError as error:
            return Done(action=one, outcome="failed", error=str(error))
        return Done(action=one)


class Greet(Action):
    """A real one."""

    name: Param[str]

    def describe(self) -> str:
        return f"Greet {self.name}"

    def execute(self, interaction: Interaction) -> str:
        how = interaction.choice("how", "How?", ["kindly", "loudly"])
        twice = interaction.checkbox("twice", "Twice?")
        return f"{interaction.text('word', 'Word?', default='hello')} {how} {twice} {self.name}"


@pytest.mark.slow
def test_a_real_action_asks_and_is_recorded_and_what_ships_is_offered_too(
    repo: Path, play: Play
) -> None:
    with Experiment("real") as exp:
        exp.add_action(Greet(name="Ada"))

    async def script(shown: Shown) -> None:
        await shown.press("6", "enter")
        await shown.sees("Greet Ada")
        await shown.sees("Publish a branch")
        await shown.press("enter")
        await shown.sees("How?")
        await shown.press("j", "enter")
        await shown.sees("Twice?")
        await shown.press("y")
        await shown.sees("Word?")
        await shown.press("enter")
        await shown.sees("Greet Ada: done")

    play(script)

    (result,) = only().results
    assert result.answers == {"how": "loudly", "twice": True, "word": "hello"}
    assert result.outcome == {"status": "done", "said": "hello loudly True Ada"}


@pytest.fixture
def performed(monkeypatch: pytest.MonkeyPatch) -> Performed:
    return Performed(monkeypatch)


@pytest.fixture
def mine(runs: Runs, repo: Path) -> Runs:
    """Two runs that were started here, the first with a change of its code."""
    ids = [runs.add("changed", "lr = 2\n"), runs.add("base")]
    local = repo / ".git/exp/local"
    local.parent.mkdir(parents=True, exist_ok=True)
    local.write_text("".join(f"{one}\n" for one in ids))
    return runs


def a_choice(dialogs: Interaction) -> Any:
    return dialogs.choice("target", "Where [to]?", ["HF Hub", "a folder\x1b"])


def a_checkbox(dialogs: Interaction) -> Any:
    return dialogs.checkbox("private", "Private?", default=True)


def a_text(dialogs: Interaction) -> Any:
    return dialogs.text("name", "Its name?", default="my-model")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("ask", "keys", "answer"),
    few(
        4,
        [
            (a_choice, ["enter"], "HF Hub"),
            (a_choice, ["j", "enter"], "a folder\x1b"),
            (a_choice, ["down", "up", "enter"], "HF Hub"),
            (a_checkbox, ["enter"], True),
            (a_checkbox, ["n"], False),
            (a_checkbox, ["y"], True),
            (a_checkbox, ["j", "enter"], False),
            (a_text, ["enter"], "my-model"),
            (a_text, ["x", "y", "enter"], "my-modelxy"),
            (a_text, ["ctrl+u", "a", "enter"], "a"),
            (a_text, ["ctrl+u", "enter"], "my-model"),
        ],
    ),
)
def test_a_dialog_gives_an_answer(
    mine: Runs, play: Play, performed: Performed, ask: Ask, keys: Sequence[str], answer: object
) -> None:
    performed.ask = ask

    async def script(shown: Shown) -> None:
        await shown.press("6", "enter", "enter")
        await shown.sees("Escape cancels")
        await shown.press(*keys)
        await shown.sees("upload the model: done")

    play(script)

    assert performed.answers == [answer]
    assert performed.trusted == [False]


@pytest.mark.slow
@pytest.mark.parametrize("ask", [a_choice, a_checkbox, a_text])
def test_escape_in_a_dialog_cancels_the_action(
    mine: Runs, play: Play, performed: Performed, ask: Ask
) -> None:
    performed.ask = ask

    async def script(shown: Shown) -> None:
        await shown.press("6", "enter", "enter")
        await shown.sees("Escape cancels")
        await shown.press("escape")
        await shown.sees("upload the model: cancelled")
        assert shown.app.screen is shown.app.runs

    play(script)

    assert performed.answers == []


def test_the_second_question_can_be_cancelled_too(
    mine: Runs, play: Play, performed: Performed
) -> None:
    performed.ask = lambda dialogs: (a_choice(dialogs), a_text(dialogs))

    async def script(shown: Shown) -> None:
        await shown.press("6", "enter", "j", "enter")
        await shown.sees("Where [to]?")
        shown.snapshot("choice")
        await shown.press("enter")
        await shown.sees("Its name?")
        await shown.press("escape")
        await shown.sees("evaluate [it]^[: cancelled")

    play(script)


def test_what_an_action_raises_is_one_line(
    mine: Runs, play: Play, performed: Performed, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_: Interaction) -> None:
        raise ValueError("no such bucket")

    def explodes(*_: object, **__: object) -> Done:
        raise KeyboardInterrupt

    performed.ask = fails

    async def script(shown: Shown) -> None:
        await shown.press("6", "enter", "enter")
        await shown.sees("upload the model: failed: no such bucket")
        monkeypatch.setattr(offered, "perform", explodes)
        await shown.press("enter")
        await shown.sees("error: KeyboardInterrupt")
        assert "Traceback" not in shown.text

    play(script)


@pytest.mark.slow
@pytest.mark.parametrize("keys", [["escape"], ["n"], ["enter"]])
def test_an_action_of_another_is_not_executed_unless_that_is_said(
    runs: Runs, play: Play, performed: Performed, keys: Sequence[str]
) -> None:
    runs.add("theirs")

    async def script(shown: Shown) -> None:
        await shown.press("6", "enter", "enter")
        await shown.sees("This runs code of Ada: 'upload the model'.")
        await shown.press(*keys)
        assert shown.app.screen is shown.app.runs

    play(script)

    assert performed.trusted == []


def test_an_action_of_another_is_executed_once_that_is_said(
    runs: Runs, play: Play, performed: Performed
) -> None:
    runs.add("theirs")

    async def script(shown: Shown) -> None:
        await shown.press("6", "enter", "enter")
        await shown.sees("It can do all that you can. Run it?")
        await shown.press("y")
        await shown.sees("upload the model: done")

    play(script)

    assert performed.trusted == [True]


def test_one_act_at_a_time_and_who_leaves_meanwhile_is_asked(
    mine: Runs, play: Play, performed: Performed
) -> None:
    goes_on = threading.Event()
    performed.ask = lambda dialogs: goes_on.wait(20)

    async def script(shown: Shown) -> None:
        await shown.press("6", "enter", "enter")
        await shown.sees("upload the model …")
        await shown.press("enter")
        await shown.sees("upload the model is still running")
        await shown.press("q")
        await shown.sees("'upload the model' is still running. Quit anyway?")
        await shown.press("escape")
        goes_on.set()
        await shown.sees("upload the model: done")

    play(script)


def test_who_leaves_a_dialog_for_good_has_cancelled(
    mine: Runs, play: Play, performed: Performed
) -> None:
    over = threading.Event()

    def asks(dialogs: Interaction) -> None:
        try:
            a_text(dialogs)
        finally:
            over.set()

    performed.ask = asks

    async def script(shown: Shown) -> None:
        await shown.press("6", "enter", "enter")
        await shown.sees("Its name?")
        await shown.press("ctrl+q")
        await shown.sees("Quit anyway?")
        await shown.pilot.press("y")

    play(script)

    assert over.wait(20)
    assert performed.answers == []


def test_a_run_without_actions_says_so(
    mine: Runs, play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(offered, "listed", lambda store, run: [])
    monkeypatch.setattr(offered, "shipped", lambda run, known: [])

    async def script(shown: Shown) -> None:
        await shown.press("6", "enter")
        await shown.sees("this run offers no actions")

    play(script)


def test_a_checkout_is_confirmed_and_tells_the_way_back(
    mine: Runs, play: Play, repo: Path, git: Git_
) -> None:
    async def script(shown: Shown) -> None:
        await shown.press("j", "o")
        await shown.sees("Check out run 11111111 'changed'?")
        shown.snapshot("checkout")
        await shown.press("k", "enter")
        await shown.sees("the files are those of run 11111111 'changed'; to return: git switch")

    play(script, size=(140, 30))

    assert (repo / "train.py").read_text() == "lr = 2\n"
    assert git("rev-parse", "HEAD") in git("for-each-ref", "refs/runs/11111111*")


@pytest.mark.parametrize("keys", [["escape"], ["enter"]])
def test_a_checkout_that_is_not_confirmed_touches_nothing(
    mine: Runs, play: Play, repo: Path, git: Git_, keys: Sequence[str]
) -> None:
    async def script(shown: Shown) -> None:
        await shown.press("j", "o", *keys)
        assert shown.app.screen is shown.app.runs

    play(script)

    assert git("symbolic-ref", "HEAD") == "refs/heads/main"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("keys", "said"), [(["escape"], "cancelled"), (["enter"], "nothing was touched")]
)
def test_a_checkout_over_local_changes_is_refused(
    mine: Runs, play: Play, repo: Path, git: Git_, keys: Sequence[str], said: str
) -> None:
    (repo / "train.py").write_text("mine\n")

    async def script(shown: Shown) -> None:
        await shown.press("j", "o", "k", "enter")
        await shown.sees("local changes would be overwritten: 'train.py'")
        await shown.press(*keys)
        await shown.sees(said)

    play(script)

    assert (repo / "train.py").read_text() == "mine\n"
    assert git("symbolic-ref", "HEAD") == "refs/heads/main"


def test_local_changes_are_put_aside_if_that_is_wanted(
    mine: Runs, play: Play, repo: Path, git: Git_
) -> None:
    (repo / "train.py").write_text("mine\n")

    async def script(shown: Shown) -> None:
        await shown.press("j", "o", "k", "enter")
        await shown.sees("local changes would be overwritten")
        await shown.press("j", "enter")
        await shown.sees("to return: git exp checkout @{saved}")

    play(script, size=(140, 30))

    assert (repo / "train.py").read_text() == "lr = 2\n"
    (saved,) = git("for-each-ref", "--format=%(refname)", "refs/exp/saved").splitlines()
    assert git("show", f"{saved}:train.py") == "mine"


def test_a_checkout_that_cannot_be_is_one_line(runs: Runs, play: Play) -> None:
    runs.add("none", git={"capture": "none"})

    async def script(shown: Shown) -> None:
        await shown.press("o", "k", "enter")
        await shown.sees("was not captured (hint: the commit it started at:")

    play(script, size=(140, 30))


def test_a_fetch_without_a_remote_says_what_it_lacks(
    mine: Runs, play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Store, "has_code", lambda store, run: False)

    async def script(shown: Shown) -> None:
        await shown.press("f")
        await shown.sees("error: the code of run 22222222 is not here (hint: fetch it from")

    play(script, size=(140, 30))
