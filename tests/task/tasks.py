"""Tasks of tests: pools import them by name."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

from git_exp import Action, Config, Experiment, Meta, Param, Task, experiment, field

# What was executed in this process, in order.
DONE: list[Any] = []


class Model(Config):
    width: Param[int] = 1


class Export(Action):
    model: Param[Model]

    def describe(self) -> str:
        return f"Export\n a model of width {self.model.width}"


class Add(Task):
    """Returns a metric; `after` is what it comes after."""

    number: Param[int]
    after: Param[list[Config]] = field(default_factory=list)
    where: Meta[str] = ""

    def execute(self) -> Any:
        DONE.append(self.number)
        return {"number": self.number, "pid": os.getpid()}


class Train(Task):
    """Its output is a model, which it marks."""

    width: Param[int]
    fails: Meta[bool] = False

    def __submit__(self, dep: Any, add_action: Any, **kwargs: Any) -> Any:
        model = dep(Model(width=self.width))
        add_action(Export(model=model))
        return model

    def task_outputs(self, dep: Any) -> Any:
        raise AssertionError("__submit__ comes first")

    def execute(self) -> Any:
        DONE.append(f"train {self.width}")
        if self.fails:
            raise ValueError("no convergence\nat all")
        return 1 / self.width


class Score(Task):
    model: Param[Model]

    def execute(self) -> Any:
        DONE.append(f"score {self.model.width}")


class Older(Task):
    """With the older way to say what its output is."""

    def task_outputs(self, dep: Any) -> Any:
        return dep(Model(width=7))

    def execute(self) -> None:
        DONE.append("older")


class Raises(Task):
    what: Param[str]

    def execute(self) -> Any:
        DONE.append(self.what)
        match self.what:
            case "interrupt":
                raise KeyboardInterrupt
            case "exit":
                raise SystemExit(3)
            case "leave":
                raise SystemExit
            case "kill":
                os.kill(os.getpid(), signal.SIGKILL)
        raise ValueError(self.what)


class Returns(Task):
    what: Param[str]

    def execute(self) -> Any:
        import numpy as np

        return {
            "number": 3, "nothing": None, "text": "said", "truth": True,
            "nested": {"loss": {"train": 0.5}, "name": "x"}, "numpy": np.float32(0.5),
            "odd": {"loss": 1.0, "model": object()}, "lock": {"loss": threading.Lock()},
        }[self.what]  # fmt: skip


class Holds(Task):
    """Holds what no pickle holds."""

    lock: Meta[Any] = None

    def execute(self) -> None:
        DONE.append("holds")


class Tracks(Task):
    number: Param[int] = 1

    def execute(self) -> None:
        with Experiment("inner", tags=["joined"]) as exp:
            exp.track({"loss": self.number})


class Outer(Task):
    """An experiment of its own inside."""

    def execute(self) -> None:
        with experiment("inner"):
            Add(number=1).submit()


class Waits(Task):
    """Says that it has begun, and waits."""

    number: Param[int] = 0
    where: Meta[Path] = Path()

    def execute(self) -> None:
        (self.where / f"begun{self.number}").touch()
        time.sleep(60)
