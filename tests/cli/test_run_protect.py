"""What git exp run --protect sees, whatever hides it, and what becomes of the run."""

from __future__ import annotations

import hashlib
import json
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.test_run_guarded import PRINT, Git, guarded, latest
from tests.conftest import Exp

__all__ = ["guarded"]


def _run(code: str, *more: str) -> tuple[str, ...]:
    return ("run", "--protect", "data", *more, "--", "sh", "-c", f"{code}; echo METRIC acc=0.9")


HIDDEN: dict[str, tuple[Callable[[Path, Git], object], str]] = {
    "ignored by git": (lambda top, git: _ignored(top, "helper.py"), "data/helper.py"),
    "a folder that git ignores": (lambda top, git: _ignored(top, "sub/x"), "data/sub/x"),
    "in the shape of a secret": (
        lambda top, git: (top / "data/secrets.json").write_text("{}"), "data/secrets.json",
    ),
    "too large for a snapshot": (
        lambda top, git: (git("config", "exp.maxFileSize", "10"),
                          (top / "data/large").write_text("x" * 20)), "data/large",
    ),
    "a filter": (lambda top, git: _filtered(top, git), "data/test.csv"),
    "a filter beside the worktree": (
        lambda top, git: _filtered(top, git, ".git/info/attributes"), "data/test.csv",
    ),
    "an ident": (lambda top, git: _ident(top), "data/ident"),
    "line endings": (lambda top, git: _endings(top), "data/test.csv"),
    "a mode that git does not look at": (lambda top, git: _mode(top, git), "data/test.csv"),
    "a folder that is a link": (lambda top, git: _moved(top / "data", top / "d"), "data/ident"),
    "a commit that stands for another": (lambda top, git: _replaced(top, git), "data/test.csv"),
    "code without its source": (
        lambda top, git: (top / "data/score.pyc").write_bytes(b"x" * 20), "data/score.pyc",
    ),
    "a cache that nobody checks": (
        lambda top, git: _cache(top, "score", b"\1\0\0\0"),
        "data/__pycache__/score.cpython-311.pyc",
    ),
}  # fmt: skip


def _ignored(top: Path, name: str) -> None:
    (top / ".git/info/exclude").write_text(f"{name}\nsub/\n")
    (top / "data" / name).parent.mkdir(exist_ok=True)
    (top / "data" / name).write_text("evil\n")


def _filtered(top: Path, git: Git, place: str = ".gitattributes") -> None:
    (top / place).write_text("data/test.csv filter=fake\n")
    git("config", "filter.fake.clean", "git show HEAD:data/test.csv")
    (top / "data/test.csv").write_text("9\n")


def _ident(top: Path) -> None:
    (top / ".gitattributes").write_text("data/ident ident\n")
    (top / "data/ident").write_text("$Id: cheat $\n")


def _endings(top: Path) -> None:
    (top / ".gitattributes").write_text("* text=auto\n")
    (top / "data/test.csv").write_bytes(b"1\r\n")


def _mode(top: Path, git: Git) -> None:
    git("config", "core.fileMode", "false")
    (top / "data/test.csv").chmod(0o755)


def _moved(path: Path, to: Path) -> None:
    path.rename(to)
    path.symlink_to(to.name)


def _replaced(top: Path, git: Git) -> None:
    base = git("rev-parse", "HEAD").strip()
    (top / "data/test.csv").write_text("9\n")
    git("commit", "-q", "-a", "-m", "cheat")
    cheat = git("rev-parse", "HEAD").strip()
    git("update-ref", "refs/heads/main", base)
    git("replace", base, cheat)


def _cache(top: Path, name: str, flags: bytes) -> None:
    (top / "data/__pycache__").mkdir()
    head = b"\xa7\r\r\n" + flags + bytes(8)
    (top / f"data/__pycache__/{name}.cpython-311.pyc").write_bytes(head)


@pytest.fixture
def judged(guarded: Path, git: Git) -> Path:
    """The same with a module, and a file in which git may write its id."""
    (guarded / "data/score.py").write_text("def score():\n    return 1\n")
    (guarded / "data/ident").write_text("$Id$\n")
    git("add", ".")
    git("commit", "-q", "-m", "more")
    return guarded


