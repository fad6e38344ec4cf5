"""The committer date of a run: just older than what the remote has, so that fetch is not told."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from git_exp import Experiment
from git_exp.git.dates import approximate, before_shared
from git_exp.git.repo import discover
from tests.git import witness
from tests.git.witness import git, write

DAY = 86_400


def made(top: Path, date: int, *parents: str) -> str:
    """A commit of a date, with what its first parent holds."""
    return chain(top, [date], *parents)[0]


def chain(top: Path, dates: list[int], *parents: str) -> list[str]:
    """Commits of some dates, one after the other; no ref stays."""
    first = [word for at, one in enumerate(parents) for word in (("merge", "from")[not at], one)]
    above = "".join(f"{word} {one}\n" for word, one in zip(first[::2], first[1::2], strict=True))
    stream = "".join(
        f"commit refs/made\nmark :{at}\ncommitter A <a@b> {date} +0000\ndata 1\nx\n"
        + (above if at == 1 else f"from :{at - 1}\n")
        for at, date in enumerate(dates, 1)
    )
    marks = top / ".git/marks"
    git(top, "fast-import", "--quiet", f"--export-marks={marks}", stdin=stream.encode())
    git(top, "update-ref", "-d", "refs/made")
    found = dict(line.split() for line in marks.read_text().splitlines())
    marks.unlink()
    return [found[f":{at}"] for at in range(1, len(dates) + 1)]


def dated(top: Path, head: str | None, *tips: str) -> int:
    return before_shared(discover(top, dict(os.environ)), head, tips)


def test_in_an_unborn_repository_it_is_the_beginning_of_time(repo: Path) -> None:
    assert dated(repo, None) == 0
    assert dated(repo, "1" * 40) == 0


def test_without_a_remote_it_is_the_beginning_of_time(repo: Path) -> None:
    head = chain(repo, [100, 200, 300])[-1]

    assert dated(repo, head) == 0


def test_it_is_never_before_the_beginning_of_time(repo: Path) -> None:
    assert dated(repo, made(repo, 0)) == 0


def test_level_with_the_remote_it_is_a_second_before_head(repo: Path) -> None:
    head = chain(repo, [100, 200, 300])[-1]

    assert dated(repo, head, head) == 299


def test_ahead_of_the_remote_it_is_a_second_before_what_the_remote_has(repo: Path) -> None:
    first, second, _, head = chain(repo, [100, 200, 300, 400])

    assert dated(repo, head, second, second) == 199
    assert dated(repo, head, first) == 99


def test_behind_the_remote_it_is_a_second_before_head(repo: Path) -> None:
    _, head, _, tip = chain(repo, [100, 200, 300, 400])

    assert dated(repo, head, tip) == 199


def test_where_both_have_gone_on_it_is_a_second_before_where_they_parted(repo: Path) -> None:
    _, fork = chain(repo, [100, 200])
    head = chain(repo, [300, 500], fork)[-1]
    tip = chain(repo, [250, 400, 600], fork)[-1]

    assert dated(repo, head, tip) == 199


def test_of_several_remotes_the_one_with_the_newest_shared_commit_counts(repo: Path) -> None:
    commits = chain(repo, [100, 200, 300, 400])
    stranger = made(repo, 900)
    beyond = made(repo, 950, commits[0])

    assert dated(repo, commits[3], commits[0], stranger, commits[2], beyond) == 299


def test_of_a_merge_the_side_that_the_remote_has_counts(repo: Path) -> None:
    base = made(repo, 100)
    mine = chain(repo, [300, 500], base)[-1]
    theirs = chain(repo, [200, 400], base)
    head = made(repo, 600, mine, theirs[-1])

    assert dated(repo, head, theirs[-1]) == 399
    assert dated(repo, head, theirs[0]) == 199


def test_unrelated_histories_share_nothing(repo: Path) -> None:
    head = chain(repo, [100, 200, 300])[-1]
    tip = chain(repo, [150, 250, 350])[-1]

    assert dated(repo, head, tip) == 0


def test_commits_of_one_date_are_no_trouble(repo: Path) -> None:
    commits = chain(repo, [100] * 20)
    side = chain(repo, [100] * 20, commits[5])

    assert dated(repo, commits[-1], side[-1], commits[0]) == 99


def test_dates_that_go_backwards_still_find_what_is_shared(repo: Path) -> None:
    _, fork, head = chain(repo, [100, 500, 50])
    tip = made(repo, 10, fork)
    later = made(repo, 600, head)

    assert dated(repo, head, tip) == 499
    assert dated(repo, later, fork) == 499


def test_what_is_no_commit_or_is_not_here_is_passed_over(repo: Path) -> None:
    first, head = chain(repo, [100, 200])
    git(repo, "tag", "-a", "-m", "t", "tagged", head)
    tag = git(repo, "rev-parse", "refs/tags/tagged").decode()

    tree = git(repo, "rev-parse", "HEAD^{tree}").decode()

    assert dated(repo, head, tag, tree, "2" * 40, first) == 99


def test_a_history_is_not_walked_without_need(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commits = chain(repo, list(range(100, 1_100)))
    stranger = made(repo, 2_000)
    found = discover(repo, dict(os.environ))
    looked: list[str] = []

    class Counting:
        def get(self, oid: str) -> object:
            looked.append(oid)
            return real.get(oid)

    real = found.pg
    monkeypatch.setitem(found.__dict__, "pg", Counting())

    assert before_shared(found, commits[-1], []) == 0
    assert before_shared(found, commits[-1], [commits[-1]]) == 1_098
    assert len(looked) == 3
    assert before_shared(found, commits[-1], [stranger]) == 0
    assert len(looked) < 300


def test_far_behind_the_remote_the_walk_ends_at_the_beginning_of_time(repo: Path) -> None:
    commits = chain(repo, list(range(100, 3_000)))

    assert dated(repo, commits[1_000], commits[-1]) == 1_099
    assert dated(repo, commits[100], commits[-1]) == 0


def test_at_the_edge_of_a_shallow_clone_it_is_a_second_before_that(
    repo: Path, tmp_path: Path
) -> None:
    head = chain(repo, [100, 200, 300])[-1]
    git(repo, "reset", "-q", "--soft", head)
    git(tmp_path, "clone", "-q", "--depth=1", repo.as_uri(), "shallow")
    clone = tmp_path / "shallow"
    ahead = made(clone, 400, head)
    git(clone, "reset", "-q", "--soft", ahead)

    ran = witness.run(clone)

    assert git(clone, "log", "-1", "--format=%ct", ran.commit) == b"299"


def test_a_run_has_its_true_time_as_author_date(repo: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "-q", str(repo), "clone")
    clone = tmp_path / "clone"
    shared = int(git(clone, "log", "-1", "--format=%ct"))
    for at in range(3):
        git(clone, "reset", "-q", "--soft", made(clone, shared + (at + 1) * DAY, head(repo)))

    ran = witness.run(clone)

    committed, authored = map(int, git(clone, "log", "-1", "--format=%ct %at", ran.commit).split())
    assert committed == shared - 1
    assert authored > shared + 100 * DAY


def head(top: Path) -> str:
    return git(top, "rev-parse", "HEAD").decode()


def haves(clone: Path, *what: str) -> list[str]:
    """What a fetch offers to the server, one commit a line."""
    env = {**os.environ, "GIT_TRACE_PACKET": "1"}
    done = subprocess.run(
        ("git", "fetch", "-q", *what), cwd=clone, env=env, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return [line.partition("> have ")[2] for line in done.stderr.splitlines() if "> have " in line]


@pytest.mark.parametrize("remote", ["tracking", "no upstream", "by URL"])
@pytest.mark.parametrize("unpushed", [1, 30])
@pytest.mark.parametrize("runs", [20, pytest.param(100, marks=pytest.mark.slow)])
def test_the_users_own_fetch_offers_no_commit_of_ours(
    repo: Path, tmp_path: Path, unpushed: int, remote: str, runs: int
) -> None:
    start = int(git(repo, "log", "-1", "--format=%ct"))
    shared = chain(repo, [start + at * DAY // 10 for at in range(100)], head(repo))
    git(repo, "reset", "-q", "--soft", shared[-1])
    git(tmp_path, "clone", "-q", repo.as_uri(), "clone")
    clone = tmp_path / "clone"
    local = chain(clone, [start + (10 + at) * DAY for at in range(unpushed)], head(clone))
    git(clone, "reset", "-q", "--soft", local[-1])
    if remote == "no upstream":
        git(clone, "branch", "-q", "--unset-upstream")
    if remote == "by URL":
        git(clone, "remote", "remove", "origin")
    what = (repo.as_uri(), "main") if remote == "by URL" else ()
    plain = tmp_path / "plain"
    shutil.copytree(clone, plain, symlinks=True)
    for at in range(runs):
        write(clone, {"train.py": f"lr = {at}\n"})
        with Experiment(f"run {at}", repo=clone) as exp:
            exp.track({"loss": at})
    git(repo, "reset", "-q", "--soft", made(repo, start + 100 * DAY, head(repo)))

    with_runs, without = haves(clone, *what), haves(plain, *what)

    ours = git(clone, "for-each-ref", "refs/runs", "refs/exp/data").splitlines()
    assert len(ours) == 2 * runs
    assert len(without) > unpushed
    assert len(with_runs) == len(without)


@pytest.mark.parametrize(
    ("text", "ago"),
    [
        ("2 weeks ago", 14 * DAY),
        ("yesterday", DAY),
        ("now", 0),
        ("today", 0),
        ("1 hour ago", 3_600),
    ],
)
def test_a_time_in_words_is_what_git_makes_of_it(repo: Path, text: str, ago: int) -> None:
    found = approximate(discover(repo, dict(os.environ)), text)

    assert found is not None
    assert abs(time.time() - ago - found) < 60


@pytest.mark.parametrize("text", ["", "nothing", "12345678901234567890", "\0", "--all"])
def test_what_git_takes_for_now_without_a_word_is_no_time(repo: Path, text: str) -> None:
    assert approximate(discover(repo, dict(os.environ)), text) is None
