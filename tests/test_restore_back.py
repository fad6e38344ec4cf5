"""git_exp.restore: what is put aside, byte for byte, and the way back to it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from git_exp import errors, restore
from git_exp.git import refs
from git_exp.restore.answer import Kept
from tests.world import State, World


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path / "world")
    made.commit({"a.py": "a1\n", "lib/b.py": "b1\n", ".gitignore": "*.log\n"})
    return made


def test_everything_put_aside_comes_back(world: World) -> None:
    run = world.dirty()
    world.write({"a.py": "staged\n", "added": "1\n", "big": os.urandom(100_000)})
    world.git("add", "a.py", "added")
    world.git("rm", "-q", "--cached", "lib/b.py")
    world.write({"a.py": "worked\n", "new/n.py": "mine\n", "keep.log": "ignored\n"})
    world.write({".env": "SECRET=1\n", "name\nwith 'odd\" \t bytes": "1\n"})
    (world.top / os.fsdecode(b"caf\xe9")).write_text("no UTF-8\n")
    (world.top / "link").symlink_to("nowhere")
    (world.top / "tool").write_text("#!/bin/sh\n")
    (world.top / "tool").chmod(0o755)
    before = world.state()

    answer = world.checkout(run, save=True)

    assert world.contents().items() >= world.tree(run.commit).items()
    assert answer.way_back == "git exp checkout @{saved}"
    back = world.back()
    assert world.state() == before
    assert (back.branch, back.commit) == (
        "refs/heads/main",
        world.git("rev-parse", str(answer.saved)),
    )


def test_what_was_saved_is_a_stash_that_a_stock_git_applies(world: World) -> None:
    run = world.dirty()
    world.write({"a.py": "mine\n", "other": "1\n"})

    answer = world.checkout(run, save=True)

    world.git("checkout", "-q", "-f", "main")
    (world.top / "other").unlink()
    world.git("stash", "apply", "-q", str(answer.saved))
    assert (world.text("a.py"), world.text("other")) == ("mine\n", "1\n")


def test_a_saved_ref_has_no_reflog_and_nothing_of_git_knows_of_it(world: World) -> None:
    world.git("config", "core.logAllRefUpdates", "always")
    world.hook("reference-transaction", "touch ran")
    world.hook("post-index-change", "touch ran")
    run = world.dirty()
    (world.top / "ran").unlink(missing_ok=True)
    world.write({"a.py": "mine\n"})

    answer = world.checkout(run, keep_base=True, save=True)

    assert answer.saved
    assert not (world.top / ".git/logs" / answer.saved).exists()
    assert world.git("stash", "list") == ""
    assert world.git("show", "-s", "--format=%an %s", answer.saved).startswith("Ada saved: ")


def test_a_checkout_of_a_clean_worktree_can_be_saved_too(world: World) -> None:
    run = world.dirty()
    before = world.state()

    world.checkout(run, save=True, branch="there")

    world.back()
    assert world.state() == before


def test_the_newest_of_several_is_the_one_that_comes_back(world: World) -> None:
    run = world.dirty()
    states: list[tuple[str, State]] = []
    for text in ("one\n", "two\n", "three\n"):
        world.write({"a.py": text})
        before = world.state()
        states.append((world.checkout(run, save=True).saved or "", before))

    world.back()
    assert world.state() == states[-1][1]
    for name, before in states:
        world.back(name, save=True)
        assert world.state() == before


def test_a_worktree_gets_back_what_was_put_aside_in_it(world: World, tmp_path: Path) -> None:
    run = world.dirty()
    world.git("worktree", "add", "-q", str(tmp_path / "linked"), "-b", "other")
    linked = World(tmp_path / "linked")
    linked.write({"a.py": "in the linked one\n"})
    world.write({"a.py": "in the main one\n"})
    before, linked_before = world.state(), linked.state()

    world.checkout(run, save=True)
    linked.checkout(run, save=True)

    world.back()
    linked.back()
    assert (world.state(), linked.state()) == (before, linked_before)


def test_where_nothing_was_put_aside_the_answer_is_not_found(world: World) -> None:
    world.git("update-ref", "refs/exp/saved/stray", "HEAD")

    for name in ("@{saved}", "refs/exp/saved/none", "refs/exp/saved/stray"):
        with pytest.raises(errors.NotFound):
            restore.saved(world.repo(), name)
    assert restore.saved(world.repo(), "main") is None


def test_the_way_back_overwrites_no_local_change_either(world: World) -> None:
    run = world.dirty()
    world.write({"a.py": "mine\n", "new/n.py": "mine too\n"})
    before = world.state()
    world.checkout(run, save=True)
    world.write({"a.py": "and now this\n"})
    edited = world.state(exact=True)

    with pytest.raises(errors.Refused, match=r"'a\.py'"):
        world.back()

    assert world.state(exact=True) == edited
    name = str(world.back(save=True).saved)
    assert world.state() == before
    world.back(name)
    assert world.state(exact=False).files == edited.files


def test_an_untracked_file_of_later_stays_where_the_way_back_leads_elsewhere(world: World) -> None:
    run = world.dirty()
    world.write({"a.py": "mine\n"})
    world.checkout(run, save=True)
    world.write({"later": "1\n"})

    answer = world.back()

    assert (answer.untracked, world.text("later")) == (("later",), "1\n")


def test_a_branch_that_moved_meanwhile_stays_and_head_is_detached(world: World) -> None:
    run = world.dirty()
    old = world.git("rev-parse", "main")
    world.write({"a.py": "mine\n"})
    files = world.files()
    world.checkout(run, save=True)
    world.git("checkout", "-q", "main")
    new = world.commit({"more": "1\n"})

    answer = world.back()

    assert (answer.branch, answer.head) == (None, old)
    assert world.git("rev-parse", "main") == new
    assert world.files() == files


def test_a_branch_that_is_in_another_worktree_now_is_left_to_it(
    world: World, tmp_path: Path
) -> None:
    run = world.dirty()
    world.checkout(run, save=True)
    world.git("worktree", "add", "-q", str(tmp_path / "linked"), "main")

    answer = world.back()

    assert (answer.branch, answer.head) == (None, world.git("rev-parse", "main"))


def test_an_unborn_branch_is_unborn_again(tmp_path: Path) -> None:
    world = World(tmp_path / "unborn")
    world.write({"a.py": "1\n", "b.py": "1\n"})
    run = world.run()
    world.write({"a.py": "mine\n", "c.py": "1\n"})
    world.git("add", "c.py")
    before = world.state()

    world.checkout(run, save=True, exact=True)

    world.back()
    assert world.state() == before
    world.git("add", "-A")
    world.git("commit", "-q", "-m", "born")
    with pytest.raises(errors.Refused, match="has commits now"):
        world.back()


def test_a_branch_of_any_name_is_found_again(world: World) -> None:
    run = world.dirty()
    name = os.fsdecode("über/".encode() + b"\xff%20")
    world.git("checkout", "-q", "-b", name)
    before = world.state()

    world.checkout(run, save=True)

    assert world.back().branch == f"refs/heads/{name}"
    assert world.state() == before


def test_ignored_files_in_the_way_are_put_aside_too(world: World) -> None:
    run = world.forced({"data.log": "of the run\n", "out.log": "the same\n"})
    world.write({"data.log": "precious\n", "out.log": "the same\n", "else.log": "elsewhere\n"})
    before = world.state()

    world.checkout(run, save=True, keep_base=True)

    assert world.text("data.log") == "of the run\n"
    world.back()
    assert world.state() == before


def test_a_folder_in_place_of_a_file_comes_back_with_all_that_is_in_it(world: World) -> None:
    run = world.dirty()
    (world.top / "a.py").unlink()
    world.write({"a.py/x": "1\n", "a.py/deep/y.log": "ignored\n", "new": "a file\n"})
    (world.top / "lib").rename(world.top / "moved")
    (world.top / "lib").symlink_to("moved")
    before = world.state()

    world.checkout(run, save=True)

    assert world.contents().items() >= world.tree(run.commit).items()
    world.back()
    assert world.state() == before


def test_marks_in_the_index_come_back_and_hide_nothing_from_us(world: World) -> None:
    world.commit({"assumed": "1\n", "skipped": "1\n", "both": "1\n", "meant": "1\n"})
    run = world.dirty()
    world.git("rm", "-q", "--cached", "meant")
    world.git("commit", "-q", "-m", "without")
    world.git("add", "--intent-to-add", "meant")
    world.git("update-index", "--assume-unchanged", "assumed", "both")
    world.git("update-index", "--skip-worktree", "skipped", "both")
    world.write({"assumed": "mine\n", "skipped": "mine\n", "both": "mine\n"})
    before = world.state()

    answer = world.checkout(run, save=True)

    # git leaves alone what is marked skip-worktree, and so does a checkout of a run.
    assert [world.text(name) for name in ("assumed", "skipped", "both")] == ["1\n", *["mine\n"] * 2]
    assert answer.kept == (Kept("M", "both"), Kept("M", "skipped"))
    world.back()
    assert world.state() == before


def test_a_hidden_change_that_would_be_overwritten_is_refused(world: World) -> None:
    run = world.dirty()
    world.git("update-index", "--assume-unchanged", "a.py")
    world.write({"a.py": "mine\n"})

    assert "'a.py'" in world.refused(run)


def test_private_permissions_come_back(world: World) -> None:
    run = world.dirty()
    world.write({"id_rsa": "secret\n", "new/n.py": "mine\n", "tool": "1\n", "lib/b.py": "2\n"})
    (world.top / "id_rsa").chmod(0o600)
    (world.top / "new/n.py").chmod(0o640)
    (world.top / "tool").chmod(0o4755)
    (world.top / "lib/b.py").chmod(0o3644)
    before = world.state()

    world.checkout(run, exact=True)

    assert not (world.top / "id_rsa").exists()
    world.back()
    assert world.state() == before


def test_a_file_that_cannot_be_put_aside_is_not_overwritten(world: World) -> None:
    run = world.dirty()
    world.git("config", "filter.no.clean", "false")
    world.git("config", "filter.no.required", "true")
    (world.top / ".git/info/attributes").write_text("a.py filter=no\n")
    world.write({"a.py": "mine\n"})

    assert "cannot put aside 'a.py'" in world.refused(run, save=True)


def test_an_untracked_file_that_git_cannot_hold_stays_and_is_named(world: World) -> None:
    run = world.dirty()
    world.write({"git~1": "mine\n", "other": "mine\n"})

    answer = world.checkout(run, exact=True)

    assert answer.unsaved == answer.untracked == ("git~1",)
    assert world.text("git~1") == "mine\n"


def test_exact_leaves_the_files_of_the_run_and_the_ignored_ones(world: World) -> None:
    run = world.dirty()
    world.write({"other/deep/x": "1\n", "y": "1\n", "keep.log": "1\n", "new/mine": "1\n"})
    (world.top / "empty").mkdir()
    before = world.state()

    answer = world.checkout(run, exact=True)

    kept = {b"keep.log": b"1\n"}
    assert world.contents() == world.tree(run.commit) | kept
    assert answer.removed == ("new/mine", "other/deep/x", "y")
    assert (answer.untracked, answer.unsaved) == ((), ())
    assert not (world.top / "other").exists()
    assert (world.top / "empty").is_dir()
    world.back()
    assert world.state() == before


def test_exact_keeps_what_the_run_had_uncommitted(world: World) -> None:
    run = world.dirty()
    world.write({"other": "1\n"})

    answer = world.checkout(run, exact=True, keep_base=True)

    assert world.contents() == world.tree(run.commit)
    assert answer.removed == ("other",)


def test_exact_removes_no_file_that_was_ignored_before(world: World) -> None:
    world.write({".gitignore": ""})
    run = world.run()
    world.git("checkout", "-q", ".gitignore")
    world.write({"precious.log": "1\n"})

    answer = world.checkout(run, exact=True)

    assert (answer.removed, answer.untracked) == ((), ("precious.log",))
    assert world.text("precious.log") == "1\n"


def test_exact_leaves_embedded_repositories_and_the_folder_that_the_user_is_in(
    world: World,
) -> None:
    run = world.dirty()
    World(world.top / "inner").commit({"x": "1\n"})
    world.write({"here/now/x": "1\n"})

    answer = world.checkout(run, "here/now", exact=True)

    assert (answer.removed, answer.untracked) == (("here/now/x",), ("inner/",))
    assert (world.top / "inner/.git").is_dir()
    assert (world.top / "here/now").is_dir()
    assert not answer.folder_gone


def test_exact_leaves_a_file_that_changed_since_it_was_saved(world: World) -> None:
    run = world.dirty()
    world.write({"saved": "1\n", "moving": "1\n", "link": "1\n"})
    world.hook("post-checkout", "echo 2 >moving; rm link; ln -s nowhere link; mkfifo fifo")

    answer = world.checkout(run, exact=True)

    assert (answer.removed, answer.untracked) == (("saved",), ("link", "moving"))
    assert world.text("moving") == "2\n"


def test_a_repository_without_room_for_it_puts_nothing_aside(world: World) -> None:
    run = world.dirty()
    world.write({"a.py": "mine\n"})
    packed = world.top / ".git/refs/exp"
    packed.write_text("a file where saved refs would be\n")

    with pytest.raises(errors.RepositoryError):
        world.checkout(run, save=True)

    assert world.text("a.py") == "mine\n"
    assert world.git("symbolic-ref", "HEAD") == "refs/heads/main"
    assert refs.listing(world.repo(), "refs/exp/saved/") == {}
