"""The pre-commit framework: the real program, with the hooks that this repository offers it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.architecture import ROOT
from tests.conftest import Exp
from tests.hook.conftest import CODE, Git_, Runs, links

HOOKS = ("git-exp-gate", "git-exp-trailers", "git-exp-link")
TYPES = ("pre-commit", "prepare-commit-msg", "post-commit", "post-rewrite")
Commit = Callable[..., str]
pytestmark = pytest.mark.usefixtures("repo")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRE_COMMIT_HOME", str(tmp_path / "pre-commit home"))
    # No server is asked for anything.
    for key in [key for key in os.environ if key.startswith("PIP_")]:
        monkeypatch.delenv(key)
    for key, value in (("CONFIG_FILE", os.devnull), ("NO_INDEX", "1")):
        monkeypatch.setenv(f"PIP_{key}", value)
    monkeypatch.setenv("PIP_DISABLE_PIP_VERSION_CHECK", "1")


@pytest.fixture
def offered(tmp_path: Path, git: Git_) -> Path:
    """A clone of this repository as it is now, for pre-commit to clone."""
    place = tmp_path / "git-exp"
    place.mkdir()
    for name in ("git_exp", "hooks", "man"):
        shutil.copytree(ROOT / name, place / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE", ".pre-commit-hooks.yaml"):
        shutil.copy(ROOT / name, place)
    git("init", "-q", cwd=place)
    git("add", "-A", cwd=place)
    git("commit", "-q", "-m", "all of it", cwd=place)
    return place


def configure(offered: Path, git: Git_, *more: str) -> None:
    """What a user writes, with the hooks installed as a user does."""
    lines = ["repos:", f"- repo: {offered}", f"  rev: {git('rev-parse', 'HEAD', cwd=offered)}"]
    lines += ["  hooks:"]
    for name in HOOKS:
        lines += [f"  - id: {name}", *(f"    {one}" for one in more)]
    Path(".pre-commit-config.yaml").write_text("\n".join(lines) + "\n")
    pre_commit("validate-config")
    Path(".git/info/exclude").write_text(".pre-commit-config.yaml\n")
    pre_commit("install", *(word for kind in TYPES for word in ("--hook-type", kind)))


def pre_commit(*args: str) -> str:
    done = subprocess.run(("pre-commit", *args), capture_output=True, text=True)
    assert done.returncode == 0, f"pre-commit {args}: {done.stdout}{done.stderr}"
    return done.stdout


def check(git: Git_, runs: Runs, commit: Commit) -> None:
    """The gate, the trailers and the link, by a commit that is stopped and one that is made."""
    git("config", "exp.gate", "acc >= 0.9")
    git("config", "exp.trailers", "true")
    Path("train.py").write_text(CODE)

    stopped = subprocess.run(
        ("git", "commit", "-a", "-m", "better"), capture_output=True, text=True
    )
    assert stopped.returncode == 1, stopped.stderr
    assert "exp.gate 'acc >= 0.9': no finished run has the code" in stopped.stderr, stopped.stderr
    run_id = runs.add("better", metrics={"acc": [0.93]})
    head = commit(CODE, "-m", "better")

    assert git("log", "-1", "--format=%B") == f"better\n\nExp-Run: {run_id} acc=0.93\n"
    assert links() == {"better": [head]}
    git("commit", "-q", "--amend", "-m", "other words")
    assert links() == {"better": [head, git("rev-parse", "HEAD")]}


def test_its_own_check_of_the_manifest() -> None:
    pre_commit("validate-manifest", str(ROOT / ".pre-commit-hooks.yaml"))


@pytest.mark.slow
def test_the_gate_the_trailers_and_the_link(
    offered: Path, git: Git_, runs: Runs, commit: Commit
) -> None:
    configure(offered, git, "language: system")

    check(git, runs, commit)


@pytest.mark.slow
def test_in_the_environment_that_pre_commit_makes(
    offered: Path, git: Git_, runs: Runs, commit: Commit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`language: python`: git exp is installed from the clone, from wheels made of what is here."""
    wheels = offered.parent / "wheels"
    wheels.mkdir()
    for name in needed():
        wheel(metadata.distribution(name), wheels)
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))
    configure(offered, git)

    check(git, runs, commit)

    made = list((offered.parent / "pre-commit home").glob("*/py_env-*/bin/git-exp"))
    assert len(made) == 1


