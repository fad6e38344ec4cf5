"""A run: the fold of its events, in whatever order its lines come."""

from __future__ import annotations

import math
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from git_exp import records
from git_exp.records import (
    Action,
    ActionResult,
    Artifact,
    Deleted,
    Env,
    Event,
    Git,
    Join,
    Link,
    Note,
    Progress,
    Rename,
    RunEnd,
    RunStart,
    Summary,
    Tag,
    Untag,
)
from git_exp.run import NoteText, Run, flat, fold, params_in

ID = "1b4e28ba-2fa1-41d2-883f-0016d3cca427"
COMMIT = "c" * 40
BASE = 1_767_323_045_000_000


def at(second: float) -> str:
    return records.stamp(BASE + int(second * 1_000_000))


def told(*events: Event, **known: Any) -> Run:
    return fold([records.line(event)[:-1] for event in events], **known)


def begun(second: float = 0, **fields: Any) -> RunStart:
    return RunStart(t=at(second), v=1, run_id=ID, **{"name": "baseline", **fields})


def test_a_run_that_began_is_running() -> None:
    git = Git(commit=COMMIT, base="b" * 40, branch="main", dirty=True, capture="full")

    run = told(begun(params={"lr": 0.1}, tags=["a"], group="g", user="Ada <a@b>", git=git))

    assert (run.id, run.commit, run.name, run.status) == (ID, COMMIT, "baseline", "running")
    assert (run.params, run.tags, run.group, run.user) == ({"lr": 0.1}, ["a"], "g", "Ada <a@b>")
    assert (run.started, run.ended) == (at(0), None)
    assert (run.base, run.dirty, run.partial) == ("b" * 40, True, False)


def test_nothing_is_claimed_of_a_run_without_its_start() -> None:
    run = told(Note(t=at(1), text="x"), run_id="known", commit="c")

    assert (run.id, run.commit, run.name, run.started) == ("known", "c", "", "")
    assert (run.base, run.dirty, run.partial) == (None, False, False)
    assert run.notes == [NoteText(t=at(1), text="x")]


def test_a_snapshot_that_holds_less_than_ran_is_partial() -> None:
    for capture, partial in (("full", False), ("partial", True), ("none", True)):
        assert told(begun(git=Git(commit=COMMIT, capture=capture))).partial is partial


def test_the_end_says_how_it_ended_with_floats_for_special_numbers() -> None:
    error = records.Error(type="ValueError", message="m", traceback="t")
    end = RunEnd(
        t=at(9), status="failed", exit_code=1, error=error, duration_ms=9000.0,
        metrics={"loss": Summary(last=math.nan, max=math.inf, count=2)}, usage={"cpu_ms": 5},
    )  # fmt: skip

    run = told(begun(), end)

    assert (run.status, run.exit_code, run.error, run.duration_ms) == ("failed", 1, error, 9000.0)
    assert (run.ended, run.usage) == (at(9), {"cpu_ms": 5})
    assert math.isnan(run.metrics["loss"].last)
    assert run.metrics["loss"].max == math.inf


def test_an_end_of_the_owner_beats_crashed_and_lost_whenever_they_were_written() -> None:
    for other in ("crashed", "lost"):
        for second in (5, 15):
            ends = (RunEnd(t=at(10), status="interrupted"), RunEnd(t=at(second), status=other))

            assert told(begun(), *ends).status == "interrupted"


def test_the_latest_of_several_ends_counts() -> None:
    both = (RunEnd(t=at(5), status="finished"), RunEnd(t=at(6), status="failed"))
    recovered = (RunEnd(t=at(5), status="lost"), RunEnd(t=at(6), status="crashed"))

    assert told(begun(), *both).status == "failed"
    assert told(begun(), *recovered).status == "crashed"


def test_progress_counts_until_the_end() -> None:
    first = Progress(t=at(1), metrics={"loss": Summary(last=2, count=1)})
    second = Progress(t=at(2), metrics={"loss": Summary(last="Infinity", count=2)})
    end = RunEnd(t=at(3), status="finished", metrics={"loss": Summary(last=0.5, count=3)})

    assert told(begun(), first).metrics["loss"].last == 2
    assert told(begun(), first, second).metrics["loss"].last == math.inf
    assert told(begun(), first, second, end).metrics["loss"].count == 3
    # An end that knows of no metrics takes none away.
    assert told(begun(), first, RunEnd(t=at(3), status="finished")).metrics["loss"].last == 2


