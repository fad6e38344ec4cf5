"""shipped: the actions that any run offers, registered or not."""

from __future__ import annotations

from git_exp.action.action import Action
from git_exp.action.shipped.branch import PublishBranch
from git_exp.action.shipped.export import ExportArtifact
from git_exp.action.shipped.hub import PushToHub

# By the names that they are asked for with; what their params leave open is asked.
SHIPPED: dict[str, type[Action]] = {
    one.__name__: one for one in (ExportArtifact, PublishBranch, PushToHub)
}

__all__ = ["SHIPPED", "ExportArtifact", "PublishBranch", "PushToHub"]
