"""`ExportArtifact`: artifacts of a run as files of the user's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from git_exp import errors, query, records
from git_exp.action.action import Action
from git_exp.action.interaction import Interaction
from git_exp.action.shipped import artifacts, placing
from git_exp.config import Param
from git_exp.promote import slug
from git_exp.run import Run

FOLDER, ZIP, TAR = "folder", "zip", "tar.gz"


class ExportArtifact(Action):
    """Write artifacts of a run to a folder or an archive: all of them or none.

    `path` is the artifact's name; left out it is asked for, and may be `all`. Its questions are
    `artifact`, `rest`, `target` (folder, zip, tar.gz), `folder` or `file`, and `overwrite` where
    the user has another file there.
    """

    path: Param[str] = ""

    def describe(self) -> str:
        """What it does, in one line."""
        what = f"artifact '{self.path}'" if self.path else "artifacts"
        return f"Export {what} to a folder or an archive"

    def execute(self, interaction: Interaction) -> str:
        """Ask what and where to, write it, and say where it is."""
        run, store = self.of_run, self.of_store
        found = artifacts.chosen(run, interaction, self.path)
        files = artifacts.files(store, run, found)
        target = interaction.choice("target", "Export to:", [FOLDER, ZIP, TAR])

        def may_replace(names: Sequence[str]) -> bool:
            return interaction.checkbox("overwrite", f"Overwrite {placing.named(names)}?")

        if target == FOLDER:
            said = interaction.text("folder", "Folder:", default=slug(run))
            path = place(said or slug(run), store.repo.env)
            placing.folder(path, files, may_replace)
        else:
            name = f"{slug(run)}.{target}"
            said = interaction.text("file", "File:", default=name)
            path = place(said or name, store.repo.env)
            placing.archive(path, files, may_replace, kind=target, when=_ended(run))
        count = "1 file" if len(files) == 1 else f"{len(files)} files"
        return f"{count} of run {query.short(run.id)} in {path}"


def place(text: str, env: Mapping[str, str]) -> Path:
    """A path as its user says it, who may be asked where no shell reads a `~`."""
    if "\0" in text:
        raise errors.UsageError("no path has a NUL in it")
    home = env.get("HOME")
    if home and (text == "~" or text.startswith("~/")):
        return Path(home + text[1:])
    return Path(text)


def _ended(run: Run) -> float:
    t = run.ended or run.started
    return records.micros(t) / 1e6 if records.valid_time(t) else 0
