"""Tasks elsewhere: in pools of processes, in threads, on a cluster of Dask."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest

from git_exp import Param, Task, errors, experiment, spool
from tests import programs
from tests.conftest import Exp
from tests.task.tasks import Add, Holds, Outer, Raises, Returns, Score, Tracks, Train
from tests.task.test_experiment import family

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process of a pool finds the tasks of tests."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


@pytest.fixture(params=["fork", "spawn"])
def pool(request: pytest.FixtureRequest, repo: Path) -> Iterator[ProcessPoolExecutor]:
    with ProcessPoolExecutor(2, mp_context=get_context(request.param)) as found:
        yield found


def spawned(workers: int = 1) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(workers, mp_context=get_context("spawn"))


class Broken(Executor):
    """It takes nothing, or cancels what it takes."""

    def __init__(self, *, cancels: bool = False) -> None:
        self._cancels = cancels

    def submit(self, *given: Any, **named: Any) -> Future[Any]:
        if not self._cancels:
            raise RuntimeError("cannot schedule new futures after shutdown")
        cancelled: Future[Any] = Future()
        cancelled.cancel()
        cancelled.set_running_or_notify_cancel()
        return cancelled


@pytest.mark.slow
def test_a_pool_executes_tasks_after_what_they_depend_on(
    pool: ProcessPoolExecutor, exp: Exp
) -> None:
    with experiment("pool", executor=pool):
        for number in range(20):
            Add(number=number).submit()
        Score(model=Train(width=2).submit()).submit()

    parent, below = family()
    assert (parent.status, {run.status for run in below}) == ("finished", {"finished"})
    pids = {run.metrics["pid"].last for run in below if "pid" in run.metrics}
    assert os.getpid() not in pids
    assert len(below) == 22
    by_name = {run.name: run for run in below}
    assert by_name["Train"].ended is not None
    assert by_name["Train"].ended < by_name["Score"].started
    exp("fsck")


def test_an_experiment_inside_joins_the_tasks_run(pool: ProcessPoolExecutor) -> None:
    with experiment("pool", executor=pool):
        for number in range(4):
            Tracks(number=number).submit()
        Outer().submit()

    _, below = family()
    tracked = {run.params["number"]: run for run in below if run.name == "Tracks"}
    assert {number: run.metrics["loss"].last for number, run in tracked.items()} == {
        0: 0, 1: 1, 2: 2, 3: 3,
    }  # fmt: skip
    (outer,) = [run for run in below if run.name == "Outer"]
    (inner,) = [run for run in programs.runs() if run.parent_run == outer.id]
    assert (inner.name, inner.status) == ("Add", "finished")


def test_in_threads_each_task_has_its_own_run(repo: Path) -> None:
    with ThreadPoolExecutor(4) as threads, experiment("threads", executor=threads):
        for number in range(8):
            Tracks(number=number).submit()

    assert sorted(run.metrics["loss"].last for run in family()[1]) == list(range(8))


def test_what_fails_in_a_pool_is_told_by_the_child_and_the_others_go_on(repo: Path) -> None:
    with (  # noqa: PT012
        spawned() as pool,
        pytest.raises(errors.TasksFailed) as caught,
        experiment("fails", executor=pool),
    ):
        Raises(what="no").submit()
        Raises(what="exit").submit()
        Returns(what="lock").submit()
        Score(model=Train(width=1, fails=True).submit()).submit()
        Holds(lock=threading.Lock()).submit()
        Add(number=1).submit()

    told = {
        run.name: (run.status, run.exit_code, run.error.type if run.error else None)
        for run in family()[1]
    }
    assert len(caught.value.failed) == 5
    assert told == {
        "Raises": ("failed", 3, None),
        "Returns": ("finished", 0, None),
        "Score": ("failed", None, "DependencyFailed"),
        "Train": ("failed", 1, "ValueError"),
        "Holds": ("failed", 1, "TypeError"),
        "Add": ("finished", 0, None),
    }


def test_ctrl_c_in_a_process_of_the_pool_interrupts_that_task(repo: Path) -> None:
    with (
        spawned() as pool,
        pytest.raises(errors.TasksFailed),
        experiment("stops", executor=pool),
    ):
        Raises(what="interrupt").submit()

    assert [run.status for run in family()[1]] == ["interrupted"]


def test_a_worker_that_is_killed_fails_what_the_pool_had(repo: Path, exp: Exp) -> None:
    with (  # noqa: PT012
        spawned() as pool,
        pytest.raises(errors.TasksFailed) as caught,
        experiment("killed", executor=pool),
    ):
        Raises(what="kill").submit()
        Add(number=1).submit()

    parent, below = family()
    assert parent.status == "failed"
    assert {run.error.type for run in below if run.error} == {"BrokenProcessPool"}
    assert len(caught.value.failed) == 2
    exp("fsck")


@pytest.mark.parametrize(
    ("executor", "status", "said"),
    [
        (Broken(), "failed", "RuntimeError: cannot schedule new futures"),
        (Broken(cancels=True), "interrupted", "CancelledError"),
    ],
)
def test_an_executor_that_takes_nothing_fails_each_task_with_its_reason(
    repo: Path, executor: Executor, status: str, said: str
) -> None:
    with pytest.raises(errors.TasksFailed) as caught, experiment("shut", executor=executor):  # noqa: PT012
        Add(number=1).submit()
        Add(number=2).submit()

    assert [run.status for run in family()[1]] == [status, status]
    assert len([one for one in caught.value.failed if said in one]) == 2


def test_what_breaks_off_the_wait_ends_the_children_that_wait(
    repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("git_exp.task.experiment._received", interrupted)
    with (
        ThreadPoolExecutor(1) as threads,
        pytest.raises(KeyboardInterrupt),
        experiment("stops", executor=threads),
    ):
        Add(number=1).submit()

    parent, below = family()
    assert (parent.status, [run.status for run in below]) == ("interrupted", ["interrupted"])


def test_a_fork_submits_nothing_to_the_experiment_of_its_parent(repo: Path) -> None:
    with experiment("forked"):
        read, write = os.pipe()
        pid = os.fork()
        if not pid:
            try:
                Add(number=1).submit()
            except errors.UsageError as error:
                os.write(write, str(error).encode())
            os._exit(0)
        os.waitpid(pid, 0)

    assert os.read(read, 100).startswith(b"Add.submit() is called outside of an experiment")
    os.close(read)
    os.close(write)


def test_two_processes_register_an_equal_action_at_once_and_it_is_one(repo: Path) -> None:
    source = f"""
