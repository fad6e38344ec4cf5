"""PushToHub: artifacts in one commit of a repository of the Hub, and each failure in one line."""

from __future__ import annotations

import errno
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from git_exp import Answers, Cancelled, PushToHub, UsageError, errors, records
from git_exp.action.shipped import hub as pushing
from git_exp.run import Run
from tests import keys
from tests.action.acting import Asked, act, made, told
from tests.action.hub import LFS, TOKEN, Hub, Repository, serving

constants = pytest.importorskip("huggingface_hub.constants")

# Its client's own call of its HTTP library.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")

LARGE = b"weights\0" * LFS
FILES = {"model.bin": LARGE, "plots/loss.svg": b"<svg/>"}
ANSWERS: dict[str, Any] = {
    "artifact": "all", "repo": "ada/slow", "type": "model", "private": True,
}  # fmt: skip


@pytest.fixture(autouse=True)
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A Hub on the loopback that knows this user."""
    with serving() as found:
        monkeypatch.setattr(constants, "ENDPOINT", found.url)
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        yield found


def refused(
    run: Run, kind: type[errors.GitExpError] = errors.RemoteFailed, /, **given: Any
) -> errors.GitExpError:
    """What is said of a push that fails, in one line."""
    with pytest.raises(kind) as error:
        act(run, PushToHub(), **{**ANSWERS, **given})
    said = f"{error.value} {error.value.hint}"
    assert "\n" not in said
    assert TOKEN not in said
    return error.value


@pytest.mark.slow
def test_artifacts_and_a_card_are_one_commit_of_a_repository_that_is_made(
    repo: Path, hub: Hub
) -> None:
    run = made(repo, FILES, params={"lr": 0.1})
    asked = Asked(**ANSWERS)

    act(run, PushToHub(), asked)

    assert asked.labels == [
        "Artifact: all|model.bin|plots/loss.svg", "Repository: slow", "Type: model|dataset",
        "Private? True",
    ]  # fmt: skip
    (repository,) = hub.repositories.values()
    assert list(hub.repositories) == ["ada/slow"]
    assert (repository.kind, repository.private) == ("model", True)
    assert repository.said == ["Add artifacts of slow"]
    assert (
        repository.files.pop("README.md").decode()
        == f"""\
---
tags:
- git-exp
---

# slow

Run `{run.id}` of git exp, with the code of commit `{run.commit}`.

| param | value |
| --- | --- |
| lr | 0\\.1 |

