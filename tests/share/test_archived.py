"""Archives and what is deleted: no archive holds the code of a run that is gone."""

from __future__ import annotations

from pathlib import Path

import pytest

from git_exp import share
from git_exp.share import archive
from tests.share.world import Clone, git

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
