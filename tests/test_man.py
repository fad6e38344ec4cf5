"""The manual pages: made from the commands, complete, and sound for man."""

from __future__ import annotations

import ast
import importlib
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from git_exp import cli, errors
from git_exp.cli import ending, manual
from git_exp.query import fields, grammar, literals
from tests import architecture as house
from tests.architecture import ROOT, Module, modules

PAGES = sorted((ROOT / "man").glob("*.[157]"))
COMMANDS = [ROOT / f"man/git-exp-{word}.1" for word in cli.words()]
ORDER = ["NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "COMMANDS", "*", "EXAMPLES", "CONFIGURATION",
         "ENVIRONMENT", "EXIT STATUS", "SEE ALSO"]  # fmt: skip
SETTINGS: dict[str, dict[str, Any]] = tomllib.loads((ROOT / "man/src/settings.toml").read_text())
READERS = ("get", "flag", "size", "all", "setting")

needs_man = pytest.mark.skipif(not shutil.which("man"), reason="man is not installed")


def test_the_pages_are_what_the_commands_and_the_prose_make() -> None:
    words = (sys.executable, "man/generate.py", "--check")

    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)

    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.slow
@needs_man
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_man_shows_a_page_without_a_warning(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MANWIDTH", "80")
    words = ("man", "--warnings", "-E", "UTF-8", "-l", str(page))

    done = subprocess.run(words, capture_output=True, text=True)

    assert (done.returncode, done.stderr) == (0, "")
    assert "NAME" in done.stdout


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_sections_stand_in_gits_order(page: Path) -> None:
    found = re.findall(r"^\.SH (.+)$", page.read_text(), re.MULTILINE)
    places = [ORDER.index(name if name in ORDER else "*") for name in found]

    assert found[0] == "NAME"
    assert places == sorted(places)


@pytest.mark.parametrize("page", COMMANDS, ids=lambda page: page.name)
def test_the_page_of_a_command_has_what_one_looks_for(page: Path) -> None:
    text = page.read_text()

    for name in ("SYNOPSIS", "DESCRIPTION", "OPTIONS", "EXAMPLES", "EXIT STATUS", "SEE ALSO"):
        assert f"\n.SH {name}\n" in text, f"no {name}: write it in man/src"


@pytest.mark.parametrize("word", house.commands())
def test_every_option_of_a_command_stands_on_its_page(word: str) -> None:
    command = house.command(word)
    family, _, verb = word.partition(" ")
    options = (ROOT / f"man/git-exp-{family}.1").read_text().partition(".SH OPTIONS")[2]
    if verb:
        shared = options.partition(".SH ")[0]
        options = shared + options.partition(f".SS {verb}\n")[2].partition(".SS ")[0]

    for option in manual.options(command):
        for name in (*option.opts, *option.secondary_opts):
            assert name.replace("-", "\\-") in options


def test_every_option_in_an_example_is_one_of_its_command() -> None:
    every = house.commands()
    for prose in sorted((ROOT / "man/src").glob("*.md")):
        for word, rest in re.findall(r"^\$ git exp (\w+)(.*)$", prose.read_text(), re.MULTILINE):
            two = f"{word} {rest.split()[0]}" if rest.split() else word
            assert word in every, f"{prose.name}: git exp {word}"
            command = house.command(two if two in every else word)
            known = {name for one in manual.options(command) for name in one.opts}
            given = rest.partition(" -- ")[0].partition(" | ")[0]
            for name in re.findall(r"(?<= )--[a-z][\w-]*", given):
                assert name in known, f"{prose.name}: git exp {word} {name}"


def test_every_field_sign_and_word_of_an_expression_is_documented() -> None:
    page = (ROOT / "man/src/git-exp-query.md").read_text()
    terms = " ".join(re.findall(r"^- (.*)\\$", page, re.MULTILINE))

    for name in (*fields.BUILT_IN, *(f"{kind}:" for kind in fields.KINDS), *grammar.COMPARISONS):
        assert re.search(rf"(?<![\w<>=!~]){re.escape(name)}(?![<>=~])", terms), name
    for word in ("and", "or", "not", "in", "exists", *(f"{one}(" for one in grammar.AGGREGATES)):
        assert f"`{word}" in page, word
    for limit in (grammar.LONGEST, grammar.DEEPEST, literals.LONGEST_PATTERN):
        assert f" {limit:,} " in page


def test_every_expression_on_a_page_is_one() -> None:
    names = {"params": {"lr", "my key", "version"}, "meta": {"model.depth"},
             "metrics": {"acc", "loss", "val/acc", "val loss"}}  # fmt: skip
    known = fields.Catalogue(**{kind: frozenset(some) for kind, some in names.items()})

    for prose in sorted((ROOT / "man/src").glob("*.md")):
        text = prose.read_text()
        found = re.findall(r"--where[ =]'([^']+)'|git_exp\.runs\('([^']+)'", text)
        whole = [first or second for first, second in found]
        if prose.name == "git-exp-query.md":
            # What is code and has a comparison in it, but for the patterns of one.
            whole += re.findall(r"`(\w+ [<>=!~]+ [^`A-Z]+)`", text) + text.split("```")[1:2]
        for expression in whole:
            fields.expression(expression, known, lambda _: (0, 1))
        assert whole or prose.name != "git-exp-query.md"


def test_every_exit_code_is_documented() -> None:
    codes = {0, ending.INTERRUPTED, *(kind.exit_code for kind in _tree(errors.GitExpError))}

    for page in COMMANDS:
        text = page.read_text().partition(".SH EXIT STATUS")[2].partition(".SH")[0]
        found = {int(code) for code in re.findall(r"^\.TP\n(\d+)$", text, re.MULTILINE)}

        assert found == codes or page.name == "git-exp-run.1", page.name


@pytest.mark.slow
def test_every_setting_that_the_code_reads_is_documented_with_its_default() -> None:
    read = {key: default for module in modules() for key, default in _settings(module)}

    assert {key for key in read if key.startswith("exp.")} == {
        key for key in SETTINGS if key.startswith("exp.")
    }
    for key, default in read.items():
        if default is not None:
            assert _number(str(SETTINGS[key]["default"])) == default, key


def test_every_setting_is_on_the_page_of_git_exp_and_of_those_who_use_it() -> None:
    for key, one in SETTINGS.items():
        for word in ("", *one["pages"]):
            page = (ROOT / f"man/{manual.page(word)}.1").read_text()

            assert f"\\fB{key}\\fR" in page.partition(".SH CONFIGURATION")[2], f"{key}: {word}"


@pytest.mark.slow
def test_every_variable_of_the_environment_that_is_ours_is_documented() -> None:
    used = {
        node.value
        for module in modules()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        if re.fullmatch(r"GIT_EXP_[A-Z]+", node.value)
    }

    page = (ROOT / "man/git-exp.1").read_text().partition(".SH ENVIRONMENT")[2]

    assert {name for name in used if f"\\fB{name}\\fR" not in page} == set()


def _settings(module: Module) -> Iterator[tuple[str, int | None]]:
    """Keys of git's configuration that a module reads, with the default where it is a number."""
    for node in ast.walk(module.tree):
        if not isinstance(node, ast.Call) or not node.args:
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else ast.unparse(node.func)
        first = node.args[0]
        key = str(first.value) if isinstance(first, ast.Constant) else ""
        if name in READERS and re.fullmatch(r"(exp|color|pager)\.\w+", key):
            yield key, _default(module, node)


def _default(module: Module, call: ast.Call) -> int | None:
    if len(call.args) < 2:
        return None
    # A default may be a constant of the module: ask the module itself.
    space = vars(importlib.import_module(f"git_exp.{module.name}"))
    found = eval(ast.unparse(call.args[1]), space)  # noqa: S307
    return found if isinstance(found, int) else None


def _number(text: str) -> int:
    return int(text.rstrip("kmg")) << {"k": 10, "m": 20, "g": 30}.get(text[-1], 0)


def _tree(kind: type[errors.GitExpError]) -> Iterator[type[errors.GitExpError]]:
    yield kind
    for below in kind.__subclasses__():
        yield from _tree(below)