| metric | value |
| --- | --- |
| acc | 0\\.9375 |
| loss | 0\\.25 |
"""
    )
    assert repository.files == FILES
    assert list(hub.large.values()) == [LARGE]
    assert hub.tokens == {f"Bearer {TOKEN}", None}


def test_the_token_is_in_no_answer(repo: Path) -> None:
    asked = Asked(**ANSWERS)

    act(made(repo, FILES), PushToHub(), asked)

    assert asked.given == ANSWERS


def test_a_name_without_an_owner_is_the_users_own(repo: Path, hub: Hub) -> None:
    run = made(repo, FILES)

    act(run, PushToHub(path="plots/loss.svg"), repo="", type="dataset", private=False)

    (repository,) = hub.repositories.values()
    assert list(hub.repositories) == ["ada/slow"]
    assert (repository.kind, repository.private) == ("dataset", False)
    assert list(repository.files) == ["README.md", "plots/loss.svg"]


def test_params_are_not_asked_for(repo: Path, hub: Hub) -> None:
    action = PushToHub(path="model.bin", repo="ada/x")

    act(made(repo, FILES), action, type="model", private=True)

    assert list(hub.repositories["ada/x"].files) == ["README.md", "model.bin"]
    assert action.describe() == "Push artifact 'model.bin' to ada/x"
    assert PushToHub().describe() == "Push artifacts to the Hugging Face Hub"


@pytest.mark.slow
@pytest.mark.parametrize("replaced", [True, False])
def test_a_card_that_is_there_is_replaced_only_if_that_is_answered(
    repo: Path, hub: Hub, replaced: bool
) -> None:
    run = made(repo, FILES)
    hub.repositories["ada/slow"] = Repository("model", True, {"README.md": b"mine"})
    asked = Asked(**ANSWERS, card=replaced)

    act(run, PushToHub(), asked)

    assert asked.labels[-1] == "Replace README.md of 'ada/slow'? False"
    files = hub.repositories["ada/slow"].files
    assert (files["README.md"] != b"mine") == replaced
    assert files["model.bin"] == LARGE


def test_a_repository_without_a_card_gets_one_without_a_question(repo: Path, hub: Hub) -> None:
    hub.repositories["ada/slow"] = Repository("model", True)

    act(made(repo, FILES), PushToHub(), **ANSWERS)

    assert "README.md" in hub.repositories["ada/slow"].files
    assert "POST /api/repos/create" not in hub.asked


def test_an_artifact_that_is_the_readme_is_the_card(repo: Path, hub: Hub) -> None:
    hub.repositories["ada/slow"] = Repository("model", True, {"README.md": b"old"})

    act(made(repo, {"README.md": b"# Mine\n"}), PushToHub(), **ANSWERS)

    assert hub.repositories["ada/slow"].files == {"README.md": b"# Mine\n"}


def test_nothing_goes_to_a_public_repository_that_was_to_be_private(repo: Path, hub: Hub) -> None:
    hub.repositories["ada/slow"] = Repository("model", False)

    error = refused(made(repo, FILES), errors.Refused)

    assert str(error) == "repository 'ada/slow' is there and public"
    assert hub.asked == ["GET /api/models/ada/slow"]


def test_what_others_wrote_is_no_markdown_of_the_card(repo: Path) -> None:
    run = made(repo, params={"a|b": "<script>\n| x [l](http://e)"})
    run.name = "# n\n---\n![i](u)"
    run.metrics = {"`m`": records.Summary(last="*1*")}

    text = pushing.card(run)

    assert text.splitlines()[5] == r"# \# n\\n\-\-\-\\n\!\[i\]\(u\)"
    assert r"| a\|b | \<script\>\\n\| x \[l\]\(http\:\/\/e\) |" in text
    assert r"| \`m\` | \*1\* |" in text


def test_who_is_not_logged_in_is_told_how(
    repo: Path, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_" + "b" * 34)

    error = refused(made(repo, FILES))

    assert str(error) == f"remote '{hub.url}': 'ada/slow': it does not know you (401)"
    assert error.hint == "log in: hf auth login, or set HF_TOKEN"
    assert hub.repositories == {}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ({"POST /api/repos": (403, {"error": "no right"})}, "it forbids that (403)"),
        ({"POST /api/models": (404, {})}, "it has no such repository (404)"),
        ({"POST /api/repos": (409, {"error": "You already created"})}, "You already created (409)"),
        ({"POST /api/repos": (400, {"error": "bad name"})}, "bad name (400)"),
        ({"PUT /large": (403, {})}, "it forbids that (403)"),
    ],
)
def test_what_the_hub_refuses_is_one_line(
    repo: Path, hub: Hub, broken: dict[str, Any], said: str
) -> None:
    hub.broken = broken

    error = refused(made(repo, FILES))

    assert str(error) == f"remote '{hub.url}': 'ada/slow': {said}"


def test_a_hub_that_is_not_there_is_one_line(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    monkeypatch.setattr(constants, "ENDPOINT", f"http://me:secret@127.0.0.1:{port}")

    error = refused(made(repo, FILES))

    assert str(error) == (
        f"remote 'http://127.0.0.1:{port}': 'ada/slow':"
        f" [Errno {errno.ECONNREFUSED}] Connection refused"
    )
    assert error.hint == "nothing is lost: run it again when that is put right"


def test_a_token_that_an_error_tells_is_cut_out() -> None:
    class Odd(Exception):
        pass

    assert pushing._told(Odd(f"\n bad header {TOKEN}\nmore")) == ("bad header hf_…", None)
    assert pushing._told(Odd()) == ("Odd", None)
    assert pushing._told(Odd("\n")) == ("Odd", None)


@pytest.mark.parametrize("name", ["a/b/c", "a b", "-x", "a..b", "x.git"])
def test_a_name_that_no_repository_has_is_refused_before_the_hub_is_asked(
    repo: Path, hub: Hub, name: str
) -> None:
    error = refused(made(repo, FILES), errors.BadAnswer, repo=name)

    assert str(error) == f"bad answer '{name}' for 'repo'"
    assert error.hint == "it is OWNER/NAME, or NAME for one of your own"
    assert hub.asked == []


def test_without_its_library_it_says_what_to_install(
    repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = made(repo, FILES)
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)

    error = refused(run, UsageError)

    assert str(error) == "pushing to the Hub needs huggingface_hub"
    assert error.hint == "pip install 'git-exp[hub]'"


def test_a_run_without_artifacts_or_a_private_one_is_not_pushed(repo: Path, hub: Hub) -> None:
    run, other = made(repo), made(repo, FILES)
    other.private = True

    assert str(refused(run, errors.AnswerIsNo)) == f"run {run.id[:8]} has no artifacts"
    assert str(refused(other, errors.Refused)) == f"run {other.id[:8]} is private"
    assert hub.asked == []


def test_a_name_that_leaves_its_folder_and_a_digest_that_is_a_path_are_not_pushed(
    repo: Path, hub: Hub, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text("mine")
    run = told(
        repo,
        {"path": "../x", "data": b"1"},
        {"path": "y", "stored": True, "sha256": str(tmp_path / "secret")},
    )

    assert str(refused(run, errors.Refused)).startswith("an artifact of the run has a bad path")
    assert str(refused(run, errors.NotFound, artifact="y")) == "artifact 'y' is not here"
    assert hub.asked == []


def test_a_secret_in_an_artifact_stays_here(repo: Path, hub: Hub) -> None:
    run = made(repo, {"log.txt": f"fine\ntoken = {keys.token()}\n".encode()})

    error = refused(run, errors.Refused)

    assert str(error).startswith("a secret would be sent: log.txt:2: ")
    assert keys.token() not in f"{error} {error.hint}"
    assert hub.asked == []


def test_whoever_cancels_has_nothing_sent(repo: Path, hub: Hub) -> None:
    class Gone(Answers):
        def checkbox(self, key: str, label: str, *, default: bool = False) -> bool:
            raise Cancelled

    with pytest.raises(Cancelled):
        act(made(repo, FILES), PushToHub(), Gone(ANSWERS))

    assert hub.asked == []


def test_whoever_cancels_at_the_card_has_nothing_sent(repo: Path, hub: Hub) -> None:
    hub.repositories["ada/slow"] = Repository("model", True, {"README.md": b"mine"})

    class Gone(Answers):
        def checkbox(self, key: str, label: str, *, default: bool = False) -> bool:
            if key == "card":
                raise Cancelled
            return super().checkbox(key, label, default=default)

    with pytest.raises(Cancelled):
        act(made(repo, FILES), PushToHub(), Gone(ANSWERS))

    assert hub.repositories["ada/slow"].files == {"README.md": b"mine"}


@pytest.mark.slow
def test_the_endpoint_is_that_of_the_environment(repo: Path, hub: Hub) -> None:
    run = made(repo, FILES)
    code = f"""
import os
from git_exp import PushToHub
from tests.action.acting import act
from tests.spooled import opened
from pathlib import Path
run = opened(Path.cwd()).get("{run.id}")
act(run, PushToHub(), artifact="all", repo="ada/far", type="model", private=True)
"""
    env = {
        **os.environ, "HF_ENDPOINT": hub.url, "HF_HUB_DISABLE_XET": "1",
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }  # fmt: skip

    done = subprocess.run((sys.executable, "-c", code), capture_output=True, text=True, env=env)

    assert (done.returncode, done.stderr) == (0, "")
    assert hub.repositories["ada/far"].files["model.bin"] == LARGE
