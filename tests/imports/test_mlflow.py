"""Runs of MLflow: the same of both of its stores, and what of them is damaged."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from git_exp import errors, imports
from tests.cli.conftest import Git_
from tests.imports.sources import (
    BASE,
    CHILD,
    GONE,
    MS,
    RUNNING,
    Mlflow,
    bring,
    named,
    store,
    tracks,
)
from tests.programs import everything
from tests.spooled import waiting

STORES = pytest.mark.parametrize("kind", ["folder", "database"])


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source"
    path.mkdir()
    return path


def made(kind: str, source: Path, git: Git_) -> Path:
    store: Path = getattr(Mlflow(git("rev-parse", "HEAD")), kind)(source)
    return store


@STORES
def test_a_run_has_all_that_mlflow_says_of_it(
    repo: Path, git: Git_, source: Path, kind: str
) -> None:
    report = bring("mlflow", made(kind, source, git))

    assert (report.broken, report.skipped, len(report.imported)) == ([], 1, 3)
    run = named()["base"]
    assert (run.status, run.group, run.user, run.own) == ("finished", "digits", "root", True)
    assert (run.started, run.duration_ms) == ("2026-01-02T03:04:05.000000Z", 25)
    assert run.params == {"lr": 0.1, "opt": "adam", "deep/er": "x"}
    assert run.metadata["tags"] == {"team": "a"}
    told = run.metadata["imported"]
    assert (told["from"], told["id"], told["program"]) == ("mlflow", BASE, "ml.py")
    assert [note.text for note in run.notes] == ["a note\nof two lines"]
    assert run.git
    head = git("rev-parse", "HEAD")
    assert (run.git.base, run.git.branch, run.git.capture) == (head, "main", "none")
    assert git("log", "-1", "--format=%an <%ae> %at", run.commit) == (
        f"root <root@localhost> {MS // 1000}"
    )


@STORES
def test_statuses_and_parents_are_kept(repo: Path, git: Git_, source: Path, kind: str) -> None:
    bring("mlflow", made(kind, source, git))

    runs = named()
    assert {name: run.status for name, run in runs.items()} == {
        "base": "finished", "child": "failed", "running": "lost",
    }  # fmt: skip
    assert runs["child"].parent_run == runs["base"].id
    assert runs["running"].duration_ms is None


@STORES
def test_what_was_logged_together_is_one_point(
    repo: Path, git: Git_, source: Path, kind: str
) -> None:
    bring("mlflow", made(kind, source, git))

    run = named()["base"]
    assert [(one.step, one.elapsed_ms, one.value) for one in tracks(run)] == [
        (0, 9, {"loss": 1, "val/acc": 0.5}),
        (1, 10, {"loss": 0.5, "val/acc": 0.6}),
        (2, 11, {"loss": 0.25, "val/acc": 0.7}),
        (0, 12, {"nan": "NaN"}),
        (0, 13, {"inf": "-Infinity"}),
    ]
    assert (run.metrics["loss"].last, run.metrics["loss"].min_step) == (0.25, 2)
    assert math.isnan(run.metrics["nan"].last)
    assert run.metrics["inf"].last == -math.inf


@STORES
def test_values_that_share_a_time_and_a_step_are_all_kept(
    repo: Path, git: Git_, source: Path, kind: str
) -> None:
    runs = Mlflow(git("rev-parse", "HEAD"))
    runs.metrics[CHILD]["x"] += [(MS + 24, 2.0, 0), (MS + 24, 3.0, 0)]

    bring("mlflow", getattr(runs, kind)(source))

    assert [one.value for one in tracks(named()["child"])] == [{"x": 1}, {"x": 2}, {"x": 3}]


@STORES
def test_artifacts_come_along(repo: Path, git: Git_, source: Path, kind: str) -> None:
    bring("mlflow", made(kind, source, git))

    run = named()["base"]
    assert [(one.path, one.size, one.stored) for one in run.artifacts] == [("sub/out.txt", 5, True)]
    assert store().file(run, "artifacts/sub/out.txt") == b"hello"


@STORES
def test_a_large_artifact_stays_where_it_is(repo: Path, git: Git_, source: Path, kind: str) -> None:
    git("config", "exp.maxArtifact", "4")

    bring("mlflow", made(kind, source, git))

    (one,) = named()["base"].artifacts
    assert (one.size, one.stored) == (5, False)
    assert one.uri
    assert one.uri.startswith("file://")
    assert one.uri.endswith("/artifacts/sub/out.txt")


def test_both_stores_give_a_run_one_id(repo: Path, git: Git_, source: Path) -> None:
    bring("mlflow", made("folder", source, git))

    report = bring("mlflow", made("database", source, git))

    assert (report.imported, report.there) == ([], 3)


def test_a_project_has_its_store_found(repo: Path, git: Git_, source: Path) -> None:
    # The database first: there `mlruns` holds artifacts alone.
    made("database", source, git)
    assert imports.opened("mlflow", source).total == 4
    (source / "mlflow.db").unlink()
    made("folder", source, git)

    assert len(bring("mlflow", source).imported) == 3


def test_lines_of_metrics_that_are_damaged_are_named(repo: Path, git: Git_, source: Path) -> None:
    run = made("folder", source, git) / "838532524855183483" / BASE
    path = run / "metrics/loss"
    path.write_text(f"{path.read_text()}1 x 3\n\n{MS + 20} 0.1 4 data digest\n{MS} \xe9")

    report = bring("mlflow", source)

    why = "it is no time, value and step"
    assert [(one.where, one.why) for one in report.broken] == [
        (f"{path}:4", why), (f"{path}:7", why),
    ]  # fmt: skip
    assert (named()["base"].metrics["loss"].last, named()["base"].metrics["loss"].count) == (0.1, 4)


def test_runs_that_are_damaged_are_named_and_the_others_come_in(
    repo: Path, git: Git_, source: Path
) -> None:
    experiment = made("folder", source, git) / "838532524855183483"
    (experiment / BASE / "meta.yaml").write_text("a: [")
    (experiment / CHILD / "meta.yaml").unlink()
    (experiment / GONE / "meta.yaml").write_text("- 1\n")
    (experiment / ("0" * 32)).mkdir()
    (experiment / ("0" * 32) / "meta.yaml").write_text("run_id: a\nstart_time: soon\n")
    (experiment / "models").mkdir()

    report = bring("mlflow", source)

    assert [one.name for one in report.imported] == ["running"]
    assert {Path(one.where).name: one.why for one in report.broken} == {
        "0" * 32: "it does not say when it started",
        BASE: "its meta.yaml is no YAML",
        CHILD: "it is no regular file",
        GONE: "its meta.yaml says nothing",
    }


def test_what_would_grow_without_end_is_left_out(repo: Path, git: Git_, source: Path) -> None:
    meta = made("folder", source, git) / "838532524855183483" / BASE / "meta.yaml"
    lists = ["a0: &a0 [x]"]
    lists += [f"a{at}: &a{at} [{', '.join([f'*a{at - 1}'] * 9)}]" for at in range(1, 12)]
    named_so = meta.read_text().replace("run_name: base", "run_name: *a11")
    meta.write_text("\n".join([*lists, named_so]))

    report = bring("mlflow", source)

    assert report.broken == []
    assert len(report.imported) == 3


def test_numbers_beyond_all_floats_are_named(repo: Path, git: Git_, source: Path) -> None:
    path = made("database", source, git)
    with closing(sqlite3.connect(path)) as db:
        db.execute("UPDATE metrics SET timestamp = 9e999 WHERE step = 1")
        db.commit()

    report = bring("mlflow", path)

    assert {one.why for one in report.broken} == {
        "a bad value of 'loss'",
        "a bad value of 'val/acc'",
    }
    assert len(report.imported) == 3


def test_an_experiment_that_is_damaged_is_named_and_its_runs_come_in(
    repo: Path, git: Git_, source: Path
) -> None:
    experiment = made("folder", source, git) / "838532524855183483"
    (experiment / "meta.yaml").write_text("[")

    report = bring("mlflow", source)

    assert [one.where for one in report.broken] == [str(experiment / "meta.yaml")]
    assert {run.group for run in named().values()} == {None}
    assert len(report.imported) == 3


def test_the_runs_of_a_deleted_experiment_are_deleted(repo: Path, git: Git_, source: Path) -> None:
    experiment = made("folder", source, git) / "838532524855183483"
    (experiment / "meta.yaml").write_text("name: digits\nlifecycle_stage: deleted\n")

    assert bring("mlflow", source).skipped == 4


def test_nothing_is_read_through_a_link_that_leads_out(
    repo: Path, git: Git_, source: Path, tmp_path: Path
) -> None:
    run = made("folder", source, git) / "838532524855183483"
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "key").write_text("s3cret")
    (run / BASE / "artifacts/key").symlink_to(secret / "key")
    (run / BASE / "artifacts/folder").symlink_to(secret)
    (run / BASE / "artifacts/same").symlink_to("sub/out.txt")
    (run / CHILD / "params").mkdir()
    (run / CHILD / "params/key").symlink_to(secret / "key")
    (run / "linked").symlink_to(run / RUNNING)

    report = bring("mlflow", source)

    assert {(one.where, one.why) for one in report.broken} == {
        (str(run / BASE / "artifacts/key"), "it is a link that leads out of the source"),
        (str(run / CHILD), "it is a link that leads out of the source"),
    }
    assert {one.path for one in named()["base"].artifacts} == {"sub/out.txt", "same"}


def test_artifacts_away_from_the_database_are_not_looked_at(
    repo: Path, git: Git_, source: Path, tmp_path: Path
) -> None:
    path = made("database", source, git)
    (tmp_path / "away").mkdir()
    (tmp_path / "away/key").write_text("s3cret")
    with closing(sqlite3.connect(path)) as db:
        db.execute("UPDATE runs SET artifact_uri = ?", (str(tmp_path / "away"),))
        db.commit()

    assert bring("mlflow", path).broken == []

    run = named()["base"]
    assert run.artifacts == []
    assert run.metadata["imported"]["artifacts"] == str(tmp_path / "away")


def test_an_artifact_that_git_cannot_name_is_named(repo: Path, git: Git_, source: Path) -> None:
    run = made("folder", source, git) / "838532524855183483" / BASE
    (run / "artifacts/.gitmodules").write_text("x")

    report = bring("mlflow", source)

    (one,) = report.broken
    assert one.where == str(run / "artifacts/.gitmodules")
    assert "git keeps names" in one.why
    assert "base" in named()


def test_what_a_database_says_may_be_of_any_kind(repo: Path, git: Git_, source: Path) -> None:
    path = made("database", source, git)
    with closing(sqlite3.connect(path)) as db:
        db.execute("UPDATE metrics SET value = 'x' WHERE step = 1")
        db.execute("UPDATE params SET value = x'ff00' WHERE key = 'opt'")
        db.execute("UPDATE runs SET name = NULL, start_time = 'x' WHERE name = 'child'")
        db.execute("UPDATE runs SET name = '@' || char(10) || char(27) WHERE name = 'base'")
        db.commit()

    report = bring("mlflow", path)

    assert sorted(one.why for one in report.broken) == [
        "a bad value of 'loss'", "a bad value of 'val/acc'", "it does not say when it started",
    ]  # fmt: skip
    assert len(report.imported) == 2
    assert "running" in named()


@pytest.mark.parametrize("table", ["runs", "metrics"])
def test_a_database_of_others_is_refused(repo: Path, git: Git_, source: Path, table: str) -> None:
    path = made("database", source, git)
    with closing(sqlite3.connect(path)) as db:
        # A view could run for ever.
        db.execute(f"ALTER TABLE {table} RENAME TO other")
        db.execute(f"CREATE VIEW {table} AS SELECT 1")

    with pytest.raises(errors.NotFound, match=f"it has no table '{table}'"):
        bring("mlflow", path)


@pytest.mark.parametrize("table", ["metrics", "tags"])
def test_a_run_of_which_a_part_cannot_be_read_does_not_come_in_without_it(
    repo: Path, git: Git_, source: Path, table: str
) -> None:
    path = made("database", source, git)
    with closing(sqlite3.connect(path)) as db:
        asked = "SELECT rootpage FROM sqlite_master WHERE name = ?"
        ((page,),) = db.execute(asked, (table,))
    data = bytearray(path.read_bytes())
    data[(page - 1) * 4096 : page * 4096] = b"\xff" * 4096
    path.write_bytes(data)

    report = bring("mlflow", path)

    assert [one.why for one in report.broken] == ["database disk image is malformed"] * 3
    assert store().runs() == []
    assert waiting(store().repo) == []


@pytest.mark.parametrize("what", ["nothing", "folder", "text", "cut off"])
def test_what_is_no_store_is_refused(repo: Path, source: Path, what: str) -> None:
    path = source / what
    if what == "folder":
        path.mkdir()
    elif what != "nothing":
        path.write_bytes(b"hello" if what == "text" else b"SQLite format 3\0")

    with pytest.raises(errors.NotFound):
        bring("mlflow", path)

    assert not (repo / ".git/exp").exists()


def test_a_store_is_only_read(repo: Path, git: Git_, source: Path) -> None:
    made("folder", source, git)
    made("database", source, git)
    before = {path: path.read_bytes() for path in source.rglob("*") if path.is_file()}

    bring("mlflow", source / "mlruns")
    bring("mlflow", source / "mlflow.db")

    assert {path: path.read_bytes() for path in source.rglob("*") if path.is_file()} == before


class Going:
    """A store whose run RUNNING is imported as it goes on, and then ends."""

    def __init__(self, kind: str, source: Path, git: Git_) -> None:
        self.runs = Mlflow(git("rev-parse", "HEAD"))
        self.runs.metrics[RUNNING] = {"loss": [(MS + 40, 1.0, 0), (MS + 41, 0.5, 1)]}
        self._write: Callable[[Path], Path] = getattr(self.runs, kind)
        self._place = source

    def write(self) -> Path:
        (self._place / "mlflow.db").unlink(missing_ok=True)
        return self._write(self._place)

    def end(self) -> None:
        self.runs.runs[RUNNING] = ("running", "FAILED", MS + 36, MS + 99, "active")
        self.runs.metrics[RUNNING]["loss"] += [(MS + 50, 0.25, 2)]
        self.runs.metrics[RUNNING]["acc"] = [(MS + 50, 0.75, 2)]
        self.runs.tags[RUNNING]["mlflow.note.content"] = "it failed"


@pytest.fixture
def going(source: Path, git: Git_, request: pytest.FixtureRequest) -> Going:
    return Going(getattr(request, "param", "database"), source, git)


@pytest.mark.parametrize("going", ["folder", "database"], indirect=True)
def test_a_run_that_went_on_at_its_import_ends_with_a_later_one(
    repo: Path, git: Git_, going: Going
) -> None:
    bring("mlflow", going.write())
    going.end()

    report = bring("mlflow", going.write())

    assert ([one.name for one in report.ended], report.imported, report.there) == (
        ["running"], [], 2,
    )  # fmt: skip
    run = named()["running"]
    assert (run.status, run.duration_ms, run.ended) == (
        "failed", 63, "2026-01-02T03:04:05.099000Z",
    )  # fmt: skip
    assert [one.value for one in tracks(run)] == [
        {"loss": 1}, {"loss": 0.5}, {"acc": 0.75, "loss": 0.25},
    ]  # fmt: skip
    assert (run.metrics["loss"].count, run.metrics["acc"].last) == (3, 0.75)
    assert [note.text for note in run.notes] == ["it failed"]
    assert waiting(store().repo) == []


def test_what_has_ended_is_brought_in_once(repo: Path, git: Git_, going: Going) -> None:
    bring("mlflow", going.write())
    bring("mlflow", going.write())
    assert named()["running"].status == "lost"
    going.end()
    path = going.write()
    bring("mlflow", path)
    before = git("for-each-ref")

    report = bring("mlflow", path)

    assert (report.imported, report.ended, report.there) == ([], [], 3)
    assert git("for-each-ref") == before


def test_a_dry_run_says_which_runs_have_ended_and_writes_nothing(
    repo: Path, git: Git_, going: Going
) -> None:
    bring("mlflow", going.write())
    going.end()
    path, before = going.write(), everything(repo)

    report = bring("mlflow", path, dry_run=True)

    assert [(one.name, one.commit) for one in report.ended] == [("running", None)]
    assert everything(repo) == before


def test_a_run_that_was_deleted_or_is_anothers_does_not_end(
    repo: Path, git: Git_, going: Going
) -> None:
    bring("mlflow", going.write())
    going.end()
    path = going.write()
    (repo / ".git/exp/local").write_text("")

    assert (bring("mlflow", path).ended, bring("mlflow", path).there) == ([], 3)

    store().remove([named()["running"]])
    assert (bring("mlflow", path).ended, bring("mlflow", path).deleted) == ([], 1)
