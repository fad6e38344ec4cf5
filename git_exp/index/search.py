"""Runs found by the index, which goes along with the notes whenever it is asked."""

from __future__ import annotations

import gc
import itertools
import os
import sqlite3
import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, TypeVar

import msgspec

from git_exp import errors
from git_exp.git import dates
from git_exp.git.repo import Repo
from git_exp.index import database
from git_exp.index.look import Bound, Chosen, Look, Sort
from git_exp.query import Goal
from git_exp.run import Run
from git_exp.store import Store

if TYPE_CHECKING:
    from git_exp.columns import Wanted
    from git_exp.index.digest import Digest
    from git_exp.index.free import Answer
    from git_exp.query.fields import Catalogue

T = TypeVar("T")


class Selection(msgspec.Struct, frozen=True, kw_only=True):
    """Which runs, in words: git-exp-query(7) describes expressions and what can be sorted by.

    Those that fit `where`, or each of several, started between two dates, by a user that a pattern
    finds; sorted by each of some keys, with `-` before it the greatest first; no more than `limit`.
    With `paths`, pathspecs in the user's folder, those whose code differs there from their base.
    """

    where: str | Sequence[str] | None = None
    since: str | None = None
    until: str | None = None
    author: str | None = None
    sort: Sequence[str] = ()
    limit: int | None = None
    paths: Sequence[str] = ()


EVERY = Selection()


