"""Which untracked files a run takes: no secrets, none too large, and what the user says."""

from __future__ import annotations

import hashlib
import os
import resource
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from git_exp import Experiment, errors
from git_exp.git import untracked
from git_exp.git.repo import Config
from git_exp.git.untracked import LeftOut, Rules
from tests.git import witness
from tests.git.witness import commit, git, reference, write

SECRETS = (
    ".env", ".ENV", ".env.local", ".env.production", ".envrc", ".netrc", ".pgpass", ".npmrc",
    ".pypirc", ".htpasswd", "server.pem", "SERVER.PEM", "private.key", "a.p12", "a.pfx", "a.jks",
    "pass.kdbx", "id_rsa", "id_rsa.bak", "id_rsa_work", "id_dsa", "id_ecdsa", "id_ed25519",
    "id_ed25519_sk", "credentials", "credentials.json", "aws-credentials", "my_Credentials.yaml",
    "service-account.json", "service-account-prod.json", "secrets.yaml", "secrets.toml",
    "secrets.json", ".env/x", "a/.env", "a/b/id_rsa", "secrets.d/x", "x.key/readme",
    "credentials/aws.py",
)  # fmt: skip
OPEN = (
    "env", ".environment", "environment.yml", ".env.example", ".env.sample", "a.pub", "id_rsa.pub",
    "server.pem.example", "credentials.example", "credentials_test.py", "credentials.ts",
    "aws_credentials.go", "secrets.py", "secrets.md", "secrets", "mysecrets.yaml", "keys", "key",
    "keyboard.txt", "monkey", "my_id_rsa", "service-account.yaml", "pem", "tokens.json",
    "netrc", "a.keys", ".envs/x", "id_rs", ".env.py",
)  # fmt: skip


@pytest.mark.parametrize("path", SECRETS)
def test_a_name_in_the_shape_of_a_secret_is_one(path: str) -> None:
    assert untracked.is_secret(path)


@pytest.mark.parametrize("path", OPEN)
def test_other_names_are_no_secrets(path: str) -> None:
    assert not untracked.is_secret(path)


def test_secrets_are_left_out_listed_and_never_read(repo: Path) -> None:
    write(repo, {".env": "KEY=1\n", "sub/id_rsa": "k", "credentials_test.py": "c", "a.pub": "p"})

    ran = witness.run(repo)

    assert ran.skipped() == {".env": "secret-shaped name", "sub/id_rsa": "secret-shaped name"}
    assert ran.tree == reference(repo, without=[".env", "sub/id_rsa"])
    assert ran.git["capture"] == "full"
    assert not any("sha256" in one for one in ran.git["skipped"])
    assert ran.said.endswith(
        "2 untracked files are not in the snapshot: git exp show " + ran.start["run_id"][:8] + "\n"
    )
    hidden = git(repo, "hash-object", ".env").decode()
    assert not (repo / ".git/objects" / hidden[:2] / hidden[2:]).exists()


def test_a_secret_that_is_tracked_is_captured(repo: Path) -> None:
    write(repo, {".env": "1\n", "id_rsa": "k"})
    git(repo, "add", "-f", ".env", "id_rsa")
    git(repo, "commit", "-q", "-m", "on purpose", ".env")
    write(repo, {".env": "2\n"})

    ran = witness.run(repo)

    assert ran.read(".env") == b"2\n"
    assert ran.holds("id_rsa")


def test_a_file_that_is_left_out_is_listed_with_size_time_and_digest(repo: Path) -> None:
    git(repo, "config", "exp.maxFileSize", "10")
    write(repo, {"big": "x" * 11, "fits": "x" * 10})
    os.utime(repo / "big", (1_700_000_000, 1_700_000_000.5))

    ran = witness.run(repo)

    assert ran.git["skipped"] == [
        {
            "path": "big",
            "reason": "larger than exp.maxFileSize",
            "size": 11,
            "mtime": 1_700_000_000.5,
            "sha256": hashlib.sha256(b"x" * 11).hexdigest(),
        }
    ]
    assert ran.holds("fits")


