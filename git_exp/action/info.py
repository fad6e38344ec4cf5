"""What an experiment holds: its jobs and actions, as objects again."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path

import msgspec

from git_exp import data, errors, query
from git_exp.action import trusted
from git_exp.action.action import Action
from git_exp.action.held import Held, parsed
from git_exp.action.loading import Loader
from git_exp.config import Config, objects
from git_exp.run import Run
from git_exp.store import Store


class Info(msgspec.Struct, frozen=True, kw_only=True):
    """The jobs of an experiment by their keys, and its actions by their ids."""

    jobs: dict[str, Config]
    actions: dict[str, Action]


def load_xp_info(
    run_or_path: Run | str | os.PathLike[str],
    *,
    trust: bool = False,
    repo: str | os.PathLike[str] | None = None,
) -> Info:
    """The jobs and actions of an experiment, as objects of the classes of today.

    The scripts and modules that define these classes are executed for it, each at most once, and
    no further than to where they would begin a run.

    Parameters
    ----------
    run_or_path
        A run, as `git exp show` takes it; or a file of objects, or the folder of its
        `objects.jsonl`.
    trust
        Load classes for a run of somebody else's too: what they recorded names the files of yours
        that are executed.
    repo
        A folder in the repository, the current one by default.

    Raises
    ------
    NotFound
        There is no such run, or no object of it.
    Refused
        The run is somebody else's, and `trust` was not given.
    ActionFailed
        A class cannot be loaded.
    """
    from git_exp.history import opened

    with closing(opened(repo)) as store:
        held = _held(store, run_or_path, trust=trust)
        with Loader(store.repo.top) as loader:
            return made(held, loader)


def _held(store: Store, given: Run | str | os.PathLike[str], *, trust: bool) -> Held:
    """What is meant: a text is a run's name first, and a path where there is no such run."""
    if isinstance(given, str) or not isinstance(given, os.PathLike):
        try:
            run = given if isinstance(given, Run) else query.find(store, given)
        except errors.NotFound:
            if isinstance(given, Run) or not _path(given):
                raise
        else:
            if not run.own:
                trusted.expect(run, vouched=False, trust=trust)
            found = trusted.held(store, run)
            every = (*found.jobs.values(), *found.actions.values())
            trusted.expect(run, vouched=all(one.vouched for one in every), trust=trust)
            return found
    path = _path(given)
    if path is None:
        raise errors.NotFound(f"there are no objects at '{given}'")
    return parsed(path.read_bytes().splitlines())


def made(held: Held, loader: Loader) -> Info:
    """All jobs and actions; an object that several hold is one."""
    reader = objects.Reader(held.objects, loader.find)
    jobs = {key: config(reader, one.object) for key, one in held.jobs.items()}
    actions = {key: action(reader, one.object) for key, one in held.actions.items()}
    return Info(jobs=jobs, actions=actions)


def config(reader: objects.Reader, object_id: str) -> Config:
    """An object, whatever somebody has written as one. Raises `ActionFailed` for what is none."""
    try:
        return reader.make(object_id)
    except errors.BadConfig as error:
        raise errors.ActionFailed(
            f"object {object_id[:8]} does not fit its class: {error}",
            hint="the run's own code may: git exp actions run --at-run",
        ) from error
    except errors.GitExpError:
        raise
    except Exception as error:
        said = type(error).__name__
        raise errors.ActionFailed(f"object {object_id[:8]} cannot be read: {said}") from error


def action(reader: objects.Reader, object_id: str) -> Action:
    """The action of an object. Raises `ActionFailed` for what is none."""
    found = config(reader, object_id)
    if not isinstance(found, Action):
        raise errors.ActionFailed(f"{type(found).__name__} is no Action")
    return found


def _path(given: str | os.PathLike[str]) -> Path | None:
    """The file of objects that a path means, None for any other text."""
    path = Path(given)
    for one in (path / data.OBJECTS, path):
        if one.is_file():
            return one
    return None
