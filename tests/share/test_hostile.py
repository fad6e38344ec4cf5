"""A hostile remote: a clear error or a skipped line, and nothing that is ours is touched."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from git_exp import share
from git_exp.share import archive
from tests import pseudo_terminal
from tests.conftest import Exp
from tests.families import few
from tests.share.hostile import FILE, FOLDER, LINK, MODULE, WHO, Evil, line, new_id, note, strewn
from tests.share.test_servers import held
from tests.share.world import Clone, clone, git, server

pytestmark = pytest.mark.usefixtures("plain_rules")

Look = Callable[..., dict[str, str]]
DIRTY = "\x1b]0;pwned\x07\x1b[31mred\x9b2J\u202egnp\r\n"


class Victim(Clone):
    """Our clone with a run of ours, which has to be the same at the end."""

    def __init__(self, path: Path, top: Path) -> None:
        super().__init__(path)
        self.top = top
        self.mine = self.run("mine")
        self.hooks = sorted((path / ".git/hooks").glob("*"))
        self.before = self.seen()
        self.servers = (top / "there.git", top / "clean.git")
        self.around = strewn(top, path, *self.servers)

    def seen(self) -> object:
        names = (f"refs/runs/{self.mine.id}", f"refs/exp/data/{self.mine.id}", "refs/heads")
        found = self.store.at(self.mine.commit)
        return self.refs(*names), self.notes()[self.mine.commit], found and found.name

    def is_untouched(self) -> bool:
        """Whether our run, our hooks and all that is around the clone are what they were."""
        assert sorted((self.path / ".git/hooks").glob("*")) == self.hooks
        assert strewn(self.top, self.path, *self.servers) - {str(self.servers[1])} == self.around
        assert not list(self.path.glob(".git/**/*pwned*"))
        assert not (self.path / ".git/exp/spool/x").exists()
        return self.seen() == self.before


@pytest.fixture
def evil(there: Path, here: Clone) -> Evil:
    return Evil(there)


@pytest.fixture
def victim(here: Clone, tmp_path: Path) -> Victim:
    return Victim(here.path, tmp_path)


@pytest.fixture
def survives(victim: Victim, exp: Exp) -> Look:
    """Runs each command on what came: it says what it has to in a line, and is no bug."""

    def look(*runs: str, codes: tuple[int, ...] = (0, 1, 3)) -> dict[str, str]:
        words = [("pull", "--all"), ("log",), ("log", "--json"), ("export", "--jsonl", "out.jsonl")]
        for run in runs:
            words += [("show", run, "-p"), ("diff", run), ("plot", "acc", run),
                      ("checkout", "--worktree", "side", run)]  # fmt: skip
        said = {}
        for one in words:
            done = exp(*one, cwd=victim.path, code=None)
            shown = done.stdout + done.stderr
            assert done.returncode in codes, f"{one}: {done.returncode}: {done.stderr}"
            assert "Traceback" not in shown, shown
            assert "internal error" not in shown, shown
            assert "\x1b" not in done.stderr
            said[one[0]] = shown
            (victim.path / "out.jsonl").unlink(missing_ok=True)
        return said

    return look


def spread(victim: Victim, exp: Exp, *, code: int = 0) -> set[str]:
    """The refs of an empty server that we push to: what others would get through us."""
    clean = server(victim.top / "clean.git")
    git(victim.path, "remote", "add", "clean", clean)
    done = exp("push", "clean", cwd=victim.path, code=code)
    assert "Traceback" not in done.stderr
    return held(clean)


def ours(victim: Victim, *more: str) -> set[str]:
    """The refs that belong on a server."""
    ids = [victim.mine.id, *more]
    return {"refs/notes/exp", *(f"refs/runs/{one}" for one in ids),
            f"refs/exp/data/{victim.mine.id}"}  # fmt: skip


@pytest.mark.slow
def test_refs_with_odd_names_are_nobodys_runs(
    victim: Victim, evil: Evil, survives: Look, exp: Exp
) -> None:
    good, code = new_id(), evil.code()
    upper = new_id().upper()
    odd = ["-x", "--upload-pack=x", "..x", f"{good}/x", upper, "x" * 200, "ünïcode", "a b",
           "HEAD", f"{good}.lock.x", "$(touch pwned)"]  # fmt: skip
    names = [f"{above}{name}" for above in ("refs/runs/", "refs/exp/data/") for name in odd
             if name not in ("..x", "a b") and not name.startswith(good + "/")]  # fmt: skip
    names += [
        f"refs/runs/{new_id()}/x", "refs/exp/archive/evil", "refs/exp/archive/2026-01-0badcafe",
        "refs/exp/archive/2026-01-0badcafe/x", "refs/exp/local", "refs/exp/spool/x",
        f"refs/exp/saved/{new_id()}", "refs/exp/remotes/origin/notes", "refs/exp/seal.lock.d",
        f"refs/exp/remotes/url-{'0' * 16}/notes", "refs/exp/index.db", "refs/notes/exp-summary",
        f"refs/runs/{new_id()}", f"refs/exp/data/{victim.mine.id}",
    ]  # fmt: skip
    names.remove("refs/exp/archive/2026-01-0badcafe/x")
    for name in names:
        evil.ref(name, code)
    evil.ref(f"refs/runs/{good}", code)
    evil.publish(evil.noted({code: note(good, code)}))

    survives(good)

    assert victim.is_untouched()
    came = set(victim.refs("refs/runs", "refs/exp", "refs/notes"))
    assert came - {"refs/exp/archive/2026-01-0badcafe", "refs/exp/remotes/origin/notes"} == {
        "refs/notes/exp", f"refs/runs/{good}", f"refs/runs/{victim.mine.id}",
        f"refs/exp/data/{victim.mine.id}",
    }  # fmt: skip
    assert sorted(victim.runs()) == sorted([good, victim.mine.id])
    assert spread(victim, exp) == ours(victim, good)


@pytest.mark.slow
def test_what_is_no_record_is_passed_over(
    victim: Victim, evil: Evil, survives: Look, exp: Exp
) -> None:
    run_id, code = new_id(), evil.code()
    deep = b'{"t":"2026-01-02T03:04:07.000000Z","event":"note","text":' + b"[" * 100_000
    junk = [
        b"{", b"\xff\xfe\0\0", b"null", b"[]", b'"x"', b"{}", deep, b"\0" * 1000, b"x" * 200_000,
        b'{"t":"2026-01-02T03:04:07.000000Z"}', b'{"event":"note"}', b'{"t":7,"event":7}',
        b'{"t":"2026-99-99T03:04:07.000000Z","event":"note","text":"x"}',
        b'{"t":"9999-12-31T23:59:59.999999Z","event":"rename","name":"future"}',
        line("run_end", 3, status=["x"]), line("tag", 3, tags="x"), line("note", 3, text=None),
        line("run_end", 3, status="finished", metrics={"acc": {"last": "x", "min": {}}}),
        line("run_end", 4, status="finished", metrics={"acc": 3, "b": [], "": {}}),
        line("progress", 4, metrics="x"), line("unknown", 4, more=1), line("deleted", 4)[:-5],
        line("archived", 5, ref="../../x", data="--output=pwned"), line("link", 5, commit="-x"),
        line("artifact", 6, path="../../x", size=-1, sha256="../../x", stored=True),
        line("run_start", 6, v=99, run_id=run_id), line("run_start", 6, v=1),
        line("join", 6, process={"pid": "x"}, rank="x"), line("env", 6, gpus=3, packages="../x"),
        b'{"t":"2026-01-02T03:04:07.000000Z","event":"note","text":"\\ud800"}',
        b'{"t":"2026-01-02T03:04:07.000000Z","event":"run_end","status":"x","exit_code":1e400}',
        line("run_end", 7, status="finished", duration_ms=10**400, exit_code=-(10**30)),
        line("rename", 7, name="../../x"), line("note", 7, text="x" * 10_000),
    ]  # fmt: skip
    evil.ref(f"refs/runs/{run_id}", code)
    evil.publish(evil.noted({code: b"\n".join([note(run_id, code), *junk, b"no line feed"])}))

    survives(run_id)

    assert victim.is_untouched()
    assert sorted(victim.runs()) == sorted([run_id, victim.mine.id])
    # What nobody understands is kept, byte for byte, for those who do.
    assert set(junk) - {b""} <= victim.notes()[code]
    assert spread(victim, exp) == ours(victim, run_id)


@pytest.mark.slow
def test_no_order_to_a_terminal_comes_through(victim: Victim, evil: Evil, exp: Exp) -> None:
    run_id, code = new_id(), evil.code((FILE, b"train.py", evil.blob(b"x\n")),
                                       message=DIRTY.encode())  # fmt: skip
    summary = {"last": 0.5, "min": 0.5, "max": 0.5, "first": 0.5, "count": 1}
    more = [
        line("note", 3, text=DIRTY), line("tag", 3, tags=[DIRTY]),
        line("run_end", 4, status=DIRTY, metrics={DIRTY: summary},
             error={"type": DIRTY, "message": DIRTY, "traceback": DIRTY}),
        line("artifact", 5, path=DIRTY, size=1, sha256="0" * 64, stored=True, uri=DIRTY),
        line("action", 6, id=DIRTY, **{"class": DIRTY, "description": DIRTY}),
    ]  # fmt: skip
    start = {
        "name": DIRTY, "params": {DIRTY: DIRTY}, "tags": [DIRTY], "group": DIRTY, "user": DIRTY,
        "metadata": {DIRTY: DIRTY}, "host": {"name": DIRTY, "os": DIRTY},
        "process": {"pid": 1, "argv": [DIRTY], "cwd": DIRTY, "executable": DIRTY, "python": DIRTY},
        "git": {"commit": code, "capture": "partial", "branch": DIRTY, "remote": DIRTY,
                "skipped": [{"path": DIRTY, "size": 1, "reason": DIRTY}], "status": [DIRTY]},
    }  # fmt: skip
    evil.ref(f"refs/runs/{run_id}", code)
    evil.publish(evil.noted({code: note(run_id, code, *more, **start)}))
    share.pull(victim.store)
    os.chdir(victim.path)

    for words in (["log"], ["show", run_id], ["show", run_id, "--events"], ["log", "--oneline"],
                  ["compare", run_id, victim.mine.id], ["diff", run_id, victim.mine.id],
                  ["sql", "SELECT * FROM runs"], ["log", "--json"], ["log", "--csv"],
                  ["push", "-n"], ["pull"], ["rm", "-n", run_id], ["fsck"]):  # fmt: skip
        told = pseudo_terminal.shown(["git", "exp", *words], GIT_PAGER="cat", NO_COLOR="1")
        for order in ("\x1b]", "\x1b[31mred", "\x9b", "\u202e", "\x07"):
            assert order not in told, f"{words}: {told!r}"
        assert "internal error" not in told, told
    assert victim.is_untouched()


@pytest.mark.slow
def test_an_id_that_is_a_path_leads_nowhere(
    victim: Victim, evil: Evil, survives: Look, exp: Exp
) -> None:
    ids = ["../../x", "/etc/passwd", "-x", "", "x" * 5000, f"{victim.mine.id}/..", "a\0b",
           victim.mine.id.upper(), f"../exp/data/{victim.mine.id}"]  # fmt: skip
    texts = {}
    for one in ids:
        code = evil.code()
        evil.ref(f"refs/runs/{new_id()}", code)
        texts[code] = note(one, code)
    evil.publish(evil.noted(texts))

    survives(*list(texts)[:2])
    for code in list(texts)[2:]:
        assert "internal error" not in exp("show", code, cwd=victim.path, code=None).stderr

    assert victim.is_untouched()
    assert spread(victim, exp) == ours(victim)
    for found in victim.store.runs():
        if not found.own:
            victim.store.remove([found])
    assert victim.is_untouched()


@pytest.mark.slow
def test_a_run_that_claims_the_id_of_one_of_ours_is_not_it(
    victim: Victim, evil: Evil, survives: Look, exp: Exp
) -> None:
    code = evil.code()
    evil.ref(f"refs/runs/{victim.mine.id}", code)
    data_ = evil.commit(evil.tree((FOLDER, b"series", evil.tree())), code)
    evil.ref(f"refs/exp/data/{victim.mine.id}", data_)
    evil.publish(evil.noted({code: note(victim.mine.id, code, name="not yours")}))

    survives()
    pushed = exp("push", cwd=victim.path, code=None)

    assert "Traceback" not in pushed.stderr
    assert victim.is_untouched()
    assert victim.store.has_code(victim.mine)
    found = victim.store.at(victim.mine.commit)
    assert found
    assert found.own


@pytest.mark.slow
@pytest.mark.parametrize("how", few(2, ["own", "own-archived", "theirs"]))
def test_code_out_of_an_archive_takes_no_ref_of_another_run(
    victim: Victim, there: Path, evil: Evil, tmp_path: Path, exp: Exp, how: str
) -> None:
    known = victim.mine
    if how == "theirs":
        mate = clone(there, tmp_path / "mate")
        known = mate.run("theirs")
        share.push(mate.store)
        share.pull(victim.store, everything=True)
        victim.around = strewn(tmp_path, victim.path, *victim.servers)
    if how == "own-archived":
        archive.fold(victim.store, [known])
        victim.before = victim.seen()
    before = victim.refs("refs/runs", "refs/exp/data")
    code, other = evil.code(), evil.code()
    evil.ref("refs/heads/held", code)
    evil.ref("refs/heads/held2", other)
    told = line("archived", 3, ref="refs/heads/held", data=other)
    evil.publish(evil.noted({code: note(known.id, code, told, name="not it")}))

    exp("pull", cwd=victim.path)
    for words in (("show", code), ("checkout", code), ("diff", code), ("plot", "acc", code)):
        done = exp(*words, cwd=victim.path, code=None)
        assert "internal error" not in done.stderr
    exp("pull", "origin", code, cwd=victim.path, code=None)

    assert victim.refs("refs/runs", "refs/exp/data") == before
    assert victim.is_untouched()


def test_our_code_goes_whatever_archive_somebody_says_it_is_in(
    victim: Victim, evil: Evil, exp: Exp
) -> None:
    share.push(victim.store)
    told = line("archived", 3, ref="refs/exp/archive/2026-01-0badcafe", data="x")
    evil.publish(evil.noted({victim.mine.commit: told + b"\n"}))
    share.pull(victim.store)

    assert f"refs/runs/{victim.mine.id}" in spread(victim, exp)


@pytest.mark.slow
def test_a_run_that_claims_the_id_of_somebody_elses_does_not_replace_it(
    victim: Victim, there: Path, evil: Evil, tmp_path: Path, survives: Look
) -> None:
    mate = clone(there, tmp_path / "mate")
    theirs = mate.run("theirs")
    share.push(mate.store)
    victim.around = strewn(tmp_path, victim.path, *victim.servers)
    share.pull(victim.store, everything=True)
    code = evil.code()
    evil.ref(f"refs/runs/{theirs.id}", code)
    evil.publish(evil.noted({code: note(theirs.id, code, name="not theirs")}), count=1)

    survives()

    assert victim.is_untouched()
    assert victim.refs(f"refs/runs/{theirs.id}") == {f"refs/runs/{theirs.id}": theirs.commit}
    assert theirs.commit in victim.notes()


def test_another_commit_at_a_ref_of_ours_is_not_fetched_over_it(
    victim: Victim, evil: Evil, exp: Exp
) -> None:
    share.push(victim.store)
    code = evil.code()
    evil.ref(f"refs/runs/{victim.mine.id}", code)
    evil.ref(f"refs/exp/data/{victim.mine.id}", code)
    victim.note(victim.mine, "more")
    victim.before = victim.seen()

    exp("pull", "--all", cwd=victim.path)
    exp("pull", "origin", victim.mine.id, cwd=victim.path)
    exp("push", cwd=victim.path, code=None)

    assert victim.is_untouched()


@pytest.mark.slow
def test_a_tombstone_deletes_the_run_that_it_stands_on_alone(
    victim: Victim, evil: Evil, exp: Exp
) -> None:
    share.push(victim.store)
    code = evil.code()
    stone = line("deleted", 9, by="Eve")
    claim = note(victim.mine.id, code, stone)
    evil.ref(f"refs/runs/{new_id()}", code)
    evil.publish(evil.noted({code: claim}), count=1)

    exp("pull", "--all", cwd=victim.path)
    exp("push", cwd=victim.path, code=None)
    assert victim.is_untouched()
    assert victim.runs() == [victim.mine.id]

    evil.publish(evil.noted({victim.mine.commit: stone + b"\n"}), count=1)
    exp("pull", cwd=victim.path)

    assert victim.runs() == []
    assert not victim.refs(f"refs/runs/{victim.mine.id}")
    assert git(victim.path, "cat-file", "-t", victim.mine.commit) == "commit"


@pytest.mark.slow
def test_junk_in_the_tree_of_notes_is_passed_over(
    victim: Victim, evil: Evil, survives: Look, exp: Exp
) -> None:
    run_id, code = new_id(), evil.code()
    evil.ref(f"refs/runs/{run_id}", code)
    blob, gone = evil.blob(b"[core]\n"), "1234567890" * 4
    inner = evil.tree((FILE, b"x", blob))
    junk = [
        (FILE, b"a\\b", blob), (FILE, b".gitmodules", blob), (FILE, b"\x1b[31m", blob),
        (FILE, b"x" * 2000, blob), (MODULE, b"module", gone), (LINK, b"01", blob),
        (FILE, b"02", blob), (MODULE, b"03", gone), (FOLDER, b"zz", inner), (FILE, b"-x", blob),
        (FOLDER, b"f" * 40, inner), (FILE, b"A" * 40, blob), (FILE, b"0" * 40, blob),
        (FOLDER, b"04", evil.tree((FILE, b"1" * 37, blob), (FILE, b"2" * 39, blob))),
        (FOLDER, b"05", evil.tree((FOLDER, b"3" * 38, inner), (LINK, b"4" * 38, blob))),
    ]  # fmt: skip
    taken = {code[:2].encode()}
    texts = {code: note(run_id, code)}
    evil.publish(evil.noted(texts, *(one for one in junk if one[1] not in taken)))

    survives(run_id)
    victim.note(victim.mine, "after it")
    victim.before = victim.seen()
    exp("push", cwd=victim.path)

    assert victim.is_untouched()
    # Anybody may have put a note on anything: one that tells of no run is none.
    assert set(victim.runs()) == {run_id, victim.mine.id}
    assert spread(victim, exp) == ours(victim, run_id)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", few(3, [b".git", b".GIT", ".g\u200cit".encode(), b"..", b".", b"git~1", b"a/b"])
)
def test_notes_that_no_server_would_take_from_us_do_not_become_ours(
    victim: Victim, evil: Evil, exp: Exp, name: bytes
) -> None:
    run_id, code = new_id(), evil.code()
    inner = evil.tree((FOLDER, b"hooks", evil.tree((FILE, b"pwned", evil.blob(b"x")))))
    good = evil.noted({code: note(run_id, code)})
    evil.publish(evil.noted({code: note(run_id, code)}, (FOLDER, name, inner)))
    tree = victim.tree()

    pulled = exp("pull", cwd=victim.path, code=5)
    pushed = exp("push", cwd=victim.path, code=5)

    for done in (pulled, pushed):
        assert done.stderr.splitlines()[0].startswith("fatal: remote 'origin': ")
        assert "fsck" in done.stderr
    assert victim.tree() == tree
    assert victim.is_untouched()
    evil.publish(good)
    exp("pull", cwd=victim.path)
    assert set(victim.runs()) == {run_id, victim.mine.id}
    git(evil.where, "config", "receive.fsckObjects", "true")
    exp("push", cwd=victim.path)


@pytest.mark.slow
@pytest.mark.parametrize("said", few(3, ["0", "1", "999999999", "9" * 5000, "-3", "x"]), ids=len)
def test_a_count_of_notes_that_lies_loses_none(
    victim: Victim, evil: Evil, exp: Exp, said: str
) -> None:
    codes = [evil.code() for _ in range(5)]
    ids = [new_id() for _ in codes]
    for run_id, code in zip(ids, codes, strict=True):
        evil.ref(f"refs/runs/{run_id}", code)
    texts = {code: note(run_id, code) for run_id, code in zip(ids, codes, strict=True)}
    evil.publish(evil.noted(texts), f"exp\n\nNotes-Count: {said}\n".encode())

    exp("pull", "--all", cwd=victim.path)
    exp("push", cwd=victim.path)
    victim.note(victim.mine, "after it")
    victim.before = victim.seen()
    exp("push", cwd=victim.path)

    assert victim.is_untouched()
    assert set(victim.runs()) == {*ids, victim.mine.id}
    assert not git(victim.path, "fsck", "--connectivity-only", "--no-dangling")


@pytest.mark.slow
@pytest.mark.parametrize(
    "kind", few(2, ["blob", "tree", "tag", "tag-of-blob", "commit-without-tree"])
)
def test_a_notes_ref_that_is_no_commit_is_one_clear_line(
    victim: Victim, evil: Evil, exp: Exp, kind: str
) -> None:
    blob = evil.blob(b"x")
    commit = evil.commit(evil.noted({}))
    tag = b"object %s\ntype %s\ntag x\ntagger " + WHO + b"\n\nx\n"
    made = {
        "blob": lambda: blob,
        "tree": lambda: evil.tree((FILE, b"x", blob)),
        "tag": lambda: evil.write("tag", tag % (commit.encode(), b"commit")),
        "tag-of-blob": lambda: evil.write("tag", tag % (blob.encode(), b"blob")),
        "commit-without-tree": lambda: evil.commit(blob),
    }[kind]()  # fmt: skip
    evil.ref("refs/notes/exp", made)

    for word in ("pull", "push", "pull"):
        done = exp(word, cwd=victim.path, code=None)
        assert "Traceback" not in done.stderr
        assert "internal error" not in done.stderr
        assert done.returncode in (0, 5)
        if done.returncode:
            assert done.stderr.splitlines()[0].startswith("fatal: ")
            assert "hint: " in done.stderr
    assert "mine" in exp("log", cwd=victim.path).stdout
    assert victim.is_untouched()
    # The server's owner puts it right: nothing of it stands in the way here.
    git(evil.where, "update-ref", "-d", "refs/notes/exp")
    exp("push", cwd=victim.path)
    exp("pull", cwd=victim.path)
    assert victim.is_untouched()


@pytest.mark.slow
def test_an_archive_that_lies_gives_nothing_that_it_has_not(
    victim: Victim, evil: Evil, survives: Look, exp: Exp
) -> None:
    run_id, code, other = new_id(), evil.code(), evil.code()
    name = "refs/exp/archive/2026-01-0badcafe"
    text = (
        f"exp: archive of 3 runs\n\n{run_id} {code}\n{victim.mine.id} {other} {other}\n"
        f"../../x {code}\n{new_id()} --output=pwned\n{new_id()} {'0' * 40}\nPrevious: {other}\n"
    )
    evil.ref(name, evil.commit(evil.tree(), other, message=text.encode()))
    told = line("archived", 3, ref=name, data=other)
    evil.publish(evil.noted({code: note(run_id, code, told)}))

    survives(run_id)
    exp("pull", "origin", run_id, cwd=victim.path, code=None)

    assert victim.is_untouched()
    assert name not in spread(victim, exp)


@pytest.mark.slow
def test_artifacts_with_names_of_places_stay_in_git(
    victim: Victim, evil: Evil, survives: Look, exp: Exp
) -> None:
    run_id, code = new_id(), evil.code()
    blob = evil.blob(b"#!/bin/sh\ntouch pwned\n")
    hooks = evil.tree((FILE, b"post-checkout", blob))
    bad = evil.tree(
        (FOLDER, b"..", evil.tree((FILE, b"x", blob))),
        (FOLDER, b".git", evil.tree((FOLDER, b"hooks", hooks))),
        (FILE, b"a\\..\\..\\x", blob),
    )
    series = evil.tree(
        (FILE, b"a.00000.jsonl", evil.blob(line("track", 2, value={"acc": 1}) + b"\n\xff{\n")),
        (FOLDER, b"b", bad), (LINK, b"c.00000.jsonl", evil.blob(b"../../../x")),
        (MODULE, b"d", "12" * 20),
    )  # fmt: skip
    output = evil.tree((FILE, b"stdout", evil.blob(DIRTY.encode())), (FOLDER, b"stderr", bad))
    tree = evil.tree((FOLDER, b"artifacts", bad), (FOLDER, b"output", output),
                     (FOLDER, b"series", series), (FOLDER, b"packages.txt", bad))  # fmt: skip
    evil.ref(f"refs/runs/{run_id}", code)
    evil.ref(f"refs/exp/data/{run_id}", evil.commit(tree, code))
    paths = ["../x", ".git/hooks/post-checkout", "/x", "a\\..\\..\\x", "C:\\x", ""]
    told = [line("artifact", at, path=path, size=1, sha256="0" * 64, stored=True)
            for at, path in enumerate(paths, 10)]  # fmt: skip
    evil.publish(evil.noted({code: note(run_id, code, *told)}))

    survives(run_id, codes=(0, 1, 3, 5))
    for words in (["show", run_id, "--output"], ["show", run_id, "--env"],
                  ["show", run_id, "--series", "acc"]):  # fmt: skip
        done = subprocess.run(("git", "exp", *words), cwd=victim.path, capture_output=True)
        assert b"internal error" not in done.stderr
    exp("export", "--csv", "--series", "out.csv", cwd=victim.path, code=None)

    assert victim.is_untouched()


@pytest.mark.parametrize(
    "how",
    [
        "",
        "--worktree",
        *(pytest.param(one, marks=pytest.mark.slow) for one in ("--keep-base", "path")),
    ],
)
def test_code_that_would_go_elsewhere_is_not_checked_out(
    victim: Victim, evil: Evil, exp: Exp, how: str
) -> None:
    blob = evil.blob(b"#!/bin/sh\ntouch pwned\n")
    hooks = evil.tree((FILE, b"post-checkout", blob), (FILE, b"pwned", blob))
    trees = [
        [(FOLDER, b".git", evil.tree((FOLDER, b"hooks", hooks)))],
        [(FOLDER, b"..", evil.tree((FILE, b"pwned", blob)))],
        [(FOLDER, b".GIT", evil.tree((FOLDER, b"hooks", hooks)))],
        [(FILE, b"/pwned", blob)],
        [(LINK, b"out", evil.blob(str(victim.top).encode())),
         (FOLDER, b"out", evil.tree((FILE, b"pwned", blob)))],
    ]  # fmt: skip
    texts, ids = {}, []
    for entries in trees:
        code = evil.code(*entries)
        ids.append(new_id())
        evil.ref(f"refs/runs/{ids[-1]}", code)
        texts[code] = note(ids[-1], code)
    evil.publish(evil.noted(texts))
    exp("pull", cwd=victim.path)

    for run_id in ids:
        words = {"": (run_id,), "--worktree": ("--worktree", "side", run_id),
                 "--keep-base": ("--keep-base", run_id),
                 "path": (run_id, "--", ".")}[how]  # fmt: skip
        done = exp("checkout", *words, cwd=victim.path, code=None)
        assert "internal error" not in done.stderr
        assert "Traceback" not in done.stderr
        assert not (victim.path / ".git/hooks/pwned").exists()
        victim.git("checkout", "-q", "-f", "main")
        victim.git("worktree", "remove", "--force", "side", code=None)

    assert victim.is_untouched()


def _large(evil: Evil, size: int) -> tuple[str, str, str]:
    """A run whose note is that large, and a plain one beside it."""
    run_id, code, plain = new_id(), evil.code(), evil.code()
    whole = note(run_id, code) + b"".join(
        line("note", 5, text=f"{at} " + "x" * 100_000) + b"\n" for at in range(size // 100_000)
    )
    evil.ref(f"refs/runs/{run_id}", code)
    evil.publish(evil.noted({code: whole, plain: note(new_id("plain"), plain)}))
    return run_id, code, plain


@pytest.mark.slow
def test_a_note_that_no_run_can_have_written_is_left_out(
    victim: Victim, evil: Evil, exp: Exp
) -> None:
    _, code, plain = _large(evil, 33 << 20)

    done = share.pull(victim.store)
    again = share.pull(victim.store)
    pushed = exp("push", cwd=victim.path)

    assert done.merged.too_large == [code]
    assert done.merged.new == [plain]
    assert again.merged.new == []
    assert "Traceback" not in pushed.stderr
    assert victim.is_untouched()
    assert set(victim.runs()) == {new_id("plain"), victim.mine.id}


@pytest.mark.slow
def test_a_note_of_a_hundred_megabytes_is_left_out(victim: Victim, evil: Evil, exp: Exp) -> None:
    _, code, plain = _large(evil, 100 << 20)

    exp("pull", cwd=victim.path)
    exp("push", cwd=victim.path)

    assert code not in victim.notes()
    assert plain in victim.notes()
    assert victim.is_untouched()
