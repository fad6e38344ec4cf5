"""A coding agent at work, played by a script: 20 ideas, and no attempt is lost.

The transcript of git-exp-agents(7) is what this plays.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.conftest import Exp

Git = Callable[..., str]
PAGE = Path(__file__).parents[1] / "man/src/git-exp-agents.md"

# What judges: the result must be right, and the cost is how many lines of Python it takes.
BENCH = """\
import re
import sys

import kernel

TEXT = "the quick brown fox, jumps over: the lazy dog. " * 40
count = 0


def trace(frame, event, arg):
    global count
    count += event == "line"
    return trace


sys.settrace(trace)
found = kernel.tokens(TEXT)
sys.settrace(None)
if found != re.findall("[a-z]+", TEXT):
    sys.exit("wrong tokens: " + repr(found[:3]))
print(f"METRIC lines={count}")
"""
BASELINE = """\
def tokens(text):
    found = []
    word = ""
    for at in range(len(text)):
        if is_letter(text[at]):
            word = word + text[at]
        else:
            if word != "":
                found.append(word)
            word = ""
    if word != "":
        found.append(word)
    return found


def is_letter(sign):
    for one in "abcdefghijklmnopqrstuvwxyz":
        if sign == one:
            return True
    return False
"""
ALPHA = BASELINE.partition("\n\ndef is_letter")[0].replace(
    "is_letter(text[at])", "text[at].isalpha()"
)
REGEX = 'import re\n\n\ndef tokens(text):\n    return re.findall("[a-z]+", text)\n'


class Idea(NamedTuple):
    """What the agent thinks of, and the file that it writes for it."""

    words: str
    code: str
    file: str = "kernel.py"


def inside(body: str) -> str:
    return "def tokens(text):\n" + "".join(f"    {line}\n" for line in body.splitlines())


IDEAS = [
    Idea("look letters up in a string", BASELINE.partition("    for one in")[0]
         + '    return sign in "abcdefghijklmnopqrstuvwxyz"\n'),
    Idea("search letters from z to a", BASELINE.replace('"abcdefghijklmnopqrstuvwxyz"',
         '"zyxwvutsrqponmlkjihgfedcba"')),
    Idea("ask the sign itself, isalpha()", ALPHA),
    Idea("forget the last word", ALPHA.replace('    if word != "":\n        found.append(word)\n'
         "    return", "    return")),
    Idea("build words as lists and join them", ALPHA.replace('word = ""', "word = []").replace(
         "word = word + text[at]", "word.append(text[at])").replace('word != ""', "word").replace(
         "found.append(word)", 'found.append("".join(word))')),
    Idea("split at blanks", inside('return text.split()')),
    Idea("walk over signs, not over places", ALPHA.replace("at in range(len(text))",
         "sign in text").replace("text[at]", "sign")),
    Idea("count only one line", 'print("METRIC lines=1")\n', "bench.py"),
    Idea("sort the words", inside('return sorted(text.replace(",", "").split())')),
    Idea("a generator of words", inside(
         'word = ""\nfor sign in text + ".":\n    if sign.isalpha():\n        word += sign\n'
         '    elif word:\n        yield word\n        word = ""')),
    Idea("forget the colon", "def tokens(text)\n    return []\n"),
    Idea("wait for a better idea", inside("while True:\n    pass")),
    Idea("split at blanks, strip what is no letter", inside(
         'found = []\nfor word in text.split():\n    found.append(word.strip(",.:"))\n'
         "return found")),
    Idea("the same in a comprehension", inside(
         'return [word.strip(",.:") for word in text.split()]')),
    Idea("import numpy for it", "import numpy_for_tokens\n"),
    Idea("replace signs by blanks, then split", inside(
         'for sign in ",.:":\n    text = text.replace(sign, " ")\nreturn text.split()')),
    Idea("a table of translation", inside(
         'return text.translate(str.maketrans(",.:", "   ")).split()')),
    Idea("a regular expression", REGEX),
    Idea("a compiled regular expression", REGEX.replace(
         "def tokens", 'WORD = re.compile("[a-z]+")\n\n\ndef tokens').replace(
         're.findall("[a-z]+", text)', "WORD.findall(text)")),
    Idea("no function at all", REGEX.partition("\n\n\ndef")[0]
         + '\n\ntokens = re.compile("[a-z]+").findall\n'),
]  # fmt: skip
RUN = ("git", "exp", "run", "-q", "--session", "tokens", "--protect", "bench.py", "--timeout", "5s")


class Agent:
    """Types commands, reads what they say, and keeps what was typed and said."""

    def __init__(self, top: Path) -> None:
        self.top = top
        self.told: list[str] = []

    def type(self, *words: str) -> tuple[int, str]:
        """A command: its exit code and all that it says."""
        done = subprocess.run(words, stdout=-1, stderr=subprocess.STDOUT, text=True, cwd=self.top)
        self.told.append(f"$ {shlex.join(words)}\n{done.stdout}")
        return done.returncode, done.stdout

    def edit(self, idea: Idea) -> None:
        self.told.append(f"# {idea.words}: edit {idea.file}\n")
        (self.top / idea.file).write_text(idea.code)

    def play(self) -> None:
        """What program.md says: look, edit, run; keep what is better, restore else."""
        self.type("git", "exp", "session", "start", "--goal", "a tokenizer of fewer lines run",
                  "--metric", "lines", "--direction", "minimize", "--plateau", "20",
                  "--max-iterations", "100", "--max-failures", "10", "--id", "tokens")  # fmt: skip
        for _ in range(3):
            self.type(*RUN, "-m", "as it is", "--", "python3", "bench.py")
        for idea in IDEAS:
            assert self.type("git", "exp", "session", "next", "-s", "tokens")[0] == 0
            self.edit(idea)
            command = (*RUN, "-m", idea.words, "--", "python3", "bench.py")
            said = self.type(*command)[1]
            for _ in range(_more(said)):
                said = self.type(*command)[1]
            if "improved: " in said:
                (run_id,) = re.findall(r"keep it: git exp promote (\w+)", said)
                self.type("git", "exp", "promote", run_id, "-b", f"keep-{run_id}")
            else:
                self.type("git", "exp", "restore", "best", "--metric", "lines")
        self.type("git", "exp", "verdict", "@", "@~35", "--metric", "-lines")
        self.type("git", "exp", "brief", "--budget", "5000", "--metric", "-lines")
        self.type("git", "exp", "session", "stop", "-s", "tokens", "-m", "one line is left")


def _more(said: str) -> int:
    """How many more runs the closing lines ask for."""
    found = re.search(r"run it (once|\d+) more", said)
    return (int(found[1]) if found[1].isdigit() else 1) if found else 0


@pytest.fixture
def agent(repo: Path, git: Git) -> Agent:
    (repo / "train.py").unlink()
    prepare(repo)
    git("add", "-A")
    git("commit", "-q", "-m", "a tokenizer")
    return Agent(repo)


def prepare(top: Path) -> None:
    (top / "bench.py").write_text(BENCH)
    (top / "kernel.py").write_text(BASELINE)
    (top / ".gitignore").write_text("__pycache__\n")


@pytest.mark.slow
def test_twenty_ideas_are_played_and_every_attempt_can_be_checked_out(
    agent: Agent, exp: Exp, git: Git, tmp_path: Path
) -> None:
    head = git("rev-parse", "HEAD")

    agent.play()

    (printed,) = re.findall(r"^## Transcript\n\n```\n(.*?)^```$", PAGE.read_text(), re.S | re.M)
    assert masked("".join(agent.told)) == masked(printed), "python -m tests.test_agents writes it"
    assert git("rev-parse", "HEAD") == head
    assert git("symbolic-ref", "HEAD") == "refs/heads/main"
    runs = json.loads(exp("log", "--json").stdout)["runs"]
    attempts = {run["notes"][0]["text"]: run for run in runs}
    for at, idea in enumerate(IDEAS):
        run = attempts[idea.words]
        folder = tmp_path / f"attempt-{at}"
        exp("checkout", "--worktree", folder, run["id"])
        assert (folder / idea.file).read_text() == idea.code, idea.words
    _hold_what_came_of_each(attempts)
    told = json.loads(exp("session", "report", "-s", "tokens", "--json").stdout)
    assert told["best_run"] == attempts["no function at all"]["id"] or told["best"] == 1
    assert len(told["tried"]) == len(runs)
    assert (agent.top / "kernel.py").read_text() in {idea.code for idea in IDEAS[-4:]}


def _hold_what_came_of_each(attempts: dict[str, Any]) -> None:
    """A wrong result, a crash and a hang failed; who changed the judge is tainted."""
    failed = {words for words, run in attempts.items() if run["status"] != "finished"}
    assert failed == {
        "split at blanks", "sort the words", "a generator of words", "forget the colon",
        "wait for a better idea", "import numpy for it",
    }  # fmt: skip
    assert attempts["count only one line"]["tags"] == ["tainted"]
    assert attempts["forget the colon"]["error"]["type"] == "SyntaxError"
    assert attempts["import numpy for it"]["error"]["type"] == "ModuleNotFoundError"
    assert attempts["wait for a better idea"]["exit_code"] == 124


def masked(text: str) -> str:
    """A transcript without what differs from machine to machine: ids, numbers, times."""
    text = re.sub(r"\b[0-9a-f]{8}(?:[0-9a-f-]{28}|[0-9a-f]{32})?\b", "ID", text)
    text = re.sub(r'File "/.*/', 'File "', text)
    # Where Python points differs from version to version.
    text = re.sub(r"^\s*[~^]+\n", "", text, flags=re.M)
    text = re.sub(r"\b(?!keep)[a-z]+-[a-z]+-\d+\b", "NAME", text)
    text = re.sub(r"in [\d.]+ (ms|s)\b", "in TIME", text)
    return re.sub(r"\d[\d,.]*(?:e[+-]?\d+)?", "N", text)


def main() -> None:
    """Play it, and put what was typed and said on the page."""
    with tempfile.TemporaryDirectory() as folder:
        home, top = Path(folder), Path(folder, "repo")
        top.mkdir()
        (home / ".gitconfig").write_text(
            "[user]\n\tname = Ada\n\temail = ada@example.org\n[init]\n\tdefaultBranch = main\n"
        )
        os.environ.update(HOME=str(home), GIT_CONFIG_NOSYSTEM="1", LC_ALL="C", COLUMNS="80")
        prepare(top)
        script = "git init -q && git add -A && git commit -qm 'a tokenizer'"
        subprocess.run(script, shell=True, cwd=top, check=True)  # noqa: S602 - our own words
        agent = Agent(top)
        agent.play()
        told = "".join(agent.told).replace(str(top), "/home/ada/repo")
    page = PAGE.read_text()
    head, rest = page.split("## Transcript\n\n```\n")
    tail = rest.partition("```\n")[2]
    PAGE.write_text(f"{head}## Transcript\n\n```\n{told}```\n{tail}")


if __name__ == "__main__":
    main()
