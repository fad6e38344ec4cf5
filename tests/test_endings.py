"""How a run ends with its process: at exit, by an exception, by a signal, or not at all."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests import programs
from tests.programs import only, tracked_values

# Not by print and readline: a signal may come in the midst of them.
WAIT = "os.write(1, b'ready\\n'); os.read(0, 1)\n"
EXP = "exp = Experiment('x')\nexp.track({'loss': 1})\n"


def killed(source: str, number: int) -> subprocess.CompletedProcess[str]:
    """A program that gets a signal once it has said that it is ready."""
    program = programs.start(source, env=programs.UNMEASURED)
    assert program.stdout is not None
    assert program.stdout.readline() == "ready\n"
    program.send_signal(number)
    out, err = program.communicate()
    return subprocess.CompletedProcess(program.args, program.returncode, out, err)


def scripted(source: str) -> subprocess.CompletedProcess[str]:
    """A program in a file, from its start to its end."""
    Path("script.py").write_text(programs.HEAD + source)
    return subprocess.run((sys.executable, "script.py"), capture_output=True, text=True)


ENDINGS = [
    ("", 0, "finished", 0),
    ("sys.exit()", 0, "finished", 0),
    ("sys.exit(0)", 0, "finished", 0),
    ("sys.exit(3)", 3, "failed", 3),
    ("sys.exit('usage: x')", 1, "failed", 1),
    ("sys.exit(256 + 7)", 7, "failed", 7),
    ("exit(3)", 3, "failed", 3),
    ("quit()", 0, "finished", 0),
    ("import threading\nt = threading.Thread(target=exit, args=(3,)); t.start(); t.join()",
     0, "finished", 0),
    # Python tells nobody what a bare SystemExit was, unless the program is a script.
    ("raise SystemExit(3)", 3, "finished", None),
    ("raise SystemExit", 0, "finished", None),
    ("exp.finish('failed')\nsys.exit(3)", 3, "failed", None),
    ("try: sys.exit(3)\nexcept SystemExit: pass", 0, "finished", 0),
    ("try: 1 / 0\nexcept ZeroDivisionError: pass", 0, "finished", 0),
    ("try: 1 / 0\nexcept ZeroDivisionError: sys.exit(4)", 4, "failed", 4),
    ("def main(): sys.exit(5)\nmain()", 5, "failed", 5),
    ("import argparse; argparse.ArgumentParser().error('no')", 2, "failed", 2),
    ("import threading\nt = threading.Thread(target=sys.exit, args=(3,)); t.start(); t.join()",
     0, "finished", 0),
    ("import sys as s\ndel exp", 0, "finished", 0),
    ("import atexit; atexit.register(lambda: exp.track({'loss': 2}))", 0, "finished", 0),
]  # fmt: skip


@pytest.mark.parametrize(
    ("last", "code", "status", "recorded"), ENDINGS, ids=[one[0][:30] for one in ENDINGS]
)
def test_a_run_that_nobody_ended_ends_as_its_program_does(
    repo: Path, last: str, code: int, status: str, recorded: int | None
) -> None:
    programs.run(EXP + last, code=code)

    run = only()
    assert (run.status, run.exit_code, run.error) == (status, recorded, None)
    assert run.metrics["loss"].count == (2 if "atexit" in last else 1)


SCRIPTS = [
    ("raise SystemExit(3)", 3, "failed"),
    ("raise SystemExit", 0, "finished"),
    ("raise SystemExit(0)", 0, "finished"),
    ("raise SystemExit('usage: x')", 1, "failed"),
    ("class Leave(SystemExit): pass\nraise Leave(256 + 7)", 7, "failed"),
    ("def main(): return 4\nraise SystemExit(main())", 4, "failed"),
    ("def main():\n  with open('x', 'w'): raise SystemExit(5)\nmain()", 5, "failed"),
    ("try: 1 / 0\nexcept ZeroDivisionError: raise SystemExit(6)", 6, "failed"),
    ("try: raise SystemExit(3)\nfinally: exp.track({'loss': 2})", 3, "failed"),
    ("try: sys.exit(3)\nexcept SystemExit: raise SystemExit(0)", 0, "finished"),
    ("try: sys.exit(3)\nexcept SystemExit as error: kept = error\nraise SystemExit(4)",
     4, "failed"),
    ("try: raise SystemExit(3)\nexcept SystemExit as error: kept = error\nsys.exit(0)",
     0, "finished"),
    ("exit(3)", 3, "failed"),
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(("last", "code", "status"), SCRIPTS, ids=[one[0][:30] for one in SCRIPTS])
def test_a_script_that_raises_its_exit_ends_its_run_with_that_code(
    repo: Path, last: str, code: int, status: str
) -> None:
    done = scripted(EXP + last)

    assert done.returncode == code
    assert (only().status, only().exit_code, only().error) == (status, code, None)


def test_what_looks_at_the_end_of_a_script_leaves_its_streams_as_they_were(repo: Path) -> None:
    source = """
