"""Whether a document that a command answered is what its schema promises."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path

from jsonschema import Draft202012Validator

SCHEMAS = Path(__file__).parent.parent / "man/schemas"
_HEAD = '{"schema":"git-exp/'


def check(out: str) -> None:
    """Check stdout, if it is a document: by the schema that it names, and no field more."""
    if not out.startswith(_HEAD):
        return
    told = json.loads(out)
    validator = _validator(told["schema"])
    validator.validate(told)
    assert list(told) == list(validator.schema["properties"]), "its fields, in their order"


@lru_cache
def _validator(name: str) -> Draft202012Validator:
    _, document, version = name.split("/")
    return Draft202012Validator(json.loads((SCHEMAS / document / f"{version}.json").read_text()))
