"""`Experiment`: what a run records, what is refused with nothing written, and how it goes on."""

from __future__ import annotations

import asyncio
import copy
import hashlib
import json
import math
import os
import pickle
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import git_exp
from git_exp import Experiment, endings, errors, merge, recorder, records, starting
from git_exp.git.objects import EMPTY_TREE
from tests import programs
from tests.conftest import Clock
from tests.programs import only, tracked, tracked_values

Git = Callable[..., str]


@pytest.fixture(autouse=True)
def ended() -> Iterator[None]:
    """No run of a test is left to the end of all tests."""
    yield
    programs.forget_runs()


def test_a_run_records_what_it_is_told(repo: Path) -> None:
    exp = Experiment(
        "baseline",
        {"hparams": {"lr": 0.1}, "data": [1, 2]},
        params={"bs": np.int64(8), "amp": True, "opt": "sgd", "none": None, "inf": math.inf},
        tags=["a", "b", "a"],
        group="sweep",
    )
    exp.track({"step": 1, "metrics": {"loss": 0.5}}, note="first")
    exp.track(0.25, step=2)
    exp.note("slow")
    exp.tag("c", "a")
    exp.tag()
    exp.finish()

    run = only()
    assert (run.id, run.name, run.commit) == (exp.run_id, "baseline", exp.commit)
    assert run.metadata == {"hparams": {"lr": 0.1}, "data": [1, 2]}
    assert run.params == {
        "lr": 0.1, "bs": 8, "amp": True, "opt": "sgd", "none": None, "inf": "Infinity",
    }  # fmt: skip
    assert (run.tags, run.group, [note.text for note in run.notes]) == (
        ["a", "b", "c"], "sweep", ["slow"],
    )  # fmt: skip
    assert (run.status, run.exit_code, run.own, run.live) == ("finished", None, True, False)
    assert run.metrics["loss"] == records.Summary(
        last=0.5, min=0.5, max=0.5, first=0.5, count=1, min_step=1, max_step=1
    )
    assert run.metrics["value"].max_step == 2
    first, second = tracked(run)
    assert (first.value, first.note) == ({"step": 1, "metrics": {"loss": 0.5}}, "first")
    assert (second.value, second.step, second.rank) == (0.25, 2, 0)


def test_a_run_knows_where_it_runs_and_who_runs_it(repo: Path, git: Git) -> None:
    (repo / "sub").mkdir()
    os.chdir(repo / "sub")
    git("remote", "add", "origin", "https://ada:secret@example.org/x.git")
    with Experiment():
        pass

    run = only()
    assert run.process is not None
    assert run.host is not None
    assert run.git is not None
    assert (run.process.pid, run.process.cwd) == (os.getpid(), "sub")
    assert run.process.python == sys.version.split()[0]
    assert run.process.executable == sys.executable
    assert (run.user, run.git.branch) == ("Ada <ada@example.org>", "main")
    assert run.git.remote == "https://example.org/x.git"
    assert run.host.cpu_count == os.cpu_count()
    assert (run.host.memory or 0) > 10**6


def test_secrets_on_the_command_line_are_not_recorded(repo: Path) -> None:
    script = repo / "script.py"
    script.write_text("from git_exp import Experiment\nwith Experiment('x'): pass\n")
    words = ("script.py", "--api-key", "xyzzy", "--hub=https://ada:xyzzy@host/x", "--lr", "0.1")

    done = subprocess.run((sys.executable, *words), capture_output=True, text=True)

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    run = only()
    assert run.process is not None
    assert run.process.argv[-5:] == ["--api-key", "***", "--hub=https://***@host/x", "--lr", "0.1"]
    assert b"xyzzy" not in b"".join(programs.store().lines(run))


def test_what_is_installed_is_kept_with_the_run(repo: Path) -> None:
    with Experiment():
        pass

    run = only()
    packages = programs.store().file(run, "packages.txt")
    assert packages is not None
    assert b"\nmsgspec==" in packages
    assert run.env is not None
    assert run.env.packages == hashlib.sha256(packages).hexdigest()


def test_a_run_without_a_name_gets_one_that_can_be_typed(repo: Path) -> None:
    with Experiment() as exp:
        name = exp.name

    assert name is not None
    assert len(name.split("-")) == 3
    assert only().name == name


def test_one_text_is_one_tag_and_not_its_letters(repo: Path) -> None:
    with Experiment(tags="abc"):
        pass

    assert only().tags == ["abc"]


