"""What pip installs: the package, the pages where man finds them, the scripts of the shells."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

import git_exp
from git_exp import cli
from git_exp.cli import documents
from git_exp.hook import NAMES
from tests.architecture import ROOT

DATA = f"git_exp-{git_exp.__version__}.data/data"
needs_man = pytest.mark.skipif(not shutil.which("man"), reason="man is not installed")


@pytest.fixture(scope="module", params=["standard", "editable"])
def wheel(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel as pip builds it of the checkout, plain or editable, unpacked."""
    return _unpacked(f"wheel:{request.param}", tmp_path_factory.mktemp("wheel"))


def test_a_wheel_has_the_pages_the_scripts_and_the_hooks(wheel: Path) -> None:
    share = wheel / DATA / "share"
    pages = {path.name for path in (ROOT / "man").glob("*.[157]")}

    shared = {path.name for path in share.glob("man/man[157]/git-exp*")}
    assert shared == pages
    assert {f"git-exp-{word}.1" for word in cli.words()} < shared
    assert (share / "bash-completion/completions/git-exp").exists()
    assert (share / "zsh/site-functions/_git-exp").exists()
    assert (share / "fish/vendor_conf.d/git-exp.fish").exists()
    assert {path.name for path in (share / "git-exp/hooks").iterdir()} == set(NAMES)
    schemas = {path.name for path in (share / "git-exp/schemas").iterdir()}
    assert schemas == set(documents.KINDS)


def test_a_plain_wheel_has_every_file_of_the_package(tmp_path: Path) -> None:
    wheel = _unpacked("wheel:standard", tmp_path)
    ours = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "git_exp").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }

    assert {str(path.relative_to(wheel)) for path in (wheel / "git_exp").rglob("*.*")} == ours
    assert "git_exp/py.typed" in ours


@needs_man
def test_man_and_git_find_the_pages_of_an_environment_through_path(
    wheel: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = wheel / DATA / "bin"
    programs.mkdir(exist_ok=True)
    (programs / "git-exp").write_text("#!/bin/sh\n")
    (programs / "git-exp").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("MANPAGER", "cat")

    for words, name in (
        (("git", "help", "exp"), "git-exp"),
        (("git", "exp", "--help"), "git-exp"),
        (("git", "help", "exp-run"), "git-exp-run"),
        (("man", "git-exp-run"), "git-exp-run"),
        (("man", "git-exp-format"), "git-exp-format"),
    ):
        done = subprocess.run(words, capture_output=True, text=True)
        assert f"{name} - " in done.stdout, words


def test_the_source_distribution_has_all_that_the_tests_need(tmp_path: Path) -> None:
    _build("sdist", tmp_path)
    with tarfile.open(next(tmp_path.glob("*.tar.gz"))) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}

    for folder in ("git_exp", "tests", "man", "hooks"):
        for path in (ROOT / folder).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                assert str(path.relative_to(ROOT)) in names
    assert {"pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md", ".ci/run"} < names


def test_the_public_names_are_there_and_nothing_else() -> None:
    for name in git_exp.__all__:
        assert getattr(git_exp, name) is not None
    assert dir(git_exp) == sorted(git_exp.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = git_exp.nothing


def test_every_error_that_a_caller_can_catch_is_a_git_exp_error() -> None:
    named = (getattr(git_exp, name) for name in git_exp.__all__)
    kinds = {one for one in named if isinstance(one, type) and issubclass(one, Exception)}

    assert len(kinds) > 10
    for kind in kinds:
        assert issubclass(kind, git_exp.GitExpError)


def _unpacked(target: str, folder: Path) -> Path:
    _build(target, folder)
    shutil.unpack_archive(next(folder.glob("*.whl")), folder / "wheel", "zip")
    return folder / "wheel"


def _build(target: str, folder: Path) -> None:
    words = (sys.executable, "-m", "hatchling", "build", "-t", target, "-d", str(folder))
    subprocess.run(words, cwd=ROOT, check=True, capture_output=True)
