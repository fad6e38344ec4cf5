"""git exp skill: print or install what a coding agent is told of git exp."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

import click
import msgspec

from git_exp import cli, errors, outfile
from git_exp.cli import options, output

DOCUMENTS = ("skill", "agents", "program")


class Text(msgspec.Struct, frozen=True, kw_only=True):
    """What a coding agent is told: `document` is skill, agents or program."""

    document: str
    text: str


@click.command()
@click.argument("document", type=click.Choice(DOCUMENTS), default="skill", metavar="document")
@click.option("--write", "path", metavar="path", help="Write it to a file, or into a folder.")
@click.option("--install", is_flag=True, help="Install the skill for agents in this repository.")
@click.option("--user", is_flag=True, help="Install it in the home folder, for all repositories.")
@options.answer
def command(document: str, path: str | None, install: bool, user: bool, form: options.Form) -> None:
    """Print or install what a coding agent is told of git exp.

    DOCUMENT is `skill`, a SKILL.md by the Agent Skills specification, whose list of commands is
    made from the commands; `agents`, a section for AGENTS.md; or `program`, a program.md for a
    loop that edits, runs, and keeps or restores by itself.

    --install writes the skill to `.agents/skills/git-exp/` and links `.claude/skills/git-exp` to
    it. What somebody has changed by hand is not written over. A section of AGENTS.md is put in
    place of the one that git exp wrote before; the rest of the file stays.
    """
    if sum((path is not None, install or user, form.kind == "json")) > 1:
        raise click.UsageError("--write, --install and --json exclude each other")
    if (install or user) and document != "skill":
        raise click.UsageError("only the skill is installed; write the others: --write PATH")
    if path == "":
        raise errors.UsageError("--write takes a path", hint="git exp skill --write .")
    if user:
        _install(_home())
    elif install:
        top = _top()
        _install(top)
        _advise(top, *_places(top))
    elif path is not None:
        place = _written(document, Path(path))
        output.line(str(place))
        _advise(place.parent, place.name)
    elif form.kind == "json":
        output.document("skill", Text(document=document, text=_text(document)))
    else:
        output.raw(_text(document).encode())


def _advise(folder: Path, *paths: str) -> None:
    """Say how files stay that a run would have only if it captured them: a restore takes these."""
    places = [str(folder.resolve() / path) for path in paths]
    status = ("status", "--porcelain", "--untracked-files=all", "--", *places)
    try:
        told = cli.store(recover=False).repo.git(*status)
    except errors.GitExpError:
        return  # It is in no repository.
    if told.startswith(b"??"):
        there = " ".join(
            shlex.quote(os.path.relpath(one)) for one in places if os.path.lexists(one)
        )
        output.hints(f"commit it, so that every run and every restore has it: git add -f {there}")


def _home() -> Path:
    if not os.environ.get("HOME", "-"):
        raise errors.UsageError("HOME is empty", hint="--write PATH puts it elsewhere")
    return Path.home()


def _top() -> Path:
    try:
        top = cli.store(recover=False).repo.top
    except errors.NotARepository as error:
        error.hint = "for all repositories: git exp skill --user"
        raise
    if top is None:
        raise errors.UsageError("a bare repository has no files", hint="install it with --user")
    return Path(top)


def _text(document: str, name: str | None = None) -> str:
    from git_exp.agent import skill

    if document == "skill":
        commands = [(word, cli.summary(word)) for word in cli.words()]
        return skill.text(commands, name or skill.NAME)
    return skill.section() if document == "agents" else skill.program()


def _written(document: str, path: Path) -> Path:
    """Write a document where its user says; a folder gets a file of the usual name."""
    from git_exp.agent import skill

    names = {"skill": skill.FILE, "agents": "AGENTS.md", "program": "program.md"}
    place = path / names[document] if path.is_dir() or not path.suffix else path
    before = _before(place)
    if document == "agents":
        text = skill.merged(before or "")
    else:
        name = place.resolve().parent.name if place.name == skill.FILE else None
        text = _text(document, name)
        there = (before or "").replace("\r\n", "\n")
        known = skill.is_ours(there) if there and document == "skill" else there == text
        if before is not None and not known:
            raise errors.Refused(
                f"'{place}' is there and not as git exp wrote it",
                hint="move it away, or name another",
            )
    _put(place, text)
    return place


def _before(place: Path) -> str | None:
    try:
        return place.read_bytes().decode()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeError) as error:
        why = getattr(error, "strerror", None) or "it is no text"
        raise errors.UsageError(f"cannot read '{place}': {why}") from None


def _put(place: Path, text: str) -> None:
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        why = error.strerror or str(error)
        raise errors.UsageError(f"cannot write '{place}': {why}") from None
    with outfile.written(place) as file:
        file.write(text.encode())


def _places(top: Path) -> list[str]:
    """What is installed there, and nothing beside it."""
    from git_exp.agent import skill

    return [str(one.relative_to(top)) for one in skill.places(top) if os.path.lexists(one)]


def _install(root: Path) -> None:
    from git_exp.agent import skill

    folder, link = skill.places(root)
    output.line(str(_written("skill", folder / skill.FILE)))
    if _linked(link, folder):
        output.line(f"{link} -> {link.readlink()}")


def _leads(link: Path, folder: Path) -> bool:
    try:
        return link.resolve() == folder.resolve()
    except (OSError, RuntimeError):
        return False  # It leads to itself.


def _linked(link: Path, folder: Path) -> bool:
    """Whether a link is there now that leads to the folder; what else stands there stays."""
    target = os.path.relpath(folder, link.parent)
    try:
        link.parent.mkdir(parents=True, exist_ok=True)
        if not os.path.lexists(link):
            link.symlink_to(target)
    except OSError as error:
        output.warn(f"cannot link '{link}': {error.strerror}")
        return False
    if not _leads(link, folder):
        output.warn(f"'{link}' is something else already, and stays")
        return False
    return link.is_symlink()
