"""git exp fsck: what it prints, mends and answers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Ask, Git_, Runs
from tests.conftest import Exp
from tests.spooled import Spooled, found, opened, waiting


def test_a_sound_repository_says_how_much_was_checked(repo: Path, runs: Runs, ask: Ask) -> None:
    runs.add("base")
    runs.add("other")

    assert ask("fsck") == ("", "checked 2 runs, 4 records\n")


def test_what_is_wrong_is_printed_with_the_way_out_and_the_answer_is_no(
    repo: Path, ask: Ask
) -> None:
    one, two = (Spooled(found(repo)).die() for _ in range(2))

    said = ask("fsck", code=1)

    lines = sorted(f"run {run.run_id[:8]}: its spool is not sealed" for run in (one, two))
    assert sorted(said.out.splitlines()) == lines
    assert said.err == "hint: git exp fsck --repair\nchecked 0 runs, 0 records\n"
    assert len(waiting(found(repo))) == 2


def test_a_repair_says_what_it_mended_and_the_answer_is_yes(repo: Path, ask: Ask) -> None:
    run = Spooled(found(repo)).die()

    said = ask("fsck", "--repair")

    assert said == (
        f"mended: run {run.run_id[:8]}: its spool is not sealed\n",
        "checked 1 runs, 2 records\n",
    )
    assert [one.status for one in opened(repo).runs()] == ["crashed"]
    assert ask("fsck") == ("", "checked 1 runs, 2 records\n")


def test_damaged_lines_of_a_killed_process_are_said_once_and_are_no_fault(
    repo: Path, ask: Ask
) -> None:
    run = Spooled(found(repo))
    run.raw(b'{"t":"2026-01-0')
    run.die()

    said = ask("fsck", "--repair")

    assert said.err == "checked 1 runs, 2 records, kept 1 damaged lines\n"


def test_spools_of_another_machine_need_a_word_of_their_own(repo: Path, ask: Ask) -> None:
    run = Spooled(found(repo), boot="another", machine="another").die()

    said = ask("fsck", "--repair", code=1)

    assert said.out == f"run {run.run_id[:8]}: its spool is of another machine\n"
    assert said.err.startswith(
        "hint: if that machine is done with it: git exp fsck --repair --foreign\n"
    )
    assert ask("fsck", "--repair", "--foreign").out == (
        f"mended: run {run.run_id[:8]}: its spool is of another machine\n"
    )
    assert [one.status for one in opened(repo).runs()] == ["lost"]


def test_foreign_alone_is_refused(repo: Path, ask: Ask) -> None:
    said = ask("fsck", "--foreign", code=2)

    assert "--foreign goes with --repair" in said.err


def test_json_holds_the_findings(repo: Path, ask: Ask) -> None:
    run = Spooled(found(repo)).die()

    said = json.loads(ask("fsck", "--json", code=1).out)

    assert said["schema"] == "git-exp/fsck/1"
    assert (said["runs"], said["records"], said["damaged"]) == (0, 0, 0)
    (finding,) = said["findings"]
    assert (finding["run"], finding["mended"]) == (run.run_id, False)


def test_removed_notes_are_put_back(repo: Path, runs: Runs, ask: Ask, git: Git_) -> None:
    run_id = runs.add("base")
    commit = git("rev-parse", f"refs/runs/{run_id}")
    git("notes", "--ref=exp", "remove", commit)

    said = ask("fsck", "--repair")

    assert said.out == f"mended: the note on {commit} was removed\n"
    assert ask("log", "--format", "%n").out == "base\n"


@pytest.mark.parametrize("code", [0, 1])
def test_a_check_seals_nothing_by_itself(repo: Path, ask: Ask, code: int) -> None:
    if code:
        Spooled(found(repo)).die()
    before = waiting(found(repo))

    ask("fsck", code=code)

    assert waiting(found(repo)) == before


def test_a_note_that_tells_of_no_run_is_told_and_listed_as_none(
    repo: Path, runs: Runs, ask: Ask, git: Git_
) -> None:
    runs.add("base")
    git("notes", "--ref=exp", "add", "-m", "a word of mine", "HEAD")
    head = git("rev-parse", "HEAD")

    assert f"the note on {head} tells of no run\n" in ask("fsck", code=1).out
    assert ask("log", "--format", "%n").out == "base\n"


def test_records_that_a_fetch_has_overwritten_are_put_back(
    origin: Path, runs: Runs, ask: Ask, git: Git_
) -> None:
    runs.add("base")
    ask("push")
    git("config", "--add", "remote.origin.fetch", "+refs/notes/*:refs/notes/*")
    runs.add("mine")
    git("fetch", "-q")
    assert ask("log", "--format", "%n").out == "base\n"
    assert "drops records of yours" in ask("doctor", code=1).out

    ask("fsck", "--repair")

    assert ask("log", "--format", "%n").out == "mine\nbase\n"
    assert ask("fsck").out == ""


def test_a_session_that_cannot_be_read_is_told(repo: Path, exp: Exp, git: Git_) -> None:
    exp("session", "start", "--goal", "g", "--id", "good")
    assert exp("fsck").returncode == 0
    git("update-ref", "refs/sessions/broken", "HEAD")

    done = exp("fsck", code=1)

    assert done.stdout.startswith("session broken: commit ")
    assert list(json.loads(exp("fsck", "--json", code=1).stdout)["sessions"]) == ["broken"]
