"""What tools ask for: Structs whose fields have limits, and a run or session by its name."""

from __future__ import annotations

import unicodedata
from typing import Annotated, Literal

from msgspec import Meta, Struct

from git_exp import errors, names, query
from git_exp.agent.tool import Desk
from git_exp.query import grammar
from git_exp.run import Run
from git_exp.session import named
from git_exp.session.history import Session

_Word = Annotated[str, Meta(min_length=1, max_length=names.LIMIT)]
_Text = Annotated[str, Meta(min_length=1, max_length=grammar.LONGEST)]
_Date = Annotated[str, Meta(min_length=1, max_length=100)]
_Path = Annotated[str, Meta(min_length=1, max_length=1_000)]

Name = Annotated[
    _Word,
    Meta(
        description="A run: its id or the first 4 and more characters of it, its name, `@` the"
        " latest, `@~2` two before that, `@{best:METRIC}`, `@{tag:TAG}`."
    ),
]
Where = Annotated[
    _Text | None,
    Meta(
        description="Only runs that this fits, such as `lr <= 0.01 and max(acc) > 0.9`,"
        " `status = failed`, `name ~ \"base\"`, `started > '2 days ago'`, `not tags = bad`."
    ),
]
Measured = Annotated[_Word, Meta(description="The name of a metric, such as `val.loss`.")]
OneSession = Annotated[
    _Word, Meta(description="A session: its id, the beginning of it, or `@`, the latest.")
]


class Arguments(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a tool is asked."""


class Brief(Arguments, frozen=True, kw_only=True):
    """How much of which experiments."""

    budget: Annotated[
        int, Meta(ge=30, le=5_000, description="Tokens at most, of four characters each.")
    ] = 800
    metric: Annotated[
        _Word | None,
        Meta(description="By which metric; by default the session's, or the one most runs have."),
    ] = None
    session: Annotated[
        _Word | None, Meta(description="A session; by default the newest that is not over.")
    ] = None


class Verdict(Arguments, frozen=True, kw_only=True):
    """Which run against which."""

    run: Name = "@"
    baseline: Annotated[
        _Word | None,
        Meta(description="The run to compare with; by default the best earlier one."),
    ] = None
    metric: Annotated[
        _Word | None,
        Meta(
            description="By which metric; by default the only one that both have, of several that"
            " of the session which is going on."
        ),
    ] = None
    direction: Annotated[
        Literal["min", "max"] | None,
        Meta(
            description="Which way is better; by default a session has said it, or its name does."
        ),
    ] = None


class Log(Arguments, frozen=True, kw_only=True):
    """Which runs to list."""

    where: Where = None
    sort: Annotated[
        _Word | None,
        Meta(description="A field, param or metric to sort by; `-acc` the greatest first."),
    ] = None
    limit: Annotated[int, Meta(ge=1, le=100)] = 20
    since: Annotated[
        _Date | None,
        Meta(description="Only runs started then or later: `2026-11-01`, `3 days ago`."),
    ] = None
    until: Annotated[_Date | None, Meta(description="Only runs started then or before.")] = None


class Show(Arguments, frozen=True, kw_only=True):
    """Which run to show."""

    run: Name = "@"


class Diff(Arguments, frozen=True, kw_only=True):
    """What to compare."""

    run: Name
    other: Annotated[
        _Word | None,
        Meta(
            description="Another run, or a branch or commit of git; without it the files as they"
            " are now."
        ),
    ] = None
    paths: Annotated[
        list[_Path],
        Meta(max_length=100, description="Only these files and folders, seen from the server's."),
    ] = []


class Series(Arguments, frozen=True, kw_only=True):
    """Which points of which run."""

    run: Name
    metric: Measured
    points: Annotated[int, Meta(ge=4, le=500)] = 100
    rank: Annotated[
        Annotated[int, Meta(ge=0, le=1_000_000)] | None,
        Meta(description="The process of a distributed run; by default the lowest."),
    ] = None


class Best(Arguments, frozen=True, kw_only=True):
    """Best in what."""

    metric: Annotated[
        _Word,
        Meta(description="A metric, whose last value counts, or `max(acc)`, min, first, last."),
    ]
    where: Where = None
    direction: Annotated[
        Literal["min", "max"] | None,
        Meta(description="Which way is better; by default the name of the metric tells."),
    ] = None


class Seen(Arguments, frozen=True, kw_only=True):
    """Which runs of the code as it is now."""

    command: Annotated[
        list[Annotated[str, Meta(max_length=10_000)]] | None,
        Meta(description='Only runs of this command, word by word: `["python", "train.py"]`.'),
    ] = None
    params: Annotated[
        dict[_Word, bool | int | float | str | None] | None,
        Meta(description="Only runs that began with exactly these params."),
    ] = None


class Sessions(Arguments, frozen=True, kw_only=True):
    """Which session."""

    session: Annotated[
        _Word | None,
        Meta(description="One session in full: its id, the beginning of it, or `@`, the latest."),
    ] = None


class Note(Arguments, frozen=True, kw_only=True):
    """What to note on which run."""

    run: Name
    text: Annotated[str, Meta(min_length=1, max_length=100_000)]


class Tag(Arguments, frozen=True, kw_only=True):
    """Which tags to give to which run."""

    run: Name
    tags: Annotated[
        list[_Word],
        Meta(min_length=1, max_length=50, description="`tainted` keeps a run from being best."),
    ]


class Claim(Arguments, frozen=True, kw_only=True):
    """Which idea to claim."""

    idea: Annotated[str, Meta(min_length=1, max_length=10_000)]
    session: OneSession = "@"
    ttl: Annotated[
        float, Meta(gt=0, le=604_800, description="For how many seconds it is nobody else's.")
    ] = 1_800.0
    by: Annotated[_Word | None, Meta(description="Who you are, if there are several agents.")] = (
        None
    )


def run(desk: Desk, name: str) -> Run:
    """The run that a name means. Raises `BadName`, `NotFound` or `Ambiguous`."""
    return query.find(desk.store, word(name, "run"))


def session(desk: Desk, name: str) -> Session:
    """The session that a name means. Raises `BadName`, `NotFound` or `Ambiguous`."""
    return named.find(desk.store.repo, named.meant(word(name, "session"), desk.env))


def word(text: str, what: str) -> str:
    """A name that is one. Raises `BadName` for an option, a path, and several lines."""
    if text.startswith("-"):
        raise errors.BadName(f"a {what} does not begin with '-'", hint=_HINTS[what])
    if text.startswith(("/", "~", ".")) or ".." in text.replace("\\", "/").split("/"):
        raise errors.BadName(f"a {what} is no path", hint=_HINTS[what])
    if any(unicodedata.category(sign) == "Cc" for sign in text):
        raise errors.BadName(f"a {what} is one line of text", hint=_HINTS[what])
    return text


_HINTS = {
    "run": "a run is named by its id, its name or @; list them with log",
    "revision": "name a run, or a branch or commit of git; list runs with log",
    "session": "a session is named by its id or @; list them with sessions",
}