@pytest.mark.slow
@pytest.mark.parametrize("ours_first", [True, False])
def test_beside_hooks_of_ours_whichever_comes_first(
    exp: Exp, git: Git_, runs: Runs, commit: Commit, ours_first: bool
) -> None:
    mine = Path(".git/hooks/pre-commit")
    mine.parent.mkdir(exist_ok=True)
    mine.write_text("#!/bin/sh\necho mine >>../said\n")
    mine.chmod(0o755)
    before = mine.read_bytes()
    Path(".pre-commit-config.yaml").write_text(
        "repos:\n- repo: local\n  hooks:\n  - id: theirs\n    name: theirs\n    language: system\n"
        "    entry: sh -c 'echo theirs >>../said'\n    always_run: true\n"
        "    pass_filenames: false\n"
    )
    Path(".git/info/exclude").write_text(".pre-commit-config.yaml\n")
    if ours_first:
        exp("hooks", "install")
    # Whoever sets up a clone does it again and again.
    for _ in range(2):
        pre_commit("install")
        exp("hooks", "install")

    runs.add("better")
    head = commit()
    git("config", "exp.gate", "require-run")
    assert links() == {"better": [head]}
    assert sorted(Path("../said").read_text().split()) == ["mine", "theirs"]
    Path("train.py").write_text("x = 9\n")
    shut = subprocess.run(("git", "commit", "-q", "-a", "-m", "x"), capture_output=True, text=True)
    assert (shut.returncode, "exp.gate 'require-run'" in shut.stderr) == (1, True)

    assert "pre-commit         chained " in exp("hooks", "status").stdout
    exp("hooks", "uninstall")
    pre_commit("uninstall")
    assert mine.read_bytes() == before
    assert [one.name for one in mine.parent.iterdir() if not one.suffix] == ["pre-commit"]


def needed() -> set[str]:
    """The distributions that git exp stands on, and those that build it."""
    asked = tomllib.loads((ROOT / "pyproject.toml").read_text())
    waiting = [*asked["project"]["dependencies"], *asked["build-system"]["requires"]]
    found: set[str] = set()
    while waiting:
        one = Requirement(waiting.pop())
        if one.name not in found and (one.marker is None or one.marker.evaluate({"extra": ""})):
            found.add(one.name)
            waiting += metadata.distribution(one.name).requires or []
    return found


def wheel(found: metadata.Distribution, folder: Path) -> None:
    """A wheel of what is installed: pip takes it for the one that it was installed from."""
    tags = [line[5:] for line in (found.read_text("WHEEL") or "").splitlines() if "Tag: " in line]
    parts = zip(*(tag.split("-") for tag in tags), strict=True)
    tag = "-".join(".".join(dict.fromkeys(part)) for part in parts)
    stem = found.metadata["Name"].replace("-", "_").replace(".", "_").lower()
    with zipfile.ZipFile(folder / f"{stem}-{found.version}-{tag}.whl", "w") as archive:
        for path in packed(found):
            archive.write(str(found.locate_file(path)), path)


def packed(found: metadata.Distribution) -> Iterator[str]:
    for file in found.files or []:
        path = str(file)
        made_here = path.endswith((".pyc", "/INSTALLER", "/REQUESTED", "/direct_url.json"))
        if not path.startswith(("..", "/")) and not made_here:
            yield path


def test_the_dev_environment_has_pre_commit() -> None:
    assert (Path(sys.executable).parent / "pre-commit").exists()
