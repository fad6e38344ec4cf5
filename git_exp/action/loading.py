"""The classes of stored objects, out of the user's own files or of installed packages.

Code is imported here, and only here: of what others recorded only where the user trusts it.
"""

from __future__ import annotations

import dataclasses
import enum
import importlib
import importlib.util
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Self

import msgspec

from git_exp import ambient, errors, visible
from git_exp.config import Config
from git_exp.config.objects import Stored

_MAIN = ("__main__", "__mp_main__")
_SHOWN = 200


class Loader:
    """Finds classes below a root: the worktree, or the run's own snapshot `instead` of it.

    A script is executed once, up to where it would begin a run: its classes are defined by then.
    Within `with` the folders of what was loaded are where more is imported from; of those of the
    worktree the snapshot has its own.
    """

    def __init__(self, root: Path | None, *, instead: Path | None = None) -> None:
        self._root = root.resolve() if root else None
        self._instead = instead.resolve() if instead else None
        self._modules: dict[tuple[str, str | None], ModuleType] = {}
        self._before = (sys.dont_write_bytecode, list(sys.path))

    def __enter__(self) -> Self:
        # Nothing is left in the worktree of what is imported.
        self._before = (sys.dont_write_bytecode, list(sys.path))
        sys.dont_write_bytecode = True
        sys.path[:] = map(self._mapped, sys.path)
        return self

    def __exit__(self, *_: object) -> None:
        sys.dont_write_bytecode, sys.path[:] = self._before

    def _mapped(self, folder: str) -> str:
        if self._instead is None or self._root is None:
            return folder
        path = Path(folder).resolve()
        inside = folder and path.is_relative_to(self._instead) and "site-packages" not in path.parts
        return str(self._root / path.relative_to(self._instead)) if inside else folder

    def find(self, stored: Stored) -> type:
        """The class of an object. Raises `ActionFailed` where it cannot be had."""
        key = stored.module, stored.file
        if key not in self._modules:
            self._modules[key] = self._module(stored)
        found: object = self._modules[key]
        for part in stored.name.split("."):
            found = getattr(found, part, None)
        if not (isinstance(found, type) and _is_data(found)):
            where = visible.escape((stored.file or stored.module)[:_SHOWN])
            name = visible.escape(stored.name[:_SHOWN])
            raise errors.ActionFailed(f"'{where}' defines no config '{name}'", hint=self._hint)
        return found

    @property
    def _hint(self) -> str | None:
        then = self._instead is not None
        return None if then else "the run's own code may: git exp actions run --at-run"

    def _module(self, stored: Stored) -> ModuleType:
        if stored.file is None:
            return _installed(stored)
        path = self._inside(stored.file)
        main = next(
            (sys.modules[one] for one in _MAIN if _file(sys.modules.get(one)) == path), None
        )
        if main is not None:
            return main
        # `python -m package` executes this one, and says the package's name.
        module = f"{stored.module}.__main__" if path.stem == "__main__" else stored.module
        home = _home(path, module)
        known = sys.modules.get(module)
        if home is not None and known is not None and _file(known) == path:
            return known
        if home is None or known is not None:
            # A script that no name imports, or whose name another module has.
            plain = re.sub(r"\W", "_", path.stem)
            module, home = f"_git_exp_{plain}_{abs(hash(path)):x}", path.parent
        if str(home) not in sys.path:
            sys.path.insert(0, str(home))
        return sys.modules.get(module) or _executed(module, path)

    def _inside(self, file: str) -> Path:
        """A file below the root, whatever a record says."""
        if self._root is None:
            raise errors.ActionFailed(f"'{file}' is in no worktree: this repository has none")
        shown = visible.escape(file[:_SHOWN])
        try:
            path = (self._root / file).resolve()
            there = path.is_file()
        except (OSError, ValueError, RuntimeError):
            raise errors.ActionFailed(f"'{shown}' is no file") from None
        if not path.is_relative_to(self._root) or path.suffix != ".py" or ".git" in path.parts:
            raise errors.ActionFailed(f"'{shown}' is no Python file of the worktree")
        if not there:
            when = "in the snapshot" if self._instead else "there today"
            raise errors.ActionFailed(f"'{shown}' is not {when}", hint=self._hint)
        return path


def _is_data(cls: type) -> bool:
    """Whether objects are of such classes: configs, and what their params may be."""
    return issubclass(cls, Config | enum.Enum | msgspec.Struct) or dataclasses.is_dataclass(cls)


def _home(path: Path, module: str) -> Path | None:
    """The folder from which a file is imported under a module's name; None where it is not."""
    parts = module.split(".")
    there = path.with_suffix("").parts
    if there[-1] == "__init__":
        there = there[:-1]
    if list(there[-len(parts) :]) != parts or len(there) <= len(parts):
        return None
    return Path(*there[: -len(parts)])


def _installed(stored: Stored) -> ModuleType:
    if stored.module in _MAIN:
        raise errors.ActionFailed(
            f"the class '{visible.escape(stored.name[:_SHOWN])}' was defined in no file",
            hint="define it in a module, and register it from there",
        )
    with _inert(None), _loading(stored.module):
        return importlib.import_module(stored.module)


def _executed(name: str, path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise errors.ActionFailed(f"'{path.name}' is no Python file")
    module = importlib.util.module_from_spec(spec)
    with _inert(path), _loading(path.name):
        above, _, last = name.rpartition(".")
        package = importlib.import_module(above) if above else None
        sys.modules[name] = module
        if package:
            setattr(package, last, module)
        try:
            spec.loader.exec_module(module)
        except (ambient.Inert, SystemExit):
            # What follows is the experiment itself, or the program's end.
            return module
        except BaseException:
            sys.modules.pop(name, None)
            raise
    return module


@contextmanager
def _inert(path: Path | None) -> Iterator[None]:
    """While code is executed for its classes: it begins no run, and a script gets no arguments."""
    before, off = sys.argv, os.environ.get("GIT_EXP_DISABLED")
    ambient.Inert.count += 1
    # What it starts begins none either.
    os.environ["GIT_EXP_DISABLED"] = "1"
    sys.argv = [str(path)] if path else before
    try:
        yield
    finally:
        sys.argv = before
        ambient.Inert.count -= 1
        if off is None:
            os.environ.pop("GIT_EXP_DISABLED", None)
        else:
            os.environ["GIT_EXP_DISABLED"] = off


@contextmanager
def _loading(what: str) -> Iterator[None]:
    """Whatever the user's code raises while it is imported, in one line."""
    shown = visible.escape(what[:_SHOWN])
    try:
        yield
    except (errors.ActionFailed, KeyboardInterrupt):
        raise
    except ambient.Inert:
        raise errors.ActionFailed(
            f"cannot load '{shown}': a module begins a run when it is imported",
            hint="let it begin below: if __name__ == '__main__'",
        ) from None
    except BaseException as error:
        raise errors.ActionFailed(f"cannot load '{shown}': {errors.said(error)[:300]}") from error


def _file(module: ModuleType | None) -> Path | None:
    file = getattr(module, "__file__", None)
    return Path(file).resolve() if file else None
