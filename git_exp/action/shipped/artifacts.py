"""Artifacts of a run: which of them are meant, and their bytes."""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Callable, Mapping, Sequence

from git_exp import data, errors, query
from git_exp.action.interaction import Interaction
from git_exp.git import paths
from git_exp.records import Artifact
from git_exp.run import Run
from git_exp.store import Store

ALL = "all"

# Names, and what reads the bytes of each when they are needed.
Files = Mapping[str, Callable[[], bytes]]


def chosen(run: Run, interaction: Interaction, path: str = "") -> list[Artifact]:
    """The artifacts that are stored among those of a path, or else of the answer.

    Asks `artifact`, and where some of several are stored elsewhere `rest`. Raises `AnswerIsNo` for
    a run that has none, `NotFound` where nothing of what is meant is stored, `Refused` for names
    that no folder should have.
    """
    every = {one.path: one for one in run.artifacts}
    if not every:
        raise errors.AnswerIsNo(f"run {query.short(run.id)} has no artifacts")
    name = path or interaction.choice("artifact", "Artifact:", [ALL, *every])
    if path and path not in every:
        near = difflib.get_close_matches(path, every, n=1)
        hint = f"did you mean '{near[0]}'?" if near else None
        raise errors.NotFound(
            f"run {query.short(run.id)} has no artifact '{path}'",
            hint=hint or "list them: git exp show RUN",
        )
    meant = list(every.values()) if name == ALL and not path else [every[name]]
    _expect_names([one.path for one in meant])
    away = [one for one in meant if not one.stored]
    kept = [one for one in meant if one.stored]
    if away and not (kept and interaction.checkbox("rest", _question(away))):
        raise errors.NotFound(_told(away), hint="only smaller ones are stored: see exp.maxArtifact")
    return kept


def files(store: Store, run: Run, artifacts: Sequence[Artifact]) -> Files:
    """Artifacts as files that are read one at a time."""
    return {one.path: _reader(store, run, one) for one in artifacts}


def content(store: Store, run: Run, artifact: Artifact) -> bytes:
    """The bytes of an artifact. Raises `NotFound` where they are not here, and for others' bytes.

    Two processes may have stored a file and a folder of one name; then its digest tells them apart.
    """
    name, digest = f"artifacts/{artifact.path}", artifact.sha256
    known = digest if data.is_digest(digest) else None
    found = store.file(run, name)
    if found is None and known:
        found = store.file(run, f"{name}~{known[:8]}")
    if found is None:
        raise errors.NotFound(
            f"artifact '{artifact.path}' is not here",
            hint="fetch it from who has it: git exp pull REMOTE RUN",
        )
    if digest and hashlib.sha256(found).hexdigest() != digest:
        raise errors.NotFound(
            f"artifact '{artifact.path}' is not what was recorded",
            hint="look for damage: git exp fsck",
        )
    return found


def _reader(store: Store, run: Run, artifact: Artifact) -> Callable[[], bytes]:
    return lambda: content(store, run, artifact)


def _expect_names(names: Sequence[str]) -> None:
    """Names come from anybody's records: none may leave the folder it is written to."""
    for name in names:
        try:
            paths.checked(name)
        except errors.UsageError as error:
            raise errors.Refused(
                f"an artifact of the run has a {error.message}",
                hint="choose others: it is never written",
            ) from None
    for name in names:
        under = next((other for other in names if other.startswith(f"{name}/")), None)
        if under:
            raise errors.Refused(
                f"artifact '{name}' is in the way of '{under}'", hint="choose one of them"
            )


def _told(away: Sequence[Artifact]) -> str:
    names = ", ".join(f"'{one.path}' is at {one.uri or 'no place that is known'}" for one in away)
    return f"not stored in the run: {names}"


def _question(away: Sequence[Artifact]) -> str:
    return f"{_told(away)}. Go on with the others?"
