"""The house holds: layers, homes of libraries, doors, sizes and names."""

from __future__ import annotations

import ast
import re
import statistics
import subprocess
import sys

import pytest

from git_exp import cli
from tests import architecture as house
from tests.architecture import ROOT, Module, modules, within

EVERY = modules()
CORE = [one for one in EVERY if one.head not in house.DOORS]
FUNCTIONS = [(module, one) for module in EVERY for one in module.functions()]
IDS = [one.name for one in EVERY]
FORBIDDEN = {"util", "utils", "helper", "helpers", "common", "base", "manager", "handler"}


@pytest.mark.parametrize("module", EVERY, ids=IDS)
def test_imports_point_up_the_table_of_layers(module: Module) -> None:
    assert module.layer >= 0, f"{module.name} has no layer: add it to LAYERS"
    for name in module.ours():
        head = name.partition(".")[0]
        layer = next((at for at, row in enumerate(house.LAYERS) if head in row.split()), None)

        assert layer is None or layer <= module.layer, f"{module.name} imports {name}"


def test_every_library_is_imported_only_at_its_home() -> None:
    away = {
        (module.name, name)
        for module in EVERY
        for name in {one.partition(".")[0] for one in module.imports()}
        if name in house.HOMES and not within(module.name, house.HOMES[name])
        # A value type is a Struct wherever it is at home; only JSON has one home.
        if name != "msgspec" or module.encodes()
    }

    assert away == set(house.ELSEWHERE)


def test_the_base_install_needs_no_library_that_has_no_home() -> None:
    used = {name.partition(".")[0] for one in EVERY for name in one.imports()}
    theirs = used - set(sys.stdlib_module_names) - {"git_exp", "__future__"}

    assert theirs <= set(house.HOMES), "a new library needs a home"


def test_the_git_door_knows_nothing_of_experiments() -> None:
    for module in EVERY:
        for name in module.ours() if module.head == "git" else ():
            assert within(name, ("git", "errors")), f"{module.name} imports {name}"


def test_doors_import_neither_git_nor_each_other() -> None:
    across = {
        (module.name, name)
        for module in EVERY
        if module.head in house.DOORS
        for name in module.ours()
        if name.partition(".")[0] in {"git", *house.DOORS} - {module.head}
    }

    assert across == set(house.STARTED)


def test_no_modules_of_the_core_import_each_other_in_a_circle() -> None:
    names = {one.name for one in CORE}
    graph = {one.name: _at_import(one.tree, names) - {one.name} for one in CORE}

    while leaves := [name for name, needs in graph.items() if not needs & set(graph)]:
        for name in leaves:
            del graph[name]

    assert not graph


def test_only_doors_read_the_folder_the_environment_and_the_arguments() -> None:
    world = re.compile(r"os\.(environb?|getenv|getcwdb?)|sys\.argv|Path\.(cwd|home)|.*expanduser")

    readers = {one.name for one in CORE if any(map(world.fullmatch, one.reads()))}

    assert readers == set(house.READ_THE_WORLD)


@pytest.mark.slow
def test_the_core_neither_prints_nor_asks() -> None:
    talkers = {
        one.name
        for one in CORE
        if any(re.match(r"sys\.(stdin|stdout|stderr)", name) for name in one.reads())
        or any(_calls(one.tree, name) for name in ("print", "input"))
    }

    assert talkers == set(house.TALK)


def test_a_module_whose_annotations_are_resolved_hides_no_import_from_them() -> None:
    for module in EVERY:
        # Elsewhere a Struct is a value: msgspec asks for its annotations only to decode it.
        if any(name.startswith("msgspec.json.Decoder") for name in module.reads()):
            assert "TYPE_CHECKING" not in module.text, f"{module.name} decodes Structs"


def test_modules_and_functions_are_short() -> None:
    long = {one.name for one in EVERY if one.text.count("\n") > 400}
    long |= {f"{each.name}.{one.name}" for each, one in FUNCTIONS if house.lines(one) > 50}

    assert long == set(house.LONG)


