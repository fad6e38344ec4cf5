"""The command line: one file a command, found by its name and imported when it is asked for."""

from __future__ import annotations

import importlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from git_exp import errors

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from git_exp.index.search import Indexed
    from git_exp.run import Run
    from git_exp.store import Store

# What a command is for, in the order of `git exp -h`; its file is what makes it exist.
PURPOSES = {
    "record what you run": ("run", "note", "tag", "demo"),
    "look at runs": ("log", "show", "diff", "compare", "best", "brief", "verdict", "tree",
                     "seen", "plot", "sql", "tui"),
    "go back to the code of one": ("checkout", "restore", "promote"),
    "do what a run offers": ("actions",),
    "let a loop search by itself": ("session",),
    "tell a coding agent": ("skill", "mcp"),
    "edit what is recorded": ("rename", "untag", "rm", "scrub"),
    "share and convert": ("push", "pull", "export", "import"),
    "upkeep": ("init", "hooks", "archive", "gc", "doctor", "fsck", "completion"),
}  # fmt: skip
FRAME = (
    "ahead",
    "asking",
    "closing",
    "documents",
    "ending",
    "going",
    "joining",
    "limits",
    "listing",
    "manual",
    "options",
    "output",
    "progress",
    "refusing",
    "terminal",
    "transfer",
)
# What programs start and nobody types.
PLUMBING = ("hook",)
_SEEN = 100
# Two words that mean one, as another tool spells it.
ALIASES: dict[tuple[str, ...], str] = {("experiments", "actions"): "actions"}


def words() -> list[str]:
    """Every command there is: those with a purpose in its order, then the rest by name."""
    here = Path(__file__).parent
    found = {entry.stem for entry in here.glob("[a-z]*.py")} - {*FRAME, *PLUMBING}
    found |= {entry.parent.name for entry in here.glob("[a-z]*/__init__.py")}
    listed = [word for group in PURPOSES.values() for word in group if word in found]
    return listed + sorted(found.difference(listed))


def grouped() -> list[tuple[str, list[str]]]:
    """The commands that there are, by what they are for."""
    there = words()
    listed = {
        purpose: [one for one in group if one in there] for purpose, group in PURPOSES.items()
    }
    known = {word for group in listed.values() for word in group}
    listed["more"] = [word for word in there if word not in known]
    return [(purpose, group) for purpose, group in listed.items() if group]


def place(word: str) -> Path:
    """The file of a command: of several words, `session start`, one in the folder of the first."""
    path = Path(__file__).parent.joinpath(*word.split())
    return path / "__init__.py" if path.is_dir() else path.with_name(f"{path.name}.py")


def summary(word: str) -> str:
    """What a command does, from the first line of its file: nothing has to be imported for it."""
    with place(word).open() as file:
        first = file.readline()
    return first.strip().strip('"').partition(": ")[2].removesuffix(".")


def store(*, recover: bool = True) -> Indexed:
    """The runs of the repository in the current folder, opened once a command.

    What dead processes left is sealed by the way, unless `recover` says that only a look is meant.
    """
    context = click.get_current_context(silent=True)
    kept = context.meta if context else {}
    if "git_exp.store" not in kept:
        made = kept["git_exp.store"] = _opened()
        if context:
            # What SQLite keeps beside the index goes when it is closed.
            context.find_root().call_on_close(made.close)
            if recover and made.repo.config.flag("exp.summaryNotes"):
                # What is called last is done first.
                context.find_root().call_on_close(lambda: _summarize(made))
        if recover:
            _recover(kept["git_exp.store"])
    found: Indexed = kept["git_exp.store"]
    return found


def opened() -> Store | None:
    """The store if this command has opened it already."""
    context = click.get_current_context(silent=True)
    return context.meta.get("git_exp.store") if context else None


class Words(click.Group):
    """A command whose next word is a command too; it imports none before it is called."""

    def words(self) -> list[str]:
        """The words that may come next, in the order of the usage."""
        raise NotImplementedError

    def spelt(self, word: str) -> str:
        """One of them with those before it, as they come after `git exp`."""
        return word

    def list_commands(self, ctx: click.Context) -> list[str]:
        return self.words()

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        from click.shell_completion import CompletionItem

        if incomplete.startswith("-"):
            return super().shell_complete(ctx, incomplete)
        named = [word for word in self.words() if word.startswith(incomplete)]
        return [CompletionItem(word, help=summary(self.spelt(word))) for word in named]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.commands:
            if cmd_name not in self.words():
                return None
            from git_exp.cli import manual

            whole = self.spelt(cmd_name)
            module = importlib.import_module(f"git_exp.cli.{whole.replace(' ', '.')}")
            self.commands[cmd_name] = manual.adopted(module.command, whole)
        return self.commands[cmd_name]

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except click.UsageError as error:
            asked = self.get_command(ctx, ctx.invoked_subcommand or "")
            if error.ctx is None and asked:
                # click's parser does not say whose options it could not read.
                error.ctx = click.Context(asked, parent=ctx)
            raise

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if self.get_command(ctx, args[0]) is None and not ctx.resilient_parsing:
            raise self.unknown(args[0])
        return super().resolve_command(ctx, args)

    def unknown(self, word: str) -> errors.UsageError:
        """The refusal of a word that is none of them, with those that are spelt like it."""
        import difflib

        near = difflib.get_close_matches(word, self.words(), n=3)
        here = " ".join(("git exp", *self.spelt("").split()))
        return errors.UsageError(
            f"'{word}' is not a {here} command",
            hint=f"the most similar: {', '.join(near)}" if near else f"see: {here} -h",
        )