@pytest.mark.parametrize("name", ["a\udcffb", "esc\x1b[31m", "é 漢字", "#hash", "x" * 200])
def test_any_line_of_text_is_a_name(repo: Path, git: Git, name: str) -> None:
    with Experiment(name) as exp:
        pass

    kept = '"a\\377b"' if name.startswith("a") else name
    assert only().name == exp.name == kept
    assert git("log", "-1", "--format=%s", f"refs/runs/{exp.run_id}") == f"run: {kept}"


def test_while_it_runs_its_journal_is_there_and_after_the_end_it_is_sealed(repo: Path) -> None:
    exp = Experiment("x")
    exp.track(1)

    assert exp.path is not None
    assert exp.path.parent.name == exp.run_id
    assert exp.path.read_bytes().count(b"\n") == 4
    assert only().status == "running"
    assert only().live
    exp.finish()
    assert not exp.path.exists()
    assert list((repo / ".git/exp/spool").iterdir()) == []
    assert (
        exp.commit
        == programs.store().repo.git("rev-parse", f"refs/runs/{exp.run_id}").decode()[:-1]
    )


REFUSED: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"name": ""}, ValueError, "a run's name cannot be blank"),
    ({"name": " \t "}, ValueError, "a run's name cannot be blank"),
    ({"name": "a\nb"}, ValueError, "a run's name is one line"),
    ({"name": "a\n"}, ValueError, "a run's name is one line"),
    ({"name": "-x"}, ValueError, "a run's name cannot start with '-'"),
    ({"name": "@x"}, ValueError, "a run's name cannot start with '@'"),
    ({"name": 5}, ValueError, "a run's name is text, not int"),
    ({"name": "x" * 201}, ValueError, "at most 200 characters"),
    ({"metadata": {"model": {"net": object()}}}, TypeError, "cannot record 'metadata.model.net'"),
    ({"metadata": object()}, TypeError, "cannot record 'metadata'"),
    ({"params": {"net": object()}}, TypeError, "cannot record 'params.net'"),
    ({"params": {"net": [1]}}, TypeError, r"cannot record 'params.net': a param is one number"),
    ({"params": [1]}, TypeError, "params are a mapping of names to values, not list"),
    ({"params": "lr=1"}, TypeError, "params are a mapping of names to values, not str"),
    ({"tags": [""]}, ValueError, "a tag is one line of text, not ''"),
    ({"tags": ["a\n"]}, ValueError, r"a tag is one line of text, not 'a\\n'"),
    ({"tags": [["a"]]}, ValueError, r"a tag is one line of text, not \['a'\]"),
    ({"tags": 5}, ValueError, "tags are lines of text, not int"),
    ({"group": 5}, ValueError, "a group is one line of text, not 5"),
    ({"group": ""}, ValueError, "a group is one line of text, not ''"),
    ({"repo": "missing"}, errors.NotARepository, "not a git repository"),
    ({"repo": "train.py"}, errors.NotARepository, "not a git repository"),
]


@pytest.mark.parametrize(("given", "kind", "said"), REFUSED, ids=range(len(REFUSED)))
def test_what_cannot_be_recorded_raises_before_anything_is_written(
    repo: Path, given: dict[str, Any], kind: type[Exception], said: str
) -> None:
    before = programs.everything(repo)

    with pytest.raises(kind, match=said) as caught:
        Experiment(**given)

    assert isinstance(caught.value, errors.GitExpError)
    assert programs.everything(repo) == before


def test_in_a_bare_repository_there_is_no_code_to_keep(tmp_path: Path, git: Git) -> None:
    git("init", "-q", "--bare", tmp_path / "bare.git")

    with pytest.raises(errors.SnapshotFailed, match="a bare repository has no worktree") as caught:
        Experiment(repo=tmp_path / "bare.git")

    assert caught.value.hint == "run inside a worktree of it"
    assert not (tmp_path / "bare.git/exp").exists()
    assert git("for-each-ref", cwd=tmp_path / "bare.git") == ""


def test_outside_a_repository_is_an_error_with_the_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    with pytest.raises(errors.NotARepository, match="not a git repository") as caught:
        Experiment("x")

    assert "git init" in (caught.value.hint or "")
    assert "GIT_EXP_DISABLED=1" in (caught.value.hint or "")
    # Where nobody catches it, the traceback ends with it.
    assert caught.value.__notes__ == [f"hint: {caught.value.hint}"]


