"""The code of a run of another tool: its commit if that is here, and what is known of it."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any

import msgspec

from git_exp import errors, records, values
from git_exp.git import dates, gc, notes, objects, refs
from git_exp.git.objects import Ident
from git_exp.git.refs import Change
from git_exp.git.repo import Repo
from git_exp.imports import foreign
from git_exp.imports.foreign import Foreign

NOTHING = "0" * 40
STATUS = 1_000
_HEX = re.compile(r"[0-9a-f]{4,40}")
_SECOND = 1_000_000


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """A commit that can be written again and is the same: a gc may have taken it meanwhile."""

    tree: str
    parents: Sequence[str]
    message: str
    author: Ident
    committer: Ident

    def write(self, writer: objects.Writer) -> str:
        if self.tree == objects.EMPTY_TREE:
            writer.tree(None, {})
        who = {"author": self.author, "committer": self.committer}
        return writer.commit(self.tree, self.parents, self.message, **who)


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """The commit of a run, and what its record says of it; no draft for one that was there."""

    run_id: str
    git: records.Git
    draft: Draft | None = None

    @property
    def ref(self) -> str:
        return f"refs/runs/{self.run_id}"


class Codes:
    """What runs of other tools ran, looked up in a repository."""

    def __init__(self, repo: Repo) -> None:
        self._repo = repo
        self._writer = objects.Writer(repo)
        self._oids: dict[str, str | None] = {}
        self._dates: dict[str | None, int] = {}
        self._taken: set[str] = set()
        self._before = 0

    def look_up(self, runs: Iterable[Foreign]) -> None:
        """Find the commits of a few runs at once."""
        texts = {run.code.commit.lower() for run in runs if run.code.commit}
        known = {text for text in texts if _HEX.fullmatch(text)}
        whole = {text for text in known if objects.is_oid(text)}
        self._oids = {text: text for text in whole if objects.is_here(self._repo, text)}
        self._oids |= _completed(self._repo, sorted(known - whole))

    def began(self, run: Foreign) -> tuple[int, dict[str, Any]]:
        """When a run started, and a word on it where the source does not say."""
        if run.started is not None:
            return run.started, {}
        commit = self._commit(run)
        made = objects.committed(self._repo, commit) if commit else 0
        if made > 0:
            self._before = made * _SECOND
            return self._before + run.order, {"started": "when its commit was made"}
        # After the one that stands before it, as far as that is known.
        before = self._before or min(run.guess, time.time_ns() // 1000)
        return before + run.order, {"started": "not known"}

    def make(self, run: Foreign, began: int, *, dry_run: bool) -> Made:
        """The commit of a run: the one that its source made for it alone, or one of our own."""
        there = self._commit(run)
        own = there if there and self._is_its_own(run, there) else None
        held = refs.resolve(self._repo, f"refs/runs/{run.run_id}")
        if held and objects.is_here(self._repo, held):
            # A killed import came as far as the ref.
            return Made(run_id=run.run_id, git=self._git(run, held, there, own=own))
        if own:
            return Made(run_id=run.run_id, git=self._git(run, own, there, own=own))
        draft = self._draft(run, began, there)
        commit = NOTHING if dry_run else draft.write(self._writer)
        git = self._git(run, commit, there, own=None)
        return Made(run_id=run.run_id, git=git, draft=draft)

    def _git(self, run: Foreign, commit: str, there: str | None, *, own: str | None) -> records.Git:
        """What is recorded of the code: never more than is known."""
        known = run.code.exact and there is not None and (not run.code.snapshot or own is not None)
        found = objects.commit(self._repo, there) if there else None
        parents = found.parents if found else []
        return records.Git(
            commit=commit,
            tree=found.tree if found and known else None,
            base=(parents[0] if parents else None) if own else there,
            branch=foreign.one_line(run.code.branch),
            capture="full" if known else "none",
            dirty=own is not None if known else None,
            status=[values.quoted(one) for one in run.code.status[:STATUS]],
        )

    def _commit(self, run: Foreign) -> str | None:
        return self._oids.get((run.code.commit or "").lower()) or self._tip(run)

    def _tip(self, run: Foreign) -> str | None:
        found = refs.resolve(self._repo, run.code.tip) if run.code.tip else None
        return found if found and objects.is_here(self._repo, found) else None

    def _is_its_own(self, run: Foreign, commit: str) -> bool:
        """Whether a commit was made for this run alone: its records can then stand on it."""
        if not run.code.snapshot or commit in self._taken:
            return False
        found = objects.commit(self._repo, commit)
        subject = found.message.partition("\n")[0].strip() if found else ""
        if subject != run.code.snapshot and commit != self._tip(run):
            return False
        self._taken.add(commit)
        if refs.resolve(self._repo, f"refs/runs/{run.run_id}") == commit:
            return True
        return not notes.blobs(self._repo, notes.tip(self._repo).tree, commit)

    def _draft(self, run: Foreign, began: int, there: str | None) -> Draft:
        tree = objects.tree_of(self._repo, there) if there else None
        author = self._author(run, began)
        name = foreign.named(run.name, run.run_id)
        return Draft(
            tree=tree or objects.EMPTY_TREE,
            parents=[there] if there else [],
            message=f"run: {name}\n\nRun-Id: {run.run_id}\nImported-From: {run.source}\n",
            author=author,
            committer=Ident(name=author.name, email=author.email, time=self._date(there), offset=0),
        )

    def _author(self, run: Foreign, began: int) -> Ident:
        when = began // _SECOND
        # What git itself strips of a name.
        said = re.sub(r"[<>\n]", "", foreign.one_line(run.user) or "").strip(" .,:;\"\\'")
        if not said:
            return msgspec.structs.replace(objects.ident(self._repo, when), offset=0)
        host = re.sub(r"[^\w.-]", "", run.host.name if run.host else "") or "localhost"
        return Ident(name=said, email=f"{re.sub(r'[^A-Za-z0-9.-]', '', said)}@{host}", time=when)

    def _date(self, base: str | None) -> int:
        if base not in self._dates:
            self._dates[base] = dates.before_shared(self._repo, base, self._tips)
        return self._dates[base]

    @cached_property
    def _tips(self) -> set[str]:
        return set(refs.listing(self._repo, "refs/remotes").values())


def hold(repo: Repo, made: Sequence[Made]) -> None:
    """Put refs on commits; when this returns both are on disk, whatever a gc did meanwhile."""

    def attempt() -> None:
        writer = objects.Writer(repo)
        for one in made:
            if one.draft:
                one.draft.write(writer)
        writer.sync()
        changes = [
            Change(name=one.ref, new=one.git.commit, old=None)
            for one in made
            if refs.resolve(repo, one.ref) != one.git.commit
        ]
        if changes:
            refs.update(repo, changes)
        if not gc.held(repo, writer.written) or writer.missing():
            raise errors.ObjectsVanished

    refs.insist(attempt)


def _completed(repo: Repo, texts: Sequence[str]) -> dict[str, str | None]:
    """The commits that abbreviations stand for, where it is one that is here."""
    if not texts:
        return {}
    asked = "".join(f"{text}^{{commit}}\n" for text in texts).encode()
    out = repo.git("cat-file", "--batch-check=%(objectname)", stdin=asked)
    answers = os.fsdecode(out).split("\n")[:-1]
    return {
        text: answer if objects.is_oid(answer) else None
        for text, answer in zip(texts, answers, strict=True)
    }
