"""The repository as git finds it: places, configuration, and clear words where it is none."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from git_exp import Experiment, errors
from git_exp.git.repo import Config, discover, finish, opened
from tests.git import witness
from tests.git.witness import commit, git, write


def found(top: Path) -> object:
    return discover(top, dict(os.environ))


def test_all_places_are_told_from_a_subdirectory(repo: Path) -> None:
    write(repo, {"a/b/c": "c"})

    here = discover(repo / "a/b", dict(os.environ))

    assert here.top == repo
    assert (here.git_dir, here.common_dir) == (repo / ".git", repo / ".git")
    assert here.index == repo / ".git/index"
    assert here.home == repo / ".git/exp"
    assert (here.prefix, here.bare) == ("a/b/", False)
    assert here.at(b"x/y") == repo / "x/y"


def test_a_linked_worktree_has_its_own_index_and_shares_the_rest(repo: Path) -> None:
    git(repo, "worktree", "add", "-q", "../linked")

    here = discover(repo.parent / "linked", dict(os.environ))

    assert here.git_dir == repo / ".git/worktrees/linked"
    assert here.index == here.git_dir / "index"
    assert here.home == repo / ".git/exp"


def test_a_bare_repository_has_no_worktree(repo: Path) -> None:
    git(repo.parent, "clone", "-q", "--bare", str(repo), "bare.git")

    here = discover(repo.parent / "bare.git", dict(os.environ))

    assert here.bare
    assert here.top is None
    assert here.index == here.git_dir / "index"


def test_line_feeds_in_a_path_are_part_of_it(tmp_path: Path) -> None:
    top = tmp_path / "a\nb\n\nc"
    (top / "d\ne").mkdir(parents=True)
    git(top, "init", "-q")

    here = discover(top / "d\ne", dict(os.environ))

    assert (here.top, here.git_dir, here.prefix) == (top, top / ".git", "d\ne/")


def test_a_child_of_git_works_on_this_repository_from_any_folder(
    repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = repo.parent / "other"
    git(repo.parent, "init", "-q", str(other))
    monkeypatch.setenv("GIT_PREFIX", "x/")
    here = discover(repo, dict(os.environ))
    monkeypatch.chdir(other)

    env = here.child_env()

    assert here.git("rev-parse", "--show-toplevel") == os.fsencode(repo) + b"\n"
    assert env["GIT_OPTIONAL_LOCKS"] == "0"
    assert not {"GIT_PREFIX", "GIT_INDEX_FILE"} & set(env)
    assert here.child_env(Path("/x"))["GIT_INDEX_FILE"] == "/x"


def test_a_child_of_git_has_the_index_of_the_caller(
    repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_INDEX_FILE", ".git/other-index")

    here = discover(repo, dict(os.environ))

    assert here.index == repo / ".git/other-index"
    assert here.child_env()["GIT_INDEX_FILE"] == str(here.index)
    assert here.child_env(Path("/x"))["GIT_INDEX_FILE"] == "/x"


def test_what_a_git_command_said_is_in_the_error(repo: Path) -> None:
    here = discover(repo, dict(os.environ))

    with pytest.raises(errors.GitFailed) as caught:
        here.git("-c", "a.b=c", "rev-parse", "--verify", "nothing")

    assert str(caught.value) == "git rev-parse failed: fatal: Needed a single revision"
    assert caught.value.code == 128
    assert "Needed a single revision" in caught.value.stderr


def test_the_command_is_named_whatever_stands_before_it(repo: Path) -> None:
    (repo / "sub").mkdir()
    here = discover(repo, dict(os.environ))

    with pytest.raises(errors.GitFailed, match="git rev-parse failed"):
        here.git("-C", "sub", "rev-parse", "--verify", "nothing")


def test_a_path_of_another_place_is_wrong_usage(repo: Path) -> None:
    (repo / "sub").mkdir()
    here = discover(repo / "sub", dict(os.environ))

    for path in ("/etc/passwd", "../../x"):
        with pytest.raises(errors.UsageError, match=f"'{path}' is outside repository") as caught:
            here.git("-C", "sub", "ls-files", "--", path)
        assert caught.value.hint


def test_a_git_command_is_fed_and_its_output_is_bytes(repo: Path) -> None:
    here = discover(repo, dict(os.environ))
    child = here.start("hash-object", "--stdin", stdin=True)

    out = finish(child, ("hash-object",), b"\xff")

    assert out == here.git("hash-object", "--stdin", stdin=b"\xff")


def test_configuration_has_all_values_in_any_case(repo: Path) -> None:
    git(repo, "config", "--add", "exp.exclude", "a")
    git(repo, "config", "--add", "Exp.Exclude", "b\nc")
    git(repo, "config", "Branch.Main.Remote", "x")

    config = discover(repo, dict(os.environ)).config

    assert config.all("EXP.exclude") == ("a", "b\nc")
    assert config.get("exp.EXCLUDE") == "b\nc"
    assert config.get("branch.Main.REMOTE") == "x"
    assert config.get("branch.main.remote") is None
    assert config.get("no.such", "default") == "default"
    assert config.all("no.such") == ()


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("= true", True), ("= Yes", True), ("= on", True), ("= 1", True), ("= 10", True),
        ("= false", False), ("= no", False), ("= off", False), ("= 0", False), ("=", False),
        ("= 00", False), ("", True),
    ],
)  # fmt: skip
def test_flags_are_what_git_takes_them_for(repo: Path, text: str, value: bool) -> None:
    with (repo / ".git/config").open("a") as file:
        file.write(f"[exp]\n\tflag {text}\n")

    config = discover(repo, dict(os.environ)).config

    assert config.flag("exp.flag") is value
    assert git(repo, "config", "--type=bool", "exp.flag") == str(value).lower().encode()


def test_a_flag_that_is_not_set_has_its_default() -> None:
    config = Config(values={})

    assert config.flag("a.b") is False
    assert config.flag("a.b", default=True) is True
    assert config.size("a.b", 7) == 7


def test_outside_of_a_repository_the_error_names_the_folder(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()

    with pytest.raises(errors.NotARepository, match="/outside'"):
        found(outside)


@pytest.mark.parametrize("name", ["gone", "file"])
def test_a_folder_that_is_none_is_no_repository(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("f")

    with pytest.raises(errors.NotARepository, match=name):
        found(tmp_path / name)


def test_a_missing_git_says_so(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(repo))

    with pytest.raises(errors.GitMissing):
        found(repo)


def test_a_git_that_cannot_be_run_says_so(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(repo, {"bin/git": "no program"})
    monkeypatch.setenv("PATH", str(repo / "bin"))

    with pytest.raises(errors.RepositoryError, match="cannot run git: Permission denied"):
        found(repo)


def test_a_broken_configuration_is_told_in_gits_words(repo: Path) -> None:
    (repo / ".git/config").write_text("[core\n")

    with pytest.raises(errors.RepositoryError, match=r"bad config line 1 in file \.git/config"):
        found(repo)


def test_a_git_that_says_nothing_is_an_error_all_the_same(
    repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(repo, {"bin/git": "#!/bin/sh\nexit 1\n"})
    (repo / "bin/git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{repo}/bin")

    with pytest.raises(errors.RepositoryError, match="git failed"):
        found(repo)


def refused(top: Path) -> errors.GitExpError:
    """What a run says there; it must have written nothing."""
    before = sorted(top.rglob("*"))
    with pytest.raises(errors.GitExpError) as caught:
        Experiment("r", repo=top)
    assert sorted(top.rglob("*")) == before
    return caught.value


def test_a_sha_256_repository_is_refused_by_name(tmp_path: Path) -> None:
    top = tmp_path / "sha256"
    git(tmp_path, "init", "-q", "--object-format=sha256", str(top))
    write(top, {"a": "a"})

    error = refused(top)

    assert isinstance(error, errors.UnsupportedRepository)
    assert str(error) == "git exp does not support SHA-256 repositories yet"


def test_a_reftable_repository_is_refused_by_name(repo: Path) -> None:
    with (repo / ".git/config").open("a") as file:
        file.write("[core]\n\trepositoryformatversion = 1\n[extensions]\n\trefStorage = reftable\n")

    error = refused(repo)

    assert isinstance(error, errors.UnsupportedRepository)
    assert str(error) == "git exp does not support reftable repositories yet"


def test_a_reftable_repository_is_refused_where_git_can_read_it(repo: Path) -> None:
    git(repo, "config", "extensions.refStorage", "reftable")

    error = refused(repo)

    assert str(error) == "git exp does not support reftable repositories yet"


def test_an_unknown_extension_is_told_in_gits_words(repo: Path) -> None:
    with (repo / ".git/config").open("a") as file:
        file.write("[core]\n\trepositoryformatversion = 1\n[extensions]\n\tfuture = true\n")

    error = refused(repo)

    assert str(error) == "unknown repository extension found: future"


def test_extensions_that_libgit2_must_be_told_of_are_opened(repo: Path) -> None:
    with (repo / ".git/config").open("a") as file:
        file.write("[core]\n\trepositoryformatversion = 1\n")
        file.write("[extensions]\n\tpartialClone = origin\n\tworktreeConfig = true\n")
    write(repo, {"new": "n"})

    ran = witness.run(repo)

    assert ran.holds("new")


def test_an_extension_that_newer_git_makes_is_opened(repo: Path) -> None:
    here = discover(repo, dict(os.environ))
    with (repo / ".git/config").open("a") as file:
        file.write("[core]\n\trepositoryformatversion = 1\n")
        file.write("[extensions]\n\trelativeWorktrees = true\n")

    assert not opened(here).is_empty


def test_a_repository_that_libgit2_cannot_open_is_named(repo: Path) -> None:
    here = discover(repo, dict(os.environ))
    git(repo, "config", "extensions.refStorage", "reftable")
    git(repo, "config", "core.repositoryFormatVersion", "1", env={"GIT_DIR": str(repo / ".git")})

    with pytest.raises(errors.RepositoryError, match=f"cannot open '{repo}/.git': .*refstorage"):
        opened(here)


def test_anothers_repository_is_refused_with_the_line_that_git_gives(
    repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quoted = repo.parent / "it's mine"
    repo.rename(quoted)
    monkeypatch.chdir(quoted)
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")

    error = refused(quoted)

    assert isinstance(error, errors.UnsafeRepository)
    assert str(error) == f"detected dubious ownership in repository at '{quoted}'"
    shown = str(quoted).replace("'", "'\\''")
    assert error.hint == f"git config --global --add safe.directory '{shown}'"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a repository away")
def test_a_repository_that_is_anothers_is_refused(repo: Path) -> None:
    os.chown(repo, 65534, 65534)
    os.chown(repo / ".git", 65534, 65534)

    error = refused(repo)

    assert isinstance(error, errors.UnsafeRepository)
    assert error.hint == f"git config --global --add safe.directory {repo}"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a repository away")
@pytest.mark.parametrize("trusted", ["*", "the repository"])
def test_a_repository_that_is_anothers_and_trusted_works(repo: Path, trusted: str) -> None:
    os.chown(repo, 65534, 65534)
    os.chown(repo / ".git", 65534, 65534)
    where = str(repo) if trusted != "*" else trusted
    git(repo.parent, "config", "--global", "safe.directory", where)
    write(repo, {"new": "n\n"})

    ran = witness.run_by(repo)

    assert ran.holds("new")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a repository away")
def test_a_repository_that_git_trusts_by_its_environment_alone_is_named(
    repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.chown(repo, 65534, 65534)
    os.chown(repo / ".git", 65534, 65534)
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "safe.directory")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "*")

    with pytest.raises(errors.UnsafeRepository, match="dubious ownership"):
        opened(discover(repo, dict(os.environ)))


def test_a_folder_that_takes_no_copy_of_the_index_is_named(repo: Path) -> None:
    write(repo, {".git/exp": "a file where our folder would be"})

    with pytest.raises(errors.RepositoryError, match=r"cannot write '.*/\.git/exp"):
        Experiment("r")

    assert git(repo, "for-each-ref", "refs/runs") == b""


def test_without_an_index_all_that_is_there_is_new(repo: Path) -> None:
    commit(repo, {"a": "a\n", "gone": "g\n"})
    (repo / ".git/index").unlink()
    (repo / "gone").unlink()

    ran = witness.run(repo)

    assert sorted(ran.modes) == [b"a", b"train.py"]
    assert shutil.which("git")


def test_a_git_that_ends_before_it_has_read_all_is_an_error_and_no_death(repo: Path) -> None:
    code = (
        "import os, signal\n"
        "from pathlib import Path\n"
        "from git_exp import errors\n"
        "from git_exp.git.repo import discover\n"
        "signal.signal(signal.SIGPIPE, signal.SIG_DFL)\n"
        "found = discover(Path.cwd(), os.environ)\n"
        "try:\n"
        "    found.git('no-such-command', stdin=b'x' * (1 << 22))\n"
        "except errors.GitFailed as error:\n"
        "    print(error.code)\n"
    )
    done = subprocess.run((sys.executable, "-c", code), capture_output=True, text=True)

    assert (done.returncode, done.stdout) == (0, "1\n"), done.stderr
