"""git_exp.restore in odd repositories: filters, line endings, sparse, partial, submodules, LFS."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from git_exp import errors
from git_exp.run import Run
from tests.world import World

NOTEBOOK = "sed -e /^output/d"


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path / "world")
    made.commit({"a.py": "a1\n", "lib/b.py": "b1\n", ".gitignore": "*.log\n"})
    return made


def secret(world: World) -> None:
    """Files that are kept in capitals, as git-crypt keeps them in cipher."""
    world.git("config", "filter.crypt.clean", "tr a-z A-Z")
    world.git("config", "filter.crypt.smudge", "tr A-Z a-z")
    world.git("config", "filter.crypt.required", "true")
    world.commit({".gitattributes": "*.key filter=crypt\n", "my.key": "one\n"})


def notebooks(world: World) -> None:
    """Files whose output is not kept at all."""
    world.git("config", "filter.strip.clean", NOTEBOOK)
    world.commit({".gitattributes": "*.nb filter=strip\n", "my.nb": "code 1\n"})


@pytest.mark.parametrize("form", [{}, {"keep_base": True}, {"paths": (".",)}])
def test_files_go_out_by_the_users_filters(world: World, form: dict[str, Any]) -> None:
    secret(world)
    world.write({"my.key": "two\n", "new.key": "three\n"})
    run = world.run()
    world.git("reset", "-q", "--hard")
    (world.top / "new.key").unlink()

    world.checkout(run, **form)

    assert (world.text("my.key"), world.text("new.key")) == ("two\n", "three\n")
    assert world.tree(run.commit)[b"my.key"] == b"TWO\n"


def test_files_with_filters_are_put_aside_and_come_back(world: World) -> None:
    secret(world)
    world.write({"my.key": "two\n"})
    run = world.run()
    world.write({"my.key": "mine\n", "other.key": "mine\n"})
    before = world.state()

    answer = world.checkout(run, exact=True)

    assert (world.text("my.key"), answer.removed) == ("two\n", ("other.key",))
    assert world.tree(answer.saved or "")[b"other.key"] == b"MINE\n"
    world.back()
    assert world.state() == before


def test_the_attributes_of_the_run_decide_how_its_files_go_out(world: World) -> None:
    secret(world)
    run = world.run()
    world.commit({".gitattributes": "", "my.key": "plain\n"})

    world.checkout(run, keep_base=True)

    assert world.text("my.key") == "one\n"


def test_what_a_filter_drops_is_not_lost(world: World) -> None:
    notebooks(world)
    world.write({"my.nb": "code 2\n"})
    run = world.run()
    world.git("reset", "-q", "--hard")
    world.write({"my.nb": "code 1\noutput of an hour\n", "other.nb": "output\n"})
    world.git("add", "my.nb")
    before = world.state()
    assert before.status == b"? other.nb\0"

    assert "'my.nb'" in world.refused(run)
    answer = world.checkout(run, exact=True)
    assert (world.text("my.nb"), answer.removed) == ("code 2\n", ("other.nb",))
    world.back()
    assert world.state() == before


def test_the_way_back_does_not_drop_what_a_filter_drops_either(world: World) -> None:
    notebooks(world)
    run = world.dirty()
    world.write({"my.nb": "code 1\noutput one\n", "a.py": "mine\n", "new.nb": "output\n"})
    before = world.state()
    world.checkout(run, save=True)
    world.write({"my.nb": "code 1\noutput two\n", "new.nb": "output again\n"})
    world.git("add", "my.nb")
    edited = world.state(exact=True)

    with pytest.raises(errors.Refused, match=r"'my\.nb', 'new\.nb'"):
        world.back()

    assert world.state(exact=True) == edited
    name = world.back(save=True).saved or ""
    assert world.files() == before.files
    world.back(name, save=True)
    assert world.files() == edited.files


def test_a_new_file_of_the_run_that_got_output_since_is_not_taken_back(world: World) -> None:
    notebooks(world)
    world.write({"new.nb": "code\n"})
    run = world.run()
    (world.top / "new.nb").unlink()
    world.checkout(run, keep_base=True, save=True)
    world.write({"new.nb": "code\noutput of an hour\n"})

    answer = world.back()

    assert (answer.removed, answer.untracked) == ((), ("new.nb",))
    assert world.text("new.nb") == "code\noutput of an hour\n"


@pytest.mark.parametrize("form", [{}, {"keep_base": True}, {"paths": (".",)}])
def test_a_file_that_git_calls_unchanged_is_not_written_again(
    world: World, form: dict[str, Any]
) -> None:
    notebooks(world)
    run = world.dirty()
    world.write({"my.nb": "code 1\noutput\n", "a.py": "mine\n"})
    world.git("add", "my.nb")
    os.utime(world.top / "my.nb", (1, 1))

    world.checkout(run, save=True, **form)

    assert world.text("my.nb") == "code 1\noutput\n"


def test_a_file_with_a_filter_that_a_sparse_checkout_hides_is_no_matter(world: World) -> None:
    notebooks(world)
    world.commit({"out/my.nb": "code\n"})
    run = world.dirty()
    world.write({"out/my.nb": "code\noutput\n", "a.py": "mine\n"})
    world.checkout(run, save=True)
    world.git("sparse-checkout", "set", "lib")

    world.back(save=True)

    assert world.text("a.py") == "mine\n"
    assert not (world.top / "out").exists()


def test_a_path_that_is_as_the_run_has_it_but_for_its_filter_is_left(world: World) -> None:
    notebooks(world)
    world.write({"my.nb": "code 2\n"})
    run = world.run()
    world.write({"my.nb": "code 2\noutput\n"})

    world.checkout(run, paths=("my.nb",))

    assert world.text("my.nb") == "code 2\noutput\n"


@pytest.mark.parametrize("setting", ["true", "input"])
def test_line_endings_come_back_as_they_were(world: World, setting: str) -> None:
    world.commit({"unix": "1\n2\n", "dos": "1\r\n2\r\n", "same": "1\n"})
    world.git("config", "core.autocrlf", setting)
    world.write({"unix": "2\n", "dos": "2\n"})
    run = world.run()
    world.git("reset", "-q", "--hard")
    world.write({"unix": "mine\n", "dos": "mine\r\n", "new": "1\r\n2\n", "unix.txt": "1\n"})
    before = world.state()

    world.checkout(run, exact=True)

    world.back()
    assert world.state() == before


def test_lfs_files_go_out_and_come_back(world: World) -> None:
    if not shutil.which("git-lfs"):
        pytest.fail("git-lfs is not installed: apt install git-lfs")
    world.git("lfs", "install", "--local")
    world.commit({".gitattributes": "*.bin filter=lfs diff=lfs merge=lfs -text\n", "m.bin": b"1"})
    world.write({"m.bin": b"weights of the run", "n.bin": b"more"})
    run = world.run()
    world.write({"m.bin": b"mine", "o.bin": b"mine too"})
    before = world.state()

    answer = world.checkout(run, exact=True)

    assert (world.text("m.bin"), world.text("n.bin")) == ("weights of the run", "more")
    assert answer.removed == ("o.bin",)
    assert world.tree(run.commit)[b"m.bin"].startswith(b"version https://git-lfs")
    world.back()
    assert world.state() == before


@pytest.mark.slow
@pytest.mark.parametrize("form", [{}, {"keep_base": True}, {"paths": ("in",)}])
@pytest.mark.parametrize("cone", ["--cone", "--no-cone"])
def test_a_sparse_checkout_stays_sparse(world: World, form: dict[str, Any], cone: str) -> None:
    world.commit({"in/x": "1\n", "out/y": "1\n"})
    world.write({"in/x": "2\n"})
    run = world.run()
    world.git("reset", "-q", "--hard")
    world.commit({"out/y": "2\n", "in/z": "1\n"})
    world.git("sparse-checkout", "set", cone, "in")
    world.write({"in/z": "mine\n", "in/new": "1\n"})
    before = world.state()

    world.checkout(run, save=True, **form)

    assert world.text("in/x") == "2\n"
    assert not (world.top / "out").exists()
    assert "out/y" not in world.git("status", "--porcelain")
    world.back()
    assert world.state() == before


def test_a_path_outside_of_a_sparse_checkout_is_written_and_goes_again(world: World) -> None:
    world.commit({"in/x": "1\n", "out/y": "1\n"})
    run = world.run()
    world.commit({"out/y": "2\n"})
    world.git("sparse-checkout", "set", "in")
    before = world.state()

    world.checkout(run, save=True, paths=("out",))

    assert world.text("out/y") == "1\n"
    world.back()
    assert world.state() == before


def test_a_partial_clone_fetches_what_it_lacks(world: World, tmp_path: Path) -> None:
    world.git("config", "uploadpack.allowFilter", "true")
    world.git("config", "uploadpack.allowAnySHA1InWant", "true")
    run = world.dirty()
    url = f"file://{world.top}"
    world.git("clone", "-q", "--filter=blob:none", url, str(tmp_path / "partial"))
    partial = World(tmp_path / "partial")
    partial.git("fetch", "-q", "origin", run.commit)
    partial.write({"lib/b.py": "mine\n"})

    partial.checkout(run, save=True)

    assert partial.contents() == world.tree(run.commit)
    partial.back()
    assert partial.text("lib/b.py") == "mine\n"


@pytest.fixture
def outer(world: World, tmp_path: Path) -> World:
    """A repository with a populated submodule, in which there is untracked work."""
    inner = World(tmp_path / "inner")
    inner.commit({"x": "1\n"})
    world.git("config", "--global", "protocol.file.allow", "always")
    world.git("submodule", "--quiet", "add", str(inner.top), "sub")
    world.commit()
    (world.top / "sub/mine").write_text("untracked\n")
    return world


@pytest.mark.slow
@pytest.mark.parametrize("recurse", ["false", "true"])
@pytest.mark.parametrize("form", [{}, {"save": True}, {"exact": True}, {"keep_base": True}])
def test_a_submodule_and_what_is_in_it_are_left_alone(
    outer: World, form: dict[str, Any], recurse: str
) -> None:
    outer.git("config", "submodule.recurse", recurse)
    outer.write({"a.py": "a2\n"})
    run = outer.run()
    (outer.top / "sub/x").write_text("edited\n")
    outer.write({"a.py": "a2\n", "other": "1\n"})
    inside = {path: data for path, data in outer.contents().items() if path.startswith(b"sub/")}

    outer.checkout(run, **form)

    now = outer.contents()
    assert {path: data for path, data in now.items() if path.startswith(b"sub/")} == inside
    assert now[b"a.py"] == b"a2\n"
    if form.get("save"):
        outer.back()
        assert outer.text("other") == "1\n"


@pytest.mark.parametrize("form", [{}, {"keep_base": True}])
def test_a_submodule_stays_at_its_commit_when_everything_is_put_aside(
    outer: World, form: dict[str, Any]
) -> None:
    outer.git("config", "submodule.recurse", "true")
    inner = World(outer.top / "sub")
    inner.git("checkout", "-q", "--detach")
    first, second = inner.git("rev-parse", "HEAD"), inner.commit({"x": "2\n"})
    run = outer.run()
    inner.git("checkout", "-q", first)
    third = inner.commit({"y": "1\n"})
    before = outer.state()

    answer = outer.checkout(run, save=True, **form)

    assert inner.git("rev-parse", "HEAD") == third
    assert outer.git("rev-parse", f"{run.commit}:sub", f"{answer.saved}:sub").split() == [
        second,
        third,
    ]
    outer.back()
    assert outer.state() == before


@pytest.mark.parametrize("save", [False, True])
@pytest.mark.parametrize("name", ["sub", "sub/other"])
def test_a_file_in_place_of_a_submodule_is_refused(outer: World, name: str, save: bool) -> None:
    blob = outer.git("rev-parse", "main:a.py")
    index = {**outer.env, "GIT_INDEX_FILE": str(outer.top / ".git/without")}
    outer.git("read-tree", "main~1", env=index)
    outer.git("update-index", "--add", "--cacheinfo", f"100644,{blob},{name}", env=index)
    tree = outer.git("write-tree", env=index)
    run = Run(id="r", commit=outer.git("commit-tree", tree, "-p", "main~1", "-m", "run: r"))

    with pytest.raises(errors.Refused, match="'sub/' is in the way"):
        outer.checkout(run, save=save)

    assert (outer.top / "sub/mine").read_text() == "untracked\n"
    assert outer.git("symbolic-ref", "HEAD") == "refs/heads/main"


@pytest.mark.slow
@pytest.mark.parametrize(
    "setting",
    [("core.splitIndex", "true"), ("index.version", "4"), ("core.untrackedCache", "true"),
     ("core.fileMode", "false"), ("core.ignoreStat", "true")],
)  # fmt: skip
@pytest.mark.parametrize("form", [{}, {"keep_base": True}])
def test_an_index_of_another_kind_is_no_matter(
    world: World, setting: tuple[str, str], form: dict[str, Any]
) -> None:
    world.git("config", *setting)
    world.git("update-index", "--force-write-index")
    world.commit({"more": "1\n"})
    run = world.dirty()
    world.write({"a.py": "longer\n", "lib/b.py": "mine\n", "other": "1\n"})
    (world.top / "other").chmod(0o755)
    world.git("add", "more")
    before = world.state()

    world.checkout(run, save=True, **form)

    assert world.contents().items() >= world.tree(run.commit).items()
    world.back()
    assert world.state() == before


def test_a_split_index_is_split_still(world: World) -> None:
    world.git("config", "core.splitIndex", "true")
    run = world.dirty()
    world.write({"a.py": "a2\n"})

    world.checkout(run)

    assert list((world.top / ".git").glob("sharedindex.*"))
    assert b"link" in (world.top / ".git/index").read_bytes()


def test_inside_a_hook_it_is_the_hooks_index_that_moves(world: World) -> None:
    run = world.dirty()
    index = world.top / ".git/hook.index"
    index.write_bytes((world.top / ".git/index").read_bytes())
    main = (world.top / ".git/index").read_bytes()
    world.env["GIT_INDEX_FILE"] = str(index)

    world.checkout(run, keep_base=True)

    assert world.contents() == world.tree(run.commit)
    assert (world.top / ".git/index").read_bytes() == main


def test_without_a_name_or_a_home_it_is_saved_all_the_same(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = world.dirty()
    world.write({"a.py": "mine\n"})
    (tmp_path / "home/.gitconfig").unlink()
    world.env.pop("HOME")

    answer = world.checkout(run, save=True)

    assert world.git("show", "-s", "--format=%an <%ae>", answer.saved or "") == (
        "git-exp <git-exp@localhost>"
    )


def test_temporary_files_are_gone_afterwards(world: World) -> None:
    run = world.dirty()
    notebooks(world)
    world.write({"my.nb": "output\n", "a.py": "mine\n"})

    world.checkout(run, exact=True)
    world.back()

    assert list((world.top / ".git/exp/tmp").iterdir()) == []
    assert not any(name.startswith(b"tmp") for name in world.files())
