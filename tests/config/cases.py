"""Thirty configs whose identifiers never change; as a script it prints them as JSON.

It is imported, or executed, as a module of its own whose name is `cases`.
"""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import json
import math
import sys
import uuid
from pathlib import Path
from typing import Annotated, Any

import msgspec

from git_exp import Action, Config, Meta, Param, Task, field


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


@dataclasses.dataclass
class Point:
    x: int
    y: float = 0.5


class Box(msgspec.Struct):
    low: Point
    colour: Colour = Colour.RED


class Anything(Config):
    value: Param[Any]


class Leaf(Config):
    width: Param[int]
    name: Meta[str] = "leaf"
    where: Param[Path] = Path("here")


class Tree(Config):
    left: Param[Tree | None] = None
    right: Param[Tree | None] = None
    leaves: Param[list[Leaf]] = field(default_factory=list)
    by_name: Param[dict[str, Leaf]] = field(default_factory=dict)


class Later(Config):
    width: Param[Annotated[int, msgspec.Meta(ge=0)]]
    added: Param[float] = field(default=1, ignore_default=True)


class Train(Task):
    tree: Param[Tree]
    colour: Param[Colour] = Colour.BLUE


class Export(Action):
    of: Param[Train]


def cases() -> dict[str, Config]:
    leaf = Leaf(width=3, name="not counted", where=Path("/not/counted"))
    tree = Tree(left=Tree(leaves=[leaf]), leaves=[leaf, Leaf(width=4)], by_name={"é": leaf})
    values: dict[str, Any] = {
        "none": None, "true": True, "zero": 0, "one": 1, "one as a float": 1.0,
        "minus one": -1, "big": 2**70, "huge": -(10**5000), "nan": math.nan, "inf": -math.inf,
        "minus zero": -0.0, "tiny": 5e-324, "text": "漢字 é", "no text": "\udcff", "empty": "",
        "bytes": b"\0\xff", "list": [1, [2.0, "3"], ()], "dict": {"b": 1, "a": [None], 3: True},
        "set": {3, 1, 2}, "enum": Colour.RED, "dataclass": Point(1), "struct": Box(Point(1, 2.5)),
        "decimal": decimal.Decimal("-12.3400"), "uuid": uuid.UUID(int=7),
        "datetime": datetime.datetime(2026, 1, 2, 3, 4, 5, 6, datetime.UTC),
        "timedelta": datetime.timedelta(days=-1, microseconds=5),
    }  # fmt: skip
    return {
        **{name: Anything(value=value) for name, value in values.items()},
        "leaf": leaf,
        "tree": tree,
        "default ignored": Later(width=1, added=1.0),
        "default changed": Later(width=1, added=2),
        "task": Train(tree=tree),
        "action": Export(of=Train(tree=tree, colour=Colour.RED)),
    }


def identifiers() -> dict[str, str]:
    return {name: one.config_id() for name, one in cases().items()}


if __name__ == "__main__":
    json.dump(identifiers(), sys.stdout)
