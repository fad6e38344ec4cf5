"""Runs inside git hooks, runs that git's own settings reach, and hooks that no run starts."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.families import few
from tests.git import witness
from tests.git.witness import ROOT, Ran, commit, git, reference, write


def hooked(repo: Path, name: str, before: str = "") -> Path:
    """A hook that makes a run; where it writes what that run was."""
    out = repo.parent / "told"
    hook = repo / ".git/hooks" / name
    hook.parent.mkdir(exist_ok=True)
    words = f"{shlex.quote(sys.executable)} -m tests.git.witness > {shlex.quote(str(out))}"
    hook.write_text(f"#!/bin/sh\n{before}\nPYTHONPATH={shlex.quote(str(ROOT))} exec {words}\n")
    hook.chmod(0o755)
    return out


def told(out: Path) -> Ran:
    return witness.read(out.read_bytes())


@pytest.mark.slow
@pytest.mark.parametrize("hook", few(2, ["pre-commit", "post-commit", "commit-msg"]))
@pytest.mark.parametrize(
    "args", [("-a",), ("both",), ("-i", "both"), ()], ids=["all", "only", "include", "staged"]
)
def test_inside_a_hook_of_commit_the_whole_worktree_is_captured(
    repo: Path, hook: str, args: tuple[str, ...]
) -> None:
    commit(repo, {"both": "1\n", "other": "1\n"})
    write(repo, {"both": "2\n", "other": "2\n", "new": "n\n", "staged": "s\n"})
    git(repo, "add", "staged")
    out = hooked(repo, hook)

    git(repo, "commit", "-q", "-m", "a commit", *args)

    ran = told(out)
    assert [ran.read(name) for name in ("both", "other", "new", "staged")] == [
        b"2\n", b"2\n", b"n\n", b"s\n",
    ]  # fmt: skip
    assert ran.tree == reference(repo)
    head = "HEAD" if hook == "post-commit" else "HEAD^"
    assert ran.git["base"] == git(repo, "rev-parse", head).decode()
    assert ran.git["branch"] == "main"


def test_inside_a_hook_of_a_linked_worktree_its_own_files_are_captured(repo: Path) -> None:
    git(repo, "worktree", "add", "-q", "-b", "topic", "../linked")
    linked = repo.parent / "linked"
    out = hooked(repo, "pre-commit", before='test -n "$GIT_DIR"')
    write(linked, {"train.py": "changed\n", "new": "n\n"})

    git(linked, "commit", "-q", "-a", "-m", "a commit")

    ran = told(out)
    assert ran.tree == reference(linked)
    assert ran.holds("new")
    assert ran.git["branch"] == "topic"


def test_a_relative_index_of_the_caller_is_found_from_a_subdirectory(
    repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit(repo, {"sub/a": "a\n"})
    (repo / ".git/other-index").write_bytes((repo / ".git/index").read_bytes())
    monkeypatch.setenv("GIT_INDEX_FILE", ".git/other-index")
    write(repo, {".gitignore": "forced\n", "forced": "f\n", "new": "n\n"})
    git(repo, "add", "-f", "forced")
    monkeypatch.chdir(repo / "sub")

    ran = witness.run(Path.cwd())

    assert ran.holds("forced")
    assert ran.tree == reference(repo)


def test_a_post_checkout_hook_with_a_prefix_works(repo: Path) -> None:
    commit(repo, {"sub/a": "a\n"})
    git(repo, "branch", "topic")
    out = hooked(repo, "post-checkout")
    write(repo, {"new": "n\n"})

    git(repo / "sub", "checkout", "-q", "topic")

    ran = told(out)
    assert ran.tree == reference(repo)
    assert ran.git["branch"] == "topic"


def test_no_hook_of_the_users_runs(repo: Path) -> None:
    commit(repo, {"gone": "g\n", "hidden": "h\n", "d/x": "x\n"})
    seen = repo.parent / "seen"
    names = subprocess.run(("git", "help", "-a"), capture_output=True, check=True)
    assert names.stdout
    for folder in (repo / ".git/hooks", repo.parent / "hooks"):
        folder.mkdir(exist_ok=True)
        for name in HOOKS:
            (folder / name).write_text(f"#!/bin/sh\necho {name} >> {seen}\n")
            (folder / name).chmod(0o755)
    write(repo, {"train.py": "changed\n", "new": "n\n", "hidden": "changed\n", "shut": "s\n"})
    (repo / "gone").unlink()
    (repo / "d/x").unlink()
    (repo / "d").rmdir()
    (repo / "d").symlink_to("nowhere")
    git(repo, "config", "core.splitIndex", "true")
    git(
        repo,
        "-c",
        "core.hooksPath=/x",
        "update-index",
        "--split-index",
        "--assume-unchanged",
        "hidden",
    )
    assert not seen.exists()

    for setting in ((), ("core.hooksPath", str(repo.parent / "hooks"))):
        if setting:
            git(repo, "config", *setting)
        ran = witness.run(repo)

        assert list(ran.missed()) == ["hidden"]
        assert not seen.exists()


HOOKS = (
    "pre-commit", "post-commit", "post-checkout", "post-index-change", "reference-transaction",
    "post-rewrite", "pre-auto-gc", "commit-msg", "prepare-commit-msg", "update", "pre-push",
)  # fmt: skip


@pytest.mark.parametrize("setting", ["always", "true"])
def test_no_reflog_is_made_of_a_run(repo: Path, setting: str) -> None:
    git(repo, "config", "core.logAllRefUpdates", setting)
    git(repo, "config", "gc.reflogExpire", "never")

    ran = witness.run(repo)

    assert git(repo, "rev-parse", f"refs/runs/{ran.start['run_id']}")
    assert not (repo / ".git/logs/refs/runs").exists()


def test_settings_of_the_command_line_reach_the_run(
    repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(repo, {"big": "x" * 2000, "mine": "m", "crlf": "a\r\n"})
    (repo.parent / "ignored").write_text("mine\n")
    monkeypatch.setenv("GIT_CONFIG_COUNT", "2")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "exp.maxFileSize")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "1k")
    monkeypatch.setenv("GIT_CONFIG_KEY_1", "core.autocrlf")
    monkeypatch.setenv("GIT_CONFIG_VALUE_1", "input")
    monkeypatch.setenv("GIT_CONFIG_PARAMETERS", f"'core.excludesfile'='{repo.parent}/ignored'")

    ran = witness.run(repo)

    assert ran.skipped() == {"big": "larger than exp.maxFileSize"}
    assert sorted(ran.modes) == [b"crlf", b"train.py"]
    assert ran.read("crlf") == b"a\n"


def test_no_setting_of_what_git_shows_changes_what_is_captured(repo: Path) -> None:
    commit(repo, {"a/x": "x\n", "moved": "a long line that is moved\n" * 9})
    for key, value in SHOWN.items():
        git(repo, "config", key, value)
    (repo / "moved").rename(repo / "renamed")
    write(repo, {"a/x": "changed\n", "untracked/deep/new": "n\n"})
    git(repo, "add", "-N", "renamed")

    ran = witness.run(repo / "a")

    assert ran.tree == reference(repo)
    assert ran.git["status"] == [
        "M  a/x", "D  moved", "A  renamed", "A  untracked/deep/new",
    ]  # fmt: skip


SHOWN = {
    "status.showUntrackedFiles": "no",
    "status.relativePaths": "true",
    "status.renames": "copies",
    "status.short": "true",
    "status.branch": "false",
    "status.showStash": "true",
    "status.submoduleSummary": "true",
    "status.displayCommentPrefix": "true",
    "diff.renames": "copies",
    "diff.ignoreSubmodules": "all",
    "diff.noprefix": "true",
    "color.ui": "always",
    "column.ui": "always",
    "core.quotePath": "true",
    "core.pager": "false",
    "core.trustctime": "false",
    "core.checkStat": "minimal",
    "feature.manyFiles": "true",
    "log.showSignature": "true",
    "commit.gpgSign": "true",
    "i18n.commitEncoding": "latin-1",
}


def test_another_global_configuration_reaches_the_run(
    repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = repo.parent / "global"
    there.write_text("[user]\nname = Bea\nemail = bea@example.org\n[exp]\nexclude = out\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(there))
    monkeypatch.setenv("GIT_CONFIG", str(repo / "no-such-file"))
    write(repo, {"out": "o", "in": "i"})

    ran = witness.run(repo)

    assert ran.start["user"] == "Bea <bea@example.org>"
    assert ran.skipped() == {"out": "exp.exclude"}


def test_configuration_of_one_worktree_reaches_its_runs(repo: Path) -> None:
    git(repo, "config", "extensions.worktreeConfig", "true")
    git(repo, "worktree", "add", "-q", "../linked")
    linked = repo.parent / "linked"
    git(linked, "config", "--worktree", "exp.exclude", "out")
    for top in (repo, linked):
        write(top, {"out": "o"})

    assert witness.run(repo).skipped() == {}
    assert witness.run(linked).skipped() == {"out": "exp.exclude"}


def test_what_git_traces_does_not_confuse_the_run(
    repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("GIT_TRACE", "GIT_TRACE_SETUP", "GIT_TRACE_PERFORMANCE", "GIT_TRACE2"):
        monkeypatch.setenv(name, "1")
    write(repo, {"new": "n"})

    ran = witness.run(repo)

    assert ran.git["capture"] == "full"
    assert ran.git["status"] == ["A  new"]
