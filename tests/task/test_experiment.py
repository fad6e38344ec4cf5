"""`experiment()`: tasks as child runs, in order, each once, and what is recorded of them."""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from git_exp import Action, Config, Experiment, Param, Task, errors, experiment, field
from git_exp.git import refs
from git_exp.run import Run
from git_exp.task import children
from tests import programs
from tests.conftest import Exp
from tests.spooled import found
from tests.task import tasks
from tests.task.tasks import (
    DONE,
    Add,
    Export,
    Holds,
    Model,
    Older,
    Outer,
    Raises,
    Returns,
    Score,
    Tracks,
    Train,
)

Git = Callable[..., str]


def family() -> tuple[Run, list[Run]]:
    """The experiment's run, and its children in the order of their beginning."""
    every = programs.runs()
    (parent,) = [run for run in every if run.parent_run is None]
    below = [run for run in every if run.parent_run == parent.id]
    return parent, sorted(below, key=lambda run: run.started)


def stored(run_id: str | None, git: Git) -> list[dict[str, Any]]:
    text = git("show", f"refs/exp/data/{run_id}:objects.jsonl")
    return [json.loads(line) for line in text.splitlines()]


def test_tasks_are_child_runs_on_commits_of_one_tree(repo: Path, git: Git) -> None:
    (repo / "train.py").write_text("changed\n")
    before = {path: path.read_bytes() for path in (repo / ".git").glob("*") if path.is_file()}

    with experiment("baseline", tags=["a"]) as exp:
        given = [Add(number=number).submit() for number in range(3)]
        assert DONE == []

    assert [one.number for one in given] == DONE == [0, 1, 2]
    parent, below = family()
    assert (parent.id, parent.name, parent.status, parent.tags) == (
        exp.run_id, "baseline", "finished", ["a"],
    )  # fmt: skip
    assert [run.name for run in below] == ["Add"] * 3
    assert [run.params["number"] for run in below] == [0, 1, 2]
    assert {run.status for run in below} == {"finished"}
    assert [run.metrics["number"].last for run in below] == [0, 1, 2]
    trees = {git("rev-parse", f"refs/runs/{run.id}^{{tree}}") for run in (parent, *below)}
    assert len(trees) == 1
    assert git("show", f"{below[0].commit}:train.py") == "changed"
    assert git("log", "-1", "--format=%P", below[0].commit) == git("rev-parse", "HEAD")
    assert git("log", "--format=%s", "refs/notes/exp").splitlines() == ["exp: seal 4 runs"]
    after = {path: path.read_bytes() for path in (repo / ".git").glob("*") if path.is_file()}
    assert after == before


@pytest.mark.slow
def test_three_hundred_tasks_have_three_hundred_jobs_and_one_action(repo: Path, git: Git) -> None:
    class Registers(Task):
        number: Param[int]

        def __submit__(self, dep: Any, add_action: Any, **kwargs: Any) -> Any:
            ids.add(add_action(Export(model=Model(width=3))))
            return self

        def execute(self) -> None:
            pass

    ids: set[str] = set()
    with experiment("many") as exp:
        for number in range(300):
            Registers(number=number).submit()

    lines = stored(exp.run_id, git)
    assert len([one for one in lines if "job" in one]) == 300
    assert [one["action"] for one in lines if "action" in one] == [*ids]
    parent, below = family()
    assert [(one.id, one.cls, one.description) for one in parent.actions] == [
        (*ids, "Export", "Export a model of width 3")
    ]
    assert len(below) == 300
    assert refs.loose(found(repo), "refs") < 200


def test_an_action_is_in_the_records_as_soon_as_it_is_registered(repo: Path) -> None:
    with experiment("now") as exp:
        one = exp.add_action(Export(model=Model(width=1)))
        other = exp.add_action(Export(model=Model(width=1)))
        again = exp.run.add_action(Export(model=Model(width=2)))

        (run,) = programs.runs()
        assert [action.id for action in run.actions] == [one, again]
        assert run.live

    assert one == other != again
    assert [action.id for action in programs.only().actions] == [one, again]


