"""git exp tui: the runs of a repository as a live table, in a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from git_exp import errors
from git_exp.index.search import Indexed
from git_exp.run import Run


def start(store: Indexed, first: Sequence[Run], where: str | None) -> None:
    """Show the runs until the user leaves; `first` are those that the first screen has.

    Raises `UsageError` where textual is not installed.
    """
    try:
        import textual  # noqa: F401 - it alone is asked for: a fault of ours is no missing extra
    except ImportError:
        raise errors.UsageError(
            "the terminal interface needs textual", hint="pip install 'git-exp[tui]'"
        ) from None

    from git_exp.tui.app import Browser

    browser = Browser(store, first, where)
    browser.run()
    if browser.return_code:
        # Textual has shown its traceback by then.
        raise errors.GitExpError("the terminal interface failed; that is a bug")
