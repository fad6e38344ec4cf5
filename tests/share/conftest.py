"""Tests of sharing do without the extra's scanner: it takes seconds in each new repository."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from git_exp import scan
from tests.share.world import Clone, clone, server


@pytest.fixture
def plain_rules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The extra is not installed, in this process and in those that it starts."""
    monkeypatch.setattr(scan, "installed", lambda repo: None)
    absent = tmp_path / "absent"
    absent.mkdir()
    (absent / "kingfisher_sdk.py").write_text("raise ImportError\n")
    path = [str(absent), *filter(None, [os.environ.get("PYTHONPATH")])]
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path))


@pytest.fixture
def there(tmp_path: Path) -> Path:
    """A bare server."""
    return server(tmp_path / "there.git")


@pytest.fixture
def here(there: Path, tmp_path: Path) -> Clone:
    """A clone of the server, which gave it its first commit."""
    return clone(there, tmp_path / "here", first=True)


@pytest.fixture
def mate(here: Clone, there: Path, tmp_path: Path) -> Clone:
    """Somebody else's clone of the server."""
    return clone(there, tmp_path / "mate")