def test_objects_are_there_before_the_event_that_names_them(
    repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there: list[bytes] = []
    with experiment("order") as exp:
        recorder = exp.run._recorder
        assert recorder is not None
        monkeypatch.setattr(
            recorder,
            "record",
            lambda make: there.append((recorder.folder / "objects").read_bytes()),
        )
        action = exp.add_action(Export(model=Model(width=1)))
        monkeypatch.undo()

    *objects, last = [json.loads(line) for line in there[0].splitlines()]
    assert [one["class"].partition(":")[2] for one in objects] == ["Model", "Export"]
    assert last["action"] == action
    assert last["object"] == objects[-1]["object"]


def test_submit_asks_the_task_before_the_older_way_and_gives_the_task_else(repo: Path) -> None:
    class Nothing(Task):
        def __submit__(self, dep: Any, add_action: Any, **kwargs: Any) -> Any:
            return None

        def execute(self) -> None:
            pass

    with experiment("ways"):
        new, old, plain = Train(width=2).submit(), Older().submit(), Add(number=1).submit()
        nothing = Nothing()
        assert nothing.submit() is nothing

    assert (type(new), new.width) == (Model, 2)
    assert (type(old), old.width) == (Model, 7)
    assert type(plain) is Add


def test_an_expression_tells_tasks_from_the_run_that_they_are_in(repo: Path, exp: Exp) -> None:
    with experiment("baseline"):
        Add(number=1).submit()
    parent, below = family()

    asked = (f"parent = {parent.id[:8]}", "not parent exists")
    told = [exp("log", "--where", one, "--format", "%(name) %(parent)").stdout for one in asked]

    assert len(below) == 1
    assert told == [f"Add {parent.id}\n", "baseline \n"]


def test_a_task_comes_after_those_whose_outputs_it_holds_however_deep(repo: Path) -> None:
    class Deep(Task):
        held: Param[dict[str, list[Model]]]

        def execute(self) -> None:
            DONE.append("deep")

    with experiment("order"):
        model = Model(width=5)
        score = Score(model=model)
        late = Add(number=1, after=[Train(width=3)])
        late.submit()
        Deep(held={"a": [Train(width=3).submit()]}).submit()
        score.submit()

    assert DONE == ["train 3", 1, "deep", "score 5"]


def test_a_failed_task_fails_its_dependents_and_the_others_go_on(repo: Path) -> None:
    with pytest.raises(errors.TasksFailed) as caught, experiment("fails"):  # noqa: PT012
        Score(model=Train(width=1, fails=True).submit()).submit()
        Score(model=Train(width=2).submit()).submit()

    assert DONE == ["train 1", "train 2", "score 2"]
    assert str(caught.value).startswith("2 of 4 tasks failed: Train ")
    assert ": ValueError: no convergence and 1 more" in str(caught.value)
    parent, below = family()
    assert (parent.status, parent.exit_code) == ("failed", 1)
    told = {run.name + str(run.status): run for run in below}
    assert sorted(told) == ["Scorefailed", "Scorefinished", "Trainfailed", "Trainfinished"]
    error = told["Trainfailed"].error
    assert error is not None
    assert (error.type, error.message) == ("ValueError", "no convergence\nat all")
    assert "raise ValueError" in (error.traceback or "")
    waited = told["Scorefailed"].error
    assert waited is not None
    assert waited.type == "DependencyFailed"
    assert waited.message.startswith("it depends on Train ")
    assert waited.message.endswith(", which is failed")


def test_equal_tasks_are_one_and_give_the_same_output(repo: Path) -> None:
    with experiment("equal"):
        one, two = Train(width=2).submit(), Train(width=2).submit()
        assert one is two
        assert Train(width=3).submit() is not one

    assert DONE == ["train 2", "train 3"]


def test_outputs_with_equal_values_of_different_tasks_are_not_the_same(repo: Path) -> None:
    class Tune(Train):
        def __submit__(self, dep: Any, add_action: Any, **kwargs: Any) -> Any:
            return dep(Model(width=1))

    with experiment("keys"):
        one, two = Tune(width=1).submit(), Tune(width=2).submit()
        assert one.config_id() == two.config_id() == Model(width=1).config_id()
        Score(model=one).submit()
        Score(model=two).submit()
        Score(model=Model(width=1)).submit()
        Score(model=Model(width=1)).submit()

    assert DONE.count("score 1") == 3
    assert len({run.metadata["task"]["key"] for run in family()[1]}) == 5


def test_a_copy_of_an_output_is_an_output_of_the_same_task_and_of_no_other(repo: Path) -> None:
    class Again(Task):
        model: Param[Model]

        def __submit__(self, dep: Any, add_action: Any, **kwargs: Any) -> Any:
            return dep(self.model)

        def execute(self) -> None:
            DONE.append("again")

    with experiment("copies"):
        model = Train(width=1).submit()
        late = [Score(model=one) for one in (copy.copy(model), copy.deepcopy(model))]
        Again(model=copy.copy(model)).submit()
        for one in late:
            one.submit()

    assert DONE == ["train 1", "again", "score 1"]
    assert model.config_id() == Model(width=1).config_id()


def test_a_default_that_is_an_output_is_one_for_each_that_has_it(repo: Path) -> None:
    with pytest.raises(errors.TasksFailed, match="1 of 3 tasks failed"), experiment("defaults"):  # noqa: PT012
        made = Train(width=1).submit()

        class Uses(Task):
            number: Param[int]
            model: Param[Model] = made

            def __submit__(self, dep: Any, add_action: Any, **kwargs: Any) -> Any:
                return dep(self.model)

            def execute(self) -> None:
                DONE.append(self.number)
                if self.number == 1:
                    raise ValueError

        Uses(number=1).submit()
        Uses(number=2).submit()
    assert DONE == ["train 1", 1, 2]


def test_what_depends_on_a_task_that_holds_an_output_waits_for_it(repo: Path) -> None:
    with experiment("nested"):
        model = Train(width=1).submit()
        late = Add(number=1, after=[Score(model=model)])
        early = Score(model=model)
        late.submit()
        early.submit()

    assert DONE == ["train 1", "score 1", 1]


def test_tasks_that_wait_for_each_other_fail_and_the_others_go_on(repo: Path) -> None:
    class Marks(Task):
        held: Param[list[Config]]
        number: Param[int] = 0

        def __submit__(self, dep: Any, add_action: Any, **kwargs: Any) -> Any:
            first = self.held[0]
            dep(first.held[0] if isinstance(first, Marks) else first)
            return self

        def execute(self) -> None:
            DONE.append("marks")

    with pytest.raises(errors.TasksFailed) as caught, experiment("cycle"):  # noqa: PT012
        inner = Marks(held=[Model()])
        Marks(held=[inner]).submit()
        inner.submit()
        Add(number=1).submit()

    assert DONE == [1]
    assert len(caught.value.failed) == 2
    assert all("it waits for a task that waits for it" in one for one in caught.value.failed)
    assert sorted(str(run.status) for run in family()[1]) == ["failed", "failed", "finished"]


@pytest.mark.parametrize(
    ("what", "counted"),
    [
        ("number", {"value": 3}), ("nothing", {}), ("text", {}), ("truth", {}),
        ("nested", {"loss.train": 0.5}), ("numpy", {"value": 0.5}),
    ],
)  # fmt: skip
def test_what_a_task_returns_counts_if_it_is_a_number_or_a_mapping(
    repo: Path, what: str, counted: dict[str, float]
) -> None:
    with experiment("returns"):
        Returns(what=what).submit()

    _, (run,) = family()
    assert {name: one.last for name, one in run.metrics.items()} == counted


def test_what_no_record_holds_is_told_and_the_task_has_finished(
    repo: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with experiment("odd"):
        Returns(what="odd").submit()

    _, (run,) = family()
    assert (run.status, run.metrics) == ("finished", {})
    said = f"run {run.id[:8]}: cannot record 'returned.model': objects of type object\n"
    assert capfd.readouterr().err == f"git-exp: {said}"


def test_an_experiment_in_a_task_is_that_tasks_run(repo: Path) -> None:
    with experiment("outer"):
        Tracks(number=4).submit()

    _, (run,) = family()
    assert run.metrics["loss"].last == 4
    assert (run.name, run.tags) == ("Tracks", ["joined"])


def test_an_experiment_of_tasks_in_a_task_has_its_children_below_it(repo: Path) -> None:
    with experiment("outer"):
        Outer().submit()

    _, (outer,) = family()
    (inner,) = [run for run in programs.runs() if run.parent_run == outer.id]
    assert (inner.name, inner.status) == ("Add", "finished")
    assert outer.status == "finished"


def test_the_innermost_of_experiments_takes_a_task(repo: Path) -> None:
    with experiment("outer") as outer:
        with experiment("inner") as inner:
            Add(number=1).submit()
        Add(number=2).submit()

    assert {run.params["number"]: run.parent_run for run in programs.runs() if run.params} == {
        1: inner.run_id, 2: outer.run_id,
    }  # fmt: skip


def test_wait_executes_what_is_submitted_so_far(repo: Path) -> None:
    with experiment("waits") as exp:
        Add(number=1).submit()
        exp.wait()
        assert DONE == [1]
        Add(number=1).submit()
        Add(number=2).submit()
        Add(number=1).submit(rerun=True)

    assert DONE == [1, 2, 1]


def test_submit_needs_an_experiment_and_takes_a_task(repo: Path) -> None:
    not_a_task: Any = Model()
    with pytest.raises(errors.UsageError, match=r"^Add.submit\(\) is called outside of an exp"):
        Add(number=1).submit()
    with experiment("takes") as exp:
        with pytest.raises(errors.BadConfig, match=r"^submit\(\) takes a Task, not Model"):
            exp.submit(not_a_task)
        with pytest.raises(errors.BadConfig, match=r"^add_action\(\) takes an Action, not Model"):
            exp.add_action(not_a_task)

    class Wrong(Task):
        def __submit__(self, dep: Any, add_action: Any, **kwargs: Any) -> Any:
            return dep(3)

    with experiment("wrong"), pytest.raises(errors.BadConfig, match=r"^dep\(\) takes a config, no"):
        Wrong().submit()


def test_a_body_that_raises_executes_nothing(repo: Path) -> None:
    with pytest.raises(ValueError, match="body"), experiment("raises"):  # noqa: PT012
        Add(number=1).submit()
        raise ValueError("body")

    parent = programs.only()
    assert DONE == []
    assert (parent.status, parent.error and parent.error.message) == ("failed", "body")
    with pytest.raises(errors.UsageError):
        Add(number=1).submit()


def test_ctrl_c_in_a_task_interrupts_it_and_begins_no_other(repo: Path, exp: Exp) -> None:
    with pytest.raises(KeyboardInterrupt), experiment("stops"):  # noqa: PT012
        Add(number=1).submit()
        Raises(what="interrupt").submit()
        Add(number=2).submit()

    parent, below = family()
    assert DONE == [1, "interrupt"]
    assert (parent.status, [run.status for run in below]) == (
        "interrupted", ["finished", "interrupted"],
    )  # fmt: skip
    assert exp("fsck").stdout == ""


def test_a_task_may_exit_as_a_program_does(repo: Path) -> None:
    with pytest.raises(errors.TasksFailed, match="1 of 2 tasks failed"), experiment("exits"):  # noqa: PT012
        Raises(what="exit").submit()
        Raises(what="leave").submit()

    assert [(run.status, run.exit_code) for run in family()[1]] == [("failed", 3), ("finished", 0)]


def test_switched_off_tasks_are_executed_and_nothing_is_recorded(
    repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_EXP_DISABLED", "1")

    with experiment("off") as exp:
        Score(model=Train(width=2).submit()).submit()
        Tracks().submit()
        action = exp.add_action(Export(model=Model(width=1)))
    with pytest.raises(errors.TasksFailed), experiment("off"):
        Score(model=Train(width=1, fails=True).submit()).submit()

    monkeypatch.delenv("GIT_EXP_DISABLED")
    assert DONE == ["train 2", "score 2", "train 1"]
    assert (exp.run_id, len(action)) == (None, 32)
    assert programs.runs() == []


def test_children_of_a_private_experiment_are_private(repo: Path) -> None:
    with experiment("private", private=True):
        Add(number=2).submit()
        Outer().submit()

    assert [run.private for run in programs.runs()] == [True] * 4


def test_params_of_a_run_are_flat_and_no_more_than_a_list_can_use(repo: Path) -> None:
    class Wide(Task):
        model: Param[Model] = field(default_factory=Model)
        by_name: Param[dict[str, Any]] = field(default_factory=dict)
        listed: Param[list[int]] = field(default_factory=list)
        big: Param[int] = 10**5000
        where: Param[Path] = Path("a")

        def execute(self) -> None:
            pass

    class Two(Task):
        a: Param[Config | None] = None
        b: Param[Config | None] = None

        def execute(self) -> None:
            pass

    diamond: Config = Model()
    for _ in range(60):
        diamond = Two(a=diamond, b=diamond)
    with experiment("flat"):
        Wide(by_name={"x": 1, "y": {"z": "\udcff"}}, listed=[1]).submit()
        Wide(by_name={f"a{number:05}": number for number in range(2_000)}).submit()
        exp_diamond = diamond
        assert isinstance(exp_diamond, Two)
        exp_diamond.submit()

    ((first, second, third),) = [family()[1]]
    assert first.params == {
        "big": "16610 bits", "where": "a", "model.width": 1, "by_name.x": 1,
        "by_name.y.z": '"\\377"',
    }  # fmt: skip
    assert len(second.params) == 200
    assert third.params == {f"{'a.' * 60}width": 1}
    assert children.params_of(Wide())["model.width"] == 1


def test_a_task_whose_meta_is_not_stored_is_executed_here(repo: Path) -> None:
    with experiment("holds"):
        Holds(lock=object()).submit()

    assert DONE == ["holds"]


def test_an_action_may_register_another_as_it_describes_itself(repo: Path) -> None:
    class Says(Action):
        def describe(self) -> str:
            exp.add_action(Export(model=Model(width=1)))
            return "said"

    with Experiment("says") as exp:
        exp.add_action(Says())

    assert [one.cls for one in programs.only().actions] == ["Export", "Says"]


def test_an_action_that_cannot_describe_itself_or_be_stored_leaves_nothing(repo: Path) -> None:
    class Mute(Action):
        def describe(self) -> str:
            raise RuntimeError("mute")

    class Bound(Action):
        model: Param[Model] = field(default_factory=Model)
        handle: Param[Any] = Path

    with Experiment("mute") as exp:
        with pytest.raises(RuntimeError, match="mute"):
            exp.add_action(Mute())
        with pytest.raises(errors.BadConfig, match=r"^Bound.handle: "):
            exp.add_action(Bound())
        assert not (Path(str(exp.path)).parent / "objects").exists()

    assert programs.only().actions == []


def test_a_task_in_a_process_that_ended_its_run_says_so(repo: Path) -> None:
    with experiment("over") as exp:
        pass

    with pytest.raises(errors.UsageError, match="has ended"):
        exp.submit(Add(number=1))
    assert os.environ.get("GIT_EXP_RUN") is None
    assert tasks.DONE == []


def test_what_joined_a_task_without_an_end_is_closed_with_it(repo: Path) -> None:
    class Joins(Task):
        number: Param[int]

        def execute(self) -> None:
            Experiment("joins").track(self.number)

    opened = Path("/proc/self/fd")
    files = len(list(opened.iterdir()))
    with experiment("joined") as xp:
        for number in range(5):
            Joins(number=number).submit()
        xp.wait()
        assert len(list(opened.iterdir())) < files + 5

    assert [run.metrics["value"].last for run in family()[1]] == list(range(5))
    assert not list((repo / ".git/exp/spool").iterdir())


@pytest.mark.parametrize("name", ["two\nlines", "@best", "-x", " "])
def test_a_task_may_be_called_as_no_run_can_be(repo: Path, name: str) -> None:
    odd = type(name, (Add,), {})

    with experiment("odd"):
        odd(number=1).submit()

    assert [run.status for run in family()[1]] == ["finished"]
