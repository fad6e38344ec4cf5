"""git_exp.launch: a command run under watch, without a terminal."""

from __future__ import annotations

import contextlib
import io
import os
import shlex
import signal
import subprocess
import sys
import threading
import time
import tracemalloc
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from git_exp import launch
from git_exp.launch import child as watch
from git_exp.launch import output, process


class Seen:
    """What a watched command wrote, measured and came to."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.out, self.err = io.BytesIO(), io.BytesIO()
        self.metrics: list[tuple[dict[str, int | float], int | None]] = []
        self.on_metric: Callable[[], object] = lambda: None

    def run(self, *argv: str, env: dict[str, str] | None = None, **follow: Any) -> launch.Outcome:
        env = {**os.environ, **(env or {})}
        folder = self.folder / "output"
        self.child = launch.start(argv, cwd=self.folder, env=env, output=folder)
        given: dict[str, Any] = {"stdout": self.out, "stderr": self.err, "on_metric": self.hear}
        return self.child.follow(**given | follow)

    def out_of_time(self, code: str, **env: str) -> launch.Outcome:
        """A shell script whose time is over at its first METRIC line, however long that took."""
        self.on_metric = lambda: setattr(self.child, "_deadline", time.monotonic())
        return self.run("sh", "-c", code, env=env, timeout=60)

    def python(self, code: str, **follow: Any) -> launch.Outcome:
        return self.run(sys.executable, "-c", code, **follow)

    def hear(self, values: dict[str, int | float], step: int | None) -> None:
        self.metrics.append((values, step))
        self.on_metric()

    def file(self, name: str) -> bytes:
        return (self.folder / "output" / name).read_bytes()


@pytest.fixture
def seen(tmp_path: Path) -> Seen:
    return Seen(tmp_path)


def until(ready: Callable[[], object]) -> None:
    """Wait for something that will come, a minute at most."""
    deadline = time.monotonic() + 60
    while not ready():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def is_running(pid: int) -> bool:
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def script(path: Path, text: str | bytes, mode: int = 0o755) -> Path:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    path.chmod(mode)
    return path


def test_stdout_and_stderr_are_kept_apart_and_unchanged(seen: Seen) -> None:
    code = "import os; os.write(1, bytes(range(256)) * 9); os.write(2, b'\\xffno line end')"

    outcome = seen.python(code)

    assert outcome.exit_code == 0
    assert seen.out.getvalue() == seen.file("stdout") == bytes(range(256)) * 9
    assert seen.err.getvalue() == seen.file("stderr") == b"\xffno line end"


def test_metrics_are_heard_on_both_streams_also_without_a_last_line_end(seen: Seen) -> None:
    seen.run("sh", "-c", "echo METRIC a=1 step=1 >&2; echo no; printf 'METRIC b=2'")

    assert sorted(seen.metrics, key=str) == [({"a": 1}, 1), ({"b": 2}, None)]


def test_the_exit_code_is_the_command_s(seen: Seen) -> None:
    assert seen.run("sh", "-c", "exit 3").exit_code == 3


def test_a_signal_makes_128_and_its_number(seen: Seen) -> None:
    outcome = seen.run("sh", "-c", "kill -9 $$")

    assert (outcome.exit_code, outcome.signal) == (137, signal.SIGKILL)


@pytest.mark.parametrize(
    ("argv0", "code", "error"),
    [
        ("nosuch", 127, "nosuch: command not found"),
        ("", 127, ": command not found"),
        ("./nosuch", 127, "./nosuch: No such file or directory"),
        ("plain", 126, "plain: Permission denied"),
        ("./plain", 126, "./plain: Permission denied"),
        ("plain/x", 126, "plain/x: Not a directory"),
        ("broken", 126, "broken: bad interpreter: No such file or directory"),
        ("garbage", 126, "garbage: Exec format error"),
    ],
)
def test_what_cannot_be_started_says_why_as_a_shell_does(
    seen: Seen, argv0: str, code: int, error: str
) -> None:
    script(seen.folder / "plain", "exit 0", 0o644)
    script(seen.folder / "broken", "#!/no/such/sh\n")
    script(seen.folder / "garbage", b"\x00\x01\x02\n")

    outcome = seen.run(argv0, env={"PATH": f"{seen.folder}:/bin"})

    assert (outcome.exit_code, outcome.error) == (code, f"git exp run: {error}")


def test_a_folder_that_is_gone_is_no_fault_of_the_command(tmp_path: Path) -> None:
    gone = tmp_path / "gone"

    child = launch.start(["true"], cwd=gone, env=os.environ, output=tmp_path / "output")

    assert child.pid is None
    assert child.follow(stdout=io.BytesIO(), stderr=io.BytesIO()) == launch.Outcome(
        exit_code=125,
        error=f"git exp run: cannot change to '{gone}': No such file or directory",
    )


@pytest.mark.parametrize("argv0", ["bare", "./bare"])
def test_a_script_without_shebang_is_the_shell_s(seen: Seen, argv0: str) -> None:
    script(seen.folder / "bare", 'echo "$1, $2"\n')

    outcome = seen.run(argv0, "a b", "c", env={"PATH": str(seen.folder)})

    assert outcome.exit_code == 0
    assert seen.out.getvalue() == b"a b, c\n"


def test_a_script_without_shebang_is_the_one_on_path(seen: Seen) -> None:
    (seen.folder / "bin").mkdir()
    script(seen.folder / "bin/bare", "echo right\n")
    script(seen.folder / "bare", "echo wrong\n")

    seen.run("bare", env={"PATH": str(seen.folder / "bin")})

    assert seen.out.getvalue() == b"right\n"


def test_only_three_descriptors_reach_the_command(seen: Seen) -> None:
    extra = os.open("/dev/null", os.O_RDONLY)
    os.set_inheritable(extra, True)

    # The listing itself is the fourth.
    seen.python("import os; print(len(os.listdir('/proc/self/fd')))")
    os.close(extra)

    assert seen.out.getvalue() == b"4\n"


def test_files_that_cannot_be_opened_raise_and_leave_the_signals(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGTERM)
    (tmp_path / "stdout").mkdir()

    with pytest.raises(IsADirectoryError):
        launch.start(["true"], cwd=tmp_path, env=os.environ, output=tmp_path)

    assert signal.getsignal(signal.SIGTERM) == before


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1])
def test_a_signal_to_us_is_the_command_s(seen: Seen, number: signal.Signals) -> None:
    seen.on_metric = lambda: os.kill(os.getpid(), number)
    before = signal.signal(number, signal.SIG_DFL)  # under nohup it is ignored

    outcome = seen.run("sh", "-c", "echo METRIC ready=1; exec sleep 60")

    assert (outcome.exit_code, outcome.signal) == (128 + number, number)
    assert signal.signal(number, before) == signal.SIG_DFL


def test_each_signal_is_passed_on_and_the_command_decides(seen: Seen) -> None:
    seen.on_metric = lambda: os.kill(os.getpid(), signal.SIGTERM)
    code = "n=0; trap 'n=$((n+1)); echo METRIC n=$n' TERM; echo METRIC n=0"

    outcome = seen.run("sh", "-c", f"{code}; while [ $n -lt 3 ]; do sleep 0.01; done; exit 7")

    assert outcome.exit_code == 7
    assert [values["n"] for values, _ in seen.metrics] == [0, 1, 2, 3]


class Interrupting(dict[str, str]):
    """An environment by whose reading a signal comes: while the command is being started."""

    def items(self) -> Any:
        os.kill(os.getpid(), signal.SIGTERM)
        return super().items()


def test_a_signal_during_the_start_is_not_lost(tmp_path: Path) -> None:
    env = Interrupting(os.environ)

    child = launch.start(["sleep", "60"], cwd=tmp_path, env=env, output=tmp_path / "output")
    outcome = child.follow(stdout=io.BytesIO(), stderr=io.BytesIO())

    assert outcome.signal == signal.SIGTERM


def test_what_was_ignored_stays_ignored(seen: Seen) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        seen.on_metric = lambda: os.kill(os.getpid(), signal.SIGHUP)
        outcome = seen.run("sh", "-c", "echo METRIC a=1; kill -HUP $$; sleep 0.1; echo still")
    finally:
        signal.signal(signal.SIGHUP, before)

    assert outcome.exit_code == 0
    assert seen.out.getvalue().endswith(b"still\n")


def test_out_of_time_ends_the_command_and_all_below_it(seen: Seen) -> None:
    outcome = seen.out_of_time("sleep 60 & echo METRIC pid=$!; wait")

    pid = int(seen.metrics[0][0]["pid"])
    until(lambda: not is_running(pid))
    assert outcome.timed_out
    assert (outcome.exit_code, outcome.signal) == (124, signal.SIGTERM)


def test_what_does_not_end_in_time_is_killed(seen: Seen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "GRACE", 0.1)

    outcome = seen.out_of_time("trap '' TERM; echo METRIC a=1; while :; do sleep 0.05; done")

    assert (outcome.exit_code, outcome.signal) == (124, signal.SIGKILL)


@pytest.mark.parametrize(
    "code",
    [
        "(sh $LATE & echo $! > pid)",
        "setsid sh -c 'sh $LATE & echo $! > pid'",
        "trap '' TERM; sh $LATE & echo $! > pid; trap - TERM",
        "(trap '' TERM; sh $LATE & echo $! > pid)",
        'export GIT_EXP_OUTER="x $GIT_EXP_RUN" GIT_EXP_RUN=inner; (sh $LATE & echo $! > pid)',
    ],
)
def test_out_of_time_nothing_is_left_of_what_it_has_started(
    code: str, seen: Seen, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(watch, "GRACE", 0.3)
    late = tmp_path / "late"
    late.write_text(f"sleep 30; touch {tmp_path}/ended\n")

    code = f"{code}; echo METRIC pid=$(cat pid); sleep 60"
    outcome = seen.out_of_time(code, GIT_EXP_RUN=str(uuid.uuid4()), LATE=str(late))

    assert (outcome.exit_code, outcome.timed_out) == (124, True)
    until(lambda: not is_running(int(seen.metrics[0][0]["pid"])))
    # It did not end by itself, while we waited for what it might still write.
    assert not (tmp_path / "ended").exists()


def test_out_of_time_no_script_goes_on_after_what_it_waited_for(
    seen: Seen, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Parents get the signal first: a shell whose command is killed runs the next one."""

    def slowly(pids: Sequence[int], number: int) -> None:
        for pid in pids:
            send([pid], number)
            time.sleep(0.05)

    send = process.send
    monkeypatch.setattr(process, "send", slowly)
    code = "echo METRIC a=1; sleep 60"
    for depth in range(5):
        code = f"sh -c {shlex.quote(code)}; touch {tmp_path}/{depth}"

    outcome = seen.out_of_time(code, GIT_EXP_RUN=str(uuid.uuid4()))

    assert (outcome.exit_code, outcome.signal) == (124, signal.SIGTERM)
    assert not [path.name for path in tmp_path.iterdir() if path.name.isdigit()]


