"""Write the JSON Schema of each document that `--json` answers, below `man/schemas`.

`python man/schemas.py` writes them. Of one that is there only the words are ever changed: where the
Struct of a document is another one, its version in `git_exp/cli/documents.py` is to be raised.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from git_exp.cli.documents import KINDS, Kind

HERE = Path(__file__).parent / "schemas"
DIALECT = "https://json-schema.org/draft/2020-12/schema"
_DEFS = "#/$defs/{name}"
NUMBER = {
    "description": "A number; NaN and the infinities, which JSON lacks, are text.",
    "anyOf": [{"type": "number"}, {"enum": ["NaN", "Infinity", "-Infinity"]}],
}
_NUMBER = _DEFS.format(name="Number")
_WORDS = ("title", "description", "default")


def place(name: str) -> Path:
    """Where the schema of a document is, in the version that it has now."""
    return HERE / name / f"{KINDS[name].version}.json"


def text(name: str) -> str:
    """The schema of a document, as its file has it."""
    return json.dumps(schema(name), indent=1, ensure_ascii=False) + "\n"


def schema(name: str) -> dict[str, Any]:
    """The schema of a document, by the Struct that it is of."""
    kind = KINDS[name]
    cls = struct(kind)
    (root,), defs = msgspec.json.schema_components([cls], ref_template=_DEFS)
    _require(cls, defs)
    whole = defs.pop(root["$ref"].rpartition("/")[2])
    said = {"const": f"git-exp/{name}/{kind.version}"}
    properties = {"schema": said, **whole.pop("properties")}
    required = ["schema", *whole.pop("required")]
    found = {"$schema": DIALECT, **whole, "properties": properties, "required": required}
    found, defs = _numbered(found), _numbered(defs)
    if _NUMBER in json.dumps([found, defs]):
        defs["Number"] = NUMBER
    return {**found, **({"$defs": defs} if defs else {})}


def _numbered(told: Any) -> Any:
    """A schema in which each number may be one that JSON lacks: those are written as text."""
    if isinstance(told, list):
        return [_numbered(one) for one in told]
    if not isinstance(told, dict):
        return told
    if told.get("type") == "number" and set(told) <= {"type", "default"}:
        return {"$ref": _NUMBER, **{key: one for key, one in told.items() if key != "type"}}
    return {key: _numbered(one) for key, one in told.items()}


def bare(told: Any) -> Any:
    """A schema without its words: what is left is what a reader relies on."""
    if isinstance(told, list):
        return [bare(one) for one in told]
    if not isinstance(told, dict):
        return told
    # Below `properties` and `$defs` a key is a name.
    return {
        key: {name: bare(one) for name, one in value.items()}
        if key in ("properties", "$defs")
        else bare(value)
        for key, value in told.items()
        if key not in _WORDS
    }


def struct(kind: Kind) -> type[msgspec.Struct]:
    """The Struct of a kind of document; all that its fields name can be looked up then."""
    where, _, cls = kind.place.partition(":")
    module = importlib.import_module(f"git_exp.{where}")
    for one in [one for one in sys.modules if one.startswith("git_exp.")]:
        _complete(one)
    found: type[msgspec.Struct] = getattr(module, cls)
    return found


@cache
def _complete(name: str) -> None:
    """Do the imports that a module has for types alone."""
    module = sys.modules[name]
    for node in ast.parse(inspect.getsource(module)).body:
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            block = ast.Module(body=node.body, type_ignores=[])
            exec(compile(block, str(module.__file__), "exec"), vars(module))  # noqa: S102


def _require(cls: type[msgspec.Struct], defs: dict[str, Any]) -> None:
    """Require what is always written: also fields that have a default, unless that is left out."""
    for one in _structs(msgspec.inspect.type_info(cls), set()):
        told = defs.get(one.cls.__name__)
        if told and not one.cls.__struct_config__.omit_defaults:
            told["required"] = [field.encode_name for field in one.fields]


def _structs(info: Any, seen: set[type]) -> Iterator[msgspec.inspect.StructType]:
    if isinstance(info, msgspec.inspect.StructType):
        if info.cls in seen:
            return
        seen.add(info.cls)
        yield info
    for name in getattr(info, "__struct_fields__", ()):
        held = getattr(info, name)
        for one in held if isinstance(held, tuple) else (held,):
            if isinstance(one, msgspec.inspect.Type | msgspec.inspect.Field):
                yield from _structs(one, seen)


def main() -> int:
    """Write the schemas; 1 if a document is another than its schema says."""
    changed = []
    for name in KINDS:
        path = place(name)
        made = text(name)
        if path.exists() and bare(json.loads(path.read_text())) != bare(json.loads(made)):
            changed.append(name)
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(made)
    for name in changed:
        sys.stderr.write(f"{name} is not what {place(name)} says: raise its version\n")
    return 1 if changed else 0


if __name__ == "__main__":
    sys.exit(main())
