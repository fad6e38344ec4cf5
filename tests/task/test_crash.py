"""Experiments that do not end: killed, terminated, on a full disk, with a gc in between."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from git_exp import errors, experiment, journal, starting
from git_exp.git import objects, refs
from git_exp.git.refs import Change
from tests import programs
from tests.conftest import Exp
from tests.spooled import found
from tests.task.tasks import DONE, Add, Export, Model
from tests.task.test_experiment import family

Git = Callable[..., str]
ROOT = Path(__file__).parents[2]
IMPORTS = f"""
sys.path.insert(0, {str(ROOT)!r})
from pathlib import Path
from git_exp import experiment
from tests.task.tasks import Add, Export, Model, Waits
"""
THREE = """
with experiment("three"):
    for number in range(2):
        Add(number=number).submit()
    Waits(where=Path(os.environ["WHERE"])).submit()
    Add(number=9).submit()
"""


@contextmanager
def waiting(source: str, where: Path) -> Iterator[subprocess.Popen[str]]:
    """A program that has come to its task that waits."""
    program = programs.start(IMPORTS + source, env={"WHERE": str(where), **programs.UNMEASURED})
    begun = where / "begun0"
    while not begun.exists():
        assert program.poll() is None, program.communicate()
        time.sleep(0.01)
    yield program
    program.communicate()


def untouched(repo: Path, git: Git) -> tuple[Any, ...]:
    """What no run disturbs."""
    kept = [(repo / ".git" / name).read_bytes() for name in ("HEAD", "index")]
    return (
        *kept,
        (repo / "train.py").read_bytes(),
        git("status", "--porcelain"),
        git("stash", "list"),
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "status"),
    [
        (signal.SIGKILL, "crashed"),
        (signal.SIGTERM, "interrupted"),
        (signal.SIGINT, "interrupted"),
    ],
)
def test_what_ended_before_a_signal_is_kept_and_the_rest_is_not_begun(
    repo: Path, tmp_path: Path, git: Git, exp: Exp, number: signal.Signals, status: str
) -> None:
    before = untouched(repo, git)
    with waiting(THREE, tmp_path) as program:
        program.send_signal(number)

    parent, below = family()
    assert parent.status == status
    assert [(run.name, run.status) for run in below] == [
        ("Add", "finished"), ("Add", "finished"), ("Waits", status),
    ]  # fmt: skip
    assert [run.metrics["number"].last for run in below[:2]] == [0, 1]
    assert untouched(repo, git) == before
    exp("fsck")


def test_what_ended_before_a_kill_is_not_executed_again(
    repo: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with waiting(THREE, tmp_path) as program:
        program.kill()

    with experiment("again"):
        for number in (0, 1, 9):
            Add(number=number).submit()

    assert DONE == [9]


def test_a_kill_while_registering_tears_nothing(repo: Path, git: Git, exp: Exp) -> None:
    source = """
with experiment("registers") as exp:
    print(exp.run_id, flush=True)
    for width in range(100_000):
        exp.add_action(Export(model=Model(width=width)))
"""
    program = programs.start(IMPORTS + source)
    assert program.stdout is not None
    run_id = program.stdout.readline().strip()
    path = repo / ".git/exp/spool" / run_id / "objects"
    while not path.exists() or path.stat().st_size < 100_000:
        time.sleep(0.001)
    program.kill()
    program.communicate()

    run = programs.only()
    text = git("show", f"refs/exp/data/{run_id}:objects.jsonl")
    assert run.status == "crashed"
    assert len(run.actions) > 100
    for action in run.actions:
        assert f'{{"action":"{action.id}"' in text
    assert all(line.startswith("{") and line.endswith("}") for line in text.splitlines())
    exp("fsck")


def test_a_line_that_was_torn_is_cut_by_who_writes_next(repo: Path, git: Git) -> None:
    with experiment("torn") as exp:
        exp.add_action(Export(model=Model(width=1)))
        path = Path(str(exp.run.path)).parent / "objects"
        with path.open("ab") as file:
            file.write(b'{"object": "to')
        exp.add_action(Export(model=Model(width=2)))

    text = git("show", f"refs/exp/data/{exp.run_id}:objects.jsonl")
    assert '"to' not in text
    assert len(text.splitlines()) == 6


@pytest.mark.slow
@pytest.mark.parametrize("size", [15_000, 30_000, 60_000])
def test_a_full_disk_is_one_line_and_disturbs_nothing(
    repo: Path, git: Git, exp: Exp, size: int
) -> None:
    before = untouched(repo, git)
    source = f"""
import resource
from git_exp import errors
try:
    with experiment("full") as exp:
        for number in range(300):
            Add(number=number).submit()
            if not number:
                resource.setrlimit(resource.RLIMIT_FSIZE, ({size}, {size}))
except errors.GitExpError as error:
    print(str(error).count("\\n"), type(error).__name__, error)
