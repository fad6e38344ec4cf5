"""git exp session report: write what was tried, what worked and what did not."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from git_exp import cli, errors, outfile
from git_exp.cli import options, output
from git_exp.cli import session as family

_HTML = (".html", ".htm")
_TEXT = (".md", ".markdown")


class Written(msgspec.Struct, frozen=True, kw_only=True):
    """The file that a report was written to."""

    session: str
    path: str


@click.command()
@options.session
@click.option("-o", "--output", "path", metavar="file", help="Write it there: .md or .html.")
@options.answer
def command(session: str, path: str | None, form: options.Form) -> None:
    """Write what was tried, what worked and what did not.

    A report has the task, the best result, all results, a chart of the best so far, what worked
    and why, dead ends, and what is still open. It is Markdown, or a page of HTML with its chart in
    it. The chart needs `git-exp[plot]`; without it there is its course in characters or numbers.
    """
    if path is not None and not path.strip():
        raise errors.UsageError("--output is blank", hint="-o report.html")
    ending = Path(path).suffix.lower() if path else ".md"
    if ending not in _HTML + _TEXT:
        raise errors.UsageError(f"cannot write '{path}': unknown form", hint="FILE.md or FILE.html")
    from git_exp.session import report

    state, now = family.chosen(cli.store(), session).state, family.now()
    if form.kind == "json" and not path:
        output.document("session-report", report.of(state, now=now))
        return
    write = report.html if ending in _HTML else report.markdown
    text = write(state, now=now)
    if lacks := report.lacking(state, picture=ending in _HTML):
        output.warn(f"the chart of the report is not drawn: {lacks.message}", lacks.hint)
    if path is None:
        output.page()
        output.lines(text)
        return
    with outfile.written(Path(path)) as file:
        file.write(text.encode())
    if form.kind == "json":
        output.document("session-report-file", Written(session=state.session_id, path=path))
