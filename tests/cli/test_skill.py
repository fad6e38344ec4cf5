"""git exp skill: what a coding agent is told is true, complete, and installed without loss."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from git_exp import Experiment, cli
from git_exp.agent import skill
from tests import architecture as house
from tests.cli.conftest import Ask
from tests.conftest import Exp

Git = Callable[..., str]
COMMANDS = [(word, cli.summary(word)) for word in cli.words()]
TEXT = skill.text(COMMANDS)
DOCUMENTS = {"skill": TEXT, "agents": skill.section(), "program": skill.program()}


def front(text: str) -> dict[str, object]:
    found: dict[str, object] = yaml.safe_load(text.split("---\n")[1])
    return found


def test_it_is_a_skill_by_the_specification() -> None:
    head = front(TEXT)

    assert TEXT.startswith("---\n")
    assert head["name"] == "git-exp"
    assert 1 <= len(str(head["description"])) < 1_024
    assert "Use it whenever" in str(head["description"])
    assert set(head) <= {"name", "description", "license", "compatibility", "metadata",
                         "allowed-tools"}  # fmt: skip
    assert len(TEXT.splitlines()) < 500
    assert all(isinstance(value, str) for value in dict(head["metadata"]).values())  # type: ignore[call-overload]


def test_every_command_is_listed_with_what_it_does() -> None:
    for word, does in COMMANDS:
        assert f"\n- `git exp {word}`: {does}\n" in TEXT


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_command_and_option_that_is_told_of_exists(name: str) -> None:
    every = house.commands()
    parts = re.findall(r"```\n(.*?)```|`([^`]+)`", DOCUMENTS[name], re.S)
    code = " ; ".join(re.sub(r"\s+", " ", one or other) for one, other in parts)
    found = re.findall(r"git exp ([a-z]+(?: [a-z]+)?)([^;#]*)", code)

    assert len(found) > 3
    for words, rest in found:
        word = words if words in every else words.split()[0]
        assert word in every, words
        known = {name for one in house.command(word).params for name in one.opts}
        given = rest.partition(" -- ")[0]
        for option in re.findall(r"(?<= )(?:--[a-z][\w-]*|-[a-z])(?= |$)", given):
            assert option in known, f"git exp {word} {option}"


@pytest.mark.slow
@pytest.mark.parametrize(("said", "asked"), skill.QUESTIONS)
def test_every_question_of_it_is_answered(said: str, asked: str, repo: Path, exp: Exp) -> None:
    for lr, acc in ((0.1, 0.92), (0.2, 0.95)):
        with Experiment("one", params={"lr": lr}, repo=repo) as run:
            run.track({"acc": acc})
    exp("run", "--", "python", "train.py")
    with Experiment("last", params={"lr": 0.3}, repo=repo) as run:
        run.track({"acc": 0.5})

    words = shlex.split(asked)

    assert words[:2] == ["git", "exp"]
    assert exp(*words[2:]).returncode == 0
    assert said


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_document_is_printed(name: str, repo: Path, ask: Ask) -> None:
    assert ask("skill", name).out == DOCUMENTS[name]
    told = json.loads(ask("skill", name, "--json").out)
    assert (told["schema"], told["document"]) == ("git-exp/skill/1", name)
    assert told["text"] == DOCUMENTS[name]


def test_it_needs_no_repository_to_be_printed(tmp_path: Path, exp: Exp) -> None:
    assert exp("skill", cwd=tmp_path).stdout == TEXT


def test_it_is_installed_for_every_agent(repo: Path, ask: Ask, git: Git) -> None:
    (repo / "below").mkdir()

    said = ask("skill", "--install")

    place, link = repo / ".agents/skills/git-exp/SKILL.md", repo / ".claude/skills/git-exp"
    assert place.read_text() == TEXT
    assert str(link.readlink()) == "../../.agents/skills/git-exp"
    assert (link / "SKILL.md").read_text() == TEXT
    assert said.out == f"{place}\n{link} -> ../../.agents/skills/git-exp\n"
    assert ask("skill", "--install") == said


def test_for_its_user_it_is_in_the_home_folder(tmp_path: Path, ask: Ask) -> None:
    ask("skill", "--user")

    assert (tmp_path / "home/.claude/skills/git-exp/SKILL.md").read_text() == TEXT


def test_another_version_is_replaced_and_an_edited_one_is_not(repo: Path, ask: Ask) -> None:
    place = repo / ".agents/skills/git-exp/SKILL.md"
    place.parent.mkdir(parents=True)
    old = skill.text([("log", "older words")])
    place.write_text(old.replace("generator: ", "generator: old "))
    ask("skill", "--install")
    assert place.read_text() == TEXT

    place.write_text(TEXT + "\nAsk me first.\n")
    said = ask("skill", "--install", code=4)

    assert said.err == (
        f"error: '{place}' is there and not as git exp wrote it\n"
        "hint: move it away, or name another\n"
    )
    assert place.read_text().endswith("Ask me first.\n")


def test_what_else_stands_where_the_link_would_be_stays(repo: Path, ask: Ask) -> None:
    there = repo / ".claude/skills/git-exp"
    there.mkdir(parents=True)
    (there / "SKILL.md").write_text("mine\n")

    said = ask("skill", "--install")

    assert said.err.startswith(f"warning: '{there}' is something else already, and stays\n")
    assert (there / "SKILL.md").read_text() == "mine\n"


def test_it_is_written_where_other_tools_look(repo: Path, ask: Ask) -> None:
    ask("skill", "--write", ".opencode/skills/exprag/SKILL.md")
    ask("skill", "--write", ".opencode/skills/own")

    assert front((repo / ".opencode/skills/exprag/SKILL.md").read_text())["name"] == "exprag"
    assert front((repo / ".opencode/skills/own/SKILL.md").read_text())["name"] == "own"


@pytest.mark.parametrize("name", ["My Skill", "under_score", "-x", "x" * 65])
def test_a_folder_whose_name_is_none_of_a_skill_is_refused(name: str, repo: Path, ask: Ask) -> None:
    said = ask("skill", "--write", f"{name}/SKILL.md", code=2)

    assert said.err == (
        f"error: '{name}' is no name of a skill\n"
        "hint: it is that of its folder, of a-z, 0-9 and hyphens: --write PATH/git-exp/SKILL.md\n"
    )
    assert not (repo / name).exists()


def test_the_section_of_an_agents_file_is_put_in_its_place(repo: Path, ask: Ask) -> None:
    place = repo / "AGENTS.md"
    place.write_text("# Mine\n\nBe kind.")
    ask("skill", "agents", "--write", ".")
    assert place.read_text() == f"# Mine\n\nBe kind.\n\n{skill.section()}"

    old = place.read_text().replace("git reset", "git older")
    place.write_text(f"{old}\n## After\n")
    ask("skill", "agents", "--write", "AGENTS.md")

    assert place.read_text() == f"# Mine\n\nBe kind.\n\n{skill.section()}## After\n"


def test_the_rest_of_an_agents_file_keeps_its_line_ends(repo: Path, ask: Ask) -> None:
    place = repo / "AGENTS.md"
    place.write_bytes(b"# Mine\r\n\r\nBe kind.\r\n")
    ask("skill", "agents", "--write", ".")
    ask("skill", "agents", "--write", ".")

    section = skill.section().replace("\n", "\r\n").encode()
    assert place.read_bytes() == b"# Mine\r\n\r\nBe kind.\r\n\r\n" + section


@pytest.mark.parametrize("stray", [f"{skill.END}\nmine\n", f"{skill.BEGIN}\nmine\n"])
def test_stray_marks_cost_nothing_and_multiply_nothing(stray: str, repo: Path, ask: Ask) -> None:
    place = repo / "AGENTS.md"
    place.write_text(stray)
    for _ in range(3):
        ask("skill", "agents", "--write", ".")

    assert place.read_text() == f"{stray}\n{skill.section()}"


def test_a_skill_that_git_gave_other_line_ends_is_still_ours(repo: Path, ask: Ask) -> None:
    place = repo / ".agents/skills/git-exp/SKILL.md"
    place.parent.mkdir(parents=True)
    place.write_bytes(TEXT.replace("\n", "\r\n").encode())

    ask("skill", "--install")

    assert place.read_text() == TEXT


def test_what_a_restore_would_take_away_is_said(repo: Path, ask: Ask, git: Git) -> None:
    said = ask("skill", "--install")
    assert said.err == (
        "hint: commit it, so that every run and every restore has it:"
        " git add -f .agents/skills/git-exp .claude/skills/git-exp\n"
    )
    assert ask("skill", "program", "--write", "program.md").err.endswith(
        ": git add -f program.md\n"
    )

    git("add", ".agents", ".claude", "program.md")
    git("commit", "-q", "-m", "skill")

    assert ask("skill", "--install").err == ""
    assert ask("skill", "program", "--write", "program.md").err == ""


def test_a_link_that_leads_nowhere_stays(repo: Path, ask: Ask) -> None:
    link = repo / ".claude/skills/git-exp"
    link.parent.mkdir(parents=True)
    link.symlink_to("git-exp")

    said = ask("skill", "--install")

    assert f"warning: '{link}' is something else already, and stays\n" in said.err


def test_outside_of_a_repository_it_is_installed_for_the_user(tmp_path: Path, exp: Exp) -> None:
    said = exp("skill", "--install", code=5, cwd=tmp_path).stderr

    assert said.endswith("hint: for all repositories: git exp skill --user\n")


def test_a_program_of_ones_own_is_not_written_over(repo: Path, ask: Ask) -> None:
    assert ask("skill", "program", "--write", "program.md").out == "program.md\n"
    ask("skill", "program", "--write", "program.md")
    (repo / "program.md").write_text("mine\n")

    ask("skill", "program", "--write", "program.md", code=4)

    assert (repo / "program.md").read_text() == "mine\n"


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("--install", "--write", "x.md"), "--write, --install and --json exclude each other"),
        (("program", "--install"), "only the skill is installed; write the others: --write PATH"),
        (("--write", "train.py/x/SKILL.md"), "cannot read 'train.py/x/SKILL.md': Not a"),
        (("--write", ""), "--write takes a path"),
        (("poem",), "invalid value for 'document': 'poem' is not"),
    ],
)
def test_wrong_usage_writes_nothing(args: tuple[str, ...], said: str, repo: Path, ask: Ask) -> None:
    before = sorted(path.name for path in repo.iterdir())

    assert ask("skill", *args, code=2).err.startswith(f"error: {said}")
    assert sorted(path.name for path in repo.iterdir()) == before


def test_an_empty_home_is_no_place_for_it(
    repo: Path, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "")

    assert ask("skill", "--user", code=2).err.startswith("error: HOME is empty\n")


def test_a_bare_repository_has_no_place_for_it(tmp_path: Path, exp: Exp, git: Git) -> None:
    git("init", "-q", "--bare", tmp_path / "bare")

    assert "--user" in exp("skill", "--install", code=2, cwd=tmp_path / "bare").stderr


def test_the_other_name_of_it_writes_it_too(tmp_path: Path) -> None:
    words = ("git-exp-skill", "--write", ".agents/skills/exprag/SKILL.md")

    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True)

    assert (done.returncode, done.stderr) == (0, "")
    assert front((tmp_path / ".agents/skills/exprag/SKILL.md").read_text())["name"] == "exprag"
