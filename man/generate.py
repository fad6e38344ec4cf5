"""Write the manual pages: from the commands themselves, and from the prose in `man/src`.

`python man/generate.py` writes them, `python man/generate.py --check` names those that differ from
what it would write.
"""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import click
import roff

from git_exp import __version__, cli
from git_exp.cli import manual

HERE = Path(__file__).parent
STATUSES = {
    0: "Done.",
    1: "The answer is no: nothing matched, or a check failed.",
    2: "Wrong usage.",
    3: "Not found, or several things match.",
    4: "Refused, to protect data.",
    5: "The repository or a remote failed, or git exp itself did.",
    130: "Interrupted from the terminal.",
}
# Their place in every page; other sections of the prose stand between the two groups.
FIRST = ("Description", "Options", "Commands")
LAST = ("Examples", "Configuration", "Environment", "Exit status", "See also")

# Pages that are prose alone: what they say.
SAID = {
    "format": "how git exp stores runs in a repository",
    "workflows": "ways to share runs",
    "agents": "a coding agent at work: twenty ideas, and none is lost",
    "query": "which runs are meant, and what they are sorted by",
}
ALONE = {f"git-exp-{word}": (section, SAID[word]) for word, section in manual.TOPICS.items()}


def pages() -> dict[str, str]:
    """Every page there is: its file name and its text."""
    entry = cli.group()
    context = click.Context(entry, info_name="git exp")
    made = {"git-exp.1": _top(entry)}
    made |= {f"{name}.{section}": _prose_alone(name) for name, (section, _) in ALONE.items()}
    for word in cli.words():
        command = entry.get_command(context, word)
        assert command
        made[f"{manual.page(word)}.1"] = _command(command, word)
    return made


def main(args: list[str]) -> int:
    """Write the pages, or with `--check` compare them; 1 if there is a difference."""
    made = pages()
    there = {path.name for path in HERE.glob("*.[157]")}
    stale = sorted(there - set(made))
    for name, page in made.items():
        path = HERE / name
        if not path.exists() or path.read_text() != page:
            stale.append(name)
            if "--check" not in args:
                path.write_text(page)
    if "--check" in args:
        for name in stale:
            sys.stderr.write(f"man/{name} is not what python man/generate.py makes\n")
        return 1 if stale else 0
    for name in there - set(made):
        (HERE / name).unlink()
    return 0


def _command(command: click.Command, word: str) -> str:
    prose = _prose(word)
    said = "\n\n".join(_named(one, command) for one in manual.description(command))
    family = command if isinstance(command, cli.Family) else None
    body = {
        "Description": roff.blocks(said) + roff.blocks(prose.pop("Description", "")),
        "Options": _options(command),
        "Commands": _members(family) if family else [],
        "Configuration": _settings(word),
        "Exit status": _statuses(),
        "See also": roff.blocks(
            _joined(prose.pop("See also", ""), "`git-exp`(1), `git-exp-format`(5)")
        ),
    }
    every = [one for _, one in _members_of(family)] if family else [command]
    synopsis = [".SH SYNOPSIS"]
    for one in every:
        synopsis += _usage(f"git exp {one.name}", manual.synopsis(one))
    head = _head(manual.title(command), 1)
    return _page([*head, *synopsis], body, prose)


def _members_of(family: cli.Family) -> list[tuple[str, click.Command]]:
    context = click.Context(family, info_name=family.name)
    found = ((word, family.get_command(context, word)) for word in family.words())
    return [(word, one) for word, one in found if one]


def _members(family: cli.Family) -> list[str]:
    """The commands of a family, each with what it does and its own options."""
    lines: list[str] = []
    for word, one in _members_of(family):
        said = "\n\n".join(_named(text, one) for text in manual.paragraphs(one))
        lines += [f".SS {roff.text(word, code=True)}", *_without_first_break(roff.blocks(said))]
        lines += _options(one, but=("h", "help"))
    return lines


