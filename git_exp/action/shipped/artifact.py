"""`ExportArtifact`: what a run has kept, to a folder or an archive."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

from git_exp import errors, outfile
from git_exp.action.action import Action
from git_exp.action.interaction import Interaction
from git_exp.action.shipped import kept
from git_exp.config import Param, field

ALL = "all of them"
FORMS = ("folder", "zip", "tar.gz")


class ExportArtifact(Action):
    """Write one artifact of the run, or all, to a folder or an archive.

    Asks `artifact`, `form` (folder, zip or tar.gz), `target`, and `overwrite` where that would
    replace a file with other bytes. A file is there whole or not at all.
    """

    artifact: Param[str] = field(default="", ignore_default=True)
    target: Param[str] = field(default="", ignore_default=True)

    def describe(self) -> str:
        """What it does."""
        return f"Export {self.artifact or 'artifacts'} to a folder or an archive"

    def execute(self, interaction: Interaction) -> str:
        """Do it, and say what was written."""
        run = self.of_run
        chosen = [self.artifact] if self.artifact else _chosen(kept.names(run), interaction)
        form = interaction.choice("form", "Export to:", FORMS)
        suffix = "" if form == "folder" else f".{form}"
        default = self.target or f"{_plain(run.name)}{suffix}"
        target = Path(interaction.text("target", "File or folder:", default=default))
        files = {name: kept.read(kept.store(self), run, name) for name in chosen}
        if form == "folder":
            _fill(target, files, interaction)
        else:
            _pack(target, files, interaction)
        count = "1 file" if len(files) == 1 else f"{len(files)} files"
        return f"{count} of {run.name} written to {target}"


def _chosen(names: list[str], interaction: Interaction) -> list[str]:
    if len(names) == 1:
        return names
    found = interaction.choice("artifact", "Which artifact:", [*names, ALL])
    return names if found == ALL and ALL not in names else [found]


def _plain(name: str) -> str:
    """A run's name as that of a file."""
    return (
        "".join(one if one.isalnum() or one in "-_." else "-" for one in name).strip(".") or "run"
    )


def _fill(folder: Path, files: Mapping[str, bytes], interaction: Interaction) -> None:
    places = {_inside(folder, name): data for name, data in files.items()}
    differing = [path for path, data in places.items() if _differs(path, data)]
    if differing:
        _insist(differing[0], interaction)
    for path, data in places.items():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            why = error.strerror or str(error)
            raise errors.UsageError(f"cannot write '{path}': {why}") from error
        with outfile.written(path) as file:
            file.write(data)


def _inside(folder: Path, name: str) -> Path:
    """Where a file goes; no link in the folder leads it anywhere else."""
    path = folder / name
    if not path.resolve().is_relative_to(folder.resolve()):
        raise errors.Refused(f"'{path}' leads out of '{folder}'", hint="choose another folder")
    return path


def _pack(path: Path, files: Mapping[str, bytes], interaction: Interaction) -> None:
    if path.exists():
        _insist(path, interaction)
    with outfile.written(path) as file:
        if path.suffix == ".zip":
            with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
                for name, data in files.items():
                    packed.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)
        else:
            with tarfile.open(fileobj=file, mode="w:gz") as made:
                for name, data in files.items():
                    entry = tarfile.TarInfo(name)
                    entry.size = len(data)
                    made.addfile(entry, io.BytesIO(data))


def _differs(path: Path, data: bytes) -> bool:
    try:
        return path.read_bytes() != data
    except FileNotFoundError:
        return False
    except OSError:
        return True


def _insist(path: Path, interaction: Interaction) -> None:
    """Ask before anything of the user's is replaced. Raises `Refused`."""
    if not interaction.checkbox("overwrite", f"Overwrite '{path}'?", default=False):
        raise errors.Refused(f"'{path}' is there already", hint="choose another place")