def test_the_smallest_files_are_taken_until_the_room_is_full(repo: Path) -> None:
    git(repo, "config", "exp.maxUntracked", "10")
    write(repo, {"five": "5" * 5, "two": "22", "three": "333", "six": "6" * 6, "none": ""})

    ran = witness.run(repo)

    assert sorted(ran.modes) == [b"five", b"none", b"three", b"train.py", b"two"]
    assert ran.skipped() == {"six": "over exp.maxUntracked in all"}


@pytest.mark.parametrize(
    ("text", "size"),
    [("1k", 1 << 10), ("2K", 2 << 10), ("3m", 3 << 20), ("1G", 1 << 30), ("7", 7), ("0", 0)],
)
def test_sizes_have_the_suffixes_of_git(text: str, size: int) -> None:
    config = Config(values={"exp.maxfilesize": ("9", text), "exp.maxuntracked": (text,)})

    found = untracked.rules(config)

    assert (found.max_file, found.max_all) == (size, size)


@pytest.mark.parametrize("key", ["exp.maxFileSize", "exp.maxUntracked"])
@pytest.mark.parametrize("text", ["ten", "10 MB", "1.5m", "-1", "m", "10x", "٣"])
def test_a_wrong_size_is_one_clear_line_and_nothing_is_written(
    repo: Path, key: str, text: str
) -> None:
    git(repo, "config", key, text)

    with pytest.raises(errors.UsageError) as caught:
        Experiment("r")

    assert str(caught.value) == f"bad numeric config value '{text.lower()}' for '{key}'"
    assert caught.value.exit_code == 2
    assert not (repo / ".git/exp").exists()
    assert git(repo, "for-each-ref", "refs/runs") == b""


@pytest.mark.parametrize(
    ("pattern", "path", "matches"),
    [
        ("*.ckpt", "a/b/last.ckpt", True),
        ("*.ckpt", "last.ckpt.py", False),
        ("*.CKPT", "Last.ckpt", True),
        ("data", "data/x", True),
        ("data", "a/data/x", True),
        ("data", "database/x", False),
        ("data/", "data/x/y", True),
        ("data/", "a/data/x", True),
        ("/data", "data/x", True),
        ("/data", "a/data/x", False),
        ("data/raw", "data/raw/x", True),
        ("data/raw", "data/raw", True),
        ("data/raw", "a/data/raw/x", False),
        ("data/raw/", "data/raw/x/y", True),
        ("data/*.csv", "data/x.csv", True),
        ("data/*/x", "data/y/x", True),
        ("**/logs", "a/b/logs/x", True),
        ("[ab].txt", "a.txt", True),
        ("a[", "a[", True),
        ("", "anything", False),
        ("/", "anything", False),
    ],
)
def test_patterns_match_names_and_paths(pattern: str, path: str, matches: bool) -> None:
    assert untracked.matches(path, ["no-such", pattern]) is matches


def test_the_users_patterns_exclude_and_include(repo: Path) -> None:
    git(repo, "config", "--add", "exp.exclude", "*.ckpt")
    git(repo, "config", "--add", "exp.exclude", "data/raw")
    git(repo, "config", "--add", "exp.include", ".env")
    git(repo, "config", "--add", "exp.include", "data/raw/keep")
    git(repo, "config", "--add", "exp.include", "big")
    git(repo, "config", "exp.maxFileSize", "100")
    write(repo, {".env": "e", "a/b.ckpt": "c", "data/raw/x": "x", "data/raw/keep": "k"})
    write(repo, {"big": "b" * 200, "big2": "b" * 200, "plain": "p"})

    ran = witness.run(repo)

    assert ran.skipped() == {
        "a/b.ckpt": "exp.exclude",
        "data/raw/x": "exp.exclude",
        "big2": "larger than exp.maxFileSize",
    }
    assert sorted(ran.modes) == [b".env", b"big", b"data/raw/keep", b"plain", b"train.py"]


@pytest.mark.slow
def test_a_list_stops_at_a_thousand_with_a_count(repo: Path) -> None:
    git(repo, "config", "exp.exclude", "many")
    write(repo, {f"many/{at:04}": str(at) for at in range(1_005)})
    write(repo, {f"taken/{at:04}": "" for at in range(1_007)})

    ran = witness.run(repo)

    assert len(ran.git["skipped"]) == 1_000
    assert ran.git["skipped_count"] == 1_005
    assert len(ran.git["status"]) == 1_000
    assert ran.git["status_count"] == 1_007
    assert "1005 untracked files are not in the snapshot" in ran.said


