"""The actions that come with git exp: every run has them, registered or not."""

from __future__ import annotations

from git_exp.action.action import Action
from git_exp.action.shipped.artifact import ExportArtifact
from git_exp.action.shipped.branch import PublishBranch
from git_exp.action.shipped.hub import PushToHub

SHIPPED: dict[str, type[Action]] = {
    "ExportArtifact": ExportArtifact,
    "PublishBranch": PublishBranch,
    "PushToHub": PushToHub,
}

__all__ = ["SHIPPED", "ExportArtifact", "PublishBranch", "PushToHub"]
