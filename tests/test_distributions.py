"""What is installed where a run runs, and its GPUs."""

from __future__ import annotations

import importlib.metadata
import re
from pathlib import Path

import pytest

from git_exp import distributions


def test_the_installed_distributions_are_those_that_python_finds() -> None:
    found = dict(line.split("==") for line in distributions.listing().decode().splitlines())

    for name in ("msgspec", "pygit2", "pytest"):
        assert found[name] == importlib.metadata.version(name)
    known = {re.sub(r"[-_.]+", "-", one.name).lower() for one in importlib.metadata.distributions()}
    assert set(found) == known


def test_a_listing_is_sorted_by_normal_names_and_the_first_folder_wins(tmp_path: Path) -> None:
    for folder in (
        "one/Zope.Interface-7.2.dist-info",
        "one/a_b-1.0.dist-info",
        "one/old-0.1-py3.11.egg-info",
        "one/editable_thing-2!1.0rc1+local.dist-info",
        "one/no_version.dist-info",
        "one/package",
        "two/a_b-2.0.dist-info",
        "two/c-3.dist-info",
    ):
        (tmp_path / folder).mkdir(parents=True)
    path = [str(tmp_path / "one"), str(tmp_path / "two"), str(tmp_path / "missing")]

    listed = distributions.listing(path)

    assert listed.decode().splitlines() == [
        "a-b==1.0",
        "c==3",
        "editable-thing==2!1.0rc1+local",
        "old==0.1",
        "zope-interface==7.2",
    ]


def test_an_empty_entry_of_the_path_is_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here-1.dist-info").mkdir()
    monkeypatch.chdir(tmp_path)

    assert distributions.listing([""]) == b"here==1\n"


def test_gpus_are_named_as_their_driver_names_them(tmp_path: Path) -> None:
    for number, text in (("0", "Model: \t NVIDIA A100\nIRQ: 1\n"), ("1", "IRQ: 2\n")):
        (tmp_path / number).mkdir()
        (tmp_path / number / "information").write_text(text)

    assert distributions.gpus(tmp_path) == ["NVIDIA A100"]
    assert distributions.gpus(tmp_path / "missing") == []
    (tmp_path / "2" / "information").mkdir(parents=True)
    assert distributions.gpus(tmp_path) == []
