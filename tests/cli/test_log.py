"""git exp log: what it lists, in every form, and what it refuses."""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from git_exp import Experiment, table
from git_exp.cli import log
from tests import pseudo_terminal
from tests.cli.conftest import Ask, Git_, Runs
from tests.conftest import Exp

pytestmark = pytest.mark.usefixtures("repo")


@pytest.fixture
def three(runs: Runs) -> Runs:
    """base, next (dirty, failed) and last."""
    runs.add("base", params={"lr": 0.1, "seed": 1}, metrics={"acc": [0.1, 0.81234]})
    runs.add("next", "x = 2\n", params={"lr": 0.01, "seed": 1},
             metrics={"acc": [0.9], "loss": [12]}, status="failed")  # fmt: skip
    runs.add("last", params={"lr": 0.1, "seed": 1}, tags=["good"])
    return runs


def test_runs_are_listed_newest_first_with_what_differs(three: Runs, ask: Ask) -> None:
    said = ask("log")

    assert said.err == ""
    assert (
        said.out
        == """\
ID           AGE             NAME  STATUS      lr     acc  loss
33333333     0 seconds ago   last  finished   0.1       -     -
22222222  *  60 minutes ago  next  failed    0.01     0.9    12
11111111     2 hours ago     base  finished   0.1  0.8123     -
"""
    )


def test_a_number_limits_the_list_in_each_of_its_spellings(three: Runs, ask: Ask) -> None:
    for words in (["-n", "2"], ["-n2"], ["-2"], ["--max-count=2"], ["--max-count", "2"]):
        assert ask("log", *words, "--format", "%n").out == "last\nnext\n"
    assert ask("log", "-n", "0") == ("", "")


def test_reverse_turns_the_chosen_runs_round(three: Runs, ask: Ask) -> None:
    assert ask("log", "-r", "-2", "--format", "%n").out == "next\nlast\n"


def test_named_runs_are_listed_in_that_order(three: Runs, ask: Ask) -> None:
    assert ask("log", "base", "@", "2222", "--format", "%n").out == "base\nlast\nnext\n"
    assert ask("log", "base", "@", "-n1", "--format", "%n").out == "base\n"


def test_one_line_each_needs_no_headings(three: Runs, ask: Ask) -> None:
    assert (
        ask("log", "--oneline").out
        == """\
33333333  last
22222222* next failed acc=0.9 loss=12
11111111  base acc=0.8123
"""
    )


def test_a_format_is_filled_for_each_run(three: Runs, ask: Ask) -> None:
    said = ask("log", "--format", "%h %n %(metric:acc)%x09%(param:lr)|%ar")

    assert (
        said.out
        == """\
33333333 last \t0.1|0 seconds ago
22222222 next 0.9\t0.01|60 minutes ago
11111111 base 0.81234\t0.1|2 hours ago
"""
    )


def test_every_placeholder_is_in_the_manual() -> None:
    told = re.findall(r"`(%[^`]+)`", str(log.command.help))

    assert set(table.PLACEHOLDERS) == set(told) - {"%(metric:max(acc))"}


def test_json_is_one_document_of_whole_runs(three: Runs, ask: Ask) -> None:
    answer = json.loads(ask("log", "--json").out)

    assert list(answer) == ["schema", "runs"]
    assert answer["schema"] == "git-exp/log/1"
    assert [run["name"] for run in answer["runs"]] == ["last", "next", "base"]
    assert answer["runs"][2]["metrics"]["acc"]["last"] == 0.81234
    assert answer["runs"][1]["git"]["dirty"] is True


def test_json_lines_are_a_run_each(three: Runs, ask: Ask) -> None:
    lines = ask("log", "--jsonl").out.splitlines()

    assert [json.loads(line)["name"] for line in lines] == ["last", "next", "base"]


def test_csv_has_a_column_for_each_param_and_metric(three: Runs, ask: Ask) -> None:
    rows = list(csv.DictReader(io.StringIO(ask("log", "--csv").out)))

    assert [row["name"] for row in rows] == ["last", "next", "base"]
    assert [row["params.lr"] for row in rows] == ["0.1", "0.01", "0.1"]
    assert [row["metrics.acc"] for row in rows] == ["", "0.9", "0.81234"]
    assert [row["tags"] for row in rows] == ['["good"]', "", ""]


