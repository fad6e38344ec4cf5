"""All that git exp can refuse, with exit codes and hints.

GitExpError                   5  the repository or a remote failed
├── RepositoryError           5
│   ├── NotARepository        5
│   ├── UnsafeRepository      5
│   ├── UnsupportedRepository 5
│   ├── GitMissing            5
│   ├── GitFailed             5
│   ├── RefLocked             5
│   ├── IndexLocked           5
│   ├── RefMoved              5  another writer won the compare-and-swap
│   ├── WriteFailed           5  the disk refused an object or a ref
│   ├── ObjectsVanished       5  a gc took what is being written: write it again
│   ├── StoreBusy             5  the seal lock was not free in time
│   ├── WorktreeBusy          5  nor was that of the worktree
│   └── RemoteFailed          5  another repository could not be reached, or took nothing
├── SnapshotFailed            5
├── JournalFailed             5  also an OSError: the disk refused a record
├── UsageError                2
│   ├── BadExpression         2  points at the place
│   ├── BadName               2  also a ValueError
│   ├── BadConfig             2  also a TypeError, names class and param
│   ├── BadField              2  also a ValueError, names model and field, expected and got
│   │   └── DamagedSession    5  what a session's ref holds is none
│   ├── MissingAnswer         2  nobody is there to answer an action's question
│   ├── BadAnswer             2  what was given beforehand is no answer
│   └── Unencodable           2  also a TypeError, names the key
├── NotFound                  3
│   ├── CodeAway              3  only its records are here
│   ├── SeriesAway            3  only the summaries of its metrics are
│   └── Ambiguous             3  lists the candidates
├── Refused                   4  to protect data
│   ├── ChangedMeanwhile      4  between a look and the deed: nothing was touched
│   └── SecretsFound          4  a push would send them
├── ActionFailed              5  an action could not be loaded, or raised
└── AnswerIsNo                1  nothing matched, or a check failed
    └── TasksFailed           1  some tasks of an experiment
"""

from __future__ import annotations

import re
import shlex
from typing import Any, ClassVar

_AROUND = 60
_LOCKED = re.compile(r"Unable to create '(.+\.lock)': File exists")


class GitExpError(Exception):
    """Anything git exp refuses: one line to show, and the next step as a hint."""

    exit_code: ClassVar[int] = 5

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        if hint:
            # Where nobody catches it, the traceback ends with the way out.
            self.add_note(f"hint: {hint}")

    def __str__(self) -> str:
        return self.message

    def __reduce__(self) -> tuple[Any, ...]:
        # Pools of processes send errors as pickles; the arguments are not those of `__init__`.
        return _rebuilt, (type(self), self.args), self.__dict__


def _rebuilt(kind: type[GitExpError], args: tuple[Any, ...]) -> GitExpError:
    return kind.__new__(kind, *args)


class RepositoryError(GitExpError):
    """The repository cannot be used, or failed while it was used."""


class NotARepository(RepositoryError):
    """No git repository here."""

    def __init__(self, where: str) -> None:
        super().__init__(
            f"not a git repository (or any of the parent directories): '{where}'",
            hint="make one with git init, or run without recording: GIT_EXP_DISABLED=1",
        )


class UnsafeRepository(RepositoryError):
    """git refuses the repository because somebody else owns it."""

    def __init__(self, where: str, command: str | None = None) -> None:
        super().__init__(
            f"detected dubious ownership in repository at '{where}'",
            hint=command or f"git config --global --add safe.directory {shlex.quote(where)}",
        )