def test_we_are_no_part_of_what_is_ended_though_we_were_told_the_run() -> None:
    """Under a GIT_EXP_RUN of its user git exp itself has that in its environment."""
    code = (
        "import os, subprocess; from git_exp.launch.family import Family;"
        " child = subprocess.Popen(('sleep', '60'));"
        " print(Family(child.pid, os.environ['GIT_EXP_RUN']).there() == [child.pid]); child.kill()"
    )
    env = {**os.environ, "GIT_EXP_RUN": str(uuid.uuid4())}
    done = subprocess.run((sys.executable, "-c", code), env=env, capture_output=True, text=True)

    assert (done.stdout, done.stderr) == ("True\n", "")


def test_a_tree_has_each_process_before_its_children() -> None:
    code = "sh -c 'sleep 60; :'; :"
    with subprocess.Popen(("sh", "-c", code), start_new_session=True) as top:
        until(lambda: len(process.tree(top.pid)) == 3)
        below = list(process.tree(top.pid))
        backwards = list(process.tree(*reversed(below)))
        mixed = list(process.tree(below[1], below[2], below[0]))
        os.killpg(top.pid, signal.SIGKILL)

    # Whoever asks for all of them, in whatever order.
    assert backwards == below
    assert mixed == below


def test_one_that_is_asked_for_twice_is_in_a_tree_once() -> None:
    assert list(process.tree(os.getpid(), os.getpid())).count(os.getpid()) == 1


