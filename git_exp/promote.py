"""A run's change as one clean commit: its code, its words and its numbers."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

import msgspec

from git_exp import errors, query, summary
from git_exp.git import combine, diff, objects, refs, worktree
from git_exp.git.refs import Change
from git_exp.git.repo import Repo
from git_exp.git.survey import naming
from git_exp.hook import linked
from git_exp.hook.prepare_commit_msg import KEY
from git_exp.index.search import Indexed
from git_exp.run import Run
from git_exp.store import Store
from git_exp.visible import escape

METRIC = "Exp-Metric"
SUBJECT = 72
MOST = 50
# What git says where it knows nobody's name, and how it may be told.
_NAMELESS = "user.email"
# What `git am` takes for the begin of a patch, of another mail, or for a header of it.
_ORDER = re.compile(r"---|diff -|index: |>?from |(from|subject|date):|-- >8", re.IGNORECASE)


class Promoted(msgspec.Struct, frozen=True, kw_only=True):
    """A branch of one commit: `onto` is what it stands on, None in a repository without commits."""

    run: str
    branch: str
    commit: str
    onto: str | None
    subject: str


def promote(
    store: Indexed, run: Run, branch: str | None = None, *, onto: str | None = None
) -> Promoted:
    """Make a branch of one commit that does to a commit what the run's code is to its base.

    HEAD, index and worktree stay as they are, and no hook runs. Raises `Refused` for a branch that
    there is, for a private run, and where the change does not fit; nothing is written then.
    `AnswerIsNo` where there is no change.
    """
    repo = store.repo
    expect_public(run)
    name = branch if branch is not None else f"exp/{slug(run)}"
    full = worktree.branch_name(repo, name)
    tree = code(store, run)
    start = run.base if onto is None else _commit(repo, onto)
    made = tree if start == run.base else _merged(repo, run, onto=start or "", tree=tree)
    if made == _tree(repo, start):
        hint = f"its code is that of commit {start}" if start else None
        raise errors.AnswerIsNo(_unchanged(run, onto), hint=hint)
    said = message(run)
    commit = committed(repo, made, parent=start, said=said)
    refs.update(repo, [Change(name=full, new=commit, old=None)])
    found = Promoted(
        run=run.id, branch=name, commit=commit, onto=start, subject=said.partition("\n")[0]
    )
    try:
        linked.link(store, [(run, commit)])
    except errors.GitExpError as error:
        error.hint = f"branch '{name}' is made; only the link from the run to it is missing"
        raise
    return found


def expect_public(run: Run) -> None:
    """Raises `Refused` for a private run, which is sent nowhere."""
    if run.private:
        raise errors.Refused(
            f"run {query.short(run.id)} is private", hint="nothing publishes it, whoever asks"
        )


def slug(run: Run) -> str:
    """The name of a run, or else its id, as a part of a path or a branch."""
    plain = re.sub(r"[^\w-]+", "-", run.name).strip("-_")
    return plain[:60] or query.short(run.id)


def code(store: Store, run: Run) -> str:
    """The tree of the code that ran, with what it started from at hand."""
    if run.git and run.git.capture == "none":
        raise errors.NotFound(f"the code of run {query.short(run.id)} was not captured")
    store.need(run)
    tree = objects.tree_of(store.repo, run.commit)
    if tree is None:
        raise errors.CodeAway(run.id)
    if run.base and not objects.is_here(store.repo, run.base):
        raise errors.NotFound(
            f"the base commit of run {query.short(run.id)} is not here",
            hint=f"fetch it: git fetch REMOTE {run.base}" if objects.is_oid(run.base) else None,
        )
    return tree


def committed(repo: Repo, tree: str, *, parent: str | None, said: str) -> str:
    """A commit of today, by its user as git names them."""
    parents = ("-p", parent) if parent else ()
    words = ("-c", "i18n.commitEncoding=UTF-8", "commit-tree", *parents, "-F", "-", tree)
    try:
        made = repo.git(*words, stdin=said.encode())
    except errors.GitFailed as error:
        if _NAMELESS not in error.stderr:
            raise
        raise errors.RepositoryError(
            "git has no name for who commits",
            hint="git config user.name 'Ada L'; git config user.email ada@example.org",
        ) from None
    return os.fsdecode(made).strip()


def message(run: Run) -> str:
    """The idea as the subject, the rest of the notes, and metrics as trailers.

    What somebody wrote is data there: none of it is a trailer, and no terminal obeys it.
    """
    subject, body = _words(run)
    trailers = [f"{KEY}: {run.id}"]
    trailers += [f"{METRIC}: {one}" for one in summary.measured(run, MOST, exact=True)]
    return "\n\n".join(part for part in (subject, body, "\n".join(trailers)) if part) + "\n"


def _words(run: Run) -> tuple[str, str]:
    """The first line of the first note or else the name, cut, and all that it leaves of the notes.

    A line that was cut stands whole in the body.
    """
    lines = [[_plain(line) for line in note.text.strip().splitlines()] for note in run.notes]
    notes = [note for note in lines if note]
    first = notes[0][0] if notes else ""
    subject = _cut(first.strip() or _plain(run.name) or f"run {query.short(run.id)}")
    if notes and subject == first.strip():
        notes[0] = notes[0][1:]
    body = "\n\n".join("\n".join(note).strip("\n") for note in notes)
    return subject, body.strip("\n")


def _plain(line: str) -> str:
    """A line of a note in which nothing is an order, to a terminal or to `git am`."""
    shown = escape(line, "\t").rstrip()
    return f" {shown}" if _ORDER.match(shown) else shown


def _cut(text: str) -> str:
    if len(text) <= SUBJECT:
        return text
    # Between words, where there is one near the end.
    head = text[: SUBJECT - 1]
    words = head.rpartition(" ")[0] if " " in head[SUBJECT // 2 :] else head
    return f"{words.rstrip()}…"


def _commit(repo: Repo, revision: str) -> str:
    found = diff.resolve(repo, f"{revision}^{{commit}}")
    if found is None:
        raise errors.NotFound(f"no commit '{revision}'", hint="list branches: git branch")
    return found


def _tree(repo: Repo, commit: str | None) -> str | None:
    return objects.tree_of(repo, commit) if commit else objects.EMPTY_TREE


def _merged(repo: Repo, run: Run, *, onto: str, tree: str) -> str:
    """The tree of a commit with the run's change, by a three-way merge."""
    base, ours = _tree(repo, run.base), _tree(repo, onto)
    found = combine.trees(
        repo, base=base or objects.EMPTY_TREE, ours=ours or objects.EMPTY_TREE, theirs=tree
    )
    if found.conflicts:
        paths: Sequence[str] = [os.fsdecode(path) for path in found.conflicts]
        raise errors.Refused(
            f"the change does not fit onto {query.short(onto)}: conflicts in {naming(paths)}",
            hint="make the branch where the run began, and merge it: leave out --onto",
        )
    return found.tree


def _unchanged(run: Run, onto: str | None) -> str:
    title = f"run {query.short(run.id)} '{run.name}'"
    if onto is None:
        return f"{title} has no change: it ran what was committed"
    return f"'{onto}' has the change of {title} already"