def test_no_runs_are_an_empty_list_and_a_hint(ask: Ask) -> None:
    hint = "hint: there are no runs yet; record one: git exp run COMMAND\n"

    assert ask("log") == ("", hint)
    assert ask("log", "--oneline") == ("", hint)
    assert ask("log", "--json") == ('{"schema":"git-exp/log/1","runs":[]}\n', "")
    assert ask("log", "--jsonl") == ("", "")


def test_a_format_that_is_not_known_is_refused_before_anything_is_read(ask: Ask) -> None:
    said = ask("log", "--format", "%q", code=2)

    assert said.out == ""
    assert said.err.startswith("error: unknown placeholder '%q' in --format\nhint: %H, %h, %n")


def test_a_run_that_is_not_there_is_named(three: Runs, ask: Ask) -> None:
    assert ask("log", "@", "zz", code=3) == (
        "", "fatal: no run 'zz'\nhint: list them: git exp log\n",
    )  # fmt: skip


def test_the_way_to_the_runs_of_a_revision_is_told_and_works(
    three: Runs, ask: Ask, git: Git_
) -> None:
    head = git("rev-parse", "HEAD")[:9]

    said = [ask("log", name, code=3).err.splitlines()[-1] for name in (head, "HEAD", "main")]

    assert said == [
        f"hint: runs that began there: git exp log --where 'base = {head}'",
        'hint: runs that began there: git exp log --where "base = $(git rev-parse HEAD)"',
        "hint: runs that began there: git exp log --where 'branch = main'",
    ]
    for expression in (f"base = {head}", f"base = {git('rev-parse', 'HEAD')}", "branch = main"):
        assert len(ask("log", "--where", expression, "--oneline").out.splitlines()) == 3


@pytest.mark.parametrize("words", [["-n", "many"], ["-n", "-1"], ["--csv", "--json"], ["--nope"]])
def test_wrong_usage_is_one_line_and_a_hint(words: list[str], ask: Ask) -> None:
    said = ask("log", *words, code=2)

    assert said.out == ""
    assert said.err.startswith("error: ")
    assert len([line for line in said.err.splitlines() if not line.startswith("hint: ")]) == 1


def test_escapes_in_a_run_reach_no_reader(runs: Runs, ask: Ask) -> None:
    runs.add("\x1b[31mred", params={"\x07k": "a\nb"}, metrics={"m\x9b": [1]})
    runs.add("plain")

    told = [
        ask("log", *words).out for words in ([], ["--oneline"], ["--format", "%n %(param:\ak)"])
    ]

    assert not any(sign in text for text in told for sign in "\x1b\x07\x9b")
    assert "^[[31mred" in told[0]
    assert "a^Jb" in told[0]
    assert "^[[31mred m\\x9b=1" in told[1]
    assert told[2] == "plain \n^[[31mred a^Jb\n"
    assert json.loads(ask("log", "--json").out)["runs"][1]["name"] == "\x1b[31mred"


def test_a_run_of_this_process_is_listed_while_it_runs_and_afterwards(ask: Ask) -> None:
    with Experiment("live", params={"lr": 1}) as experiment:
        experiment.track({"acc": 0.25})
        during = ask("log", "--format", "%n %s %(metric:acc)").out

    assert during == "live running 0.25\n"
    assert ask("log", "--format", "%n %s %(metric:acc)").out == "live finished 0.25\n"


def test_a_deleted_run_is_not_listed(three: Runs, ask: Ask) -> None:
    ask("rm", "next")

    assert ask("log", "--format", "%n").out == "last\nbase\n"


def test_it_works_from_a_folder_below_and_with_gits_own_options(
    repo: Path, three: Runs, exp: Exp
) -> None:
    (repo / "sub").mkdir()

    assert exp("log", "--format", "%n", cwd=repo / "sub").stdout == "last\nnext\nbase\n"
    assert exp("log", "--format", "%n", "-1").stderr == ""