def test_what_was_started_by_another_run_is_left_alone(seen: Seen) -> None:
    run = str(uuid.uuid4())
    env = {**os.environ, "GIT_EXP_RUN": f"{run}other"}
    with subprocess.Popen(("sleep", "60"), env=env) as other:
        seen.run("sh", "-c", "sleep 60", env={"GIT_EXP_RUN": run}, timeout=0.1)

        assert is_running(other.pid)
        other.kill()


def test_a_command_that_ends_in_time_is_left_alone(seen: Seen) -> None:
    outcome = seen.run("sh", "-c", "exit 4", timeout=60)

    assert (outcome.exit_code, outcome.timed_out) == (4, False)


class Counting(io.RawIOBase):
    """A sink that counts, and keeps nothing."""

    def __init__(self) -> None:
        self.total = self.largest = 0

    def write(self, data: Any) -> int:
        self.total += len(data)
        self.largest = max(self.largest, len(data))
        return len(data)


def test_much_output_takes_little_memory(seen: Seen) -> None:
    sink = Counting()

    tracemalloc.start()
    seen.run("sh", "-c", "yes 0123456789abcde | head -c 50000000", stdout=sink)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert sink.total == 50_000_000
    assert sink.largest <= output.CHUNK
    assert peak < 8 << 20


