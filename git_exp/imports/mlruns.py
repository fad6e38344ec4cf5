"""The file store of MLflow: a folder for each experiment, in it one for each run."""

from __future__ import annotations

import heapq
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from git_exp import errors, values
from git_exp.imports import foreign, mlflow
from git_exp.imports.foreign import Broken, Deleted, File, Found, Source
from git_exp.imports.mlflow import Recorded, Sample

_RUN = re.compile(r"[0-9a-f]{32}")


def is_store(folder: Path) -> bool:
    """Whether a folder has experiments in it."""
    return any(folder.glob("*/meta.yaml"))


def opened(root: Path) -> Source:
    """Every run in the store; what is in the trash of MLflow is not looked at."""
    experiments = {
        folder: [one for one in _folders(folder) if _is_run(one)]
        for folder in _folders(root)
        if (folder / "meta.yaml").exists()
    }
    total = sum(map(len, experiments.values()))
    return Source(found=_runs(experiments, root.resolve()), total=total)


def _runs(experiments: Mapping[Path, Sequence[Path]], root: Path) -> Iterator[Found]:
    for experiment, folders in experiments.items():
        try:
            about = _meta(experiment, root)
        except (foreign.Unreadable, OSError) as error:
            yield Broken(where=str(experiment / "meta.yaml"), why=foreign.why(error))
            about = {}
        for folder in folders:
            yield _run(folder, root, about)


def _is_run(folder: Path) -> bool:
    return (folder / "meta.yaml").exists() or _RUN.fullmatch(folder.name) is not None


def _run(folder: Path, root: Path, experiment: Mapping[str, Any]) -> Found:
    try:
        about = _meta(folder, root)
        run_id = str(about.get("run_id") or about.get("run_uuid") or "")
        if not run_id:
            raise foreign.Unreadable("its meta.yaml names no run_id")
        if "deleted" in (about.get("lifecycle_stage"), experiment.get("lifecycle_stage")):
            return Deleted(id=run_id)
        return mlflow.run(_recorded(folder, root, about=about, experiment=experiment))
    except (foreign.Unreadable, OSError) as error:
        return Broken(where=str(folder), why=foreign.why(error))


def _recorded(
    folder: Path, root: Path, *, about: Mapping[str, Any], experiment: Mapping[str, Any]
) -> Recorded:
    def said(of: Mapping[str, Any], key: str) -> str | None:
        return foreign.one_line(of.get(key))

    return Recorded(
        id=str(about.get("run_id") or about.get("run_uuid")),
        where=str(folder),
        status=str(about.get("status")),
        started=about.get("start_time"),
        ended=about.get("end_time"),
        name=said(about, "run_name"),
        user=said(about, "user_id"),
        experiment=said(experiment, "name"),
        params=_texts(folder / "params", root),
        tags=_texts(folder / "tags", root),
        samples=lambda: _samples(folder / "metrics", root),
        files=lambda: files(folder / "artifacts", root),
    )


def files(folder: Path, root: Path) -> Iterator[File | Broken]:
    """The artifacts of a run; `root` is resolved, and what a link leads to outside is left out."""
    for path in _below(folder):
        try:
            yield File(name=path.relative_to(folder).as_posix(), path=foreign.inside(path, root))
        except (foreign.Unreadable, OSError) as error:
            yield Broken(where=str(path), why=foreign.why(error))


def _texts(folder: Path, root: Path) -> dict[str, str]:
    """What the files in a folder say, by their paths there: a slash in a key makes a folder."""
    return {_key(path, folder): foreign.text(path, root) for path in _below(folder)}


def _key(path: Path, folder: Path) -> str:
    return values.quoted(path.relative_to(folder).as_posix())


def _samples(folder: Path, root: Path) -> Iterator[Sample | Broken]:
    """The values of all metrics in the order of time, after what is damaged."""
    broken: list[Broken] = []
    each = [
        sorted(_of_metric(path, root, _key(path, folder), broken=broken)) for path in _below(folder)
    ]
    yield from broken
    yield from heapq.merge(*each)


def _of_metric(path: Path, root: Path, key: str, *, broken: list[Broken]) -> Iterator[Sample]:
    try:
        with foreign.inside(path, root).open("rb") as file:
            lines = iter(lambda: file.readline(foreign.TEXT), b"")
            for number, line in enumerate(lines, 1):
                sample = _sample(line.split(), key)
                if sample:
                    yield sample
                elif line.strip():
                    why = "it is no time, value and step"
                    broken.append(Broken(where=f"{path}:{number}", why=why))
    except OSError as error:
        raise foreign.Unreadable(f"{path.name}: {foreign.why(error)}") from error


def _sample(words: list[bytes], key: str) -> Sample | None:
    try:
        step = int(words[2]) if len(words) > 2 else 0
        return Sample(ms=int(words[0]), step=step, key=key, value=mlflow.number(words[1]))
    except (ValueError, IndexError):
        return None


def _meta(folder: Path, root: Path) -> Mapping[str, Any]:
    try:
        import yaml
    except ImportError:
        raise errors.UsageError(
            "the file store of MLflow needs PyYAML", hint="pip install 'git-exp[mlflow]'"
        ) from None
    text = foreign.text(folder / "meta.yaml", root)
    try:
        found = yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise foreign.Unreadable("its meta.yaml is no YAML") from error
    if not isinstance(found, dict):
        raise foreign.Unreadable("its meta.yaml says nothing")
    # MLflow nests nothing there; aliases that do could stand for more than any memory holds.
    return {key: value for key, value in found.items() if not isinstance(value, dict | list | set)}


def _folders(folder: Path) -> list[Path]:
    """The folders in a folder that are no links, less those that begin with a dot."""
    with os.scandir(folder) as entries:
        names = [one.name for one in entries if one.is_dir(follow_symlinks=False)]
    return [folder / name for name in sorted(names) if not name.startswith(".")]


def _below(folder: Path) -> Iterator[Path]:
    """The files below a folder, in the order of their names; linked folders are left out."""
    for where, folders, names in os.walk(folder):
        folders.sort()
        yield from (Path(where) / name for name in sorted(names))
