"""What it costs to look for secrets in what a push would send, beside git reading the same."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

from git_exp import scan
from git_exp.git.repo import discover
from git_exp.scan import Outgoing, rules
from tests.perf.measure import Row, interleaved, ratio, spent
from tests.perf.repository import git, make

RUNS = 1_000
LINE = b'{"t":"2026-01-02T03:04:05.000001Z","event":"note","text":"well"}'
LONG = 10_000_000
STREAM = """commit refs/{kind}/{number}
committer a <a@b> 1700000000 +0000
data 1
r
{above}M 100644 inline {path}
data {size}
{text}
"""


def test_a_thousand_runs_are_scanned_beside_reading_them(tmp_path: Path, rows: list[Row]) -> None:
    repo = make(tmp_path / "repo", files=2_000)
    base = git(repo, "rev-parse", "HEAD")
    orders = "".join(_run(base, number) + _data(number) for number in range(RUNS))
    git(repo, "fast-import", "--quiet", stdin=orders)
    runs, data = (_tips(repo, kind) for kind in ("runs", "data"))
    items = [
        Outgoing(run=str(at), base=base, commit=commit, data=tip, lines=[LINE] * 4)
        for at, (commit, tip) in enumerate(zip(runs, data, strict=True))
    ]
    here = discover(repo, os.environ)
    asked = "".join(f"{commit} {base}\n" for commit in runs)
    both = zip(runs, data, strict=True)
    read = "".join(f"{run}:src0/file1.py\n{tip}:output/stdout\n" for run, tip in both)

    def floor() -> None:
        git(repo, "diff-tree", "--stdin", "-r", "--raw", stdin=asked)
        git(repo, "cat-file", "--batch", "--buffer", stdin=read)

    took = interleaved(
        5, git=lambda: spent(floor), ours=lambda: spent(lambda: scan.outgoing(here, items))
    )

    rows.append(ratio(f"scanning {RUNS:,} outgoing runs", took["git"], took["ours"]))
    assert min(took["ours"].samples) < 1


def test_no_line_however_long_takes_more_than_its_length(rows: list[Row]) -> None:
    plain = b"import os\n" * (LONG // 10)
    fillers = [
        *(start * 2 + b"aB3" for _, start in rules._STARTS),
        b"://a:" + b"b@" * 100, b"-----BEGIN ", b"-----BEGIN PRIVATE KEY-----" + b"A" * 39,
        b"eyJaaaaaaaaaa.eyJ" + b"b" * 8_000,
    ]  # fmt: skip
    lines = [one * (LONG // len(one)) for one in fillers]

    took = interleaved(
        2,
        plain=lambda: spent(lambda: rules.hits(plain)),
        worst=lambda: max(spent(partial(rules.hits, line)) for line in lines),
    )

    rows.append(ratio("10 MB in one line, the worst of all rules", took["plain"], took["worst"]))
    assert min(took["worst"].samples) < 10


def _run(base: str, number: int) -> str:
    text = f"# change {number}\n" + "loss = model(batch).mean()  # a line of code\n" * 200
    above = f"from {base}\n"
    path = "src0/file1.py"
    return STREAM.format(
        kind="runs", number=number, above=above, path=path, size=len(text), text=text
    )


def _data(number: int) -> str:
    text = f"METRIC acc=0.{number}\n" * 100
    return STREAM.format(
        kind="data", number=number, above="", path="output/stdout", size=len(text), text=text
    )


def _tips(repo: Path, kind: str) -> list[str]:
    return git(repo, "for-each-ref", "--format=%(objectname)", f"refs/{kind}").split()