sys.path.insert(0, {str(ROOT)!r})
from tests.task.tasks import Export, Model
exp = Experiment("two")
pids = []
read, write = os.pipe()
for number in range(2):
    pid = os.fork()
    if not pid:
        os.read(read, 1)
        for width in range(50):
            exp.add_action(Export(model=Model(width=width)))
        os._exit(0)
    pids.append(pid)
os.write(write, b"12")
for pid in pids:
    assert os.waitpid(pid, 0)[1] == 0
exp.finish()
print(exp.run_id)
"""
    run_id = programs.run(source).stdout.strip()

    text = subprocess.run(
        ("git", "show", f"refs/exp/data/{run_id}:objects.jsonl"), capture_output=True, check=True
    ).stdout
    lines = text.splitlines()
    assert len(set(lines)) == len(lines) == 150
    assert len(programs.only().actions) == 50


@pytest.mark.slow
def test_more_tasks_than_files_may_be_open(repo: Path) -> None:
    source = f"""
sys.path.insert(0, {str(ROOT)!r})
from concurrent.futures import ThreadPoolExecutor
from git_exp import experiment
from tests.task.tasks import Add
with ThreadPoolExecutor(4) as threads, experiment("low", executor=threads):
    for number in range(150):
        Add(number=number).submit()
"""
    words = ("bash", "-c", 'ulimit -n 64; exec "$0" -c "$1"', sys.executable)

    done = subprocess.run((*words, programs.HEAD + source), capture_output=True, text=True)

    assert (done.returncode, done.stderr) == (0, "")
    parent, below = family()
    assert (parent.status, {run.status for run in below}) == ("finished", {"finished"})
    assert len(below) == 150


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_cluster_of_dask_executes_tasks(repo: Path, tmp_path: Path) -> None:
    distributed = pytest.importorskip("distributed")

    with (  # noqa: PT012
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=2, dashboard_address=None, local_directory=str(tmp_path)
        ) as cluster,
        distributed.Client(cluster) as client,
        pytest.raises(errors.TasksFailed, match="1 of 14 tasks failed"),
        experiment("dask", executor=client.get_executor()),
    ):
        for number in range(10):
            Add(number=number).submit()
        Score(model=Train(width=2).submit()).submit()
        Tracks(number=5).submit()
        Raises(what="no").submit()

    _, below = family()
    assert sorted(str(run.status) for run in below) == ["failed"] + ["finished"] * 13
    (tracked,) = [run for run in below if run.name == "Tracks"]
    assert tracked.metrics["loss"].last == 5


def test_no_limit_on_open_files_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    for limit, most in ((resource.RLIM_INFINITY, 200), (64, 16), (1, 1), (10**6, 200)):
        monkeypatch.setattr(resource, "getrlimit", lambda _, limit=limit: (limit, limit))
        assert spool.at_once(200) == most


@pytest.mark.slow
def test_the_classes_of_a_script_have_one_identifier_wherever_they_are_sent(repo: Path) -> None:
    (repo / "script.py").write_text(
        """
import multiprocessing, sys
from concurrent.futures import ProcessPoolExecutor
from git_exp import Param, Task, experiment


class Own(Task):
    number: Param[int]

    def execute(self):
        return int(self.config_id()[:8], 16)


def main():
    from distributed import Client, LocalCluster

    class Local(Own):
        pass

    every = [Own(number=1), Own(number=2)]
    with (
        LocalCluster(n_workers=1, dashboard_address=None) as cluster,
        Client(cluster) as client,
        experiment("dask", executor=client.get_executor()),
    ):
        for one in (*every, Local(number=1)):
            one.submit()
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, context) as pool, experiment("pool", executor=pool):
        for one in every:
            one.submit(rerun=True)
    print(*(int(one.config_id()[:8], 16) for one in (*every, Local(number=1))))


if __name__ == "__main__":
    main()
"""
    )

    done = subprocess.run((sys.executable, "script.py"), capture_output=True, text=True, check=True)

    one, two, local = map(int, done.stdout.split())
    found = sorted(run.metrics["value"].last for run in programs.runs() if run.parent_run)
    assert found == sorted([one, one, two, two, local])


def test_a_pool_that_is_shut_down_meanwhile_is_waited_for_by_nobody(repo: Path) -> None:
    pool = ThreadPoolExecutor(1)

    class Shuts(Task):
        number: Param[int]

        def execute(self) -> None:
            while pool._work_queue.qsize() < 4:
                time.sleep(0.001)
            pool.shutdown(wait=False, cancel_futures=True)

    with pytest.raises(errors.TasksFailed), experiment("shut", executor=pool):  # noqa: PT012
        for number in range(5):
            Shuts(number=number).submit()

    assert [run.status for run in family()[1]] == ["finished"] + ["interrupted"] * 4
