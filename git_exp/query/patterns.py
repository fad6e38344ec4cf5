"""Regular expressions by RE2: their time is linear, so that none can hang."""

from __future__ import annotations

from functools import lru_cache
from typing import Any


@lru_cache(maxsize=64)
def compiled(pattern: str) -> Any:
    """A pattern ready to search with; `re2.error` where it is none."""
    import re2

    options = re2.Options()
    options.log_errors = False
    return re2.compile(pattern, options)


def wrong(pattern: str) -> str | None:
    """What is wrong with a pattern; None where nothing is."""
    import re2

    try:
        compiled(pattern)
    except (re2.error, UnicodeEncodeError) as error:
        said = error.args[0] if error.args else ""
        return said.decode(errors="replace") if isinstance(said, bytes) else str(said)
    return None


def matches(pattern: str, text: str | None) -> bool:
    """Whether a pattern is found anywhere in a text; nothing is found where there is none."""
    return text is not None and compiled(pattern).search(text) is not None
