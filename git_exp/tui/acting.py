"""What changes something: a checkout, a fetch, an action; done beside the screen and told of."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from git_exp import arrival, errors, query, restore, share
from git_exp.action import offered
from git_exp.action.interaction import Cancelled
from git_exp.action.offered import Offered
from git_exp.restore import Form
from git_exp.run import Run
from git_exp.tui.asking import Check, Choice, Dialogs

if TYPE_CHECKING:
    from git_exp.tui.app import Browser

_GO, _SAVE, _STAY = "check out", "put everything aside first, then check out", "stay here"


class Said(Exception):
    """What came of it, as one line; `style` is "red" for what went wrong."""

    def __init__(self, text: str, style: str = "") -> None:
        super().__init__(text)
        self.style = style


class Acts:
    """One act at a time, in a thread of its own: the screen goes on meanwhile."""

    def __init__(self, app: Browser) -> None:
        self._app = app
        self.running: str | None = None

    def begin(self, what: str, act: Callable[[], str]) -> None:
        """Start an act unless one is running; what it answers or raises is told."""
        if self.running:
            self._app.say(f"{self.running} is still running", "yellow")
            return
        self.running = what
        self._app.say(f"{what} …")
        # It must not hold up who leaves: that is asked before.
        threading.Thread(target=self._run, args=(act,), daemon=True).start()

    def _run(self, act: Callable[[], str]) -> None:
        try:
            said, style = act(), "green"
        except errors.GitExpError as error:
            hint = f" (hint: {' '.join(error.hint.split())})" if error.hint else ""
            said, style = f"error: {error}{hint}", "red"
        except Said as told:
            said, style = str(told), told.style
        except Cancelled:
            said, style = f"{self.running}: cancelled", "yellow"
        except BaseException as error:
            # An action is the user's own code: whatever it raises, the screen stays.
            said, style = f"error: {type(error).__name__}: {error}", "red"
        self._app.post_message(self._app.Acted(said, style))


def check_out(app: Browser, run: Run) -> None:
    """Back to a run's code, once that is confirmed; local changes are put aside if that is said."""
    name = f"run {query.short(run.id)} '{run.name}'"
    label = f"Check out {name}?\nHEAD goes to its commit. Local changes are not overwritten."

    def confirmed(answer: str | bool | None) -> None:
        if answer == _GO:
            app.acts.begin(f"checkout of {name}", lambda: _checked_out(app, run, Form()))

    app.push_screen(Choice(label, (_GO, _STAY), at=1), confirmed)


def _checked_out(app: Browser, run: Run, form: Form) -> str:
    store = app.store
    _need(app, run)
    try:
        answer = restore.checkout(store.repo, run, form)
    except errors.Refused as error:
        if form.save or "--save" not in (error.hint or ""):
            raise
        label = f"{error}\nPut aside: index, worktree and every file that is not ignored."
        if Dialogs(app).choice("save", label, (_STAY, _SAVE)) != _SAVE:
            raise Said("nothing was touched", "yellow") from None
        return _checked_out(app, run, Form(save=True))
    back = arrival.way_back(answer)
    said = [arrival.done(answer, form, run), *([f"to return: {back}"] if back else [])]
    left = arrival.left_out(answer)
    return "; ".join([*said, *([f"warning: {left}"] if left else [])])


def fetch(app: Browser, run: Run) -> None:
    """Bring the code and the data of a run here from a remote."""

    def act() -> str:
        _need(app, run)
        share.hydrate(app.store, run, lambda remote: app.say(f"fetching from {remote} …"))
        return f"the code of run {query.short(run.id)} is here"

    app.acts.begin(f"fetch of run {query.short(run.id)}", act)


def _need(app: Browser, run: Run) -> None:
    """Have the code of a run here: only who asks for it waits for the network."""
    if not app.store.has_code(run):
        share.hydrate(app.store, run, lambda remote: app.say(f"fetching from {remote} …"))


def execute(app: Browser, action: Offered) -> None:
    """Execute an action with its questions as dialogs; another's code only once that is said."""
    name = action.description or action.cls
    if action.run.own:
        app.acts.begin(name, lambda: _executed(app, action, trust=False))
        return
    who = action.run.user or "somebody else"
    label = f"This runs code of {who}: '{name}'.\nIt can do all that you can. Run it?"

    def confirmed(answer: str | bool | None) -> None:
        if answer is True:
            app.acts.begin(name, lambda: _executed(app, action, trust=True))

    app.push_screen(Check(label), confirmed)


def _executed(app: Browser, action: Offered, *, trust: bool) -> str:
    done = offered.perform(app.store, action, Dialogs(app), trust=trust)
    name = action.description or action.cls
    if done.outcome == "cancelled":
        raise Said(f"{name}: cancelled", "yellow")
    if done.outcome != "done":
        raise Said(f"{name}: {done.outcome}: {done.error or 'it did not say why'}", "red")
    return f"{name}: done"
