"""git_exp.index.search: what the index finds is what a fold of all notes would."""

from __future__ import annotations

import os
import random
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import git_exp
from git_exp import Experiment, errors, query, records
from git_exp.git import cat
from git_exp.index import database, rows, schema
from git_exp.index.search import Indexed, Selection
from git_exp.store import Store
from tests import programs

Git = Callable[..., str]


def indexed(repo: Path) -> Indexed:
    return Indexed.open(repo, os.environ)


def a_run(repo: Path, name: str, *, tags: tuple[str, ...] = (), **metrics: float) -> str:
    with Experiment(name, params={"lr": 0.1}, tags=tags, repo=repo) as exp:
        exp.track(metrics)
    assert exp.run_id
    return exp.run_id


def place(repo: Path) -> Path:
    return repo / ".git/exp/index.db"


def contents(connection: sqlite3.Connection) -> dict[str, set[tuple[Any, ...]]]:
    """All that an index says, whatever the numbers of its rows are."""
    names = {
        "record": "SELECT commit_id, paths, packed, lines, ripe FROM record",
        "run": "SELECT * FROM run",
        **{
            table: f"SELECT key.kind, key.name, t.* FROM {table} t JOIN key ON key.id = t.key"  # noqa: S608
            for table in ("param", "meta", "metric")
        },
        **{table: f"SELECT * FROM {table}" for table in ("tag", "note", "link")},  # noqa: S608
    }
    commits = dict(connection.execute("SELECT id, commit_id FROM record"))
    found: dict[str, set[tuple[Any, ...]]] = {}
    for table, asked in names.items():
        cursor = connection.execute(asked)
        columns = [column[0] for column in cursor.description]
        number = {"run": "id"}.get(table, "run")
        found[table] = {
            tuple(
                commits[value] if name == number and isinstance(value, int) else value
                for name, value in zip(columns, row, strict=True)
                if name != "key"
            )
            for row in cursor
        }
    return found


def agrees(repo: Path, kept: Indexed) -> None:
    """Whether an index that went along says what one made anew and a fold of all notes say."""
    expected = Store.open(repo, os.environ).runs()
    # NaN is not equal to itself, but reads the same.
    assert repr(kept.runs()) == repr(expected)
    assert repr(kept.runs(2)) == repr(expected[:2])
    anew = database._connected(":memory:")
    database.bring(anew, kept.repo)
    with kept._looking() as connection:
        assert contents(connection) == contents(anew)
    anew.close()


def test_runs_are_those_of_the_notes_newest_first(repo: Path) -> None:
    ids = [a_run(repo, f"run {number}", loss=number) for number in range(3)]

    found = indexed(repo).runs()

    assert [run.id for run in found] == ids[::-1]
    assert found == Store.open(repo, os.environ).runs()
    assert [run.id for run in indexed(repo).runs(1)] == ids[-1:]


def test_without_a_run_nothing_is_written(repo: Path) -> None:
    assert indexed(repo).runs() == []
    assert indexed(repo).tags() == []
    assert not place(repo).exists()


