"""README is true: its transcript and its Python run as they stand there."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

import git_exp
from git_exp.store import Store

README = Path(__file__).parent.parent / "README.md"
MARK = "\x1e"


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README.read_text(), re.S | re.M)


def settled(text: str) -> str:
    """Text with what differs from run to run made the same: ids and durations."""
    text = re.sub(r"\b[0-9a-f]{8}\b", "<id>", text)
    text = re.sub(r"in [\d.]+ (ms|s)\b", "in <time>", text)
    # The columns beside it stand where the widest age lets them, their heads too.
    text = re.sub(r"\bAGE +", "AGE ", text)
    return re.sub(r"\d+ (second|minute)s? ago +", "<age> ", text)


def test_the_transcript_runs_as_it_is_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    printed = "".join(blocks("console"))
    commands = [line[2:] for line in printed.splitlines() if line.startswith("$ ")]
    script = "\n".join(f"printf '%s\\n' '{MARK}'\n{command}" for command in commands)
    monkeypatch.chdir(tmp_path)

    done = subprocess.run(
        ("bash", "-e"), input=script, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )

    outputs = done.stdout.split(f"{MARK}\n")[1:]
    told = "".join(f"$ {one}\n{out}" for one, out in zip(commands, outputs, strict=True))
    assert settled(told) == settled(printed)
    assert done.returncode == 0


def test_the_python_of_readme_records_a_run(repo: Path) -> None:
    (code,) = blocks("python")

    exec(compile(code, "README.md", "exec"), {})  # noqa: S102 - it is our own page

    (run,) = Store.open(repo, {}).runs()
    assert (run.name, run.status, run.tags) == ("baseline", "finished", ["first"])
    assert run.params == {"lr": 0.1}
    assert run.metrics["loss"].min == 0.2
    assert run.metrics["acc"].max_step == 4
    assert [note.text for note in run.notes] == ["converges slowly"]


def test_the_two_commands_at_the_top_are_complete() -> None:
    demo, test = blocks("sh")

    assert demo.startswith("python3 -m venv ")
    assert demo.rstrip().endswith("git exp demo")
    assert test.startswith("python3 -m venv ")
    assert "pytest" in test


def test_the_python_that_reads_finds_runs(
    repo: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (code,) = (one for one in blocks("py") if "git_exp.runs" in one)
    with git_exp.Experiment("one", params={"lr": 0.01}, repo=repo) as exp:
        exp.track({"acc": 0.95, "loss": 0.5})

    exec(compile(code, "README.md", "exec"), {})  # noqa: S102 - it is our own page

    said = capsys.readouterr().out
    assert said.startswith(f"one 0.01 0.95 {exp.commit}\n")
    assert said.endswith(" [0.5]\n")


def test_the_study_of_readme_runs_as_it_is_printed(repo: Path) -> None:
    (study,) = (one for one in blocks("py") if "class Train" in one)
    (printed,) = (one for one in blocks("shell") if "study.py" in one)
    (repo / "study.py").write_text(study)

    assert settled(played(printed)) == settled(printed)


def test_the_loop_of_readme_runs_as_it_is_printed(repo: Path) -> None:
    (printed,) = (one for one in blocks("shell") if "session next" in one)
    (repo / "bench.sh").write_text("echo METRIC ms=7.2\n")

    found = played(printed)

    assert timeless(settled(found)) == timeless(settled(printed))


def timeless(text: str) -> str:
    text = re.sub(r"Elapsed: .* of", "Elapsed: <time> of", text)
    return re.sub(r"[\d-]{10} [\d:]{8} UTC", "<date>", text)


def played(printed: str) -> str:
    """The commands of a transcript with what they write now, each in the shell."""
    commands = [line[2:] for line in printed.splitlines() if line.startswith("$ ")]
    done = [
        subprocess.run(one, shell=True, stdout=-1, stderr=subprocess.STDOUT, text=True).stdout  # noqa: S602 - our own page
        for one in commands
    ]
    return "".join(f"$ {one}\n{out}" for one, out in zip(commands, done, strict=True))


def test_the_state_of_a_loop_is_kept_as_readme_says(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (code,) = (one for one in blocks("py") if "create_initial_state" in one)
    monkeypatch.chdir(tmp_path)
    Path("housing.csv").write_text("rooms,price\n3,100\n4,200\n")
    names: dict[str, Any] = {}

    exec(compile(code, "README.md", "exec"), names)  # noqa: S102 - it is our own page

    assert capsys.readouterr().out == "baseline 6000 (False, '')\n"
    assert names["state"].data_profile.n_rows == 2
    assert names["state"].current_iteration == 1