def test_a_terminal_gets_colours_and_the_users_pager(three: Runs) -> None:
    paged = pseudo_terminal.shown(["git", "exp", "log", "-1"], GIT_PAGER="sed s/^/P:/")
    plain = pseudo_terminal.shown(
        ["git", "exp", "log", "-1", "--no-pager"], GIT_PAGER="sed s/^/P:/", NO_COLOR="1"
    )

    assert [line[:2] for line in paged.splitlines()] == ["P:", "P:"]
    assert "\x1b[33m33333333" in paged
    assert "\x1b" not in plain
    assert plain.splitlines()[1].startswith("33333333  ")


def test_rich_is_not_imported_for_a_pipe(three: Runs) -> None:
    code = (
        "import sys; sys.argv[1:] = ['log', '-1']; from git_exp.__main__ import main; main(); "
        "sys.stderr.write(str('rich' in sys.modules))"
    )

    done = subprocess.run((sys.executable, "-c", code), capture_output=True, text=True)

    assert done.stdout.startswith("ID  ")
    assert done.stderr == "False"


NAMES = ("--format", "%n")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("expression", "names"),
    [
        ("lr <= 0.01", "next"),
        ("lr = 0.1 and not tag = good", "base"),
        ("acc > 0.8", "next base"),
        ("max(acc) >= 0.9 or exists tag", "last next"),
        ("first(acc) < 0.5", "base"),
        ("status in (failed, crashed)", "next"),
        ("status != failed", "last base"),
        ("name ~ '^.ast?' and duration >= 90s", "last base"),
        ("dirty", "next"),
        ("not dirty", "last base"),
        ("id = 2222", "next"),
        ("user = Ada and host = box and branch = main", "last next base"),
        ("started >= 2026-01-02T04:00 and started < 2026-01-02T05:00", "next"),
        ("loss exists", "next"),
        ("seed = 1 and (lr = 0.01 or tag ~ oo)", "last next"),
    ],
)
def test_where_lists_the_runs_that_an_expression_fits(
    expression: str, names: str, three: Runs, ask: Ask
) -> None:
    assert ask("log", "--where", expression, *NAMES).out.split() == names.split()


def test_where_and_the_other_choices_all_have_to_fit(three: Runs, ask: Ask) -> None:
    words = ["--where", "lr = 0.1", "--since=2026-01-02T04:00", "--author=^Ad", "-n", "5"]

    assert ask("log", *words, *NAMES).out == "last\n"