def test_switched_off_every_call_is_a_no_op_wherever_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_EXP_DISABLED", "1")

    with Experiment("-no name", object(), params={"a": object()}) as exp:
        exp.track(object(), step=1)
        exp.note("x")
        exp.tag("\n")
        exp.artifact("missing", "../x")
        exp.checkpoint()
        exp.finish("nonsense")  # type: ignore[arg-type]

    assert (exp.run_id, exp.path, exp.commit, exp.name) == (None, None, None, "-no name")
    assert repr(exp) == "<Experiment: records nothing>"
    assert copy.deepcopy(exp).run_id is None
    assert capfd.readouterr() == ("", "")
    assert [path.name for path in tmp_path.iterdir()] == ["home"]


@pytest.mark.parametrize("value", ["", "0"])
def test_zero_and_nothing_do_not_switch_it_off(
    repo: Path, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("GIT_EXP_DISABLED", value)

    with Experiment() as exp:
        pass

    assert exp.run_id == only().id


def test_the_repository_may_be_elsewhere(
    repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (repo / "sub").mkdir()
    monkeypatch.chdir(tmp_path)

    for given in (repo, str(repo / "sub"), "repo"):
        with Experiment("x", repo=given):
            pass

    monkeypatch.chdir(repo)
    found = [run.process and run.process.cwd for run in programs.runs()]
    assert found == [".."] * 3


def test_a_folder_that_is_gone_is_an_error(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (repo / "gone").mkdir()
    monkeypatch.chdir(repo / "gone")
    (repo / "gone").rmdir()

    with pytest.raises(errors.RepositoryError, match="it does not exist any more"):
        Experiment(repo=repo)


@pytest.mark.parametrize("where", [".git", ".git/objects", ".git/refs"])
def test_a_read_only_repository_is_an_error_that_names_what_cannot_be_written(
    repo: Path, where: str
) -> None:
    (repo / "new.py").write_text("x = 1\n")
    (repo / "run.py").write_text(programs.HEAD + "Experiment('x')\n")
    before = programs.everything(repo)
    folders = [repo / where, *(path for path in (repo / where).rglob("*") if path.is_dir())]
    for path in folders:
        path.chmod(0o555)

    words = (*programs.without_root(), sys.executable, "run.py")
    done = subprocess.run(words, capture_output=True, text=True)

    for path in folders:
        path.chmod(0o755)
    said = [line for line in done.stderr.splitlines() if line.startswith("git_exp.errors.")]
    assert done.returncode == 1
    assert "cannot write" in said[-1]
    assert where.removeprefix(".git/") in said[-1]
    assert done.stderr.splitlines()[-1].startswith("hint: ")
    after = programs.everything(repo)
    assert {name for name in after if "refs/" in name or ".jsonl" in name} == {
        name for name in before if "refs/" in name
    }


def test_what_cannot_be_noted_down_begins_no_run(repo: Path, git: Git) -> None:
    (repo / ".git/exp/local").mkdir(parents=True)

    with pytest.raises(errors.RepositoryError, match=r"cannot write '.*/exp/local'"):
        Experiment("x")

    assert git("for-each-ref", "refs/runs") == ""
    assert list((repo / ".git/exp").rglob("*.jsonl*")) == []


def test_the_disk_may_be_full_at_the_start(repo: Path) -> None:
    source = """
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, (20, resource.RLIM_INFINITY))
try:
    Experiment("x")
except Exception as error:
    print(type(error).__mro__[-5].__name__, isinstance(error, __import__("git_exp").GitExpError))
"""

    done = programs.run(source)

    assert done.stdout.endswith(" True\n"), done
    assert programs.runs() == []


def test_a_disk_that_is_full_after_the_first_record_leaves_no_run_that_lives(repo: Path) -> None:
    source = """
import resource
first = Experiment("first")
size = sum(len(line) for line in first.path.read_bytes().splitlines(True)[:2])
resource.setrlimit(resource.RLIMIT_FSIZE, (size + 50, resource.RLIM_INFINITY))
try:
    Experiment("second")
except OSError as error:
    print(type(error).__name__)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
from git_exp.store import Store
print(*sorted((run.name, run.live) for run in Store.open(os.getcwd(), os.environ).runs()))
"""

    done = programs.run(source)

    assert done.stdout == "JournalFailed\n('first', True) ('second', False)\n"
    assert {run.name: run.status for run in programs.runs()} == {
        "first": "finished", "second": "crashed",
    }  # fmt: skip


def test_special_numbers_are_floats_in_the_metrics_of_a_run(repo: Path) -> None:
    with Experiment() as exp:
        for value in (math.nan, math.inf, -math.inf, 2**70):
            exp.track({"loss": value})
        exp.track({"nan": np.float32("nan")})

    metrics = only().metrics
    assert (metrics["loss"].min, metrics["loss"].max) == (-math.inf, math.inf)
    assert math.isnan(metrics["loss"].first)
    assert metrics["loss"].last == 2**70
    assert isinstance(metrics["nan"].last, float)


def test_what_cannot_be_recorded_leaves_the_run_unharmed(repo: Path) -> None:
    with Experiment() as exp:
        exp.track({"loss": 1})
        for value in ({"loss": {"net": object()}}, {"a": np.zeros(1_001)}):
            with pytest.raises(TypeError, match=r"cannot record '(loss\.net|a)'"):
                exp.track(value)
        for note in (5, None, b"x"):
            with pytest.raises(TypeError, match="a note is text"):
                exp.note(note)  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="a tag is one line of text"):
            exp.tag("good", "bad\n")
        exp.track({"loss": 2})

    run = only()
    assert tracked_values(run) == [{"loss": 1}, {"loss": 2}]
    assert (run.notes, run.tags, run.damaged) == ([], [], 0)


def test_over_a_thousand_metrics_are_counted(repo: Path) -> None:
    with Experiment() as exp:
        exp.track({f"m{number}": number for number in range(1_200)})

    assert len(only().metrics) == 1_000
    ends = [line for line in programs.store().lines(only()) if records.is_kind(line, b"run_end")]
    assert json.loads(ends[0])["metrics_left_out"] == 200


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (None, "finished", 0),
        (SystemExit(), "finished", 0),
        (SystemExit(0), "finished", 0),
        (SystemExit(3), "failed", 3),
        (SystemExit(-1), "failed", 255),
        (SystemExit(True), "failed", 1),
        (SystemExit("usage"), "failed", 1),
        (KeyboardInterrupt(), "interrupted", 130),
        (asyncio.CancelledError(), "interrupted", None),
        (ValueError("bad"), "failed", 1),
    ],
    ids=range(10),
)
def test_a_block_ends_its_run_with_how_it_was_left(
    repo: Path, error: BaseException | None, status: str, code: int | None
) -> None:
    def block() -> None:
        with Experiment() as exp:
            exp.track(1)
            if error:
                raise error

    if error:
        with pytest.raises(type(error)):
            block()
    else:
        block()

    run = only()
    assert (run.status, run.exit_code) == (status, code)
    assert (run.error is not None) == isinstance(error, ValueError)
    assert (run.duration_ms or 0) > 0