class Commands(Words):
    """The group of all commands."""

    def words(self) -> list[str]:
        return words()

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if alias := ALIASES.get(tuple(args[:2])):
            args = [alias, *args[2:]]
        if args[0] == "help" and not ctx.resilient_parsing:
            from git_exp.cli import manual

            args = manual.asked(ctx, args[1:])
        return super().resolve_command(ctx, args)


class Family(Words):
    """A command of several, each a file in the folder of its word."""

    def __init__(self, word: str, *, verbs: Sequence[str], told: str) -> None:
        super().__init__(word, help=told, invoke_without_command=True, no_args_is_help=False)
        self.callback = _usage
        self.verbs = list(verbs)

    def words(self) -> list[str]:
        return self.verbs

    def spelt(self, word: str) -> str:
        return f"{self.name} {word}"


def group() -> Commands:
    """`git exp` itself, ready to parse its arguments."""
    from git_exp.cli import manual

    pager = click.Option(["-P", "--no-pager"], is_flag=True, help="Do not page the output.")
    version = click.Option(["-v", "--version"], is_flag=True, help="Print the version.")
    entry = Commands(
        "git exp",
        params=[version, pager],
        callback=_entered,
        help=_entered.__doc__,
        invoke_without_command=True,
        no_args_is_help=False,
    )
    manual.adopted(entry, "")
    return entry


def _entered(**given: Any) -> None:
    """The experiment memory that lives inside git: records, lists and restores runs."""
    from git_exp.cli import output

    context = click.get_current_context()
    context.meta["git_exp.no_pager"] = given["no_pager"]
    if given["version"]:
        from git_exp import __version__

        output.line(f"git-exp version {__version__}")
        context.exit()
    _usage()


def _usage() -> None:
    """Show how to go on where no command has been said."""
    from git_exp.cli import manual, output

    context = click.get_current_context()
    if context.invoked_subcommand is None:
        output.lines(manual.usage(context))
        context.exit(errors.UsageError.exit_code)


def _recover(store: Store) -> None:
    from git_exp.cli import output

    for run_id, why in store.recover().aside.items():
        output.warn(f"run {run_id[:8]} could not be sealed: {why}", "git exp fsck --repair")


def _summarize(store: Indexed) -> None:
    """Bring what `git log --notes=exp-summary` shows up to what this command has changed."""
    from git_exp import summary
    from git_exp.cli import output

    try:
        summary.follow(store)
    except (errors.GitExpError, OSError) as error:
        output.warn(f"the summary in {summary.REF} could not be written: {error}")


def _opened() -> Indexed:
    from git_exp.index.search import Indexed

    try:
        here = Path.cwd()
    except FileNotFoundError:
        raise errors.RepositoryError(
            "cannot read the current folder: it does not exist any more",
            hint="cd to a folder that exists",
        ) from None
    found = Indexed.open(here, os.environ)
    found.progress = _progress
    found.hydrate = lambda run: _hydrate(found, run)
    found.directed = lambda: _directed(found)
    return found


def _directed(store: Store) -> Mapping[str, bool]:
    from git_exp.session import cargo

    if not cargo.may_be(store.repo):
        return {}
    from git_exp.session import said

    meant = os.environ.get("GIT_EXP_SESSION") or ""
    return said.ways(store.repo, first="" if meant == "@" else meant)


def _hydrate(store: Store, run: Run) -> None:
    from git_exp import share
    from git_exp.cli import output

    def told(remote: str) -> None:
        output.say(f"fetching run {run.id[:8]} from {remote}")

    share.hydrate(store, run, told)


def _progress(done: int, total: int) -> None:
    """What the index says of its making: only then is anything imported for it."""
    context = click.get_current_context(silent=True)
    # A few runs are in before anybody could read of it.
    if context is None or total < _SEEN:
        return
    from git_exp.cli import progress

    bar = context.meta.setdefault("git_exp.indexing", progress.Late("Indexing runs"))
    bar(done, total)