def test_one_that_stays_behind_delays_nothing(seen: Seen) -> None:
    outcome = seen.run("sh", "-c", "sleep 60 & echo METRIC pid=$!")

    pid = int(seen.metrics[0][0]["pid"])
    assert outcome.exit_code == 0
    assert is_running(pid)
    os.kill(pid, signal.SIGKILL)


def test_one_that_stays_behind_and_writes_for_ever_delays_nothing(seen: Seen) -> None:
    outcome = seen.run("sh", "-c", "(while :; do echo y; done) & echo METRIC pid=$!; sleep 0.1")

    pid = int(seen.metrics[0][0]["pid"])
    assert outcome.exit_code == 0
    assert is_running(pid)
    os.kill(pid, signal.SIGKILL)


def test_a_reader_that_is_gone_ends_the_writer_as_a_pipe_would(seen: Seen) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    before = signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # as the command line has it

    with os.fdopen(writer, "wb") as sink:
        outcome = seen.run("sh", "-c", "yes; exit 5", stdout=sink)

    signal.signal(signal.SIGPIPE, before)
    # The writer got the signal, not the shell above it.
    assert outcome.exit_code == 5


def test_a_sink_that_fails_costs_the_command_nothing(seen: Seen) -> None:
    with open("/dev/full", "wb") as sink:
        outcome = seen.run("sh", "-c", "echo METRIC a=1; sleep 0.1; echo more", stdout=sink)

    assert outcome.exit_code == 0
    assert seen.file("stdout") == b"METRIC a=1\nmore\n"
    assert len(seen.metrics) == 1


def test_a_sink_that_does_not_block_gets_everything(seen: Seen) -> None:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    got: list[int] = []

    def read() -> None:
        while data := os.read(reader, 1 << 16):
            got.append(len(data))
            time.sleep(0.001)

    slow = threading.Thread(target=read)
    slow.start()
    with os.fdopen(writer, "wb") as sink:
        seen.run("head", "-c", "1000000", "/dev/zero", stdout=sink)
    slow.join()
    os.close(reader)

    assert sum(got) == 1_000_000


def test_a_file_that_the_command_cuts_is_followed_from_its_start(seen: Seen) -> None:
    seen.on_metric = (seen.folder / "go").touch
    code = "echo METRIC a=1; until [ -e go ]; do sleep 0.01; done; echo x > /dev/stdout"

    seen.run("sh", "-c", code)

    assert seen.out.getvalue() == b"METRIC a=1\nx\n"


def test_a_watch_outside_the_main_thread_works(seen: Seen) -> None:
    outcomes: list[launch.Outcome] = []

    thread = threading.Thread(target=lambda: outcomes.append(seen.run("sh", "-c", "exit 6")))
    thread.start()
    thread.join()

    assert outcomes[0].exit_code == 6


def test_a_command_that_somebody_else_waited_for_is_an_error_and_no_endless_wait(
    seen: Seen,
) -> None:
    raised: list[str] = []

    def run() -> None:
        seen.on_metric = lambda: os.waitpid(int(seen.metrics[0][0]["pid"]), 0)
        with pytest.raises(ChildProcessError) as error:
            seen.run("sh", "-c", "echo METRIC pid=$$")
        raised.append(str(error.value))

    # Only outside the main thread, where no signal tells us first.
    thread = threading.Thread(target=run)
    thread.start()
    thread.join()

    assert raised == ["[Errno 10] No child processes"]


def test_an_error_of_the_listener_ends_the_watch_and_not_the_command(seen: Seen) -> None:
    before = signal.getsignal(signal.SIGTERM)

    def fail(*_heard: object) -> None:
        raise RuntimeError("full")

    with pytest.raises(RuntimeError, match="full"):
        seen.run("sh", "-c", "echo METRIC a=1; sleep 0.2; echo end", on_metric=fail)

    assert signal.getsignal(signal.SIGTERM) == before
    until(lambda: seen.file("stdout") == b"METRIC a=1\nend\n")


def test_the_time_and_memory_are_the_command_s_own(seen: Seen) -> None:
    ours = bytearray(60 << 20)

    small = seen.run("sh", "-c", "sleep 0.1; sleep 0.1")
    large = seen.python("import time; x = bytearray(200 << 20); time.sleep(0.2)")

    assert len(ours) > small.max_rss > 0
    assert 300 << 20 > large.max_rss > 200 << 20
    assert large.wall_ms > 0
    assert large.cpu_ms > 0
