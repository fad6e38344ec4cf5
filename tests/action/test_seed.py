"""The published examples of experimaestro's actions run here, but for the name that is imported."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Exp

Git = Callable[..., str]

# The Python blocks of "Experiment Actions" in the documentation of experimaestro, as printed.
BLOCKS = {
    "define": '''
from experimaestro import Action, Interaction, Param

class ExportToHub(Action):
    model: Param[Model]
    default_name: Param[str] = field(default="my-model", ignore_default=True)

    def describe(self) -> str:
        return "Export model to Hugging Face Hub"

    def execute(self, interaction: Interaction) -> None:
        target = interaction.choice("target", "Export to:", ["HF Hub", "Local folder"])
        if target == "HF Hub":
            name = interaction.text("name", "Hub model name:", default=self.default_name)
            private = interaction.checkbox("private", "Private repo?", default=False)
            self.model.push_to_hub(name, private=private)
        else:
            folder = interaction.text("folder", "Output folder:")
            self.model.save(Path(folder))
''',
    "register": '''
from experimaestro import Task, Param

class TrainModel(Task):
    model: Param[Model]
    epochs: Param[int]

    def __submit__(self, dep, add_action, **kwargs):
        # Register action for post-experiment use
        add_action(ExportToHub(model=self.model))
        return self  # or dep(some_output_config)

    def execute(self):
        # Training logic
        pass
''',
    "before": '''
# Before (still works):
class MyTask(Task):
    def task_outputs(self, dep):
        return dep(OutputConfig(...))
''',
    "after": '''
# After (new style):
class MyTask(Task):
    def __submit__(self, dep, add_action, **kwargs):
        add_action(MyAction(...))
        return dep(OutputConfig(...))
''',
    "backend": '''
from experimaestro import Interaction

class WebInteraction(Interaction):
    def choice(self, key, label, choices):
        # Show web form, wait for response
        ...

    def checkbox(self, key, label, *, default=False):
        ...

    def text(self, key, label, *, default=""):
        ...
''',
    "load": '''
from experimaestro import load_xp_info

info = load_xp_info("/path/to/workspace/experiments/my-experiment/20260325_120000")
print(info.jobs)     # dict[str, Config]
print(info.actions)  # dict[str, Action]
''',
}  # fmt: skip
# What the page takes for granted.
GIVEN = """
from pathlib import Path
from git_exp import Action, Config, Param, Task, experiment, field

class Model(Config):
    width: Param[int] = 64

    def push_to_hub(self, name, private):
        print(f"pushed {name} private={private} width={self.width}")

    def save(self, folder):
        print(f"saved to {folder}")
"""
OUTPUTS = """
class OutputConfig(Config):
    size: Param[int] = 1

class MyAction(Action):
    pass

class Reads(Task):
    what: Param[OutputConfig]
"""
SUBMIT = """
def main():
    with experiment("my-experiment"):
        made = TrainModel(model=Model(), epochs=3).submit()
        assert isinstance(made, TrainModel)
"""
GUARD = '\nif __name__ == "__main__":\n    main()\n'
SET = ("--set", "target=HF Hub", "--set", "name=my-model", "--set", "private=true")


def block(name: str) -> str:
    return BLOCKS[name].replace("from experimaestro import", "from git_exp import")


def python(*words: str) -> str:
    done = subprocess.run((sys.executable, *words), capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.fixture(params=["a guarded script", "a script", "a package"])
def trained(request: pytest.FixtureRequest, repo: Path) -> Path:
    """The page's model trained, by a program of each form."""
    whole = GIVEN + block("define") + block("register") + SUBMIT
    if request.param == "a package":
        (repo / "lab/models").mkdir(parents=True)
        (repo / "lab/__init__.py").write_text("")
        (repo / "lab/models/__init__.py").write_text(GIVEN)
        given = "from pathlib import Path\nfrom git_exp import experiment, field\n"
        use = f"{given}from .models import Model\n"
        (repo / "lab/actions.py").write_text(use + block("define"))
        rest = use + "from .actions import ExportToHub\n" + block("register") + SUBMIT + GUARD
        (repo / "lab/train.py").write_text(rest)
        python("-m", "lab.train")
    else:
        (repo / "study.py").write_text(
            whole + (GUARD if "guarded" in request.param else "\nmain()\n")
        )
        python("study.py")
    return repo


