"""The entry point of `git exp`."""

from __future__ import annotations

import gc
import os
import signal
import sys


def main() -> int:
    """Run the command that the arguments ask for, and give its exit code."""
    # Python ignores SIGPIPE; git dies of it, so that `git exp log | head -1` ends at once.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    # A command lives for a tenth of a second: collecting its garbage costs 5 ms and frees nothing.
    gc.set_threshold(100_000)
    args = sys.argv[1:]
    if args in (["--version"], ["-v"]):
        from git_exp import __version__

        sys.stdout.write(f"git-exp version {__version__}\n")
        return 0
    _settle_streams()
    if args[:1] == ["hook"]:
        return _hook(args[1:])
    if args[:1] == ["--offer"]:
        from git_exp.cli import completion

        return completion.offer(args[1:])
    from git_exp.cli import ending

    code = ending.code(args)
    # All of it goes with the process: looking through it once more at the exit costs 5 ms and more.
    gc.freeze()
    return code


def skill() -> int:
    """What `git-exp-skill` runs: `git exp skill`, by the name that exprag has for it."""
    sys.argv[1:1] = ["skill"]
    return main()


def _hook(args: list[str]) -> int:
    """What git's hooks start: over before anything is imported if there is nothing to do."""
    from git_exp.hook import glance

    given = sys.stdin.buffer.read() if args[:1] == ["post-rewrite"] else b""
    try:
        if args and glance.idle(args[0], os.environ, given):
            return 0
    except Exception:  # noqa: S110
        # What went wrong will go wrong again, where it is told.
        pass
    from git_exp.cli import hook

    return hook.code(args, given)


def _settle_streams() -> None:
    """A closed stream is an empty one, and text that the locale cannot show is escaped."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        stream = getattr(sys, name)
        if stream is None:
            # Else the next file that is opened would get what is meant for the terminal.
            nowhere = os.open(os.devnull, os.O_RDWR)
            if nowhere != number:
                os.dup2(nowhere, number)
                os.close(nowhere)
            os.set_inheritable(number, True)
            setattr(sys, name, open(number, "r" if number == 0 else "w"))  # noqa: SIM115
        elif number:
            stream.reconfigure(errors="backslashreplace")


if __name__ == "__main__":
    sys.exit(main())