@pytest.mark.slow
@pytest.mark.parametrize("how", HIDDEN)
def test_nothing_that_git_is_told_hides_a_change(
    how: str, judged: Path, exp: Exp, git: Git
) -> None:
    edit, file = HIDDEN[how]
    edit(judged, git)

    done = exp(*_run("true"))

    assert latest(exp)["tags"] == ["tainted"], done.stderr
    assert file in latest(exp)["notes"][-1]["text"]


DURING = {
    "added": ("echo x > data/new", "data/new not as in the base"),
    "changed and put back": (
        "cp data/test.csv .git/x; echo 9 > data/test.csv; cat .git/x > data/test.csv",
        "data/test.csv changed during the run",
    ),
    "moved and put back with its times": (
        "cp -p data/test.csv .git/x; echo 9 > data/test.csv; mv .git/x data/test.csv",
        "data/test.csv changed during the run",
    ),
}


@pytest.mark.parametrize("how", DURING)
def test_what_the_command_does_while_it_runs_taints(how: str, judged: Path, exp: Exp) -> None:
    code, said = DURING[how]

    done = exp(*_run(code))

    assert f"warning: tainted: {said}; it never counts as best\n" in done.stderr
    assert latest(exp)["notes"][-1]["text"] == f"tainted: {said}"


def test_the_cache_of_a_source_that_is_gone_taints_nothing(judged: Path, exp: Exp) -> None:
    _cache(judged, "other", b"\0\0\0\0")
    exp(*_run("true"))
    assert latest(exp)["tags"] == []

    (judged / "data/other.py").write_text("evil\n")
    exp(*_run("true"))
    assert latest(exp)["tags"] == ["tainted"]


@pytest.mark.slow
def test_what_python_and_git_write_themselves_taints_nothing(
    judged: Path, exp: Exp, git: Git
) -> None:
    (judged / ".gitattributes").write_text("*.crlf text eol=crlf\n*.id ident\n*.up filter=up\n")
    git("config", "filter.up.clean", "tr A-Z a-z")
    git("config", "filter.up.smudge", "tr a-z A-Z")
    for name in ("a.crlf", "a.id", "a.up"):
        (judged / "data" / name).write_text("$Id$ x\n")
    git("add", ".")
    git("commit", "-q", "-m", "converted")
    for name in ("a.crlf", "a.id", "a.up"):
        (judged / "data" / name).unlink()
    git("checkout", "-q", "--", "data")
    assert (judged / "data/a.crlf").read_bytes() == b"$Id$ x\r\n"
    assert len((judged / "data/a.id").read_bytes()) > 40
    assert (judged / "data/a.up").read_bytes() == b"$ID$ X\n"

    done = exp(*_run(f"cd data; {sys.executable} -c 'import score'"))

    assert (judged / "data/__pycache__").is_dir()
    assert "tainted" not in done.stderr
    assert "tainted" not in exp(*_run("true")).stderr


@pytest.mark.slow
def test_a_large_file_of_git_lfs_is_compared_with_what_its_pointer_says(
    judged: Path, exp: Exp, git: Git
) -> None:
    digest = hashlib.sha256(b"large\n").hexdigest()
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{digest}\nsize 6\n"
    (judged / ".gitattributes").write_text("*.bin filter=lfs -text\n")
    (judged / "data/a.bin").write_text(pointer)
    git("add", ".")
    git("commit", "-q", "-m", "large")
    git("config", "filter.lfs.clean", f"printf '{pointer}'".replace("\n", "\\n"))

    (judged / "data/a.bin").write_text("large\n")
    exp(*_run("true"))
    assert latest(exp)["tags"] == []

    (judged / "data/a.bin").write_text("cheat\n")
    exp(*_run("true"))
    assert latest(exp)["tags"] == ["tainted"]


