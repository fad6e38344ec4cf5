"""A table of runs as `log` shows it: columns, and a colour for each kind of cell."""

from __future__ import annotations

from git_exp.cli import output
from git_exp.cli.output import Cell, Column, Piece
from git_exp.table import STYLES, Table, style

_FIXED = ("id", "mark", "status")


def show(table: Table) -> None:
    """A table of runs on stdout, through the pager."""
    columns = [
        Column(one.heading, STYLES.get(one.kind, ""), right=one.right, fixed=one.kind in _FIXED)
        for one in table.columns
    ]
    kinds = [one.kind for one in table.columns]
    output.table(columns, [list(map(_cell, row, kinds)) for row in table.rows])


def _cell(text: str, kind: str) -> Cell:
    # The status alone has a style of its own in each row.
    return piece(text, kind) if kind == "status" else text


def piece(text: str, kind: str) -> Piece:
    """One cell in the style of its kind."""
    return Piece(text, style(text, kind))