def test_a_huge_sparse_file_is_listed_and_not_read(repo: Path) -> None:
    with (repo / "huge").open("wb") as file:
        file.truncate(300 << 20)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    ran = witness.run(repo)

    assert ran.git["skipped"][0]["size"] == 300 << 20
    assert "sha256" not in ran.git["skipped"][0]
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100 << 10


def test_at_most_64_mebibytes_are_hashed_smallest_first(tmp_path: Path) -> None:
    sizes = {"small": 1, "half": 33 << 20, "more": 34 << 20}
    for name, size in sizes.items():
        with (tmp_path / name).open("wb") as file:
            file.truncate(size)
    _, left = untracked.choose(tmp_path, map(os.fsencode, sizes), Rules(max_file=0))

    found = untracked.hashed(tmp_path, left, most=100)

    assert [(one.path, one.sha256 is not None) for one in found] == [
        (b"small", True), (b"half", True), (b"more", False),
    ]  # fmt: skip


def test_only_regular_files_have_a_digest(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/etc/passwd")
    write(tmp_path, {"file": "f", ".env": "s"})
    left = [LeftOut(path=name, reason="r", size=1) for name in (b"link", b"file", b"gone")]
    left.append(LeftOut(path=b".env", reason=untracked.SECRET, size=1))

    found = untracked.hashed(tmp_path, left, most=100)

    assert [one.sha256 is not None for one in found] == [False, True, False, False]


def test_a_file_that_goes_meanwhile_is_no_untracked_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    write(tmp_path, {"file": "f"})

    found = untracked.choose(tmp_path, [b"gone", b"file", b"pipe", b"file/below"], Rules())

    assert found == ([b"file"], [])


@pytest.fixture
def shut() -> Iterator[Path]:
    """A repository outside of every other, since its files are to be closed to us."""
    top = Path(tempfile.mkdtemp()).resolve()
    files = {f"open{at}": "1\n" for at in range(10)}
    git(top, "init", "-q")
    commit(top, {**files, "file": "1\n", "d/t": "1\n", "e/t": "1\n", "f/t": "1\n"})
    yield top
    for path in (top, *top.rglob("*")):
        if not path.is_symlink() and path.is_dir():
            path.chmod(0o755)
    shutil.rmtree(top)


def plain() -> list[str]:
    """What takes from root the right to read what is closed; nothing for others."""
    if os.geteuid():
        return []
    caps = "-dac_override,-dac_read_search"
    return ["setpriv", f"--bounding-set={caps}", f"--inh-caps={caps}"]


def test_files_that_cannot_be_read_are_named_and_the_rest_is_captured(shut: Path) -> None:
    write(shut, {"file": "22\n", "new": "n\n", "open1": "changed\n", "secret-new": "s\n"})
    for name in ("file", "new"):
        (shut / name).chmod(0)

    ran = witness.run_by(shut, *plain())

    assert ran.git["capture"] == "partial"
    assert ran.missed() == {"file": "cannot be read", "new": "cannot be read"}
    assert [one["size"] for one in ran.git["missed"]] == [3, 2]
    assert ran.read("file") == b"1\n"
    assert ran.read("open1") == b"changed\n"
    assert ran.holds("secret-new")
    assert "partial, without: file, new\n" in ran.said


def test_folders_that_cannot_be_entered_or_listed_are_named(shut: Path) -> None:
    for name in ("d", "e", "f"):
        write(shut, {f"{name}/t": "22\n", f"{name}/new": "n\n"})
    write(shut, {"open1": "changed\n"})
    modes = {"d": 0, "e": 0o444, "f": 0o311}
    for name, mode in modes.items():
        (shut / name).chmod(mode)

    ran = witness.run_by(shut, *plain())

    assert ran.git["capture"] == "partial"
    assert set(ran.missed()) == {"d/", "d/t", "e/t", "e/new", "f/"}
    assert ran.read("f/t") == b"22\n"
    assert ran.read("open1") == b"changed\n"
