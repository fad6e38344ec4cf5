"""Tables of runs: columns in any order, words for a status, and lines that are damaged."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from git_exp import errors
from git_exp.run import Run
from tests.cli.conftest import Git_
from tests.imports.sources import bring, named, store

HEADER = "commit\tval_bpb\tmemory_gb\tstatus\tdescription\n"
WRITTEN = 1_767_323_000


def table(repo: Path, text: str, name: str = "results.tsv") -> Path:
    path = repo / name
    path.write_text(text)
    os.utime(path, (WRITTEN, WRITTEN))
    return path


def brought(repo: Path, text: str) -> dict[str, Run]:
    """The runs of a table by their names, none of them damaged."""
    assert bring("tsv", table(repo, text)).broken == []
    return named()


def test_a_line_of_an_agent_loop_is_a_run(repo: Path, git: Git_) -> None:
    head = git("rev-parse", "HEAD")
    text = (
        f"{HEADER}{head[:7]}\t0.997900\t44.0\tkeep\tbaseline\n"
        "b2c3d4e\t0.993200\t44.2\tdiscard\tincrease LR\n"
        "c3d4e5f\t0.000000\t0.0\tcrash\tdouble width\n"
    )

    runs = brought(repo, text)

    assert list(runs) == ["double width", "increase LR", "baseline"]
    run = runs["baseline"]
    assert (run.status, run.tags, run.own) == ("finished", ["keep"], True)
    assert {name: one.last for name, one in run.metrics.items()} == {
        "val_bpb": 0.9979, "memory_gb": 44,
    }  # fmt: skip
    assert [note.text for note in run.notes] == ["baseline"]
    assert run.metadata == {
        "imported": {
            "from": "tsv", "id": "line 2 of results.tsv", "commit": head[:7],
            "started": "when its commit was made",
        }
    }  # fmt: skip
    assert (run.started, run.duration_ms) == ("2026-01-02T03:04:05.000000Z", None)
    assert (runs["increase LR"].status, runs["increase LR"].tags) == ("finished", ["discard"])
    assert (runs["double width"].status, runs["double width"].tags) == ("failed", [])


def test_the_commit_is_the_base_and_no_more_is_claimed(repo: Path, git: Git_) -> None:
    head = git("rev-parse", "HEAD")
    text = f"status\tcommit\tname\nkeep\t{head[:4].upper()}\tshort\nkeep\t{head}\twhole\n"

    runs = brought(repo, f"{text}keep\t{'12' * 20}\tgone\nkeep\tmain\todd\n")

    for name, base in {"short": head, "whole": head, "gone": None, "odd": None}.items():
        git_ = runs[name].git
        assert git_
        assert (git_.base, git_.capture, git_.dirty) == (base, "none", None)
        tree = git("rev-parse", f"{runs[name].commit}^{{tree}}")
        assert (tree == git("rev-parse", "HEAD^{tree}")) == (base is not None)


def test_columns_are_in_any_case_and_order_and_the_others_are_params(repo: Path) -> None:
    text = "Model\tSTATUS\tAcc \tTimestamp\tCommit\ngpt2\tok\t.5e1\t2026-01-01T00:00:00Z\tabc\n"

    (run,) = brought(repo, text).values()

    assert (run.params, run.tags) == ({"Model": "gpt2"}, [])
    assert {name: one.last for name, one in run.metrics.items()} == {"Acc": 5}
    assert run.started == "2026-01-01T00:00:00.000000Z"


def test_a_table_may_be_separated_by_commas(repo: Path) -> None:
    text = 'commit,acc,status,description\nabc,1,done,"one, and ""two"""\n\nabd,nan,done,x\n'

    runs = brought(repo, f"\ufeff{text}")

    assert runs['one, and "two"'].metrics["acc"].last == 1
    assert runs["x"].metrics["acc"].last != runs["x"].metrics["acc"].last


def test_a_quotation_mark_between_tabs_is_one(repo: Path) -> None:
    text = f'{HEADER}a\t1\t1\tkeep\t"fast" mode is "on\nb\t2\t2\tkeep\t"say ""x"""\n'

    runs = brought(repo, text)

    assert set(runs) == {'"fast" mode is "on', 'say "x"'}


def test_only_a_line_feed_ends_a_line(repo: Path) -> None:
    text = f"{HEADER}a\t1\t1\tkeep\tone\u2028line\r\nb\t2\t2\tkeep\tform\ffeed\n"

    assert set(brought(repo, text)) == {"one line", "form feed"}