@pytest.mark.slow
def test_the_commands_of_the_page_list_and_run_the_action(trained: Path, exp: Exp) -> None:
    listed = exp("experiments", "actions", "list", "my-experiment").stdout
    pushed = exp("experiments", "actions", "run", "my-experiment", "ExportToHub", *SET)

    assert "ExportToHub" in listed
    assert "Export model to Hugging Face Hub" in listed
    assert (pushed.stdout, pushed.stderr) == ("pushed my-model private=True width=64\n", "")
    last = json.loads(exp("actions", "list", "my-experiment", "--json").stdout)["actions"][0]
    assert [one["answers"] for one in last["results"]] == [
        {"target": "HF Hub", "name": "my-model", "private": True}
    ]


@pytest.mark.slow
def test_the_class_is_loaded_from_the_runs_own_code_too(trained: Path, exp: Exp, git: Git) -> None:
    for path in trained.rglob("*.py"):
        path.write_text("raise SystemError('another day')\n")
    for folder in list(trained.rglob("__pycache__")):
        shutil.rmtree(folder)
    given = ("--set", "target=Local folder", "--set", "folder=out")

    today = exp("actions", "run", "my-experiment", "ExportToHub", *given, code=5)
    then = exp("actions", "run", "my-experiment", "ExportToHub", *given, "--at-run")

    assert today.stderr.startswith("fatal: cannot load '")
    assert then.stdout == "saved to out\n"
    assert not list(trained.rglob("__pycache__"))


@pytest.mark.slow
def test_load_xp_info_gives_jobs_and_actions_of_a_run_and_of_a_folder(
    trained: Path, git: Git, tmp_path: Path
) -> None:
    folder = tmp_path / "20260325_120000"
    folder.mkdir()
    names = git("for-each-ref", "--format=%(refname)", "refs/exp/data").split()
    for name in names:
        held = subprocess.run(("git", "show", f"{name}:objects.jsonl"), capture_output=True).stdout
        if held:
            (folder / "objects.jsonl").write_bytes(held)
    printed = "/path/to/workspace/experiments/my-experiment/20260325_120000"
    shown = [
        python("-c", block("load").replace(printed, where))
        for where in ("my-experiment", str(folder))
    ]

    for text in shown:
        jobs, actions = text.splitlines()
        assert jobs.endswith("TrainModel(model=Model(width=64), epochs=3)}")
        assert actions.endswith("ExportToHub(model=Model(width=64), default_name='my-model')}")


@pytest.mark.parametrize(("form", "actions"), [("before", 0), ("after", 1)])
def test_both_forms_of_outputs_say_what_comes_first(
    repo: Path, exp: Exp, form: str, actions: int
) -> None:
    submit = """
with experiment("outputs"):
    made = MyTask().submit()
    assert isinstance(made, OutputConfig), made
    Reads(what=made).submit()
"""
    run = (
        "MyTask.execute = lambda self: print('first')\nReads.execute = lambda self: print('then')\n"
    )
    (repo / "study.py").write_text(GIVEN + OUTPUTS + block(form) + run + submit)

    assert python("study.py") == "first\nthen\n"
    listed = json.loads(exp("actions", "list", "outputs", "--json").stdout)["actions"]
    assert [one["class"] for one in listed] == ["MyAction"] * actions


def test_a_backend_of_ones_own_is_asked(repo: Path) -> None:
    use = """
web = WebInteraction()
ExportToHub(model=Model()).execute(web)
WebInteraction.choice = lambda self, key, label, choices: choices[0]
WebInteraction.text = lambda self, key, label, *, default="": default
ExportToHub(model=Model()).execute(web)
ExportToHub.C(model=Model.C(width=2), default_name="x").execute(web)
"""
    (repo / "study.py").write_text(GIVEN + block("define") + block("backend") + use.replace(
        "ExportToHub(model=Model()).execute(web)\nWebInteraction.choice", "WebInteraction.choice", 1
    ))  # fmt: skip

    assert python("study.py").splitlines() == [
        "pushed my-model private=None width=64",
        "pushed x private=None width=2",
    ]
