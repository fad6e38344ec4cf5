"""The tools that look at runs: each a function whose docstring is what an agent reads of it."""

from __future__ import annotations

from git_exp import brief as digest
from git_exp import compare, evidence, query, starting
from git_exp import seen as earlier
from git_exp import series as tracked
from git_exp.agent import answers, arguments, bounds, tool, weighed
from git_exp.agent.thinned import Thinned
from git_exp.agent.tool import Desk
from git_exp.compare import Sides
from git_exp.index import best as ahead
from git_exp.index.search import Selection
from git_exp.run import Run
from git_exp.session import aim, named, report, standing

# In bytes: no more signs than are shown of it.
_PATCH = bounds.STEPS[0].text * bounds.LONG["patch"]
_RANKS = 64
_SESSIONS = 50


def brief(desk: Desk, asked: arguments.Brief) -> answers.Brief:
    """Tell what a fresh context needs of all experiments, in so many tokens: begin with it.

    The best run and what made it so, dead ends and why, near misses, what others are at, what has
    not been tried, and what to do next.
    """
    session = arguments.session(desk, asked.session).id if asked.session else None
    facts = digest.gather(desk.store, metric=asked.metric, session=session, now=desk.now)
    return answers.Brief(brief=digest.written(facts, asked.budget))


def log(desk: Desk, asked: arguments.Log) -> answers.Runs:
    """List runs of this repository with their params and last metrics, newest first.

    Use it to see what has been tried; `where` and `sort` answer most questions about several runs.
    """
    wanted = Selection(
        where=asked.where,
        since=asked.since,
        until=asked.until,
        sort=[asked.sort] if asked.sort else (),
        limit=asked.limit + 1,
    )
    found = desk.store.select(wanted)
    rows = list(map(answers.row, found[: asked.limit]))
    return answers.Runs(runs=rows, more=len(found) > asked.limit)


def show(desk: Desk, asked: arguments.Show) -> answers.Shown:
    """Show one run in full: command, how it ended, params, the course of its metrics, notes.

    It also lists the files that its code changed against the commit it started from.
    """
    run = arguments.run(desk, asked.run)
    return answers.shown(run, _changes(desk, run))


def diff(desk: Desk, asked: arguments.Diff) -> answers.Difference:
    """Show what differs between two runs, or between a run and the files as they are now.

    The answer has the params and metrics that differ, the files, and the code as a patch; where
    that was truncated, ask again with `paths`.
    """
    store = desk.store
    run = arguments.run(desk, asked.run)
    other = asked.other and arguments.word(asked.other, "revision")
    before = compare.snapshot_of(store, run)
    after = compare.named(store, other) if other else compare.worktree(store)
    sides = Sides(before, after)
    runs = (run, after.run) if after.run else None
    files = compare.files(store, sides, asked.paths)
    patch = compare.patch(store, sides, asked.paths, most=_PATCH) if files else ""
    cut = len(patch.encode()) >= _PATCH
    return answers.Difference(
        a=answers.Side(kind=before.kind, name=before.name),
        b=answers.Side(kind=after.kind, name=after.name),
        params=answers.differing(compare.params(*runs)) if runs else None,
        metrics=answers.differing(compare.metrics(*runs)) if runs else None,
        files=files,
        patch=patch + bounds.CUT if cut else patch,
        truncated=cut,
    )


def series(desk: Desk, asked: arguments.Series) -> answers.Series:
    """Give the values that a run tracked of one metric, step by step, to see how it went.

    Of long series so many points are kept, among them the first, the last, the lowest and the
    highest one.
    """
    run = arguments.run(desk, asked.run)
    courses: dict[int, Thinned] = {}
    for one in tracked.of(desk.store, run, asked.metric):
        if one.rank in courses or len(courses) < _RANKS:
            courses.setdefault(one.rank, Thinned(asked.points)).add(one)
    rank = min(courses, default=0) if asked.rank is None else asked.rank
    course = courses.get(rank) or Thinned(asked.points)
    kept = course.kept()
    return answers.Series(
        run=run.id,
        metric=asked.metric,
        rank=rank,
        ranks=sorted(courses),
        count=course.count,
        shown=len(kept),
        not_finite=course.odd,
        points=[
            answers.Point(value=one.value, step=answers.scalar(one.step), elapsed_ms=one.elapsed_ms)
            for one in kept
        ],
    )


def best(desk: Desk, asked: arguments.Best) -> answers.Best:
    """Find the finished run that is best in a metric, among all or among those that `where` fits.

    Runs tagged `tainted` and values that are NaN or infinite never win.
    """
    wanted = query.goal(asked.metric, desk.store)
    if asked.direction:
        wanted = query.Goal(wanted.measure, asked.direction == "max")
    return answers.best(wanted, ahead.find(desk.store, wanted, asked.where))


def verdict(desk: Desk, asked: arguments.Verdict) -> weighed.Verdict:
    """Tell whether a run is better than another, or only luckier: improved, worse or neither.

    Runs of the same code and command tell how much chance alone does. Without `baseline` the best
    earlier run of other code is meant.
    """
    higher = {"max": True, "min": False, None: None}[asked.direction]
    run = arguments.run(desk, asked.run).id
    baseline = arguments.run(desk, asked.baseline).id if asked.baseline else None
    said = evidence.asked(
        desk.store, run, baseline, metric=asked.metric, higher=higher,
        usual=lambda names: aim.current(desk.store.repo, desk.env, desk.now, of_these=names),
    )  # fmt: skip
    return weighed.verdict(said, evidence.judged(desk.store, said))


def seen(desk: Desk, asked: arguments.Seen) -> answers.Seen:
    """Tell whether the code exactly as it is now has run already, with this command and params.

    Use it before an experiment is run again; it executes nothing.
    """
    caller = starting.Caller(argv=asked.command, cwd=desk.cwd) if asked.command else None
    wanted = earlier.question(desk.store, caller, asked.params)
    found = earlier.look(desk.store, wanted)
    return answers.Seen(
        seen=bool(found.found),
        runs=[answers.row(one.run) for one in found.found],
        others=found.others,
        doubts={one.run.id: one.doubts for one in found.found if one.doubts},
        missed=found.gaps,
        masked=earlier.masked(asked.command or ()),
    )


def sessions(desk: Desk, asked: arguments.Sessions) -> answers.Sessions:
    """List the sessions of loops that experiment by themselves, that which began last first.

    With `session`, how that one stands, what was tried in it with what result, which hypotheses
    are open, and which ideas others have claimed.
    """
    if asked.session is None:
        every = named.begun(desk.store.repo)
        told = [standing.of(one.state, desk.now) for one in every]
        cut = len(told) > _SESSIONS
        return answers.Sessions(sessions=told[:_SESSIONS], truncated=cut)
    state = arguments.session(desk, asked.session).state
    found = report.of(state, now=desk.now)
    return answers.Sessions(
        sessions=[standing.of(state, desk.now)],
        tried=found.tried,
        hypotheses=[answers.hypothesis(one) for one in found.hypotheses],
        claims=found.claims,
    )


def _changes(desk: Desk, run: Run) -> list[compare.File] | None:
    sides = compare.changes(desk.store, run)
    return compare.files(desk.store, sides) if sides else None


_EVERY = (brief, log, show, diff, series, best, verdict, seen, sessions)
TOOLS = tuple(tool.reading(one) for one in _EVERY)
