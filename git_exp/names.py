"""Names of runs: what may be one, and one made up for a run that was given none."""

from __future__ import annotations

import uuid

from git_exp import errors

LIMIT = 200

_FIRST = [
    "amber",
    "bold",
    "brisk",
    "calm",
    "clear",
    "clever",
    "crisp",
    "dapper",
    "deft",
    "eager",
    "early",
    "fair",
    "fleet",
    "fond",
    "frank",
    "fresh",
    "gentle",
    "glad",
    "grand",
    "keen",
    "kind",
    "late",
    "light",
    "lively",
    "loyal",
    "lucid",
    "mellow",
    "merry",
    "mild",
    "neat",
    "nimble",
    "noble",
    "pale",
    "plain",
    "polite",
    "prime",
    "proud",
    "quick",
    "quiet",
    "rapid",
    "ready",
    "rosy",
    "royal",
    "sharp",
    "silent",
    "silver",
    "sleek",
    "smart",
    "snug",
    "solid",
    "spry",
    "stable",
    "steady",
    "still",
    "stout",
    "sunny",
    "swift",
    "tidy",
    "trim",
    "vivid",
    "warm",
    "wise",
    "witty",
]
_SECOND = [
    "badger",
    "bison",
    "bobcat",
    "condor",
    "coyote",
    "crane",
    "curlew",
    "dingo",
    "dolphin",
    "dove",
    "eagle",
    "egret",
    "falcon",
    "ferret",
    "finch",
    "fox",
    "gannet",
    "gazelle",
    "gecko",
    "grouse",
    "hare",
    "hawk",
    "heron",
    "hornet",
    "ibex",
    "ibis",
    "jackal",
    "jay",
    "kestrel",
    "koala",
    "lark",
    "lemur",
    "linnet",
    "lynx",
    "magpie",
    "marten",
    "merlin",
    "moose",
    "newt",
    "ocelot",
    "oriole",
    "osprey",
    "otter",
    "owl",
    "panda",
    "petrel",
    "pigeon",
    "plover",
    "puffin",
    "quail",
    "raven",
    "robin",
    "salmon",
    "seal",
    "shrike",
    "stoat",
    "stork",
    "swan",
    "teal",
    "tern",
    "thrush",
    "viper",
    "vole",
    "wren",
]


def checked(name: str) -> str:
    """A name that can be: one line, not blank, no leading `-` or `@`. Raises `BadName`."""
    if not isinstance(name, str):
        raise errors.BadName(f"a run's name is text, not {type(name).__name__}")
    if not name.strip():
        raise errors.BadName("a run's name cannot be blank", hint="leave it out to get one")
    if name[0] in "-@":
        raise errors.BadName(f"a run's name cannot start with '{name[0]}': '{name[:80]}'")
    if not is_line(name):
        raise errors.BadName(f"a run's name is one line: {name[:80]!r}")
    if len(name) > LIMIT:
        raise errors.BadName(f"a run's name has at most {LIMIT} characters, not {len(name)}")
    return name


def is_line(text: str) -> bool:
    """Whether text is one line, by any of the marks that Python knows, and not empty."""
    return text.splitlines() == [text] and "\0" not in text


def made_up(run_id: str) -> str:
    """A readable name out of a run's id: the same id, the same name."""
    number = uuid.UUID(run_id).int
    first, second = _FIRST[number % len(_FIRST)], _SECOND[number // 1_000 % len(_SECOND)]
    return f"{first}-{second}-{number // 1_000_000 % 100}"
