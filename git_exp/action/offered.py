"""The actions of a run: which it offers, and the execution of one."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from git_exp import errors, mask, query, records, values, visible
from git_exp.action import info, trusted
from git_exp.action.action import Action, executing
from git_exp.action.held import Held
from git_exp.action.interaction import Answers, Cancelled, Interaction
from git_exp.action.loading import Loader
from git_exp.action.registering import LONGEST
from git_exp.action.shipped import SHIPPED
from git_exp.config.objects import Reader
from git_exp.git import objects, worktree
from git_exp.run import Run
from git_exp.store import Store

_FEWEST = 4
# What a question's key says of its answer.
_SECRET = re.compile(
    r"key|token|secret|pass(?:word|wd|phrase)|credential|(?:^|[\W_])auth(?:$|[\W_])", re.I
)


class Offered(msgspec.Struct, frozen=True, kw_only=True):
    """An action that a run offers; `t` is when it was registered, `cls` the name of its class.

    One that comes with git exp and was never registered has no `t`.
    """

    run: Run
    id: str
    cls: str
    description: str
    t: str


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """What came of an action: `answers` by the keys of its questions, `unused` keys given in vain.

    `outcome` is done, failed or cancelled; `error` is why it failed, `said` what the action gave.
    """

    action: Offered
    answers: dict[str, Any] = {}
    outcome: str = "done"
    error: str | None = None
    said: str | None = None
    unused: list[str] = []


def listed(store: Store, run: Run) -> list[Offered]:
    """What a run offers, in the order of registration; nothing is imported for it.

    The run of a task offers what its experiment does, if nothing of its own. Of a run of one's own
    the objects say what an action is: its records may be anybody's.
    """
    above = None if run.actions or run.parent_run is None else store.get(run.parent_run)
    run = above if above and above.actions else run
    held = trusted.held(store, run) if run.own and run.actions else None
    return [_offered(run, one, held) for one in run.actions]


def _offered(run: Run, said: records.Action, held: Held | None) -> Offered:
    cls, description = said.cls, said.description
    named = held.actions.get(said.id) if held else None
    if held and named and named.vouched and named.object in held.objects:
        cls = held.objects[named.object].name.rpartition(".")[2]
        description = named.description
    return Offered(
        run=run, id=_shown(said.id), cls=_shown(cls), description=_shown(description), t=said.t
    )


def _shown(text: str) -> str:
    """Text that others may have written: one line, no longer than ours is, and no order."""
    return visible.escape(text[:LONGEST])


def find(store: Store, run: Run, name: str) -> Offered:
    """The action that a class name, the beginning of one, or that of an id means.

    Raises `NotFound`, or `Ambiguous` with the candidates. What comes with git exp every run has.
    """
    if not name:
        raise errors.UsageError("an action has a name", hint="list them: git exp actions list RUN")
    every = listed(store, run)
    for found in (
        [one for one in every if one.cls == name or one.id == name],
        [_shipped(run, cls) for cls in SHIPPED if cls == name],
        [one for one in every if _begins(one, name)],
        [_shipped(run, cls) for cls in SHIPPED if cls.startswith(name)],
    ):
        if len(found) == 1:
            return found[0]
        if found:
            raise errors.Ambiguous(name, [f"{one.cls} {one.id[:8]}" for one in found])
    offers = ", ".join(dict.fromkeys([*(one.cls for one in every), *SHIPPED]))
    raise errors.NotFound(
        f"run {query.short(run.id)} has no action '{name}'", hint=f"it offers: {offers}"
    )


def perform(
    store: Store,
    offered: Offered,
    interaction: Interaction,
    *,
    trust: bool = False,
    at_run: bool = False,
) -> Done:
    """Execute an action and record what came of it.

    Raises `Refused` for a run of somebody else's without `trust`, `ActionFailed` where it cannot be
    loaded, `MissingAnswer` and `BadAnswer`; what the action itself raises is told in the answer,
    and so is `Cancelled`.
    """
    asked = Answers({}, rest=interaction)
    with _loaded(store, offered, trust=trust, at_run=at_run) as action:
        token = executing.set(offered.run)
        try:
            outcome, told, error = _outcome(action, asked)
        finally:
            executing.reset(token)
    unused = interaction.unused if isinstance(interaction, Answers) else []
    done = Done(
        action=offered,
        answers=_masked(asked.given),
        outcome=outcome,
        error=told if outcome == "failed" else None,
        said=told if outcome == "done" else None,
        unused=unused,
    )
    try:
        _record(store, done)
    except (errors.GitExpError, OSError) as failed:
        raise errors.ActionFailed(
            f"{offered.cls} was {outcome}, but no record of it could be written: {failed}",
            hint="it is not to be done again for that",
        ) from failed
    if error:
        raise error
    return done


def _outcome(action: Action, asked: Answers) -> tuple[str, str | None, Exception | None]:
    """How it ended, what is to be told of that, and what its caller is to hear."""
    try:
        said = action.execute(asked)
    except (Cancelled, KeyboardInterrupt):
        return "cancelled", None, None
    except SystemExit as error:
        left = f"it exited with {error.code}" if error.code else None
        return ("failed" if left else "done"), left, None
    except (errors.MissingAnswer, errors.BadAnswer) as error:
        if not asked.given:
            # Nothing was done, and there is nothing to record.
            raise
        return "failed", f"no answer for '{error.key}'", error
    except errors.GitExpError as error:
        return "failed", error.message, None
    except BaseException as error:
        return "failed", errors.said(error), None
    return "done", said if isinstance(said, str) else None, None


@contextmanager
def _loaded(store: Store, offered: Offered, *, trust: bool, at_run: bool) -> Iterator[Action]:
    """The action as an object, of the classes of today or of the run's own code."""
    if not offered.t and offered.cls in SHIPPED:
        yield SHIPPED[offered.cls]()
        return
    run = offered.run
    if not run.own:
        # Before anything of it is fetched.
        trusted.expect(run, vouched=False, trust=trust)
    held = trusted.held(store, run)
    named = held.actions.get(offered.id)
    if named is None:
        raise errors.NotFound(f"the object of action {offered.id[:8]} is not there")
    trusted.expect(run, vouched=named.vouched, trust=trust)
    with (
        _root(store, run, at_run=at_run) as root,
        Loader(root, instead=store.repo.top if at_run else None) as loader,
    ):
        yield info.action(Reader(held.objects, loader.find), named.object)


