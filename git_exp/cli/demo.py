"""git exp demo: show what git exp does, in a temporary repository."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import click

from git_exp import errors
from git_exp.cli import output


@click.command()
@click.option(
    "--keep",
    metavar="dir",
    type=click.Path(path_type=Path),
    help="Play it in this new folder, and leave it there to go on with.",
)
def command(keep: Path | None) -> None:
    """Show what git exp does, in a temporary repository.

    Three runs of a small model with an edit between them, then the list of them, a diff, and the
    code of the best one brought back. Each command is printed before its output.
    """
    from git_exp import demo

    if keep is not None:
        _made(keep)
        demo.play(keep, os.environ, output.line)
        output.hints(f"go on in it: cd {keep}")
        return
    with tempfile.TemporaryDirectory(prefix="git-exp-demo-") as folder:
        demo.play(Path(folder), os.environ, output.line)


def _made(folder: Path) -> None:
    try:
        folder.mkdir()
    except FileExistsError:
        raise errors.UsageError(f"'{folder}' is there already", hint="name a new folder") from None
    except OSError as error:
        raise errors.UsageError(f"cannot make '{folder}': {error.strerror}") from None
