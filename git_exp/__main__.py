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
    if args[:1] == ["--offer"]:
        from git_exp.cli import completion

        return completion.offer(args[1:])
    from git_exp.cli import ending

    return ending.code(args)


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
