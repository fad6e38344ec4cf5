"""ExportArtifact: artifacts become files of the user's, and nothing of theirs is lost by it."""

from __future__ import annotations

import errno
import os
import tarfile
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import git_exp
from git_exp import Answers, Cancelled, ExportArtifact, UsageError, errors, seal
from git_exp.action.shipped import SHIPPED
from git_exp.run import Run
from tests.action.acting import Asked, act, made, told
from tests.spooled import found, opened

FILES = {"model.bin": b"weights\0", "plots/loss.svg": b"<svg/>"}


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, those of a dot too."""
    every = (Path(at) / name for at, _, names in os.walk(folder) for name in names)
    return {str(path.relative_to(folder)): path.read_bytes() for path in every}


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def refused(run: Run, kind: type[errors.GitExpError] = errors.Refused, **given: Any) -> str:
    """What is said of an export to `out` that fails; that folder is as it was."""
    before = contents(Path("out"))
    answers: dict[str, Any] = {"artifact": "all", "target": "folder", "folder": "out", **given}
    with pytest.raises(kind) as error:
        act(run, ExportArtifact(), **answers)
    assert contents(Path("out")) == before
    return str(error.value)


def test_all_artifacts_are_written_to_a_folder_that_is_made(repo: Path) -> None:
    run = made(repo, FILES)

    act(run, ExportArtifact(), artifact="all", target="folder", folder="to/out")

    assert contents(repo / "to") == {f"out/{name}": data for name, data in FILES.items()}
    assert (repo / "to/out/model.bin").stat().st_mode & 0o777 == 0o666 & ~_umask()


def test_one_artifact_is_chosen_and_the_questions_are_these(repo: Path) -> None:
    asked = Asked(artifact="plots/loss.svg", target="folder", folder="")

    act(made(repo, FILES), ExportArtifact(), asked)

    assert contents(repo / "slow") == {"plots/loss.svg": b"<svg/>"}
    assert asked.labels == [
        "Artifact: all|model.bin|plots/loss.svg", "Export to: folder|zip|tar.gz", "Folder: slow",
    ]  # fmt: skip
    assert asked.given == {"artifact": "plots/loss.svg", "target": "folder", "folder": ""}


def test_a_path_that_is_a_param_is_not_asked_for(repo: Path) -> None:
    action = ExportArtifact(path="model.bin")

    act(made(repo, FILES), action, target="folder", folder="out")

    assert contents(repo / "out") == {"model.bin": b"weights\0"}
    assert action.describe() == "Export artifact 'model.bin' to a folder or an archive"
    assert ExportArtifact().describe() == "Export artifacts to a folder or an archive"


def test_a_path_that_the_run_has_not_is_refused_with_the_nearest(repo: Path) -> None:
    run = made(repo, FILES)

    with pytest.raises(errors.NotFound, match=r"has no artifact 'model\.bim'") as error:
        act(run, ExportArtifact(path="model.bim"))
    with pytest.raises(errors.NotFound) as other:
        act(run, ExportArtifact(path="zzz"))

    assert error.value.hint == "did you mean 'model.bin'?"
    assert other.value.hint == "list them: git exp show RUN"


def test_an_artifact_that_is_named_all_is_meant_by_a_path(repo: Path) -> None:
    run = made(repo, {"all": b"1", "b": b"2"})

    act(run, ExportArtifact(path="all"), target="folder", folder="out")

    assert contents(repo / "out") == {"all": b"1"}


def test_a_run_without_artifacts_has_nothing_to_export(repo: Path) -> None:
    run = made(repo)

    with pytest.raises(errors.AnswerIsNo) as error:
        act(run, ExportArtifact())

    assert str(error.value) == f"run {run.id[:8]} has no artifacts"
    assert error.value.exit_code == 1


@pytest.mark.parametrize("target", ["zip", "tar.gz"])
def test_an_archive_has_the_artifacts_and_is_the_same_each_time(repo: Path, target: str) -> None:
    run = made(repo, FILES)

    act(run, ExportArtifact(), artifact="all", target=target, file="one")
    act(run, ExportArtifact(), artifact="all", target=target, file="")

    assert Path("one").read_bytes() == Path(f"slow.{target}").read_bytes()
    assert _unpacked(Path("one")) == FILES
    assert names(Path()) == [".git", "one", f"slow.{target}", "train.py"]


def test_a_zip_has_the_first_day_it_can_tell_where_the_time_is_before_that(repo: Path) -> None:
    run = made(repo, FILES)
    run.started, run.ended = "", None

    act(run, ExportArtifact(), artifact="all", target="zip", file="one.zip")

    with zipfile.ZipFile("one.zip") as packed:
        assert {one.date_time for one in packed.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_an_archive_that_is_there_is_overwritten_only_if_that_is_answered(repo: Path) -> None:
    run = made(repo, FILES)
    Path("mine.zip").write_text("mine")
    answers: dict[str, Any] = {"artifact": "all", "target": "zip", "file": "mine.zip"}

    with pytest.raises(errors.Refused) as error:
        act(run, ExportArtifact(), **answers, overwrite=False)

    assert str(error.value) == "'mine.zip' would be overwritten"
    assert Path("mine.zip").read_text() == "mine"
    act(run, ExportArtifact(), **answers, overwrite=True)
    assert _unpacked(Path("mine.zip")) == FILES


def test_a_file_that_differs_is_overwritten_only_if_that_is_answered(repo: Path) -> None:
    run = made(repo, FILES)
    (repo / "out").mkdir()
    (repo / "out/model.bin").write_text("mine")
    (repo / "out/other").write_text("mine")
    asked = Asked(artifact="all", target="folder", folder="out", overwrite="yes")

    assert refused(run, overwrite="no") == "'model.bin' would be overwritten"
    assert refused(run, errors.MissingAnswer).startswith("no answer for 'overwrite'")
    act(run, ExportArtifact(), asked)

    assert asked.labels[-1] == "Overwrite 'model.bin'? False"
    assert contents(repo / "out") == {**FILES, "other": b"mine"}


def test_files_that_are_there_already_are_no_question(repo: Path) -> None:
    run = made(repo, FILES)
    answers: dict[str, Any] = {"artifact": "all", "target": "folder", "folder": "out"}
    act(run, ExportArtifact(), **answers)
    before = (repo / "out/model.bin").stat()

    act(run, ExportArtifact(), **answers)

    assert (repo / "out/model.bin").stat() == before


def test_many_files_in_the_way_are_named_in_one_line(repo: Path) -> None:
    run = made(repo, {str(number): b"theirs" for number in range(5)})
    (repo / "out").mkdir()
    for number in range(5):
        (repo / f"out/{number}").write_text("mine")

    assert refused(run, overwrite=False) == "'0', '1', '2' and 2 more would be overwritten"


@pytest.mark.parametrize(
    "name",
    ["../x", "/etc/x", "a/../../x", "a//b", ".git/hooks/pre-commit", "a/.GIT/config", "a\nb", "."],
)
def test_a_name_that_would_leave_the_folder_is_refused(repo: Path, name: str) -> None:
    run = told(repo, {"path": name, "data": b"evil"}, {"path": "good", "data": b"good"})

    said = refused(run)

    assert said.startswith("an artifact of the run has a bad path '")
    assert "x" not in names(repo.parent)
    act(run, ExportArtifact(), artifact="good", target="folder", folder="out")
    assert contents(repo / "out") == {"good": b"good"}


def test_a_link_in_the_folder_is_not_gone_through(repo: Path, tmp_path: Path) -> None:
    run = made(repo, FILES)
    (tmp_path / "elsewhere").mkdir()
    (repo / "out").mkdir()
    (repo / "out/plots").symlink_to(tmp_path / "elsewhere")

    said = refused(run, overwrite=True)

    assert said == "'out/plots' is a link: 'plots/loss.svg' would leave the folder"
    assert contents(tmp_path / "elsewhere") == {}


def test_a_link_in_the_place_of_a_file_is_replaced_and_not_written_through(
    repo: Path, tmp_path: Path
) -> None:
    run = made(repo, FILES)
    (tmp_path / "mine").write_bytes(b"mine")
    (repo / "out").mkdir()
    (repo / "out/model.bin").symlink_to(tmp_path / "mine")

    assert refused(run, overwrite=False) == "'model.bin' would be overwritten"
    act(run, ExportArtifact(), artifact="all", target="folder", folder="out", overwrite=True)

    assert (tmp_path / "mine").read_bytes() == b"mine"
    assert contents(repo / "out") == FILES


def test_a_file_where_a_folder_must_be_and_a_folder_where_a_file_must_be(repo: Path) -> None:
    run = made(repo, FILES)
    (repo / "out/model.bin").mkdir(parents=True)

    assert refused(run) == "'out/model.bin' is a folder"
    (repo / "out/model.bin").rmdir()
    (repo / "out/plots").write_text("mine")
    assert refused(run) == "'out/plots' is no folder"


def test_an_artifact_that_another_is_below_is_refused(repo: Path) -> None:
    run = told(repo, {"path": "a", "data": b"1"}, {"path": "a/b", "data": b"2"})

    assert refused(run) == "artifact 'a' is in the way of 'a/b'"


def test_an_artifact_that_is_not_stored_is_named_with_where_it_is(repo: Path) -> None:
    away = {"path": "big.bin", "uri": "file:///data/big.bin"}
    run = told(repo, away, {"path": "small", "data": b"small"}, {"path": "lost"})

    assert refused(run, errors.NotFound, artifact="big.bin") == (
        "not stored in the run: 'big.bin' is at file:///data/big.bin"
    )
    assert refused(run, errors.NotFound, rest=False) == (
        "not stored in the run: 'big.bin' is at file:///data/big.bin,"
        " 'lost' is at no place that is known"
    )


def test_the_others_are_exported_if_that_is_answered(repo: Path) -> None:
    run = told(repo, {"path": "big", "uri": "s3://b/big"}, {"path": "small", "data": b"small"})
    asked = Asked(artifact="all", rest=True, target="folder", folder="out")

    act(run, ExportArtifact(), asked)

    assert asked.labels[1] == (
        "not stored in the run: 'big' is at s3://b/big. Go on with the others? False"
    )
    assert contents(repo / "out") == {"small": b"small"}


def test_a_digest_that_is_a_path_reads_no_file_of_the_machine(repo: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("mine")
    run = told(repo, {"path": "x", "stored": True, "sha256": str(tmp_path / "secret")})

    assert refused(run, errors.NotFound) == "artifact 'x' is not here"
    assert opened(repo).file(run, "artifacts/x") is None


def test_bytes_that_are_not_those_that_were_recorded_are_refused(repo: Path) -> None:
    run = told(repo, {"path": "x", "data": b"one"})
    (kept,) = (found(repo).home / "spool" / run.id / "artifacts").iterdir()
    kept.write_bytes(b"other")

    assert refused(run, errors.NotFound) == "artifact 'x' is not what was recorded"


def test_an_artifact_whose_bytes_are_not_here_is_named(repo: Path) -> None:
    run = told(repo, {"path": "x", "stored": True, "sha256": "0" * 64})

    assert refused(run, errors.NotFound) == "artifact 'x' is not here"


@pytest.mark.parametrize("first", ["a", "a/b"])
def test_a_file_and_a_folder_of_two_processes_are_both_there_once_they_are_sealed(
    repo: Path, first: str
) -> None:
    both = ({"path": "a", "data": b"1"}, {"path": "a/b", "data": b"2"})
    run = told(repo, *sorted(both, key=lambda one: one["path"] != first))
    seal.complete(found(repo))

    for name in ("a", "a/b"):
        act(run, ExportArtifact(), artifact=name, target="folder", folder=f"out/{name[::-1]}x")

    assert contents(repo / "out") == {"ax/a": b"1", "b/ax/a/b": b"2"}


def test_a_tilde_is_the_users_home_and_a_nul_is_no_path(repo: Path, tmp_path: Path) -> None:
    run = made(repo, FILES)

    act(run, ExportArtifact(), artifact="all", target="folder", folder="~/out")

    assert contents(tmp_path / "home/out") == FILES
    assert refused(run, errors.UsageError, folder="a\0b") == "no path has a NUL in it"


@pytest.mark.parametrize("at", ["choice", "text", "checkbox"])
def test_whoever_cancels_has_nothing_written(repo: Path, at: str) -> None:
    run = made(repo, FILES)
    (repo / "out").mkdir()
    (repo / "out/model.bin").write_text("mine")

    class Gone(Answers):
        def choice(self, key: str, label: str, choices: Sequence[str]) -> str:
            return _or_gone(at == "choice", choices[0])

        def text(self, key: str, label: str, *, default: str = "") -> str:
            return _or_gone(at == "text", "out")

        def checkbox(self, key: str, label: str, *, default: bool = False) -> bool:
            return bool(_or_gone(at == "checkbox", "yes"))

    with pytest.raises(Cancelled):
        act(run, ExportArtifact(), Gone())

    assert contents(repo / "out") == {"model.bin": b"mine"}


def test_a_full_disk_is_one_line_and_leaves_nothing(
    repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = made(repo, FILES)

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)

    assert refused(run, errors.WriteFailed) == "cannot write 'out': No space left on device"
    assert refused(run, errors.WriteFailed, target="zip", file="x.zip") == (
        "cannot write 'x.zip': No space left on device"
    )
    assert names(Path()) == [".git", "train.py"]


def test_a_disk_that_refuses_the_last_file_leaves_the_folder_as_it_was(
    repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = made(repo, {"a": b"1", "b/c/d": b"2", "e": b"3"})
    (repo / "out").mkdir()
    (repo / "out/a").write_text("mine")
    real = Path.replace

    def refusing(self: Path, target: Path) -> Path:
        if self.name == "e":
            raise OSError(errno.EROFS, "Read-only file system")
        return real(self, target)

    monkeypatch.setattr(Path, "replace", refusing)

    said = refused(run, errors.WriteFailed, overwrite=True)

    assert said == "cannot write 'out': Read-only file system"
    assert names(Path("out")) == ["a"]


def test_a_file_that_comes_up_meanwhile_is_not_overwritten(
    repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = made(repo, {"a": b"theirs"})
    (repo / "out").mkdir()
    real = os.fsync

    def slowly(fd: int) -> None:
        (repo / "out/a").write_text("mine")
        real(fd)

    monkeypatch.setattr(os, "fsync", slowly)

    with pytest.raises(errors.Refused, match="'out/a' came up meanwhile"):
        act(run, ExportArtifact(), artifact="all", target="folder", folder="out")
    assert contents(repo / "out") == {"a": b"mine"}


def test_a_name_that_is_no_name_of_a_file_becomes_one(repo: Path) -> None:
    one = told(repo, {"path": "x", "data": b"1"}, name="../a/b: c.")
    other = told(repo, {"path": "x", "data": b"1"}, name="…")

    act(one, ExportArtifact(), artifact="x", target="folder", folder="")
    act(other, ExportArtifact(), artifact="x", target="folder", folder="")

    assert contents(repo / "a-b-c") == contents(repo / other.id[:8]) == {"x": b"1"}


def test_the_actions_that_ship_need_no_params_and_have_a_run_only_while_they_are_executed(
    repo: Path,
) -> None:
    assert list(SHIPPED) == ["ExportArtifact", "PublishBranch", "PushToHub"]
    assert [getattr(git_exp, name) for name in SHIPPED] == list(SHIPPED.values())
    for kind in SHIPPED.values():
        with pytest.raises(UsageError, match=f"{kind.__name__} is not executed for a run"):
            kind().execute(Answers())
    with pytest.raises(UsageError, match="was not read from a repository"):
        act(Run(id="r", commit="").read_from(_Elsewhere()), ExportArtifact())


class _Elsewhere:
    def series(self, run: Run) -> Any: ...

    def lines(self, run: Run) -> Any: ...

    def patch(self, old: Run | None, new: Run) -> Any: ...


def _or_gone(gone: bool, answer: str) -> str:
    if gone:
        raise Cancelled
    return answer


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _unpacked(path: Path) -> dict[str, bytes]:
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as packed:
            return {name: packed.read(name) for name in packed.namelist()}
    with tarfile.open(path) as unpacked:
        members = [(one.name, unpacked.extractfile(one)) for one in unpacked.getmembers()]
        return {name: file.read() for name, file in members if file}
