"""Commit to worktree: every checkout is the git program's, with its filters and its own guards."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Sequence
from pathlib import Path

import msgspec

from git_exp import errors
from git_exp.git import extras, objects, sparse
from git_exp.git.index import copied
from git_exp.git.overwrite import Aim, Ground, Peril
from git_exp.git.ready import NO_HOOKS, ready, refresh
from git_exp.git.repo import Repo
from git_exp.git.survey import GITLINK, Survey, between, collides, listed, naming, position

# Operations that a checkout would end: their state is the user's work too.
_UNFINISHED = {
    "MERGE_HEAD": "merging",
    "CHERRY_PICK_HEAD": "cherry-picking",
    "REVERT_HEAD": "reverting",
    "rebase-merge": "rebasing",
    "rebase-apply": "rebasing",
    "sequencer": "cherry-picking",
}
_PLAINLY = (*NO_HOOKS, "-c", "core.splitIndex=false")
# What git says of a file that it would have to overwrite.
_IN_WAY = re.compile(
    r"^error: (?:Entry|Updating|Untracked working tree file) '(.+)' (?:not uptodate|would)",
    re.MULTILINE,
)


def unfinished(repo: Repo) -> str | None:
    """What the user is in the middle of: merging, rebasing, cherry-picking or reverting."""
    return next(
        (doing for name, doing in _UNFINISHED.items() if (repo.git_dir / name).exists()), None
    )


def present(repo: Repo, commit: str) -> bool:
    """Whether a commit is here, or can be fetched by a partial clone."""
    if len(commit) != 40 or not commit.isalnum():
        return False
    try:
        repo.git("cat-file", "-e", f"{commit}^{{commit}}")
    except errors.GitFailed:
        return False
    return True


def switch(found: Survey, commit: str, *, branch: str | None, saved: bool, peril: Peril) -> str:
    """HEAD, index and worktree to a commit, as `git checkout` does; answers what was said.

    The user's post-checkout hook runs, for a user of `git checkout` expects it to. Files that are
    as the commit has them git would refuse to overwrite, so they are added to the index first; and
    where all was `saved`, the files are written first.
    """
    how: tuple[str, ...] = ("--no-overwrite-ignore",)
    if saved:
        lay(found, Aim(tree=commit), saved=True, peril=peril)
        peril = Peril()
        how = (_forcing(found, commit), "--no-recurse-submodules")
    where = ("-b", branch) if branch else ("--detach",)
    with ready(found, peril, saved=False):
        code, said = _run(found.repo, "checkout", "-q", *how, *where, commit, "--")
        # A failing post-checkout hook gives its own exit code to a checkout that was done.
        done = position(found.repo)[0] == commit and (code != 128 or found.head != commit)
        if code and not done:
            raise _failed("checkout", code, said)
    _mark_again(found)
    if code:
        _written(found, said)
    return said


def lay(found: Survey, aim: Aim, *, saved: bool, peril: Peril) -> None:
    """The worktree to one tree and the index to another; HEAD stays.

    No hook runs: there is no `git checkout` in it that a hook could be told of.
    """
    repo = found.repo
    changes = _uncommitted(repo, aim)
    with ready(found, peril, saved=saved):
        # With what is safe added to it, the index is the one side that a change is seen from.
        args = ("--no-recurse-submodules", "-m", "-u", _write_tree(repo), aim.tree)
        try:
            repo.git(*NO_HOOKS, "read-tree", *args)
        except errors.GitFailed as error:
            if files := _IN_WAY.findall(error.stderr):
                raise errors.ChangedMeanwhile(naming(files)) from error
            raise
        sparse.write(repo, sparse.hidden(repo, changes) | aim.stray)
    if aim.index:
        repo.git(*NO_HOOKS, "read-tree", "--reset", aim.index)
    if not aim.whole:
        _mark_again(found)
    sparse.show(repo, changes)
    refresh(repo)


def point(found: Survey, commit: str | None, branch: str | None) -> None:
    """HEAD to a branch, or to a commit if that is None; no branch moves."""
    if (commit, branch) == (found.head, found.branch):
        return
    there = branch.removeprefix("refs/heads/") if branch else commit
    here = found.branch.removeprefix("refs/heads/") if found.branch else found.head
    # In these words `git checkout -` finds its way.
    reason = f"checkout: moving from {here} to {there}"
    to_branch = ("symbolic-ref", "-m", reason, "HEAD", branch or "")
    to_commit = ("update-ref", "-m", reason, "--no-deref", "HEAD", commit or "")
    try:
        found.repo.git(*(to_branch if branch else to_commit))
    except errors.GitFailed as error:
        error.hint = "the files are written, but HEAD has not moved: run the command again"
        raise


def free(repo: Repo, branch: str, commit: str | None) -> bool:
    """Whether a branch is where it was, and in no other worktree."""
    args = ("for-each-ref", "--format=%(objectname) %(worktreepath)", branch)
    lines = os.fsdecode(repo.git(*args)).splitlines()
    if not lines:
        return commit is None
    oid, _, where = lines[0].partition(" ")
    return oid == commit and (not where or Path(where) == repo.top)


def branch_name(repo: Repo, name: str) -> str:
    """The full name of a branch to be made."""
    full = f"refs/heads/{name}"
    try:
        repo.git("check-ref-format", full)
    except errors.GitFailed:
        full = ""
    if not full or name.startswith("-") or name == "HEAD":
        raise errors.BadName(f"'{name}' is not a valid branch name")
    parts = name.split("/")
    above = [f"refs/heads/{'/'.join(parts[:at])}" for at in range(1, len(parts))]
    there = os.fsdecode(repo.git("for-each-ref", "--format=%(refname)", full, *above)).splitlines()
    if full in there:
        why = f"a branch named '{name}' already exists"
        raise errors.Refused(why, hint="choose another name: -b NAME")
    # A name is no folder of names too.
    near = (one for one in there if one in above or one.startswith(f"{full}/"))
    if other := next(near, None):
        why = f"'{name}' cannot be one where '{other.removeprefix('refs/heads/')}' is a branch"
        raise errors.Refused(why, hint="choose another name: -b NAME")
    return full


def add(repo: Repo, folder: Path, commit: str) -> str:
    """A new linked worktree at a commit; answers what was said."""
    if os.path.lexists(folder) and not (folder.is_dir() and not any(folder.iterdir())):
        raise errors.Refused(f"'{folder}' already exists", hint="choose another folder")
    # git would take a GIT_INDEX_FILE of a hook for the new worktree's.
    env = {key: value for key, value in repo.env.items() if key != "GIT_INDEX_FILE"}
    plain = msgspec.structs.replace(repo, env=env)
    code, said = _run(plain, "worktree", "add", "-q", "--detach", "--", str(folder), commit)
    if code and not (folder / ".git").is_file():
        raise _failed("worktree", code, said)
    return said


def export(repo: Repo, commit: str, folder: Path) -> None:
    """The files of a commit in a folder, as a checkout would write them; no worktree is made."""
    folder.mkdir(parents=True)
    index = folder.with_name("index")
    # Attributes count as they are there, and not as they are in the user's worktree.
    there = msgspec.structs.replace(repo, top=folder)
    there.git(*_PLAINLY, "read-tree", commit, index=index)
    there.git(*_PLAINLY, "checkout-index", "-a", "-q", index=index)


def matching(found: Survey, tree: str, specs: Sequence[str]) -> tuple[list[bytes], list[bytes]]:
    """The paths in a tree that pathspecs match, and those in the index."""
    repo = found.repo
    here = _from_prefix(repo)
    args = ("ls-files", "-z", "--full-name")
    with copied(repo) as index:
        index.unlink(missing_ok=True)
        repo.git("read-tree", tree, index=index)
        held = repo.git(*here, *args, "--error-unmatch", "--", *specs, index=index)
    tracked = repo.git(*here, *args, "--", *specs, index=found.index)
    return held.split(b"\0")[:-1], tracked.split(b"\0")[:-1]


def write_paths(
    repo: Repo, commit: str, *, written: Collection[bytes], removed: Collection[bytes]
) -> str:
    """Files of a commit into the worktree, as `git restore --worktree`; the index stays.

    `removed` are tracked paths that the commit does not have.
    """
    # One that a written path takes the place of goes with that, and git would not know it.
    paths = {*written, *(path for path in removed if not collides(path, written))}
    if not paths:
        return ""
    args = ("restore", "-q", "--no-recurse-submodules", "--worktree", f"--source={commit}")
    exact = ("--ignore-skip-worktree-bits", "--pathspec-file-nul", "--pathspec-from-file=-")
    child = repo.start("--literal-pathspecs", *args, *exact, stdin=True)
    out, err = child.communicate(listed(sorted(paths)))
    if child.returncode:
        raise errors.GitFailed("restore", child.returncode, os.fsdecode(err))
    return os.fsdecode(out + err)


def _from_prefix(repo: Repo) -> tuple[str, ...]:
    return ("-C", repo.prefix) if repo.prefix else ()


def _run(repo: Repo, *args: str) -> tuple[int, str]:
    child = repo.start(*args)
    out, err = child.communicate()
    return child.returncode, (out + err).decode(errors="surrogateescape")


def _failed(command: str, code: int, said: str) -> errors.GitExpError:
    if "\nAborting" in said:
        # A file that came up since we looked: git names it in a line of its own.
        files = [line.strip() for line in said.splitlines() if line.startswith("\t")]
        return errors.Refused(f"{naming(files)} would be overwritten")
    return errors.GitFailed(command, code, said)


def _forcing(found: Survey, commit: str) -> str:
    """How git is to be told to go on where it would take away what stands where a file of HEAD was.

    That is put aside, and in nobody's way.
    """
    ground = Ground(found.top)
    pairs = between(found.repo, found.head or objects.EMPTY_TREE, commit).items()
    gone = (path for path, (_, new) in pairs if new is None)
    return "-f" if any(any(ground.in_way(path)) for path in gone) else "--no-overwrite-ignore"


def _mark_again(found: Survey) -> None:
    if found.marks:
        extras.mark(found.repo, [extras.Extra("mark", tag, path) for tag, path in found.marks])


def _written(found: Survey, said: str) -> None:
    """Whether git wrote every file: it moves HEAD even if it could not."""
    args = ("ls-files", "--deleted", "--modified", "-z")
    changed = found.repo.git(*NO_HOOKS, *args).split(b"\0")[:-1]
    if [path for path in changed if path not in found.changes]:
        raise errors.GitFailed("checkout", 1, said)


def _uncommitted(repo: Repo, aim: Aim) -> set[bytes]:
    """What will be changed against the index: it is in no commit, wherever a checkout is sparse."""
    pairs = between(repo, aim.index, aim.tree).items() if aim.index else ()
    return {path for path, pair in pairs if all(one is None or one.mode != GITLINK for one in pair)}


def _write_tree(repo: Repo) -> str:
    return os.fsdecode(repo.git("write-tree")).strip()
