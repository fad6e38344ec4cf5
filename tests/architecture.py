"""The house as a table: layers, homes of libraries, and the exceptions that only become fewer."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import click

from git_exp import cli

ROOT = Path(__file__).parents[1]

# Imports point up this table only. A package stands for all that is in it.
LAYERS = (
    "errors values records",
    "metrics run merge names query config table mask curve left_out points chart scale columns"
    " visible doubts events tagged directions differing verdict",
    "git",
    "journal spool locks ledger outputs data seal store index",
    "ambient distributions starting recorder endings tracking task launch compare seen restore"
    " fsck demo history scan share upkeep doctor action hook init summary sketch plotting outfile"
    " frames imports beside arrival protect retry nearly evidence origin leading lineage promote"
    " series",
    "session",
    "brief",
    "cli agent tui web",
    "__init__ __main__",
)
DOORS = ("cli", "agent", "tui", "web")

# Where a library may be imported: its home, or a place that has a reason.
HOMES = {
    "msgspec": ("records",),
    "pygit2": ("git",),
    "sqlite3": ("index", "imports.mlflow_db"),
    "re2": ("query", "scan.rules"),
    "subprocess": ("git", "launch"),
    "click": ("cli",),
    "rich": ("cli", "tui"),
    "plotille": ("sketch",),
    "vl_convert": ("plotting",),
    "pyarrow": ("frames",),
    "pandas": ("frames",),
    "polars": ("session.profiling",),
    "yaml": ("imports",),
    "kingfisher_sdk": ("scan.library",),
    "huggingface_hub": ("action.shipped.hub",),
    "mcp": ("agent",),
    "textual": ("tui",),
    "starlette": ("web",),
}
# The lists below only become shorter. Each entry has its reason; one that is not needed fails.
ELSEWHERE = {
    ("values", "msgspec"): "makes plain what records are about to encode",
    ("table", "msgspec"): "encodes a nested value as one cell",
    ("config.fields", "msgspec"): "checks a value against the type of its param",
    ("session.model", "msgspec"): "checks a value against the type of its field",
    ("cli.output", "msgspec"): "writes Structs as JSON",
    ("agent.wire", "msgspec"): "tells a client the types of Structs, and reads and writes them",
    ("demo", "subprocess"): "plays a user's commands, each in a process of its own",
    ("cli.terminal", "subprocess"): "starts the user's pager",
}
# A door that is started by another, which hands over and shares nothing else with it.
STARTED = {
    ("cli.tui", "tui"): "a command is how its user comes to this door",
    ("cli.mcp", "agent.serving"): "a client starts a command to come to this door",
    ("cli.skill", "agent.skill"): "a command is how its user comes to this door",
}
READ_THE_WORLD = {
    "tracking": "the door of the script that calls it: its folder, argv and environment",
    "action.loading": "a script that is executed for its classes gets no arguments",
    "history": "the door of the notebook that asks: its folder and environment",
    "__main__": "the arguments of the command",
}
TALK = {
    "endings": "one line on stderr for a run that nobody could seal: its program has no other door",
    "launch.keeper": "a program of its own, told by stdin what to keep",
    "__main__": "answers --version before anything is imported",
}
LONG: dict[str, str] = {}
MANY_PARAMETERS: dict[str, str] = {
    "tracking.__init__": "all that can be said of a run as it begins",
    "history.runs": "the questions of a notebook: where, sort, limit, and where to look",
    "index.free._authorized": "SQLite calls it",
}


@dataclass(frozen=True)
class Module:
    """One module of the package, by its name below git_exp."""

    path: Path

    @cached_property
    def name(self) -> str:
        parts = self.path.relative_to(ROOT / "git_exp").with_suffix("").parts
        return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)

    @cached_property
    def head(self) -> str:
        return self.name.partition(".")[0]

    @cached_property
    def text(self) -> str:
        return self.path.read_text()

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @property
    def layer(self) -> int:
        return next((at for at, row in enumerate(LAYERS) if self.head in row.split()), -1)

    def imports(self) -> Iterator[str]:
        """Every dotted name that is imported, anywhere in the module."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from (one.name for one in node.names)
            elif isinstance(node, ast.ImportFrom):
                yield from (f"{node.module}.{one.name}" for one in node.names)

    def ours(self) -> Iterator[str]:
        """The modules of ours that are imported, without `git_exp.`."""
        for name in self.imports():
            if name.startswith("git_exp."):
                yield name.removeprefix("git_exp.")

    def encodes(self) -> bool:
        """Whether it makes JSON or reads it, as against having Structs for values."""
        words = ("msgspec.json", "msgspec.to_builtins", "msgspec.convert")
        return any(name.startswith(words) for name in (*self.reads(), *self.imports()))

    def functions(self) -> Iterator[ast.FunctionDef]:
        return (node for node in ast.walk(self.tree) if isinstance(node, ast.FunctionDef))

    def reads(self) -> Iterator[str]:
        """Dotted names that are read, such as `os.environ`."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Attribute):
                yield ast.unparse(node)


def commands() -> list[str]:
    """Every command there is, those of a family by both of their words."""
    entry = cli.group()
    context = click.Context(entry)
    found: list[str] = []
    for word in entry.words():
        command = entry.get_command(context, word)
        more = command.words() if isinstance(command, cli.Family) else []
        found += [word, *(f"{word} {verb}" for verb in more)]
    return found


def command(word: str) -> click.Command:
    """A command by its word, or by both."""
    found: click.Command | None = cli.group()
    for one in word.split():
        assert isinstance(found, cli.Words)
        found = found.get_command(click.Context(found), one)
    assert found, word
    return found


def modules(folder: str = "git_exp") -> list[Module]:
    return [Module(path) for path in sorted((ROOT / folder).rglob("*.py"))]


def within(name: str, places: tuple[str, ...]) -> bool:
    """Whether a module is one of these, or in one of them."""
    return any(name == place or name.startswith(f"{place}.") for place in places)


def lines(function: ast.FunctionDef) -> int:
    return (function.end_lineno or 0) - function.lineno + 1


def is_command(function: ast.FunctionDef) -> bool:
    """Whether click calls it: its parameters are the options of a command, by keyword."""
    return any("click." in ast.unparse(one) for one in function.decorator_list)


def parameters(function: ast.FunctionDef) -> tuple[int, int]:
    """How many parameters, and how many of them positional, without self."""
    given = function.args
    positional = [one.arg for one in (*given.posonlyargs, *given.args)]
    own = [one for one in positional if one not in ("self", "cls")]
    return len(own) + len(given.kwonlyargs), len(own)