import atexit, io
atexit.register(lambda: print(vars(sys.stderr), vars(sys.stdout), flush=True))
before = [dict(vars(stream)) for stream in (sys.stderr, sys.stdout)]
exp = Experiment("x")
print("told", file=sys.stderr, flush=True)
print(*before)
raise SystemExit(3)
"""

    done = scripted(source)

    assert (done.returncode, done.stderr) == (3, "told\n")
    before, after = done.stdout.splitlines()
    assert before == after


@pytest.mark.parametrize("stream", ["None", "io.StringIO()", "open('log', 'w')"])
def test_a_script_without_a_standard_error_of_its_own_ends_as_before(
    repo: Path, stream: str
) -> None:
    done = scripted(f"import io\nsys.stderr = {stream}\n{EXP}raise SystemExit(3)")

    assert done.returncode == 3
    assert (only().status, only().exit_code) == ("finished", None)


def test_a_fork_of_a_script_ends_its_own_run_with_its_own_code(repo: Path) -> None:
    source = """
if os.fork() == 0:
    Experiment("child")
    raise SystemExit(3)
os.wait()
raise SystemExit(4)
"""

    done = scripted(EXP + source)

    assert done.returncode == 4
    assert {run.name: run.exit_code for run in programs.runs()} == {"x": 4, "child": 3}


UNHANDLED = [
    "1 / 0",
    "def main(): 1 / 0\nmain()",
    "try: sys.exit(3)\nexcept SystemExit: pass\n1 / 0",
    "sys.excepthook = lambda *error: print('not told', file=sys.stderr)\n1 / 0",
    "import asyncio\nasync def main(): 1 / 0\nasyncio.run(main())",
]


@pytest.mark.slow
@pytest.mark.parametrize("last", UNHANDLED, ids=range(len(UNHANDLED)))
def test_an_exception_that_nobody_handles_is_recorded(repo: Path, last: str) -> None:
    programs.run(EXP + last, code=1)

    run = only()
    assert (run.status, run.exit_code) == ("failed", 1)
    assert run.error is not None
    assert (run.error.type, run.error.message) == ("ZeroDivisionError", "division by zero")
    traceback = run.error.traceback or ""
    assert traceback.startswith("Traceback (most recent call last):")
    assert traceback.endswith("ZeroDivisionError: division by zero")
    assert len(traceback.splitlines()) <= 50


def test_the_module_of_dash_m_is_the_program_too(repo: Path) -> None:
    (repo / "train.py").write_text(programs.HEAD + EXP + "1 / 0\n")

    done = subprocess.run((sys.executable, "-m", "train"), capture_output=True, text=True)

    assert done.returncode == 1
    assert only().status == "failed"


def test_every_run_of_the_program_ends_with_it(repo: Path) -> None:
    programs.run(
        "a, b = Experiment('a'), Experiment('b')\na.finish()\nc = Experiment('c')\n1 / 0", code=1
    )

    found = {run.name: run.status for run in programs.runs()}
    assert found == {"a": "finished", "b": "failed", "c": "failed"}


def test_hooks_that_others_have_set_are_called_still(repo: Path) -> None:
    source = f"""
before, hook = sys.exit, sys.excepthook
def leave(code): print("left with", code); before(code)
def told(*error): print("told of", error[0].__name__); hook(*error)
sys.exit, sys.excepthook = leave, told
{EXP}
"""

    assert programs.run(source + "sys.exit(3)", code=3).stdout == "left with 3\n"
    assert programs.run(source + "1 / 0", code=1).stdout == "told of ZeroDivisionError\n"
    assert [(run.status, run.exit_code) for run in programs.runs()] == [
        ("failed", 1),
        ("failed", 3),
    ]


def test_an_exception_in_a_thread_does_not_end_the_run(repo: Path) -> None:
    source = """
