"""A file for the user: whole or not at all, with the permissions that it had."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from git_exp import errors, outfile


def there(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name != "home")


def write(path: Path, data: bytes) -> None:
    with outfile.written(path) as file:
        file.write(data)


def test_a_file_is_written_with_the_users_mask(tmp_path: Path) -> None:
    old = os.umask(0o027)
    try:
        write(tmp_path / "a.csv", b"x")
    finally:
        os.umask(old)

    assert (tmp_path / "a.csv").read_bytes() == b"x"
    assert (tmp_path / "a.csv").stat().st_mode & 0o777 == 0o640


def test_what_is_private_is_so_while_it_is_written(tmp_path: Path) -> None:
    (tmp_path / "a.csv").touch(0o600)

    with outfile.written(tmp_path / "a.csv") as file:
        assert os.fstat(file.fileno()).st_mode & 0o777 == 0o600


def test_the_mask_of_a_process_is_never_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else what another thread writes meanwhile has the wrong permissions."""
    monkeypatch.delattr(os, "umask")

    write(tmp_path / "a.csv", b"x")


def test_a_name_may_be_as_long_as_a_name_can_be(tmp_path: Path) -> None:
    write(tmp_path / ("\N{SNOWMAN}" * 85), b"x")
    write(tmp_path / ("\N{GRINNING FACE}" * 63), b"x")


def test_a_file_that_is_there_is_replaced_and_keeps_its_permissions(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"old")
    (tmp_path / "a.csv").chmod(0o600)

    write(tmp_path / "a.csv", b"new")

    assert (tmp_path / "a.csv").read_bytes() == b"new"
    assert (tmp_path / "a.csv").stat().st_mode & 0o777 == 0o600


def test_what_fails_on_the_way_leaves_all_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"old")

    def interrupted() -> None:
        with outfile.written(tmp_path / "a.csv") as file:
            file.write(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()

    assert (tmp_path / "a.csv").read_bytes() == b"old"
    assert there(tmp_path) == ["a.csv"]


def test_a_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "link.csv").symlink_to("real.csv")

    write(tmp_path / "link.csv", b"x")

    assert (tmp_path / "link.csv").is_symlink()
    assert (tmp_path / "real.csv").read_bytes() == b"x"


def test_a_pipe_is_written_to_as_it_is(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    got: list[bytes] = []
    reader = threading.Thread(target=lambda: got.append((tmp_path / "pipe.csv").read_bytes()))
    reader.start()

    write(tmp_path / "pipe.csv", b"x")
    reader.join()

    assert got == [b"x"]
    assert there(tmp_path) == ["pipe.csv"]


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("no/a.csv", "No such file or directory"),
        ("file/a.csv", "Not a directory"),
        ("folder", "Is a directory"),
        (f"{'x' * 300}.csv", "File name too long"),
    ],
)
def test_a_path_that_cannot_be_a_file_is_wrong_usage(tmp_path: Path, name: str, why: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()

    with pytest.raises(errors.UsageError, match=f"^cannot write '.*': {why}$"):
        write(tmp_path / name, b"x")

    assert there(tmp_path) == ["file", "folder"]


def test_a_disk_that_refuses_is_no_fault_of_the_users() -> None:
    with pytest.raises(errors.WriteFailed, match="No space left on device"):
        write(Path("/dev/full"), b"x" * 100_000)
