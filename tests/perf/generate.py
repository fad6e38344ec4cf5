"""Runs by the thousand, written by `git fast-import` with the bytes that git exp itself writes."""

from __future__ import annotations

import hashlib
import os
import random
import subprocess
import tempfile
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from git_exp import data, names, records
from git_exp.git import dates, notes, refs
from git_exp.git.repo import discover

WHO = "Ada <ada@example.org>"
PACKAGES = b"msgspec==0.22.0\nnumpy==2.4.6\npygit2==1.21.0\n"
FIRST = 1_735_689_600
_TREES = 8
_TEMPORARY = "refs/exp/tmp"


@dataclass(frozen=True, kw_only=True)
class Shape:
    """What to make.

    `loose` leaves what git exp leaves after sealing run by run: a notes commit each, loose objects
    and loose refs. Otherwise it is what git's own gc makes of it: one pack, packed refs. `wide`
    runs have 8 params and 6 metrics, others 3 and 2.
    """

    runs: int
    tracks: int = 10
    data: bool = True
    loose: bool = False
    wide: bool = False
    seed: int = 1


@dataclass(frozen=True, kw_only=True)
class Made:
    """One run that was written."""

    run_id: str
    commit: str
    note: bytes


def fill(repo: Path, shape: Shape) -> list[str]:
    """Put sealed runs into a repository without notes; their ids, oldest first."""
    with tempfile.TemporaryDirectory() as folder:
        marks = Path(folder) / "marks"
        made = _imported(repo, shape, marks)
        tips = _tips(marks)
    assert made[-1].commit == tips[2 * len(made)], "git names the commits otherwise"
    named = {f"refs/runs/{one.run_id}": one.commit for one in made}
    if shape.data:
        named |= {data.name(one.run_id): tips[2 * at + 1] for at, one in enumerate(made, 1)}
    _git(repo, "update-ref", "-d", _TEMPORARY)
    if shape.loose:
        orders = "".join(f"create {name} {named[name]}\n" for name in sorted(named))
        _git(repo, "update-ref", "--stdin", stdin=orders)
    else:
        _pack(repo, named)
    home = repo / ".git" / "exp"
    home.mkdir(exist_ok=True)
    (home / "local").write_text("".join(f"{one.run_id}\n" for one in made))
    return [one.run_id for one in made]


def _imported(repo: Path, shape: Shape, marks: Path) -> list[Made]:
    limit = 1 << 30 if shape.loose else 0
    words = ("git", "-c", f"fastimport.unpackLimit={limit}", "fast-import", "--quiet", "--force")
    with subprocess.Popen(
        (*words, f"--export-marks={marks}"), cwd=repo, stdin=subprocess.PIPE, bufsize=1 << 20
    ) as importing:
        assert importing.stdin is not None
        stream = _Stream(importing.stdin.write, repo, shape)
        made = list(stream.runs())
        importing.stdin.close()
    assert importing.returncode == 0
    return made