def test_where_shapes_every_form_of_the_answer(three: Runs, ask: Ask) -> None:
    words = ("log", "--where", "acc < 0.85")

    assert ask(*words, "--oneline").out == "11111111  base acc=0.8123\n"
    assert [run["name"] for run in json.loads(ask(*words, "--json").out)["runs"]] == ["base"]
    assert json.loads(ask(*words, "--jsonl").out)["name"] == "base"
    assert [row["name"] for row in csv.DictReader(io.StringIO(ask(*words, "--csv").out))] == [
        "base"
    ]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "names"),
    [
        (["--sort", "acc"], "base next last"),
        (["--sort=-acc"], "next base last"),
        (["--sort", "-max(acc)", "-n", "1"], "next"),
        (["--sort", "name"], "base last next"),
        (["--sort", "-name"], "next last base"),
        (["--sort", "+name"], "base last next"),
        (["--sort", "lr"], "next last base"),
        (["--sort", "lr", "--sort", "name"], "next base last"),
        (["--sort", "-lr", "--sort", "-started"], "last base next"),
        (["--sort", "duration"], "last next base"),
        (["--sort", "acc", "-r"], "last next base"),
        (["--sort", "acc", "-n", "2", "-r"], "next base"),
        (["--sort", "-started", "--reverse"], "base next last"),
    ],
)
def test_runs_are_sorted_by_keys_and_newest_first_where_those_say_nothing(
    words: list[str], names: str, three: Runs, ask: Ask
) -> None:
    assert ask("log", *words, *NAMES).out.split() == names.split()


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (["--since", "2026-01-02T04:00"], "last next"),
        (["--after", "2026-01-02 04:04:05"], "last next"),
        (["--until", "2026-01-02T04:30"], "next base"),
        (["--before", "2026-01-02 03:04"], "base"),
        (["--since", "2026-01-02T04:00", "--until", "2026-01-02T05:00"], "next"),
        (["--since", "2026-01-02"], "last next base"),
        (["--until", "2026-01-02"], "last next base"),
        (["--since", "90 minutes ago"], "last next"),
        (["--until", "90 minutes ago"], "base"),
        (["--since", "yesterday"], "last next base"),
    ],
)
def test_since_and_until_take_dates_as_git_does(
    words: list[str], names: str, three: Runs, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    # git's own tests stop its clock so.
    monkeypatch.setenv("GIT_TEST_DATE_NOW", "1767330245")

    assert ask("log", *words, *NAMES).out.split() == names.split()


def test_a_user_is_found_by_a_pattern(three: Runs, ask: Ask) -> None:
    for pattern in ("Ada", "^A", "(?i)ADA$", "d"):
        assert ask("log", "--author", pattern, *NAMES).out == "last\nnext\nbase\n"
    assert ask("log", "--author", "^d", *NAMES, code=1).out == ""


def test_columns_stand_in_the_place_of_the_usual_ones(three: Runs, ask: Ask) -> None:
    told = ask("log", "--columns", "name, mark,max(acc),duration,tag,param:seed,base")
    base = ask("log", "-1", "--format", "%b").out[:8]

    assert (
        told.out
        == f"""\
NAME     max(acc)    duration  tag   param:seed  base
last            -  1 min 30 s  good           1  {base}
next  *       0.9  1 min 30 s  -              1  {base}
base       0.8123  1 min 30 s  -              1  {base}
"""
    )
    assert told.err == ""


@pytest.mark.parametrize("form", ["--csv", "--json", "--jsonl", "--format=%n", "--oneline"])
def test_columns_are_of_the_table_alone(three: Runs, ask: Ask, form: str) -> None:
    said = ask("log", "--columns", "name", form, code=2)

    assert said.err.startswith("error: --columns is for the table alone\nhint: for scripts: ")


def test_columns_go_with_a_choice_and_an_order(three: Runs, ask: Ask) -> None:
    told = ask("log", "--columns=id,age,status", "--where=acc exists", "--sort=acc").out

    assert (
        told
        == """\
ID        AGE             STATUS
11111111  2 hours ago     finished
22222222  60 minutes ago  failed
"""
    )


def test_paths_are_those_where_the_code_differs_from_its_base(
    three: Runs, ask: Ask, repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (repo / "sub").mkdir()

    assert ask("log", *NAMES, "--", "train.py").out == "next\n"
    assert ask("log", *NAMES, "--where", "lr < 1", "--", "*.py", "other").out == "next\n"
    assert ask("log", *NAMES, "--", "other.py", code=1).out == ""
    monkeypatch.chdir(repo / "sub")
    assert ask("log", *NAMES, "--", "../train.py").out == "next\n"
    assert ask("log", *NAMES, "--", "train.py", code=1).out == ""


@pytest.mark.parametrize(
    "words",
    [["--where", "lr > 1"], ["--since", "2027-01-01"], ["--author", "Bob"], ["--", "none.py"]],
)
def test_that_no_run_fits_is_an_answer_of_its_own(words: list[str], three: Runs, ask: Ask) -> None:
    assert ask("log", *words, code=1) == ("", "error: no run fits\n")
    if "--" not in words:
        assert json.loads(ask("log", "--json", *words, code=1).out)["runs"] == []
        assert ask("log", "--jsonl", *words, code=1).out == ""
        assert ask("log", "--columns", "name", *words, code=1).out == ""


def test_in_a_repository_without_runs_any_expression_is_answered(ask: Ask) -> None:
    hint = "hint: there are no runs yet; record one: git exp run COMMAND\n"

    assert ask("log", "--where", "acc > 1", "--sort=-acc") == ("", hint)
    assert ask("log", "--where", "acc >", code=2).out == ""


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (
            ["--where", "acc > 0.9 and lr >"],
            2,
            "error: bad expression: expected a value after '>'\n"
            "hint: acc > 0.9 and lr >\n"
            "hint:                   ^\n",
        ),
        (
            ["--where", "acc > 0.9 amd lr < 1"],
            2,
            "error: bad expression: expected 'and' or 'or' before 'amd'\n"
            "hint: acc > 0.9 amd lr < 1\n"
            "hint:           ^\n",
        ),
        (
            ["--where", "name = 'x"],
            2,
            "error: bad expression: a quote is not closed\nhint: name = 'x\nhint:        ^\n",
        ),
        (
            ["--where", "name ~ '('"],
            2,
            "error: bad expression: bad pattern: missing ): (\nhint: name ~ '('\nhint:        ^\n",
        ),
        (
            ["--where", "accc > 0.9"],
            3,
            "fatal: no field, param or metric is called 'accc'\n"
            "hint: accc > 0.9\n"
            "hint: ^\n"
            "hint: did you mean: acc\n",
        ),
        (
            ["--sort", "-accc"],
            3,
            "fatal: no field, param or metric is called 'accc'\n"
            "hint: accc\n"
            "hint: ^\n"
            "hint: did you mean: acc\n",
        ),
        (
            ["--columns", "name,accc"],
            3,
            "fatal: no field, param or metric is called 'accc'\n"
            "hint: accc\n"
            "hint: ^\n"
            "hint: did you mean: acc\n",
        ),
        (
            ["--where", "\x1b[31m > 1"],
            3,
            "fatal: no field, param or metric is called '^[[31m'\nhint: ?[31m > 1\nhint: ^\n",
        ),
    ],
)
def test_a_wrong_expression_is_pointed_at(
    words: list[str], code: int, said: str, three: Runs, ask: Ask
) -> None:
    assert ask("log", *words, code=code) == ("", said)


