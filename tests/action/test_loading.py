"""Where the classes of actions come from: programs of all forms, executed as far as needed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Exp
from tests.programs import runs

Git = Callable[..., str]
ACTION = """
from git_exp import Action, Config, Experiment, Param

class Model(Config):
    width: Param[int] = 1

class Show(Action):
    model: Param[Model]

    def execute(self, interaction):
        return f"width {self.model.width}, as VERSION"
"""
BEGIN = """
with Experiment("it") as exp:
    exp.add_action(Show(model=Model()))
"""


def python(*words: str, cwd: Path | None = None) -> None:
    done = subprocess.run((sys.executable, *words), capture_output=True, text=True, cwd=cwd)
    assert done.returncode == 0, done.stderr


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text.replace("VERSION", "it was"))


def test_a_package_that_is_executed_with_imports_of_its_own(repo: Path, exp: Exp) -> None:
    write(repo / "pkg/__init__.py", "")
    write(repo / "pkg/shown.py", ACTION)
    begin = BEGIN.replace("Show(", "More(").replace("\n", "\n    ")
    main = "from .shown import *\n\nclass More(Show):\n    pass\n\nif __name__ == '__main__':"
    write(repo / "pkg/__main__.py", main + begin + "pass\n")
    python("-m", "pkg")

    assert exp("actions", "run", "it", "More").stdout == "width 1, as it was\n"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["my.train.py", "my-train.py", "sub/train.py"])
def test_a_script_of_any_name_finds_what_is_beside_it(repo: Path, exp: Exp, name: str) -> None:
    path = repo / name
    write(path.parent / "beside.py", ACTION)
    write(
        path,
        "from beside import *\n\nclass More(Show):\n    pass\n" + BEGIN.replace("Show", "More"),
    )
    python(path.name, cwd=path.parent)

    assert exp("actions", "run", "it", "More").stdout == "width 1, as it was\n"
    assert len(runs()) == 1


def test_a_src_layout_is_that_of_the_run_with_at_run(
    repo: Path, exp: Exp, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(repo / "src/lab/__init__.py", "")
    write(repo / "src/lab/shown.py", ACTION)
    more = "from lab.shown import *\n\nclass More(Show):\n    pass\n"
    write(repo / "train.py", more + BEGIN.replace("Show", "More"))
    monkeypatch.setenv("PYTHONPATH", str(repo / "src"))
    python("train.py")
    write(repo / "src/lab/shown.py", ACTION.replace("VERSION", "it is"))

    then, now = (exp("actions", "run", "it", "More", *how) for how in (("--at-run",), ()))

    assert (then.stdout, then.stderr) == ("width 1, as it was\n", "")
    assert (now.stdout, now.stderr) == ("width 1, as it is\n", "")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("module", "code", "said"),
    [
        ("e = Experiment('more')", 5, "a module begins a run when it is imported"),
        ("import sys; sys.exit(3)", 5, "SystemExit: 3"),
        ("class Own(BaseException): pass\nraise Own('no')", 5, "Own: no"),
        (
            "import threading\nt = threading.Thread(target=lambda: Experiment('more'))\n"
            "t.start(); t.join()",
            0,
            "",
        ),
    ],
)
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_to_look_for_a_class_begins_no_run(
    repo: Path, exp: Exp, module: str, code: int, said: str
) -> None:
    write(repo / "pkg/__init__.py", "")
    write(repo / "pkg/shown.py", ACTION + BEGIN)
    python("-m", "pkg.shown")
    before = len(runs())
    write(repo / "pkg/__init__.py", "from git_exp import Experiment\n" + module + "\n")

    done = exp("actions", "run", "it", "Show", code=code)

    assert said in done.stderr
    assert len(runs()) == before


def test_what_a_class_has_in_any_value_comes_back(repo: Path) -> None:
    text = """
import dataclasses, enum
from git_exp import Config, Param, Task, experiment

class Color(enum.Enum):
    RED = 1

@dataclasses.dataclass
class Point:
    x: int

class Work(Task):
    held: Param[dict]

    def execute(self):
        pass

if __name__ == "__main__":
    with experiment("any"):
        Work(held={"a": Color.RED, "b": [Point(x=2)]}).submit()
"""
    write(repo / "work.py", text)
    python("work.py")
    code = """
from git_exp import load_xp_info
(job,) = load_xp_info("any").jobs.values()
assert type(job.held["a"]).__name__ == "Color", job
assert job.held["b"][0].x == 2
"""

    python("-c", code)


def test_two_scripts_with_equal_tasks_do_not_stand_for_each_other(repo: Path, exp: Exp) -> None:
    text = """
from git_exp import Param, Task, experiment

class Train(Task):
    lr: Param[float] = 0.1

    def execute(self):
        return {"acc": ACC}

with experiment("it"):
    Train().submit()
"""
    for folder, acc in (("base", "0.1"), ("better", "0.2")):
        write(repo / folder / "train.py", text.replace("ACC", acc))
    for folder in ("base", "better", "better"):
        python(f"{folder}/train.py")

    found = [run.metrics["acc"].last for run in runs() if run.name == "Train"]
    assert sorted(found) == [0.1, 0.2]


@pytest.mark.slow
def test_three_hundred_tasks_with_an_equal_action_are_as_many_jobs_and_one_action(
    repo: Path,
) -> None:
    text = (
        ACTION.replace("class Show", "from git_exp import Task, experiment\n\nclass Show")
        + """
class Work(Task):
    seed: Param[int]

    def __submit__(self, dep, add_action, **kwargs):
        add_action(Show(model=Model(width=7)))
        return self

    def execute(self):
        pass

if __name__ == "__main__":
    with experiment("many"):
        for seed in range(300):
            Work(seed=seed).submit()
"""
    )
    write(repo / "work.py", text)
    python("work.py")

    python(
        "-c",
        "from git_exp import load_xp_info\n"
        "info = load_xp_info('many')\n"
        "assert sorted(job.seed for job in info.jobs.values()) == list(range(300))\n"
        "(action,) = info.actions.values()\n"
        "assert action.model.width == 7\n",
    )
