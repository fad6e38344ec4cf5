"""What `--json` promises: a schema for each document, and commands that keep to it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from git_exp.cli.documents import KINDS
from tests.action.conftest import STUDY, Study, study
from tests.cli.conftest import Ask, Git_, Runs
from tests.conftest import Clock, Exp

__all__ = ["study"]
ROOT = Path(__file__).parent.parent.parent
SCHEMAS = ROOT / "man/schemas"
TSV = "commit\tval_bpb\tstatus\tdescription\na1b2c3d\t0.9\tkeep\tbaseline\n"
sys.path.insert(0, str(ROOT / "man"))
import schemas  # noqa: E402


@pytest.mark.parametrize("name", KINDS)
def test_a_document_is_what_its_schema_says(name: str) -> None:
    written, made = schemas.place(name).read_text(), schemas.text(name)

    assert schemas.bare(json.loads(written)) == schemas.bare(json.loads(made)), (
        f"raise the version of '{name}' in git_exp/cli/documents.py"
    )
    assert written == made, "python man/schemas.py writes its words"


def test_every_version_of_a_document_is_kept_and_no_other() -> None:
    there = {f"{path.parent.name}/{path.stem}" for path in SCHEMAS.glob("*/*")}

    expected = {f"{name}/{at}" for name, one in KINDS.items() for at in range(1, one.version + 1)}
    assert there == expected


def test_no_schema_that_was_committed_has_become_another() -> None:
    if not (ROOT / ".git").exists():
        return  # A copy without its history, in which there is nothing to compare.
    log = ("git", "log", "--raw", "--no-abbrev", "--no-renames", "--format=", "--", "man/schemas")
    raw = subprocess.run(log, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for line in raw.splitlines():
        *_, blob, kind, path = line.split()
        assert kind != "D", f"{path} was removed"
        show = ("git", "cat-file", "blob", blob)
        before = subprocess.run(show, cwd=ROOT, capture_output=True, text=True, check=True).stdout
        now = (ROOT / path).read_text()
        assert schemas.bare(json.loads(before)) == schemas.bare(json.loads(now)), path


def test_a_schema_of_another_struct_is_refused(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(schemas, "HERE", tmp_path)
    assert schemas.main() == 0
    best = tmp_path / "best/1.json"
    told = json.loads(best.read_text())
    best.write_text(json.dumps({**told, "description": "other words"}))
    assert schemas.main() == 0
    assert json.loads(best.read_text()) == told

    del told["properties"]["value"]
    best.write_text(json.dumps(told))

    assert schemas.main() == 1
    assert json.loads(best.read_text()) == told


class Hear:
    """Asks for documents, which `ask` checks, and remembers which there were."""

    def __init__(self, ask: Ask) -> None:
        self.ask = ask
        self.heard: set[str] = set()

    def __call__(self, *words: str, code: int = 0) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(self.ask(*words, "--json", code=code).out)
        self.heard.add(told["schema"].split("/")[1])
        return told


@pytest.fixture
def hear(ask: Ask) -> Hear:
    return Hear(ask)


@pytest.mark.slow
@pytest.mark.usefixtures("origin")
def test_every_document_is_answered_as_its_schema_says(
    hear: Hear, runs: Runs, repo: Path, git: Git_, study: Study, clock: Clock
) -> None:
    one, two, three = _looked(hear, runs, git)
    assert hear("verdict", three, one, "--metric", "acc", code=1)["verdict"] == "indistinguishable"
    _repeated(runs)
    assert hear("verdict", "@", one, "--metric", "acc")["noise"]
    hear("promote", two)
    hear("restore", two)
    hear("restore", "--list")
    hear("checkout", one, "--save")
    git("switch", "-q", "--discard-changes", "main")
    hear("hooks", "status", code=1)
    hear("hooks", "install")
    hear("hooks", "uninstall")
    (repo / "results.tsv").write_text(TSV)
    assert hear("import", "tsv", "results.tsv")["imported"]
    hear("push", "origin")
    hear("pull", "origin")
    # The program that is started next goes by the real time.
    clock.now = int(time.time() * 1e9)
    _act(hear, study)
    _session(hear, repo, two)
    hear("scrub", three, "--path", "train.py")

    # What an action prints would not go where this process catches it.
    assert set(KINDS) - hear.heard == {"actions-run"}


def _looked(hear: Hear, runs: Runs, git: Git_) -> tuple[str, str, str]:
    one = runs.add("one", params={"lr": 0.1, "x": None}, metrics={"acc": [0.1, 0.5]})
    git("commit", "-q", "--allow-empty", "-m", "second")
    two = runs.add("two", "print(2)\n", params={"lr": 0.2}, metrics={"acc": [0.2, float("nan")]})
    three = runs.add("three", "print(3)\n", metrics={"acc": [0.2, 0.9], "loss": [float("inf")]})
    for words in (
        ("log",), ("show",), ("show", one), ("compare", one, two), ("diff", one),
        ("diff", one, two),
        ("best", "acc"), ("best", "max(acc)", "--where", "acc > 0.8"), ("brief",), ("tree",),
        ("seen",), ("sql", "select id, name, null, 1.5 from runs"), ("skill",),
        ("show", "--events"), ("show", "--env"), ("show", "--output"),
        ("fsck",), ("gc",), ("archive", "-n", "--older-than", "now"), ("restore", "--list"),
        ("actions", "list"), ("export", "runs.csv"), ("init",),
    ):  # fmt: skip
        assert hear(*words)["schema"].startswith(f"git-exp/{words[0]}")
    hear("doctor", code=1)
    return one, two, three


def _repeated(runs: Runs) -> None:
    for at in range(4):
        git = {"tree": "4" * 40}
        runs.add(f"again {at}", "print(4)\n", metrics={"acc": [0.95 + at / 1_000]}, git=git)


def _act(hear: Hear, study: Study) -> None:
    tracked = STUDY.replace("exp.add_action(Fail())", 'exp.track({"acc": 0.5})')
    study(tracked)
    assert hear("plot", "acc", "study")["lines"]
    assert hear("show", "--series", "acc")["points"]
    assert hear("actions", "list")["actions"]


def test_an_action_that_was_done_is_a_document(study: Study, exp: Exp) -> None:
    study()

    out = exp("actions", "run", "@", "Say", "--set", "loud=no", "--set", "how=now", "--json").stdout

    assert json.loads(out)["schema"].startswith("git-exp/actions-run/")


def _session(hear: Hear, repo: Path, run: str) -> None:
    hear("session", "start", "--goal", "speed", "--metric", "acc", "--id", "s1")
    rows = "".join(f"{at},{at % 2}\n" for at in range(50))
    (repo / "data.csv").write_text(f"a,b\n{rows}")
    about = ("--data", "data.csv", "--target", "b", "--task", "classification")
    assert hear("session", "start", *about, "--id", "s2")["profile"]
    hear("session", "next", "-s", "s1")
    hear("session", "hypothesize", "-s", "s1", "wider", "-p", "width=8")
    claim = hear("session", "claim", "-s", "s1", "unroll the loop")["claim"]
    assert hear("session", "claim", "-s", "s1", "unroll a loop")["near"]
    hear("session", "claims", "-s", "s1")
    hear("session", "release", "-s", "s1", claim)
    hear("session", "record", "-s", "s1", "--run", run)
    hear("session", "record", "-s", "s1", "--error", "it crashed")
    hear("session", "retract", "-s", "s1", run)
    hear("session", "phase", "-s", "s1", "code_generation")
    hear("session", "pause", "-s", "s1")
    hear("session", "resume", "-s", "s1")
    for verb in ("status", "log", "report"):
        hear("session", verb, "-s", "s1")
    hear("session", "status", "-s", "s2")
    hear("session", "report", "-s", "s1", "-o", "report.md")
    hear("session", "stop", "-s", "s1")
    hear("session", "list")
    hear("session", "next", "-s", "s1", code=1)


def test_the_versions_are_named_in_no_other_place() -> None:
    named = re.compile(r"git-exp/[a-z-]+/\d")
    for path in (ROOT / "git_exp").rglob("*.py"):
        assert not named.search(path.read_text()), path


@pytest.mark.usefixtures("repo")
@pytest.mark.parametrize(
    ("words", "answered"),
    [
        (("verdict", "alike", "base"), True),
        (("verdict", "tainted", "base"), False),
        (("verdict", "failed", "base"), False),
        (("verdict", "nan", "base"), False),
        (("promote", "same"), False),
        (("best", "only"), False),
        (("seen", "-p", "no=1"), True),
        (("log", "--where", "acc > 9"), True),
        (("session", "next"), True),
        (("session", "claim", "an idea"), False),
    ],
)
def test_a_no_is_a_document_and_a_refusal_is_none(
    words: tuple[str, ...], answered: bool, ask: Ask, runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs.add("base", "x = 1\n", metrics={"acc": [0.5]})
    runs.add("alike", "x = 2\n", metrics={"acc": [0.5]})
    runs.add("tainted", "x = 3\n", metrics={"acc": [0.9]}, tags=["tainted"])
    runs.add("failed", "x = 4\n", metrics={"acc": [0.9], "only": [1]}, status="failed")
    runs.add("nan", "x = 5\n", metrics={"acc": [float("nan")]})
    runs.add("same")
    if words[0] == "session":
        monkeypatch.setenv("GIT_EXP_AGENT", "first")
        ask("session", "start", "--goal", "less", "--id", "one")
        ask("session", "claim", "an idea")
        ask("session", "stop")
        monkeypatch.setenv("GIT_EXP_AGENT", "second")

    said = ask(*words, "--json", code=1)

    assert (said.out != "", "error: " in said.err) == (answered, not answered)
