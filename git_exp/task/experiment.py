"""`experiment()`: one run with one snapshot, and tasks that are executed as its children."""

from __future__ import annotations

import os
from collections.abc import Iterable
from concurrent.futures import CancelledError, Executor, Future
from queue import SimpleQueue
from types import TracebackType
from typing import Any, Self

from git_exp import endings, errors, records, spool
from git_exp.action.action import Action
from git_exp.action.registering import identified
from git_exp.task import task as tasks
from git_exp.task.children import Child, Family
from git_exp.task.earlier import Earlier
from git_exp.task.plan import Job, Jobs, Queue
from git_exp.task.task import Task
from git_exp.task.work import Outcome, executed, failed
from git_exp.tracking import Experiment, is_main_again

# Runs that have begun and wait for a worker: each has a file open, and so has what they talk by.
IN_FLIGHT = 200
# So many runs that have ended are sealed together while others go on.
SEAL_EVERY = 500

_open: list[experiment] = []


# A task that a fork submits would wait in it for good.
os.register_at_fork(after_in_child=_open.clear)


def current(what: str) -> experiment:
    """The innermost experiment that is open. Raises `UsageError` where none is."""
    if not _open:
        raise errors.UsageError(
            f"{what} is called outside of an experiment", hint='with experiment("name"): …'
        )
    return _open[-1]


