"""config: classes of params, with an identifier computed from their values."""

from __future__ import annotations

from git_exp.config.build import Config, field
from git_exp.config.fields import Meta, Param

__all__ = ["Config", "Meta", "Param", "field"]