def test_an_exception_is_recorded_with_the_end_of_its_traceback(repo: Path) -> None:
    def ping(level: int) -> None:
        if level == 0:
            raise ValueError("line one\nline two")
        pong(level - 1)

    def pong(level: int) -> None:
        ping(level)

    def block() -> None:
        with Experiment():
            ping(30)

    with pytest.raises(ValueError, match="line one"):
        block()

    error = only().error
    assert error is not None
    assert (error.type, error.message) == ("ValueError", "line one\nline two")
    lines = (error.traceback or "").splitlines()
    assert len(lines) == 50
    assert lines[-2:] == ["ValueError: line one", "line two"]


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no words")


def test_an_exception_that_cannot_be_told_is_recorded_all_the_same(repo: Path) -> None:
    with pytest.raises(Unspeakable), Experiment():
        raise Unspeakable

    error = only().error
    assert error is not None
    assert (error.type, error.message) == ("Unspeakable", "<exception str() failed>")


def test_a_second_finish_does_nothing(repo: Path) -> None:
    with Experiment() as exp:
        exp.finish("failed")
        exp.finish("finished")

    assert only().status == "failed"
    assert sum(records.is_kind(line, b"run_end") for line in programs.store().lines(only())) == 1


def test_an_unknown_status_is_refused_and_the_run_goes_on(repo: Path) -> None:
    with Experiment() as exp:
        with pytest.raises(errors.UsageError, match="unknown status 'done'") as caught:
            exp.finish("done")  # type: ignore[arg-type]
        exp.track(1)

    assert caught.value.hint == "one of finished, failed, interrupted"
    assert tracked_values(only()) == [1]


def test_after_the_end_every_call_says_that_the_run_has_ended(repo: Path) -> None:
    exp = Experiment()
    exp.finish()
    before = programs.everything(repo)

    calls: list[Callable[[], None]] = [
        lambda: exp.track(1),
        lambda: exp.track(1, "noted"),
        lambda: exp.note("x"),
        lambda: exp.tag("x"),
        lambda: exp.artifact("train.py"),
        exp.checkpoint,
    ]
    for call in calls:
        with pytest.raises(errors.UsageError, match=f"run '{exp.run_id}' has ended") as caught:
            call()
        assert caught.value.hint == "begin another one: Experiment()"

    assert programs.everything(repo) == before


