"""Archives and what is deleted: no archive holds the code of a run that is gone."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from git_exp import data, errors, share
from git_exp.git import objects, refs
from git_exp.git.objects import BLOB
from git_exp.git.refs import Change
from git_exp.share import archive
from tests import keys
from tests.share.world import Clone, git, server

pytestmark = pytest.mark.usefixtures("plain_rules")


def everything(where: Path) -> set[str]:
    return set(git(where, "rev-list", "--all").split())


def test_a_run_that_somebody_else_deletes_leaves_the_archive_of_its_owner(
    here: Clone, mate: Clone, there: Path
) -> None:
    gone, kept = here.run("gone"), here.run("kept")
    archive.fold(here.store, [gone, kept])
    share.push(here.store)
    share.pull(mate.store)
    mate.store.remove([run for run in mate.store.runs() if run.id == gone.id])
    share.push(mate.store)
    assert gone.commit in everything(there)

    share.pull(here.store)
    share.push(here.store)

    for where in (here.path, there):
        assert gone.commit not in everything(where)
        assert kept.commit in everything(where)


@pytest.mark.parametrize("first", [True, False])
def test_a_run_that_is_deleted_before_its_archive_is_sent_never_leaves(
    here: Clone, there: Path, first: bool
) -> None:
    if not first:
        here.run("before")
        share.push(here.store)
    gone, kept = here.run("gone"), here.run("kept")
    archive.fold(here.store, [gone, kept])
    here.store.remove([run for run in here.store.runs() if run.id == gone.id])

    share.push(here.store)

    assert gone.commit not in everything(there)
    assert kept.commit in everything(there)


def test_our_own_deletions_are_not_said_to_come_from_elsewhere(here: Clone, mate: Clone) -> None:
    gone = here.run()
    share.push(here.store)
    share.pull(mate.store)
    here.store.remove([gone])

    ours = share.push(here.store)
    theirs = share.pull(mate.store)

    assert ours.merged.deleted == []
    assert len(ours.removed) == 2
    assert theirs.merged.deleted == [gone.commit]


def test_an_archived_run_of_ours_that_is_gone_here_comes_back(here: Clone, there: Path) -> None:
    run = here.run()
    archive.fold(here.store, [run])
    share.push(here.store)
    for name in here.refs(archive.PREFIX):
        here.git("update-ref", "-d", name)
    here.git("gc", "-q", "--prune=now")
    (found,) = here.store.runs()
    assert not here.store.has_code(found)

    share.hydrate(here.store, found)

    assert here.store.has_code(found)
    assert here.refs("refs/runs") == {f"refs/runs/{run.id}": run.commit}


def test_code_stays_where_the_archive_of_that_name_does_not_hold_it(
    here: Clone, mate: Clone, there: Path, tmp_path: Path
) -> None:
    second = server(tmp_path / "second.git")
    for clone in (here, mate):
        clone.git("remote", "add", "second", second)
    archive.fold(here.store, [here.run("first")])
    share.push(here.store, "second")
    late = here.run("late")
    share.push(here.store, "second")
    archive.fold(here.store, [late])
    share.push(here.store, "origin")

    share.pull(mate.store, "origin")
    share.push(mate.store, "second")

    assert late.commit in everything(second)


def test_what_an_archived_run_has_since_it_was_sent_is_looked_at(here: Clone, there: Path) -> None:
    run = here.run()
    share.push(here.store)
    repo = here.store.repo
    writer, name = objects.Writer(repo), data.name(run.id)
    old = refs.resolve(repo, name)
    found = objects.commit(repo, old or "")
    assert found
    said = (BLOB, writer.blob(keys.token().encode()))
    tree = writer.tree(found.tree, {"output/stdout": said})
    who = found.author
    grown = writer.commit(tree, [old or ""], "data\n", author=who, committer=who)
    refs.update(repo, [Change(name=name, new=grown, old=old)])
    archive.fold(here.store, [run])

    with pytest.raises(errors.SecretsFound):
        share.push(here.store)

    assert grown not in everything(there)


def test_a_copy_of_a_clone_writes_archives_of_its_own(
    here: Clone, there: Path, tmp_path: Path
) -> None:
    archive.fold(here.store, [here.run("before")])
    shutil.copytree(here.path, tmp_path / "copy", symlinks=True)
    copy = Clone(tmp_path / "copy")
    runs = [one.run() for one in (here, copy)]
    for one, run in zip((here, copy), runs, strict=True):
        archive.fold(one.store, [run])

    for one in (here, copy, here, copy):
        assert share.push(one.store).refused == {}

    assert {run.commit for run in runs} <= everything(there)
    assert len(git(there, "for-each-ref", archive.PREFIX).splitlines()) == 2


def test_an_archive_goes_over_another_only_where_it_holds_all_of_it(
    here: Clone, there: Path, tmp_path: Path
) -> None:
    """Two clones may still take themselves for one: of one image, on machines without an id."""
    kept = here.run("kept")
    archive.fold(here.store, [kept])
    share.push(here.store)
    (name,) = here.refs(archive.PREFIX)
    here.git("update-ref", "refs/x", name)
    here.git("update-ref", "-d", name)
    archive.fold(here.store, [here.run("other")])

    done = share.push(here.store)

    assert list(done.refused) == [name]
    assert kept.commit in everything(there)


def test_an_archive_written_anew_is_sent_though_what_was_there_is_gone_here(
    here: Clone, there: Path
) -> None:
    gone, kept = here.run("gone"), here.run("kept")
    archive.fold(here.store, [gone, kept])
    share.push(here.store)
    here.store.remove([run for run in here.store.runs() if run.id == gone.id])
    archive.drop(here.store, {gone.commit})
    here.git("gc", "-q", "--prune=now")

    assert share.push(here.store).refused == {}

    assert gone.commit not in everything(there)
    assert kept.commit in everything(there)


def test_records_wait_for_an_archive_that_is_refused(here: Clone, there: Path) -> None:
    run = here.run()
    archive.fold(here.store, [run])
    hook = there / "hooks" / "update"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\ncase $1 in refs/exp/archive/*) exit 1;; esac\n")
    hook.chmod(0o755)

    done = share.push(here.store)

    assert [name.startswith(archive.PREFIX) for name in done.refused] == [True]
    assert git(there, "for-each-ref", "refs/notes") == ""
    hook.unlink()
    assert share.push(here.store).refused == {}
    assert run.commit in everything(there)
