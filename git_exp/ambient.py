"""What a program is executed within: the run of a task, or a look for the classes it defines."""

from __future__ import annotations

from contextvars import ContextVar

# The run that a task is, while it is executed: what is tracked there belongs to it.
within: ContextVar[str | None] = ContextVar("git_exp_run", default=None)


class Inert(BaseException):
    """A script that is executed for its classes has come to where it would begin a run."""

    # How many such scripts are executed, in whatever threads.
    count = 0
