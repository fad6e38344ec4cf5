"""git_exp.launch.output: METRIC lines, what is passed on of a file, and what is kept of it."""

from __future__ import annotations

import fcntl
import io
import os
from pathlib import Path
from typing import Any

import pytest

from git_exp import launch
from git_exp.launch import output


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


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        (b"METRIC loss = 0.5", "METRIC loss = 0.5"),
        (b"METRIC loss: 0.5\r", "METRIC loss: 0.5"),
        (b"METRIC loss 0.5", "METRIC loss 0.5"),
        (b"METRIC loss=abc", "METRIC loss=abc"),
        (b"METRIC a=1 b=x", "METRIC a=1 b=x"),
        (b"METRIC a=1 step=2.5", "METRIC a=1 step=2.5"),
        (b"METRIC a=1_000", "METRIC a=1_000"),
        (b"METRIC \xff=1", "METRIC \\xff=1"),
        (b"\x1b[1mMETRIC\x1b[0m a=\x07", "METRIC a=\x07"),
        (b"METRIC a=" + b"x" * 500, "METRIC a=" + "x" * 90 + "…"),
        (b"METRIC a=1 (the best)", None),
        (b"METRIC a=1 step=3", None),
        (b"METRIC step=3", None),
        (b"METRIC   VALUE", None),
        (b"METRIC ", None),
        (b"METRICS loss=x", None),
        (b"see METRIC loss=x", None),
    ],
)
def test_a_metric_line_of_which_something_cannot_be_read_is_counted(
    tmp_path: Path, line: bytes, shown: str | None
) -> None:
    file = tmp_path / "stdout"
    file.write_bytes(b"METRIC good=1\n" + line + b"\n" + line)

    with output.Tail(file, io.BytesIO(), on_gone=lambda: None, on_metric=lambda *_: None) as tail:
        tail.drain()

    assert tail.unread == (output.Unread(2, shown) if shown else output.Unread())


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


def test_a_line_that_is_too_long_is_not_held() -> None:
    lines = output.Lines()

    cut = [lines.cut(b"METRIC a=1 " + b"x" * 50_000) for _ in range(10)]

    assert cut == [[]] * 10
    assert lines.rest() == [b""]
    assert lines.cut(b" METRIC b=2\nMETRIC c=3\n") == [b"METRIC c=3"]


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


def test_the_middle_of_a_file_far_over_the_limit_goes_back_to_the_disk(tmp_path: Path) -> None:
    file = tmp_path / "stdout"
    file.write_text("".join(f"{number}\n" for number in range(1_500_000)))
    sink = io.BytesIO()

    with output.Tail(file, sink, on_gone=lambda: None, limit=1 << 16) as tail:
        tail.drain()

    status = file.stat()
    assert sink.tell() == status.st_size > 10_000_000
    assert status.st_blocks * 512 < status.st_size // 2
    kept = b"".join(launch.trimmed(file, 1 << 16)).decode().splitlines()
    assert (kept[0], kept[-1]) == ("0", "1499999")
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


def test_a_drain_ends_though_somebody_goes_on_writing(tmp_path: Path) -> None:
    file = tmp_path / "stdout"
    file.write_bytes(b"before")

    class Echo(io.BytesIO):
        def write(self, data: Any) -> int:
            assert self.tell() == 0
            file.write_bytes(b"before and after")
            return super().write(data)

    sink = Echo()
    with output.Tail(file, sink, on_gone=lambda: None) as tail:
        tail.drain()

    assert sink.getvalue() == b"before"
