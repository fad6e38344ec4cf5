"""A table of runs as `log` shows it: columns, and a colour for each kind of cell."""

from __future__ import annotations

from git_exp.cli import output
from git_exp.cli.output import Column, Piece
from git_exp.table import Table

STYLES = {"id": "yellow", "mark": "red", "age": "dim", "param": "cyan"}
STATUSES = {"failed": "red", "crashed": "red", "lost": "red", "interrupted": "yellow",
            "running": "green"}  # fmt: skip
_FIXED = ("id", "mark", "status")


def show(table: Table) -> None:
    """A table of runs on stdout, through the pager."""
    columns = [
        Column(one.heading, right=one.right, fixed=one.kind in _FIXED) for one in table.columns
    ]
    kinds = [one.kind for one in table.columns]
    output.table(columns, [list(map(piece, row, kinds)) for row in table.rows])


def piece(text: str, kind: str) -> Piece:
    """One cell in the style of its kind."""
    return Piece(text, STATUSES.get(text.strip(), "") if kind == "status" else STYLES.get(kind, ""))
