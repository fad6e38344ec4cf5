"""The data commit: series in chunks that are never rewritten, output, artifacts, packages."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from git_exp import Experiment, data, records, seal
from git_exp.git import objects
from tests.spooled import Spooled, found, get, opened, values, waiting, whole

Git = Callable[..., str]


def tree(git: Git, run: Spooled, path: str = "") -> dict[str, str]:
    """The files of a run's data commit, path to blob."""
    listed = git("ls-tree", "-r", f"refs/exp/data/{run.run_id}:{path}").splitlines()
    return {line.split("\t")[1]: line.split()[2] for line in listed}


def chunks(git: Git, run: Spooled) -> list[bytes]:
    return [
        git("cat-file", "blob", blob).encode() + b"\n"
        for _, blob in sorted(tree(git, run, "series").items())
    ]


def journalled(run: Spooled) -> list[bytes]:
    """The lines of the first journal that belong to the series."""
    lines = run.path.read_bytes().splitlines()
    return [line for line in lines if b'"event":"track"' in line]


def test_every_line_is_sealed_byte_for_byte(repo: Path, git: Git) -> None:
    run = Spooled(found(repo))
    run.track(0.1, float("nan"), {"a": [1, {"b": "ü\u2028"}]}, 2**70)
    run.raw(b'{"t":"%s","event":"track","elapsed_ms":1.000, "value":7}\n' % run.t().encode())
    run.die()
    written = journalled(run)

    seal.complete(found(repo))

    assert b"".join(chunks(git, run)).splitlines() == written
    assert len(written) == 5


def test_a_chunk_is_closed_at_each_checkpoint_and_stays_as_it_is(repo: Path, git: Git) -> None:
    here = found(repo)
    run = Spooled(here)
    run.track(1, 2)
    seal.so_far(here, [run.run_id])
    first = tree(git, run)
    run.track(3)
    seal.so_far(here, [run.run_id])
    second = tree(git, run)
    run.track(4)
    run.end()

    seal.complete(here)

    third = tree(git, run)
    names = [f"series/{run.stem}.{number:05d}.jsonl" for number in range(3)]
    assert (list(first), list(second), list(third)) == (names[:1], names[:2], names)
    assert first.items() < second.items() < third.items()
    assert values(opened(repo), run) == [1, 2, 3, 4]
    assert git("rev-list", "--count", f"{run.commit}..refs/exp/data/{run.run_id}") == "3"


def test_a_checkpoint_without_a_new_line_moves_nothing(repo: Path, git: Git) -> None:
    here = found(repo)
    run = Spooled(here)
    run.track(1)
    seal.so_far(here, [run.run_id])
    before = git("for-each-ref")

    seal.so_far(here, [run.run_id])

    assert git("for-each-ref") == before


