"""What to say of a metric that no run has."""

from __future__ import annotations

from git_exp import errors
from git_exp.query.revision import Source

_SHOWN = 10


def unknown_metric(source: Source, metric: str) -> errors.NotFound:
    """The error, with the metrics that are spelt like it."""
    import difflib

    known = source.metrics()
    if not source.runs(1):
        return errors.NotFound("there are no runs yet", hint="record one: git exp run COMMAND")
    near = [path for path in known if path.rpartition(".")[2] == metric]
    near += [one for one in difflib.get_close_matches(metric, known) if one not in near]
    if near:
        hint = f"did you mean {' or '.join(near[:3])}?"
    else:
        more = ", …" if len(known) > _SHOWN else ""
        hint = f"known metrics: {', '.join(known[:_SHOWN])}{more}" if known else "see: git exp log"
    return errors.NotFound(f"no run has a metric '{metric}'", hint=hint)
