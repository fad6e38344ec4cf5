"""Examples of hypothesis: the same in each process, in whatever order tests run."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from types import ModuleType

from hypothesis import HealthCheck, settings
from hypothesis.internal.conjecture import providers
from hypothesis.internal.constants_ast import Constants, constants_from_module

OURS = Path(__file__).parents[1] / "git_exp"


def seal() -> None:
    """Derandomize, however slow the machine is.

    Hypothesis also tries the constants of those modules of ours that are loaded by then, which
    differ from worker to worker: here it tries those of all modules.
    """
    settings.register_profile(
        "sealed", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
    )
    settings.load_profile("sealed")
    providers._get_local_constants = _constants


@cache
def _constants() -> Constants:
    found = Constants()
    for path in sorted(OURS.rglob("*.py")):
        module = ModuleType(path.stem)
        module.__file__ = str(path)
        found |= constants_from_module(module)
    return found
