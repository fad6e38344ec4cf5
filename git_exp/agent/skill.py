"""The skill: what a coding agent is told of git exp, as files that agents look for."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path

from git_exp import __version__, errors

NAME = "git-exp"
FILE = "SKILL.md"
# The Agent Skills specification: what a name may be, and how long a description.
_NAME = re.compile(r"(?=.{1,64}$)[a-z0-9]+(?:-[a-z0-9]+)*")
DESCRIPTION = (
    "Records, finds and restores experiments inside git. Use it whenever you run training, "
    "benchmarks, evaluations or anything that prints a number you want to compare; when asked "
    "which run was best, why, what changed between runs, or whether something was tried already; "
    "before trying an idea again; to go back to the code of an earlier run without losing today's; "
    "and for loops that search by themselves. Commands are `git exp ...`; no server, no key."
)
# What the questions are that people ask of their experiments, one command each.
QUESTIONS = (
    ("the best run", "git exp best acc"),
    ("the best of two weeks", "git exp best acc --where 'started > \"2 weeks ago\"'"),
    ("which params give more than 90%",
     "git exp log --where 'acc > 0.9' --sort -acc --columns lr,acc"),
    ("what changed between the latest two", "git exp diff @~1 @"),
    ("the best beside the latest", "git exp compare @{best:acc} @"),
    ("why the best won: its code and numbers", "git exp show -p @{best:acc}"),
    ("a metric step by step", "git exp show @ --series acc"),
    ("the best's code against mine of now", "git exp diff @{best:acc}"),
    ("was this tried already", "git exp seen -- python train.py"),
)  # fmt: skip
BEGIN, END = "<!-- git-exp: begin -->", "<!-- git-exp: end -->"
_DIGEST = re.compile(r'^  digest: "([0-9a-f]{16})"\n', re.M)
_WHERE = Path(".agents/skills")
_ALSO = Path(".claude/skills")

Commands = Sequence[tuple[str, str]]


def text(commands: Commands, name: str = NAME) -> str:
    """SKILL.md: front matter as the Agent Skills specification has it, and the body.

    `commands` are words and what they do. `name` is that of the folder that it stands in. Raises
    `UsageError` for what is no name of a skill.
    """
    if not _NAME.fullmatch(name):
        raise errors.UsageError(
            f"'{name}' is no name of a skill",
            hint=f"it is that of its folder, of a-z, 0-9 and hyphens: --write PATH/{NAME}/{FILE}",
        )
    questions = "\n".join(f"- {said}: `{asked}`" for said, asked in QUESTIONS)
    listed = "\n".join(f"- `git exp {word}`: {does}" for word, does in commands)
    body = _template(FILE.lower()).replace("QUESTIONS", questions).replace("COMMANDS", listed)
    head = f'---\nname: {name}\ndescription: "{DESCRIPTION}"\nlicense: MIT\nmetadata:\n'
    made = f'  generator: "git-exp {__version__}"\n'
    return f'{head}{made}  digest: "{_digest(body)}"\n---\n\n{body}'


def program() -> str:
    """The instructions of a loop that edits, runs, and keeps or restores, for ever."""
    return _template("program.md")


def section() -> str:
    """What an AGENTS.md says of git exp, between two marks."""
    return f"{BEGIN}\n{_template('agents.md')}{END}\n"


def merged(before: str) -> str:
    """An AGENTS.md with our section in it: in place of the one before, else at its end."""
    line = "\r\n" if "\r\n" in before else "\n"
    ours = section().replace("\n", line)
    # Of several marks the two that stand together: what is between others is somebody's own.
    end = before.find(END, before.rfind(BEGIN))
    start = before.rfind(BEGIN, 0, max(end, 0))
    if 0 <= start < end:
        return before[:start] + ours + before[end + len(END) :].lstrip("\r\n")
    gap = 0 if not before or before.endswith(line * 2) else 1 if before.endswith(line) else 2
    return before + line * gap + ours


def is_ours(there: str) -> bool:
    """Whether a SKILL.md is as some git exp made it: nobody has changed its body since."""
    found = _DIGEST.search(there)
    body = there.partition("\n---\n\n")[2]
    return found is not None and found[1] == _digest(body)


def places(root: Path) -> tuple[Path, Path]:
    """Where a skill is installed below a folder, and the link to that which other agents follow."""
    return root / _WHERE / NAME, root / _ALSO / NAME


def _digest(body: str) -> str:
    return hashlib.sha256(body.encode()).hexdigest()[:16]


def _template(name: str) -> str:
    return Path(__file__).with_name(name).read_text()