def test_a_chunk_is_closed_at_its_size(
    repo: Path, git: Git, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Spooled(found(repo))
    run.track(*range(10))
    size = len(journalled(run)[0]) + 1
    monkeypatch.setattr(data, "CHUNK", 3 * size)
    run.end()

    seal.complete(found(repo))

    sizes = [len(chunk) // size for chunk in chunks(git, run)]
    assert sizes == [3, 3, 3, 1]
    assert values(opened(repo), run) == list(range(10))


def test_a_line_larger_than_a_chunk_is_one_by_itself(
    repo: Path, git: Git, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Spooled(found(repo))
    monkeypatch.setattr(data, "CHUNK", 200)
    run.track(1, "x" * 1000, 2)
    run.end()

    seal.complete(found(repo))

    assert [chunk.count(b"\n") for chunk in chunks(git, run)] == [1, 1, 1]
    assert values(opened(repo), run) == [1, "x" * 1000, 2]


def test_chunks_of_two_sizes_are_skipped_by_their_bytes(
    repo: Path, git: Git, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = found(repo)
    run = Spooled(here)
    run.track(*range(7))
    monkeypatch.setattr(data, "CHUNK", 250)
    seal.so_far(here, [run.run_id])
    before = tree(git, run)
    run.track(*range(7, 12))
    monkeypatch.setattr(data, "CHUNK", 100_000)

    seal.so_far(here, [run.run_id])

    assert before.items() < tree(git, run).items()
    assert values(opened(repo), run) == list(range(12))


def test_more_than_ten_chunks_are_read_in_order(
    repo: Path, git: Git, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Spooled(found(repo))
    run.track(*range(15))
    monkeypatch.setattr(data, "CHUNK", 1)
    run.end()

    seal.complete(found(repo))

    store = opened(repo)
    lines = [records.parse(line) for line in store.series(get(store, run))]
    assert [line.value for line in lines if isinstance(line, records.Track)] == list(range(15))


def test_each_journal_has_chunks_of_its_own(repo: Path, git: Git) -> None:
    here = found(repo)
    run = Spooled(here)
    rank = run.join(rank=1)
    run.track("a")
    run.track("b", journal=rank)
    seal.so_far(here, [run.run_id])
    run.track("c", journal=rank)

    seal.so_far(here, [run.run_id])

    other = run.opened[rank][0].name.removesuffix(".jsonl")
    assert sorted(tree(git, run, "series")) == sorted(
        [f"{run.stem}.00000.jsonl", f"{other}.00000.jsonl", f"{other}.00001.jsonl"]
    )
    assert values(opened(repo), run) == ["a", "b", "c"]


def test_of_a_living_writer_all_up_to_the_last_line_end_is_sealed(repo: Path, git: Git) -> None:
    here = found(repo)
    run = Spooled(here)
    run.track(1)
    half = b'{"t":"%s","event":"track","elapsed_ms":1.000,' % run.t().encode()
    run.raw(half)
    seal.so_far(here, [run.run_id])
    assert chunks(git, run)[0].splitlines() == journalled(run)[:1]

    run.raw(b'"value":2}\n')
    run.end()
    seal.complete(here)

    assert values(opened(repo), run) == [1, 2]


def test_the_torn_last_line_of_a_dead_writer_is_kept_and_the_rest_is_read(
    repo: Path, git: Git
) -> None:
    run = Spooled(found(repo))
    run.track(1)
    torn = b'{"t":"%s","event":"track","elapsed_ms":1.0' % run.t().encode()
    run.raw(torn)
    run.die()

    seal.complete(found(repo))

    assert chunks(git, run)[0].splitlines()[1:] == [torn]
    assert values(opened(repo), run) == [1]
    assert get(opened(repo), run).metrics["value"].count == 1


def test_a_torn_line_is_skipped_once_it_is_sealed(
    repo: Path, git: Git, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = found(repo)
    run = Spooled(here)
    run.track(1)
    run.raw(b'{"t":"20')
    run.die()
    with monkeypatch.context() as patched:
        patched.setattr(seal, "_clean", lambda folder: None)
        seal.complete(here)
    before = git("for-each-ref")

    seal.complete(here)

    assert git("for-each-ref") == before
    assert waiting(here) == []


@pytest.mark.parametrize(
    "damage",
    [
        b"garbage",
        b"\xff\xfe\x00\x01",
        b"{}",
        b'{"t":"2026-01-02T03:04:05.000000Z","event":',
        b'{"t":"yesterday at noon, or later, Z","event":"note","text":"x"}',
        b'{"t":"2026-99-99T99:99:99.999999Z","event":"track","value":1}',
        b'{"event":"track","t":"\xff\xff\xff\xff"}',
        b"[" * 5000,
    ],
)
def test_a_damaged_line_is_kept_and_damages_only_itself(
    repo: Path, git: Git, damage: bytes
) -> None:
    run = Spooled(found(repo))
    run.track(1)
    run.raw(damage + b"\n")
    run.track(2)
    run.end()

    report = seal.complete(found(repo))

    assert report.sealed == [run.run_id]
    (blob,) = tree(git, run, "series").values()
    assert objects.blob(found(repo), blob).split(b"\n")[1] == damage
    assert values(opened(repo), run) == [1, 2]
    assert get(opened(repo), run).status == "finished"


def test_a_line_of_another_writer_s_make_does_not_stop_the_seal(repo: Path, git: Git) -> None:
    run = Spooled(found(repo))
    line = b'{"event":"note","text":"\xc3\xbc keys in another order","t":"%s"}' % run.t().encode()
    run.raw(line + b"\n")
    run.end()

    report = seal.complete(found(repo))

    assert report.sealed == [run.run_id]
    assert line.decode() in git("notes", "--ref=exp", "show", run.commit)


def test_times_before_1970_make_no_commit_that_git_refuses(repo: Path, git: Git) -> None:
    run = Spooled(found(repo), at=1_000_000)
    run.raw(b'{"t":"1950-01-01T00:00:00.000000Z","event":"track","elapsed_ms":0,"value":1}\n')
    run.die()

    seal.complete(found(repo))

    assert whole(repo) == ""


def test_output_beyond_the_limit_is_its_head_and_its_tail(repo: Path, git: Git) -> None:
    git("config", "exp.maxOutput", "30")
    run = Spooled(found(repo))
    (run.folder / "output").mkdir()
    (run.folder / "output/stdout").write_text("".join(f"line {n}\n" for n in range(10)))
    (run.folder / "output/stderr").write_text("short\n")
    store = opened(repo)
    before = store.file(get(store, run), "output/stdout")
    run.end()

    seal.complete(found(repo))

    kept = "line 0\nline 1\n… 42 bytes left out …\nline 8\nline 9\n"
    assert git("show", f"refs/exp/data/{run.run_id}:output/stdout") == kept.removesuffix("\n")
    assert before == kept.encode()
    assert store.file(get(store, run), "output/stdout") == kept.encode()
    assert store.file(get(store, run), "output/stderr") == b"short\n"


def test_empty_output_is_no_file(repo: Path, git: Git) -> None:
    run = Spooled(found(repo))
    run.track(1)
    (run.folder / "output").mkdir()
    (run.folder / "output/stdout").touch()
    run.end()

    seal.complete(found(repo))

    assert not any(path.startswith("output") for path in tree(git, run))
    store = opened(repo)
    assert store.file(get(store, run), "output/stdout") is None


def test_a_run_without_anything_large_has_no_data_commit(repo: Path, git: Git) -> None:
    run = Spooled(found(repo))
    run.end()

    seal.complete(found(repo))

    assert git("for-each-ref", "refs/exp") == ""
    store = opened(repo)
    assert list(store.series(get(store, run))) == []
    assert store.file(get(store, run), "packages.txt") is None


def test_packages_wait_in_the_spool_and_go_to_the_data_commit(repo: Path, git: Git) -> None:
    exp = Experiment("packed")
    store = opened(repo)
    run = store.runs()[0]
    assert exp.path is not None
    waits = (exp.path.parent / "packages.txt").read_bytes()
    before = store.file(run, "packages.txt")

    exp.finish()

    assert before == store.file(run, "packages.txt") == waits
    packages = store.runs()[0].env
    assert packages is not None
    assert packages.packages == hashlib.sha256(waits).hexdigest()


def test_artifacts_are_sealed_under_their_names(repo: Path, git: Git) -> None:
    exp = Experiment("artful")
    store = opened(repo)
    run = store.runs()[0]
    exp.artifact("train.py", "code/old.py")
    (repo / "train.py").write_text("new\n")
    exp.artifact("train.py", "code/new.py")
    before = store.file(run, "artifacts/code/new.py")

    exp.finish()

    assert before == b"new\n"
    assert store.file(run, "artifacts/code/new.py") == b"new\n"
    assert store.file(run, "artifacts/code/old.py") == b"print('METRIC acc=0.5')\n"
    assert store.file(run, "artifacts/code/none.py") is None
    assert store.file(run, "artifacts/code/../../../local") is None


def test_the_latest_of_two_artifacts_of_one_name_counts(repo: Path, git: Git) -> None:
    exp = Experiment("artful")
    exp.artifact("train.py", "model")
    exp.checkpoint()
    (repo / "train.py").write_text("better\n")
    exp.artifact("train.py", "model")

    exp.finish()

    store = opened(repo)
    assert store.file(store.runs()[0], "artifacts/model") == b"better\n"


def test_an_artifact_over_the_limit_is_described_and_not_stored(repo: Path, git: Git) -> None:
    git("config", "exp.maxArtifact", "10")
    exp = Experiment("artful")
    exp.artifact("train.py")

    exp.finish()

    store = opened(repo)
    (artifact,) = store.runs()[0].artifacts
    assert (artifact.stored, artifact.size) == (False, 24)
    assert artifact.uri == (repo / "train.py").as_uri()
    assert store.file(store.runs()[0], "artifacts/train.py") is None


def test_a_data_ref_whose_commit_is_gone_is_made_anew(repo: Path, git: Git) -> None:
    here = found(repo)
    run = Spooled(here)
    run.track(1)
    seal.so_far(here, [run.run_id])
    oid = git("rev-parse", f"refs/exp/data/{run.run_id}")
    (repo / f".git/objects/{oid[:2]}/{oid[2:]}").unlink()
    run.track(2)
    run.end()

    report = seal.complete(found(repo))

    assert report.sealed == [run.run_id]
    assert values(opened(repo), run) == [1, 2]
    assert whole(repo) == ""


def test_series_that_are_not_here_are_fetched_when_they_are_read(
    repo: Path, git: Git, tmp_path: Path
) -> None:
    run = Spooled(found(repo))
    run.track(1, 2)
    run.end()
    seal.complete(found(repo))
    git("config", "uploadpack.allowFilter", "true")
    git("config", "uploadpack.allowAnySHA1InWant", "true")
    clone = tmp_path / "partial"
    git("clone", "-q", "--filter=blob:none", f"file://{repo}", clone)
    refs = ("refs/exp/*:refs/exp/*", "refs/notes/*:refs/notes/*", "refs/runs/*:refs/runs/*")
    git("fetch", "-q", "origin", *refs, cwd=clone)
    assert "?" in git("rev-list", "--objects", "--all", "--missing=print", cwd=clone)

    read = values(opened(clone), run)

    assert read == [1, 2]
