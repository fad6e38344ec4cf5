"""The actions that come with git exp."""

from __future__ import annotations

from git_exp.action.action import Action


class ExportArtifact(Action):
    """placeholder"""


class PublishBranch(Action):
    """placeholder"""


class PushToHub(Action):
    """placeholder"""


SHIPPED: dict[str, type[Action]] = {}
