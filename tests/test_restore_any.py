"""Any small worktree: what is put aside comes back identical, and what is not is never lost."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from git_exp import errors
from git_exp.run import Run
from tests.world import State, World

NAMES = (b"a", b"a/x", b"a/y.log", b"d/e/f", b"d/e", b"n\nl", b'q"\xff', b"z.log", b"ig/h", b"ig")
Files = Mapping[bytes, tuple[str, bytes]]
Layers = tuple[Files, Files, Files, Files]

entries = st.tuples(
    st.sampled_from(("file", "file", "exec", "link")),
    st.sampled_from((b"1\n", b"2\n", b"", b"a", b"1\r\n", b"output\n")),
)


def _fits(files: Files) -> bool:
    """Whether no file is a folder of another."""
    return not any(one.startswith(other + b"/") for one in files for other in files)


trees = st.dictionaries(st.sampled_from(NAMES), entries, max_size=6).filter(_fits)


@st.composite
def worlds(draw: st.DrawFn) -> Layers:
    """Base, run, index and worktree, each near another."""
    base = draw(trees)
    layers = [base]
    for _ in range(3):
        near = {**draw(st.sampled_from(layers)), **draw(trees)}
        for name in draw(st.sets(st.sampled_from(NAMES), max_size=3)):
            near.pop(name, None)
        layers.append(near if _fits(near) else draw(trees))
    return layers[0], layers[1], layers[2], layers[3]


def lay(world: World, files: Files) -> None:
    """Make the worktree these files and no others."""
    for one in world.top.iterdir():
        if one.is_dir() and not one.is_symlink() and one.name != ".git":
            shutil.rmtree(one)
        elif one.name != ".git":
            one.unlink()
    for name, (kind, data) in files.items():
        path = world.top / os.fsdecode(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        if kind == "link":
            path.symlink_to(os.fsdecode(data) or "nowhere")
            continue
        path.write_bytes(data)
        path.chmod(0o755 if kind == "exec" else 0o644)


def build(world: World, layers: Layers) -> Run:
    """A run of the second layer over a commit of the first; index and worktree are the others."""
    base, run, index, files = layers
    (world.top / ".git/info/exclude").write_text("*.log\nig\n")
    lay(world, base)
    world.git("add", "-A", "-f")
    world.git("commit", "-q", "--allow-empty", "-m", "base")
    lay(world, run)
    found = world.run()
    lay(world, index)
    world.git("add", "-A", "-f")
    lay(world, files)
    return found


def settle(world: World) -> None:
    """Add the files that git calls changed for their size alone: their filters make no change."""
    seen, real = (
        set(world.git(command, "--name-only", "-z").split("\0"))
        for command in ("diff-files", "diff")
    )
    world.git("update-index", "-z", "--stdin", stdin=b"\0".join(map(os.fsencode, seen - real)))


def tracked(world: World, commit: str) -> dict[bytes, tuple[bytes, bytes]]:
    """Mode and bytes of each file of a commit."""
    listing = os.fsencode(world.git("ls-tree", "-r", "-z", commit)).split(b"\0")[:-1]
    modes = {line.partition(b"\t")[2]: line[:6] for line in listing}
    return {path: (modes[path], data) for path, data in world.tree(commit).items()}


def there(state: State) -> dict[bytes, tuple[bytes, bytes]]:
    """Mode, as git has it, and bytes of each file of a worktree."""
    return {
        path: (b"120000" if stat.S_ISLNK(mode) else b"100755" if mode & 0o100 else b"100644", data)
        for path, (mode, data) in state.files.items()
    }


def comes_back(layers: Layers, form: Mapping[str, Any], attributes: str = "") -> None:
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder) / "w")
        world.git("config", "filter.strip.clean", "sed -e /output/d")
        (world.top / ".git/info/attributes").write_text(attributes)
        run = build(world, layers)
        target = tracked(world, run.commit)
        chosen = sorted({path.partition(b"/")[0] for path in target})[:1]
        if "paths" in form and not chosen:
            return
        if "paths" in form:
            form = {"paths": tuple(f":(literal){os.fsdecode(path)}" for path in chosen)}
            target = {path: one for path, one in target.items() if path.startswith(chosen[0])}
        settle(world)
        before = world.state()

        world.checkout(run, save=True, **form)

        now = there(world.state())
        if not attributes:
            assert {path: now.get(path) for path in target} == target
        if form.get("exact"):
            ignored = world.git("ls-files", "-o", "-i", "--exclude-standard", "-z").split("\0")
            assert set(now) - set(target) <= {os.fsencode(path) for path in ignored}
        world.back()
        assert world.state() == before
        world.git("fsck", "--strict")


def never_lost(layers: Layers, form: Mapping[str, Any]) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder) / "w")
        run = build(world, layers)
        staged = tracked(world, world.git("write-tree"))
        before = world.state(exact=True)
        base = tracked(world, world.git("rev-parse", "HEAD"))

        try:
            world.checkout(run, **form)
        except errors.Refused:
            assert world.state(exact=True) == before
            return False

        now, target = there(world.state()), tracked(world, run.commit)
        index = tracked(world, world.git("write-tree"))
        for path, file in there(before).items():
            safe = (now.get(path), target.get(path), base.get(path), index.get(path))
            assert file in safe, path
        for path, file in staged.items():
            safe = (now.get(path), target.get(path), base.get(path), index.get(path))
            assert file in safe, path
        return True


FORMS: tuple[dict[str, Any], ...] = ({}, {"exact": True}, {"keep_base": True}, {"branch": "b"})
forms = st.sampled_from((*FORMS, {"paths": ()}))
conversions = st.sampled_from(("", "", "d/** filter=strip\nn* text eol=crlf\nz* text\n"))
mild = st.sampled_from([form for form in FORMS if "exact" not in form])
QUICK = settings(
    max_examples=20, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
LONG = settings(QUICK, max_examples=120)


@pytest.mark.slow
@QUICK
@given(worlds(), forms, conversions)
def test_what_a_checkout_puts_aside_comes_back_identical(
    layers: Layers, form: dict[str, Any], attributes: str
) -> None:
    comes_back(layers, form, attributes)


@pytest.mark.slow
@QUICK
@given(worlds(), mild)
def test_a_checkout_that_puts_nothing_aside_loses_nothing(
    layers: Layers, form: dict[str, Any]
) -> None:
    never_lost(layers, form)


@pytest.mark.slow
@LONG
@given(worlds(), forms, conversions)
def test_what_many_checkouts_put_aside_comes_back_identical(
    layers: Layers, form: dict[str, Any], attributes: str
) -> None:
    comes_back(layers, form, attributes)


@pytest.mark.slow
@LONG
@given(worlds(), mild)
def test_many_checkouts_that_put_nothing_aside_lose_nothing(
    layers: Layers, form: dict[str, Any]
) -> None:
    never_lost(layers, form)
