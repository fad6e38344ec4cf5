"""`PushToHub`: a run's artifacts to a repository of the Hugging Face Hub."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from git_exp import errors, scan, summary, table
from git_exp.action.action import Action
from git_exp.action.interaction import Interaction
from git_exp.action.shipped import kept
from git_exp.config import Param, field
from git_exp.run import Run

if TYPE_CHECKING:
    from huggingface_hub import HfApi

CARD = "README.md"


class PushToHub(Action):
    """Upload the run's artifacts to a repository of the Hub, made if it is not there.

    Asks `repo`, `type` (model or dataset) and `private`. Who pushes is whom huggingface_hub knows,
    by its own login or `HF_TOKEN`: no token is asked for or recorded. A card with the params and
    metrics is added where there is none. What holds a secret is refused.
    """

    repo: Param[str] = field(default="", ignore_default=True)

    def describe(self) -> str:
        """What it does."""
        return "Push the artifacts to the Hugging Face Hub"

    def execute(self, interaction: Interaction) -> str:
        """Do it, and say where they are."""
        run, store = self.of_run, kept.store(self)
        files = {name: kept.read(store, run, name) for name in kept.names(run)}
        library = scan.installed(store.repo)
        for name, data in files.items():
            if scan.holds_secret(data, library):
                raise errors.Refused(f"artifact '{name}' holds a secret: nothing was sent")
        api = _api()
        repo = interaction.text("repo", "Repository on the Hub:", default=self.repo)
        if not repo.strip():
            raise errors.UsageError("a repository has a name", hint="it is NAME or OWNER/NAME")
        kind = interaction.choice("type", "Type of repository:", ["model", "dataset"])
        private = interaction.checkbox("private", "Private repository?", default=True)
        with _told():
            made = api.create_repo(repo, repo_type=kind, private=private, exist_ok=True)
            where = made.repo_id
            if CARD not in files and not api.file_exists(where, CARD, repo_type=kind):
                files[CARD] = _card(run).encode()
            done = api.create_commit(
                where,
                _operations(files),
                repo_type=kind,
                commit_message=f"run {run.id[:8]} {' '.join(run.name.split())}",
            )
        return f"{len(files)} files are at {done.commit_url}"


def _api() -> HfApi:
    try:
        from huggingface_hub import HfApi
    except ImportError:
        raise errors.UsageError(
            "the Hub needs huggingface_hub", hint="pip install 'git-exp[hub]'"
        ) from None
    return HfApi(library_name="git-exp")


def _operations(files: Mapping[str, bytes]) -> list[Any]:
    from huggingface_hub import CommitOperationAdd

    return [CommitOperationAdd(name, data) for name, data in files.items()]


@contextmanager
def _told() -> Iterator[None]:
    """What the Hub refuses, in one line."""
    try:
        yield
    except errors.GitExpError:
        raise
    except Exception as error:
        # Its own errors, and those of whatever it speaks HTTP with.
        said = " ".join(str(error).split())[:200]
        raise errors.ActionFailed(
            f"the Hub did not take it: {type(error).__name__}: {said}",
            hint="who you are there: hf auth whoami",
        ) from error


def _card(run: Run) -> str:
    """A card of a model, as Markdown: what others wrote in it is text in a block of code."""
    told = {
        "run": run.id,
        "name": run.name,
        "code": run.commit,
        "params": {key: table.text(value) for key, value in run.params.items()},
        "metrics": " ".join(summary.measured(run)),
    }
    shown = json.dumps(told, indent=2, ensure_ascii=False).replace("`", "'")
    return f"---\ntags:\n- git-exp\n---\n\n# A run of git-exp\n\n```json\n{shown}\n```\n"