@contextmanager
def _root(store: Store, run: Run, *, at_run: bool) -> Iterator[Path | None]:
    """The worktree, or a folder with the run's own code for as long as it is needed."""
    if not at_run:
        yield store.repo.top
        return
    store.need(run)
    if not objects.is_here(store.repo, run.commit):
        raise errors.CodeAway(run.id)
    with tempfile.TemporaryDirectory(prefix="git-exp-") as folder:
        root = Path(folder) / "code"
        worktree.export(store.repo, run.commit, root)
        yield root


def _record(store: Store, done: Done) -> None:
    who = objects.ident(store.repo, 0)
    told = {"status": done.outcome, "error": done.error, "said": done.said}
    outcome = {key: value for key, value in told.items() if value is not None}
    store.add(
        done.action.run,
        lambda t: records.ActionResult(
            t=t,
            id=done.action.id,
            by=f"{who.name} <{who.email}>",
            answers=done.answers,
            outcome=outcome,
        ),
    )


def _masked(answers: dict[str, Any]) -> dict[str, Any]:
    """Answers as they are recorded: no secret that a key names, no credentials in a URL."""
    found: dict[str, Any] = {}
    for key, value in answers.items():
        if isinstance(value, str):
            value = mask.MASK if _SECRET.search(key) else values.quoted(mask.url(value))
        found[values.quoted(key)] = value
    return found


def _begins(one: Offered, name: str) -> bool:
    return one.cls.startswith(name) or (len(name) >= _FEWEST and one.id.startswith(name))


def _shipped(run: Run, cls: str) -> Offered:
    action = SHIPPED[cls]()
    return Offered(
        run=run, id=action.config_id()[:32], cls=cls, description=action.describe(), t=""
    )


def shipped(run: Run, known: Sequence[Offered]) -> list[Offered]:
    """What comes with git exp and every run offers, but for what it has registered itself."""
    own = {one.cls for one in known}
    return [_shipped(run, cls) for cls in SHIPPED if cls not in own]
