"""What `-h` prints and `--help` opens: the short usage, and the man page or the same as text."""

from __future__ import annotations

import inspect
import os
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import click

from git_exp import cli, errors
from git_exp.cli import terminal

# The pages of no command, by the words that ask for them, and their sections.
TOPICS = {"agents": 7, "format": 5, "query": 7, "workflows": 7}
_HELP_COLUMN = 26


def adopted(command: click.Command, word: str) -> click.Command:
    """A command with git's two ways to help, in place of click's one."""
    command.name = word or "git exp"
    if not command.add_help_option:
        return command
    command.add_help_option = False
    short = click.Option(
        ["-h"], is_flag=True, is_eager=True, expose_value=False, callback=_short,
        help="Print a short usage.",
    )  # fmt: skip
    long = click.Option(
        ["--help"], is_flag=True, is_eager=True, expose_value=False, callback=_long,
        help="Open the manual page.",
    )  # fmt: skip
    command.params.extend((short, long))
    return command


def page(word: str) -> str:
    """The name of a command's manual page: that of the first of its words."""
    return f"git-exp-{word.split()[0]}" if word else "git-exp"


def options(command: click.Command) -> list[click.Option]:
    """The options that a manual shows, in the order of their definition."""
    found = [one for one in command.params if isinstance(one, click.Option) and not one.hidden]
    return [one for one in found if one.name != "h" and one.name != "help"] + found[-2:]


def spellings(option: click.Option) -> list[str]:
    """The ways to write an option in a manual: `-n <number>`, `--number=<number>`."""
    value = metavar(option)
    names = [*option.opts, *option.secondary_opts]
    if not value:
        return names
    return [f"{one}={value}" if one.startswith("--") else f"{one} {value}" for one in names]


def flags(option: click.Option) -> str:
    """An option as git's short usage has it: `-n, --number <number>`."""
    names = ", ".join((*option.opts, *option.secondary_opts))
    return f"{names} {metavar(option)}".rstrip()


def metavar(param: click.Parameter) -> str:
    """The placeholder of a parameter's value; none for a flag."""
    if isinstance(param, click.Option) and (param.is_flag or param.count):
        return ""
    if isinstance(param.type, click.Choice) and not param.metavar:
        return f"({'|'.join(map(str, param.type.choices))})"
    given = param.metavar or _kind(param)
    return given if "<" in given else re.sub(r"[A-Za-z][\w-]*", _bracketed, given)


def arguments(command: click.Command) -> list[str]:
    """The arguments as a synopsis has them: `[<run>...]`."""
    return [_argument(one) for one in command.params if isinstance(one, click.Argument)]


def synopsis(command: click.Command) -> list[str]:
    """Every word of a command's synopsis, all options spelt out.

    One command of many on a page has the first spelling of each alone.
    """
    brief = " " in str(command.name)
    shown = [
        f"[{spellings(one)[0] if brief else _alternatives(one)}]{_repeated(one)}"
        for one in options(command)[:-2]
    ]
    return shown + arguments(command)


def title(command: click.Command) -> str:
    """The NAME line: the page of a command, and what it does."""
    if isinstance(command, cli.Commands):
        return "git-exp - the experiment memory that lives inside git"
    word = str(command.name)
    named = f"git exp {word}" if " " in word else page(word)
    return f"{named} - {cli.summary(word)}"


def description(command: click.Command) -> list[str]:
    """A command's help, a paragraph each, less a first sentence that only says the NAME again."""
    blocks = paragraphs(command)
    first, *more = re.split(r"(?<=[.!?])\s+", blocks[0], maxsplit=1)
    said = " ".join(first.split()).removesuffix(".")
    if (more or blocks[1:]) and title(command).endswith(f" - {said[:1].lower()}{said[1:]}"):
        return [*more, *blocks[1:]]
    return blocks


def paragraphs(command: click.Command) -> list[str]:
    """A command's help, a paragraph each."""
    text = inspect.cleandoc(command.help or "")
    return [block for block in re.split(r"\n\s*\n", text) if block.strip()]


def with_placeholders(text: str, command: click.Command) -> str:
    """A docstring's RUN, for an argument, as the synopsis has it: `<run>`."""
    for one in command.params:
        if isinstance(one, click.Argument):
            word = _kind(one)
            text = re.sub(rf"\b{re.escape(word.upper())}\b", f"<{word}>", text)
    return text


def described(option: click.Option) -> str:
    """An option's help with its default."""
    text = " ".join((option.help or "").split())
    if option.show_default and option.default not in (None, False, ()):
        text += f" Default: {option.default}."
    return text


