"""One run of several processes: ranks, forks, multiprocessing, and threads that share it."""

from __future__ import annotations

import os
import signal
import subprocess
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from git_exp import records
from git_exp.run import Run
from tests import programs
from tests.programs import only, tracked, tracked_values

Git = Callable[..., str]
WAIT = "os.write(1, b'ready\\n'); os.read(0, 1)\n"


def owner(source: str = "", *, end: str = "") -> subprocess.Popen[str]:
    """Rank 0: begins a run, does something, says its id, and goes on when it is told to."""
    begin = "exp = Experiment('job', params={'lr': 0.1, 'bs': 8})\n"
    told = "print(exp.run_id, flush=True)\nsys.stdin.readline()\n"
    return programs.start(f"{begin}{source}{told}{end}")


def told(program: subprocess.Popen[str]) -> str:
    """The next line of what a program says."""
    assert program.stdout is not None
    return program.stdout.readline().removesuffix("\n")


def go_on(program: subprocess.Popen[str], code: int = 0) -> str:
    """Let a program go on to its end; what it said on stderr."""
    _, err = program.communicate("\n")
    assert program.returncode == code, err
    return err


def joining(run_id: str, rank: int = 1) -> dict[str, str]:
    return {"GIT_EXP_RUN": run_id, "RANK": str(rank)}


def starts(run: Run) -> list[str]:
    """The kinds of a run's records, but for what each owner writes."""
    kinds = [records.kind(event) for event in events(run)]
    return [kind for kind in kinds if kind not in ("run_start", "env")]


def events(run: Run) -> list[records.Event]:
    found = [records.parse(line) for line in programs.store().lines(run)]
    return [event for event in found if isinstance(event, records.Event)]


def test_who_is_told_of_a_run_joins_it_with_a_journal_of_its_own(repo: Path) -> None:
    # What the snapshot left out is said by rank 0 alone.
    (repo / ".env").write_text("SECRET=1\n")
    first = owner()
    run_id = told(first)
    source = """
with Experiment("mine", {"m": 1}, params={"lr": 0.2}, tags=["t"], group="g") as exp:
    exp.track({"loss": 1})
    exp.note("from rank 3")
    print(exp.run_id, exp.name, exp.path.parent.name, exp.path.name.split(".")[0])
    journals = sorted(one.name for one in exp.path.parent.glob("*.jsonl"))
    print(len(journals))
"""

    said = programs.run(source, env=joining(run_id, 3))

    assert said.stdout == f"{run_id} job {run_id} 3\n2\n"
    assert said.stderr == ""
    assert only().live
    assert "1 untracked file is not in the snapshot" in go_on(first)
    run = only()
    assert (run.id, run.name, run.status, run.exit_code) == (run_id, "job", "finished", 0)
    assert (run.params, run.conflicts) == ({"lr": 0.2, "bs": 8}, ["lr"])
    assert (run.tags, run.group, run.metadata) == (["t"], "g", {"m": 1})
    assert [(join.rank, join.name) for join in run.joined] == [(3, "mine")]
    assert [track.rank for track in tracked(run)] == [3]
    assert starts(run) == ["join", "note", "run_end"]


def test_a_job_of_eight_ranks_is_one_run_with_one_end(repo: Path) -> None:
    first = owner("for step in range(20): exp.track({'loss': step}, step=step)\n")
    run_id = told(first)
    source = """
exp = Experiment()
for step in range(20):
    exp.track({"loss": step}, step=step)
"""
    others = [programs.start(source, env=joining(run_id, rank)) for rank in range(1, 8)]
    said = [go_on(other) for other in others]
    go_on(first)

    run = only()
    assert said == [""] * 7
    assert starts(run) == ["join"] * 7 + ["run_end"]
    assert run.metrics["loss"].count == 160
    assert sorted(join.rank for join in run.joined) == list(range(1, 8))
    for rank in range(8):
        assert [t.value for t in tracked(run) if t.rank == rank] == [{"loss": n} for n in range(20)]
    assert list((repo / ".git/exp/spool").iterdir()) == []


@pytest.mark.parametrize("variable", ["RANK", "SLURM_PROCID", "OMPI_COMM_WORLD_RANK"])
def test_a_rank_that_is_told_of_no_run_records_nothing_and_says_so_once(
    repo: Path, variable: str
) -> None:
    before = programs.everything(repo)
    source = """
for _ in range(2):
    with Experiment("x") as exp:
        exp.track(object())
        exp.checkpoint()
    print(exp.run_id, exp.path)
"""

    said = programs.run(source, env={variable: "5"})

    assert said.stdout == "None None\n" * 2
    assert said.stderr == "git-exp: rank 5 records nothing: set GIT_EXP_RUN to join rank 0's run\n"
    assert programs.everything(repo) == before


