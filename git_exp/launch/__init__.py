"""A command run under watch: its output in files, passed on as they grow, its end measured."""

from git_exp.launch.child import Child, Outcome, start
from git_exp.launch.output import metric_line
from git_exp.outputs import trimmed

__all__ = ["Child", "Outcome", "metric_line", "start", "trimmed"]
