"""Whose code an action is: what others recorded executes nothing unless it is trusted."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from git_exp import errors, load_xp_info, records
from git_exp.action import offered
from git_exp.action.interaction import Answers
from git_exp.git.repo import discover
from git_exp.index.search import Indexed
from git_exp.run import Run
from tests.action.conftest import Study
from tests.conftest import Exp
from tests.programs import only

Git = Callable[..., str]
WELL = {"loud": "n", "how": "now"}
GIVEN = ("--set", "loud=n", "--set", "how=now")


@pytest.fixture
def pulled(
    study: Study, repo: Path, tmp_path: Path, git: Git, exp: Exp, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """Another clone, which has pulled the run of the program and is the current folder."""
    study()
    git("init", "-q", "--bare", tmp_path / "server.git")
    git("remote", "add", "origin", tmp_path / "server.git")
    git("add", "study.py")
    git("commit", "-q", "-m", "the study")
    git("push", "-q", "origin", "main")
    exp("push")
    other = tmp_path / "other"
    git("clone", "-q", tmp_path / "server.git", other)
    monkeypatch.chdir(other)
    exp("pull")
    return other


def here() -> tuple[Indexed, Run]:
    store = Indexed(discover(Path.cwd(), os.environ))
    return store, only()


@pytest.mark.slow
def test_a_pulled_run_lists_its_actions_and_executes_them_only_for_who_trusts_it(
    pulled: Path, exp: Exp
) -> None:
    listed = exp("actions", "list", "study").stdout
    refused = exp("actions", "run", "study", "Say", *GIVEN, code=4)
    with pytest.raises(errors.Refused, match="is not yours"):
        load_xp_info("study")
    trusted = exp("actions", "run", "study", "Say", *GIVEN, "--trust")
    then = exp("actions", "run", "study", "Say", *GIVEN, "--trust", "--at-run")

    assert "Say hello" in listed
    assert refused.stderr.endswith("hint: if you trust whoever recorded it: --trust\n")
    assert "saying hello of study" in trusted.stdout
    assert trusted.stdout == then.stdout
    assert len(load_xp_info("study", trust=True).actions) == 2
    assert [one.outcome for one in only().results] == [{"status": "done"}] * 2


def test_a_record_with_an_id_of_ours_on_another_commit_is_not_ours(
    study: Study, repo: Path, git: Git
) -> None:
    study()
    store, run = here()
    marker = repo / "executed"
    (repo / "study.py").write_text(f"open({str(marker)!r}, 'w')\n")
    forged = git("commit-tree", "HEAD^{tree}", "-m", "forged")
    note = b"\n".join(store.lines(run)).replace(run.commit.encode(), forged.encode())
    git("notes", "--ref=exp", "add", "-F", "-", forged, stdin=note.decode())

    (claimed,) = [one for one in store.runs() if one.commit == forged]
    found = offered.find(store, claimed, "Say")
    with pytest.raises(errors.Refused):
        offered.perform(store, found, Answers(WELL), at_run=True)

    assert claimed.own
    assert not marker.exists()


def test_a_record_that_says_our_data_is_in_an_archive_of_others_is_not_followed(
    repo: Path, git: Git, exp: Exp
) -> None:
    exp("run", "-n", "plain", "true")
    store, run = here()
    marker = repo / "executed"
    (repo / "evil.py").write_text(f"open({str(marker)!r}, 'w')\n")
    oid, key = "a" * 32, "b" * 32
    lines = [
        {"object": oid, "class": "evil:Evil", "file": "evil.py", "values": {}},
        {"action": key, "description": "d", "object": oid},
    ]
    text = "".join(json.dumps(one) + "\n" for one in lines)
    blob = git("hash-object", "-w", "--stdin", stdin=text)
    tree = git("mktree", stdin=f"100644 blob {blob}\tobjects.jsonl\n")
    data = git("commit-tree", tree, "-p", run.commit, "-m", "data")
    git("update-ref", "-d", f"refs/exp/data/{run.id}")
    store.add(run, lambda t: records.Action(t=t, id=key, cls="Evil"))
    store.add(run, lambda t: records.Archived(t=t, ref="refs/exp/archive/2026-01-x", data=data))

    done = exp("actions", "run", run.id, "Evil", code=4)

    assert "is not yours" in done.stderr
    assert not marker.exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("../outside.py", "is no Python file of the worktree"),
        ("/etc/passwd", "is no Python file of the worktree"),
        (".git/hooks/x.py", "is no Python file of the worktree"),
        ("link.py", "is no Python file of the worktree"),
        ("study.txt", "is no Python file of the worktree"),
        ("gone.py", "is not there today"),
        ("folder.py", "is not there today"),
        ("empty.py", "defines no config 'Say'"),
        ("wrong.py", "defines no config 'Say'"),
        ("broken.py", "cannot load 'broken.py': SyntaxError"),
        ("raises.py", "cannot load 'raises.py': ValueError: two lines"),
    ],
)
def test_what_a_record_names_is_a_class_in_a_file_of_the_worktree_or_refused(
    study: Study, repo: Path, file: str, said: str
) -> None:
    study()
    (repo.parent / "outside.py").write_text("raise SystemError\n")
    (repo / "link.py").symlink_to(repo.parent / "outside.py")
    (repo / "study.txt").write_text("")
    (repo / "folder.py").mkdir()
    (repo / "empty.py").write_text("")
    (repo / "wrong.py").write_text("class Say: pass\n")
    (repo / "broken.py").write_text("class Say(:\n")
    (repo / "raises.py").write_text("raise ValueError('two\\nlines')\n")
    (repo / ".git/hooks/x.py").parent.mkdir(exist_ok=True)
    (repo / ".git/hooks/x.py").write_text("")
    folder = repo.parent / "held"
    folder.mkdir()
    oid = "c" * 32
    line = {"object": oid, "class": "study:Say", "file": file, "values": {"word": "x"}}
    job = {"job": "k", "object": oid}
    (folder / "objects.jsonl").write_text(f"{json.dumps(line)}\n{json.dumps(job)}\n")

    with pytest.raises(errors.ActionFailed) as refused:
        load_xp_info(folder)

    assert said in refused.value.message


@pytest.mark.slow
@pytest.mark.parametrize(
    "line",
    [
        '{"object": "x", "class": "study:Say", "file": "study.py", "val',
        "[]",
        '{"object": 1, "class": "study:Say", "values": {}}',
        '{"object": "y", "class": "study", "values": {}}',
        '{"object": "y", "class": "study:Say", "values": []}',
        '{"object": "y", "class": "study:Say", "file": 3, "values": {}}',
        '{"job": {}, "object": "x"}',
        "[" * 100_000,
        "\x00\x01",
        "null",
    ],
)
def test_a_line_that_is_torn_or_means_nothing_is_passed_over(
    study: Study, repo: Path, git: Git, tmp_path: Path, line: str
) -> None:
    study()
    (name,) = git("for-each-ref", "--format=%(refname)", "refs/exp/data").split()
    held = tmp_path / "objects.jsonl"
    held.write_text(git("show", f"{name}:objects.jsonl") + "\n" + line)

    assert len(load_xp_info(held).actions) == 2


@pytest.mark.parametrize("values", ['{"word": {"$object": "c"}}', '{"word": {"$object": "gone"}}'])
def test_an_object_that_holds_itself_or_what_is_not_there_is_said(
    study: Study, repo: Path, tmp_path: Path, values: str
) -> None:
    study()
    held = tmp_path / "objects.jsonl"
    held.write_text(
        f'{{"object": "c", "class": "study:Say", "file": "study.py", "values": {values}}}\n'
        '{"job": "k", "object": "c"}\n'
    )

    with pytest.raises(errors.NotFound, match="is not there, or holds itself"):
        load_xp_info(held)


def test_an_archived_run_of_ours_is_ours(study: Study, git: Git, exp: Exp) -> None:
    study()
    git("config", "exp.archiveAfter", "0")
    exp("archive")
    assert git("for-each-ref", "refs/runs", "refs/exp/data") == ""

    done = exp("actions", "run", "study", "Say", *GIVEN)

    assert "saying hello" in done.stdout


def test_a_record_of_others_does_not_say_which_action_of_ours_is_executed(
    study: Study, repo: Path, exp: Exp
) -> None:
    study()
    store, run = here()
    say, fail = run.actions
    for one, cls in ((say, "Fail"), (fail, "Say")):
        store.add(run, lambda t, i=one.id, c=cls: records.Action(t=t, id=i, cls=c))  # type: ignore[misc]
    store.add(run, lambda t: records.Action(t=t, id="f" * 32, cls="ExportArtifact"))

    listed = json.loads(exp("actions", "list", "study", "--json").stdout)["actions"]
    done = exp("actions", "run", "study", "Say", *GIVEN)
    refused = exp("actions", "run", "study", "f" * 32, code=3)

    assert {(one["id"], one["class"]) for one in listed[:2]} == {(say.id, "Say"), (fail.id, "Fail")}
    assert "saying hello" in done.stdout
    assert "is not there" in refused.stderr


def test_data_that_a_stock_fetch_has_put_in_the_place_of_ours_is_somebody_elses(
    study: Study, repo: Path, git: Git, exp: Exp
) -> None:
    study()
    _, run = here()
    held = git("show", f"refs/exp/data/{run.id}:objects.jsonl")
    changed = held.replace('"word":"hello"', '"word":"evil"') + "\n"
    blob = git("hash-object", "-w", "--stdin", stdin=changed)
    tree = git("mktree", stdin=f"100644 blob {blob}\tobjects.jsonl\n")
    tip = git("commit-tree", tree, "-p", f"refs/exp/data/{run.id}", "-m", "data")
    git("update-ref", f"refs/exp/data/{run.id}", tip)

    done = exp("actions", "run", "study", "Say", *GIVEN, code=3)

    assert "is not there, or holds itself" in done.stderr
    assert "evil" not in done.stdout


def test_a_name_is_that_of_a_run_before_it_is_a_path(study: Study, repo: Path) -> None:
    study()
    (repo / "study").mkdir()
    (repo / "study/objects.jsonl").write_text(
        '{"object": "a", "class": "evil:E", "file": "evil.py", "values": {}}\n'
        '{"job": "k", "object": "a"}\n'
    )
    (repo / "evil.py").write_text("raise SystemError('executed')\n")

    assert len(load_xp_info("study").actions) == 2
    with pytest.raises(errors.NotFound, match="no run 'nothing'"):
        load_xp_info("nothing")
    with pytest.raises(errors.NotFound, match="there are no objects at"):
        load_xp_info(Path("nothing"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ({"$int": 5}, "TypeError"),
        ({"$int": "zz"}, "ValueError"),
        ({"$set": [[1]]}, "TypeError"),
        ({"$seconds": [1e30, 1, 1]}, "OverflowError"),
        ({"$path": {}}, "KeyError"),
    ],
)
def test_a_value_that_means_nothing_is_one_line(
    study: Study, repo: Path, tmp_path: Path, value: object, kind: str
) -> None:
    study()
    line = {"object": "c" * 32, "class": "study:Say", "file": "study.py", "values": {"word": value}}
    held = tmp_path / "objects.jsonl"
    held.write_text(json.dumps(line) + '\n{"job": "k", "object": "' + "c" * 32 + '"}\n')

    with pytest.raises(errors.ActionFailed, match=f"object cccccccc cannot be read: {kind}"):
        load_xp_info(held)