import threading
thread = threading.Thread(target=lambda: 1 / 0)
thread.start(); thread.join()
exp.track({"loss": 2})
"""

    programs.run(EXP + source)

    run = only()
    assert (run.status, run.exit_code, run.metrics["loss"].count) == ("finished", 0, 2)


def test_a_run_that_a_thread_began_ends_as_the_program_does(repo: Path) -> None:
    source = """
import threading
thread = threading.Thread(target=lambda: Experiment("x").track({"loss": 1}))
thread.start(); thread.join()
Experiment("y")
1 / 0
"""

    programs.run(source, code=1)

    assert [run.status for run in programs.runs()] == ["failed", "failed"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_run_and_kills_the_program_as_without_us(
    repo: Path, number: signal.Signals
) -> None:
    done = killed(EXP + WAIT, number)

    assert done.returncode == -number
    run = only()
    assert (run.status, run.exit_code, run.error) == ("interrupted", 128 + number, None)
    assert tracked_values(run) == [{"loss": 1}]
    assert list((repo / ".git/exp/spool").iterdir()) == []


def test_ctrl_c_ends_the_run_and_kills_the_program_as_without_us(repo: Path) -> None:
    done = killed(EXP + WAIT, signal.SIGINT)

    assert done.returncode == -signal.SIGINT
    assert done.stderr.endswith("KeyboardInterrupt\n")
    assert (only().status, only().exit_code) == ("interrupted", 130)


def test_ctrl_c_in_a_task_ends_its_run(repo: Path) -> None:
    source = """
import asyncio
async def main():
    with Experiment("x") as exp:
        exp.track({"loss": 1})
        os.write(1, b"ready\\n")
        await asyncio.sleep(3600)
asyncio.run(main())
"""

    done = killed(source, signal.SIGINT)

    assert done.returncode == -signal.SIGINT
    assert only().status == "interrupted"


@pytest.mark.parametrize("extra", ["", ", note='noted'"])
def test_a_signal_in_the_midst_of_tracking_loses_nothing(repo: Path, extra: str) -> None:
    source = f"""
exp = Experiment("x")
for number in range(1_000_000):
    exp.track(number{extra})
    if number == 100:
        os.write(1, b"ready\\n")
"""

    done = killed(source, signal.SIGTERM)

    assert done.returncode == -signal.SIGTERM
    run = only()
    values = tracked_values(run)
    assert (run.status, run.damaged) == ("interrupted", 0)
    assert values == list(range(len(values)))
    assert len(values) >= 100


def test_a_signal_while_other_threads_track_loses_nothing(repo: Path) -> None:
    source = """
import threading
exp = Experiment("x")
exp.track([0, -1])
def work(thread):
    for number in range(1_000_000):
        exp.track([thread, number])
for thread in range(4):
    threading.Thread(target=work, args=(thread,), daemon=True).start()
os.write(1, b"ready\\n")
os.read(0, 1)
"""

    done = killed(source, signal.SIGTERM)

    assert done.returncode == -signal.SIGTERM
    run = only()
    assert run.status == "interrupted"
    for thread in range(1, 4):
        numbers = [pair[1] for pair in tracked_values(run) if pair[0] == thread]  # type: ignore[index]
        assert numbers == list(range(len(numbers)))


def test_a_handler_of_the_users_own_is_left_alone(repo: Path) -> None:
    source = f"""
signal.signal(signal.SIGTERM, lambda *_: os.write(1, b"mine\\n"))
{EXP}{WAIT}
exp.track({{"loss": 2}})
"""
    program = programs.start(source)
    assert program.stdout is not None
    assert program.stdout.readline() == "ready\n"

    program.send_signal(signal.SIGTERM)

    assert program.stdout.readline() == "mine\n"
    program.communicate("\n")
    assert program.returncode == 0
    assert (only().status, only().metrics["loss"].count) == ("finished", 2)


def test_a_handler_of_the_users_own_may_leave_with_a_code(repo: Path) -> None:
    source = f"signal.signal(signal.SIGTERM, lambda *_: sys.exit(9))\n{EXP}{WAIT}"

    assert killed(source, signal.SIGTERM).returncode == 9

    assert (only().status, only().exit_code) == ("failed", 9)


def test_a_signal_that_was_ignored_stays_so(repo: Path) -> None:
    source = f"""
