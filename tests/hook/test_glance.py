"""A hook with nothing to do is over before anything is imported that takes its time."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from git_exp.git import notes
from git_exp.git.glance import asked
from git_exp.git.hooks import script
from git_exp.hook import NAMES, glance
from tests import programs
from tests.conftest import Exp
from tests.hook.conftest import CODE, Git_, Runs

pytestmark = pytest.mark.usefixtures("repo")
HEAVY = {"pygit2", "click", "msgspec", "rich", "subprocess", "pathlib"}
PRINT = """
import sys
sys.path[:], sys.argv[1:] = {path!r}, {args!r}
from git_exp.__main__ import main
print(main(), *sorted(set({heavy!r}) & set(sys.modules)))
"""


def loaded(name: str, *args: str, given: str = "") -> str:
    """The exit code of a hook, and what of the heavy modules it has imported."""
    code = PRINT.format(path=sys.path, args=["hook", name, *args], heavy=sorted(HEAVY))
    words = (sys.executable, "-S", "-c", code)
    done = subprocess.run(words, input=given, capture_output=True, text=True)
    assert done.stderr == ""
    return done.stdout.strip()


def head(git: Git_) -> str:
    return git("rev-parse", "HEAD")


@pytest.mark.parametrize("name", NAMES)
def test_where_there_is_no_run(name: str, git: Git_) -> None:
    for key, value in (("trailers", "true"), ("codePaths", "*.py")):
        git("config", f"exp.{key}", value)

    assert loaded(name, given=f"{head(git)} {head(git)}\n") == "0"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["prepare-commit-msg", "post-commit", "post-rewrite"])
@pytest.mark.parametrize("packed", [False, True], ids=["loose", "packed"])
def test_where_no_run_matches(name: str, packed: bool, git: Git_, exp: Exp, runs: Runs) -> None:
    git("config", "exp.trailers", "true")
    git("config", "exp.codePaths", "*.py")
    runs.add("other", "x = 2\n")
    runs.add("another", "x = 3\n")
    git("commit", "-q", "--allow-empty", "-m", "second")
    if packed:
        git("pack-refs", "--all")
    exp("log")

    assert loaded(name, ".git/COMMIT_EDITMSG", given=f"{head(git)} {head(git)}\n") == "0"


def test_where_a_run_is_on_its_way_that_has_other_code(git: Git_) -> None:
    Path("train.py").write_text(CODE)
    program = programs.start("exp = Experiment('alive')\nprint('up', flush=True)\ninput()\n")
    assert program.stdout
    program.stdout.readline()

    assert loaded("post-commit") == "0"
    git("commit", "-q", "-a", "-m", "second")
    assert "msgspec" in loaded("post-commit")
    program.communicate("\n")


@pytest.mark.parametrize("variable", ["GIT_EXP_PUSHING", "GIT_EXP_DISABLED"])
@pytest.mark.parametrize("name", NAMES)
def test_when_it_is_told_to(
    name: str, variable: str, git: Git_, runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key, value in (("trailers", "true"), ("gate", "require-run"), ("autoPush", "true")):
        git("config", f"exp.{key}", value)
    monkeypatch.setenv(variable, "1")

    assert loaded(name) == "0"


@pytest.mark.parametrize(
    ("code", "paths", "idle"),
    [
        ("print('METRIC acc=0.5')\n", [], False),
        (CODE, [], True),
        (CODE, ["README"], False),
        (CODE, ["*.py", "README"], True),
    ],
)
def test_a_match_is_never_missed(
    git: Git_, exp: Exp, runs: Runs, code: str, paths: list[str], idle: bool
) -> None:
    for one in paths:
        git("config", "--add", "exp.codePaths", one)
    runs.add("a run", code)
    exp("log")
    git("commit", "-q", "--allow-empty", "-m", "second")

    assert glance.idle("post-commit", os.environ) is idle


def test_an_index_that_is_behind_is_not_believed(git: Git_, exp: Exp, runs: Runs) -> None:
    runs.add("other", "x = 2\n")
    assert not glance.idle("post-commit", os.environ)
    exp("log")
    assert glance.idle("post-commit", os.environ)

    runs.add("this", "print('METRIC acc=0.5')\n")

    assert not glance.idle("post-commit", os.environ)


@pytest.mark.parametrize("words", [(), ("nonsense",), ("-h",)])
def test_what_is_no_hook_is_wrong_usage(words: tuple[str, ...], exp: Exp) -> None:
    done = exp("hook", *words, code=2)

    assert done.stderr.startswith("error: no hook '")
    assert done.stderr.endswith("hint: they are pre-commit, prepare-commit-msg, post-commit,"
                                " post-rewrite, pre-push\n")  # fmt: skip


def test_it_knows_all_refs_that_hold_records() -> None:
    assert glance.NOTES == notes.REFS


def test_git_is_asked_without_more_than_a_pipe_holds() -> None:
    assert asked(["hash-object", "--stdin"], os.environ, "x").startswith("c1b0730")
    assert asked(["no-such-command"], os.environ) == ""
    with pytest.raises(ValueError, match="too much"):
        asked(["hash-object", "--stdin"], os.environ, "x" * 20_000)


def test_descriptors_are_not_lost() -> None:
    before = len(list(Path("/dev/fd").iterdir()))

    for _ in range(5):
        asked(["version"], os.environ)

    assert len(list(Path("/dev/fd").iterdir())) == before


@pytest.mark.parametrize("name", NAMES)
def test_every_script_is_one_that_sh_understands(name: str) -> None:
    done = subprocess.run(("sh", "-n"), input=script(name), text=True, capture_output=True)

    assert (done.returncode, done.stderr) == (0, "")
