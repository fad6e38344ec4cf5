"""What is refused in a session: a loop of wrong words ends, and the options are named."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from tests.cli.conftest import Ask, Git_, Runs
from tests.conftest import Exp

pytestmark = pytest.mark.usefixtures("repo")
GOAL = ("session", "start", "--goal", "g", "--metric", "ms", "--direction", "minimize")


@pytest.fixture
def loop(ask: Ask) -> str:
    ask(*GOAL, "--id", "loop", "--max-failures", "2")
    return "loop"


def story(ask: Ask) -> list[str]:
    lines = ask("session", "log", "-s", "loop", "--csv").out.splitlines()[1:]
    return [line.split(",", 2)[2].strip('"') for line in lines]


def everything(git: Git_) -> str:
    """Whatever a push of the session would send, each commit of it."""
    return git("log", "-p", "--format=%an %s%n%b", "refs/sessions/loop")


def told_to(git: Git_) -> list[tuple[str, str]]:
    """The hypothesis and the reason of each failure of the session."""
    lines = git("show", "refs/sessions/loop:events.jsonl").splitlines()
    found = [event["result"] for line in lines if "result" in (event := json.loads(line))]
    return [(one.get("hypothesis", ""), one["error_message"]) for one in found]


@pytest.mark.parametrize(
    ("words", "said", "hint"),
    [
        ("--session loop --frob -- true", "unknown option '--frob'", "did you mean --group?"),
        ("--frob --session=loop -- true", "unknown option '--frob'", "did you mean --group?"),
        ("--frob=3 -qn x --session loop -- true", "unknown option '--frob'",
         "did you mean --group?"),
        ("-n x --session @ -- ", "missing <cmd>", "see: git exp run -h"),
        ("--session loop", "missing <cmd>", "see: git exp run -h"),
        ("--quiet=3 --session loop -- true", "option '--quiet' does not take a value",
         "see: git exp run -h"),
        ("--session loop --timeout", "option '--timeout' requires an argument",
         "see: git exp run -h"),
        ("--session loop --timeout 0 -- true",
         "invalid value for '--timeout': '0' is no time limit: it has to be over 0 and finite",
         "see: git exp run -h"),
        ("--session loop --key= -- true", "a key is one line of text",
         "at most 200 characters, not blank"),
        ("--session loop --note= -- true", "a note must not be blank", "-m 'wider layers'"),
        ("--session loop -p a=1 -p a=2 -- true", "param a is given twice: '1' and '2'",
         "-p lr=0.1"),
    ],
)  # fmt: skip
def test_wrong_words_are_a_failure_of_the_session_that_they_name(
    words: str, said: str, hint: str, loop: str, ask: Ask
) -> None:
    alone = words.replace("--session loop", "").replace("--session=loop", "")

    found = ask("run", *words.split(), code=125)

    failed = f"iteration 1: failed, not run: {said}"
    assert found == ("", f"session loop: {failed}\nerror: {said}\nhint: {hint}\n")
    assert story(ask)[0] == failed
    if "@" not in words:
        assert ask("run", *alone.split(), code=125).err == f"error: {said}\nhint: {hint}\n"


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("--session loop -h", 0),
        ("--session loop --frob -h", 125),
        ("--session nowhere --frob -- true", 125),
        ("--session= --frob -- true", 125),
        ("--frob -- true --session loop", 125),
        ("--timeout xx true --session loop", 125),
        ("-n --session=loop --frob -- true", 125),
        ("--frob --session", 125),
        ("--frob sh -c x --session loop", 125),
        ("--frob -c --session-dir d sh --session loop", 125),
        ("--frob 3 --session loop -- true", 125),
        ("-qh --session loop --frob", 125),
    ],
)
def test_words_that_name_no_session_or_ask_for_help_are_no_failure(
    words: str, code: int, loop: str, ask: Ask
) -> None:
    found = ask("run", *words.split(), code=code)

    assert found.err.count("error: ") == (code == 125)
    assert story(ask) == ["start: g"]


@pytest.mark.parametrize(
    "words",
    [
        "--private --session loop -m idea-of-hers -- true",
        "--session loop -m idea-of-hers -p patient=Jane -p patient=Joe --private -- true",
        "--session loop -m idea-of-hers -p Jane --private -- true",
        "--session loop -m idea-of-hers --parent= --private -- true",
        "--session loop -m idea-of-hers --private --timeout Jane -- true",
        "--session loop -m idea-of-hers --timeout Jane --private",
        "--session loop -m idea-of-hers --private --Jane -- true",
        "--session loop -m idea-of-hers --Jane --private -- true",
        "--session loop -m idea-of-hers --Jane 3 --private -- true",
        "--session loop -m idea-of-hers --quiet=Jane --private -- true",
        "--session loop -m idea-of-hers --private=Jane -- true",
    ],
)
def test_nothing_said_of_a_private_run_is_in_the_failure_that_it_is(
    words: str, loop: str, ask: Ask, git: Git_
) -> None:
    ask("run", *words.split(), code=125)

    assert told_to(git) == [("", "a private run is no result of a session")]
    assert not re.search("idea-of-hers|Jane|Joe|patient", everything(git))


@pytest.mark.parametrize(
    "words", ["-- true", "--frob -- true", "--timeout Jane -- true", "-p Jane -- true"]
)
def test_in_a_private_run_no_other_says_more(
    words: str, loop: str, ask: Ask, git: Git_, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_EXP_PRIVATE", "1")

    ask("run", "--session", "loop", "-m", "idea-of-hers", *words.split(), code=125)

    assert told_to(git) == [("", "a private run is no result of a session")]
    assert not re.search("idea-of-hers|Jane|frob", everything(git))


def test_a_word_of_the_command_makes_no_run_private(loop: str, ask: Ask, git: Git_) -> None:
    ask("run", "--session", "loop", "-m", "wide", "--timeout", "xx", "--", "x", "--private",
        code=125)  # fmt: skip
    ask("run", "--session", "loop", "-m", "wide", "-p", "bad", "--", "x", "--private", code=125)

    assert told_to(git) == [
        ("", "invalid value for '--timeout': 'xx' is no length of time, such as 90, 10m or 1h30m"),
        ("wide", "a param is key=value, not 'bad'"),
    ]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("-p api_key=abc1 -p api_key=abc2", "param api_key is given twice: '***' and '***'"),
        ("--param=api_key=abc1 --param=api_key=abc2",
         "param api_key is given twice: '***' and '***'"),
        ("--parent https://ada:abc1@host/x", "no run 'https://***@host/x'"),
        ("--timeout token=abc1",
         "invalid value for '--timeout': 'token=***' is no length of time, "
         "such as 90, 10m or 1h30m"),
    ],
)  # fmt: skip
def test_what_records_mask_is_masked_in_the_failure(
    words: str, said: str, loop: str, ask: Ask, git: Git_, runs: Runs
) -> None:
    runs.add("base")

    ask("run", "--session", "loop", *words.split(), "--", "true", code=125)

    assert told_to(git) == [("", said)]
    assert "abc" not in everything(git)


def test_wrong_words_are_no_failure_where_nothing_is_recorded(
    loop: str, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_EXP_DISABLED", "1")

    ask("run", "--session", "loop", "--frob", "--", "true", code=125)

    assert story(ask) == ["start: g"]


def test_wrong_words_outside_a_repository_are_told_all_the_same(
    ask: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    assert ask("run", "--session", "loop", "--frob", "--", "true", code=125) == (
        "", "error: unknown option '--frob'\nhint: did you mean --group?\n",
    )  # fmt: skip


@pytest.mark.slow
def test_a_loop_of_wrong_words_ends(exp: Exp) -> None:
    exp(*GOAL, "--id", "loop", "--max-failures", "2")
    script = (
        "while git exp session next -s loop; do git exp run --session loop --frob -- true; done"
    )

    done = subprocess.run(("sh", "-c", script), capture_output=True, text=True, timeout=60)

    assert done.stdout.splitlines() == [
        "iteration 1 of 20", "iteration 2 of 20", "Too many consecutive failures",
    ]  # fmt: skip


@pytest.mark.slow
def test_a_run_that_answers_for_its_key_is_a_result_once(exp: Exp) -> None:
    exp(*GOAL, "--id", "loop")
    exp("run", "--key", "k", "-n", "one", "-m", "an idea", "--", "sh", "-c", "echo METRIC ms=4")
    words = ("run", "--session", "loop", "--key", "k", "--", "true")

    first, again = exp(*words), exp(*words)

    assert first.stderr.splitlines()[-1] == "session loop: iteration 1: ms 4 (best), one"
    assert "iteration" not in again.stderr
    tried = json.loads(exp("session", "report", "--json").stdout)["tried"]
    assert [one["hypothesis"] for one in tried] == ["an idea"]


@pytest.mark.slow
def test_a_private_run_that_answers_for_its_key_is_no_result(exp: Exp) -> None:
    exp(*GOAL, "--id", "loop")
    exp("run", "--private", "--key", "k", "--", "sh", "-c", "echo METRIC ms=4")

    assert "session" not in exp("run", "--session", "loop", "--key", "k", "--", "true").stderr
    assert exp("session", "next").stdout == "iteration 1 of 20\n"


@pytest.mark.slow
def test_a_key_that_is_being_done_is_no_failure(repo: Path, exp: Exp) -> None:
    exp(*GOAL, "--id", "loop")
    nested = "git exp run --session loop --key k -- true"

    exp("run", "--key", "k", "--", "sh", "-c", nested, code=125)

    assert exp("session", "next").stdout == "iteration 1 of 20\n"


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("-", "--why", "x"), "error: - and --why exclude each other\n"),
        (("-", "-p", "x=1"), "error: - and --param exclude each other\n"),
        (("-", "--priority", "1"), "error: - and --priority exclude each other\n"),
        (("x", "--priority", "-1"), "error: --priority: expected int >= 0, got -1\nhint: "),
        (("x", "--confidence", "2"), "error: --confidence: expected float <= 1.0, got 2.0\nhint: "),
        (("x", "-p", "a=1", "-p", "a=2"), "error: param a is given twice: '1' and '2'\n"),
    ],
)
def test_what_is_no_hypothesis_names_the_option(
    args: tuple[str, ...], said: str, loop: str, ask: Ask, git: Git_
) -> None:
    before = git("rev-parse", "refs/sessions/loop")

    assert ask("session", "hypothesize", *args, code=2).err.startswith(said)
    assert git("rev-parse", "refs/sessions/loop") == before


def test_an_empty_set_does_not_wipe_out_what_is_open(exp: Exp) -> None:
    exp(*GOAL, "--id", "loop")
    exp("session", "hypothesize", "tile it")

    said = exp("session", "hypothesize", "-", stdin='{"hypotheses": []}', code=2).stderr

    assert said.startswith("error: there is no hypothesis in 'hypotheses'\nhint: ")
    assert "Hypothesis:  tile it\n" in exp("session", "status").stdout


def test_the_same_said_twice_is_said_once(loop: str, ask: Ask) -> None:
    assert ask("session", "record", "--metric", "ms=1", "--metric", "ms=1").out == (
        "iteration 1: ms 1 (best), experiment_1\n"
    )


@pytest.mark.parametrize(
    ("name", "text", "said", "hint"),
    [
        ("e.csv", "", "it is empty", "give a table: .csv, "),
        ("p.parquet", "no parquet", "parquet: ", "is it whole? give a table: .csv, "),
        ("j.jsonl", '{"y": 1}\n\n{"y":\n{"y": 2}\n', "line 3 is no JSON object", '{"column": '),
        ("l.jsonl", '{"y": 1}\n[2]\n', "line 2 is no JSON object", '{"column": '),
    ],
)
def test_data_that_cannot_be_read_says_what_would_do(
    name: str, text: str, said: str, hint: str, repo: Path, ask: Ask
) -> None:
    pytest.importorskip("polars")
    (repo / name).write_text(text)

    given = ("--data", name, "--target", "y", "--task", "regression")
    lines = ask("session", "start", *given, code=2).err.splitlines()

    assert lines[0].startswith(f"error: cannot read '{name}': {said}")
    assert lines[1].startswith(f"hint: {hint}")


def test_a_report_is_not_written_to_a_blank(loop: str, ask: Ask) -> None:
    assert ask("session", "report", "-o", "", code=2).err == (
        "error: --output is blank\nhint: -o report.html\n"
    )


def test_an_option_without_its_value_points_at_the_help_of_its_verb(loop: str, ask: Ask) -> None:
    for verb in ("status", "record"):
        assert ask("session", verb, "-s", code=2).err == (
            f"error: option '-s' requires an argument\nhint: see: git exp session {verb} -h\n"
        )