"""

    done = programs.run(IMPORTS + source, env=programs.UNMEASURED)

    assert done.stdout.startswith("0 JournalFailed cannot write '")
    assert all(line.startswith("git-exp: ") for line in done.stderr.splitlines())
    assert untouched(repo, git) == before
    assert family()[0].status in ("failed", "crashed")
    exp("fsck")


def test_a_disk_that_fills_up_as_tasks_begin_fails_the_experiment_alone(
    repo: Path, git: Git, exp: Exp, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device", "objects")

    before = untouched(repo, git)
    for at, name in ((starting, "remember"), (objects.Writer, "commit"), (journal, "append")):
        with pytest.raises(errors.GitExpError, match="cannot write"), experiment("full") as exp_:  # noqa: PT012
            Add(number=1).submit()
            with monkeypatch.context() as patched:
                patched.setattr(at, name, full)
                exp_.wait()

    assert DONE == []
    assert {run.status for run in programs.runs()} == {"failed"}
    assert untouched(repo, git) == before
    exp("fsck")


def test_the_end_of_a_task_that_cannot_be_written_is_told(
    repo: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise errors.JournalFailed("cannot write 'x': No space left on device")

    with experiment("full") as exp:
        Add(number=1).submit()
        with monkeypatch.context() as patched:
            patched.setattr("git_exp.recorder.Recorder.leave", full)
            exp.wait()

    _, (run,) = family()
    assert run.status == "crashed"
    said = f"the end of run {run.id[:8]} is lost: cannot write 'x': No space left on device"
    assert capfd.readouterr().err == f"git-exp: {said}\n"


def test_a_gc_as_a_child_begins_is_tried_again(
    repo: Path, git: Git, exp: Exp, monkeypatch: pytest.MonkeyPatch
) -> None:
    add, calls = refs.add, [0]

    def collected(*given: Any) -> None:
        calls[0] += 1
        if calls[0] == 1:
            git("gc", "--prune=now", "-q")
        if calls[0] == 3:
            add(*given)
            # As its refs were read before this one was there.
            (repo / ".git/objects" / given[2][:2] / given[2][2:]).unlink()
            return
        add(*given)

    monkeypatch.setattr(refs, "add", collected)
    with experiment("gc"):
        Add(number=1).submit()
        Add(number=2).submit()
    git("gc", "--prune=now", "-q")

    assert calls[0] == 4
    assert [run.status for run in family()[1]] == ["finished", "finished"]
    git("fsck", "--strict")
    exp("fsck")


@pytest.mark.parametrize(
    "error",
    [errors.RefMoved("r"), errors.RefLocked("r", "r.lock"), errors.WriteFailed("r", "no folder")],
)
def test_a_ref_that_somebody_else_is_at_is_tried_again(
    repo: Path, monkeypatch: pytest.MonkeyPatch, error: errors.RepositoryError
) -> None:
    add, raised = refs.add, [error]

    def busy(*given: Any) -> None:
        if raised:
            raise raised.pop()
        add(*given)

    monkeypatch.setattr(refs, "add", busy)
    with experiment("busy"):
        Add(number=1).submit()

    _, (run,) = family()
    assert run.status == "finished"


def test_a_ref_that_stays_locked_says_so_and_leaves_nothing(
    repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(*_: Any) -> None:
        raise errors.RefLocked("r", "r.lock")

    monkeypatch.setattr(refs, "add", busy)
    with pytest.raises(errors.RefLocked), experiment("busy"):
        Add(number=1).submit()

    assert programs.only().status == "failed"
    assert list((repo / ".git/exp/spool").iterdir()) == []


def test_a_parent_whose_commit_is_gone_has_no_children(
    repo: Path, git: Git, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(errors.ObjectsVanished), experiment("gone") as exp:  # noqa: PT012
        Add(number=1).submit()
        with monkeypatch.context() as patched:
            patched.setattr(objects, "commit", lambda *_: None)
            exp.wait()

    assert programs.only().status == "failed"


def test_a_ref_to_what_is_not_there_is_not_made(repo: Path) -> None:
    with pytest.raises(errors.ObjectsVanished):
        refs.add(found(repo), "refs/runs/x", "1" * 40)
    assert refs.resolve(found(repo), "refs/runs/x") is None


def test_a_ref_is_made_once_and_with_a_log_where_the_user_wants_one(repo: Path, git: Git) -> None:
    head = git("rev-parse", "HEAD")
    refs.add(found(repo), "refs/runs/a", head)
    with pytest.raises(errors.RefMoved):
        refs.add(found(repo), "refs/runs/a", head)
    git("config", "core.logAllRefUpdates", "always")

    refs.add(found(repo), "refs/runs/b", head)

    assert refs.resolve(found(repo), "refs/runs/b") == head
    assert not (repo / ".git/logs/refs/runs").exists()
    refs.update(found(repo), [Change(name="refs/runs/b", new=None, old=head)])


@pytest.mark.slow
def test_many_tasks_are_sealed_while_others_go_on_and_leave_few_loose_refs(repo: Path) -> None:
    sealed: list[int] = []
    with experiment("many") as exp:
        for number in range(600):
            Add(number=number).submit()
        exp.wait()
        sealed.append(len(list((repo / ".git/exp/spool").iterdir())))

    assert sealed[0] < 110
    parent, below = family()
    assert (parent.status, len(below)) == ("finished", 600)
    assert refs.loose(found(repo), "refs") < 10


@pytest.mark.slow
def test_gc_all_the_while_takes_nothing(repo: Path, git: Git, exp: Exp) -> None:
    # It is not killed, which would leave what it has locked.
    words = ("bash", "-c", "until test -e .git/over; do git gc -q --prune=now 2>/dev/null; done")
    with subprocess.Popen(words):
        try:
            with experiment("gc"):
                for number in range(200):
                    Add(number=number).submit()
        finally:
            (repo / ".git/over").touch()

    parent, below = family()
    assert (parent.status, {run.status for run in below}) == ("finished", {"finished"})
    assert len(below) == 200
    git("fsck", "--strict", "--connectivity-only")
    exp("fsck")
