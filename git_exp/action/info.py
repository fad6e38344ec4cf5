"""What an experiment holds: its jobs and actions, as objects again."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec

from git_exp import data, errors, query
from git_exp.action import trusted
from git_exp.action.action import Action
from git_exp.action.loading import Loader
from git_exp.config import Config, objects
from git_exp.config.objects import Stored
from git_exp.run import Run


class Info(msgspec.Struct, frozen=True, kw_only=True):
    """The jobs of an experiment by their keys, and its actions by their ids."""

    jobs: dict[str, Config]
    actions: dict[str, Action]


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """What is stored of an experiment: objects by id, the object of each job and action."""

    objects: Mapping[str, Stored]
    jobs: Mapping[str, str]
    actions: Mapping[str, str]


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

    path = None if isinstance(run_or_path, Run) else Path(run_or_path)
    with closing(opened(repo)) as store:
        if path is not None and _is_there(path):
            held = _read(path)
        else:
            given = run_or_path
            run = given if isinstance(given, Run) else query.find(store, str(given))
            source = trusted.source(store, run)
            trusted.expect(source, trust=trust)
            held = parsed(trusted.lines(store, source))
        with Loader(store.repo.top) as loader:
            return made(held, loader)


def made(held: Held, loader: Loader) -> Info:
    """All jobs and actions; an object that several hold is one."""
    reader = objects.Reader(held.objects, loader.find)
    jobs = {key: reader.make(oid) for key, oid in held.jobs.items()}
    actions = {key: action(reader, oid) for key, oid in held.actions.items()}
    return Info(jobs=jobs, actions=actions)


def action(reader: objects.Reader, object_id: str) -> Action:
    """The action of an object. Raises `ActionFailed` for what is none."""
    found = reader.make(object_id)
    if not isinstance(found, Action):
        raise errors.ActionFailed(f"{type(found).__name__} is no Action")
    return found


def parsed(lines: Iterable[bytes]) -> Held:
    """What lines tell of; what is torn or unknown is passed over."""
    found: dict[str, Stored] = {}
    named: dict[str, dict[str, str]] = {"job": {}, "action": {}}
    for line in lines:
        told = _line(line)
        if one := objects.stored(told):
            found[one.id] = one
            continue
        for kind, known in named.items():
            key, oid = told.get(kind), told.get("object")
            if isinstance(key, str) and isinstance(oid, str):
                known.setdefault(key, oid)
    return Held(objects=found, jobs=named["job"], actions=named["action"])


def _line(line: bytes) -> dict[str, Any]:
    try:
        told = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}


def _is_there(path: Path) -> bool:
    return path.is_file() or (path / data.OBJECTS).is_file()


def _read(path: Path) -> Held:
    return parsed((path / data.OBJECTS if path.is_dir() else path).read_bytes().splitlines())
