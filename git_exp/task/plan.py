"""The tasks of an experiment in order: what waits for what, and what came of each."""

from __future__ import annotations

import heapq
from collections.abc import Sequence

import msgspec

from git_exp.task import task as tasks
from git_exp.task.task import Task
from git_exp.task.work import Outcome, failed


class Job(msgspec.Struct, kw_only=True, eq=False):
    """One submitted task; `output` is what its submission gave, `needs` are tasks it comes after.

    `earlier` is the id of a run that had finished it before.
    """

    task: Task
    key: str
    output: object = None
    needs: Sequence[Task] = ()
    outcome: Outcome | None = None
    earlier: str | None = None

    @property
    def title(self) -> str:
        return f"{type(self.task).__name__} {self.key[:8]}"

    @property
    def ok(self) -> bool:
        return self.outcome is not None and self.outcome.status == "finished"


class Jobs:
    """The jobs of an experiment, in the order of their submission."""

    def __init__(self) -> None:
        self.every: list[Job] = []
        self._by_task: dict[int, Job] = {}
        self._by_key: dict[str, Job] = {}

    def known(self, task: Task, key: str) -> Job | None:
        """The job that a task, or one equal to it, has already."""
        return self._by_task.get(id(task)) or self._by_key.get(key)

    def add(self, job: Job) -> None:
        """Take a job that is to be done, or was."""
        self.every.append(job)
        self._by_task[id(job.task)] = self._by_key[job.key] = job

    def before(self, job: Job) -> list[Job]:
        """The jobs that a job comes after; a task that nobody submitted is a value like others."""
        found = (self._by_task.get(id(one)) or self._by_key.get(tasks.key(one))
                 for one in job.needs)  # fmt: skip
        return [one for one in dict.fromkeys(found) if one is not None and one is not job]


class Queue:
    """The jobs that are not done, each once it waits for nobody, in the order of submission."""

    def __init__(self, jobs: Jobs) -> None:
        self._at = {job: at for at, job in enumerate(jobs.every)}
        self._then: dict[Job, list[Job]] = {}
        self._after = {job: jobs.before(job) for job in jobs.every if job.outcome is None}
        self._left: dict[Job, int] = {}
        self._ready: list[tuple[int, Job]] = []
        for job, after in self._after.items():
            open_ones = [one for one in after if one.outcome is None]
            self._left[job] = len(open_ones)
            for one in open_ones:
                self._then.setdefault(one, []).append(job)
            if not open_ones:
                self._push(job)

    def next(self) -> Job | None:
        """The next job to do, None while there is none.

        One that comes after a failure has its outcome already: it fails too.
        """
        if not self._ready:
            return None
        job = heapq.heappop(self._ready)[1]
        broken = next((one for one in self._after[job] if not one.ok), None)
        if broken and broken.outcome:
            why = f"it depends on {broken.title}, which is {broken.outcome.status}"
            job.outcome = failed("DependencyFailed", why)
        return job

    def settled(self, job: Job) -> None:
        """A job has its outcome: who waited for it may be next."""
        self._left.pop(job, None)
        for one in self._then.get(job, ()):
            self._left[one] -= 1
            if self._left[one] == 0:
                self._push(one)

    def stuck(self) -> list[Job]:
        """The jobs that wait for each other, once nobody is busy any more."""
        return sorted(self._left, key=lambda job: self._at[job])

    def _push(self, job: Job) -> None:
        heapq.heappush(self._ready, (self._at[job], job))
