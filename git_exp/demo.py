"""The demonstration: a small model in a repository of its own, and the edits between its runs."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Mapping
from pathlib import Path

from git_exp import errors

TRAIN = '''\
"""Tell points inside a circle from those outside, by logistic regression."""

import math
import random

from git_exp import Experiment

RATE = 0.5
EPOCHS = 40


def features(x, y):
    return [1.0, x, y]


def predict(weights, point):
    z = sum(w * f for w, f in zip(weights, features(*point)))
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, z))))


def points(count, seed):
    draw = random.Random(seed)
    found = [(draw.uniform(-1, 1), draw.uniform(-1, 1)) for _ in range(count)]
    return [(point, math.hypot(*point) < 0.8) for point in found]


def main():
    train, held_out = points(400, seed=1), points(400, seed=2)
    weights = [0.0] * len(features(0.0, 0.0))
    exp = Experiment(params={"rate": RATE, "epochs": EPOCHS})
    for epoch in range(EPOCHS):
        for point, inside in train:
            error = predict(weights, point) - inside
            weights = [w - RATE * error * f for w, f in zip(weights, features(*point))]
        right = sum((predict(weights, point) > 0.5) == inside for point, inside in held_out)
        exp.track({"accuracy": right / len(held_out)}, step=epoch)


main()
'''
EDITS = (
    ("give the model the squares", "return [1.0, x, y]", "return [1.0, x, y, x * x, y * y]"),
    ("take larger steps", "RATE = 0.5", "RATE = 60.0"),
)
RUNS = ("baseline", "squares", "larger-steps")
BEST = "@{best:accuracy}"

Show = Callable[[str], None]


def play(folder: Path, env: Mapping[str, str], show: Show) -> None:
    """Play it in an empty folder: `show` gets each command before its output, line by line.

    The commands are real ones, each in a process of its own, as a user would type them.
    """
    stage = _Stage(folder, _settled(env), show)
    script = folder / "train.py"
    script.write_text(TRAIN)
    stage.run("git", "init", "--quiet")
    _quieten(stage)
    stage.run("git", "add", "train.py")
    stage.run("git", "commit", "--quiet", "--message", "A linear model")
    python = Path(sys.executable).name
    stage.run("git", "exp", "run", "--name", RUNS[0], "--", python, script.name)
    for name, (why, old, new) in zip(RUNS[1:], EDITS, strict=True):
        show(f"# edit train.py: {why}")
        script.write_text(script.read_text().replace(old, new))
        stage.run("git", "exp", "run", "--name", name, "-m", why, "--", python, script.name)
    stage.run("git", "exp", "log")
    stage.run("git", "exp", "diff", RUNS[0], BEST)
    stage.run("git", "exp", "checkout", "--save", BEST)
    stage.run("git", "exp", "diff", "--stat", BEST)
    show("# no difference: train.py is again the code that gave the best accuracy")


class _Stage:
    """Where the commands run, and who is shown them."""

    def __init__(self, folder: Path, env: Mapping[str, str], show: Show) -> None:
        self.folder = folder
        self.env = env
        self.show = show

    def run(self, *words: str) -> None:
        self.show(f"$ {shlex.join(words)}")
        done = subprocess.run(
            words, cwd=self.folder, env=self.env, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
        )  # fmt: skip
        for line in done.stdout.decode(errors="replace").splitlines():
            self.show(line)
        if done.returncode:
            raise errors.RepositoryError(
                f"the demonstration stopped: '{shlex.join(words)}' exited with {done.returncode}"
            )
        self.show("")


def _quieten(stage: _Stage) -> None:
    """No hook, signature or identity of the user's has a part in it."""
    settings = {"user.name": "Demo", "user.email": "demo@localhost", "commit.gpgSign": "false",
                "core.hooksPath": "/dev/null", "advice.detachedHead": "false"}  # fmt: skip
    for key, value in settings.items():
        command = ("git", "config", key, value)
        subprocess.run(command, cwd=stage.folder, env=stage.env, check=True)


def _settled(env: Mapping[str, str]) -> dict[str, str]:
    """The user's environment less what names another repository or run, with us on PATH."""
    kept = {key: value for key, value in env.items() if not key.startswith(("GIT_DIR", "GIT_W",
            "GIT_INDEX", "GIT_EXP_", "GIT_PREFIX", "GIT_COMMON", "GIT_NAMESPACE"))}  # fmt: skip
    ours = dict.fromkeys((str(Path(sys.executable).parent), sysconfig.get_path("scripts")))
    kept["PATH"] = os.pathsep.join((*ours, env.get("PATH", os.defpath)))
    if not shutil.which("git-exp", path=kept["PATH"]):
        raise errors.UsageError("git-exp is not installed as a command", hint="pip install git-exp")
    return kept
