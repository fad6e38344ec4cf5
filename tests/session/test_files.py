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
from git_exp.session import (
    ExperimentResult,
    ExperimentState,
    PreprocessingConfig,
    create_initial_state,
    events,
    files,
)


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

    same = {"elapsed_before": 0.0, "running_since": 0.0}
    assert repr(back.but(**same)) == repr(one.but(**same))
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
        (
            '{"version": 1, "config": {"$float": "x"}}',
            "is damaged: a value of it cannot be read (ValueError)",
        ),
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


@pytest.mark.parametrize(
    "value",
    [
        '{"$decimal":"x"}',
        '{"$seconds":[10000000000,0,0]}',
        '{"$uuid":5}',
        '{"$float":1' + "0" * 400 + "}",
    ],
)
def test_a_value_that_is_not_what_its_tag_says_is_damage(tmp_path: Path, value: str) -> None:
    path = tmp_path / "s.json"
    one = state()
    one.add_experiment(ExperimentResult(experiment_name="a", iteration=0, model_params={"p": 1}))
    one.save(path)
    path.write_text(path.read_text().replace('"p": 1', f'"p": {value}'))

    with pytest.raises(BadField, match="is damaged: a value of it cannot be read"):
        ExperimentState.load(path)


def test_the_time_between_a_save_and_a_load_is_nobodys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1_700_000_000.0]
    monkeypatch.setattr("time.time", lambda: now[0])
    one = state(time_budget=1800)
    now[0] += 100
    one.save(tmp_path / "s.json")
    now[0] += 86_400

    back = ExperimentState.load(tmp_path / "s.json")

    assert back.get_elapsed_time() == 100
    assert back.should_terminate() == (False, "")
    assert one.get_elapsed_time() == 86_500


def test_what_was_changed_to_nonsense_does_not_replace_a_good_file(tmp_path: Path) -> None:
    path = tmp_path / "s.json"
    one = state()
    one.save(path)
    one.experiments.append({})  # type: ignore[arg-type]

    with pytest.raises(BadField, match=r"ExperimentState\.experiments"):
        one.save(path)

    assert ExperimentState.load(path).experiments == []


def test_a_path_with_a_nul_is_refused() -> None:
    with pytest.raises(UsageError, match="a path has no NUL"):
        ExperimentState.load("a\0b")
    with pytest.raises(UsageError, match="a path has no NUL"):
        state().save("a\0b")


def test_an_event_of_a_newer_version_is_passed_over() -> None:
    line = files.line(events.Pause(t=1.5))

    assert line == b'{"t":"1970-01-01T00:00:01.500000Z","event":"pause"}\n'
    assert files.parse(line) == events.Pause(t=1.5)
    assert files.parse(line.replace(b"pause", b"dream")) is None
    assert files.parse(line.replace(b'"pause"', b"[]")) is None
    assert files.parse(line.replace(b"}", b',"mood":"good"}')) == events.Pause(t=1.5)
    own = PreprocessingConfig(missing_values="drop")
    told = ExperimentResult(experiment_name="a", iteration=0, preprocessing=own)
    result = events.Result(t=1.5, result=told)
    newer = files.line(result).replace(b'"iteration":0', b'"iteration":0,"mood":1')
    newer = newer.replace(b'"scaling":', b'"smell":[],"scaling":')
    assert newer.count(b"mood") == newer.count(b"smell") == 1
    assert files.parse(newer) == result


def test_what_nobody_said_of_preprocessing_is_not_told() -> None:
    result = events.Result(t=1.5, result=ExperimentResult(experiment_name="a", iteration=0))

    assert b"preprocessing" not in files.line(result)
    assert files.parse(files.line(result)) == result


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
