"""What has finished before: tasks by their keys, among the runs of the very same code."""

from __future__ import annotations

import hashlib
from contextlib import closing
from pathlib import Path

from git_exp import records
from git_exp.config.held import within
from git_exp.config.objects import defined_in
from git_exp.git.repo import Repo
from git_exp.run import Run
from git_exp.task.task import Task


class Earlier:
    """The tasks that have finished here with the code that an experiment captured."""

    def __init__(self, repo: Repo, start: records.RunStart) -> None:
        self._repo = repo
        self._start = start
        self._found: dict[str, str] | None = None

    def finished(self, task: Task, key: str) -> str | None:
        """The id of a run that has finished a task of the same files, if there is one."""
        if self._found is None:
            self._found = self._look()
        return self._found.get(f"{key} {files_of(task, self._repo.top)}")

    def _look(self) -> dict[str, str]:
        git = self._start.git
        # What a snapshot does not hold may have been another.
        if git is None or git.tree is None or git.capture != "full" or git.submodules:
            return {}
        from git_exp.index.search import Indexed

        with closing(Indexed(self._repo)) as store:
            found: dict[str, str] = {}
            alike: dict[str | None, bool] = {}
            for run in store.of_tree(git.tree):
                told = _key(run)
                if told is None or told in found or not self._counts(run):
                    continue
                if run.parent_run not in alike:
                    alike[run.parent_run] = self._is_alike(store.get(run.parent_run or ""))
                if alike[run.parent_run]:
                    found[told] = run.id
            return found

    def _counts(self, run: Run) -> bool:
        # Nobody else has what a private run stands for.
        public = self._start.private or not run.private
        return run.own and run.status == "finished" and public

    def _is_alike(self, parent: Run | None) -> bool:
        """Whether an experiment left the same files out of its snapshot, as they are now."""
        then, now = parent.git if parent else None, self._start.git
        if then is None or now is None or then.capture != "full" or then.submodules:
            return False
        # Of over a thousand the record lists the first.
        return then.skipped == now.skipped and not (then.skipped_count or now.skipped_count)


def _key(run: Run) -> str | None:
    told = run.metadata.get("task") if isinstance(run.metadata, dict) else None
    return f"{told.get('key')} {told.get('files')}" if isinstance(told, dict) else None


def files_of(task: Task, root: Path | None) -> str:
    """The files that define the classes of a task, as one word: two scripts may have equal ones."""
    named = {defined_in(type(one), root) or "" for one in within(task)}
    return hashlib.sha256("\n".join(sorted(named)).encode()).hexdigest()[:16]
