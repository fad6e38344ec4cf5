"""What all commands have in common: help, errors, exit codes, and how they start and end."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import click
import pytest

from git_exp import cli, errors
from git_exp.cli import ending, manual
from tests import architecture as house
from tests.architecture import commands
from tests.cli.conftest import Ask, Git_
from tests.conftest import Exp

HEAVY = "{'click', 'pygit2', 'rich', 'msgspec'} & set(sys.modules)"


def test_the_version_is_told_as_git_tells_its_own(exp: Exp) -> None:
    assert exp("--version").stdout == "git-exp version 0.1.0\n"
    assert exp("-v").stdout == "git-exp version 0.1.0\n"
    assert exp("--no-pager", "--version").stdout == "git-exp version 0.1.0\n"


@pytest.mark.parametrize(
    ("args", "loaded"),
    [
        (["--version"], set()),
        (["--offer", "lo"], {"click"}),
        (["--offer", "log", "--"], {"click", "msgspec"}),
        (["completion", "bash"], {"click", "msgspec"}),
        (["-h"], {"click", "msgspec"}),
    ],
)
def test_what_needs_no_repository_imports_little(args: list[str], loaded: set[str]) -> None:
    code = (
        f"import sys; sys.argv[1:] = {args!r}; from git_exp.__main__ import main; main(); "
        f"sys.stderr.write(' '.join(sorted({HEAVY})))"
    )

    done = subprocess.run((sys.executable, "-c", code), capture_output=True, text=True)

    assert set(done.stderr.split()) == loaded


def test_only_the_command_that_is_asked_for_is_imported() -> None:
    code = (
        "import sys; sys.argv[1:] = ['tag', '-h']; from git_exp.__main__ import main; main(); "
        "sys.stderr.write(' '.join(sorted(n for n in sys.modules if n.startswith('git_exp.cli.'))))"
    )

    done = subprocess.run((sys.executable, "-c", code), capture_output=True, text=True)

    commands = {f"git_exp.cli.{word}" for word in cli.words()}
    assert commands & set(done.stderr.split()) == {"git_exp.cli.tag"}


def test_the_short_usage_lists_the_commands_by_what_they_are_for(exp: Exp) -> None:
    shown = exp("-h").stdout

    assert shown.startswith("usage: git exp [<options>] <command> [<args>]\n\n")
    assert "\nlook at runs\n    log                   list runs, newest first\n" in shown
    assert [shown.index(f"\n    {word} ") for word in cli.words()] == sorted(
        shown.index(f"\n    {word} ") for word in cli.words()
    )


def test_no_command_at_all_is_wrong_usage_and_shows_the_right_one(exp: Exp) -> None:
    done = exp(code=2)

    assert done.stdout == exp("-h").stdout
    assert done.stderr == ""


@pytest.mark.parametrize("word", commands())
def test_every_command_has_a_short_usage_with_every_option(word: str, exp: Exp) -> None:
    command = house.command(word)

    shown = exp(*word.split(), "-h").stdout

    assert shown.startswith(f"usage: git exp {word} [<options>]")
    for option in command.params:
        if isinstance(option, click.Option) and not option.hidden:
            assert option.help, f"{word}: {option.opts} has no help"
            assert all(name in shown for name in option.opts)


@pytest.mark.parametrize("word", commands())
def test_the_first_line_of_a_command_file_is_how_its_help_begins(word: str) -> None:
    command = house.command(word)

    assert (command.help or "").lower().startswith(cli.summary(word).lower())


def test_piped_help_is_the_manual_as_text(exp: Exp) -> None:
    shown = exp("log", "--help").stdout

    assert shown.startswith("git-exp-log - list runs, newest first\n\n")
    assert shown.endswith(exp("log", "-h").stdout)


def test_help_asked_for_as_a_word_is_the_same(exp: Exp) -> None:
    assert exp("help", "log").stdout == exp("log", "--help").stdout
    assert exp("help", "session", "next").stdout == exp("session", "next", "--help").stdout


def test_help_alone_is_the_short_usage(ask: Ask) -> None:
    for words in ([], ["help"], ["-h"], ["--help"]):
        assert ask("help", *words) == ask("-h")


def test_help_asked_for_twice_is_that_of_the_command(ask: Ask) -> None:
    assert ask("help", "session", "next", "-h") == ask("session", "next", "-h")
    assert ask("help", "run", "--help") == ask("run", "--help")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("run sh -c exit", "error: 'run sh' is not a git exp command\nhint: git exp help run\n"),
        ("run -- sh", "error: 'run --' is not a git exp command\nhint: git exp help run\n"),
        ("session next foo -h", "error: 'session next foo' is not a git exp command\n"
         "hint: git exp help session next\n"),
        ("session lst", "error: 'lst' is not a git exp session command\n"
         "hint: the most similar: list\n"),
        ("query foo", "error: 'query' is not a git exp command\nhint: see: git exp -h\n"),
        ("-h run", "error: '-h' is not a git exp command\nhint: see: git exp -h\n"),
    ],
)  # fmt: skip
def test_help_does_nothing_with_words_of_no_command(
    words: str, said: str, repo: Path, ask: Ask, git: Git_
) -> None:
    assert ask("help", *words.split(), code=2) == ("", said)
    assert git("for-each-ref", "refs/runs", "refs/notes") == ""


def test_help_opens_the_pages_of_no_command(
    tmp_path: Path, exp: Exp, monkeypatch: pytest.MonkeyPatch
) -> None:
    man = tmp_path / "man"
    man.write_text('#!/bin/sh\necho "$@"\n')
    man.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")

    for word, section in manual.TOPICS.items():
        shown = exp("help", word).stdout
        assert shown.endswith(f"share/man/man{section}/git-exp-{word}.{section}\n")


def test_where_there_is_no_man_the_page_is_named(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)

    said = ask("help", "query", code=3)

    assert said.out == ""
    assert said.err.startswith("fatal: there is no man to show git-exp-query(7)\nhint: less /")


def test_a_page_is_named_so_that_it_can_be_typed(
    ask: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "my env" / "share/man/man7/git-exp-query.7"
    page.parent.mkdir(parents=True)
    page.touch()
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "my env"))
    monkeypatch.setattr(shutil, "which", lambda _: None)

    assert ask("help", "query", code=3).err.endswith(f"hint: less '{page}'\n")


def test_an_unknown_command_is_named_with_those_spelt_like_it(exp: Exp) -> None:
    done = exp("lgo", code=2)

    assert done.stdout == ""
    assert done.stderr == ("error: 'lgo' is not a git exp command\nhint: the most similar: log\n")


@pytest.mark.parametrize("word", ["output", "terminal", "../log", "", "__init__", "log.py"])
def test_a_file_that_is_no_command_is_none(word: str, exp: Exp) -> None:
    assert "is not a git exp command\n" in exp(word, code=2).stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["log", "--revers"], "unknown option '--revers'\nhint: did you mean --reverse?"),
        (["log", "--zzz"], "unknown option '--zzz'\nhint: see: git exp log -h"),
        (["log", "-n", "many"],
         "invalid value for '-n' / '--max-count': 'many' is not a whole number\n"
         "hint: see: git exp log -h"),
        (["tag"], "missing <run>\nhint: see: git exp tag -h"),
        (["log", "--json", "--csv"],
         "--json and --csv exclude each other\nhint: see: git exp log -h"),
        (["session", "claim"], "missing <idea>\nhint: see: git exp session claim -h"),
        (["session", "nxt"],
         "'nxt' is not a git exp session command\nhint: the most similar: next"),
        (["session", "zz"],
         "'zz' is not a git exp session command\nhint: see: git exp session -h"),
        (["completion", "tcsh"],
         "invalid value for '{bash|zsh|fish}': 'tcsh' is not one of 'bash', 'zsh', 'fish'\n"
         "hint: see: git exp completion -h"),
    ],
)  # fmt: skip
def test_wrong_usage_is_one_line_with_a_hint(
    args: list[str], said: str, repo: Path, exp: Exp
) -> None:
    done = exp(*args, code=2)

    assert (done.stdout, done.stderr) == ("", f"error: {said}\n")


def test_what_is_not_found_is_fatal_and_exits_with_3(repo: Path, exp: Exp) -> None:
    done = exp("show", "zz", code=3)

    assert done.stdout == ""
    assert done.stderr == "fatal: there are no runs yet\nhint: record one: git exp run COMMAND\n"


def test_outside_a_repository_the_error_is_gits(tmp_path: Path, exp: Exp) -> None:
    done = exp("log", code=5, cwd=tmp_path)

    assert done.stderr.startswith("fatal: not a git repository (or any of the parent directories)")


def test_a_deleted_folder_is_said_to_be_that(repo: Path) -> None:
    script = "mkdir gone && cd gone && rmdir ../gone && exec git-exp log"

    done = subprocess.run(("sh", "-c", script), capture_output=True, text=True)

    assert done.returncode == 5
    assert done.stderr == (
        "fatal: cannot read the current folder: it does not exist any more\n"
        "hint: cd to a folder that exists\n"
    )


@pytest.mark.parametrize(
    ("raised", "code", "said"),
    [
        (ValueError("odd\nvalue"), 5,
         "fatal: internal error: ValueError: odd value\n"
         "hint: GIT_EXP_DEBUG=1 shows the traceback\n"),
        (errors.Refused("it would lose work", hint="save it"), 4,
         "error: it would lose work\nhint: save it\n"),
        (errors.RepositoryError("a \x1b[31mred ref"), 5, "fatal: a ^[[31mred ref\n"),
        (errors.AnswerIsNo(""), 1, ""),
        (KeyboardInterrupt(), 130, ""),
        (BrokenPipeError(), 141, ""),
        (click.exceptions.Exit(7), 7, ""),
    ],
)  # fmt: skip
def test_every_end_has_its_exit_code_and_its_line(
    raised: BaseException, code: int, said: str,
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    _add_command("boom", raised, monkeypatch)

    assert ending.code(["boom"]) == code
    assert capfd.readouterr().err == said


def test_git_exp_itself_failing_in_run_exits_with_125(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    _add_command("run", ValueError("odd"), monkeypatch)

    assert ending.code(["run", "true"]) == 125
    assert ending.code(["run", "--zzz"]) == 125
    assert "fatal: internal error: ValueError: odd\n" in capfd.readouterr().err


def test_the_debug_variable_shows_the_traceback(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    _add_command("boom", errors.Refused("it would lose work"), monkeypatch)
    monkeypatch.setenv("GIT_EXP_DEBUG", "1")

    ending.code(["boom"])

    said = capfd.readouterr().err
    assert said.startswith("Traceback")
    assert said.endswith("error: it would lose work\n")


def test_a_reader_that_goes_away_ends_the_command_as_it_ends_git(exp: Exp) -> None:
    reading, writing = os.pipe()
    os.close(reading)

    done = subprocess.run(
        ("git-exp", "completion", "bash"), stdout=writing, stderr=subprocess.PIPE, text=True
    )

    os.close(writing)
    assert (done.returncode, done.stderr) == (-signal.SIGPIPE, "")


def test_a_full_disk_behind_stdout_is_an_error() -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            ("git-exp", "completion", "bash"), stdout=full, stderr=subprocess.PIPE, text=True
        )

    assert done.returncode == 5
    assert done.stderr == "fatal: cannot write to standard output: No space left on device\n"


@pytest.mark.slow
@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_are_empty_ones(closed: str, repo: Path) -> None:
    script = f"git-exp log {closed} && git-exp tag {closed}"

    done = subprocess.run(("sh", "-c", script), stdout=subprocess.DEVNULL)

    assert done.returncode == 2


def test_what_a_command_starts_has_streams_too() -> None:
    code = (
        "import subprocess, sys; from git_exp.__main__ import main; sys.argv[1:] = ['-h']; main(); "
        "sys.exit(subprocess.run(('sh', '-c', 'echo a && echo b >&2')).returncode)"
    )
    words = ("sh", "-c", f'"{sys.executable}" -c "{code}" >&- 2>&-')

    assert subprocess.run(words).returncode == 0


def test_text_that_the_locale_cannot_show_is_escaped() -> None:
    env = {**os.environ, "PYTHONIOENCODING": "ascii"}

    done = subprocess.run(("git-exp", "café"), env=env, capture_output=True, text=True)

    assert done.stderr.startswith("error: 'caf\\xe9' is not a git exp command\n")


def _add_command(word: str, raised: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**given: object) -> None:
        raise raised

    entry = cli.group()
    entry.add_command(click.Command(word, callback=fail, params=[click.Argument(["a"], nargs=-1)]))
    monkeypatch.setattr(cli, "group", lambda: entry)
