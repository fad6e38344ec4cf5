"""Many runs at once, for who needs a few words of each: numbers, values tried, ideas, failures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from git_exp import query
from git_exp.query import Goal, shapes
from git_exp.run import Run

if TYPE_CHECKING:
    from git_exp.index.look import Look

FAILURES = ("failed", "crashed", "lost")
_LONGEST = 200
_IDEA = f"substr(text, 1, {_LONGEST})"
_COMMONEST = 20
_UUID = 36
# In KiB.
_CACHE = 32 << 10
# How a value is compared: as a number or as text.
Shape = tuple[float | None, str | None]


class Mark(NamedTuple):
    """A finished, untainted run and its number; `at` is its place in the index.

    The order of the fields is that in which runs ended.
    """

    ended: str
    started: str
    id: str
    at: int
    value: float


class Digest:
    """One state of the index, for questions that no list of whole runs would answer quickly.

    A run of the spool has a place below zero, and so has what is `told` beside them: measured and
    tried like a run, but none that is counted or listed.
    """

    def __init__(self, look: Look, *, told: Sequence[Run] = ()) -> None:
        self._look = look
        self._live = {-at: run for at, run in enumerate(look.live, 1)}
        first = len(self._live) + 1
        self._folded = self._live | {-at: run for at, run in enumerate(told, first)}
        # Many rows are read several times: SQLite's own cache holds 2 MB.
        look.rows(f"PRAGMA cache_size = {-_CACHE}")
        self._hidden = ", ".join(map(str, look.hidden()))

    def statuses(self) -> dict[str, int]:
        """How many runs have each status."""
        asked = f"SELECT status, count(*) FROM run r WHERE {self._shown()} GROUP BY status"
        found: dict[str, int] = dict(self._look.rows(asked))
        for run in self._live.values():
            found[run.status] = found.get(run.status, 0) + 1
        return found

    def metrics(self) -> dict[str, int]:
        """How many runs have each metric that a finished one has; of very many the commonest."""
        asked = (
            "SELECT name, (SELECT count(*) FROM metric WHERE key = key.id AND"
            f" run NOT IN ({self._hidden})) AS every FROM key WHERE kind = 'metric' AND EXISTS"
            " (SELECT 1 FROM metric m JOIN run r ON r.id = m.run WHERE m.key = key.id AND"
            f" r.status = 'finished' AND {self._shown()})"
            f" ORDER BY every DESC, name LIMIT {_COMMONEST}"
        )
        found: dict[str, int] = dict(self._look.rows(asked))
        for run in self._live.values():
            for name in run.metrics if run.status == "finished" else ():
                found[name] = found.get(name, 0) + 1
        return found

    def has_metric(self, name: str) -> bool:
        """Whether any run has a metric, however it ended."""
        asked = (
            "SELECT 1 FROM metric JOIN run r ON r.id = run WHERE key ="
            f" (SELECT id FROM key WHERE kind = 'metric' AND name = ?) AND {self._shown()} LIMIT 1"
        )
        folded = any(name in run.metrics for run in self._folded.values())
        return folded or self._look.rows(asked, (name,)).fetchone() is not None

    def marks(self, goal: Goal) -> list[Mark]:
        """The runs that may be the best, in the order in which they ended."""
        number = f"m.{goal.measure.aggregate}"
        asked = (
            f"SELECT coalesce(r.ended, r.started), r.started, r.run_id, r.id, {number}"
            " FROM metric m JOIN run r ON r.id = m.run WHERE m.key ="
            " (SELECT id FROM key WHERE kind = 'metric' AND name = ?)"
            f" AND r.status = 'finished' AND abs({number}) < 9e999 AND {self._shown()}"
            " AND r.id NOT IN (SELECT run FROM tag WHERE tag = ?)"
        )
        # Bare tuples are sorted in half the time of others.
        rows = sorted(self._look.rows(asked, (goal.measure.metric, query.TAINTED)))
        return sorted([*map(Mark._make, rows), *self._folded_marks(goal)])

    def _folded_marks(self, goal: Goal) -> Iterable[Mark]:
        for at, run in self._folded.items():
            if query.best([run], goal):
                value = shapes.shape(goal.measure.of(run))[0]
                if value is not None and abs(value) < float("inf"):
                    yield Mark(run.ended or run.started, run.started, run.id, at, value)

    def tainted(self) -> list[str]:
        """The ids of tainted runs, newest first."""
        asked = (
            "SELECT r.run_id, r.started FROM run r WHERE r.id IN"
            f" (SELECT run FROM tag WHERE tag = ?) AND {self._shown()}"
        )
        found = [(str(t), str(run_id)) for run_id, t in self._look.rows(asked, (query.TAINTED,))]
        live = self._live.values()
        found += [(run.started, run.id) for run in live if query.TAINTED in run.tags]
        return [run_id for _, run_id in sorted(found, reverse=True)]

    def values(self, params: Sequence[str], ats: Sequence[int]) -> list[tuple[str, int, Shape]]:
        """The values that some runs have of some params."""
        several = ", ".join("?" * len(params))
        asked = (
            "SELECT key.name, p.run, p.number, p.text FROM key JOIN param p ON p.key = key.id"
            f" WHERE key.kind = 'param' AND key.name IN ({several})"
            f" AND p.run IN ({', '.join(str(at) for at in ats if at > 0)})"
        )
        rows = self._look.rows(asked, params)
        found = [(str(key), int(at), (n, t)) for key, at, n, t in rows]
        for at in ats:
            given = self._folded[at].params if at < 0 else {}
            found += [(key, at, shapes.shape(given[key])) for key in params if key in given]
        return found

    def alike(self, params: Mapping[str, Shape]) -> list[int]:
        """Every run, however it ended, that has all of some values, or all but one."""
        one = (
            "SELECT run FROM param WHERE key = (SELECT id FROM key WHERE kind = 'param' AND"
            " name = ?) AND number IS ? AND text IS ?"
        )
        asked = (
            f"SELECT run FROM ({' UNION ALL '.join([one] * len(params))}) WHERE run NOT IN"
            f" ({self._hidden}) GROUP BY run HAVING count(*) >= {len(params) - 1}"
        )
        bound = [each for name, value in params.items() for each in (name, *value)]
        found = [int(at) for (at,) in self._look.rows(asked, bound)] if params else []
        for at, run in self._folded.items():
            told = {name: shapes.shape(run.params[name]) for name in params if name in run.params}
            same = sum(1 for name, value in told.items() if value == params[name])
            found += [at] if same >= len(params) - 1 else []
        return found

    def ideas(self, ats: Sequence[int]) -> dict[int, str]:
        """The beginning of the first note of each of some runs that has one."""
        asked = (
            f"SELECT run, {_IDEA} FROM note WHERE at = 0"
            f" AND run IN ({', '.join(str(at) for at in ats if at > 0)})"
        )
        folded = {at: self._idea(at) for at in ats if at < 0}
        return dict(self._look.rows(asked)) | {at: one for at, one in folded.items() if one}

    def saying(self, ideas: Sequence[str]) -> list[tuple[str, int]]:
        """Every run whose first note begins so, with what it says."""
        asked = (
            f"SELECT {_IDEA}, run FROM note WHERE at = 0 AND {_IDEA} IN"
            f" ({', '.join('?' * len(ideas))}) AND run NOT IN ({self._hidden})"
        )
        folded = [(self._idea(at), at) for at in self._folded]
        found = [(str(idea), int(at)) for idea, at in self._look.rows(asked, ideas)]
        return [*found, *(one for one in folded if one[0] in ideas)]

    def _idea(self, at: int) -> str:
        notes = self._folded[at].notes
        return notes[0].text[:_LONGEST] if notes else ""

    def failed(self, limit: int) -> list[Run]:
        """The newest runs that failed, crashed or were lost; nobody's interrupting is told."""
        several = ", ".join("?" * len(FAILURES))
        asked = (
            f"SELECT r.id FROM run r WHERE r.status IN ({several}) AND {self._shown()}"
            " ORDER BY r.started DESC, r.run_id DESC LIMIT ?"
        )
        ats = [int(at) for (at,) in self._look.rows(asked, (*FAILURES, limit))]
        live = [at for at, run in self._live.items() if run.status in FAILURES]
        return _newest(self.runs([*ats, *live]))[:limit]

    def latest(self, limit: int) -> list[Run]:
        """The newest runs."""
        asked = (
            f"SELECT r.id FROM run r WHERE {self._shown()}"
            " ORDER BY r.started DESC, r.run_id DESC LIMIT ?"
        )
        ats = [int(at) for (at,) in self._look.rows(asked, (limit,))]
        return _newest(self.runs([*ats, *self._live]))[:limit]

    def digits(self, ids: Iterable[str], least: int) -> int:
        """How long the beginnings of some ids are that are those of no other run."""
        beside = (
            "SELECT max(run_id) FROM run WHERE run_id < ?"
            " UNION ALL SELECT min(run_id) FROM run WHERE run_id > ?"
        )
        live = [run.id for run in self._live.values()]
        for one in ids:
            near = [*live, *(other for (other,) in self._look.rows(beside, (one, one)) if other)]
            for other in near:
                while least < _UUID and other != one and other[:least] == one[:least]:
                    least += 1
        return least

    def runs(self, ats: Sequence[int]) -> list[Run]:
        """Whole runs by their places."""
        found = iter(self._look.runs([at for at in ats if at > 0]))
        return [self._folded[at] if at < 0 else next(found) for at in ats]

    def _shown(self) -> str:
        return f"r.id NOT IN ({self._hidden})"


def _newest(runs: Iterable[Run]) -> list[Run]:
    return sorted(runs, key=lambda run: (run.started, run.id), reverse=True)


def shape(value: Any) -> Shape:
    """How a param is compared with others."""
    return shapes.shape(value)
