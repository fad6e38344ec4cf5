"""A state in a file: the whole of it or the one before, whatever happens."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from git_exp import BadField, NotFound, UsageError
from git_exp.session import ExperimentResult, ExperimentState, create_initial_state, events, files


def state(**given: Any) -> ExperimentState:
    return create_initial_state("d.csv", "y", "regression", **given)


def test_what_json_has_no_word_for_comes_back(tmp_path: Path) -> None:
    one = state(time_budget=math.inf)
    params = {1: "one", None: (1, 2), "deep": {2.5: [math.nan, -math.inf]}, "$float": "x"}
    one.add_experiment(
        ExperimentResult(
            experiment_name="näme", iteration=0, metrics={"rmse": math.nan, "mae": math.inf},
            model_params=params,
        )
    )  # fmt: skip

    one.save(str(tmp_path / "s.json"))
    back = ExperimentState.load(tmp_path / "s.json")

    assert repr(back) == repr(one)
    told = json.loads((tmp_path / "s.json").read_bytes(), parse_constant=pytest.fail)
    assert told["version"] == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is damaged: Expecting value"),
        ("{", "is damaged: Expecting property name"),
        ("[1]", "is damaged: it is no object"),
        ("{}", "is no state of a session: it has no version"),
        ('{"version": true}', "is no state of a session: it has no version"),
        ('{"version": 2}', "is of version 2, this git exp reads 1"),
        ('{"version": 1}', "is damaged: ExperimentState.config: expected a value, got none"),
        ('{"version": 1, "config": {}, "x": 1}', "is damaged: ExperimentState: it has no field"),
        ('{"version": 1, "config": {"goal": 1}}', "is damaged: ExperimentState.config.goal: "),
        ('{"version": 1, "config": {"$float": "x"}}', "is damaged: could not convert"),
        ('{"version": 1, "config": ' + "[" * 9_000 + "]" * 9_000 + "}", "is damaged: "),
        ("\udcff", "is damaged: "),
    ],
)
def test_a_damaged_file_is_told_in_one_line(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "s.json"
    path.write_bytes(text.encode(errors="surrogateescape"))

    with pytest.raises(BadField) as refused:
        ExperimentState.load(path)

    assert str(refused.value).startswith(f"'{path}' {said}")
    assert "\n" not in str(refused.value)


def test_a_file_that_is_not_there_or_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="cannot read"):
        ExperimentState.load(tmp_path / "none.json")
    with pytest.raises(UsageError, match="cannot write"):
        state().save(tmp_path / "none" / "s.json")


def test_a_kill_in_a_loop_of_saves_leaves_the_old_file_or_the_new(tmp_path: Path) -> None:
    path = tmp_path / "s.json"
    code = (
        "import sys\n"
        "from git_exp.session import ExperimentResult, create_initial_state\n"
        "state = create_initial_state('d.csv', 'y', 'regression', max_iterations=10**6)\n"
        "while True:\n"
        "    one = ExperimentResult(experiment_name='e', iteration=0, metrics={'rmse': 1.0})\n"
        "    state.add_experiment(one)\n"
        "    state.save(sys.argv[1])\n"
        "    print(state.current_iteration, flush=True)\n"
    )
    seen = 0
    for attempt in range(8):
        words = (sys.executable, "-c", code, str(path))
        with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as program:
            assert program.stdout
            for _ in range(3):
                program.stdout.readline()
            time.sleep(0.003 * attempt)
            os.kill(program.pid, signal.SIGKILL)
            said = program.stdout.read().split()
        loaded = ExperimentState.load(path)
        assert loaded.current_iteration == len(loaded.experiments)
        assert loaded.current_iteration >= int(said[-1] if said else 3)
        seen += 1
    assert seen == 8


def test_an_event_of_a_newer_version_is_passed_over() -> None:
    line = files.line(events.Pause(t=1.5))

    assert line == b'{"t":"1970-01-01T00:00:01.500000Z","event":"pause"}\n'
    assert files.parse(line) == events.Pause(t=1.5)
    assert files.parse(line.replace(b"pause", b"dream")) is None
    assert files.parse(line.replace(b"}", b',"mood":"good"}')) == events.Pause(t=1.5)


@pytest.mark.parametrize(
    "line",
    [
        "{}",
        "x",
        '{"t":"yesterday","event":"pause"}',
        '{"t":"1970-01-01T00:00:01.500000Z","event":"claim"}',
    ],
)
def test_a_damaged_event_is_told(line: str) -> None:
    with pytest.raises(BadField, match="a line of a session"):
        files.parse(line.encode())
