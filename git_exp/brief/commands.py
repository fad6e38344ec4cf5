"""What to type next: commands as they are, for a shell."""

from __future__ import annotations

import shlex

import msgspec

from git_exp import values
from git_exp.brief.facts import Facts

_LONGEST = 160
# What `git_exp.mask` writes; its patterns take longer to compile than all of this.
_MASK = "***"
_COMMAND = "COMMAND"
RESTORE = "git exp restore "


def added(facts: Facts) -> Facts:
    """The facts with what to type next."""
    return msgspec.structs.replace(facts, next=_commands(facts))


def _commands(facts: Facts) -> list[str]:
    """At most four, the one that helps most first."""
    course, best, newest = facts.session, facts.best, facts.counts.newest
    going = course is not None and course.goes_on
    found = []
    # Who wrote a note may have given the run an id that a shell takes for more than a word.
    named = best.run if best and best.run and values.is_run_id(best.run) else None
    if named:
        found.append(f"git exp show -p {named[: facts.digits]}")
    elif newest and not best and values.is_run_id(newest):
        found.append(f"git exp show {newest[: facts.digits]}")
    if course and going:
        found.append(f"git exp session next -s {course.id}")
    if named:
        found.append(RESTORE + named[: facts.digits])
    option = f" --session {course.id}" if course and going else ""
    # Nobody types what a stranger's run says because we told them to.
    argv = best.argv if best and best.own else []
    found.append(f'git exp run{option} -m "IDEA" -- {_command(argv)}')
    return found


def _command(argv: list[str]) -> str:
    """A command line that can be typed again; a placeholder for one that is long or masked."""
    text = shlex.join(argv)
    if not text or len(text) > _LONGEST or _MASK in text or not text.isprintable():
        return _COMMAND
    return text