def test_a_warm_index_needs_neither_pygit2_nor_another_process(
    repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_run(repo, "one", loss=1)
    indexed(repo).runs()
    store = indexed(repo)
    started: list[str] = []
    monkeypatch.setattr(subprocess, "Popen", lambda words, **_: started.append(words))
    monkeypatch.delitem(store.__dict__, "pg", raising=False)
    before = set(sys.modules)

    assert [run.name for run in store.runs(20)] == ["one"]

    assert started == []
    assert "pg" not in store.repo.__dict__
    assert "pygit2" not in set(sys.modules) - before


def test_one_more_run_reads_one_more_note(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(5):
        a_run(repo, f"run {number}")
    store = indexed(repo)
    store.runs()
    read: list[str] = []
    real = cat.blobs

    def counted(at: Any, names: Any) -> Iterator[bytes | None]:
        read.extend(names)
        return real(at, names)

    monkeypatch.setattr(cat, "blobs", counted)
    a_run(repo, "one more")

    assert store.runs(1)[0].name == "one more"
    assert len(read) == 1


def test_a_live_run_is_there_at_once_with_what_it_tracked(repo: Path) -> None:
    a_run(repo, "sealed", loss=3)
    exp = Experiment("live", params={"lr": 0.5}, tags=("now",), repo=repo)
    exp.track({"acc": 0.5})
    store = indexed(repo)

    live = store.runs()[0]

    assert (live.name, live.status, live.live) == ("live", "running", True)
    assert live.metrics["acc"].last == 0.5
    assert store.get(str(exp.run_id)) == live
    assert store.tagged("now") == live
    assert [run.name for run in store.matching("live")] == ["live"]
    assert store.metrics() == ["acc", "loss"]
    exp.checkpoint()
    exp.track({"acc": 0.75})
    assert store.runs()[0].metrics["acc"].last == 0.75
    assert len(store.runs()) == 2
    exp.finish()
    assert store.runs()[0].status == "finished"


def test_a_run_is_found_by_each_of_its_names(repo: Path, git: Git) -> None:
    old, new = a_run(repo, "same"), a_run(repo, "same", tags=("t",))
    store = indexed(repo)
    commit = git("rev-parse", f"refs/runs/{old}")

    assert query.find(store, "same").id == new
    assert query.find(store, old).id == old
    assert query.find(store, old[:10]).id == old
    assert query.find(store, commit[:12]).id == old
    assert query.find(store, "@~1").id == old
    assert query.find(store, "@{tag:t}").id == new
    with pytest.raises(errors.NotFound):
        query.find(store, "other")


def test_a_commit_that_is_linked_finds_its_run(repo: Path, git: Git) -> None:
    store = indexed(repo)
    run = query.find(store, a_run(repo, "linked"))
    head = git("rev-parse", "HEAD")

    store.add(run, lambda t: records.Link(t=t, commit=head))

    assert query.find(store, head[:8]).id == run.id


@pytest.mark.slow
@pytest.mark.parametrize("text", ["acc", "-acc", "max(acc)", "min(acc)", "+loss", "loss"])
def test_the_best_is_that_of_the_plain_way(repo: Path, text: str) -> None:
    values = [0.5, float("nan"), 0.9, 0.9, float("inf"), -1.0, 0.1]
    for number, value in enumerate(values):
        more: dict[str, Any] = {"loss": value} if number % 2 else {}
        a_run(repo, f"run {number}", acc=value, **more)
    store = indexed(repo)
    store.add(store.runs()[2], lambda t: records.Tag(t=t, tags=[query.TAINTED]))
    wanted = query.goal(text)

    found = store.best(wanted)

    assert found == query.best(Store.open(repo, os.environ).runs(), wanted)
    assert found is not None


def test_a_deleted_run_is_found_by_nothing(repo: Path, git: Git) -> None:
    gone = a_run(repo, "gone", tags=("only",), loss=1)
    store = indexed(repo)
    a_run(repo, "kept")
    run = query.find(store, gone)

    store.remove([run])

    assert [one.name for one in store.runs()] == ["kept"]
    assert store.get(gone) is None
    assert (store.tags(), store.metrics()) == ([], [])
    agrees(repo, store)


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.unlink(),
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"not a database at all" * 1_000),
        lambda path: path.write_bytes(path.read_bytes()[:5_000]),
        lambda path: os.truncate(path, 4_096),
        lambda path: path.write_bytes(path.read_bytes()[:4_096] + bytes(60_000)),
    ],
    ids=["deleted", "empty", "no database", "torn", "one page", "zeros"],
)
def test_a_damaged_index_is_made_anew(repo: Path, damage: Callable[[Path], object]) -> None:
    names = [a_run(repo, f"run {number}", loss=1) for number in range(3)]
    before = indexed(repo)
    before.runs()
    before.close()
    damage(place(repo))
    store = indexed(repo)

    assert [run.id for run in store.runs()] == names[::-1]
    agrees(repo, store)
    assert sqlite3.connect(place(repo)).execute("SELECT count(*) FROM run").fetchone() == (3,)


@pytest.mark.slow
def test_an_index_that_is_damaged_under_an_open_one_is_made_anew(repo: Path) -> None:
    for number in range(50):
        a_run(repo, f"run {number}", loss=1)
    first = indexed(repo)
    first.runs()
    first.close()
    store = indexed(repo)
    store.runs(1)
    size = place(repo).stat().st_size
    with place(repo).open("r+b") as file:
        file.seek(4_096)
        file.write(b"\xff" * (size - 4_096))

    assert len(store.runs()) == 50


def test_an_index_of_another_version_is_made_anew(repo: Path) -> None:
    a_run(repo, "one")
    indexed(repo).runs()
    other = sqlite3.connect(place(repo))
    other.execute("PRAGMA user_version = 999")
    other.execute("DROP TABLE metric")
    other.execute('CREATE TABLE "odd ""name" (x)')
    other.commit()
    other.close()
    store = indexed(repo)

    assert [run.name for run in store.runs()] == ["one"]
    agrees(repo, store)


