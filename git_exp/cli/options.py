"""What several commands ask for: a run, and the form of the answer."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, TypeVar

import click
from click.shell_completion import CompletionItem

from git_exp import cli, errors, values

F = TypeVar("F", bound=Callable[..., Any])
OFFERED = 200
LATEST = "@"


class Form(NamedTuple):
    """How to answer: `kind` is table, json, jsonl, csv or format; the last has a template."""

    kind: str = "table"
    template: str | None = None


def offer_runs(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Names, ids and revisions of the newest runs; nothing at all when anything fails."""
    try:
        return list(_offers(incomplete))
    except Exception:
        # A completion that fails must not disturb the prompt.
        return []


def offer_command(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """A command of the shell's and its files, for an argument that is a whole command line."""
    first = not ctx.params.get(param.name or "")
    return [CompletionItem(incomplete, type="command" if first else "file")]


class Span(click.ParamType):  # type: ignore[type-arg]
    """A length of time: seconds, or units as in `1h30m`; it is passed on in seconds."""

    name = "time"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        from git_exp.query import literals

        found = literals.seconds_of(value) if isinstance(value, str) else value
        if found is None:
            self.fail(f"'{value}' is no length of time, such as 90, 10m or 1h30m", param, ctx)
        return float(found)


class Limit(Span):
    """A length of time that comes to an end: neither none at all nor for ever."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        found = super().convert(value, param, ctx)
        if not 0 < found < math.inf:
            self.fail(f"'{value}' is no time limit: it has to be over 0 and finite", param, ctx)
        return found


SPAN = Span()
LIMIT = Limit()


class Number(click.ParamType):  # type: ignore[type-arg]
    """A number, whole where it is written so."""

    name = "number"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> int | float:
        found = number_of(value) if isinstance(value, str) else value
        if found is None:
            self.fail(f"'{value}' is no number", param, ctx)
        return found


NUMBER = Number()


def number_of(text: str) -> int | float | None:
    """The number that a word is; None for any other word."""
    found = values.parsed(text)
    return found if isinstance(found, int | float) and not isinstance(found, bool) else None


def pairs(given: Sequence[str], what: str, example: str) -> list[tuple[str, str]]:
    """Words `key=value` that each say one of something, split. Raises `UsageError` for others,
    and for a key of two values.
    """
    found = [one.partition("=") for one in given]
    for (key, equals, _), word in zip(found, given, strict=True):
        if not (key and equals):
            raise errors.UsageError(f"a {what} is key=value, not '{word}'", hint=example)
    said: dict[str, str] = {}
    for key, _, text in found:
        if said.setdefault(key, text) != text:
            raise errors.UsageError(
                f"{what} {key} is given twice: '{said[key]}' and '{text}'", hint=example
            )
    return list(said.items())


def params(given: Sequence[str]) -> dict[str, Any]:
    """The params of words `key=value`. Raises `UsageError` for any other word."""
    return {key: values.parsed(text) for key, text in pairs(given, "param", "-p lr=0.1")}


def session(command: F) -> F:
    """`-s, --session` for a command of one session: a name for `named.meant`."""
    said = "The session: its id, the beginning of it, or `@`, that which began last here."
    return click.option(
        "-s", "--session", metavar="session", default=LATEST, show_default=True,
        shell_complete=offer_sessions, help=said,
    )(command)  # fmt: skip


def offer_sessions(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """The ids of the sessions there are; nothing at all when anything fails."""
    try:
        from git_exp.session import named, standing

        every = named.begun(cli.store(recover=False).repo)
        found = [CompletionItem(one.id, help=standing.task(one.state)) for one in every]
    except Exception:
        # A completion that fails must not disturb the prompt.
        return []
    latest = [CompletionItem(LATEST, help="the session that began last")] if found else []
    return [one for one in (*latest, *found) if one.value.startswith(incomplete)]


def run_argument(name: str = "run", **given: Any) -> Callable[[F], F]:
    """An argument that names a run; `nargs`, `required` and `default` as click has them."""
    return click.argument(name, shell_complete=offer_runs, **given)


def where(command: F) -> F:
    """`--where` for a command that chooses runs itself."""
    said = "Only runs that an expression fits: git-exp-query(7)."
    return click.option("--where", metavar="EXPR", help=said)(command)


def answer(command: F) -> F:
    """`--json` for a command with one answer; it is passed on as `form`."""
    return _formed(command, [_flag("json", "Answer with one JSON document.")])


def answers(command: F) -> F:
    """`--json`, `--jsonl`, `--csv` and `--format` for a command that lists; passed as `form`."""
    return _formed(
        command,
        [
            _flag("json", "Answer with one JSON document."),
            _flag("jsonl", "Answer with one JSON object a line."),
            _flag("csv", "Answer with comma separated values."),
            click.option("--format", metavar="FORMAT", help="Answer with lines of this form."),
        ],
    )


def rows(command: F) -> F:
    """`--json`, `--jsonl` and `--csv` for a command that answers with rows; passed as `form`."""
    return _formed(
        command,
        [
            _flag("json", "Answer with one JSON document."),
            _flag("jsonl", "Answer with one JSON object a line."),
            _flag("csv", "Answer with comma separated values."),
        ],
    )


def _flag(kind: str, text: str) -> Callable[[F], F]:
    return click.option(f"--{kind}", is_flag=True, help=text)


def _formed(command: F, asked: list[Callable[[Any], Any]]) -> F:
    @functools.wraps(command)
    def wrapped(*args: Any, **given: Any) -> Any:
        template = given.pop("format", None)
        kinds = [kind for kind in ("json", "jsonl", "csv") if given.pop(kind, False)]
        kinds += ["format"] if template is not None else []
        if len(kinds) > 1:
            raise click.UsageError(f"--{kinds[0]} and --{kinds[1]} exclude each other")
        form = Form(kinds[0] if kinds else "table", template)
        return command(*args, form=form, **given)

    made: Any = wrapped
    for option in reversed(asked):
        made = option(made)
    return made  # type: ignore[no-any-return]


def _offers(incomplete: str) -> Iterator[CompletionItem]:
    seen: set[str] = set()
    for name, told in _names(incomplete):
        if name.startswith(incomplete) and name not in seen:
            seen.add(name)
            yield CompletionItem(name, help=told)


def _names(incomplete: str) -> Iterator[tuple[str, str]]:
    runs = cli.store(recover=False).runs(OFFERED)
    yield "@", "the latest run"
    for run in runs:
        told = f"{run.status} {run.started[:16].replace('T', ' ')}"
        yield run.name, told
        # Ids are offered only to who has begun one: names are what people type.
        if incomplete:
            yield run.id, f"{run.name} {told}"
    if incomplete.startswith("@"):
        yield "@{saved}", "what checkout put aside"
        for metric in dict.fromkeys(path for run in runs for path in run.metrics):
            yield f"@{{best:{metric}}}", f"the run with the best {metric}"
        for tag in dict.fromkeys(tag for run in runs for tag in run.tags):
            yield f"@{{tag:{tag}}}", f"the latest run tagged {tag}"