class Indexed(Store):
    """The runs of one repository, listed and found by its index.

    The index is brought up to date whenever it is asked. `progress` is told what is done of how
    much while many runs are read.
    """

    def __init__(self, repo: Repo, progress: database.Progress | None = None) -> None:
        super().__init__(repo)
        self.progress = progress
        self._connection: sqlite3.Connection | None = None
        self._turn = threading.RLock()
        self._pid = os.getpid()

    def runs(self, limit: int | None = None) -> list[Run]:
        return self.select(Selection(limit=limit))

    def select(self, wanted: Selection = EVERY) -> list[Run]:
        """The runs that fit, in the order asked for, newest first where that says nothing.

        Raises `BadExpression` for what is none, `NotFound` for a key that no run has.
        """
        with _uncollected():
            return self._ask(lambda look: look.select(self._bound(look, wanted)))

    def spooled(self, wanted: Selection = EVERY) -> list[Run]:
        """Those of the runs that fit which are not sealed yet, in no order."""
        return self._ask(lambda look: look.fitting(self._bound(look, wanted)))

    def get(self, run_id: str) -> Run | None:
        return self._ask(lambda look: look.get(run_id))

    def matching(self, name: str) -> list[Run]:
        return self._ask(lambda look: look.matching(name))

    def tagged(self, tag: str) -> Run | None:
        where = "r.id IN (SELECT run FROM tag WHERE tag = ?)"
        return self._ask(lambda look: look.one(where, tag, live=lambda run: tag in run.tags))

    def every_tagged(self, tag: str) -> list[Run]:
        """The runs that have a tag, newest first."""
        where = "r.id IN (SELECT run FROM tag WHERE tag = ?)"
        return self._ask(lambda look: look.listed(where, [tag], live=lambda run: tag in run.tags))

    def best(self, wanted: Goal) -> Run | None:
        return self._ask(lambda look: look.best(wanted))

    def digest(self, question: Callable[[Digest], T], *, told: Sequence[Run] = ()) -> T:
        """The answer to a question about many runs, all from one state of the index.

        It may be asked twice, where the index turns out to be damaged. Beside the runs is what is
        `told` of others.
        """
        from git_exp.index.digest import Digest

        return self.once(lambda look: question(Digest(look, told=told)))

    def once(self, question: Callable[[Look], T]) -> T:
        """The same to one that takes the runs themselves."""
        with _uncollected():
            return self._ask(question)

    def baseline(
        self, wanted: Goal, *, fits: Callable[[Run], bool], before: str | None = None
    ) -> Chosen:
        """The best of the runs that fit, started before a time, and of how many it was chosen."""
        return self._ask(lambda look: look.baseline(wanted, fits=fits, before=before))

    def measured(
        self, metric: str, trees: Collection[str] = (), *, limit: int, replicates: int = 0
    ) -> list[Run]:
        """The newest finished, untainted runs that have a metric, of any code that ran twice.

        No more than `limit` sealed ones; where there are as many, replicates of some trees too.
        """
        return self._ask(
            lambda look: look.measured(metric, trees, limit=limit, replicates=replicates)
        )

    def of_tree(self, tree: str, argv: Sequence[str] | None = None) -> list[Run]:
        """The runs whose code is a tree, newest first; with a command line those of that."""

        def has(run: Run) -> bool:
            given = run.process.argv if run.process else None
            same = argv is None or given == list(argv)
            return run.git is not None and run.git.tree == tree and same

        where, values = "r.tree = ?", [tree]
        if argv is not None:
            from git_exp.index.rows import command

            where, values = "r.tree = ? AND r.command = ?", [tree, command(argv)]
        return self._ask(lambda look: look.listed(where, values, live=has))

    def said(self, path: str, text: str) -> list[Run]:
        """The runs whose metadata has a text at a path, newest first."""
        where = (
            "r.id IN (SELECT meta.run FROM meta JOIN key ON key.id = meta.key"
            " WHERE key.kind = 'meta' AND key.name = ? AND meta.text = ?)"
        )

        def has(run: Run) -> bool:
            return isinstance(run.metadata, dict) and run.metadata.get(path) == text

        return self._ask(lambda look: look.listed(where, [path, text], live=has))

    def inside(self, run_id: str) -> list[Run]:
        """The runs that were started in a run, newest first."""
        return self._ask(
            lambda look: look.listed(
                "r.parent = ?", [run_id], live=lambda run: run.parent_run == run_id
            )
        )

    def tags(self) -> list[str]:
        asked = (
            "SELECT tag.tag FROM tag JOIN run ON run.id = tag.run"
            " GROUP BY tag.tag ORDER BY max(run.started) DESC"
        )
        return self._ask(lambda look: look.names(asked, lambda run: run.tags))

    def metrics(self) -> list[str]:
        return self._ask(lambda look: look.keys("metric"))

    def columns(self, names: Sequence[str]) -> list[Wanted]:
        """Columns by their names. Raises `NotFound` for what no run has."""
        from git_exp import columns
        from git_exp.query import fields

        bare = [name.strip() for name in names]
        known = self.catalogue()
        also = columns.ALSO
        return [
            columns.Wanted(one, None if one in also else fields.key(one, known)) for one in bare
        ]

    def catalogue(self) -> Catalogue:
        """What an expression can name."""
        return self._ask(lambda look: look.catalogue())

    @contextmanager
    def sql(self, text: str, *, seconds: float = 30.0) -> Iterator[Answer]:
        """The answer to a query of the user's over the views that git-exp-sql(1) describes.

        Raises `UsageError` for SQL that is wrong or does more than read them, `RepositoryError`
        when it takes longer than that.
        """
        with ExitStack() as opened:
            try:
                answer = self._free(text, seconds, opened)
            except sqlite3.DatabaseError as error:
                if not database.is_damage(error):
                    raise
                opened.close()
                self._forget()
                answer = self._free(text, seconds, opened)
            yield answer

    def _free(self, text: str, seconds: float, opened: ExitStack) -> Answer:
        """Begin to answer; the first row is read at once, which shows whether it can be."""
        from git_exp.index import free

        spooled = self._unsealed()
        connection = opened.enter_context(self._looking())
        live = Look(self, connection, spooled).noted()
        asked = free.asked(connection, text, live, seconds=seconds)
        answer = opened.enter_context(asked)
        first = list(itertools.islice(answer.rows, 1))
        return answer._replace(rows=itertools.chain(first, answer.rows))

    def _bound(self, look: Look, wanted: Selection) -> Bound:
        """The words of a selection as what they mean here and now."""
        words = {"started >=": wanted.since, "started <=": wanted.until, "user ~": wanted.author}
        for said in filter(None, (wanted.since, wanted.until)):
            self._date(said)
        where = wanted.where if wanted.where is not None else ()
        texts = [where] if isinstance(where, str) else list(where)
        texts += [f"{start} {_quoted(one)}" for start, one in words.items() if one is not None]
        if not texts and not wanted.sort:
            return Bound(limit=wanted.limit, paths=wanted.paths)
        from git_exp.query import fields

        known = look.catalogue()
        signs = [one[:1] if one[:1] in "+-" else "" for one in wanted.sort]
        keys = [one[len(sign) :] for one, sign in zip(wanted.sort, signs, strict=True)]
        return Bound(
            conditions=[fields.expression(text, known, self._when) for text in texts],
            sort=[
                Sort(by=fields.sort_key(one, known), descending=sign == "-")
                for one, sign in zip(keys, signs, strict=True)
            ],
            limit=wanted.limit,
            paths=wanted.paths,
        )

    def _date(self, said: str) -> None:
        """Refuse what is no date in the words that it was said in."""
        from git_exp.query import literals

        try:
            literals.span(said, self._when)
        except ValueError as error:
            raise errors.UsageError(str(error), hint="2026-11-01, '2 weeks ago'") from None

    def _when(self, text: str) -> tuple[int, int] | None:
        found = dates.approximate(self.repo, text)
        return None if found is None else (found * 1_000_000, (found + 1) * 1_000_000)

    def _ask(self, question: Callable[[Look], T]) -> T:
        """Answer from one state of the index; one that turns out to be damaged is made anew."""
        # The spool first: what is sealed meanwhile is then met twice, and not missed.
        spooled = self._unsealed()
        try:
            with self._looking() as connection:
                return question(Look(self, connection, spooled))
        except sqlite3.DatabaseError as error:
            if not database.is_damage(error):
                raise
            self._forget()
        with self._looking() as connection:
            return question(Look(self, connection, spooled))

    def _forget(self) -> None:
        self.close()
        database.discard(self.repo)

    @contextmanager
    def _looking(self) -> Iterator[sqlite3.Connection]:
        # Threads take turns at one connection.
        with self._turn:
            connection = self._fresh()
            connection.execute("BEGIN")
            try:
                yield connection
            finally:
                connection.execute("ROLLBACK")

    def _fresh(self) -> sqlite3.Connection:
        if self._pid != os.getpid():
            # Its parent's goes on without it: SQLite says never to carry one into a fork.
            self._connection, self._pid = None, os.getpid()
        if self._connection is None:
            self._connection = database.up_to_date(self.repo, self.progress)
        else:
            try:
                database.bring(self._connection, self.repo, self.progress)
            except sqlite3.DatabaseError:
                # A file that is read only, full or damaged: open it again, or one in memory.
                self.close()
                self._connection = database.up_to_date(self.repo, self.progress)
        return self._connection

    def close(self) -> None:
        """Let go of the index; the next question opens it again."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


@contextmanager
def _uncollected() -> Iterator[None]:
    """Ten thousand runs are no garbage: to look through them time and again takes twice as long."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            if not gc.get_freeze_count():
                # To the oldest at once: else all are looked through at the next allocation.
                gc.freeze()
                gc.unfreeze()
            gc.enable()


def _quoted(words: str) -> str:
    from git_exp.query import grammar

    return grammar.quoted(words)
