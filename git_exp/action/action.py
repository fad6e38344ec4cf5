"""`Action`: what a finished run can still do, asked for by its user."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING

from git_exp import errors
from git_exp.action.interaction import Interaction
from git_exp.config import Config

if TYPE_CHECKING:
    from git_exp.run import Run
    from git_exp.store import Store

executing: ContextVar[Run | None] = ContextVar("git_exp_action_run", default=None)


class Action(Config):
    """Something that a run offers once it is registered, while it lives and after it ended.

    ::

        class Export(Action):
            model: Param[Model]

            def describe(self) -> str:
                return "Export the model to a folder"

            def execute(self, interaction: Interaction) -> None:
                self.model.save(interaction.text("folder", "Output folder:"))

    Its params are stored when it is registered; its code is that of the day on which it is
    executed, or the run's own (`git exp actions run --at-run`).
    """

    def describe(self) -> str:
        """What it does, in one line."""
        return type(self).__name__

    def execute(self, interaction: Interaction) -> str | None:
        """Do it; `interaction` asks the user. A text that it returns is told and recorded."""
        raise NotImplementedError(f"{type(self).__name__} has no execute(self, interaction)")

    @property
    def of_run(self) -> Run:
        """The run that offers it. Raises `UsageError` while it is not executed for one."""
        run = executing.get()
        if run is None:
            raise errors.UsageError(
                f"{type(self).__name__} is not executed for a run",
                hint="git exp actions run RUN ACTION",
            )
        return run

    @property
    def of_store(self) -> Store:
        """The repository's store that its run was read from. Raises as `of_run` does."""
        from git_exp.store import Store

        found = self.of_run._source
        if not isinstance(found, Store):
            raise errors.UsageError(f"run '{self.of_run.id}' was not read from a repository")
        return found
