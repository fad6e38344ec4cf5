"""Models as JSON and back: a state in a file, an event on a line."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from git_exp import errors, outfile, records, tagged
from git_exp.session.events import KINDS, Event, Result
from git_exp.session.model import Model, built, checked, known
from git_exp.session.models import PreprocessingConfig

VERSION = 1
# What a tagged value may raise that is not what its tag says.
_ODD = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
_NAMES = {kind: name for name, kind in KINDS.items()}


def save(state: Model, path: str | Path) -> None:
    """Write a state where its user says, whole or not at all; checked again before."""
    text = document(checked(state))
    with outfile.written(_place(path)) as file:
        file.write(text)


def load(cls: type[Model], path: str | Path) -> Model:
    """Read a state that was written."""
    try:
        raw = _place(path).read_bytes()
    except OSError as error:
        raise errors.NotFound(f"cannot read '{path}': {error.strerror}") from None
    return read(cls, raw, str(path))


def _place(path: str | Path) -> Path:
    if "\0" in str(path):
        raise errors.UsageError("a path has no NUL in it")
    return Path(path)


def document(state: Model) -> bytes:
    """A state as JSON that people can read."""
    whole = {"version": VERSION, **plain(state)}
    return json.dumps(whole, indent=2, ensure_ascii=False).encode() + b"\n"


def read(cls: type[Model], raw: bytes, where: str) -> Model:
    """A state out of JSON. Raises `BadField` for what is damaged or of a newer version."""
    found = _object(raw, where)
    version = found.pop("version", None)
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise errors.BadField(f"'{where}' is no state of a session: it has no version")
    if version > VERSION:
        raise errors.BadField(
            f"'{where}' is of version {version}, this git exp reads {VERSION}",
            hint="take a newer one: pip install -U git-exp",
        )
    return _built(cls, found, where)


def line(event: Event) -> bytes:
    """An event as one line of JSON, its time first."""
    return json.dumps(told(event), ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def told(event: Event) -> dict[str, Any]:
    """An event as the object of its line."""
    known = plain(event)
    if isinstance(event, Result) and event.result.preprocessing == PreprocessingConfig():
        # Nobody has said it: where it is left out it is the same when it is read.
        del known["result"]["preprocessing"]
    if isinstance(event, Result) and event.result.replicate_of is None:
        del known["result"]["replicate_of"]
    t = records.stamp(round(known.pop("t") * 1_000_000))
    return {"t": t, "event": _NAMES[type(event)], **_said(known)}


def parse(raw: bytes) -> Event | None:
    """The event of a line; None for one that a newer git exp wrote. Raises `BadField`."""
    found = _object(raw, "a line of a session")
    t, kind = found.pop("t", None), found.pop("event", None)
    if not (isinstance(t, str) and records.valid_time(t)):
        raise errors.BadField("a line of a session has no time")
    if not isinstance(kind, str) or kind not in KINDS:
        return None
    given = known({**found, "t": records.micros(t) / 1_000_000}, KINDS[kind])
    event = _built(KINDS[kind], given, "a line of a session")
    assert isinstance(event, Event)
    return event


def plain(model: Model) -> dict[str, Any]:
    """A model as JSON has it."""
    name = type(model).__name__
    return {one: _plain(getattr(model, one), f"{name}.{one}") for one in model.__struct_fields__}


def _plain(value: Any, where: str) -> Any:
    if isinstance(value, Model):
        return plain(value)
    if isinstance(value, list) and value and isinstance(value[0], Model):
        return [plain(one) for one in value]
    return tagged.told(getattr(value, "value", value), where)


def _said(told: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in told.items() if value is not None}


def _object(raw: bytes, where: str) -> dict[str, Any]:
    try:
        told = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise errors.BadField(f"'{where}' is damaged: {error}") from None
    if not isinstance(told, dict):
        raise errors.BadField(f"'{where}' is damaged: it is no object")
    return told


def _built(cls: type[Model], told: dict[str, Any], where: str) -> Model:
    try:
        return built(cls, {name: tagged.read(value) for name, value in told.items()})
    except errors.BadField as error:
        raise errors.BadField(f"'{where}' is damaged: {error}") from None
    except _ODD as error:
        raise errors.BadField(
            f"'{where}' is damaged: a value of it cannot be read ({type(error).__name__})"
        ) from None