def _top(entry: cli.Commands) -> str:
    prose = _prose("git-exp")
    body = {
        "Description": roff.blocks(prose.pop("Description")),
        "Options": _options(entry),
        "Commands": _commands(),
        "Configuration": _settings(""),
        "Exit status": _statuses(),
        "See also": roff.blocks(
            ", ".join(f"`{manual.page(word)}`(1)" for word in cli.words())
            + "".join(f", `git-exp-{one}`({at})" for one, at in manual.TOPICS.items())
            + ", `git`(1), `git-notes`(1)"
        ),
    }
    words = [*manual.synopsis(entry), "<command>", "[<args>]"]
    head = _head(manual.title(entry), 1)
    return _page([*head, ".SH SYNOPSIS", *_usage("git exp", words)], body, prose)


def _prose_alone(name: str) -> str:
    section, summary = ALONE[name]
    prose = _prose(name)
    body = {"Description": roff.blocks(prose.pop("Description"))}
    return _page(_head(f"{name} - {summary}", section), body, prose)


def _page(head: Iterable[str], body: dict[str, list[str]], prose: dict[str, str]) -> str:
    body = {**body, **{name: roff.blocks(text) for name, text in prose.items()}}
    between = [name for name in body if name not in FIRST + LAST]
    lines = list(head)
    for name in (*FIRST, *between, *LAST):
        if body.get(name):
            lines += [f".SH {name.upper()}", *_without_first_break(body[name])]
    return "\n".join(lines) + "\n"


def _head(title: str, section: int) -> list[str]:
    name, _, summary = title.partition(" - ")
    return [
        '.\\" Made by man/generate.py from git_exp/cli and man/src: change those.',
        f'.TH {roff.text(name.upper(), code=True)} {section} "" "git\\-exp {__version__}" '
        '"Git Exp Manual"',
        ".nh",
        ".ss 12 0",
        ".ad l",
        ".SH NAME",
        f"{roff.text(name, code=True)} \\- {roff.inline(summary)}",
    ]


def _usage(command: str, words: Iterable[str]) -> list[str]:
    # No word of it is broken between an option and its value.
    kept = [roff.text(word, code=True).replace(" ", "\\~") for word in words]
    name = roff.text(command, code=True).replace(" ", "\\~")
    # .YS turns hyphenation on again.
    return [f".SY {name}", *kept, ".YS", ".nh"]


def _options(command: click.Command, but: Sequence[str] = ()) -> list[str]:
    lines: list[str] = []
    for option in manual.options(command):
        if option.name in but:
            continue
        tag = ", ".join(roff.text(one, code=True) for one in manual.spellings(option))
        lines += roff.term(tag, [roff.inline(_named(manual.described(option), command))])
    return lines


def _commands() -> list[str]:
    lines: list[str] = []
    for purpose, words in cli.grouped():
        lines.append(f".SS {roff.text(purpose.capitalize())}")
        for word in words:
            tag = f"\\fB{roff.text(manual.page(word), code=True)}\\fR(1)"
            lines += roff.term(tag, [roff.inline(cli.summary(word).capitalize() + ".")])
    return lines


def _settings(word: str) -> list[str]:
    known: dict[str, Any] = tomllib.loads((HERE / "src" / "settings.toml").read_text())
    lines: list[str] = []
    for key, one in known.items():
        if not word or word in one["pages"]:
            default = f" Default: `{one['default']}`." if one.get("default") else ""
            lines += roff.term(roff.bold(key), roff.inline(one["help"] + default).split("\n"))
    return lines


def _statuses() -> list[str]:
    lines: list[str] = []
    for code, told in STATUSES.items():
        lines += roff.term(str(code), [roff.inline(told)])
    return lines


def _prose(word: str) -> dict[str, str]:
    path = HERE / "src" / f"{word}.md"
    return roff.sections(path.read_text()) if path.exists() else {}


def _named(text: str, command: click.Command) -> str:
    """RUN, as docstrings write an argument, as the synopsis does: `<run>`."""
    return manual.with_placeholders(text, command)


def _joined(first: str, second: str) -> str:
    return f"{first.rstrip('.')}, {second}" if first else second


def _without_first_break(lines: list[str]) -> list[str]:
    return lines[1:] if lines[0] == ".PP" else lines


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