def test_tags_are_given_and_taken_in_the_order_of_time() -> None:
    events = (begun(tags=["a", "b"]), Tag(t=at(1), tags=["c", "a"]), Untag(t=at(2), tags=["b"]))

    assert told(*events).tags == ["a", "c"]
    assert told(*events, Tag(t=at(3), tags=["b"])).tags == ["a", "c", "b"]


def test_no_record_takes_the_mark_of_a_guard() -> None:
    marked = Tag(t=at(1), tags=["tainted"], kept=True)

    assert told(begun(), marked, Untag(t=at(2), tags=["tainted"])).tags == ["tainted"]
    assert told(begun(), Tag(t=at(1), tags=["x"]), Untag(t=at(2), tags=["x"])).tags == []


def test_notes_a_new_name_links_and_what_was_learned_later() -> None:
    run = told(
        begun(),
        Note(t=at(1), text="one"),
        Note(t=at(2), text="two"),
        Rename(t=at(3), name="better"),
        Env(t=at(4), gpus=["A100"], packages="f" * 64),
        Link(t=at(5), commit="d" * 40),
        Link(t=at(6), commit="d" * 40),
    )

    assert [note.text for note in run.notes] == ["one", "two"]
    assert (run.name, run.links) == ("better", ["d" * 40])
    assert run.env == Env(t=at(4), gpus=["A100"], packages="f" * 64)


def test_the_last_artifact_and_action_of_a_name_count() -> None:
    old, new = Artifact(t=at(1), path="a", size=1), Artifact(t=at(2), path="a", size=2)
    other = Artifact(t=at(1), path="b", size=3)
    first, second = Action(t=at(1), id="x", cls="C"), Action(t=at(2), id="x", cls="D")
    result = ActionResult(t=at(3), id="x", outcome={"ok": True})

    run = told(begun(), old, new, other, first, second, result)

    assert run.artifacts == [other, new]
    assert (run.actions, run.results) == ([second], [result])


def test_a_tombstone_is_kept_with_who_and_why() -> None:
    stone = Deleted(t=at(5), by="Ada", reason="wrong data")

    assert told(begun(), stone).deleted == stone


def test_what_metadata_calls_params_is_params_and_those_given_win() -> None:
    metadata = {"hparams": {"lr": 0.1, "opt": {"name": "sgd"}}, "params": {"bs": 32}, "seed": 1}

    run = told(begun(metadata=metadata, params={"lr": 0.2}))

    assert run.params == {"lr": 0.2, "opt.name": "sgd", "bs": 32}
    assert run.metadata == metadata
    assert params_in({"hparams": [1]}) == params_in("text") == params_in(None) == {}


def test_what_joins_is_merged_by_key_at_every_depth_and_the_later_wins() -> None:
    first = {"hparams": {"lr": 0.1, "bs": 8}, "seed": 1, "a": {"b": 1}, "none": None}
    second = {"hparams": {"lr": 0.2, "wd": 0.0}, "seed": 2, "a": 5, "none": {"c": 1}}

    run = told(
        begun(metadata=first, tags=["x"], params={"k": 1}),
        Join(t=at(1), rank=1, metadata=second, tags=["y"], group="g", params={"k": 1, "l": 2}),
        Join(t=at(2), rank=2),
    )

    assert run.metadata == {
        "hparams": {"lr": 0.2, "bs": 8, "wd": 0.0}, "seed": 2, "a": 5, "none": {"c": 1},
    }  # fmt: skip
    assert run.params == {"lr": 0.2, "bs": 8, "wd": 0.0, "k": 1, "l": 2}
    assert (run.name, run.tags, run.group) == ("baseline", ["x", "y"], "g")
    assert [join.rank for join in run.joined] == [1, 2]