class _Stream:
    """What fast-import reads: run and data commits one by one, notes commits in batches."""

    def __init__(self, write: Callable[[bytes], object], repo: Path, shape: Shape) -> None:
        self._write = write
        self._shape = shape
        self._head = _git(repo, "rev-parse", "HEAD")
        self._committed = _committed(repo, self._head)
        self._trees = _trees(repo)
        self._random = random.Random(shape.seed)
        self._batch = 1 if shape.loose else 5_000
        self._waiting: list[Made] = []
        self._noted = 0

    def runs(self) -> Iterator[Made]:
        for number in range(1, self._shape.runs + 1):
            one = self._run(number)
            self._waiting.append(one)
            if len(self._waiting) == self._batch or number == self._shape.runs:
                self._notes(FIRST + number * 60)
            yield one

    def _run(self, number: int) -> Made:
        made = _Run(number, self._random, self._shape)
        dirty = number % 2 == 0
        tree = self._trees[number % _TREES if dirty else 0]
        when = made.start // 1_000_000
        trailers = f"Run-Id: {made.run_id}\nRun-Dirty: {'true' if dirty else 'false'}\n"
        message = f"run: {made.name}\n\n{trailers}"
        commit = self._commit(tree, when, message)
        self._change(_TEMPORARY, when, message, 2 * number)
        self._write(f'from {self._head}\nM 040000 {tree} ""\n\n'.encode())
        if self._shape.data:
            self._data(number, made)
        code = records.Git(
            commit=commit, tree=tree, base=self._head, branch="main", dirty=dirty, capture="full",
            status=["A  changed.py"] if dirty else [],
        )  # fmt: skip
        return Made(run_id=made.run_id, commit=commit, note=made.note(code))

    def _commit(self, tree: str, when: int, message: str) -> str:
        """The id that git will give the commit: its notes name it."""
        text = (
            f"tree {tree}\nparent {self._head}\nauthor {WHO} {when} +0000\n"
            f"committer {WHO} {self._committed} +0000\n\n{message}"
        ).encode()
        return hashlib.sha1(b"commit %d\0%b" % (len(text), text)).hexdigest()  # noqa: S324

    def _data(self, number: int, made: _Run) -> None:
        message = f"data of run {made.run_id}\n"
        self._change(_TEMPORARY, made.end // 1_000_000, message, 2 * number + 1)
        self._write(b"from :%d\ndeleteall\n" % (2 * number))
        self._file(f"series/{made.stem}.00000.jsonl", made.series())
        self._file("packages.txt", PACKAGES)

    def _notes(self, when: int) -> None:
        self._noted += len(self._waiting)
        runs = "1 run" if len(self._waiting) == 1 else f"{len(self._waiting)} runs"
        self._change(notes.REF, when, f"exp: seal {runs}\n\nNotes-Count: {self._noted}\n")
        for one in self._waiting:
            self._file(f"{one.commit[:2]}/{one.commit[2:]}", one.note)
        self._waiting.clear()

    def _change(self, ref: str, when: int, message: str, mark: int = 0) -> None:
        marked = f"mark :{mark}\n" if mark else ""
        said = message.encode()
        self._write(
            f"commit {ref}\n{marked}author {WHO} {when} +0000\n"
            f"committer {WHO} {self._committed} +0000\ndata {len(said)}\n".encode()
            + said
        )

    def _file(self, path: str, text: bytes) -> None:
        self._write(b"M 100644 inline %b\ndata %d\n%b\n" % (path.encode(), len(text), text))


class _Run:
    """What one run says: all of it within the minute that it began in."""

    def __init__(self, number: int, seeded: random.Random, shape: Shape) -> None:
        self.run_id = str(uuid.UUID(int=seeded.getrandbits(128), version=4))
        self.name = names.made_up(self.run_id)
        self.start = (FIRST + number * 60) * 1_000_000
        self.end = self.start + 50_000_000
        self.lr = round(10 ** seeded.uniform(-4, -1), 6)
        self.failed = seeded.random() < 0.05
        self.stem = f"0.node{seeded.randrange(8)}.{seeded.randrange(2, 99_999)}.{self.run_id[:8]}"
        self._number = number
        self._wide = shape.wide
        self._step = 48_000_000 // max(shape.tracks, 1)
        self._tracks = shape.tracks

    def note(self, code: records.Git) -> bytes:
        """The lines of its note, as they are merged."""
        packages = hashlib.sha256(PACKAGES).hexdigest()
        events = (
            self._begun(code),
            records.Env(t=records.stamp(self.start + 20_000), packages=packages),
            self._ended(),
        )
        return b"".join(map(records.line, events))

    def series(self) -> bytes:
        """Its `track` lines."""
        return b"".join(
            records.line(
                records.Track(
                    t=records.stamp(self.start + at * self._step + 1),
                    elapsed_ms=at * self._step / 1000,
                    value=self._value(at),
                )
            )
            for at in range(self._tracks)
        )

    def _value(self, at: int) -> dict[str, float]:
        loss, acc = round(1 / (1 + at * self.lr * 50), 6), at / self._tracks
        if not self._wide:
            return {"loss": loss, "acc": acc, "step": at}
        acc += 1 / self._tracks
        best = round(1 - self.lr * (self._number % 97 + 1) / 10, 6)
        seconds = {"time.data": at * 0.25, "time.step": at * 1.5}
        val = {"val.loss": loss * 1.1, "val.acc": acc * best}
        return {"loss": loss, "acc": acc * best, **val, **seconds, "step": at}

    def _params(self) -> dict[str, object]:
        few = {"lr": self.lr, "seed": self._number % 10, "optimizer": "adam"}
        more = {
            "batch_size": 2 ** (4 + self._number % 5),
            "model.depth": 2 + self._number % 11,
            "model.width": 64 * (1 + self._number % 7),
            "dropout": self._number % 6 / 10,
            "schedule": ("cosine", "linear", "none")[self._number % 3],
        }
        return {**few, **more} if self._wide else few

    def _begun(self, code: records.Git) -> records.RunStart:
        return records.RunStart(
            t=records.stamp(self.start),
            v=records.VERSION,
            run_id=self.run_id,
            name=self.name,
            params=self._params(),
            tags=["sweep"] if self._number % 3 == 0 else [],
            process=records.Process(
                pid=1000 + self._number % 30_000,
                argv=["python", "train.py", "--lr", str(self.lr)],
                executable="/usr/bin/python3",
                python="3.11.7",
            ),
            host=records.Host(name="node1", os="Linux 6.1", cpu_count=8, memory=1 << 35),
            user=WHO,
            git=code,
        )

    def _ended(self) -> records.RunEnd:
        values = [self._value(at) for at in range(self._tracks)] or [{}]
        return records.RunEnd(
            t=records.stamp(self.end),
            status="failed" if self.failed else "finished",
            exit_code=int(self.failed),
            error=records.Error(type="ValueError", message="loss is nan") if self.failed else None,
            duration_ms=(self.end - self.start) / 1000,
            metrics={key: self._summary(key, values) for key in values[0] if key != "step"},
        )

    def _summary(self, key: str, values: Sequence[Mapping[str, float]]) -> records.Summary:
        column = [one[key] for one in values]
        return records.Summary(
            last=column[-1], min=min(column), max=max(column), first=column[0], count=len(column)
        )


def _committed(repo: Path, head: str) -> int:
    """The committer date of all that git exp writes here."""
    found = discover(repo, os.environ)
    tips = refs.listing(found, "refs/remotes").values()
    return dates.before_shared(found, head, set(tips))


def _trees(repo: Path) -> list[str]:
    """HEAD's tree, and some in which one file has changed."""
    listed = _git(repo, "ls-tree", "HEAD").split("\n")
    found = [_git(repo, "rev-parse", "HEAD^{tree}")]
    for number in range(1, _TREES):
        blob = _git(repo, "hash-object", "-w", "--stdin", stdin=f"changed = {number}\n")
        entry = f"100644 blob {blob}\tchanged.py"
        lines = sorted([*listed, entry], key=lambda line: line.partition("\t")[2])
        found.append(_git(repo, "mktree", stdin="\n".join(lines) + "\n"))
    return found


def _tips(marks: Path) -> dict[int, str]:
    """Commits by their marks: of run `n`, 2n is its own and 2n + 1 that of its data."""
    pairs = (line.split() for line in marks.read_text().splitlines())
    return {int(mark[1:]): oid for mark, oid in pairs}


def _pack(repo: Path, named: Mapping[str, str]) -> None:
    """Write `packed-refs` as git does: a hundred thousand loose refs would take minutes."""
    listed = _git(repo, "for-each-ref", "--format=%(refname) %(objectname)").split("\n")
    there = dict(line.split(" ") for line in listed)
    every = {**there, **named}
    lines = "".join(f"{every[name]} {name}\n" for name in sorted(every))
    packed = repo / ".git" / "packed-refs"
    packed.write_text(f"# pack-refs with: peeled fully-peeled sorted \n{lines}")
    _git(repo, "pack-refs", "--all", "--prune")
    _git(repo, "gc", "-q", "--no-prune")


def _git(repo: Path, *args: str, stdin: str = "") -> str:
    done = subprocess.run(
        ("git", *args), cwd=repo, input=stdin, capture_output=True, text=True, env=os.environ
    )
    assert done.returncode == 0, f"git {args}: {done.stderr}"
    return done.stdout.removesuffix("\n")