@pytest.mark.slow
@pytest.mark.parametrize(
    "env",
    [{"RANK": "0"}, {"RANK": "3", "GIT_EXP_RANK": "0"}, {"RANK": ""}, {"RANK": "no number"},
     {"SLURM_PROCID": "²"}, {"RANK": "-1"}],
    ids=range(6),
)  # fmt: skip
def test_rank_zero_is_a_run_of_its_own(repo: Path, env: dict[str, str]) -> None:
    said = programs.run("with Experiment() as exp: exp.track(1)", env=env)

    assert said.stderr == ""
    assert tracked_values(only()) == [1]


def test_a_rank_that_tracks_after_the_owner_sealed_is_sealed_too(repo: Path, git: Git) -> None:
    first = owner("exp.track('owner')\n")
    run_id = told(first)
    late = programs.start(
        f"exp = Experiment()\nexp.track('early')\n{WAIT}exp.track('late')\n",
        env=joining(run_id),
    )
    assert told(late) == "ready"
    go_on(first)
    ref = f"refs/exp/data/{run_id}"
    before = git("rev-parse", ref)
    assert sorted(map(str, tracked_values(only()))) == ["early", "owner"]

    assert go_on(late) == ""

    run = only()
    assert (run.status, tracked_values(run)) == ("finished", ["owner", "early", "late"])
    assert git("rev-parse", f"{ref}^") == before
    assert starts(run) == ["join", "run_end"]
    assert list((repo / ".git/exp/spool").iterdir()) == []


def test_a_rank_that_dies_after_the_owner_sealed_is_sealed_by_the_next_command(repo: Path) -> None:
    first = owner()
    run_id = told(first)
    late = programs.start(
        f"exp = Experiment()\n{WAIT}exp.track('late')\nos.kill(os.getpid(), signal.SIGKILL)",
        env=joining(run_id),
    )
    assert told(late) == "ready"
    go_on(first)
    go_on(late, code=-signal.SIGKILL)

    run = only()
    assert (run.status, tracked_values(run)) == ("finished", ["late"])


def test_a_second_experiment_of_a_process_that_joined_is_a_child_run(repo: Path) -> None:
    first = owner()
    run_id = told(first)
    source = "with Experiment(): pass\nwith Experiment('child') as exp: exp.track(1)\n"

    assert programs.run(source, env=joining(run_id, 0)).stderr == ""

    go_on(first)
    found = {run.name: run for run in programs.runs()}
    assert set(found) == {"job", "child"}
    assert found["child"].parent_run == run_id
    assert (found["child"].status, tracked_values(found["child"])) == ("finished", [1])


@pytest.mark.slow
@pytest.mark.parametrize(
    "given", ["../../x", "x", str(uuid.UUID(int=1)), "e" * 36, "/", "\x1b[31m"]
)
def test_who_is_told_of_no_run_that_runs_makes_its_own_with_one_warning(
    repo: Path, given: str
) -> None:
    source = "with Experiment('a'): pass\nwith Experiment('b'): pass\n"

    said = programs.run(source, env={"GIT_EXP_RUN": given}).stderr

    shown = given.replace("\x1b", "\\x1b")
    assert said == f"git-exp: no run '{shown}' is running here: this is a run of its own\n"
    assert sorted(run.name for run in programs.runs()) == ["a", "b"]
    assert {run.parent_run for run in programs.runs()} == {None}


def test_who_is_told_of_a_run_that_has_ended_makes_its_own(repo: Path) -> None:
    programs.run("with Experiment('over'): pass")

    said = programs.run("with Experiment('own'): pass", env=joining(only().id)).stderr

    assert "this is a run of its own" in said
    assert [run.name for run in programs.runs()] == ["own", "over"]


def test_who_is_told_of_a_run_that_was_killed_makes_its_own(repo: Path) -> None:
    first = owner()
    run_id = told(first)
    first.kill()
    first.communicate()

    said = programs.run("with Experiment('own'): pass", env=joining(run_id)).stderr

    assert "this is a run of its own" in said
    assert {run.name: run.status for run in programs.runs()} == {
        "own": "finished",
        "job": "crashed",
    }


def test_a_bad_request_joins_nothing(repo: Path) -> None:
    first = owner()
    run_id = told(first)
    source = """
for given in ({"metadata": object()}, {"tags": [""]}, {"name": ""}):
    try:
        Experiment(**given)
    except (TypeError, ValueError):
        print("refused")
"""

    assert programs.run(source, env=joining(run_id)).stdout == "refused\n" * 3

    assert len(list((repo / ".git/exp/spool" / run_id).glob("*.jsonl"))) == 1
    go_on(first)
    assert only().joined == []