class experiment:  # noqa: N801 - what is written after `with`
    """A run whose tasks are runs too: ``with experiment("baseline"): Train(...).submit()``.

    The code is captured once. At the end of the block, or in `wait()`, each submitted task is
    executed after what it depends on, in the order of submission; a task that fails fails those
    that depend on it, and the others go on. Then `TasksFailed` is raised.

    Parameters
    ----------
    name
        One line, the name of the run.
    executor
        A `concurrent.futures.Executor` that executes tasks elsewhere: a pool of processes, or that
        of Dask or Ray. Tasks, and what they hold, are sent there as pickles.
    tags, private, repo
        As of `Experiment`.

    Raises
    ------
    TasksFailed
        At the end of the block, where tasks failed.
    """

    def __init__(
        self,
        name: str,
        *,
        executor: Executor | None = None,
        tags: Iterable[str] = (),
        private: bool = False,
        repo: str | os.PathLike[str] | None = None,
    ) -> None:
        if is_main_again():
            raise errors.UsageError(
                "a process of a pool executes the script again, and would submit its tasks",
                hint="let the experiment begin below: if __name__ == '__main__'",
            )
        self.run = Experiment(name, tags=tags, private=private, repo=repo)
        self._executor = executor
        self._jobs = Jobs()
        self._family: Family | None = None
        self._earlier: Earlier | None = None
        self._unsealed = 0

    @property
    def run_id(self) -> str | None:
        """The id of its run, None when nothing is recorded."""
        return self.run.run_id

    def submit(self, task: Task, *, rerun: bool = False) -> Any:
        """Take a task, to be executed at the end of the block, and give what `__submit__` says."""
        if not isinstance(task, Task):
            raise errors.BadConfig(f"submit() takes a Task, not {type(task).__name__}")
        key = tasks.key(task)
        known = self._jobs.known(task, key)
        if known and not (rerun and known.outcome):
            return known.output
        job = Job(task=task, key=key, output=task, needs=list(tasks.needs(task)))
        given = task.__submit__(lambda one: tasks.marked(one, task), self.add_action)
        job.output = task if given is None else given
        recorder = self.run._running()
        if recorder:
            job.earlier = None if rerun else self._finished_before(job)
            self.run._registers(recorder).job(key, task, earlier=job.earlier)
        if job.earlier:
            job.outcome = Outcome()
        self._jobs.add(job)
        return job.output

    def add_action(self, action: Action) -> str:
        """Register an action with this run and give its id; an equal one is the same."""
        return self.run.add_action(action) if self.run.run_id else identified(action)

    def wait(self) -> None:
        """Execute what is submitted so far. Raises nothing for a task that fails."""
        queue = Queue(self._jobs)
        if self._executor is None:
            while job := queue.next():
                self._do(job)
                queue.settled(job)
        else:
            self._spread(queue, self._executor)
        for job in queue.stuck():
            self._settle(job, failed("DependencyFailed", "it waits for a task that waits for it"))

    def __enter__(self) -> Self:
        self.run.__enter__()
        _open.append(self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        _open.remove(self)
        if error is not None:
            return self.run.__exit__(kind, error, trace)
        try:
            self.wait()
            self._tell()
        except BaseException as raised:
            self._close(type(raised), raised, raised.__traceback__)
            raise
        return self._close(None, None, None)

    def _close(self, *told: Any) -> None:
        if self._family is None:
            return self.run.__exit__(*told)
        self._family.keep()
        self.run.__exit__(*told)
        self._family.keep()
        self._family.tidy()
        return None

    def _tell(self) -> None:
        every = self._jobs.every
        spared = sum(1 for job in every if job.earlier)
        if spared:
            had = "task had" if spared == 1 else "tasks had"
            endings.say(
                f"{spared} {had} finished with this very code, not executed again: rerun=True"
            )
        broken = [f"{job.title}: {_why(job)}" for job in every if not job.ok]
        if broken:
            raise errors.TasksFailed(broken, len(every))

    def _do(self, job: Job) -> None:
        child = self._begin(job)
        if job.outcome is None:
            try:
                job.outcome = executed(job.task, child.run_id if child else None)
            except BaseException as error:
                # Ctrl-C: this one is interrupted, and what comes after is not begun.
                status, code, told = endings.told_by(error)
                self._end(child, Outcome(status=status, exit_code=code, error=told))
                raise
        self._end(child, job.outcome)

    def _spread(self, queue: Queue, executor: Executor) -> None:
        busy: dict[Future[Outcome], tuple[Job, Child | None]] = {}
        most = spool.at_once(IN_FLIGHT)
        over: SimpleQueue[Future[Outcome]] = SimpleQueue()
        try:
            while True:
                while len(busy) < most and (job := queue.next()):
                    if job.outcome is not None:
                        self._end(self._begin(job), job.outcome)
                        queue.settled(job)
                        continue
                    child = self._begin(job)
                    future = _sent(executor, job.task, child.run_id if child else None)
                    busy[future] = job, child
                    # One that is cancelled is over too: `concurrent.futures.wait` does not tell.
                    future.add_done_callback(over.put)
                if not busy:
                    return
                future = over.get()
                job, child = busy[future]
                job.outcome = _received(future)
                self._end(child, job.outcome)
                del busy[future]
                queue.settled(job)
        except BaseException as error:
            status, code, told = endings.told_by(error)
            for future, (_, child) in busy.items():
                future.cancel()
                self._end(child, Outcome(status=status, exit_code=code, error=told))
            raise

    def _settle(self, job: Job, outcome: Outcome) -> None:
        job.outcome = outcome
        self._end(self._begin(job), outcome)

    def _begin(self, job: Job) -> Child | None:
        recorder = self.run._running()
        if recorder is None or self.run._start is None:
            return None
        if self._family is None:
            self._family = Family(recorder, self.run._start)
        return self._family.begin(job.task, job.key)

    def _end(self, child: Child | None, outcome: Outcome) -> None:
        if child is None:
            return
        child.end(outcome)
        self._unsealed += 1
        if self._unsealed >= SEAL_EVERY:
            self._unsealed = 0
            child.seal()

    def _finished_before(self, job: Job) -> str | None:
        if self._earlier is None and self.run._start and (recorder := self.run._running()):
            self._earlier = Earlier(recorder.repo, self.run._start)
        return self._earlier.finished(job.task, job.key) if self._earlier else None


def _sent(executor: Executor, task: Task, run_id: str | None) -> Future[Outcome]:
    try:
        return executor.submit(executed, task, run_id)
    except Exception as error:
        # A pool that is broken or shut down takes nothing: the task has failed, and says why.
        refused: Future[Outcome] = Future()
        refused.set_exception(error)
        return refused


def _received(future: Future[Outcome]) -> Outcome:
    """What came of a task elsewhere; a worker that died, or a pickle that failed, is a failure."""
    try:
        return future.result()
    except CancelledError:
        # Whoever owns the executor has shut it down, or it was Dask's own client.
        return Outcome(status="interrupted", error=records.Error(type="CancelledError", message=""))
    except BaseException as raised:
        error = raised
    status, code, told = endings.told_by(error)
    return Outcome(status="failed" if status == "finished" else status, exit_code=code, error=told)


def _why(job: Job) -> str:
    outcome = job.outcome or Outcome(status="not executed")
    said = outcome.error.message.partition("\n")[0] if outcome.error else ""
    kind = outcome.error.type if outcome.error else ""
    return ": ".join(filter(None, (kind, said))) or outcome.status
