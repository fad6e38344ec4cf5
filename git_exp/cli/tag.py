"""git exp tag: give a run tags."""

import click
from git_exp import cli
from git_exp.cli import options, output


@click.command()
@options.run_argument()
@click.option(
    "-n", "--number", type=int, default=3, show_default=True, help="Show at most that many."
)
@click.option("-p", "params", metavar="K=V", multiple=True, help="Params.")
@click.argument("tags", nargs=-1, required=True)
@options.answers
def command(run, tags, number, params, form):
    """Give a run tags. It adds.

    More text
    over here."""
    if run == "boom":
        1 / 0
    output.table(
        [output.Column("a"), output.Column("n", right=True)], [[run, "1"], ["\x1b[31mred", "100"]]
    )