def usage(ctx: click.Context) -> str:
    """The short usage of the command that is asked: one line, its options, its sub-commands."""
    command = ctx.command
    words = ["git exp"] if isinstance(command, cli.Commands) else ["git exp", str(command.name)]
    sub = ["<command> [<args>]"] if isinstance(command, cli.Words) else []
    head = " ".join(["usage:", *words, "[<options>]", *arguments(command), *sub])
    lines = [head, "", *_rows((flags(one), described(one)) for one in options(command))]
    if isinstance(command, cli.Commands):
        lines += _listing()
    elif isinstance(command, cli.Family):
        lines += ["", *_rows((word, cli.summary(command.spelt(word))) for word in command.words())]
    return "\n".join(lines)


def text(ctx: click.Context) -> str:
    """The whole help as text, for where there is no man."""
    import textwrap

    body = [textwrap.fill(" ".join(one.split()), 78) for one in description(ctx.command)]
    shown = "\n\n".join([title(ctx.command), *body]).replace("`", "")
    return f"{shown}\n\n{usage(ctx)}"


def asked(ctx: click.Context, words: list[str]) -> list[str]:
    """The command line that `help` and some words stand for; what is of no command is shown."""
    if words in ([], ["help"], ["-h"], ["--help"]):
        _short(ctx, ctx.command.params[0], True)
    if len(words) == 1 and words[0] in TOPICS:
        _topic(f"git-exp-{words[0]}", TOPICS[words[0]])
    how = words.pop() if words[-1] in ("-h", "--help") else "--help"
    _expect_command(ctx, words)
    return [*words, how]


def _expect_command(ctx: click.Context, words: list[str]) -> None:
    """Raise `UsageError` where words are no command: it would be run with those after it."""
    command = ctx.command
    for at, word in enumerate(words):
        if not isinstance(command, cli.Words):
            named = " ".join(words[:at])
            raise errors.UsageError(
                f"'{named} {word}' is not a git exp command", hint=f"git exp help {named}"
            )
        found = command.get_command(ctx, word)
        if found is None:
            raise command.unknown(word)
        command = found


def _topic(name: str, section: int) -> NoReturn:
    import shlex
    import shutil

    found = installed(name, section)
    if found is None:
        raise errors.NotFound(
            f"the manual page {name}({section}) is not installed",
            hint="pip install --force-reinstall git-exp",
        )
    if not shutil.which("man"):
        raise errors.NotFound(
            f"there is no man to show {name}({section})", hint=f"less {shlex.quote(str(found))}"
        )
    os.execvp("man", ("man", str(found)))  # noqa: S606


def installed(name: str, section: int = 1) -> Path | None:
    """Where pip has put a manual page: below the environment, or the user's own folder."""
    import site

    for root in (sys.prefix, site.getuserbase()):
        path = Path(root, "share", "man", f"man{section}", f"{name}.{section}")
        if path.is_file():
            return path
    return None


def _short(ctx: click.Context, param: click.Parameter, value: Any) -> None:
    if value and not ctx.resilient_parsing:
        sys.stdout.write(usage(ctx) + "\n")
        ctx.exit()


def _long(ctx: click.Context, param: click.Parameter, value: Any) -> None:
    if not value or ctx.resilient_parsing:
        return
    import shutil

    found = installed(page("" if isinstance(ctx.command, cli.Commands) else str(ctx.command.name)))
    if found and sys.stdout.isatty() and shutil.which("man"):
        sys.stdout.flush()
        os.execvp("man", ("man", str(found)))  # noqa: S606
    sys.stdout.write(text(ctx) + "\n")
    ctx.exit()


def _listing() -> Iterator[str]:
    for purpose, group in cli.grouped():
        yield from ("", purpose)
        yield from _rows((word, cli.summary(word)) for word in group)


def _rows(rows: Iterable[tuple[str, str]]) -> Iterator[str]:
    """Two columns as git's usage has them: what is too long has the next line for its help."""
    import textwrap

    indent = " " * _HELP_COLUMN
    width = max(40, min(terminal.width(), 100)) - _HELP_COLUMN
    for term, help_text in rows:
        head = f"    {term}"
        lines = textwrap.wrap(help_text.replace("`", ""), width) or [""]
        if len(head) + 2 > _HELP_COLUMN:
            yield head
        else:
            yield f"{head:<{_HELP_COLUMN}}{lines.pop(0)}".rstrip()
        yield from (indent + one for one in lines)


def _alternatives(option: click.Option) -> str:
    return " | ".join(spellings(option))


def _repeated(option: click.Option) -> str:
    return "..." if option.multiple else ""


def _kind(param: click.Parameter) -> str:
    name = (param.name or "").removesuffix("s" if param.nargs == -1 else "")
    kinds = {
        "integer": "number",
        "integer range": "number",
        "float": "number",
        "float range": "number",
    }
    return kinds.get(param.type.name, name.replace("_", "-"))


def _argument(argument: click.Argument) -> str:
    shown = metavar(argument)
    if shown.startswith("["):
        return shown
    shown += "..." if argument.nargs == -1 else ""
    return shown if argument.required else f"[{shown}]"


def _bracketed(word: re.Match[str]) -> str:
    return f"<{word[0].lower()}>"
