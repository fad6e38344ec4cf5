"""Whether a hook has nothing to do, found out before anything is imported that takes its time."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from itertools import pairwise

from git_exp.git import glance as git
from git_exp.index import glance as index

# `notes.REFS`, from where it would take too long.
NOTES = ("refs/notes/exp", "refs/exp/private")
_HEAD = 1 << 16
# A setting without which a hook does nothing.
_SWITCHES = {
    "pre-commit": "exp.gate",
    "prepare-commit-msg": "exp.trailers",
    "pre-push": "exp.autoPush",
}


def idle(name: str, env: Mapping[str, str], given: bytes = b"") -> bool:
    """Whether it is sure that a hook has nothing to do; `given` is what git tells it on stdin."""
    if env.get("GIT_EXP_PUSHING") == "1" or env.get("GIT_EXP_DISABLED") == "1":
        return True
    if name == "post-rewrite":
        return _are_unlinked(env, given)
    config = _config(env)
    switch = _SWITCHES.get(name)
    if switch and not _is_on(_values(config, switch), any_value=name == "pre-commit"):
        return True
    match name:
        case "prepare-commit-msg":
            runs = _runs(env)
            tree = git.asked(["write-tree"], env).strip() if runs else ""
            return runs is None or not runs.any("tree", [tree])
        case "post-commit":
            return _is_unlinked(env, _values(config, "exp.codePaths"))
    return False


def _are_unlinked(env: Mapping[str, str], given: bytes) -> bool:
    """Whether no run is linked to what was rewritten."""
    lines = given.decode(errors="replace").splitlines()
    olds = list({words[0] for line in lines if (words := line.split())})
    runs = _runs(env) if olds else None
    return runs is None or not runs.any("link", olds)


def _is_unlinked(env: Mapping[str, str], paths: Sequence[str]) -> bool:
    """Whether no run is of HEAD's tree, nor of its code."""
    runs = _runs(env, "HEAD^{tree}", "HEAD^@")
    if runs is None or not runs.asked:
        return True
    tree, *parents = runs.asked
    if runs.any("tree", [tree]):
        return False
    if not paths or not parents:
        return True
    near = runs.trees("near", parents)
    return near is not None and not _any_alike(env, near, tree, paths=paths)


def _any_alike(
    env: Mapping[str, str], trees: Sequence[str], tree: str, *, paths: Sequence[str]
) -> bool:
    """Whether one of some trees may be the same as another in these paths."""
    pairs = "".join(f"{one} {tree}\n" for one in trees if len(one) == 40)
    top = git.asked(["rev-parse", "--show-toplevel"], env).strip() if pairs else ""
    words = ["-C", top or ".", "diff-tree", "--stdin", "-r", "--raw", "--no-renames", "--", *paths]
    answer = git.asked(words, env, pairs).splitlines() if pairs else []
    # Each pair has a line of its own, and each that differs more of them.
    heads = [not line.startswith(":") for line in answer]
    differ = sum(head and not after for head, after in pairwise(heads))
    return differ < pairs.count("\n")


class _Runs:
    """The runs of a repository as far as can be told at a glance, and what else was asked of it."""

    def __init__(self, home: str, tips: Mapping[str, str | None], asked: Sequence[str]) -> None:
        self._home = home
        self._tips = tips
        self._waiting = _spooled(home)
        self.asked = asked

    def is_none(self) -> bool:
        """Whether there is none at all."""
        return not any(self._tips.values()) and not self._waiting

    def any(self, kind: str, values: Sequence[str]) -> bool:
        """Whether there may be one that has one of some values."""
        found = self.trees(kind, values)
        return found is None or bool(found)

    def trees(self, kind: str, values: Sequence[str]) -> list[str] | None:
        """The trees of those that have one of some values; None where a glance cannot tell."""
        if any(value.encode() in start for value in values for start in self._waiting):
            return None
        if not any(self._tips.values()):
            return []
        return index.trees(self._home, self._tips, kind=kind, values=values)


def _runs(env: Mapping[str, str], *objects: str) -> _Runs | None:
    """The runs, or None where there is none; what some objects are is asked by the way."""
    words = ("rev-parse", "--path-format=absolute", "--git-common-dir", *objects)
    folder, *oids = git.asked(words, env).split("\n")[:-1] or [""]
    if not folder:
        return None
    listing = git.asked(["for-each-ref", "--format=%(refname) %(objectname)", *NOTES], env)
    stand = dict(line.split(" ") for line in listing.splitlines())
    found = _Runs(f"{folder}/exp", {ref: stand.get(ref) for ref in NOTES}, oids)
    return None if found.is_none() else found


def _spooled(home: str) -> list[bytes]:
    """How the journals of runs that are not sealed begin: with what a run started from."""
    starts = []
    for folder in _entries(f"{home}/spool"):
        for path in _entries(folder):
            if path.endswith(".jsonl"):
                with open(path, "rb") as file:
                    starts.append(file.read(_HEAD))
    return starts


def _entries(folder: str) -> list[str]:
    # What is no folder, or is none any more, holds nothing.
    try:
        with os.scandir(folder) as found:
            return [one.path for one in found]
    except OSError:
        return []


def _config(env: Mapping[str, str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for entry in git.asked(["config", "-z", "--get-regexp", r"^exp\."], env).split("\0")[:-1]:
        key, given, value = entry.partition("\n")
        found.setdefault(key, []).append(value if given else "true")
    return found


def _values(config: Mapping[str, list[str]], key: str) -> list[str]:
    return config.get(key.lower(), [])


def _is_on(values: Sequence[str], *, any_value: bool) -> bool:
    if any_value or not values:
        return bool(values)
    last = values[-1].lower()
    return last in ("true", "yes", "on") or last.strip("0").isdigit()