FORKS = """
exp = Experiment("x")
exp.track("before")
pid = os.fork()
if pid == 0:
    exp.track("child")
    exp.note("from a fork")
    {child}
os.waitpid(pid, 0)
exp.track("after")
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    "child",
    ["sys.exit(3)", "1 / 0", "os._exit(0)", "exp.finish('failed'); os._exit(0)",
     "os.kill(os.getpid(), signal.SIGTERM)", "os.kill(os.getpid(), signal.SIGKILL)",
     "exp.checkpoint(); os._exit(0)"],
    ids=range(7),
)  # fmt: skip
def test_a_fork_tracks_to_a_journal_of_its_own_and_ends_nothing(repo: Path, child: str) -> None:
    programs.run(FORKS.format(child=child))

    run = only()
    assert (run.status, run.exit_code, run.error) == ("finished", 0, None)
    assert tracked_values(run) == ["before", "child", "after"]
    assert [note.text for note in run.notes] == ["from a fork"]
    assert (run.metrics, starts(run).count("run_end")) == ({}, 1)
    assert list((repo / ".git/exp/spool").iterdir()) == []


def test_a_fork_leaves_its_parents_journal_locked(repo: Path) -> None:
    source = """
import fcntl
exp = Experiment("x")
parents = exp.path
if os.fork() == 0:
    exp.track(1)
    assert exp.path != parents
    with open(parents) as journal:
        try:
            fcntl.flock(journal, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            os._exit(7)
    os._exit(0)
print(os.waitstatus_to_exitcode(os.wait()[1]))
"""

    assert programs.run(source).stdout == "7\n"


def test_a_fork_that_lives_on_is_sealed_after_its_parents_end(repo: Path) -> None:
    source = """
exp = Experiment("x")
exp.track("parent")
if os.fork() == 0:
    os.read(0, 1)
    exp.track("orphan")
    os._exit(0)
"""
    program = programs.start(source)
    assert program.wait() == 0
    assert (only().status, tracked_values(only())) == ("finished", ["parent"])

    program.communicate("\n")

    run = only()
    assert (run.status, tracked_values(run)) == ("finished", ["parent", "orphan"])


def test_a_fork_of_a_fork_and_a_fork_with_threads_track_too(repo: Path) -> None:
    source = """
import threading
exp = Experiment("x")
stop = threading.Event()
def work():
    while not stop.is_set():
        exp.track("thread")
threads = [threading.Thread(target=work) for _ in range(2)]
for thread in threads: thread.start()
for child in range(5):
    if os.fork() == 0:
        exp.track(["child", child])
        if os.fork() == 0:
            exp.track(["grandchild", child])
            os._exit(0)
        os.wait()
        os._exit(0)
for _ in range(5): assert os.wait()[1] == 0
stop.set()
for thread in threads: thread.join()
"""

    programs.run(source)

    values = tracked_values(only())
    for who in ("child", "grandchild"):
        assert sorted(v[1] for v in values if v[0] == who) == list(range(5))  # type: ignore[index]


def test_a_run_that_a_fork_began_ends_with_it(repo: Path) -> None:
    source = """
parent = Experiment("parent")
if os.fork() == 0:
    child = Experiment("child")
    child.track(1)
    sys.exit(3)
os.wait()
"""

    programs.run(source)

    found = {run.name: (run.status, run.exit_code) for run in programs.runs()}
    assert found == {"parent": ("finished", 0), "child": ("failed", 3)}


POOLS = """
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from git_exp import Experiment

exp = Experiment("pool", params={{"lr": 1}})

def by_name(number):
    exp.track(["by name", number])
    return exp.run_id

def by_value(given, number):
    given.track(["by value", number])
    given.note("noted")
    return given.run_id

def wrong(_):
    exp.track(object())

if __name__ == "__main__":
    context = multiprocessing.get_context("{method}")
    with ProcessPoolExecutor(2, mp_context=context) as pool:
        ids = set(pool.map(by_name, range(6))) | set(pool.map(by_value, [exp] * 6, range(6)))
        assert ids == {{exp.run_id}}, ids
        try:
            list(pool.map(wrong, [1]))
        except TypeError as error:
            print(error, error.hint)
    process = context.Process(target=by_value, args=(exp, 6))
    process.start()
    process.join()
    exp.track("owner")
"""


@pytest.mark.slow
@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_what_multiprocessing_starts_tracks_to_the_one_run(repo: Path, method: str) -> None:
    (repo / "pool.py").write_text(POOLS.format(method=method))

    done = subprocess.run(("python", "pool.py"), capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("cannot record 'value': objects of type object")
    run = only()
    assert (run.name, run.status, run.params) == ("pool", "finished", {"lr": 1})
    values = tracked_values(run)
    assert values[-1] == "owner"
    pairs = [(value[0], value[1]) for value in values[:-1]]  # type: ignore[index]
    assert sorted(pairs) == [("by name", n) for n in range(6)] + [("by value", n) for n in range(7)]
    assert starts(run).count("run_end") == 1
    assert list((repo / ".git/exp/spool").iterdir()) == []


CHILDREN = """
import multiprocessing, os, sys
from git_exp import Experiment

def work(name):
    exp = Experiment(name)
    exp.track(1)
    if name == "bad":
        1 / 0
    if name == "left":
        sys.exit(3)

if __name__ == "__main__":
    context = multiprocessing.get_context("{method}")
    with Experiment("parent"):
        for name in ("good", "bad", "left"):
            process = context.Process(target=work, args=(name,))
            process.start()
            process.join()
"""


@pytest.mark.slow
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_run_of_a_process_of_multiprocessing_ends_with_it(repo: Path, method: str) -> None:
    (repo / "children.py").write_text(CHILDREN.format(method=method))

    done = subprocess.run(("python", "children.py"), capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
    found = {run.name: run for run in programs.runs()}
    assert {name: (run.status, run.exit_code) for name, run in found.items()} == {
        "parent": ("finished", 0), "good": ("finished", 0), "bad": ("failed", 1),
        "left": ("failed", 3),
    }  # fmt: skip
    error = found["bad"].error
    assert error is not None
    assert error.type == "ZeroDivisionError"


def test_runs_of_one_script_at_once_are_told_apart_by_name_when_it_is_spawned(repo: Path) -> None:
    source = """
import multiprocessing
from git_exp import Experiment

one, two = Experiment("one"), Experiment("two")
same = [Experiment("same"), Experiment("same")]

def work():
    one.track("child")
    two.track("child")
    print(*(exp.run_id for exp in same))

if __name__ == "__main__":
    print(*(exp.run_id for exp in same), flush=True)
    process = multiprocessing.get_context("spawn").Process(target=work)
    process.start()
    process.join()
"""
    (repo / "many.py").write_text(source)

    done = subprocess.run(("python", "many.py"), capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
    ours, theirs = done.stdout.splitlines()
    assert not set(ours.split()) & set(theirs.split())
    found = {run.id: tracked_values(run) for run in programs.runs() if run.name != "same"}
    assert list(found.values()) == [["child"], ["child"]]
    assert {run.status for run in programs.runs()} == {"finished"}


def test_threads_share_a_run(repo: Path) -> None:
    source = """
import threading
exp = Experiment("x")
def work(thread):
    for number in range(500):
        exp.track([thread, number])
    exp.note(f"thread {thread}")
    exp.tag(f"t{thread}")
    exp.checkpoint()
threads = [threading.Thread(target=work, args=(thread,)) for thread in range(4)]
for thread in threads: thread.start()
"""

    programs.run(source)

    run = only()
    assert run.status == "finished"
    assert sorted(run.tags) == ["t0", "t1", "t2", "t3"]
    assert len(run.notes) == 4
    values = tracked_values(run)
    for thread in range(4):
        numbers = [value[1] for value in values if value[0] == thread]  # type: ignore[index]
        assert numbers == list(range(500))


def test_a_signal_to_a_joined_rank_ends_the_rank_and_not_the_run(repo: Path) -> None:
    first = owner()
    run_id = told(first)
    other = programs.start(f"exp = Experiment()\nexp.track(1)\n{WAIT}", env=joining(run_id))
    assert told(other) == "ready"

    other.send_signal(signal.SIGTERM)

    assert other.wait() == -signal.SIGTERM
    other.communicate()
    assert only().live
    go_on(first)
    assert (only().status, tracked_values(only())) == ("finished", [1])


def test_a_run_whose_owner_was_killed_goes_on_while_a_rank_does(repo: Path) -> None:
    first = owner()
    run_id = told(first)
    other = programs.start(f"exp = Experiment()\n{WAIT}exp.track(1)\n{WAIT}", env=joining(run_id))
    assert told(other) == "ready"
    first.kill()
    first.communicate()
    assert only().status == "running"
    assert other.stdin is not None
    other.stdin.write("\n")
    other.stdin.flush()
    assert told(other) == "ready"

    go_on(other)

    assert (only().status, tracked_values(only())) == ("crashed", [1])


def test_the_environment_of_a_user_is_not_changed(repo: Path) -> None:
    before = dict(os.environ)
    source = """
before = dict(os.environ)
with Experiment("x"): pass
assert dict(os.environ) == before
"""

    programs.run(source)

    assert dict(os.environ) == before
