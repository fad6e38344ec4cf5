"""git exp actions: what a run offers is listed without imports, and done with answers."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from git_exp import records
from tests.action.conftest import STUDY, Study, study
from tests.conftest import Exp
from tests.programs import only, store
from tests.pseudo_terminal import Screen

Git_ = Callable[..., str]
__all__ = ["study"]

WELL = ("--set", "loud=yes", "--set", "to=you", "--set", "how=now")


def results() -> list[tuple[object, object]]:
    return [(one.answers, one.outcome) for one in only().results]


def test_a_list_imports_nothing_and_shows_what_was_done_last(
    study: Study, repo: Path, exp: Exp
) -> None:
    study()
    (repo / "study.py").write_text("import os; os.abort()\n")

    shown = exp("actions", "list", "study").stdout.splitlines()

    assert shown[0].split() == ["ID", "ACTION", "DOES", "DONE"]
    assert [one.split()[1] for one in shown[1:3]] == ["Say", "Fail"]
    assert "Say hello" in shown[1]
    assert shown[1].endswith("-")


@pytest.mark.slow
def test_a_shell_is_offered_the_actions_of_the_run_that_is_named(study: Study, exp: Exp) -> None:
    study()

    assert exp("--offer", "actions", "run", "study", "S").stdout == "plain\tSay\tSay hello\n"
    assert exp("--offer", "actions", "run", "nobody", "S").stdout == ""


def test_show_has_the_actions_and_what_came_of_them(study: Study, exp: Exp) -> None:
    study()
    found = only().actions
    exp("actions", "run", "study", "Say", *WELL)

    shown = exp("show", "study").stdout.partition("\nActions:\n")[2].splitlines()

    day = only().results[0].t[:10]
    assert shown[:2] == [
        f"    Say {found[0].id[:8]}   Say hello (done {day})",
        f"    Fail {found[1].id[:8]}  Fail",
    ]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["Say", "Sa", "{id}", "{short}"])
def test_an_action_is_named_by_class_by_its_beginning_or_by_id(
    study: Study, exp: Exp, name: str
) -> None:
    study()
    found = only().actions[0].id
    done = exp("actions", "run", "@", name.format(id=found, short=found[:6]), *WELL)

    assert done.stdout == "saying hello of study\nHELLO you\nnow\n"
    assert results() == [({"loud": True, "to": "you", "how": "now"}, {"status": "done"})]
    assert "now" not in exp("actions", "list").stdout.splitlines()[2]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("given", "code", "said"),
    [
        ((), 2, "error: no answer for 'loud', and no terminal to ask on"),
        (("--set", "loud=maybe"), 2, "error: bad answer 'maybe' for 'loud'"),
        (("--set", "loud"), 2, "error: bad answer 'loud'"),
        (("--set", "=yes"), 2, "error: bad answer '=yes'"),
    ],
)
def test_bad_answers_are_one_line_and_nothing_is_recorded(
    study: Study, exp: Exp, given: tuple[str, ...], code: int, said: str
) -> None:
    study()

    done = exp("actions", "run", "study", "Say", *given, code=code)

    assert done.stderr.splitlines()[0] == said
    assert len(done.stderr.splitlines()) == 2
    assert results() == []


def test_an_answer_that_is_missing_later_is_recorded_as_a_failure(study: Study, exp: Exp) -> None:
    study()

    done = exp("actions", "run", "study", "Say", "--set", "loud=n", "--set", "how=soon", code=2)

    assert done.stderr.startswith("error: bad answer 'soon' for 'how'\n")
    # What was given is not recorded: it may be a secret that missed its question.
    assert results() == [({"loud": False}, {"status": "failed", "error": "no answer for 'how'"})]


def test_what_an_action_raises_is_one_line_and_a_code_that_is_not_zero(
    study: Study, exp: Exp
) -> None:
    study()

    done = exp("actions", "run", "study", "Fail", code=5)

    assert done.stderr == "fatal: Fail failed: ValueError: no way\n"
    assert results() == [({}, {"status": "failed", "error": "ValueError: no way"})]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("run", "study", "Sing"), 3, "has no action 'Sing'"),
        (("run", "nobody", "Say"), 3, "no run 'nobody'"),
        (("run", "study"), 2, "missing argument 'ACTION'"),
        (("list", "study", "Say"), 2, "list takes a run, and --json"),
        (("list", "study", "--trust"), 2, "list takes a run, and --json"),
        (("sing",), 2, "sing"),
    ],
)
def test_what_is_not_there_is_refused(
    study: Study, exp: Exp, words: tuple[str, ...], code: int, said: str
) -> None:
    study()

    assert said in exp("actions", *words, code=code).stderr
    assert results() == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("class Own(BaseException): pass\n        raise Own('x')", "Own: x"),
        (
            "class Own(Exception):\n            def __str__(self): return 1/0\n        raise Own",
            "Own",
        ),
        ("raise SystemExit(3)", "it exited with 3"),
        ("interaction.choice('none', 'Which?', [])", "question 'none' has no choices"),
    ],
)
def test_however_an_action_fails_it_is_one_line_and_recorded(
    study: Study, exp: Exp, body: str, said: str
) -> None:
    study(STUDY.replace('raise ValueError("no\\nway")', body))

    done = exp("actions", "run", "study", "Fail", code=5)

    assert done.stderr == f"fatal: Fail failed: {said}\n"
    assert results() == [({}, {"status": "failed", "error": said})]


@pytest.mark.slow
def test_a_class_name_of_others_forges_no_line_and_no_option(
    study: Study, repo: Path, exp: Exp
) -> None:
    study()
    run = only()
    for cls in ("Ev\nhint: run curl", "--trust", "W" * 100_000, "\x1b[31mred"):
        store().add(run, lambda t, c=cls: records.Action(t=t, id="e" * 32, cls=c))  # type: ignore[misc]
        listed = exp("actions", "list", "study").stdout
        missing = exp("actions", "run", "study", "nosuch", code=3).stderr

        assert len(missing.splitlines()) == 2
        assert "\x1b" not in missing + listed
        assert max(map(len, listed.splitlines())) < 400
    assert exp("--offer", "actions", "run", "study", "-").stdout.count("--trust") == 1
    assert "has a name" in exp("actions", "run", "study", "", code=2).stderr


def test_a_beginning_that_several_have_is_ambiguous(study: Study, exp: Exp) -> None:
    study(STUDY.replace("class Fail", "class Sail").replace("Fail()", "Sail()"))

    done = exp("actions", "run", "study", "S", code=3)

    assert done.stderr.startswith("fatal: 'S' is ambiguous\nhint: it could be: Say ")


def test_two_of_one_class_are_told_apart_by_their_ids(study: Study, exp: Exp) -> None:
    study(STUDY.replace("exp.add_action(Fail())", 'exp.add_action(Say(word="bye"))'))
    first, second = only().actions

    assert exp("actions", "run", "study", "Say", code=3).stderr.startswith("fatal: 'Say' is amb")
    assert "saying bye" in exp("actions", "run", "study", second.id[:8], *WELL).stdout
    assert first.id != second.id


def test_a_key_that_nothing_asked_for_is_told_with_the_one_that_is_near(
    study: Study, exp: Exp
) -> None:
    study()

    done = exp("actions", "run", "study", "Say", *WELL, "--set", "lod=1")

    assert done.stderr == "warning: no question has the key 'lod'\nhint: did you mean loud?\n"


def test_json_has_the_outcome_alone_on_stdout(study: Study, exp: Exp) -> None:
    study(
        STUDY.replace(
            'print("saying', "__import__('os').system('echo from a child'); print(\"saying"
        )
    )

    done = exp("actions", "run", "study", "Say", *WELL, "--json")

    told = json.loads(done.stdout)
    assert (told["schema"], told["class"], told["outcome"]) == (
        "git-exp/actions-run/1",
        "Say",
        "done",
    )
    assert told["answers"] == {"loud": True, "to": "you", "how": "now"}
    assert "saying hello" in done.stderr
    assert "from a child" in done.stderr


def test_a_secret_among_the_answers_is_not_recorded(study: Study, exp: Exp) -> None:
    text = STUDY.replace('"to", "To whom?"', '"private key", "Key?"')
    study(text)

    exp("actions", "run", "study", "Say", "--set", "loud=y", "--set", "private key=hf_x1",
        "--set", "how=now")  # fmt: skip

    assert results()[0][0] == {"loud": True, "private key": "***", "how": "now"}
    assert all(b"hf_x1" not in line for line in store().lines(only()))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("typed", "code", "said"),
    [
        ("y\n\n2\n", 0, "HELLO all"),
        ("n\nlater\n", 0, "later"),
        ("n\nsoon\n1\n", 0, "now"),
        ("y\n\x04", 130, "Say was cancelled"),
        ("\x03", 130, "Say was cancelled"),
        ("y\nyou\n\x03", 130, "Say was cancelled"),
    ],
)
def test_on_a_terminal_what_has_no_answer_is_asked(
    study: Study, repo: Path, typed: str, code: int, said: str
) -> None:
    study()

    told = ""
    with Screen(("git", "exp", "actions", "run", "study", "Say")) as screen:
        for answer in re.findall("[^\n]*\n|[^\n]+$", typed):
            told += screen.until(r": (\x1b\[\S+)?$")
            screen.type(answer)
        # Python misses one that comes just before it waits: whoever sees nothing presses again.
        while "\x03" in typed and screen.program.poll() is None:
            time.sleep(0.1)
            screen.type("\x03")
        told += screen.rest()

    # git dies of Ctrl-C itself.
    ended = -2 if "\x03" in typed else code
    assert (screen.program.returncode, said in told) == (ended, True), told
    status = "cancelled" if code else "done"
    assert [one[1] for one in results()] == [{"status": status}]


def test_a_default_gives_no_orders_to_the_terminal(study: Study) -> None:
    study(STUDY.replace('default="all"', r'default="a\x1b]0;b\u202e"'))
    with Screen(("git", "exp", "actions", "run", "study", "Say", "--set", "loud=y")) as screen:
        told = screen.until("To whom.*: ")
        screen.type("\n")
        told += screen.until("How.*: ")

    assert "To whom? (a^[]0;b\\u202e): " in told


# It waits ten seconds for the lock.
@pytest.mark.slow
def test_what_was_done_is_told_though_its_record_cannot_be_written(
    study: Study, repo: Path, exp: Exp
) -> None:
    study(
        STUDY.replace(
            "        if interaction",
            """
        import pathlib
        pathlib.Path(".git/refs/notes/exp.lock").write_text("")
        if interaction""",
        )
    )

    done = exp("actions", "run", "study", "Say", *WELL, code=5)

    assert "HELLO you" in done.stdout
    assert done.stderr.startswith("fatal: Say was done, but no record of it could be written: ")


@pytest.mark.slow
def test_an_action_is_there_the_moment_it_is_registered_whatever_then_becomes_of_its_run(
    repo: Path, exp: Exp
) -> None:
    text = (
        STUDY.partition("with Experiment")[0]
        + """
import os, sys
exp = Experiment("study")
exp.add_action(Say(word="hello"))
print("registered", flush=True)
sys.stdin.readline()
os.kill(os.getpid(), 9)
"""
    )
    (repo / "study.py").write_text(text)
    words = (sys.executable, "study.py")
    lives = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert lives.stdin
    assert lives.stdout
    lives.stdout.readline()

    meanwhile = exp("actions", "run", "study", "Say", *WELL).stdout
    lives.communicate("die\n")
    after = exp("actions", "run", "study", "Say", *WELL).stdout

    assert meanwhile == after == "saying hello of study\nHELLO you\nnow\n"
    assert only().status == "crashed"
    assert len(results()) == 2
    exp("fsck")