def test_functions_have_six_parameters_at_most_and_three_of_them_positional() -> None:
    counts = {
        f"{module.name}.{one.name}": house.parameters(one)
        for module, one in FUNCTIONS
        if not house.is_command(one)
    }
    many = {name for name, (every, positional) in counts.items() if every > 6 or positional > 3}

    assert many == set(house.MANY_PARAMETERS)


def test_the_median_function_has_fewer_than_ten_lines() -> None:
    assert statistics.median(house.lines(one) for _, one in FUNCTIONS) < 10


def test_no_module_or_class_has_a_name_that_says_nothing() -> None:
    for module in EVERY:
        classes = [node.name for node in ast.walk(module.tree) if isinstance(node, ast.ClassDef)]
        for name in (module.path.stem, *classes):
            words = {word.lower() for word in re.findall(r"[A-Z]?[a-z]+", name)}

            assert not words & FORBIDDEN, f"{module.name}: {name}"


@pytest.mark.parametrize("folder", ["git_exp", "tests", "man"])
def test_the_first_line_of_every_module_says_what_it_is(folder: str) -> None:
    for module in (Module(path) for path in sorted((ROOT / folder).rglob("*.py"))):
        first = module.text.partition("\n")[0]

        if module.text:
            assert re.match(r'"""\S+ .*[.:?]("""|$)', first), f"{module.path}: {first}"


@pytest.mark.parametrize("word", cli.words())
def test_the_word_of_every_command_stands_in_four_places(word: str) -> None:
    first = cli.place(word).read_text().partition("\n")[0]

    assert first.startswith(f'"""git exp {word}: ')
    assert (ROOT / f"tests/cli/test_{word}.py").exists()
    assert (ROOT / f"man/git-exp-{word}.1").exists()
    assert any(word in words for purpose, words in cli.grouped() if purpose != "more")


def test_the_commands_of_a_family_are_the_files_in_its_folder() -> None:
    for folder in (ROOT / "git_exp/cli").glob("[a-z]*/"):
        family = house.command(folder.name)
        files = {path.stem for path in folder.glob("[a-z]*.py")}

        assert isinstance(family, cli.Family)
        assert files == set(family.words())
        for verb in family.words():
            first = (folder / f"{verb}.py").read_text().partition("\n")[0]
            assert first.startswith(f'"""git exp {folder.name} {verb}: ')


def test_the_root_holds_what_it_should() -> None:
    ignored = [line.rstrip("/") for line in (ROOT / ".gitignore").read_text().splitlines()]
    visible = [path for path in ROOT.iterdir() if not path.name.startswith(".")]
    there = {path.name for path in visible if not any(map(path.match, ignored))}

    assert there - {"PKG-INFO"} == {
        "pyproject.toml", "git_exp", "hooks", "tests", "man", "README.md", "LICENSE",
        "CHANGELOG.md",
    }  # fmt: skip


def test_importing_git_exp_imports_nothing_heavy() -> None:
    code = "import sys, git_exp; print(*{'pygit2', 'click', 'rich', 'msgspec'} & set(sys.modules))"

    done = subprocess.run((sys.executable, "-c", code), capture_output=True, text=True)

    assert (done.stdout, done.stderr) == ("\n", "")


def _at_import(tree: ast.Module, names: set[str]) -> set[str]:
    """The modules that one imports when it is imported itself."""
    found: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{one.name}" for one in node.names} | {str(node.module)}
        elif isinstance(node, ast.Import):
            found |= {one.name for one in node.names}
    ours = {name.removeprefix("git_exp.") for name in found} & names
    # What is imported from a submodule is not what its package imports from there.
    return {name for name in ours if not any(one.startswith(f"{name}.") for one in ours)}


def _calls(tree: ast.Module, name: str) -> bool:
    return any(
        isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name
        for node in ast.walk(tree)
    )