def test_several_runs_go_on_at_once_in_one_process(repo: Path) -> None:
    one, other = Experiment("one"), Experiment("other")
    with Experiment("inner") as inner:
        for number in range(3):
            one.track(number)
            other.track(-number)
            inner.track({"a": number})
    other.finish("failed")
    one.track(3)
    one.finish()

    found = {run.name: (run.status, tracked_values(run)) for run in programs.runs()}
    assert found == {
        "one": ("finished", [0, 1, 2, 3]),
        "other": ("failed", [0, -1, -2]),
        "inner": ("finished", [{"a": 0}, {"a": 1}, {"a": 2}]),
    }


def test_a_run_in_a_task_ends_as_its_task_does(repo: Path) -> None:
    async def train(name: str, *, forever: bool) -> None:
        with Experiment(name) as exp:
            exp.track(1)
            await asyncio.sleep(3_600 if forever else 0)
            exp.track(2)

    async def main() -> None:
        tasks = [asyncio.create_task(train(name, forever=name == "b")) for name in "ab"]
        await tasks[0]
        tasks[1].cancel()
        await asyncio.wait(tasks)

    asyncio.run(main())

    found = {run.name: (run.status, tracked_values(run)) for run in programs.runs()}
    assert found == {"a": ("finished", [1, 2]), "b": ("interrupted", [1])}


def test_a_checkpoint_puts_what_is_there_into_git_and_the_run_goes_on(repo: Path, git: Git) -> None:
    exp = Experiment()
    (repo / "model.bin").write_text("weights")
    exp.artifact("model.bin")
    exp.track({"loss": 2})
    exp.checkpoint()

    ref = f"refs/exp/data/{exp.run_id}"
    note = git("notes", "--ref=exp", "show", str(exp.commit))
    assert json.loads(note.splitlines()[-1])["metrics"]["loss"]["last"] == 2
    assert git("show", f"{ref}:artifacts/model.bin") == "weights"
    first = git("ls-tree", "-r", ref, "series/").split()
    assert git("cat-file", "-p", first[2]).count("\n") == 0
    exp.track({"loss": 1})
    exp.checkpoint()
    both = git("ls-tree", "-r", ref, "series/").splitlines()
    assert len(both) == 2
    assert both[0].split() == first
    exp.finish()
    run = only()
    assert git("ls-tree", "-r", ref, "series/").splitlines() == both
    assert (run.status, run.metrics["loss"].count, run.metrics["loss"].last) == ("finished", 2, 1)
    assert tracked_values(run) == [{"loss": 2}, {"loss": 1}]


def test_a_checkpoint_with_nothing_new_adds_no_data(repo: Path, git: Git) -> None:
    exp = Experiment()
    exp.track(1)
    exp.checkpoint()
    before = git("rev-parse", f"refs/exp/data/{exp.run_id}")

    exp.checkpoint()

    assert git("rev-parse", f"refs/exp/data/{exp.run_id}") == before
    exp.finish()


def test_an_artifact_is_kept_as_it_was_when_it_was_given(repo: Path, git: Git) -> None:
    (repo / "out").mkdir()
    (repo / "out/plot.png").write_bytes(b"\0old\xff")
    with Experiment() as exp:
        exp.artifact("out/plot.png")
        exp.artifact(repo / "out/plot.png", "plots/loss.png")
        (repo / "out/plot.png").write_bytes(b"changed")
        exp.artifact("train.py", "empty/../x".replace("empty/../", ""))

    run, store = only(), programs.store()
    assert [(one.path, one.size, one.stored, one.uri) for one in run.artifacts] == [
        ("plot.png", 5, True, None),
        ("plots/loss.png", 5, True, None),
        ("x", 24, True, None),
    ]
    assert run.artifacts[0].sha256 == hashlib.sha256(b"\0old\xff").hexdigest()
    assert store.file(run, "artifacts/plot.png") == b"\0old\xff"
    assert store.file(run, "artifacts/plots/loss.png") == b"\0old\xff"
    assert git("show", f"refs/exp/data/{run.id}:artifacts/x") == "print('METRIC acc=0.5')"


def test_the_last_artifact_of_a_name_counts(repo: Path) -> None:
    with Experiment() as exp:
        for text in ("one", "two"):
            (repo / "a").write_text(text)
            exp.artifact("a")
            exp.checkpoint()

    assert [one.size for one in only().artifacts] == [3]
    assert programs.store().file(only(), "artifacts/a") == b"two"