def test_a_date_or_a_pattern_that_is_none_is_refused(three: Runs, ask: Ask) -> None:
    assert ask("log", "--since", "someday soon", code=2).err == (
        "error: 'someday soon' is no date\nhint: 2026-11-01, '2 weeks ago'\n"
    )
    assert "bad pattern" in ask("log", "--author", "(", code=2).err


def test_a_key_that_could_be_two_things_lists_both(runs: Runs, ask: Ask) -> None:
    runs.add("one", params={"acc": 1, "a.lr": 1, "b.lr": 2}, metrics={"acc": [0.5]})

    assert ask("log", "--where", "acc > 0", code=3).err == (
        "fatal: 'acc' is ambiguous\nhint: it could be: param:acc, metric:acc\n"
    )
    assert "param:a.lr, param:b.lr" in ask("log", "--sort=lr", code=3).err
    assert ask("log", "--where", "metric:acc < 1", *NAMES).out == "one\n"


@pytest.mark.parametrize(
    "words", [["--where", "lr = 1"], ["--since=now"], ["--sort=lr"], ["--author=x"], ["--", "a"]]
)
def test_named_runs_and_a_choice_exclude_each_other(
    words: list[str], three: Runs, ask: Ask
) -> None:
    assert ask("log", "base", *words, code=2).err.startswith("error: runs by name and options ")


def test_a_command_leaves_of_the_index_its_file_alone(three: Runs, exp: Exp, repo: Path) -> None:
    for _ in range(2):
        exp("log")

    assert {path.name for path in (repo / ".git/exp").glob("index.db*")} == {"index.db"}


def test_quotes_in_a_user_or_a_date_are_only_text(three: Runs, ask: Ask) -> None:
    for text in ('" or dirty or "', "\\", "' or name = name --"):
        ask("log", "--author", text, code=2 if text == "\\" else 1)
        assert "is no date" in ask("log", "--since", text, code=2).err


def test_a_run_that_still_runs_is_chosen_like_the_others(three: Runs, ask: Ask) -> None:
    with Experiment("live", params={"lr": 0.1}) as experiment:
        experiment.track({"acc": 0.99})

        assert ask("log", "--where", "acc > 0.95", *NAMES).out == "live\n"
        assert ask("log", "--sort=-acc", "-2", *NAMES).out == "live\nnext\n"
        assert ask("log", "--where", "status = running", *NAMES).out == "live\n"


def test_a_count_below_zero_is_refused_as_it_was_given(runs: Runs, ask: Ask) -> None:
    assert "-1 is not in the range" in ask("log", "-n", "-1", code=2).err


def test_a_sort_that_took_an_option_for_its_key_is_told_so(runs: Runs, ask: Ask) -> None:
    runs.add("base")

    assert ask("log", "--sort", "-n", "2", code=2).err.endswith(
        "hint: --sort took -n for its key\n"
    )