class UnsupportedRepository(RepositoryError):
    """A repository format that pygit2 cannot open."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"git exp does not support {what} repositories yet",
            hint="use a repository with SHA-1 objects and the files ref format",
        )


class GitMissing(RepositoryError):
    """There is no git program on PATH."""

    def __init__(self) -> None:
        super().__init__("cannot run git: not found on PATH", hint="install git 2.39 or later")


class GitFailed(RepositoryError):
    """A git command exited with an error; `stderr` is what it said."""

    def __init__(self, command: str, code: int, stderr: str) -> None:
        said = stderr.strip().splitlines()
        locked = _LOCKED.search(stderr)
        why = said[-1] if said else f"exit code {code}"
        super().__init__(
            f"git {command} failed: " + (f"'{locked[1]}' exists" if locked else why),
            hint=_unlocking(locked[1]) if locked else None,
        )
        self.code = code
        self.stderr = stderr


class RefLocked(RepositoryError):
    """A ref could not be locked: another process holds `<ref>.lock`."""

    def __init__(self, ref: str, lock: str) -> None:
        super().__init__(
            f"cannot lock ref '{ref}': '{lock}' exists",
            hint=_unlocking(lock),
        )
        self.ref = ref


class IndexLocked(RepositoryError):
    """The index could not be locked: another process holds `index.lock`."""

    def __init__(self, lock: str) -> None:
        super().__init__(f"cannot lock the index: '{lock}' exists", hint=_unlocking(lock))


class RefMoved(RepositoryError):
    """A ref is not where the writer last saw it."""

    def __init__(self, ref: str) -> None:
        super().__init__(f"ref '{ref}' moved meanwhile", hint="run the command again")


class WriteFailed(RepositoryError):
    """The repository takes no object or no ref, whoever's it is: a full disk, no permission."""

    def __init__(self, where: str, why: str) -> None:
        super().__init__(
            f"cannot write '{where}': {why}",
            hint="free some space or mend its permissions: what was recorded before is kept",
        )


class ObjectsVanished(RepositoryError):
    """Objects were gone before a ref held them."""

    def __init__(self) -> None:
        super().__init__(
            "objects vanish as they are written",
            hint="is a git gc --prune=now running? then run again",
        )


class StoreBusy(RepositoryError):
    """The lock that sealing needs was not free in time."""

    def __init__(self, seconds: float) -> None:
        super().__init__(
            f"another process has been sealing runs for {seconds:.0f} s",
            hint="nothing is lost: the next git exp command seals it",
        )


class WorktreeBusy(RepositoryError):
    """Another restore or checkout in this worktree was not over in time: nothing was touched."""

    def __init__(self, seconds: float) -> None:
        super().__init__(
            f"another git exp command has been writing this worktree for {seconds:.0f} s",
            hint="nothing was touched: run it again when the other is done",
        )


class RemoteFailed(RepositoryError):
    """Another repository could not be reached or took nothing; `said` is what git told."""

    def __init__(self, remote: str, said: str, *, hint: str | None = None) -> None:
        lines = [line.strip() for line in said.splitlines() if line.strip()]
        told = next((line for line in lines if line.startswith(("fatal:", "ERROR:"))), None)
        why = told or (lines[-1] if lines else "git said nothing")
        super().__init__(
            f"remote '{remote}': {why.removeprefix('fatal: ')}",
            hint=hint or "nothing is lost: run it again when that is put right",
        )
        self.said = said


class SnapshotFailed(GitExpError):
    """The worktree could not be captured at all."""


class JournalFailed(GitExpError, OSError):
    """A record could not be written; nothing of it was kept."""


class UsageError(GitExpError):
    """The call is wrong; nothing was written."""

    exit_code = 2


class BadExpression(UsageError):
    """An expression that cannot be understood; the hint points at the place."""

    def __init__(self, why: str, text: str, at: int) -> None:
        # In nothing there is no place to point at.
        hint = pointed(text, at) if text.strip() else "git-exp-query(7) describes expressions"
        super().__init__(f"bad expression: {why}", hint=hint)


class BadName(UsageError, ValueError):
    """A name that is blank, of several lines, or that starts like an option or a revision."""


class Unencodable(UsageError, TypeError):
    """A value that no record can hold; the message names its key."""


class BadConfig(UsageError, TypeError):
    """A value that a param does not take, or a class that cannot be a config."""


class BadField(UsageError, ValueError):
    """A value that a field of a model does not take."""


class DamagedSession(BadField):
    """What a session's ref holds is none, or cannot be read."""

    exit_code = 5