def test_a_large_artifact_stays_where_it_is(repo: Path, git: Git) -> None:
    git("config", "exp.maxArtifact", "10")
    (repo / "big").write_text("x" * 11)
    (repo / "just").write_text("x" * 10)
    with Experiment() as exp:
        exp.artifact("big")
        exp.artifact("just")

    big, just = only().artifacts
    assert (big.stored, big.uri) == (False, (repo / "big").as_uri())
    assert big.sha256 == hashlib.sha256(b"x" * 11).hexdigest()
    assert (just.stored, just.uri) == (True, None)
    assert programs.store().file(only(), "artifacts/big") is None


def test_a_bad_artifact_is_refused_and_the_run_goes_on(repo: Path) -> None:
    bad: list[tuple[str, Any, type[Exception]]] = [
        ("missing", None, FileNotFoundError),
        (".", None, errors.UsageError),
        ("..", None, errors.UsageError),
        (str(repo), None, IsADirectoryError),
        ("train.py", "../x", errors.UsageError),
        ("train.py", "/etc/passwd", errors.UsageError),
        ("train.py", ".git/config", errors.UsageError),
        ("train.py", "a/", errors.UsageError),
        ("train.py", "", errors.UsageError),
        ("train.py", "con.txt", errors.UsageError),
        ("train.py", 5, errors.UsageError),
        ("train.py", "kept/below", errors.UsageError),
        ("train.py", "folder", errors.UsageError),
    ]
    with Experiment() as exp:
        exp.artifact("train.py", "kept")
        exp.artifact("train.py", "folder/file")
        for path, name, kind in bad:
            with pytest.raises(kind):
                exp.artifact(path, name)
        exp.artifact("train.py", "kept")
        assert exp.path is not None
        waiting = [one.name for one in (exp.path.parent / "artifacts").iterdir()]

    assert [one.path for one in only().artifacts] == ["folder/file", "kept"]
    assert waiting == [only().artifacts[0].sha256]


def test_an_artifact_on_a_full_disk_leaves_no_half_of_it(repo: Path) -> None:
    source = """
import resource
exp = Experiment("x")
open("big", "wb").write(b"x" * 100_000)
resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, resource.RLIM_INFINITY))
try:
    exp.artifact("big")
except OSError as error:
    print(error.errno, os.listdir(exp.path.parent / "artifacts"))
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
exp.artifact("big")
"""

    done = programs.run(source)

    assert done.stdout == "27 []\n"
    assert [one.size for one in only().artifacts] == [100_000]


def test_a_full_disk_stops_no_run(repo: Path) -> None:
    source = """
import resource
exp = Experiment("x")
exp.track(1)
size = exp.path.stat().st_size
resource.setrlimit(resource.RLIMIT_FSIZE, (size + 30, resource.RLIM_INFINITY))
for call in (lambda: exp.track("x" * 50), lambda: exp.note("x" * 50)):
    try:
        call()
    except OSError as error:
        print(type(error).__name__, exp.path.stat().st_size == size)
exp.checkpoint()
exp.finish("failed")
exp.finish()
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
exp.track(2)
"""

    done = programs.run(source)

    assert done.stdout == "JournalFailed True\n" * 2
    assert done.stderr.count("stays in the spool until the next git exp command: cannot write") == 3
    run = only()
    # The first word on how it ended counts, though it could not be written then.
    assert (run.status, tracked_values(run)) == ("failed", [1, 2])


