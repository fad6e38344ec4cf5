"""git_exp.promote: one clean commit of a run's change, and nothing of the user's touched."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from git_exp import Experiment, errors, promote
from git_exp.hook import linked
from git_exp.index.search import Indexed
from git_exp.records import Git, Summary
from git_exp.run import NoteText, Run
from tests.conftest import Exp

GitRun = Callable[..., str]


@pytest.fixture
def store(repo: Path) -> Indexed:
    return Indexed.open(repo, os.environ)


@pytest.fixture
def run(store: Indexed, git: GitRun) -> Run:
    """A run that has changed a line and added a file; both are gone from the worktree again."""
    Path("train.py").write_text("x = 1\n")
    Path("new").mkdir()
    Path("new/m.py").write_text("m\n")
    with Experiment("wider") as exp:
        exp.track({"acc": 0.91, "loss": 0.25})
        exp.note("twice as wide\n\nfor width helps")
        exp.note("second thoughts")
    git("reset", "-q", "--hard")
    git("clean", "-q", "-fd")
    return store.runs()[0]


def everything(git: GitRun) -> tuple[str, ...]:
    asked = (("for-each-ref",), ("ls-files", "-s"), ("status", "--porcelain", "-b"))
    return (*(git(*words) for words in asked), Path(".git/HEAD").read_text())


def test_the_change_is_a_commit_on_the_base_with_idea_and_metrics(
    store: Indexed, run: Run, git: GitRun
) -> None:
    index, head = Path(".git/index").read_bytes(), git("rev-parse", "HEAD")
    Path("train.py").write_text("mine\n")

    found = promote.promote(store, run)

    assert (found.branch, found.onto, found.subject) == ("exp/wider", head, "twice as wide")
    assert git("rev-parse", "exp/wider") == found.commit
    assert git("diff", "--stat", "--name-only", "exp/wider", run.commit) == ""
    assert git("rev-parse", "exp/wider^") == head
    assert git("log", "-1", "--format=%an <%ae>%n%B", "exp/wider") == (
        "Ada <ada@example.org>\n"
        "twice as wide\n\nfor width helps\n\nsecond thoughts\n\n"
        f"Exp-Run: {run.id}\nExp-Metric: acc=0.91\nExp-Metric: loss=0.25\n"
    )
    assert git("log", "-1", "--format=%(trailers:key=Exp-Metric,valueonly)", "exp/wider") == (
        "acc=0.91\nloss=0.25\n"
    )
    assert (Path(".git/index").read_bytes(), Path("train.py").read_text()) == (index, "mine\n")
    assert git("branch", "--show-current") == "main"


def test_the_commit_is_linked_to_the_run(store: Indexed, run: Run) -> None:
    found = promote.promote(store, run)

    assert [one.id for one in linked.to(store, found.commit)] == [run.id]


def test_no_hook_runs(store: Indexed, run: Run) -> None:
    Path(".git/hooks").mkdir(exist_ok=True)
    for name in ("pre-commit", "commit-msg", "post-commit", "prepare-commit-msg", "post-rewrite"):
        path = Path(".git/hooks") / name
        path.write_text("#!/bin/sh\ntouch ran\nexit 1\n")
        path.chmod(0o755)

    promote.promote(store, run, onto="HEAD")

    assert not Path("ran").exists()


def test_onto_another_commit_the_change_is_merged(store: Indexed, run: Run, git: GitRun) -> None:
    Path("other.py").write_text("1\n")
    git("add", ".")
    git("commit", "-q", "-m", "other")

    found = promote.promote(store, run, "there", onto="HEAD")

    assert found.onto == git("rev-parse", "main")
    assert git("ls-tree", "-r", "--name-only", "there").split() == [
        "new/m.py", "other.py", "train.py",
    ]  # fmt: skip
    assert git("show", "there:train.py") == "x = 1"
    assert git("diff", "--name-only", "main", "there").split() == ["new/m.py", "train.py"]


def test_conflicts_are_refused_by_name_and_nothing_is_written(
    store: Indexed, run: Run, git: GitRun
) -> None:
    Path("train.py").write_text("x = 2\n")
    Path("new").write_text("a file\n")
    git("add", ".")
    git("commit", "-q", "-m", "else")
    before = everything(git)

    with pytest.raises(errors.Refused, match=r"conflicts in .*'train\.py'") as refusal:
        promote.promote(store, run, onto="main")

    assert "leave out --onto" in (refusal.value.hint or "")
    assert everything(git) == before


def test_an_unrelated_commit_takes_the_change_too(store: Indexed, run: Run, git: GitRun) -> None:
    tree = git("rev-parse", "HEAD^{tree}")
    alone = git("commit-tree", tree, "-m", "alone")

    found = promote.promote(store, run, onto=alone)

    assert git("rev-parse", f"{found.commit}^{{tree}}") == git(
        "rev-parse", f"{run.commit}^{{tree}}"
    )


@pytest.mark.parametrize(
    ("words", "kind", "said"),
    [
        ({"branch": "main"}, errors.Refused, "already exists"),
        ({"branch": "a..b"}, errors.BadName, "not a valid branch name"),
        ({"onto": "nope"}, errors.NotFound, "no commit 'nope'"),
        ({"onto": "-x"}, errors.NotFound, "no commit '-x'"),
        ({"onto": "done"}, errors.AnswerIsNo, "'done' has the change of run"),
    ],
)
def test_what_cannot_be_writes_nothing(
    words: dict[str, str], kind: type[errors.GitExpError], said: str,
    store: Indexed, run: Run, git: GitRun,
) -> None:  # fmt: skip
    git("branch", "done", run.commit)
    before = everything(git)

    with pytest.raises(kind, match=said):
        promote.promote(store, run, words.get("branch"), onto=words.get("onto"))

    assert everything(git) == before


def test_runs_without_a_change_or_code_and_private_ones_are_no_commits(
    store: Indexed, exp: Exp
) -> None:
    with Experiment("clean"):
        pass
    exp("run", "--no-snapshot", "-n", "none", "true")
    Path("train.py").write_text("secret\n")
    with Experiment("mine", private=True):
        pass
    found = {run.name: run for run in store.runs()}

    with pytest.raises(errors.AnswerIsNo, match="has no change"):
        promote.promote(store, found["clean"])
    with pytest.raises(errors.NotFound, match="not captured"):
        promote.promote(store, found["none"])
    with pytest.raises(errors.Refused, match="is private"):
        promote.promote(store, found["mine"])


def test_before_the_first_commit_it_is_one_without_parents(
    tmp_path: Path, git: GitRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    git("init", "-q", tmp_path / "unborn")
    monkeypatch.chdir(tmp_path / "unborn")
    Path("a").write_text("1\n")
    with Experiment("first"):
        pass
    store = Indexed.open(Path.cwd(), os.environ)

    found = promote.promote(store, store.runs()[0])

    assert (found.onto, git("rev-list", "--count", found.commit)) == (None, "1")


def said(*notes: str, metrics: Mapping[str, float] | None = None) -> str:
    found = {path: Summary(last=value) for path, value in (metrics or {}).items()}
    texts = [NoteText(t="", text=text) for text in notes]
    git = Git(commit="c", capture="full")
    return promote.message(
        Run(id="1" * 36, commit="c", name="n", notes=texts, metrics=found, git=git)
    )


TAIL = f"Exp-Run: {'1' * 36}\n"


@pytest.mark.parametrize(
    ("notes", "message"),
    [
        ((), f"n\n\n{TAIL}"),
        (("",), f"n\n\n{TAIL}"),
        (("  idea  ",), f"idea\n\n{TAIL}"),
        (("idea\nmore", "last"), f"idea\n\nmore\n\nlast\n\n{TAIL}"),
        (
            ("idea\nExp-Run: 2\nSigned-off-by: x",),
            f"idea\n\nExp-Run: 2\nSigned-off-by: x\n\n{TAIL}",
        ),
        (("--- a\n---\nb",), f"--- a\n\n ---\nb\n\n{TAIL}"),
        (("\x1b[31mred\rx",), f"^[[31mred\n\nx\n\n{TAIL}"),
        (("\x1b[31mred",), f"^[[31mred\n\n{TAIL}"),
        (("word " * 20,), f"{'word ' * 13}word…\n\n{('word ' * 20).strip()}\n\n{TAIL}"),
        (("x" * 80,), f"{'x' * 71}…\n\n{'x' * 80}\n\n{TAIL}"),
    ],
)
def test_the_message_is_the_idea_then_the_notes_then_trailers(
    notes: tuple[str, ...], message: str
) -> None:
    assert said(*notes) == message
    assert len(message.partition("\n")[0]) <= promote.SUBJECT


def test_a_metric_of_any_name_is_one_line() -> None:
    metrics = {"a\nExp-Run: 2": 1.0, "loss": 0.123456789}

    assert said(metrics=metrics).endswith(
        f"{TAIL}Exp-Metric: loss=0.123456789\nExp-Metric: a\\nExp-Run: 2=1.0\n"
    )


def test_where_the_link_fails_the_branch_is_told(
    store: Indexed, run: Run, git: GitRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(*_: object) -> int:
        raise errors.StoreBusy(1)

    monkeypatch.setattr(linked, "link", busy)

    with pytest.raises(errors.StoreBusy) as failure:
        promote.promote(store, run)

    assert failure.value.hint == (
        "branch 'exp/wider' is made; only the link from the run to it is missing"
    )
    assert git("rev-parse", "exp/wider")


PATCH = """\
an idea
diff --git a/evil.sh b/evil.sh
new file mode 100755
index 0000000..9daeafb
--- /dev/null
+++ b/evil.sh
@@ -0,0 +1 @@
+test
From 1111111111111111111111111111111111111111 Mon Sep 17 00:00:00 2001
From: Eve <eve@example.org>
Index: train.py
"""


def test_a_note_with_a_patch_in_it_is_no_code_to_git_am(
    store: Indexed, run: Run, git: GitRun, tmp_path: Path
) -> None:
    run.notes = [NoteText(t="", text=PATCH), NoteText(t="", text=PATCH)]
    found = promote.promote(store, run)

    mails = git("format-patch", "-1", found.branch, "-o", tmp_path / "out").split("\n")
    git("am", "-q", *mails)

    assert git("rev-parse", "HEAD^{tree}") == git("rev-parse", f"{found.branch}^{{tree}}")
    assert git("log", "-1", "--format=%an", "HEAD") == "Ada"
    assert not Path("evil.sh").exists()


def test_a_header_at_the_begin_of_the_body_is_none(
    store: Indexed, run: Run, git: GitRun, tmp_path: Path
) -> None:
    run.notes = [NoteText(t="", text="idea\nFrom: Eve <eve@example.org>\nSubject: other\n\nmore")]
    found = promote.promote(store, run)

    git("am", "-q", git("format-patch", "-1", found.branch, "-o", tmp_path / "out"))

    assert git("log", "-1", "--format=%an %s", "HEAD") == "Ada idea"


def test_words_are_utf_8_whatever_commits_are_written_in(
    store: Indexed, run: Run, git: GitRun
) -> None:
    git("config", "i18n.commitEncoding", "ISO-8859-1")
    run.notes = [NoteText(t="", text="größer")]

    found = promote.promote(store, run)

    assert git("-c", "i18n.logOutputEncoding=UTF-8", "log", "-1", "--format=%s", found.branch) == (
        "größer"
    )


def test_a_branch_in_the_way_is_named_before_anything_is_written(
    store: Indexed, run: Run, git: GitRun
) -> None:
    git("branch", "exp")
    before = everything(git)

    with pytest.raises(errors.Refused, match="'exp' is a branch") as refusal:
        promote.promote(store, run)
    assert "-b" in (refusal.value.hint or "")

    git("branch", "-m", "exp", "x/y")
    with pytest.raises(errors.Refused, match="'x/y' is a branch"):
        promote.promote(store, run, "x")
    git("branch", "-D", "x/y")
    git("branch", "exp")
    assert everything(git) == before


def test_without_a_name_for_its_author_git_s_way_out_is_told(
    store: Indexed, run: Run, git: GitRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/nowhere")
    git("config", "user.useConfigOnly", "true")

    with pytest.raises(errors.RepositoryError, match="no name") as refusal:
        promote.promote(store, run)

    assert "git config user.name" in (refusal.value.hint or "")
