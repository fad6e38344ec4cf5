"""`Task`: a config that can be executed, and what it depends on."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from git_exp import errors
from git_exp.action.action import Action
from git_exp.config import Config
from git_exp.config.held import within

T = TypeVar("T")
Dep = Callable[[Any], Any]
AddAction = Callable[[Action], str]

# Where a config keeps the tasks that it is an output of.
_MADE_BY = "_made_by"
_KEY = "_key"


class Task(Config):
    """Work with params: submitted within `experiment()`, it becomes a run of its own.

    ::

        class Train(Task):
            model: Param[Model]
            epochs: Param[int]

            def execute(self):
                ...

        with experiment("baseline"):
            Train(model=Model(width=64), epochs=3).submit()
    """

    def __submit__(self, dep: Dep, add_action: AddAction, **kwargs: Any) -> Any:
        """What `submit` gives: the task itself, or a config that stands for its output.

        `dep(x)` marks a config as an output of this task, and gives it; whatever task holds it is
        executed after this one. `add_action(action)` registers an action and gives its id. Without
        one of its own, a class with the older `task_outputs(self, dep)` is asked by that.
        """
        outputs = getattr(self, "task_outputs", None)
        return self if outputs is None else outputs(dep)

    def execute(self) -> Any:
        """The work; a number or a mapping of numbers that it returns is recorded as metrics."""
        raise NotImplementedError(f"{type(self).__name__} has no execute(self)")

    def submit(self, *, rerun: bool = False) -> Any:
        """Submit it to the experiment that is open, and give what `__submit__` says.

        A task with the same identifier that has finished with the very same code is not executed
        again unless with `rerun`. Raises `UsageError` outside of `with experiment(...)`.
        """
        from git_exp.task.experiment import current

        return current(f"{type(self).__name__}.submit()").submit(self, rerun=rerun)


def marked(config: T, task: Task) -> T:
    """A config as an output of a task. Raises `BadConfig` for what is no config."""
    if not isinstance(config, Config):
        raise errors.BadConfig(f"dep() takes a config, not {type(config).__name__}")
    made_by = config.__dict__.setdefault(_MADE_BY, [])
    if config is not task and not any(one is task for one in made_by):
        made_by.append(task)
    return config


def needs(task: Task) -> Iterator[Task]:
    """The tasks that a task holds, or whose outputs it holds."""
    for one in within(task):
        if isinstance(one, Task) and one is not task:
            yield one
        for maker in one.__dict__.get(_MADE_BY, ()):
            if maker is not task:
                yield maker


def key(task: Task) -> str:
    """What a task is known by: its identifier, with those of the tasks whose outputs it holds.

    Two outputs with equal values are not the same where different tasks have made them.
    """
    known: str | None = task.__dict__.get(_KEY)
    if known is not None:
        return known
    own = task.config_id()
    makers = {
        key(maker)
        for one in within(task)
        for maker in one.__dict__.get(_MADE_BY, ())
        if maker is not task and maker is not one
    }
    told = "\n".join([own, *sorted(makers)])
    found = hashlib.sha256(told.encode()).hexdigest() if makers else own
    task.__dict__[_KEY] = found
    return found