def test_a_field_that_says_nothing_is_no_number_and_no_damage(repo: Path) -> None:
    runs = brought(repo, f"{HEADER}a\t1\t-\tkeep\tx\nb\tN/A\t\tfail\ty\nc\t2\t3\tkeep\tz\n")

    assert list(runs["x"].metrics) == ["val_bpb"]
    assert runs["y"].metrics == {}


def test_a_long_description_names_the_run_by_its_beginning(repo: Path) -> None:
    words = "try a much longer warmup with the cosine schedule and twice the batch size"

    ((name, run),) = brought(repo, f"{HEADER}a\t1\t1\tkeep\t{words}\n").items()

    assert name == "try a much longer warmup with the cosine schedule and twice…"
    assert run.notes[0].text == words


def test_runs_of_unknown_times_keep_the_order_of_their_lines(repo: Path, git: Git_) -> None:
    head = git("rev-parse", "HEAD")
    text = f"{HEADER}1\t1\t1\tkeep\ta\n{head}\t1\t1\tkeep\tb\n2\t1\t1\tkeep\tc\n3\t1\t1\tkeep\td\n"

    runs = brought(repo, text)

    assert list(runs) == ["d", "c", "b", "a"]
    assert runs["a"].metadata["imported"]["started"] == "not known"


def test_damaged_lines_are_named_and_the_rest_comes_in(repo: Path) -> None:
    lines = [
        "a\t1\t1\tkeep\tfine", "b\t1\t1", "c\tfast\t1\tkeep\tx", "", "d\t1\t1\tkeep\tx\ty",
        "e\t2\t2\tkeep\talso fine",
    ]  # fmt: skip
    path = table(repo, HEADER + "\n".join(lines))

    report = bring("tsv", path)

    assert sorted((one.where, one.why) for one in report.broken) == [
        (f"{path}:3", "3 fields, the header has 5"),
        (f"{path}:4", "'fast' in 'val_bpb' is no number"),
        (f"{path}:6", "6 fields, the header has 5"),
    ]
    assert set(named()) == {"fine", "also fine"}


def test_a_time_that_is_none_damages_its_line(repo: Path) -> None:
    path = table(repo, "commit\ttime\na\tyesterday\nb\t1767323045\n")

    report = bring("tsv", path)

    assert [one.why for one in report.broken] == ["'yesterday' is no time"]
    assert len(report.imported) == 1


def test_a_table_that_grew_brings_in_its_new_lines(repo: Path) -> None:
    old = f"{HEADER}a\t1\t1\tkeep\tx\na\t1\t1\tkeep\tx\n"
    assert len(bring("tsv", table(repo, old)).imported) == 2

    wider = old.replace("tus\t", "tus\tseed\t").replace("keep\t", "keep\t\t")
    moved = table(repo, f"{wider}b\t2\t2\tkeep\t7\ty\n", "moved.tsv")
    report = bring("tsv", moved)

    assert (report.there, [one.name for one in report.imported]) == (2, ["y"])


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "is no table of runs"),
        ("\0\xff", "is no table of runs"),
        ("commit\n", "is no table of runs"),
        ("a\tb\n1\t2\n", "is no table of runs"),
        ("commit\tacc\tAcc\n", "more than one column 'acc'"),
        ("commit\t\nx\ty\n", "more than one column ''"),
    ],
)
def test_what_is_no_table_of_runs_is_refused(repo: Path, text: str, why: str) -> None:
    with pytest.raises(errors.NotFound, match=why):
        bring("tsv", table(repo, text))

    assert store().runs() == []


def test_equal_lines_are_so_many_runs_in_one_table_and_the_same_in_two(repo: Path) -> None:
    text = "commit\tloss\tstatus\na\t1\tkeep\na\t1\tkeep\n"
    (repo / "sweep").mkdir()

    first = bring("tsv", table(repo, text))
    second = bring("tsv", table(repo, f"{text}b\t1\tkeep\n", "sweep/results.tsv"))

    assert (len(first.imported), len(second.imported), second.there) == (2, 1, 2)


@pytest.mark.parametrize("name", ["nowhere.tsv", "."])
def test_a_path_that_is_no_file_is_refused(repo: Path, name: str) -> None:
    with pytest.raises(errors.NotFound, match="cannot read"):
        bring("tsv", repo / name)