def test_a_param_with_two_values_is_a_conflict_said_once() -> None:
    joins = [Join(t=at(rank), rank=rank, params={"lr": rank, "bs": 8}) for rank in (1, 2, 3)]

    run = told(begun(params={"lr": 1, "bs": 8}), *joins)

    assert (run.conflicts, run.params) == (["lr"], {"lr": 3, "bs": 8})


def test_who_joined_with_a_slow_clock_is_merged_all_the_same() -> None:
    early = Join(t=at(-5), rank=1, params={"lr": 1}, tags=["y"], group="g", metadata={"a": 1})

    run = told(begun(params={"lr": 2}, metadata={"b": 2}), early)

    assert (run.name, run.group, run.started) == ("baseline", "g", at(0))
    assert (run.params, run.tags, run.metadata) == ({"lr": 2}, ["y"], {"a": 1, "b": 2})


def test_metadata_that_is_no_mapping_is_replaced() -> None:
    assert told(begun(metadata=[1]), Join(t=at(1), metadata={"a": 1})).metadata == {"a": 1}
    assert told(begun(metadata={"a": 1}), Join(t=at(1), metadata="text")).metadata == "text"


def test_damaged_lines_are_counted_and_later_events_passed_over() -> None:
    lines = [
        records.line(begun())[:-1],
        b"torn",
        b"{}",
        b'{"t":"' + at(1).encode() + b'","event":"x"}',
    ]

    run = fold(lines)

    assert (run.damaged, run.name) == (2, "baseline")


def test_a_line_from_over_a_day_ahead_is_damage_and_wins_over_nothing() -> None:
    events = (begun(tags=["a"]), Rename(t=at(86_401), name="ahead"), Tag(t=at(80_000), tags=["b"]))

    run = told(*events, now=BASE)

    assert (run.name, run.tags, run.damaged) == ("baseline", ["a", "b"], 1)
    assert told(*events, now=BASE + 2_000_000).name == "ahead"
    assert told(*events).name == "ahead"
    assert told(*events, now=BASE - 10**12).name == "baseline"


def test_metadata_that_nests_without_end_is_folded() -> None:
    deep: Any = 1
    for _ in range(300):
        deep = {"a": deep}

    run = told(begun(metadata={"params": deep}), Join(t=at(1), metadata={"params": deep}))

    assert run.params == {".".join("a" * 300): 1}
    assert flat(5) == {}


EVENTS = [
    begun(params={"lr": 1}, tags=["a"], metadata={"p": {"q": 1}}),
    Join(t=at(1), rank=1, params={"lr": 2}, tags=["b"], metadata={"p": {"r": 2}}, group="g"),
    Join(t=at(1), rank=2, params={"lr": 3}),
    Tag(t=at(2), tags=["c"]), Untag(t=at(3), tags=["a"]), Untag(t=at(2), tags=["c"]),
    Note(t=at(4), text="x"), Note(t=at(4), text="y"),
    Rename(t=at(5), name="n"), Rename(t=at(5), name="m"),
    Progress(t=at(6), metrics={"loss": Summary(last=1, count=1)}),
    Artifact(t=at(7), path="a", size=1), Artifact(t=at(7), path="a", size=2),
    RunEnd(t=at(8), status="finished"), RunEnd(t=at(8), status="failed"),
    RunEnd(t=at(9), status="crashed"),
    Deleted(t=at(10), by="x"), Link(t=at(3), commit="d"), Env(t=at(2), packages="f"),
]  # fmt: skip
LINES = [*(records.line(event)[:-1] for event in EVENTS), b"damaged", b"\xff"]


@given(st.lists(st.sampled_from(LINES), max_size=12), st.randoms(use_true_random=False))
def test_the_fold_does_not_depend_on_the_order_of_lines(lines: list[bytes], chance: Any) -> None:
    shuffled = lines + lines[:3]
    chance.shuffle(shuffled)

    assert fold(shuffled) == fold(lines)


@given(st.lists(st.binary(max_size=100), max_size=5))
def test_any_lines_at_all_are_folded(lines: list[bytes]) -> None:
    run = fold(lines, now=BASE)

    assert run.damaged <= len(set(lines))