class MissingAnswer(UsageError):
    """An action asks, and nobody is there to answer."""

    def __init__(self, key: str) -> None:
        super().__init__(
            f"no answer for '{key}', and no terminal to ask on",
            hint=f"give it: --set {shlex.quote(key)}=VALUE",
        )
        self.key = key


class BadAnswer(UsageError):
    """What was given beforehand is no answer to the question."""

    def __init__(self, key: str, value: object, wanted: str) -> None:
        super().__init__(f"bad answer '{value}' for '{key}'", hint=f"it is {wanted}")
        self.key = key


class ActionFailed(GitExpError):
    """An action cannot be loaded, or raised while it was executed."""


class NotFound(GitExpError):
    """No run, metric or file of that name."""

    exit_code = 3


class CodeAway(NotFound):
    """The code of a run is not here, and nobody who could be asked has it."""

    def __init__(self, run_id: str) -> None:
        super().__init__(
            f"the code of run {run_id[:8]} is not here",
            hint="fetch it from who has it: git exp pull REMOTE RUN",
        )


class SeriesAway(NotFound):
    """The values that a run has tracked are not here, only what sums them up."""

    def __init__(self, run_id: str) -> None:
        super().__init__(
            f"the series of run {run_id[:8]} is not here, only its summary",
            hint="fetch it from who has it: git exp pull REMOTE RUN",
        )


class Ambiguous(NotFound):
    """Several things match one name."""

    def __init__(self, name: str, candidates: list[str]) -> None:
        super().__init__(
            f"'{name}' is ambiguous", hint="it could be: " + ", ".join(candidates[:10])
        )
        self.candidates = candidates


class Refused(GitExpError):
    """Going on would lose data of the user's."""

    exit_code = 4


class ChangedMeanwhile(Refused):
    """Something changed between our look at it and the deed; nothing was touched."""

    def __init__(self, what: str) -> None:
        super().__init__(f"{what} changed meanwhile", hint="nothing was touched: run it again")


class SecretsFound(Refused):
    """A push would send secrets; `findings` has a line for each, without the secret itself.

    `way` is how to do without them, `ids` are what lets them go.
    """

    def __init__(
        self, findings: list[str], ids: list[str], way: str = "take it out: git exp scrub RUN"
    ) -> None:
        count = f"{len(findings)} secrets" if len(findings) > 1 else "a secret"
        super().__init__(
            f"this push would send {count}; nothing was sent",
            hint=f"{way}; or if it is none: git exp push"
            + "".join(f" --allow {one}" for one in ids),
        )
        self.findings = findings
        self.ids = ids
        self.way = way


class AnswerIsNo(GitExpError):
    """The question was understood and the answer is no."""

    exit_code = 1


class TasksFailed(AnswerIsNo):
    """Some tasks of an experiment failed; `failed` has a line for each."""

    def __init__(self, failed: list[str], total: int) -> None:
        more = f" and {len(failed) - 1} more" if len(failed) > 1 else ""
        super().__init__(f"{len(failed)} of {total} tasks failed: {failed[0]}{more}")
        self.failed = failed


def _unlocking(lock: str) -> str:
    return f"if no git process is running in this repository: rm '{lock}'"


def said(error: BaseException) -> str:
    """What somebody else's exception says, in one line; some cannot even say that."""
    kind = type(error).__name__
    try:
        text = " ".join(str(error).split())
    except Exception:
        return kind
    return f"{kind}: {text}" if text else kind


def pointed(text: str, at: int) -> str:
    """Two lines: a text, or as much of it as stands around a place, and a caret below that."""
    import unicodedata

    start = max(0, at - _AROUND)
    before, after = "... " if start else "", " ..." if len(text) > at + _AROUND else ""
    shown = "".join(one if one.isprintable() else "?" for one in text[start : at + _AROUND])
    wide = sum(unicodedata.east_asian_width(one) in "WF" for one in shown[: at - start])
    return f"{before}{shown}{after}\n{' ' * (len(before) + at - start + wide)}^"
