"""What to type next: commands as they are, for a shell."""

from __future__ import annotations

import shlex

import msgspec

from git_exp import query
from git_exp.brief.facts import Facts

_LONGEST = 160
# What `git_exp.mask` writes; its patterns take longer to compile than all of this.
_MASK = "***"
_COMMAND = "COMMAND"


def added(facts: Facts) -> Facts:
    """The facts with what to type next."""
    return msgspec.structs.replace(facts, next=_commands(facts))


def _commands(facts: Facts) -> list[str]:
    """At most four, the one that helps most first."""
    course, best, newest = facts.session, facts.best, facts.counts.newest
    going = course is not None and course.goes_on
    found = []
    if best:
        found.append(f"git exp show -p {query.short(best.run)}")
    elif newest:
        found.append(f"git exp show {query.short(newest)}")
    if course and going:
        found.append(f"git exp session next -s {course.id}")
    if best:
        found.append(f"git exp restore {query.short(best.run)}")
    option = f" --session {course.id}" if course and going else ""
    found.append(f'git exp run{option} -m "IDEA" -- {_command(best.argv if best else [])}')
    return found


def _command(argv: list[str]) -> str:
    """A command line that can be typed again; a placeholder for one that is long or masked."""
    text = shlex.join(argv)
    if not text or len(text) > _LONGEST or _MASK in text or not text.isprintable():
        return _COMMAND
    return text
