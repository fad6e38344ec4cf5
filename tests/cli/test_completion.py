"""git exp completion: what the shells themselves offer for a line that is begun."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from git_exp import cli
from tests.conftest import Exp
from tests.families import few
from tests.pseudo_terminal import Screen

GIT_FOR_BASH = Path("/usr/share/bash-completion/completions/git")
SCRIPTS = Path(cli.__file__).parent
BASH = """
. {git}
. {scripts}/completion.bash
COMP_WORDBREAKS=$' \\t\\n"\\'@><=;|&(:'
COMP_LINE=$1 COMP_POINT=${{#1}}
read -ra COMP_WORDS <<<"$1"
[[ $1 == *' ' ]] && COMP_WORDS+=('')
COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
"$2"
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
ZSH = """
autoload -Uz compinit; compinit -u -d ~/dump
zstyle ':completion:*' menu no; unsetopt zle_bracketed_paste; PS1='READY> '
. {scripts}/completion.zsh
"""

bash = pytest.mark.skipif(not GIT_FOR_BASH.exists(), reason="git's own bash completion is needed")
zsh = pytest.mark.skipif(not shutil.which("zsh"), reason="zsh is not installed")
fish = pytest.mark.skipif(not shutil.which("fish"), reason="fish is not installed")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_of_a_shell_is_printed_and_is_sound(shell: str, exp: Exp) -> None:
    script = exp("completion", shell).stdout

    assert script == (SCRIPTS / f"completion.{shell}").read_text()
    if shutil.which(shell):
        done = subprocess.run((shell, "-n"), input=script, capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.slow
def test_the_scripts_ask_for_kind_value_and_help(runs: Path, exp: Exp) -> None:
    assert exp("--offer", "lo").stdout == "plain\tlog\tlist runs, newest first\n"
    assert exp("--offer", "log", "--form").stdout.startswith("plain\t--format\tAnswer")
    assert exp("--offer", "completion", "").stdout == "plain\tbash\t\nplain\tzsh\t\nplain\tfish\t\n"
    assert exp("--offer", "log", "--", "tr").stdout == "file\ttr\t\n"
    assert exp("--offer", "run", "py").stdout == "command\tpy\t\n"
    assert exp("--offer", "run", "python", "tr").stdout == "file\ttr\t\n"


@pytest.mark.slow
def test_runs_are_offered_by_name_by_revision_and_by_the_id_that_is_begun(
    runs: Path, exp: Exp
) -> None:
    run_id = exp("log", "-n", "1", "--format", "%H").stdout.strip()

    offered = [line.split("\t")[1] for line in exp("--offer", "show", "").stdout.splitlines()]
    begun = [line.split("\t")[1] for line in exp("--offer", "show", "@").stdout.splitlines()]

    assert offered == ["@", "second try", "baseline"]
    assert begun == ["@", "@{saved}", "@{best:acc}", "@{tag:good}"]
    assert f"plain\t{run_id}\tsecond try finished" in exp("--offer", "show", run_id[:4]).stdout


def test_a_name_that_could_be_an_order_to_the_terminal_is_not_offered(repo: Path, exp: Exp) -> None:
    _record("evil\x1b[31m")
    _record("plain")

    offered = exp("--offer", "show", "").stdout.splitlines()

    assert [line.split("\t")[1] for line in offered] == ["@", "plain"]


def test_where_nothing_can_be_found_nothing_is_offered_and_nothing_is_said(
    tmp_path: Path, exp: Exp
) -> None:
    done = exp("--offer", "show", "", cwd=tmp_path)

    assert (done.stdout, done.stderr) == ("", "")


@pytest.mark.slow
def test_pygit2_is_only_imported_to_complete_the_names_of_runs(runs: Path) -> None:
    assert _imported("--offer", "sh", "pygit2") == ""
    assert _imported("--offer", "show", "--", "pygit2") == ""


@pytest.mark.slow
@bash
@pytest.mark.parametrize(
    ("line", "offered"),
    few(
        5,
        [
            ("git exp lo", ["log "]),
            ("git exp log --form", ["--format "]),
            ("git -C sub/.. exp show base", ["baseline "]),
            ("git --git-dir=.git exp show base", ["baseline "]),
            ("git alias-of-exp show base", ["baseline "]),
            ("git exp show se", ["second\\ try "]),
            ("git exp show 'se", ["second try"]),
            ("git exp show @{be", ["@{best:acc} "]),
            ("git exp show @{best:a", ["acc} "]),
            ("git exp diff @{best:acc} base", ["baseline "]),
            ("git exp show nothing", [""]),
            ("git ex", ["exp ", "exp-skill "]),
        ],
    ),
)
def test_bash_completes_below_git(line: str, offered: list[str], runs: Path) -> None:
    assert _bash(line, "__git_wrap__git_main") == offered


@pytest.mark.slow
@bash
@pytest.mark.parametrize(
    ("line", "offered"), [("git-exp lo", ["log "]), ("git-exp show base", ["baseline "])]
)
def test_bash_completes_the_program_itself(line: str, offered: list[str], runs: Path) -> None:
    assert _bash(line, "_git_exp_alone") == offered


@bash
def test_bash_completes_on_the_line_that_is_typed(runs: Path) -> None:
    with Screen(("bash", "--norc"), PS1="READY> ") as screen:
        screen.until("READY> ")
        screen.type(f". {GIT_FOR_BASH}; . {SCRIPTS}/completion.bash\n")
        screen.until("READY> ")
        screen.type("git exp show @{best:a\t")

        screen.until(r"@\{best:acc\} ")


@bash
def test_a_name_is_never_run_by_the_shell(repo: Path) -> None:
    _record("x$(touch hit)`touch hit`;touch hit")

    offered = _bash("git exp show x", "__git_wrap__git_main")
    quoted = _bash("git exp show 'x", "__git_wrap__git_main")
    for one in (*offered, *quoted):
        subprocess.run(("bash", "-c", f"echo {one}"), check=True)

    assert offered[0].startswith("x\\$\\(touch")
    assert not (repo / "hit").exists()


@zsh
@pytest.mark.parametrize(
    ("keys", "seen"),
    few(
        3,
        [
            ("git exp lo\t", "git exp log "),
            ("git exp show base\t", "show baseline "),
            ("git exp show se\t", r"second\\ try "),
            ("git -C sub/.. exp show base\t", "baseline "),
            ("git --git-dir=.git exp show base\t", "baseline "),
            ("git-exp show base\t", "baseline "),
            ("git exp log --form\t", "--format "),
            ("git exp show @\t\t", r"@\{best:acc\} +-- the run with the best acc"),
        ],
    ),
)
def test_zsh_completes_with_its_own_git_completion(keys: str, seen: str, runs: Path) -> None:
    (Path.home() / ".zshrc").write_text(ZSH.format(scripts=SCRIPTS))

    with Screen(("zsh", "-d"), TERM="dumb") as screen:
        screen.until("READY> ")
        screen.type(keys)

        screen.until(seen)


@zsh
def test_zsh_finds_the_script_in_a_folder_of_fpath(runs: Path) -> None:
    folder = Path.home() / "functions"
    folder.mkdir()
    shutil.copy(SCRIPTS / "completion.zsh", folder / "_git-exp")
    (Path.home() / ".zshrc").write_text(
        "fpath=(~/functions $fpath); autoload -Uz compinit; compinit -u -d ~/dump; PS1='READY> '"
    )

    with Screen(("zsh", "-d"), TERM="dumb") as screen:
        screen.until("READY> ")
        screen.type("git exp show base\t")

        screen.until("baseline ")


@fish
@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("git exp lo", "log\tlist runs, newest first"),
        ("git -C sub/.. exp lo", "log\tlist runs, newest first"),
        ("git -c a.b=c exp show base", "baseline\tfinished"),
        ("git-exp show base", "baseline\tfinished"),
        ("git exp show @{be", "@{best:acc}\tthe run with the best acc"),
        ("git exp show 'sec", "second try\tfinished"),
    ],
)
def test_fish_completes(line: str, offered: str, runs: Path) -> None:
    code = f"source {SCRIPTS}/completion.fish; complete -C $argv[1]"

    done = subprocess.run(("fish", "-c", code, line), capture_output=True, text=True)

    assert done.stdout.startswith(offered)
    assert done.stdout.count("\n") == 1


@pytest.fixture
def runs(repo: Path) -> Path:
    """The repository with two runs, a folder, and an alias."""
    (repo / "sub").mkdir()
    subprocess.run(("git", "config", "alias.alias-of-exp", "exp"), check=True)
    _record("baseline")
    _record("second try")
    return repo


def _record(name: str) -> None:
    code = (
        f"from git_exp import Experiment; run = Experiment({name!r}, tags=['good']); "
        "run.track({'acc': 0.5}); run.finish()"
    )
    subprocess.run((sys.executable, "-c", code), check=True)


def _bash(line: str, function: str) -> list[str]:
    script = BASH.format(git=GIT_FOR_BASH, scripts=SCRIPTS)
    words = ("bash", "--norc", "-c", script, "bash", line, function)
    return subprocess.run(words, capture_output=True, text=True).stdout.splitlines()


def _imported(*args: str) -> str:
    *given, library = args
    code = (
        f"import sys; sys.argv[1:] = {given!r}; from git_exp.__main__ import main; main(); "
        f"sys.stderr.write({library!r} * ({library!r} in sys.modules))"
    )
    return subprocess.run((sys.executable, "-c", code), capture_output=True, text=True).stderr