@pytest.fixture
def read_only(repo: Path) -> Iterator[Callable[[], str]]:
    """What a process finds that may write nothing in the repository."""
    code = (
        "import os; from pathlib import Path; from git_exp.index.search import Indexed\n"
        "found = Indexed.open(Path.cwd(), os.environ)\n"
        "print([run.name for run in found.runs()], found.metrics())"
    )
    home = repo / ".git/exp"

    def seen() -> str:
        home.chmod(0o555)
        for path in home.glob("index.db*"):
            path.chmod(0o444)
        words = (*programs.without_root(), sys.executable, "-c", code)
        done = subprocess.run(words, cwd=repo, capture_output=True, text=True)
        for path in (home, *home.glob("index.db*")):
            path.chmod(0o755)
        assert done.returncode == 0, done.stderr
        return done.stdout

    yield seen
    home.chmod(0o755)


def test_a_repository_that_is_read_only_has_an_index_in_memory(
    repo: Path, read_only: Callable[[], str]
) -> None:
    a_run(repo, "one", loss=1)

    assert read_only() == "['one'] ['loss']\n"
    assert not place(repo).exists()


def test_an_index_that_cannot_be_written_is_read_and_brought_on_in_memory(
    repo: Path, read_only: Callable[[], str]
) -> None:
    a_run(repo, "one", loss=1)
    before = indexed(repo)
    assert [run.name for run in before.runs()] == ["one"]
    before.close()

    assert read_only() == "['one'] ['loss']\n"
    a_run(repo, "two")
    assert read_only() == "['two', 'one'] ['loss']\n"
    assert {path.name for path in (repo / ".git/exp").glob("index.db*")} == {"index.db"}


def test_a_full_disk_leaves_the_index_to_memory(
    repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_run(repo, "one", loss=1)
    real = rows.Writer.write

    def full(self: rows.Writer, notes: Any) -> None:
        real(self, notes)
        if self._connection.execute("PRAGMA database_list").fetchone()[2]:
            error = sqlite3.OperationalError("database or disk is full")
            error.sqlite_errorcode = sqlite3.SQLITE_FULL
            raise error

    monkeypatch.setattr(rows.Writer, "write", full)

    assert [run.name for run in indexed(repo).runs()] == ["one"]


def test_a_note_that_cannot_be_read_hides_none_of_the_others(repo: Path, git: Git) -> None:
    bad, good = a_run(repo, "bad"), a_run(repo, "good")
    blob = git("notes", "--ref=exp", "list", git("rev-parse", f"refs/runs/{bad}"))
    object_file = repo / ".git/objects" / blob[:2] / blob[2:]
    object_file.chmod(0o644)
    object_file.write_bytes(b"damaged")

    assert [run.id for run in indexed(repo).runs()] == [good]
    object_file.unlink()
    place(repo).unlink()
    assert [run.id for run in indexed(repo).runs()] == [good]


def test_a_note_that_can_be_read_again_is_there_again(repo: Path, git: Git) -> None:
    bad, good = a_run(repo, "bad"), a_run(repo, "good")
    blob = git("notes", "--ref=exp", "list", git("rev-parse", f"refs/runs/{bad}"))
    object_file = repo / ".git/objects" / blob[:2] / blob[2:]
    away = object_file.with_name("away")
    object_file.rename(away)
    store = indexed(repo)
    assert [run.id for run in store.runs()] == [good]
    away.rename(object_file)

    assert [run.id for run in store.runs()] == [good, bad]
    agrees(repo, store)


@pytest.mark.parametrize(
    "more",
    [
        {"exit_code": 2**70},
        {"metrics": {"loss": records.Summary(last=1.0, count=2**70)}},
        {"metrics": {"loss": records.Summary(last=10**400, min=-(10**400))}},
        {"duration_ms": 1e308},
    ],
    ids=str,
)
def test_a_number_that_no_table_holds_hides_no_run(repo: Path, git: Git, more: Any) -> None:
    good, bad = a_run(repo, "good"), a_run(repo, "bad")
    store = indexed(repo)
    ahead = records.stamp(records.micros(store.runs()[0].started) + 60_000_000)
    line = records.line(records.RunEnd(t=ahead, status="failed", **more))
    git("notes", "--ref=exp", "append", "-m", line.decode(), f"refs/runs/{bad}")

    assert [(run.id, run.status) for run in store.runs()] == [(bad, "failed"), (good, "finished")]
    assert [run.id for run in store.select(Selection(where="status = failed"))] == [bad]
    agrees(repo, store)


def test_a_run_that_no_table_takes_is_left_out_alone(
    repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("one", "bad", "two"):
        a_run(repo, name, loss=1)
    real = rows._run

    def picky(run: Any, at: int) -> Any:
        if run.name == "bad":
            raise OverflowError
        return real(run, at)

    monkeypatch.setattr(rows, "_run", picky)

    assert [run.name for run in indexed(repo).runs()] == ["two", "one"]
    assert indexed(repo).metrics() == ["loss"]


def test_threads_ask_one_index_in_turn(repo: Path) -> None:
    for number in range(5):
        a_run(repo, f"run {number}", loss=number)
    store = indexed(repo)

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: len(store.runs()), range(40)))

    assert found == [5] * 40


