"""The start of the MCP server, which asks for its package only then."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from git_exp import errors
from git_exp.index.search import Indexed


def serve(store: Indexed, cwd: Path, env: Mapping[str, str], *, write: bool) -> None:
    """Serve tools on stdin and stdout until the client closes them; with `write` those that add.

    Raises `UsageError` where mcp is not installed, `KeyboardInterrupt` when it was interrupted.
    """
    try:
        import mcp  # noqa: F401 - it alone is asked for: a fault of ours is no missing extra
    except ImportError:
        raise errors.UsageError(
            "serving agents needs mcp", hint="pip install 'git-exp[mcp]'"
        ) from None

    from git_exp.agent import server
    from git_exp.agent.tool import Desk

    server.serve(Desk(store, cwd, env), write=write)