def test_what_cannot_be_sealed_stays_and_does_not_raise(
    repo: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    in_the_way = repo / ".git/refs/notes/exp"
    in_the_way.mkdir(parents=True)
    (in_the_way / "x").write_text("")
    with Experiment() as exp:
        exp.track(1)

    said = capfd.readouterr().err
    assert said.startswith("git-exp: run ")
    assert said.count("\n") == 1
    assert exp.path is not None
    assert exp.path.exists()
    shutil.rmtree(in_the_way)
    (exp.path.parent / "aside").unlink(missing_ok=True)
    run = only()
    assert (run.id, run.status, tracked_values(run)) == (exp.run_id, "finished", [1])


def test_any_error_of_sealing_is_one_line(
    repo: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: Any, **__: Any) -> bytes:
        raise KeyError("a bug\x1b[31m")

    with Experiment() as exp:
        monkeypatch.setattr(merge, "union", broken)
    monkeypatch.undo()
    os.chdir(repo)

    said = capfd.readouterr().err
    assert said.count("\n") == 1
    assert f"run {str(exp.run_id)[:8]}" in said
    assert "\x1b" not in said


def test_what_the_snapshot_left_out_is_said_once(
    repo: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (repo / ".env").write_text("SECRET=1\n")
    (repo / "key.pem").write_text("x")
    with Experiment() as exp:
        pass

    assert capfd.readouterr().err == (
        f"git-exp: 2 untracked files are not in the snapshot: git exp show {str(exp.run_id)[:8]}\n"
    )


def test_what_the_snapshot_lacks_is_said_by_name() -> None:
    missed = [records.Skipped(path=f"f{number}", reason="cannot be read") for number in range(4)]
    submodules = [
        records.Submodule(path=path, dirty=path != "clean") for path in ("a", "clean", "b")
    ]
    git = records.Git(
        commit="c", capture="partial", missed=missed, submodules=submodules,
        skipped=[records.Skipped(path="x", reason="secret")],
    )  # fmt: skip

    said = starting.gaps(records.RunStart(t="", v=1, run_id="1234567890", git=git))

    assert said == [
        "warning: the snapshot is partial, without: f0, f1, f2, f3, a and 1 more",
        "1 untracked file is not in the snapshot: git exp show 12345678",
    ]
    assert starting.gaps(records.RunStart(t="", v=1, run_id="x")) == []


def test_a_run_is_dated_before_what_the_remote_has(repo: Path, git: Git) -> None:
    git("update-ref", "refs/remotes/origin/main", "HEAD")
    shared = int(git("log", "-1", "--format=%ct"))
    git("commit", "-q", "--allow-empty", "-m", "ours", "--date=2026-03-01")

    with Experiment() as exp:
        pass

    assert int(git("log", "-1", "--format=%ct", str(exp.commit))) == shared - 1


@pytest.mark.parametrize("unborn", [False, True])
def test_a_run_without_a_snapshot_claims_no_code_but_head(
    repo: Path, git: Git, unborn: bool
) -> None:
    (repo / "train.py").write_text("changed")
    if unborn:
        git("checkout", "-q", "--orphan", "empty")
    caller = starting.Caller(argv=["x"], cwd=repo)
    request = starting.Request(caller=caller, snapshot=False)

    begun, run = recorder.begin(programs.store().repo, request)
    begun.finish("finished")

    assert run.git is not None
    assert (run.git.capture, run.git.dirty) == ("none", None)
    assert run.git.base == (None if unborn else git("rev-parse", "HEAD"))
    tree = git("rev-parse", f"{run.git.commit}^{{tree}}")
    assert tree == (EMPTY_TREE if unborn else git("rev-parse", "HEAD^{tree}"))


def test_what_is_said_moves_no_cursor(capfd: pytest.CaptureFixture[str]) -> None:
    endings.say("a\x1b[31mb\x9b\n")

    assert capfd.readouterr().err == "git-exp: a\\x1b[31mb\\x9b\\x0a\n"


def test_without_stderr_nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", None)

    endings.say("x")

    with open(os.devnull, "w") as closed:
        pass
    monkeypatch.setattr(sys, "stderr", closed)
    endings.say("x")


def test_a_class_of_ones_own_may_track_in_its_own_way(repo: Path) -> None:
    class Doubled(Experiment):
        def track(self, value: Any, note: str | None = None, *, step: float | None = None) -> None:
            super().track(2 * value, note, step=step)

    with Doubled() as exp:
        exp.track(1)

    assert tracked_values(only()) == [2]
    assert repr(exp) == f"<Doubled {exp.name!r} {exp.run_id}>"


def test_a_copy_of_a_running_run_is_that_run(repo: Path) -> None:
    with Experiment("x") as exp:
        for other in (copy.deepcopy(exp), copy.copy(exp), pickle.loads(pickle.dumps(exp))):  # noqa: S301
            other.track(1)
            assert (other.run_id, other.name, other.commit, other.path) == (
                exp.run_id, exp.name, exp.commit, exp.path,
            )  # fmt: skip
        other.finish("failed")

    assert [(run.status, tracked_values(run)) for run in programs.runs()] == [("failed", [1, 1, 1])]


def test_a_pickle_of_a_run_that_is_over_is_read_and_refuses_to_track(
    repo: Path, tmp_path: Path
) -> None:
    with Experiment("x") as exp:
        running = pickle.dumps(exp)
    over = pickle.dumps(exp)
    shutil.copytree(repo, tmp_path / "moved")

    for raw in (running, over, running.replace(str(repo).encode(), b"x" * len(str(repo)))):
        other = pickle.loads(raw)  # noqa: S301
        assert (other.run_id, other.name, other.commit) == (exp.run_id, "x", exp.commit)
        other.finish()
        with pytest.raises(errors.UsageError, match="is not running here"):
            other.checkpoint()
        with pytest.raises(errors.UsageError, match="is not running here"):
            other.track(1)


def test_a_pickle_is_silent_where_all_is_switched_off(
    repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Experiment("x") as exp:
        raw = pickle.dumps(exp)
        monkeypatch.setenv("GIT_EXP_DISABLED", "1")
        other = pickle.loads(raw)  # noqa: S301
        other.track(1)
        other.note("x")
        monkeypatch.delenv("GIT_EXP_DISABLED")

    assert tracked_values(only()) == []


def test_errors_survive_a_pickle() -> None:
    raised: list[errors.GitExpError] = [
        errors.NotARepository("/x"),
        errors.GitFailed("add", 128, "fatal: no\n"),
        errors.RefLocked("refs/x", "x.lock"),
        errors.Ambiguous("a", ["b", "c"]),
        errors.StoreBusy(30),
        errors.Unencodable("cannot", hint="do"),
        errors.JournalFailed("full", hint="free"),
        errors.BadName("bad"),
    ]
    for error in raised:
        read = pickle.loads(pickle.dumps(error))  # noqa: S301

        assert type(read) is type(error)
        assert (str(read), read.message, read.hint) == (str(error), error.message, error.hint)
        assert read.__dict__ == error.__dict__
        assert getattr(read, "__notes__", None) == getattr(error, "__notes__", None)


def test_every_error_has_an_exit_code_and_stands_in_the_tree() -> None:
    tree = errors.__doc__ or ""
    kinds = [
        one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, Exception)
    ]

    for kind in kinds:
        assert issubclass(kind, errors.GitExpError)
        line = next(line for line in tree.splitlines() if f" {kind.__name__} " in f" {line} ")
        assert str(getattr(kind, "exit_code")) in line.split()  # noqa: B009
    assert issubclass(errors.JournalFailed, OSError)
    assert issubclass(errors.Unencodable, TypeError)
    assert issubclass(errors.BadName, ValueError)


def test_the_public_names_are_all_there() -> None:
    for name in git_exp.__all__:
        assert getattr(git_exp, name) is not None
    assert dir(git_exp) == sorted(git_exp.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        git_exp.nothing  # noqa: B018


def test_the_import_of_experiment_loads_nothing_heavy() -> None:
    code = """
import sys
from git_exp import Experiment
Experiment
print(*{"pygit2", "click", "rich", "subprocess", "asyncio", "numpy"} & set(sys.modules))
"""

    done = subprocess.run((sys.executable, "-c", code), capture_output=True, text=True)

    assert (done.stdout, done.stderr) == ("\n", "")


def test_the_users_worktree_index_and_signals_are_left_as_they_are(repo: Path, git: Git) -> None:
    (repo / "train.py").write_text("changed\n")
    (repo / "new.py").write_text("new\n")
    git("add", "new.py")
    before = (git("status", "--porcelain=v2"), git("rev-parse", "HEAD"), git("stash", "list"))
    index = (repo / ".git/index").read_bytes()
    signals = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGCHLD)]

    with Experiment() as exp:
        exp.track(1)

    assert (repo / ".git/index").read_bytes() == index
    assert (
        git("status", "--porcelain=v2"),
        git("rev-parse", "HEAD"),
        git("stash", "list"),
    ) == before
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGCHLD)] == signals
    assert only().dirty


def test_a_clock_that_goes_back_during_a_run_loses_nothing(repo: Path, clock: Clock) -> None:
    with Experiment() as exp:
        exp.track(1)
        clock.move(-3_600)
        exp.track(2, step=1)
        exp.tag("late")
        clock.move(7_200)
        exp.checkpoint()
        exp.track(3)

    run = only()
    assert (run.status, run.tags, tracked_values(run)) == ("finished", ["late"], [1, 2, 3])
    assert run.started < (run.ended or "")


def test_params_that_nest_are_flat_dotted_names(repo: Path) -> None:
    with Experiment("x", params={"opt": {"lr": 0.1, "adam": {"beta": 0.9}}, "seed": 1}):
        pass

    assert only().params == {"opt.lr": 0.1, "opt.adam.beta": 0.9, "seed": 1}


def test_a_param_without_a_name_is_refused(repo: Path) -> None:
    with pytest.raises(errors.BadName, match="empty name"):
        Experiment("x", params={"": 1})
