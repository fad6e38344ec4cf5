"""What a team wants set once in a clone, and how to undo it: nothing here is needed to record."""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from git_exp import errors
from git_exp.git.repo import Repo
from git_exp.hook import files

OLDEST = (2, 39)
STRATEGY = ("notes.exp.mergeStrategy", "cat_sort_uniq")
HIDDEN = ("refs/runs/", "refs/exp/", "refs/notes/exp", "refs/notes/exp-summary")
_DECORATION = "log.excludeDecoration"
_HOOK = "hook"
_VERSION = re.compile(r"(\d+)\.(\d+)")


class Step(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that was changed or left: what and why, and how to undo it if it was changed."""

    what: str
    undo: str | None = None


def check(repo: Repo) -> list[str]:
    """What of the environment keeps git exp from working well, a sentence each."""
    told = repo.git("version").decode().strip()
    found = _VERSION.search(told)
    if found and (int(found[1]), int(found[2])) < OLDEST:
        return [
            f"{told} is older than {OLDEST[0]}.{OLDEST[1]}, the oldest that git exp is made for"
        ]
    return []


def apply(repo: Repo, *, hooks: bool) -> list[Step]:
    """Set what is not set yet, and remember what that was; to do it twice changes nothing."""
    steps = [*_strategy(repo), *_decoration(repo)]
    if hooks:
        before = {one.name: one.state for one in files.status(repo)}
        for done in files.install(repo):
            new = done.did == "installed" and before[done.name] in ("missing", "other")
            if new:
                _remember(repo, _HOOK, done.name)
            kept = f", before {done.kept}" if done.kept else ""
            undo = "git exp hooks uninstall" if new else None
            steps.append(Step(what=f"{done.name} hook: {done.did}: {done.path}{kept}", undo=undo))
    return steps


def undo(repo: Repo) -> list[Step]:
    """Undo what `apply` did, and nothing that was set before or has been changed since."""
    done = _remembered(repo)
    steps = [_unset(repo, key, value) for key, value in done if key != _HOOK]
    names = [value for key, value in done if key == _HOOK]
    for one in files.uninstall(repo, names):
        steps.append(Step(what=f"{one.name} hook: {one.did}: {one.path}"))
    (repo.home / "init").unlink(missing_ok=True)
    return steps


def _strategy(repo: Repo) -> Iterator[Step]:
    key, value = STRATEGY
    there = repo.config.get(key)
    if there is None:
        _add(repo, key, value)
        yield Step(
            what=f"set {key}={value}: git notes merge joins the records of both sides",
            undo=f"git config --unset {key}",
        )
    elif there != value:
        yield Step(what=f"left {key}={there}, which you have set: git exp wants {value}")


def _decoration(repo: Repo) -> Iterator[Step]:
    """Keep our refs out of what `git log` shows beside a commit.

    git itself shows branches, tags and remotes alone, until anything is set: one pattern that
    excludes is enough for it to show every other ref there is, such as those of pull requests.
    """
    excluded = repo.config.all(_DECORATION)
    if not excluded and repo.config.get("log.initialDecorationSet") != "all":
        return
    for pattern in HIDDEN:
        if pattern not in excluded:
            _add(repo, _DECORATION, pattern)
            yield Step(
                what=f"added {_DECORATION}={pattern}: git log does not name runs beside commits",
                undo=f"git config --fixed-value --unset {_DECORATION} {pattern}",
            )


def _add(repo: Repo, key: str, value: str) -> None:
    # First the word, then the deed: what was cut short is undone all the same.
    _remember(repo, key, value)
    repo.git("config", "--local", "--add", key, value)


def _unset(repo: Repo, key: str, value: str) -> Step:
    try:
        repo.git("config", "--local", "--fixed-value", "--unset", key, value)
    except errors.GitFailed:
        return Step(what=f"left {key}: it is not what it was set to")
    return Step(what=f"unset {key}={value}")


def _remember(repo: Repo, key: str, value: str) -> None:
    if (key, value) in _remembered(repo):
        return
    try:
        repo.home.mkdir(exist_ok=True)
        with (repo.home / "init").open("a") as file:
            file.write(f"{key} {value}\n")
    except OSError as error:
        where = str(repo.home / "init")
        raise errors.WriteFailed(where, error.strerror or str(error)) from error


def _remembered(repo: Repo) -> list[tuple[str, str]]:
    try:
        lines = (repo.home / "init").read_text().splitlines()
    except OSError:
        return []
    return [(key, value) for key, _, value in (line.partition(" ") for line in lines) if value]
