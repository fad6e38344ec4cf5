"""`PushToHub`: artifacts of a run to a repository of the Hugging Face Hub, with a card."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from git_exp import errors, promote, query, scan
from git_exp.action.action import Action
from git_exp.action.interaction import Interaction
from git_exp.action.shipped import artifacts, leaving, told
from git_exp.config import Param
from git_exp.git.remote import Remote
from git_exp.git.repo import Repo
from git_exp.promote import slug
from git_exp.run import Run

CARD = "README.md"
KINDS = ("model", "dataset")

_TOKEN = re.compile(r"hf_\w+")
_HEAD = "---\ntags:\n- git-exp\n---\n"
_WAYS = {
    401: ("it does not know you (401)", "log in: hf auth login, or set HF_TOKEN"),
    403: ("it forbids that (403)", "has your token the right to write there?"),
    404: ("it has no such repository (404)", "is its owner right, and may you write there?"),
}


class PushToHub(Action):
    """Upload artifacts of a run to the Hub in one commit, with a card as its `README.md`.

    `path` is the artifact's name; left out it is asked for, and may be `all`. Its questions are
    `artifact`, `rest`, `repo`, `type` (model or dataset), `private`, and `card` where the
    repository has one. Who the user is, `huggingface_hub` knows: `HF_TOKEN` or `hf auth login`.
    """

    path: Param[str] = ""
    repo: Param[str] = ""

    def describe(self) -> str:
        """What it does, in one line."""
        what = f"artifact '{self.path}'" if self.path else "artifacts"
        return f"Push {what} to {self.repo or 'the Hugging Face Hub'}"

    def execute(self, interaction: Interaction) -> str:
        """Ask what and where to, upload it, and say where it is."""
        run, store = self.of_run, self.of_store
        promote.expect_public(run)
        library = _library()
        found = artifacts.chosen(run, interaction, self.path)
        named = self.repo or interaction.text("repo", "Repository:", default=slug(run)) or slug(run)
        _expect_name(library, named)
        kind = interaction.choice("type", "Type:", KINDS)
        private = interaction.checkbox("private", "Private?", default=True)
        read = artifacts.files(store, run, found)
        # What is not to be sent is met before anybody is told that there is anything.
        files = _clean(store.repo, {CARD: card(run).encode()} | {n: r() for n, r in read.items()})
        other = _Repository(library, named, kind)
        if not other.opened(private=private) and CARD not in read:
            label = f"Replace {CARD} of '{other.name}'?"
            if other.has(CARD) and not interaction.checkbox("card", label):
                del files[CARD]
        other.push(files, f"Add artifacts of {told.title(run)}", private=private)
        return f"{len(files)} files of run {query.short(run.id)} in {other.name}"


def card(run: Run) -> str:
    """What the README of a repository tells of a run."""
    parts = [
        f"{_HEAD}\n# {told.markdown(told.title(run))}\n",
        f"Run `{run.id}` of git exp, with the code of commit `{run.commit}`.\n",
    ]
    for heading, pairs in (("param", told.params(run)), ("metric", told.metrics(run))):
        if pairs:
            rows = [f"| {told.markdown(key)} | {told.markdown(text)} |\n" for key, text in pairs]
            parts.append(f"| {heading} | value |\n| --- | --- |\n{''.join(rows)}")
    return "\n".join(parts)


class _Repository:
    """A repository of the Hub, which may not be there yet."""

    def __init__(self, library: ModuleType, name: str, kind: str) -> None:
        self._api: Any = library.HfApi()
        self._library = library
        self._kind = kind
        self._info: Any = None
        self.name = name

    def opened(self, *, private: bool) -> bool:
        """Look it up; whether it is still to be made. Raises `Refused` for one that all can read
        where it was to be private.
        """
        with self._talking():
            if "/" not in self.name:
                self.name = f"{self._api.whoami()['name']}/{self.name}"
            try:
                self._info = self._api.repo_info(self.name, repo_type=self._kind)
            except self._library.errors.RepositoryNotFoundError:
                # It may be somebody's private one: then making it is refused.
                return True
        if private and not self._info.private:
            raise errors.Refused(
                f"repository '{self.name}' is there and public",
                hint="name another, or answer that it is not to be private",
            )
        return False

    def has(self, path: str) -> bool:
        return any(one.rfilename == path for one in self._info.siblings or ())

    def push(self, files: Mapping[str, bytes], message: str, *, private: bool) -> None:
        """Make it if need be, and upload files in one commit."""
        added = self._library.CommitOperationAdd
        with self._talking():
            if self._info is None:
                self._api.create_repo(self.name, repo_type=self._kind, private=private)
            self._api.create_commit(
                self.name,
                [added(path_in_repo=path, path_or_fileobj=data) for path, data in files.items()],
                commit_message=message,
                repo_type=self._kind,
            )

    @contextmanager
    def _talking(self) -> Iterator[None]:
        """Whatever a library of many layers raises, as one line."""
        try:
            yield
        except Exception as error:
            why, hint = _told(error)
            where = Remote(name=self._api.endpoint).shown
            raise errors.RemoteFailed(where, f"'{self.name}': {why}", hint=hint) from None


def _library() -> ModuleType:
    try:
        import huggingface_hub
        import huggingface_hub.errors
        import huggingface_hub.utils
    except ImportError:
        raise errors.UsageError(
            "pushing to the Hub needs huggingface_hub", hint="pip install 'git-exp[hub]'"
        ) from None
    return huggingface_hub


def _expect_name(library: ModuleType, name: str) -> None:
    try:
        library.utils.validate_repo_id(name)
    except ValueError:
        wanted = "OWNER/NAME, or NAME for one of your own"
        raise errors.BadAnswer("repo", name, wanted) from None


def _clean(repo: Repo, files: dict[str, bytes]) -> dict[str, bytes]:
    """Files that have no secret in them. Raises `Refused` for one that has."""
    rules = scan.installed(repo)
    for name, data in files.items():
        leaving.expect_clean_text(repo, data, where=name, library=rules)
    return files


def _told(error: Exception) -> tuple[str, str | None]:
    """Why it failed and the way out, in one line each, whoever said it."""
    while not hasattr(error, "response") and isinstance(error.__cause__, Exception):
        # What uploads in threads tells only which file it was.
        error = error.__cause__
    status = getattr(getattr(error, "response", None), "status_code", None)
    if status in _WAYS:
        return _WAYS[status]
    said = getattr(error, "server_message", None) or str(error)
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    # A token is a part of what some layers say of their headers.
    why = _TOKEN.sub("hf_…", lines[0]) if lines else type(error).__name__
    return (f"{why} ({status})" if status else why), None
