"""Servers with rules of their own: what they refuse is told, and all else goes on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from git_exp import data, errors, share
from git_exp.share import sending
from tests.conftest import Exp
from tests.families import few
from tests.share.world import Clone, clone, git, server

pytestmark = pytest.mark.usefixtures("plain_rules")


def set_(where: Path, key: str, value: str) -> None:
    git(where, "config", "--add", key, value)


def hook(where: Path, name: str, text: str) -> None:
    path = where / "hooks" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def held(where: Path, *prefixes: str) -> set[str]:
    """The names of the refs of a repository."""
    return set(git(where, "for-each-ref", "--format=%(refname)", *prefixes).split())


def noted(where: Path) -> set[str]:
    """The commits that have a note there."""
    if not held(where, "refs/notes/exp"):
        return set()
    listed = git(where, "notes", "--ref=exp", "list").splitlines()
    return {line.split()[1] for line in listed}


def calls(folder: Path) -> int:
    """How often a hook that appends to this file was called."""
    return len(folder.read_text().splitlines()) if folder.exists() else 0


def between(patch: pytest.MonkeyPatch, name: str, act: Callable[[], object]) -> list[str]:
    """Have something happen once, just before a step of the push; each time it is taken."""
    real, waiting, taken = getattr(sending, name), [act], list[str]()

    def late(*args: Any) -> Any:
        taken.append(name)
        while waiting:
            waiting.pop()()
        return real(*args)

    patch.setattr(sending, name, late)
    return taken


def test_a_server_whose_notes_moved_meanwhile_refuses_once_and_gets_both(
    here: Clone, mate: Clone, there: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_(there, "receive.denyNonFastForwards", "true")
    mine, theirs = here.run("mine"), mate.run("theirs")
    sends = between(monkeypatch, "_send", lambda: share.push(mate.store))
    share.push(here.store)

    # Ours, theirs in the midst of it, and ours once more: the code was there by then.
    assert len(sends) == 3
    assert noted(there) == {mine.commit, theirs.commit}
    assert here.runs() == sorted([mine.id, theirs.id])
    assert git(there, "rev-parse", "refs/notes/exp^{tree}") == here.tree()
    assert not git(there, "fsck", "--connectivity-only", "--no-dangling")


def test_a_server_that_denies_deletes_means_branches(here: Clone, there: Path, exp: Exp) -> None:
    set_(there, "receive.denyDeletes", "true")
    gone, kept = here.run("gone"), here.run("kept")
    share.push(here.store)
    here.store.remove([gone])

    done = exp("push", cwd=here.path)

    assert "removed 2 refs" in done.stdout
    assert held(there, "refs/runs") == {f"refs/runs/{kept.id}"}


@pytest.mark.slow
def test_a_server_that_lets_nobody_delete_keeps_the_code_and_gets_the_tombstone(
    here: Clone, mate: Clone, there: Path, exp: Exp
) -> None:
    hook(there, "update", "case $3 in *[!0]*) ;; *) echo kept for the audit; exit 1;; esac")
    gone, kept = here.run("gone"), here.run("kept")
    share.push(here.store)
    share.pull(mate.store)
    here.store.remove([gone])
    new = here.run("new")

    first = exp("push", cwd=here.path, code=5)
    share.pull(mate.store)
    mate.note(kept, "seen")
    again = exp("push", cwd=mate.path, code=5)
    share.pull(here.store)

    for done in (first, again):
        (line, *_) = done.stderr.splitlines()
        assert line.startswith("fatal: remote 'origin': it refuses refs/")
        assert gone.id in line
        assert "hook declined" in line
    assert held(there, "refs/runs") == {f"refs/runs/{one.id}" for one in (gone, kept, new)}
    assert here.runs() == mate.runs() == sorted([kept.id, new.id])
    assert here.tree() == mate.tree() == git(there, "rev-parse", "refs/notes/exp^{tree}")
    assert not here.refs(f"refs/runs/{gone.id}")


@pytest.mark.slow
@pytest.mark.parametrize("key", few(1, ["transfer.hideRefs", "receive.hideRefs"]))
@pytest.mark.parametrize("hidden", ["refs/exp", "refs/runs", "refs/notes"])
def test_what_a_server_hides_is_a_clear_refusal(
    here: Clone, there: Path, exp: Exp, key: str, hidden: str
) -> None:
    set_(there, key, hidden)
    plain = here.run("plain", series=False)
    large = here.run("large")

    done = exp("push", cwd=here.path, code=5)
    again = exp("push", cwd=here.path, code=5)

    for one in (done, again):
        assert one.stderr.count("fatal:") == 1
        assert "Traceback" not in one.stderr
        assert "deny updating a hidden ref" in one.stderr
    if hidden == "refs/exp":
        assert noted(there) == {plain.commit}, "the record of a run whose data is not there"
    else:
        assert not noted(there)
    assert here.runs() == sorted([plain.id, large.id])


def test_a_server_that_hides_everything_gets_nothing(here: Clone, there: Path, exp: Exp) -> None:
    for one in ("refs/exp", "refs/runs", "refs/notes"):
        set_(there, "transfer.hideRefs", one)
    before = held(there)
    run = here.run()

    done = exp("push", cwd=here.path, code=5)
    pulled = exp("pull", cwd=here.path)

    assert f"it refuses {run.id}: deny updating a hidden ref\n" in done.stderr
    assert pulled.stdout == "From origin: no new records\n"
    assert held(there) == before


def test_a_server_that_shows_nothing_of_runs_may_still_take_them(
    here: Clone, there: Path, exp: Exp
) -> None:
    set_(there, "uploadpack.hideRefs", "refs/exp")
    run = here.run()
    share.push(here.store)
    more = here.run()

    exp("push", cwd=here.path)

    assert noted(there) == {run.commit, more.commit}


@pytest.mark.slow
def test_a_hook_that_refuses_one_ref_of_many_holds_back_one_record(
    here: Clone, there: Path, exp: Exp
) -> None:
    runs = [here.run(f"run {at}") for at in range(12)]
    bad, good = runs[7], [run for run in runs if run is not runs[7]]
    hook(there, "update", f"case $1 in refs/runs/{bad.id}) echo not this; exit 1;; esac")

    done = exp("push", cwd=here.path, code=5)

    assert f"it refuses {bad.id}: hook declined\n" in done.stderr
    assert noted(there) == {run.commit for run in good}
    assert held(there, "refs/runs") == {f"refs/runs/{run.id}" for run in good}
    assert held(there, "refs/exp/data") == {data.name(run.id) for run in good}

    hook(there, "update", "exit 0")
    exp("push", cwd=here.path)

    assert noted(there) == {run.commit for run in runs}


def test_a_hook_that_refuses_the_data_of_a_run_holds_back_its_record(
    here: Clone, there: Path
) -> None:
    runs = [here.run(f"run {at}") for at in range(4)]
    hook(there, "update", f"case $1 in {data.name(runs[2].id)}) exit 1;; esac")

    done = share.push(here.store)

    assert list(done.refused) == [runs[2].id]
    assert noted(there) == {run.commit for run in runs} - {runs[2].commit}


@pytest.mark.slow
def test_a_hook_that_refuses_everything_is_asked_a_few_times_only(
    here: Clone, there: Path, tmp_path: Path, exp: Exp
) -> None:
    runs = [here.run(f"run {at}", series=False) for at in range(20)]
    asked = tmp_path / "asked"
    hook(there, "pre-receive", f"echo x >>'{asked}'; echo closed for today; exit 1")
    before = held(there)

    done = exp("push", cwd=here.path, code=5)

    assert calls(asked) <= 12
    assert "fatal: remote 'origin': it refuses " in done.stderr
    assert "pre-receive hook declined" in done.stderr
    assert "and 19 more" in done.stderr
    assert held(there) == before
    hook(there, "pre-receive", "exit 0")
    exp("push", cwd=here.path)
    assert noted(there) == {run.commit for run in runs}


def test_a_hook_that_refuses_the_notes_lets_the_code_through(
    here: Clone, there: Path, tmp_path: Path, exp: Exp
) -> None:
    run, asked = here.run(), tmp_path / "asked"
    refuse = f"case $1 in refs/notes/exp) echo x >>'{asked}'; exit 1;; esac"
    hook(there, "update", refuse)

    done = exp("push", cwd=here.path, code=5)

    assert "fatal: remote 'origin': it refuses refs/notes/exp: hook declined\n" in done.stderr
    assert calls(asked) == 1
    assert held(there, "refs/runs") == {f"refs/runs/{run.id}"}
    hook(there, "update", "exit 0")
    again = share.push(here.store)
    assert (again.runs, again.records) == ([], [run.commit])


def test_a_server_without_atomic_pushes_gets_the_rest_of_a_batch(
    here: Clone, there: Path, exp: Exp
) -> None:
    set_(there, "receive.advertiseAtomic", "false")
    runs = [here.run(f"run {at}") for at in range(6)]
    hook(there, "update", f"case $1 in refs/runs/{runs[3].id}) exit 1;; esac")

    done = exp("push", cwd=here.path, code=5)
    here.store.remove([runs[0]])
    exp("push", cwd=here.path, code=5)

    assert f"it refuses {runs[3].id}: hook declined" in done.stderr
    good = {run.id for run in runs} - {runs[0].id, runs[3].id}
    assert held(there, "refs/runs") == {f"refs/runs/{one}" for one in good}
    assert noted(there) == {run.commit for run in runs} - {runs[3].commit}


def test_a_server_that_takes_no_push_at_all_is_one_clear_line(
    here: Clone, there: Path, exp: Exp
) -> None:
    run = here.run()
    share.push(here.store)
    here.note(run, "more")
    before = here.refs()
    there.rename(there.with_name("moved.git"))

    pushed = exp("push", cwd=here.path, code=5)
    pulled = exp("pull", cwd=here.path, code=5)

    for done in (pushed, pulled):
        assert done.stdout == ""
        fatal, hint = done.stderr.splitlines()
        assert fatal.startswith("fatal: remote 'origin': '")
        assert fatal.endswith("does not appear to be a git repository")
        assert hint.startswith("hint: ")
    assert here.refs() == before


def test_an_empty_server_gives_nothing_and_takes_all(here: Clone, tmp_path: Path, exp: Exp) -> None:
    empty = server(tmp_path / "empty.git")
    here.git("remote", "add", "empty", empty)
    run = here.run()

    pulled = exp("pull", "empty", cwd=here.path)
    pushed = exp("push", "empty", cwd=here.path)

    assert pulled.stdout == "From empty: no new records\n"
    assert "To empty: sent " in pushed.stdout
    assert noted(empty) == {run.commit}
    assert held(empty) == {"refs/notes/exp", f"refs/runs/{run.id}", data.name(run.id)}


def test_two_remotes_with_runs_of_their_own_get_what_each_lacks(
    here: Clone, there: Path, tmp_path: Path
) -> None:
    private = server(tmp_path / "private.git")
    git(there, "push", "-q", private, "refs/heads/main")
    other = clone(private, tmp_path / "other")
    theirs = other.run("theirs")
    share.push(other.store)
    here.git("remote", "add", "private", private)
    here.git("config", "exp.remote", "private")
    mine = here.run("mine")

    first = share.push(here.store)

    assert first.remote == "private"
    assert noted(private) == {mine.commit, theirs.commit}
    assert held(there) == {"refs/heads/main"}

    share.push(here.store, "origin")

    # Records of all that is known go; the code of what was never looked at is not here to go.
    assert held(there, "refs/runs") == {f"refs/runs/{mine.id}"}
    assert noted(there) == noted(private)


def test_a_server_that_was_made_anew_is_filled_again(here: Clone, there: Path) -> None:
    runs = [here.run() for _ in range(3)]
    share.push(here.store)
    for name in held(there, "refs/runs", "refs/exp", "refs/notes"):
        git(there, "update-ref", "-d", name)
    git(there, "gc", "-q", "--prune=now")

    share.pull(here.store)
    done = share.push(here.store)

    assert sorted(done.runs) == sorted(run.id for run in runs)
    assert noted(there) == {run.commit for run in runs}
    assert not git(there, "fsck", "--connectivity-only", "--no-dangling")


def test_notes_that_a_stock_git_removed_over_there_are_put_back(here: Clone, there: Path) -> None:
    runs = [here.run() for _ in range(3)]
    share.push(here.store)
    git(there, "-c", "user.name=A", "-c", "user.email=a@b", "notes", "--ref=exp", "remove",
        runs[1].commit)  # fmt: skip

    done = share.push(here.store)

    assert done.merged.put_back == [runs[1].commit]
    assert noted(there) == {run.commit for run in runs}


def test_the_errors_of_a_remote_are_of_one_kind(here: Clone, there: Path) -> None:
    hook(there, "update", "exit 1")
    here.run()
    there.with_name("other").mkdir()

    with pytest.raises(errors.RemoteFailed):
        share.push(here.store, str(there.with_name("other")))
    assert share.push(here.store).refused


def test_a_ref_that_can_not_be_made_over_there_holds_back_its_run_alone(
    here: Clone, there: Path, exp: Exp
) -> None:
    runs = [here.run(f"run {at}") for at in range(4)]
    git(there, "update-ref", f"refs/runs/{runs[1].id}/x", "refs/heads/main")

    done = exp("push", cwd=here.path, code=5)

    assert f"it refuses {runs[1].id}: " in done.stderr
    assert noted(there) == {run.commit for run in runs} - {runs[1].commit}


def test_a_lock_that_stays_over_there_is_waited_for_and_named(
    here: Clone, there: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "PATIENCE", 0.2)
    run = here.run()
    lock = there / "refs/notes/exp.lock"
    lock.parent.mkdir()
    lock.touch()

    with pytest.raises(errors.RemoteFailed, match=r"it refuses refs/notes/exp: .*failed"):
        share.push(here.store)

    lock.unlink()
    assert share.push(here.store).records == [run.commit]


def test_what_was_refused_in_a_round_that_is_done_again_may_be_taken_by_then(
    here: Clone, mate: Clone, there: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine, theirs = here.run("mine", series=False), mate.run("theirs")
    other = here.run("other", series=False)
    once = tmp_path / "once"
    hook(
        there, "update", f"case $1 in refs/runs/{mine.id}) mkdir '{once}' || exit 0; exit 1;; esac"
    )
    between(monkeypatch, "_remove", lambda: share.push(mate.store))
    done = share.push(here.store)

    assert once.exists()
    assert done.refused == {}
    assert noted(there) == {mine.commit, theirs.commit, other.commit}
