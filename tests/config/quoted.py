"""Configs of a module whose annotations are evaluated at once: what comes later is quoted."""

from git_exp import Config, Param, field


class Early(Config):
    one: Param["Late"]
    more: Param[list["Late"]] = field(default_factory=list)
    parent: Param["Early | None"] = None


class Late(Config):
    pass
