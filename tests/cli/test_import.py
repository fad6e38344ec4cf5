"""git exp import: what it prints and answers, and that nothing but runs comes of it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests import pseudo_terminal
from tests.cli.conftest import Ask, Git_
from tests.conftest import Exp
from tests.imports.sources import CLEAN, Mlflow, exprag
from tests.programs import everything

TABLE = (
    "commit\tval_bpb\tmemory_gb\tstatus\tdescription\n"
    "a1b2c3d\t0.997900\t44.0\tkeep\tbaseline\n"
    "b2c3d4e\t0.993200\t44.2\tkeep\tincrease LR to 0.04\n"
    "c3d4e5f\t1.005000\t44.0\tdiscard\tswitch to GeLU activation\n"
    "d4e5f6a\t0.000000\t0.0\tcrash\tdouble model width (OOM)\n"
)


@pytest.fixture
def table(repo: Path) -> Path:
    path = repo / "results.tsv"
    path.write_text(TABLE)
    return path


def test_runs_of_exprag_are_listed_as_our_own(repo: Path, ask: Ask, git: Git_) -> None:
    exprag(repo, CLEAN, {"branch": "main", "commit": git("rev-parse", "HEAD"), "dirty": False})

    assert ask("import", "exprag", ".") == ("Imported 1 run from .\n", "")

    (run,) = json.loads(ask("log", "--json").out)["runs"]
    assert (run["id"], run["name"], run["status"], run["own"]) == (CLEAN, "a run", "finished", True)
    assert run["params"] == {"bs": 32, "lr": 0.03}
    assert run["metrics"]["loss"] == {
        "last": 0.3333333333333333, "min": 0.3333333333333333, "max": 1.0, "first": 1.0,
        "count": 3, "min_step": 2, "max_step": 0,
    }  # fmt: skip
    assert run["git"]["capture"] == "full"


def test_runs_of_a_table_are_listed_with_their_metrics(table: Path, ask: Ask) -> None:
    assert ask("import", "tsv", "results.tsv") == ("Imported 4 runs from results.tsv\n", "")

    runs = json.loads(ask("log", "--json").out)["runs"]
    assert [(run["name"], run["status"], run["tags"]) for run in runs] == [
        ("double model width (OOM)", "failed", []),
        ("switch to GeLU activation", "finished", ["discard"]),
        ("increase LR to 0.04", "finished", ["keep"]),
        ("baseline", "finished", ["keep"]),
    ]
    assert [run["metrics"]["val_bpb"]["last"] for run in runs] == [0, 1.005, 0.9932, 0.9979]
    assert ask("log", "--format", "%n", "@{best:-val_bpb}").out == "increase LR to 0.04\n"


@pytest.mark.parametrize("kind", ["folder", "database"])
def test_runs_of_mlflow_are_listed_with_their_group(
    repo: Path, ask: Ask, git: Git_, kind: str
) -> None:
    path = getattr(Mlflow(git("rev-parse", "HEAD")), kind)(repo)

    said = ask("import", "mlflow", str(path.relative_to(repo)))

    assert said == (f"Imported 3 runs from {path.name} (1 deleted there)\n", "")
    runs = json.loads(ask("log", "--json").out)["runs"]
    assert [(run["name"], run["status"], run["group"]) for run in runs] == [
        ("running", "lost", "digits"), ("child", "failed", "digits"),
        ("base", "finished", "digits"),
    ]  # fmt: skip
    assert runs[2]["params"] == {"deep/er": "x", "lr": 0.1, "opt": "adam"}


def test_to_import_again_adds_nothing_and_says_so(table: Path, ask: Ask, git: Git_) -> None:
    ask("import", "tsv", "results.tsv")
    ask("rm", "baseline")
    before = git("for-each-ref")

    said = ask("import", "tsv", "results.tsv")

    assert said.out == "Imported 0 runs from results.tsv (3 already here, 1 deleted here)\n"
    assert git("for-each-ref") == before


@pytest.mark.parametrize("option", ["-n", "--dry-run"])
def test_a_dry_run_writes_nothing(
    repo: Path, table: Path, ask: Ask, git: Git_, option: str
) -> None:
    before = everything(repo), git("count-objects")

    said = ask("import", option, "tsv", "results.tsv")

    assert said == ("Would import 4 runs from results.tsv\n", "")
    assert (everything(repo), git("count-objects")) == before


def test_what_is_damaged_is_named_and_the_rest_comes_in(table: Path, ask: Ask) -> None:
    table.write_text(f"{TABLE}e5f6a7b\t1.0\n\x1b[2J\tx\t1\tkeep\td\n")

    said = ask("import", "tsv", "results.tsv")

    assert said == (
        "Imported 4 runs from results.tsv (2 damaged)\n",
        "warning: results.tsv:6: 2 fields, the header has 5\n"
        "warning: results.tsv:7: 'x' in 'val_bpb' is no number\n",
    )


def test_no_more_than_twenty_warnings_are_said(table: Path, ask: Ask) -> None:
    table.write_text(TABLE + "torn\n" * 23)

    said = ask("import", "tsv", "results.tsv")

    assert said.out == "Imported 4 runs from results.tsv (23 damaged)\n"
    lines = said.err.splitlines()
    assert len(lines) == 21
    assert lines[-1] == "warning: and 3 more that are damaged"


def test_where_all_is_damaged_the_answer_is_no(table: Path, ask: Ask) -> None:
    table.write_text(f"{TABLE.splitlines()[0]}\ntorn\n")

    said = ask("import", "tsv", "results.tsv", code=1)

    assert said.out == "Imported 0 runs from results.tsv (1 damaged)\n"


def test_json_says_what_came_in(table: Path, ask: Ask, git: Git_) -> None:
    table.write_text(f"{TABLE}torn\n")

    said = json.loads(ask("import", "tsv", "results.tsv", "--json").out)

    assert list(said) == [
        "schema", "format", "path", "dry_run", "imported", "ended", "there", "deleted", "skipped",
        "broken", "broken_count",
    ]  # fmt: skip
    assert (said["schema"], said["format"], said["path"]) == (
        "git-exp/import/1", "tsv", "results.tsv",
    )  # fmt: skip
    assert [one["name"] for one in said["imported"]][:2] == ["baseline", "increase LR to 0.04"]
    for one in said["imported"]:
        assert git("rev-parse", f"refs/runs/{one['id']}") == one["commit"]
    assert said["broken"] == [{"where": "results.tsv:6", "why": "1 field, the header has 5"}]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("exprag", "."), "fatal: no runs of exprag in '.'\n"
                          "hint: name its folder .exprag, or the one above\n"),
        (("tsv", "train.py"), "fatal: 'train.py' is no table of runs\nhint: its first line names "
                              "the columns, of which one is commit or status\n"),
        (("tsv", "gone"), "fatal: cannot read 'gone': No such file or directory\n"),
        (("mlflow", "."), "fatal: no runs of MLflow in '.'\n"
                          "hint: name the folder mlruns or the file mlflow.db\n"),
        (("mlflow", "train.py"), "fatal: 'train.py' is no database of MLflow\n"
                                 "hint: name the folder mlruns or the file mlflow.db\n"),
    ],
)  # fmt: skip
def test_a_path_without_such_a_source_is_refused_and_nothing_is_written(
    repo: Path, ask: Ask, words: tuple[str, str], said: str
) -> None:
    before = everything(repo)

    assert ask("import", *words, code=3) == ("", said)
    assert everything(repo) == before


@pytest.mark.parametrize("words", [("csv", "x"), ("tsv",), ()])
def test_wrong_usage_is_refused(repo: Path, ask: Ask, words: tuple[str, ...]) -> None:
    assert ask("import", *words, code=2).err.endswith("hint: see: git exp import -h\n")


def test_without_the_extra_one_line_names_it(repo: Path, ask: Ask, git: Git_) -> None:
    Mlflow(git("rev-parse", "HEAD")).folder(repo)
    code = (
        "import sys; sys.modules['yaml'] = None; from git_exp.cli import ending; "
        "sys.exit(ending.code(['import', 'mlflow', 'mlruns']))"
    )

    done = subprocess.run((sys.executable, "-c", code), capture_output=True, text=True)

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "error: the file store of MLflow needs PyYAML\nhint: pip install 'git-exp[mlflow]'\n"
    )
    assert ask("log").out == ""


def test_a_terminal_gets_no_order_from_what_a_source_says(table: Path, exp: Exp) -> None:
    table.write_text(f"{TABLE}e\t1\t1\tkeep\t\x1b]0;pwned\x07\nf\t\x1b[2J\t1\tkeep\tx\n")

    shown = pseudo_terminal.shown(["git", "exp", "import", "tsv", "results.tsv"])
    shown += pseudo_terminal.shown(["git", "exp", "--no-pager", "log"])

    assert "pwned" in shown
    assert "\x1b]0" not in shown
    assert "\x1b[2J" not in shown


def test_it_works_from_a_folder_below_and_in_a_bare_repository(
    repo: Path, table: Path, exp: Exp, git: Git_, tmp_path: Path
) -> None:
    (repo / "sub").mkdir()
    git("init", "-q", "--bare", tmp_path / "bare")

    assert exp("import", "tsv", "../results.tsv", cwd=repo / "sub").stdout == (
        "Imported 4 runs from ../results.tsv\n"
    )
    assert exp("import", "tsv", table, cwd=tmp_path / "bare").stdout == (
        f"Imported 4 runs from {table}\n"
    )
