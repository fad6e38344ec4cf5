"""What this clone vouches for: which code is executed nobody else's record decides.

Each action and job is written with a mark that only this clone can make, by a key that never leaves
it (HMAC of RFC 2104 with SHA-256). Ids and refs prove nothing: anybody may write a record with an
id of ours, and a stock fetch may move any ref.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from git_exp import data, errors, query, seal
from git_exp.action.held import Held, parsed
from git_exp.git.repo import Repo
from git_exp.run import Run
from git_exp.store import Store

_BYTES = 32

# The mark of a job or action: by its kind, its name, and the object that it is.
Mark = Callable[[str, str, str], str]


def marker(repo: Repo, run_id: str, commit: str) -> Mark:
    """What marks the jobs and actions of a run, whose code is that commit."""
    return _marker(_made(repo.home / "key"), run_id, commit)


def _marker(key: bytes, run_id: str, commit: str) -> Mark:
    def mark(kind: str, name: str, object_id: str) -> str:
        said = "\n".join((run_id, commit, kind, name, object_id)).encode()
        return hmac.new(key, said, hashlib.sha256).hexdigest()[:32]

    return mark


def held(store: Store, run: Run) -> Held:
    """The jobs and actions of a run; those that this clone has registered are vouched for."""
    if not run.own:
        return parsed(
            (data.file(store.repo, store.data_tip(run), data.OBJECTS) or b"").splitlines()
        )
    # Its own ref first: a record may say that its data is elsewhere.
    tip = data.tip(store.repo, run.id) or store.data_tip(run)
    sealed = data.file(store.repo, tip, data.OBJECTS)
    waiting = data.kept_objects(seal.spools(store.repo) / run.id)
    lines = data.joined(sealed, waiting).splitlines()
    key = _known(store.repo.home / "key")
    return parsed(lines, _marker(key, run.id, run.commit) if key else _nobody)


def expect(run: Run, *, vouched: bool, trust: bool) -> None:
    """Raise `Refused` for what this clone did not register, unless it is trusted."""
    if vouched or trust:
        return
    who = f" ({run.user})" if run.user else ""
    raise errors.Refused(
        f"run {query.short(run.id)} is not yours{who}: it names the code to execute",
        hint="if you trust whoever recorded it: --trust",
    )


def _nobody(*_: str) -> str:
    """A mark that nothing has: a clone without a key has registered nothing."""
    return os.urandom(_BYTES).hex()


def _known(path: Path) -> bytes | None:
    """The key of this clone, None where it has none, or one that cannot be read."""
    try:
        found = path.read_bytes()
    except OSError:
        return None
    return found if len(found) == _BYTES else None


def _made(path: Path) -> bytes:
    """The key of this clone; the first process that needs one makes it, whole or not at all."""
    while (found := _known(path)) is None:
        try:
            with tempfile.NamedTemporaryFile(dir=path.parent, prefix="key.") as new:
                new.write(os.urandom(_BYTES))
                new.flush()
                os.fsync(new.fileno())
                # Whoever comes second takes the first one's.
                with suppress(FileExistsError):
                    os.link(new.name, path)
        except OSError as error:
            raise errors.WriteFailed(str(path), error.strerror or str(error)) from error
        if path.exists() and _known(path) is None:
            raise errors.WriteFailed(str(path), "what is there is no key")
    return found