signal.signal(signal.SIGHUP, signal.SIG_IGN)
{EXP}
os.kill(os.getpid(), signal.SIGHUP)
exp.track({{"loss": 2}})
"""

    programs.run(source)

    assert (only().status, only().metrics["loss"].count) == ("finished", 2)


SLOW_SEAL = """
from git_exp import seal
real = seal.complete
def slow(*given, **more):
    os.write(1, b"ready\\n")
    os.read(0, 1)
    return real(*given, **more)
seal.complete = slow
"""


def test_a_signal_in_the_midst_of_sealing_takes_nothing_of_the_end(repo: Path) -> None:
    done = killed(f"{SLOW_SEAL}{EXP}exp.finish('failed')\n", signal.SIGTERM)

    assert done.returncode == -signal.SIGTERM
    assert (only().status, tracked_values(only())) == ("failed", [{"loss": 1}])


def test_a_second_signal_does_not_wait_for_what_the_first_began(repo: Path) -> None:
    source = f"{EXP}{WAIT}{SLOW_SEAL}{WAIT}"
    program = programs.start(source, env=programs.UNMEASURED)
    assert program.stdout is not None
    assert program.stdin is not None
    assert program.stdout.readline() == "ready\n"
    program.stdin.write("\n")
    program.stdin.flush()
    for _ in range(2):
        assert program.stdout.readline() == "ready\n"

        program.send_signal(signal.SIGTERM)

    program.communicate()
    assert program.returncode == -signal.SIGTERM
    assert (only().status, only().exit_code) == ("interrupted", 143)


@pytest.mark.parametrize("last", ["os._exit(0)", "os.kill(os.getpid(), signal.SIGKILL)"])
def test_a_run_whose_process_vanished_is_recovered_as_crashed(repo: Path, last: str) -> None:
    source = """
exp = Experiment("x", tags=["t"])
for step in range(50):
    exp.track({"loss": 50 - step}, step=step)
exp.note("n")
"""

    programs.run(source + last, code=0 if "exit" in last else -signal.SIGKILL)

    run = only()
    assert (run.status, run.exit_code, run.live) == ("crashed", None, False)
    loss = run.metrics["loss"]
    assert (loss.count, loss.first, loss.last, loss.min_step) == (50, 50, 1, 49)
    assert (run.tags, [note.text for note in run.notes]) == (["t"], ["n"])
    assert tracked_values(run) == [{"loss": 50 - step} for step in range(50)]
    assert (run.duration_ms or 0) > 0


def test_a_kill_after_a_checkpoint_loses_and_doubles_nothing(repo: Path) -> None:
    source = """
open("model", "w").write("weights")
exp = Experiment("x")
for step in range(10):
    exp.track(step)
    if step in (3, 6):
        exp.checkpoint()
exp.artifact("model")
os.kill(os.getpid(), signal.SIGKILL)
"""

    programs.run(source, code=-signal.SIGKILL)

    run = only()
    assert (run.status, tracked_values(run)) == ("crashed", list(range(10)))
    assert run.metrics["value"].count == 10
    assert programs.store().file(run, "artifacts/model") == b"weights"


CELLS = """
import code
shell = code.InteractiveInterpreter({"Experiment": Experiment})
for cell in ("exp = Experiment('x')", "exp.track(1)", "1 / 0", "exp.track(2)"):
    shell.runsource(cell)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("last", "code", "status"), [("", 0, "finished"), ("sys.exit(0)", 0, "finished"),
                                 ("sys.exit(3)", 3, "failed"), ("1 / 0", 1, "failed")],
)  # fmt: skip
def test_an_error_in_a_cell_of_a_notebook_does_not_end_the_run(
    repo: Path, last: str, code: int, status: str
) -> None:
    programs.run(CELLS + last, code=code)

    run = only()
    assert (run.status, tracked_values(run)) == (status, [1, 2])
    assert (run.error is not None) == (last == "1 / 0")


def test_an_error_at_the_prompt_does_not_end_the_run(repo: Path) -> None:
    typed = "from git_exp import Experiment\nexp = Experiment('x')\n1 / 0\nexp.track(1)\n"

    done = subprocess.run((sys.executable, "-i"), input=typed, capture_output=True, text=True)

    assert "ZeroDivisionError" in done.stderr
    assert (only().status, tracked_values(only())) == ("finished", [1])
