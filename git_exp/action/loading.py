"""The classes of stored objects, out of the user's own files or of installed packages.

Code is imported here, and only here: of what others recorded only where the user trusts it.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import ModuleType
from typing import Self

from git_exp import ambient, errors
from git_exp.config import Config
from git_exp.config.objects import Stored

_MAIN = ("__main__", "__mp_main__")


class Loader:
    """Finds classes below a root: the worktree, or the run's own snapshot.

    A script is executed once, up to where it would begin a run: its classes are defined by then.
    Within `with` the folders of what was loaded are where more is imported from.
    """

    def __init__(self, root: Path | None) -> None:
        self._root = root.resolve() if root else None
        self._modules: dict[tuple[str, str | None], ModuleType] = {}
        self._added: list[str] = []
        self._writes = sys.dont_write_bytecode

    def __enter__(self) -> Self:
        # Nothing is left in the worktree of what is imported.
        self._writes, sys.dont_write_bytecode = sys.dont_write_bytecode, True
        return self

    def __exit__(self, *_: object) -> None:
        sys.dont_write_bytecode = self._writes
        for folder in self._added:
            with suppress(ValueError):
                sys.path.remove(folder)

    def find(self, stored: Stored) -> type:
        """The class of an object. Raises `ActionFailed` where it cannot be had."""
        key = stored.module, stored.file
        if key not in self._modules:
            self._modules[key] = self._module(stored)
        found: object = self._modules[key]
        for part in stored.name.split("."):
            found = getattr(found, part, None)
        if not (isinstance(found, type) and issubclass(found, Config)):
            raise errors.ActionFailed(
                f"'{stored.file or stored.module}' defines no config '{stored.name}'",
                hint="the run's own code may: git exp actions run --at-run",
            )
        return found

    def _module(self, stored: Stored) -> ModuleType:
        if stored.file is None:
            return _installed(stored)
        path = self._inside(stored.file)
        main = next(
            (sys.modules[one] for one in _MAIN if _file(sys.modules.get(one)) == path), None
        )
        if main is not None:
            return main
        home = _home(path, stored.module)
        name = stored.module if home else f"_git_exp_{path.stem}"
        known = sys.modules.get(name)
        if known is not None:
            if _file(known) == path:
                return known
            # Another module has its name, of Python's own for example.
            name = f"_git_exp_{abs(hash(path)):x}"
        if home is not None and str(home) not in sys.path:
            sys.path.insert(0, str(home))
            self._added.append(str(home))
        return _executed(name, path)

    def _inside(self, file: str) -> Path:
        """A file below the root, whatever a record says."""
        if self._root is None:
            raise errors.ActionFailed(f"'{file}' is in no worktree: this repository has none")
        path = (self._root / file).resolve()
        if not path.is_relative_to(self._root) or path.suffix != ".py" or ".git" in path.parts:
            raise errors.ActionFailed(f"'{file}' is no Python file of the worktree")
        if not path.is_file():
            raise errors.ActionFailed(
                f"'{file}' is not there today",
                hint="the run's own code has it: git exp actions run --at-run",
            )
        return path


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
            f"the class '{stored.name}' was defined in no file",
            hint="define it in a module, and register it from there",
        )
    try:
        return importlib.import_module(stored.module)
    except Exception as error:
        raise _unloadable(stored.module, error) from error


def _executed(name: str, path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise errors.ActionFailed(f"'{path.name}' is no Python file")
    try:
        above, _, last = name.rpartition(".")
        package = importlib.import_module(above) if above else None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        if package:
            setattr(package, last, module)
        with _inert(path):
            spec.loader.exec_module(module)
    except (ambient.Inert, SystemExit):
        # What follows is the experiment itself, or the program's end.
        return module
    except Exception as error:
        sys.modules.pop(name, None)
        raise _unloadable(path.name, error) from error
    return module


@contextmanager
def _inert(path: Path) -> Iterator[None]:
    """While a script is executed for its classes: it begins no run, and gets no arguments."""
    token, before = ambient.inert.set(True), sys.argv
    sys.argv = [str(path)]
    try:
        yield
    finally:
        sys.argv = before
        ambient.inert.reset(token)


def _file(module: ModuleType | None) -> Path | None:
    file = getattr(module, "__file__", None)
    return Path(file).resolve() if file else None


def _unloadable(what: str, error: Exception) -> errors.ActionFailed:
    said = " ".join(str(error).split())
    return errors.ActionFailed(f"cannot load '{what}': {type(error).__name__}: {said[:300]}")