def test_a_fork_opens_the_index_for_itself(repo: Path) -> None:
    a_run(repo, "one", loss=1)
    store = indexed(repo)
    store.runs()
    pid = os.fork()
    if pid == 0:
        ours = store._connection
        os._exit(0 if len(store.runs()) == 1 and store._connection is not ours else 1)

    assert os.waitpid(pid, 0)[1] == 0
    assert len(store.runs()) == 1


def test_who_keeps_runs_keeps_no_file_open(repo: Path) -> None:
    a_run(repo, "one", loss=1)
    kept = [git_exp.get("one", repo=repo)]
    before = len(list(Path("/proc/self/fd").iterdir()))

    kept += [git_exp.get("one", repo=repo) for _ in range(5)]
    kept += [run for _ in range(5) for run in git_exp.runs(repo=repo)]

    assert len(list(Path("/proc/self/fd").iterdir())) <= before
    assert [point.value for point in kept[-1].series("loss")] == [1]


def test_a_line_from_the_future_counts_once_its_time_has_come(
    repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = indexed(repo)
    run = query.find(store, a_run(repo, "one"))
    ahead = records.stamp(records.micros(run.started) + 3 * records.DAY)
    store.add(run, lambda t: records.Rename(t=ahead, name="later"))

    assert store.runs()[0].name == "one"
    now = records.micros(run.started) + 2 * records.DAY + 1
    monkeypatch.setattr("time.time_ns", lambda: now * 1_000)

    assert store.runs()[0].name == "later"
    assert query.find(store, "later").id == run.id


@pytest.mark.slow
def test_two_processes_that_index_at_once_make_one_index(repo: Path) -> None:
    for number in range(30):
        a_run(repo, f"run {number}", loss=1)
    code = (
        "import os; from pathlib import Path; from git_exp.index.search import Indexed\n"
        "print(len(Indexed.open(Path.cwd(), os.environ).runs()))"
    )

    children = [
        subprocess.Popen(
            (sys.executable, "-c", code),
            cwd=repo,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(6)
    ]

    assert [child.communicate() for child in children] == [("30\n", "")] * 6
    agrees(repo, indexed(repo))


def test_an_index_of_a_process_that_was_killed_while_making_it_is_made_anew(repo: Path) -> None:
    names = [a_run(repo, f"run {number}", loss=1) for number in range(5)]
    code = (
        "import os; from pathlib import Path; from git_exp.index import rows\n"
        "from git_exp.index.search import Indexed\n"
        "real = rows.Writer.write\n"
        "def write(self, notes):\n"
        "    real(self, notes)\n"
        "    self._connection.execute('PRAGMA cache_spill = 1')\n"
        "    os.kill(os.getpid(), 9)\n"
        "rows.Writer.write = write\n"
        "Indexed.open(Path.cwd(), os.environ).runs()"
    )

    done = subprocess.run((sys.executable, "-c", code), cwd=repo, capture_output=True)

    assert done.returncode == -9
    assert [run.id for run in indexed(repo).runs()] == names[::-1]


class Life:
    """What happens to a repository with runs, chosen by chance."""

    def __init__(self, repo: Path, git: Git, chance: random.Random) -> None:
        self.repo, self.git, self.chance = repo, git, chance
        self.live: list[Experiment] = []
        self.clone = repo.parent / "clone"
        git("clone", "-q", str(repo), str(self.clone))

    def run(self) -> None:
        where = self.chance.choice((self.repo, self.clone))
        numbers = {"loss": self.chance.random(), "acc": self.chance.choice((0.5, float("nan")))}
        a_run(where, f"run {self.chance.randrange(4)}", tags=("t",), **numbers)

    def start(self) -> None:
        params = {"lr": self.chance.random(), "kind": "a"}
        self.live.append(
            Experiment("live", metadata={"x": {"y": 1}}, params=params, repo=self.repo)
        )

    def go_on(self) -> None:
        if self.live:
            exp = self.chance.choice(self.live)
            exp.track({"loss": self.chance.random()})
            exp.note("a note") if self.chance.random() < 0.3 else exp.tag("live")
            if self.chance.random() < 0.3:
                exp.checkpoint()

    def end(self) -> None:
        if self.live:
            self.live.pop().finish(self.chance.choice(("finished", "failed")))

    def edit(self) -> None:
        store = indexed(self.repo)
        runs = store.runs()
        if runs:
            run = self.chance.choice(runs)
            make: Callable[[str], records.Event] = self.chance.choice(
                (
                    lambda t: records.Tag(t=t, tags=["more"]),
                    lambda t: records.Untag(t=t, tags=["t"]),
                    lambda t: records.Note(t=t, text="said"),
                    lambda t: records.Rename(t=t, name="renamed"),
                    lambda t: records.Link(t=t, commit=self.git("rev-parse", "HEAD")),
                )
            )
            store.add(run, make)

    def delete(self) -> None:
        store = indexed(self.repo)
        runs = [run for run in store.runs() if not run.live]
        if runs:
            store.remove([self.chance.choice(runs)])

    def foreign(self) -> None:
        """A stock git appends to a note, and writes its own fan-out."""
        listed = self.git("notes", "--ref=exp", "list").splitlines()
        if listed:
            commit = self.chance.choice(listed).split()[1]
            line = '{"t":"2026-01-02T03:04:05.000000Z","event":"tag","tags":["by hand"]}'
            self.git("notes", "--ref=exp", "append", "-m", line, commit)

    def merge(self) -> None:
        fetched = "refs/notes/theirs"
        self.git("fetch", "-q", str(self.clone), "+refs/notes/exp:" + fetched, check=False)
        if self.git("for-each-ref", fetched):
            self.git("notes", "--ref=exp", "merge", "-q", "-s", "cat_sort_uniq", fetched)

    def rewind(self) -> None:
        ref = "refs/notes/exp"
        if self.git("for-each-ref", ref):
            history = self.git("rev-list", "--first-parent", ref).splitlines()
            self.git("update-ref", ref, self.chance.choice(history[:4]))
            if self.chance.random() < 0.5:
                self.git("reflog", "expire", "--expire=now", "--all")
                self.git("gc", "-q", "--prune=now")

    def forget(self) -> None:
        database.discard(indexed(self.repo).repo)


def check(repo: Path, git: Git, seed: int, steps: int) -> None:
    chance = random.Random(seed)
    life, kept = Life(repo, git, chance), indexed(repo)
    acts = (life.run, life.run, life.start, life.go_on, life.go_on, life.end, life.edit,
            life.edit, life.delete, life.foreign, life.merge, life.rewind, life.forget)  # fmt: skip
    for _ in range(steps):
        act = chance.choice(acts)
        if act == life.forget:
            kept.close()
        act()
        agrees(repo, kept)
    for exp in life.live:
        exp.finish()
    agrees(repo, kept)


@pytest.fixture
def loose(repo: Path) -> Git:
    def run(*args: str, check: bool = True) -> str:
        done = subprocess.run(("git", *args), cwd=repo, capture_output=True, text=True)
        assert not check or done.returncode == 0, done.stderr
        return done.stdout.removesuffix("\n")

    return run


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_the_index_goes_along_with_whatever_happens(repo: Path, loose: Git, seed: int) -> None:
    check(repo, loose, seed, 25)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 116))
def test_the_index_goes_along_with_much_that_happens(repo: Path, loose: Git, seed: int) -> None:
    check(repo, loose, seed, 60)


def test_the_tables_of_the_views_are_all_filled() -> None:
    connection = database._connected(":memory:")
    for statement in schema.TABLES.split(";\n")[:-1]:
        connection.execute(statement)

    names = {name for (name,) in connection.execute("SELECT name FROM sqlite_schema")}

    assert set(schema.FILLED) <= names
