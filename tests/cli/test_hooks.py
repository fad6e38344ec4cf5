"""git exp hooks: git's hooks for runs beside those that are there, which are never lost."""

from __future__ import annotations

import json
import os
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from git_exp.git.hooks import script
from git_exp.hook import NAMES
from tests.architecture import ROOT
from tests.conftest import Exp

Git_ = Callable[..., str]
HOOKS = Path(".git/hooks")


@pytest.fixture(autouse=True)
def clean(repo: Path) -> None:
    for sample in HOOKS.glob("*.sample"):
        sample.unlink()


def hook(path: Path, text: str, mode: int = 0o755) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    return path


def files(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Every file of a folder: bytes and mode; a link by where it goes."""
    return {
        one.name: (
            os.fsencode(one.readlink()) if one.is_symlink() else one.read_bytes(),
            stat.S_IMODE(one.lstat().st_mode),
        )
        for one in folder.iterdir()
        if not one.is_dir()
    }


def commit(*args: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    words = ("git", "commit", "-q", "--allow-empty", "-m", "x", *args)
    return subprocess.run(words, cwd=cwd, capture_output=True, text=True)


@pytest.mark.parametrize("name", NAMES)
def test_the_scripts_that_are_shipped_are_those_that_are_installed(name: str, exp: Exp) -> None:
    exp("hooks", "install")

    shipped = ROOT / "hooks" / name
    assert (HOOKS / name).read_bytes() == shipped.read_bytes() == script(name).encode()
    assert shipped.stat().st_mode & 0o111
    assert shipped.read_text().count("\n") == 3


def test_install_status_and_uninstall(exp: Exp, repo: Path) -> None:
    assert exp("hooks", code=1).stdout.splitlines()[0] == (
        f"pre-commit         not installed {repo}/.git/hooks/pre-commit"
    )

    assert exp("hooks", "install").stdout == "".join(
        f"{name}: installed: {repo}/.git/hooks/{name}\n" for name in NAMES
    )
    once = files(HOOKS)
    assert exp("hooks", "status").stdout.count(" installed     ") == len(NAMES)
    assert "pre-push: already installed: " in exp("hooks", "install").stdout
    assert files(HOOKS) == once
    assert exp("hooks", "uninstall").stdout.count(": removed: ") == len(NAMES)

    assert files(HOOKS) == {}
    assert exp("hooks", "uninstall").stdout.count(": not installed: ") == len(NAMES)


def test_as_json(exp: Exp, repo: Path) -> None:
    hook(HOOKS / "pre-push", "#!/bin/sh\n")
    exp("hooks", "install")

    told = json.loads(exp("hooks", "status", "--json").stdout)

    assert told["schema"] == "git-exp/hooks-status/1"
    assert told["hooks"][-1] == {
        "name": "pre-push", "state": "chained", "path": f"{repo}/.git/hooks/pre-push",
        "kept": f"{repo}/.git/hooks/pre-push.before-git-exp",
    }  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("mode", [0o755, 0o700, 0o644])
def test_what_was_there_is_back_byte_for_byte(exp: Exp, mode: int) -> None:
    for name in NAMES:
        hook(HOOKS / name, f"#!/bin/sh\n# {name}\xa0\nexit 0", mode)
    (HOOKS / "post-commit").unlink()
    (HOOKS / "post-commit").symlink_to("../../scripts/post-commit")
    before = files(HOOKS)

    for _ in range(2):
        exp("hooks", "install")
    assert len(files(HOOKS)) == 2 * len(NAMES)
    exp("hooks", "uninstall")

    assert files(HOOKS) == before


def test_the_users_hook_runs_after_ours_with_its_arguments_and_decides(exp: Exp, git: Git_) -> None:
    hook(HOOKS / "pre-commit", "#!/bin/sh\necho mine >&2\nexit 7\n")
    hook(HOOKS / "prepare-commit-msg", '#!/bin/sh\necho "$# $2" >../said\necho added >>"$1"\n')
    exp("hooks", "install")
    git("config", "exp.gate", "require-run")

    shut = commit()
    assert (shut.returncode, "mine" in shut.stderr) == (1, False)
    git("config", "--unset", "exp.gate")
    refused = commit()
    assert (refused.returncode, refused.stderr) == (1, "mine\n")
    assert commit("--no-verify").returncode == 0

    assert Path("../said").read_text() == "2 message\n"
    assert git("log", "-1", "--format=%B").strip() == "x\nadded"


def test_a_hook_that_git_would_not_run_is_not_run_by_ours(exp: Exp) -> None:
    hook(HOOKS / "pre-commit", "#!/bin/sh\nexit 1\n", 0o644)
    exp("hooks", "install")

    assert commit().returncode == 0


def test_without_git_exp_the_users_hook_runs_all_the_same(
    exp: Exp, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook(HOOKS / "pre-commit", "#!/bin/sh\necho mine >&2\n")
    hook(HOOKS / "post-commit", "#!/bin/sh\necho after >&2\n")
    exp("hooks", "install")
    monkeypatch.setenv("PATH", "/usr/bin:/bin")

    done = commit()

    assert (done.returncode, done.stderr) == (0, "mine\nafter\n")


def test_pre_push_gets_its_input_whole_twice(exp: Exp, git: Git_, tmp_path: Path) -> None:
    git("init", "-q", "--bare", "../server")
    git("remote", "add", "origin", "../server")
    hook(HOOKS / "pre-push", '#!/bin/sh\necho "$@" >../said\ncat >>../said\n[ ! -e ../shut ]\n')
    exp("hooks", "install")
    git("config", "exp.autoPush", "true")

    git("push", "-q", "origin", "main")
    head = git("rev-parse", "HEAD")
    assert Path("../said").read_text() == (
        f"origin ../server\nrefs/heads/main {head} refs/heads/main {'0' * 40}\n"
    )
    git("push", "-q", "origin", "main")
    assert Path("../said").read_text() == "origin ../server\n"

    (tmp_path / "shut").touch()
    commit()
    assert subprocess.run(("git", "push", "-q"), capture_output=True).returncode != 0


def test_a_hook_that_came_in_the_place_of_ours_stays(exp: Exp) -> None:
    hook(HOOKS / "pre-commit", "#!/bin/sh\n# old\n")
    exp("hooks", "install")
    hook(HOOKS / "pre-commit", "#!/bin/sh\n# new\n")
    before = files(HOOKS)

    done = exp("hooks", "install", code=4)
    assert "pre-commit.before-git-exp' is in the way" in done.stderr
    assert files(HOOKS) == before
    assert "pre-commit         other " in exp("hooks", "status", code=1).stdout
    assert "pre-commit: left alone: it is not ours: " in exp("hooks", "uninstall").stdout

    kept = {"pre-commit": before["pre-commit"]}
    kept["pre-commit.before-git-exp"] = before["pre-commit.before-git-exp"]
    assert files(HOOKS) == kept


def test_an_install_that_was_cut_short_is_completed(exp: Exp) -> None:
    hook(HOOKS / "pre-commit", "#!/bin/sh\n# mine\n")
    before = files(HOOKS)
    os.link(HOOKS / "pre-commit", HOOKS / "pre-commit.before-git-exp")

    exp("hooks", "install")
    exp("hooks", "uninstall")

    assert files(HOOKS) == before


def test_hooks_path_with_a_space_and_a_linked_worktree(exp: Exp, git: Git_, repo: Path) -> None:
    git("config", "core.hooksPath", "my hooks")
    mine = hook(repo / "my hooks/pre-commit", "#!/bin/sh\necho mine >&2\n")
    git("worktree", "add", "-q", "../linked")

    told = exp("hooks", "install")

    assert f"pre-commit: installed: {mine} (before: {mine}.before-git-exp)" in told.stdout
    assert told.stderr == ""
    assert commit().stderr == "mine\n"
    git("config", "--unset", "core.hooksPath")
    folder = Path("../linked/sub")
    folder.mkdir()
    assert f"{repo}/.git/hooks/pre-commit" in exp("hooks", "install", cwd=folder).stdout


def test_a_hooks_path_for_all_repositories_is_warned_of(exp: Exp, git: Git_) -> None:
    git("config", "--global", "core.hooksPath", "~/hooks")

    told = exp("hooks", "install")

    assert "home/hooks/pre-push" in told.stdout
    assert told.stderr == (
        "warning: core.hooksPath is not of this repository alone: others have these hooks\n"
    )


def test_husky_of_today(exp: Exp, git: Git_, repo: Path) -> None:
    """What husky 9 writes: scripts in `.husky/_` that run `sh -e .husky/<name>`."""
    runner = (
        'n=$(basename "$0")\ns=$(dirname "$(dirname "$0")")/$n\n[ ! -f "$s" ] && exit 0\n'
        'sh -e "$s" "$@"\nexit $?\n'
    )
    hook(repo / ".husky/_/h", runner, 0o644)
    for name in (*NAMES, "commit-msg"):
        hook(repo / f".husky/_/{name}", '#!/usr/bin/env sh\n. "$(dirname "$0")/h"')
    hook(repo / ".husky/pre-commit", "echo husky >&2\ncat >/dev/null\ntest ! -e shut\n", 0o644)
    git("config", "core.hooksPath", ".husky/_")
    before = files(repo / ".husky"), files(repo / ".husky/_")

    assert f"pre-commit: installed: {repo}/.husky/pre-commit " in exp("hooks", "install").stdout
    assert commit().stderr == "husky\n"
    git("config", "exp.gate", "require-run")
    shut = commit()
    assert shut.returncode == 1
    assert "husky\n" not in shut.stderr
    git("config", "--unset", "exp.gate")
    (repo / "shut").touch()
    assert commit().returncode == 1

    exp("hooks", "uninstall")
    assert (files(repo / ".husky"), files(repo / ".husky/_")) == before


def test_husky_of_before_finds_what_lies_beside_its_hooks(exp: Exp, git: Git_, repo: Path) -> None:
    """What husky 8 has in `.husky`: a hook reads `_/husky.sh` beside it, which starts it again."""
    again = 'if [ -z "$husky_skip_init" ]; then\n  readonly husky_skip_init=1\n'
    again += '  export husky_skip_init\n  sh -e "$0" "$@"\n  exit $?\nfi\n'
    hook(repo / ".husky/_/husky.sh", again, 0o644)
    hook(
        repo / ".husky/pre-commit",
        '#!/usr/bin/env sh\n. "$(dirname -- "$0")/_/husky.sh"\n\necho husky >&2\nexit 3\n',
    )
    git("config", "core.hooksPath", ".husky")

    exp("hooks", "install")

    assert (commit().returncode, commit().stderr) == (1, "husky\n")


def test_nothing_can_be_written_there(exp: Exp, git: Git_) -> None:
    git("config", "core.hooksPath", "/dev/null")

    told = exp("hooks", "install", code=5)

    assert told.stderr.startswith("fatal: cannot write '/dev/null")


def test_outside_of_a_repository(exp: Exp, tmp_path: Path) -> None:
    assert "not a git repository" in exp("hooks", "install", cwd=tmp_path, code=5).stderr