@pytest.mark.slow
def test_a_sparse_checkout_is_not_a_change(judged: Path, exp: Exp, git: Git) -> None:
    (judged / "data/sub").mkdir()
    (judged / "data/sub/b").write_text("b\n")
    git("add", ".")
    git("commit", "-q", "-m", "below")
    git("sparse-checkout", "set", "--no-cone", "/*", "!/data/sub")
    assert not (judged / "data/sub").exists()

    assert "tainted" not in exp(*_run("true")).stderr
    exp(*_run("mkdir data/sub; echo b > data/sub/b"))
    assert latest(exp)["tags"] == []
    exp(*_run("echo c > data/sub/b"))
    assert latest(exp)["tags"] == ["tainted"]


TWICE = """
from git_exp import Experiment
with Experiment("joins") as one: one.track({"acc": 0.8})
with Experiment("beside") as two: two.track({"acc": 0.99})
"""


@pytest.mark.slow
def test_what_is_started_in_a_tainted_run_counts_for_nothing_either(judged: Path, exp: Exp) -> None:
    (judged / "twice.py").write_text(TWICE)
    nested = f"echo 9 > data/test.csv; git exp run -n nested -- {sys.executable} twice.py"

    exp(*_run(nested, "-n", "outer"))

    runs = json.loads(exp("log", "--json").stdout)["runs"]
    assert sorted(run["name"] for run in runs) == ["beside", "nested", "outer"]
    assert all(run["tags"] == ["tainted"] for run in runs)
    assert exp("best", "acc", code=1).stdout == ""
    inside = latest(exp, "nested")["notes"][-1]["text"]
    assert inside == f"tainted: it ran inside of run {latest(exp, 'outer')['id'][:8]}, which is"


@pytest.mark.slow
def test_what_ends_after_the_tainted_run_that_started_it_counts_for_nothing(
    judged: Path, exp: Exp
) -> None:
    script = "touch .git/ran; while ! test -e .git/go; do sleep 0.05; done; echo METRIC acc=0.99"
    later = f"(git exp run -n later -- sh -c '{script}' > /dev/null 2>&1 &) "

    exp(*_run(f"{later}; while ! test -e .git/ran; do sleep 0.05; done; echo 9 > data/test.csv",
              "-n", "outer"))  # fmt: skip
    (judged / ".git/go").touch()
    until = time.monotonic() + 30
    while latest(exp, "later")["status"] == "running" and time.monotonic() < until:
        time.sleep(0.1)

    assert latest(exp, "later")["tags"] == ["tainted"]


@pytest.mark.slow
def test_no_run_answers_for_protected_files_that_were_changed(judged: Path, exp: Exp) -> None:
    exp(*_run("true", "-n", "first"))
    _ignored(judged, "helper.py")

    done = exp(*_run("true", "--reuse"))

    assert "'first': tainted: data/helper.py not as in the base\n" in done.stderr
    assert latest(exp)["tags"] == ["tainted"]


@pytest.mark.slow
def test_the_mark_of_a_guard_is_not_to_be_taken_away(judged: Path, exp: Exp) -> None:
    exp(*_run("echo 9 > data/test.csv"))

    refused = exp("untag", "@", "tainted", code=4)

    assert re.fullmatch(
        r"error: run '\w{8}' was tagged tainted by git exp itself\n"
        r"hint: run it again with its protected files as in the base\n", refused.stderr
    )  # fmt: skip
    assert latest(exp)["tags"] == ["tainted"]
    exp("run", "-n", "mine", "-t", "tainted", *PRINT)
    exp("untag", "mine", "tainted")
    assert latest(exp)["tags"] == []


@pytest.mark.slow
def test_a_commit_of_what_is_protected_is_said_by_the_verdict(
    judged: Path, exp: Exp, git: Git
) -> None:
    exp(*_run("true", "-n", "before"))
    blob = git("rev-parse", "HEAD:data").strip()
    assert latest(exp)["metadata"] == {"git_exp.protect": {"data": blob}}
    (judged / "data/test.csv").write_text("9\n")
    git("commit", "-q", "-a", "-m", "an easier test")
    exp(*_run("true", "-n", "after"))

    said = exp("verdict", "after", "before", code=None).stdout

    assert "protected files of the two are not the same: data" in said
    assert latest(exp)["tags"] == []
