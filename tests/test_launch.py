"""git_exp.launch: a command run under watch, without a terminal."""

from __future__ import annotations

import contextlib
import fcntl
import io
import os
import signal
import subprocess
import sys
import threading
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, cast

import pytest

from git_exp import launch
from git_exp.launch import child as watch
from git_exp.launch import output

RUNNER = """
import os, sys
from pathlib import Path
from git_exp import launch

child = launch.start(
    sys.argv[2:], cwd=Path.cwd(), env=os.environ, output=Path(sys.argv[1]), terminal=os.isatty(1)
)
outcome = child.follow(stdout=sys.stdout.buffer, stderr=sys.stderr.buffer)
print("outcome", outcome.exit_code, flush=True)
sys.exit(outcome.exit_code)
"""


class Seen:
    """What a watched command wrote, measured and came to."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.out, self.err = io.BytesIO(), io.BytesIO()
        self.metrics: list[tuple[dict[str, int | float], int | None]] = []
        self.on_metric: Callable[[], object] = lambda: None

    def run(self, *argv: str, env: dict[str, str] | None = None, **follow: Any) -> launch.Outcome:
        env = {**os.environ, **(env or {})}
        child = launch.start(argv, cwd=self.folder, env=env, output=self.folder / "output")
        given: dict[str, Any] = {"stdout": self.out, "stderr": self.err, "on_metric": self.hear}
        return child.follow(**given | follow)

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


@pytest.mark.parametrize(
    ("line", "found"),
    [
        (b"METRIC loss=0.5", ({"loss": 0.5}, None)),
        (b"METRIC loss=0.5 acc=1 step=3", ({"loss": 0.5, "acc": 1}, 3)),
        (b"METRIC step=3 val/acc=.9", ({"val/acc": 0.9}, 3)),
        (b"METRIC train.loss=-1e-3\r\n", ({"train.loss": -1e-3}, None)),
        (b"\x1b[32mMETRIC\x1b[0m loss=\x1b[1m2\x1b[0m", ({"loss": 2}, None)),
        (b"METRIC a=inf b=-Infinity", ({"a": float("inf"), "b": float("-inf")}, None)),
        (b"METRIC big=1180591620717411303424", ({"big": 2**70}, None)),
        (b"METRIC a=1 a=2", ({"a": 2}, None)),
        (b"METRIC a=1 step=2.0", ({"a": 1}, 2)),
        (b"METRIC a=1 step=2.5", ({"a": 1}, None)),
        (b"METRIC a=1 step=nan", ({"a": 1}, None)),
        ("METRIC größe=1".encode(), ({"größe": 1}, None)),
        (b"METRIC a=1 b=x c= =2 d c=1_000 e==3 f\x07=4", ({"a": 1}, None)),
        ("METRIC a=1 b=٣".encode(), ({"a": 1}, None)),
        (b"METRIC step=3", None),
        (b"METRIC loss = 0.5", None),
        (b"METRIC", None),
        (b"METRICS loss=1", None),
        (b" METRIC loss=1", None),
        (b"metric loss=1", None),
        (b"METRIC \xff=1", None),
        (b"", None),
    ],
)
def test_a_metric_line_is_names_and_numbers(line: bytes, found: object) -> None:
    assert launch.metric_line(line) == found


def test_nan_is_a_metric() -> None:
    assert str(launch.metric_line(b"METRIC loss=nan")) == "({'loss': nan}, None)"


@pytest.mark.parametrize("size", [1, 2, 7, 1 << 17])
def test_lines_are_whole_however_the_stream_is_cut(size: int) -> None:
    long = b"METRIC long=" + b"1" * 70_000
    stream = b"METRIC a=1\n" + long + b"\nMETRIC b=2\r\nbar 10%\rMETRIC c=3\nMETRIC d=4"
    lines = output.Lines()

    cut = [one for at in range(0, len(stream), size) for one in lines.cut(stream[at : at + size])]

    heard = [line for line in cut + lines.rest() if launch.metric_line(line) and line != long]
    assert heard == [b"METRIC a=1", b"METRIC b=2", b"METRIC c=3", b"METRIC d=4"]


def test_a_line_that_is_too_long_is_not_held(seen: Seen) -> None:
    lines = output.Lines()

    cut = [lines.cut(b"METRIC a=1 " + b"x" * 50_000) for _ in range(10)]

    assert cut == [[]] * 10
    assert lines.rest() == [b""]
    assert lines.cut(b" METRIC b=2\nMETRIC c=3\n") == [b"METRIC c=3"]


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
    before = signal.getsignal(number)
    seen.on_metric = lambda: os.kill(os.getpid(), number)

    outcome = seen.run("sh", "-c", "echo METRIC ready=1; exec sleep 60")

    assert (outcome.exit_code, outcome.signal) == (128 + number, number)
    assert signal.getsignal(number) == before


def test_each_signal_is_passed_on_and_the_command_decides(seen: Seen) -> None:
    seen.on_metric = lambda: os.kill(os.getpid(), signal.SIGTERM)
    code = "n=0; trap 'n=$((n+1)); echo METRIC n=$n' TERM; echo METRIC n=0"

    outcome = seen.run("sh", "-c", f"{code}; while [ $n -lt 3 ]; do sleep 0.01; done; exit 7")

    assert outcome.exit_code == 7
    assert [values["n"] for values, _ in seen.metrics] == [0, 1, 2, 3]


def test_what_was_ignored_stays_ignored(seen: Seen) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        seen.on_metric = lambda: os.kill(os.getpid(), signal.SIGHUP)
        outcome = seen.run("sh", "-c", "echo METRIC a=1; kill -HUP $$; sleep 0.1; echo still")
    finally:
        signal.signal(signal.SIGHUP, before)

    assert outcome.exit_code == 0
    assert seen.out.getvalue().endswith(b"still\n")


def test_ctrl_c_without_a_terminal_is_passed_on_and_the_run_ends_in_order(tmp_path: Path) -> None:
    run = runner(tmp_path, "sh", "-c", "echo ready; exec sleep 60")
    until(lambda: written(tmp_path) == b"ready\n")

    run.send_signal(signal.SIGINT)

    assert run.communicate()[0] == b"ready\noutcome 130\n"
    assert run.returncode == 130


def test_out_of_time_ends_the_command_and_all_below_it(seen: Seen) -> None:
    outcome = seen.run("sh", "-c", "sleep 60 & echo METRIC pid=$!; wait", timeout=0.2)

    pid = int(seen.metrics[0][0]["pid"])
    until(lambda: not is_running(pid))
    assert outcome.timed_out
    assert (outcome.exit_code, outcome.signal) == (124, signal.SIGTERM)


def test_what_does_not_end_in_time_is_killed(seen: Seen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "GRACE", 0.1)

    outcome = seen.run("sh", "-c", "trap '' TERM; while :; do sleep 0.05; done", timeout=0.1)

    assert (outcome.exit_code, outcome.signal) == (124, signal.SIGKILL)


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

    with contextlib.suppress(BrokenPipeError), os.fdopen(writer, "wb") as sink:
        outcome = seen.run("sh", "-c", "yes; exit 5", stdout=sink)

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


def runner(folder: Path, *argv: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        (sys.executable, "-c", RUNNER, str(folder / "output"), *argv),
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def written(folder: Path) -> bytes:
    file = folder / "output" / "stdout"
    return file.read_bytes() if file.exists() else b""


def test_kill_9_ends_the_watch_and_neither_command_nor_output(tmp_path: Path) -> None:
    code = "echo one; until [ -e go ]; do sleep 0.01; done; echo two; echo three >&2"
    run = runner(tmp_path, "sh", "-c", code)
    until(lambda: written(tmp_path) == b"one\n")

    run.kill()
    assert run.communicate()[0] in (b"one\n", b"")
    (tmp_path / "go").touch()

    until(lambda: written(tmp_path) == b"one\ntwo\n")
    until(lambda: (tmp_path / "output" / "stderr").read_bytes() == b"three\n")


@pytest.mark.parametrize(
    ("text", "limit", "kept"),
    [
        ("", 10, ""),
        ("one\ntwo\n", 8, "one\ntwo\n"),
        ("one\ntwo\n", 0, "… 8 bytes left out …\n"),
        ("one\ntwo\nthree\nfour\n", 12, "one\n… 10 bytes left out …\nfour\n"),
        ("one\ntwo\nthree\nfour\n", 10, "one\n… 10 bytes left out …\nfour\n"),
        ("0123456789", 4, "01\n… 6 bytes left out …\n89"),
    ],
)
def test_kept_are_head_and_tail_in_whole_lines(
    tmp_path: Path, text: str, limit: int, kept: str
) -> None:
    file = tmp_path / "stdout"
    file.write_text(text)

    assert b"".join(launch.trimmed(file, limit)).decode() == kept


def test_what_is_kept_comes_in_pieces(tmp_path: Path) -> None:
    file = tmp_path / "stdout"
    file.write_bytes(b"x" * 3_000_000)

    pieces = list(launch.trimmed(file, 2_000_000))

    assert max(len(piece) for piece in pieces) <= output.CHUNK
    assert sum(len(piece) for piece in pieces) == 2_000_000 + len(
        "\n… 1000000 bytes left out …\n".encode()
    )


def test_a_file_that_shrinks_meanwhile_ends_early(tmp_path: Path) -> None:
    file = tmp_path / "stdout"
    file.write_bytes(b"x" * 1_000_000)

    pieces = launch.trimmed(file, 1_000_000)
    first = next(pieces)
    file.write_bytes(b"")

    assert first + b"".join(pieces) == b"x" * output.CHUNK


def test_the_middle_of_a_file_far_over_the_limit_goes_back_to_the_disk(seen: Seen) -> None:
    limit = 1 << 16

    seen.run("sh", "-c", "seq 1 1500000", limit=limit, stdout=cast(BinaryIO, Counting()))

    file = seen.folder / "output" / "stdout"
    status = file.stat()
    assert status.st_size > 10_000_000
    assert status.st_blocks * 512 < status.st_size // 2
    kept = b"".join(launch.trimmed(file, limit)).decode().splitlines()
    assert (kept[0], kept[-1]) == ("1", "1500000")
    assert all(line.isdigit() or "bytes left out" in line for line in kept)


def test_a_file_that_takes_no_hole_is_passed_on_all_the_same() -> None:
    file = os.memfd_create("sealed", os.MFD_ALLOW_SEALING)
    os.write(file, b"x" * 1_000_000)
    fcntl.fcntl(file, fcntl.F_ADD_SEALS, fcntl.F_SEAL_WRITE)
    sink = io.BytesIO()

    with output.Tail(Path(f"/proc/self/fd/{file}"), sink, on_gone=lambda: None, limit=1) as tail:
        tail.drain()
    os.close(file)

    assert sink.getvalue() == b"x" * 1_000_000
