"""Runs of exprag: its files, its branches, and what of them is damaged."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from git_exp import errors
from tests.cli.conftest import Git_
from tests.imports.sources import (
    CLEAN,
    DIRTY,
    bring,
    brought,
    exprag,
    exprag_line,
    exprag_start,
    exprag_tracks,
    got,
    store,
    tracks,
)
from tests.spooled import whole

EMPTY = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"


def clean(git: Git_) -> dict[str, Any]:
    return {"branch": "main", "commit": git("rev-parse", "HEAD"), "dirty": False}


def dirty(git: Git_, run_id: str = DIRTY) -> dict[str, Any]:
    """The snapshot of a changed worktree, as exprag makes it: a branch that is left behind."""
    blob = git("hash-object", "-w", "--stdin", stdin="x = 2\n")
    tree = git("mktree", stdin=f"100644 blob {blob}\ttrain.py\n")
    message = f"exprag: snapshot run {run_id}"
    commit = git("commit-tree", "-p", "HEAD", "-m", message, tree)
    git("branch", f"run/{run_id}", commit)
    return {"branch": f"run/{run_id}", "commit": commit, "dirty": True}


def test_a_run_has_its_name_params_metrics_notes_times_and_machine(repo: Path, git: Git_) -> None:
    exprag(repo, CLEAN, clean(git))

    run = brought("exprag", repo)

    assert (run.id, run.name, run.status, run.own) == (CLEAN, "a run", "finished", True)
    assert (run.started, run.ended) == (
        "2026-01-02T03:04:05.000000Z",
        "2026-01-02T03:04:08.000001Z",
    )
    assert run.duration_ms is None
    assert run.params == {"bs": 32, "lr": 0.03}
    assert run.metadata == {
        "hparams": {"bs": 32, "lr": 0.03},
        "note": "x",
        "imported": {
            "from": "exprag", "id": CLEAN, "end": "not recorded",
            "commit": git("rev-parse", "HEAD"),
        },
    }  # fmt: skip
    assert (run.metrics["loss"].first, run.metrics["loss"].min_step) == (1, 2)
    assert run.metrics["acc"].count == 3
    assert run.host
    assert (run.host.name, run.host.os, run.host.cpu_count) == ("box", "linux", 2)
    assert run.process
    assert (run.process.pid, run.process.argv) == (9448, ["python", "t.py", "--api-key", "***"])
    assert [(one.elapsed_ms, one.note, one.value["step"]) for one in tracks(run)] == [
        (1007, "training", 0), (2007, "training", 1), (3007, "training", 2),
    ]  # fmt: skip


def test_a_clean_run_gets_a_commit_of_its_own_on_head_as_it_was(repo: Path, git: Git_) -> None:
    told = clean(git)
    exprag(repo, CLEAN, told)
    git("commit", "-q", "--allow-empty", "-m", "later")

    run = brought("exprag", repo)

    assert git("rev-parse", f"refs/runs/{CLEAN}^") == told["commit"]
    assert git("diff", told["commit"], run.commit) == ""
    assert git("log", "-1", "--format=%an %at %ct", run.commit) == "Ada 1767323045 0"
    assert run.git
    assert (run.git.base, run.git.branch) == (told["commit"], "main")
    assert (run.git.capture, run.git.dirty, run.partial) == ("full", False, False)
    assert run.git.tree == git("rev-parse", "HEAD^{tree}")


def test_two_clean_runs_of_one_head_have_two_commits(repo: Path, git: Git_) -> None:
    other = "0" + CLEAN[1:]
    exprag(repo, CLEAN, clean(git))
    exprag(repo, other, clean(git))

    bring("exprag", repo)

    assert got(CLEAN).commit != got(other).commit


def test_the_branch_of_a_changed_worktree_becomes_the_runs_ref_and_stays(
    repo: Path, git: Git_
) -> None:
    told = dirty(git)
    exprag(repo, DIRTY, told)

    run = brought("exprag", repo)

    assert run.commit == told["commit"] == git("rev-parse", f"refs/runs/{DIRTY}")
    assert git("rev-parse", f"refs/heads/run/{DIRTY}") == told["commit"]
    assert run.git
    assert (run.git.base, run.git.branch) == (git("rev-parse", "HEAD"), None)
    assert (run.git.capture, run.git.dirty) == ("full", True)
    assert "+x = 2" in run.diff()


def test_a_branch_that_went_on_does_not_change_what_ran(repo: Path, git: Git_) -> None:
    told = dirty(git)
    git("branch", "-f", f"run/{DIRTY}", "HEAD")
    exprag(repo, DIRTY, told)

    run = brought("exprag", repo)

    assert run.commit == told["commit"]


def test_a_snapshot_that_another_run_stands_on_is_built_upon(repo: Path, git: Git_) -> None:
    told = dirty(git)
    other = "0" + DIRTY[1:]
    git("branch", f"run/{other}", told["commit"])
    exprag(repo, DIRTY, told)
    exprag(repo, other, {**told, "branch": f"run/{other}"})

    bring("exprag", repo)

    one, two = got(other), got(DIRTY)
    assert {one.commit, git("rev-parse", f"{two.commit}^")} == {told["commit"]}
    assert two.git
    assert (two.git.capture, two.git.dirty) == ("none", None)


def test_of_a_commit_that_is_not_here_nothing_is_claimed(repo: Path, git: Git_) -> None:
    gone = "12" * 20
    exprag(repo, CLEAN, {"branch": "main", "commit": gone, "dirty": False})
    exprag(repo, DIRTY, {"branch": f"run/{DIRTY}", "commit": gone, "dirty": True})

    bring("exprag", repo)

    for run in map(got, (CLEAN, DIRTY)):
        assert run.git
        assert (run.git.base, run.git.capture, run.git.dirty) == (None, "none", None)
        assert run.metadata["imported"]["commit"] == gone
        assert git("rev-parse", f"{run.commit}^{{tree}}") == EMPTY
        assert git("rev-list", "--count", run.commit) == "1"
    assert whole(repo) == ""


@pytest.mark.parametrize("place", [".", ".exprag", ".exprag/runs"])
def test_the_project_its_folder_and_the_folder_of_runs_are_all_found(
    repo: Path, git: Git_, place: str
) -> None:
    exprag(repo, CLEAN, None)

    assert brought("exprag", repo / place).id == CLEAN


@pytest.mark.parametrize(
    ("key", "time"),
    [
        ("timestamp", 1767323045.25),
        ("time", 1767323045250),
        ("wall_time", "1767323045.25"),
        ("created_at", "2026-01-02T04:04:05.25+01:00"),
        ("t", "2026-01-02 03:04:05.250"),
    ],
)
def test_times_are_taken_as_they_are_there(repo: Path, key: str, time: Any) -> None:
    path = repo / ".exprag/runs/a.jsonl"
    path.parent.mkdir(parents=True)
    start = {"event": "run_start", "run_id": CLEAN, "name": "a", key: time, "metadata": None}
    path.write_text(json.dumps(start) + "\n")

    run = brought("exprag", repo)

    assert (run.started, run.name) == ("2026-01-02T03:04:05.250000Z", "a")


def test_an_id_that_is_no_uuid_becomes_one_that_is_always_the_same(repo: Path) -> None:
    path = repo / ".exprag/runs/a.jsonl"
    path.parent.mkdir(parents=True)
    path.write_text(exprag_start("../../x", {"dirty": True, "commit": "HEAD"}))

    run = brought("exprag", repo)

    assert run.metadata["imported"]["id"] == "../../x"
    assert run.id == "c5b5615e-42df-4b8e-bd24-fc154071bb6c"


def test_damaged_lines_are_named_and_the_rest_comes_in(repo: Path) -> None:
    path = exprag(repo, CLEAN, None)
    lines = path.read_text().splitlines(keepends=True)
    other = exprag_line(DIRTY, "track", 2, 1)
    untimed = '{"kind":"track","value":{"time":"2026-01-02"}}\n'
    odd = ["{\n", "[]\n", '{"kind":"end"}\n', untimed, other, "\n"]
    path.write_text("".join([lines[0], *odd, *lines[1:], '{"kind":"tra']))

    report = bring("exprag", repo)

    assert [(one.where, one.why) for one in report.broken] == [
        (f"{path}:2", "it is no JSON"),
        (f"{path}:3", "it is no JSON object"),
        (f"{path}:4", "a record that is no track: end"),
        (f"{path}:5", "it has no time"),
        (f"{path}:6", "it is of another run"),
        (f"{path}:11", "it is no JSON"),
    ]
    assert len(tracks(got(CLEAN))) == 3


def test_damaged_files_are_named_and_the_others_come_in(repo: Path, tmp_path: Path) -> None:
    folder = exprag(repo, CLEAN, None).parent
    (folder / "a.jsonl").write_text(exprag_tracks(DIRTY))
    (folder / "b.jsonl").write_bytes(b"\xff\0" * 100)
    (folder / "c.jsonl").write_text('{"kind":"run_start","created_at":"2026-01-02"}\n')
    (folder / "d.jsonl").write_text(exprag_start(DIRTY, None, created_at="soon"))
    (folder / "e.jsonl").write_text(exprag_start(DIRTY, None, created_at="2999-01-01"))
    (folder / "f.jsonl").mkdir()
    (tmp_path / "secret.jsonl").write_text(exprag_start(DIRTY, None))
    (folder / "g.jsonl").symlink_to(tmp_path / "secret.jsonl")

    report = bring("exprag", repo)

    assert [one.id for one in report.imported] == [CLEAN]
    assert [(Path(one.where).name, one.why) for one in report.broken] == [
        ("a.jsonl", "no run_start in it"),
        ("b.jsonl", "no run_start in it"),
        ("c.jsonl", "no run_id in its run_start"),
        ("d.jsonl", "no time in its run_start"),
        ("f.jsonl", "it is no regular file"),
        ("g.jsonl", "it is a link that leads out of the source"),
        ("e.jsonl", "it started in the future"),
    ]


def test_values_of_the_future_and_special_numbers_are_no_trouble(repo: Path) -> None:
    path = exprag(repo, CLEAN, None)
    with path.open("a") as file:
        file.write(exprag_line(CLEAN, "track", 9, float("nan")))
        file.write(exprag_line(CLEAN, "track", 9, 1, created_at="2999-01-01T00:00:00Z"))

    report = bring("exprag", repo)

    assert [one.why for one in report.broken] == ["a value of the future"]
    assert (got(CLEAN).metrics["value"].count, got(CLEAN).status) == (1, "finished")


def test_a_run_that_goes_on_waits_until_it_is_over(repo: Path) -> None:
    program = subprocess.Popen((sys.executable, "-c", "input()"), stdin=subprocess.PIPE)
    now = datetime.now(UTC).isoformat()
    value = {
        "host": {"hostname": platform.node()},
        "process": {"pid": program.pid, "argv": ["x"]},
    }
    exprag(repo, CLEAN, None, value=value, created_at=now)

    report = bring("exprag", repo)

    assert [one.why for one in report.broken] == [
        f"process {program.pid} still runs: import it at its end"
    ]
    program.communicate(b"\n")
    assert brought("exprag", repo).id == CLEAN


def test_a_pid_that_was_given_again_is_not_the_runs(repo: Path) -> None:
    value = {"host": {"hostname": platform.node()}, "process": {"pid": os.getpid(), "argv": []}}
    exprag(repo, CLEAN, None, value=value)

    assert brought("exprag", repo).id == CLEAN


def test_a_folder_without_runs_is_refused(repo: Path) -> None:
    with pytest.raises(errors.NotFound, match="no runs of exprag"):
        bring("exprag", repo)

    assert store().runs() == []
    assert not (repo / ".git/exp").exists()
