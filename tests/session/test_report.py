"""The report of a session: its exact text, what it leaves out, and texts that stay texts."""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Callable
from html.parser import HTMLParser
from types import FrameType
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from git_exp import visible
from git_exp.session import (
    DataProfile,
    ExperimentConfig,
    ExperimentResult,
    ExperimentState,
    Hypothesis,
    HypothesisSet,
    blocks,
    events,
    report,
)

T0 = 1_700_000_000.0
RUN = "0123abcd-0000-4000-8000-000000000000"
SIGNS = "\\`*_[]()<>&|~#$@!-+=.1:/\"'a \n\r\t\x1b\x85\u202e\u2028\ud800"
MARKUP = [*SIGNS, "```", "<b>", "</script>", "&lt;", "&#124;", "\\|", "[x](y)", "http://a.b",
          "www.a.b", "\n\n# x\n", "\n---\n", "-->", "]]>", "<!--"]  # fmt: skip
PROFILE = DataProfile(
    n_rows=1_000, n_columns=3, columns=["a", "b", "y"], column_types={}, numeric_columns=["a"],
    categorical_columns=["b", "y"], missing_values={"a": 2, "b": 0}, missing_percentages={},
    target_type="categorical", notes=["'a' is mostly empty"],
)  # fmt: skip
READER = MarkdownIt("commonmark").enable(["table", "strikethrough"])


class Page(HTMLParser):
    """What a browser sees of a page: its tags with what they are given, and its texts."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[Any] = []
        self.texts: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, attrs))

    def handle_endtag(self, tag: str) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def handle_comment(self, data: str) -> None:
        self.tags.append("a comment")


def result(value: float | None = None, **given: Any) -> ExperimentResult:
    metrics = {} if value is None else {"loss": value}
    usual: dict[str, Any] = {"experiment_name": "one", "iteration": 1, "metrics": metrics}
    return ExperimentResult(**{**usual, **given})


def session(*results: ExperimentResult, **given: Any) -> ExperimentState:
    """A session that runs, since T0."""
    config: dict[str, Any] = {"goal": "faster", "primary_metric": "loss"} | given.pop("config", {})
    known: dict[str, Any] = {"session_id": "abc123", "start_time": T0, "running_since": T0} | given
    return ExperimentState(
        config=ExperimentConfig(**config), experiments=list(results),
        current_iteration=len(results), **known,
    )  # fmt: skip


def measured(*values: float | None) -> ExperimentState:
    """A session with a success for each value, a failure for None."""
    each = enumerate(values, 1)
    return session(
        *(result(value, experiment_name=f"e{at}", iteration=at, success=value is not None)
          for at, value in each)
    )  # fmt: skip


def small() -> ExperimentState:
    """A session in which about everything happened."""
    one = "no\n*luck*"
    return session(
        result(1.0, experiment_name="base", model_type="linear", run_id=RUN),
        result(0.8, experiment_name="trees_1", iteration=2, model_type="forest", run_id=RUN[::-1],
               metrics={"loss": 0.8, "mae": 0.5},
               model_params={"depth": 3, "lr": 0.1, "by": "gini"},
               hypothesis="Trees split | well.", reasoning="They do."),
        result(experiment_name="boom", iteration=3, success=False, error_message=one),
        result(experiment_name="bang", iteration=4, success=False, error_message=one),
        result(0.9, experiment_name="worse", iteration=5, hypothesis="deeper"),
        result(0.8, experiment_name="same", iteration=6),
        result(experiment_name="blind", iteration=7),
        config={"data_path": "train.csv", "target_column": "y", "task_type": "classification",
                "constraints": "no GPU", "target_metric_value": 0.1},
        data_profile=PROFILE, termination_reason="Target metric achieved", running_since=None,
        elapsed_before=200.0,
        hypotheses=[HypothesisSet(iteration=7, hypotheses=[
            Hypothesis(hypothesis_id="h2", statement="Deeper", priority=1),
            Hypothesis(hypothesis_id="h3", statement="# wider", priority=2, rationale="Why not?"),
            Hypothesis(hypothesis_id="h4", statement="Boost.", suggested_model="gbm"),
        ])],
        claims=[events.Claim(t=T0, claim_id="c", idea="1. nets", ttl=100, by="me"),
                events.Claim(t=T0, claim_id="d", idea="too late", ttl=9)],
    )  # fmt: skip


SMALL = """\
# Session abc123

- Goal: faster
- Data: `train.csv`, target `y`, classification
- Profile: 1,000 rows, 3 columns (1 numeric, 2 categorical, 1 with missing values); the target is \
categorical
- Note: 'a' is mostly empty
- Constraints: no GPU
- Metric: `loss`, to minimize, target 0.1
- Status: ended: Target metric achieved
- Started: 2023-11-14 22:13:20 UTC
- Elapsed: 3 min 20 s of 1 h 00 min
- Iterations: 7 of 20, 2 failed

## Best result

- Experiment: `trees_1` (iteration 2, `forest`)
- Metric: `loss` 0.8, -20.00 % against the baseline 1
- Run: `000000000000-0008-0004-0000-dcba3210`
- Also: `mae` `0.5`
- Param: `depth` `3`
- Param: `lr` `0.1`
- Param: `by` `gini`

## What was tried

| Iteration | Experiment | Model | Metric | Change | Outcome | Run |
| ---: | --- | --- | ---: | ---: | --- | --- |
| 1 | base | linear | 1 | - | ok, new best | 0123abcd |
| 2 | trees_1 | forest | 0.8 | -20.00 % | ok, new best | 00000000 |
| 3 | boom | - | - | - | failed | - |
| 4 | bang | - | - | - | failed | - |
| 5 | worse | - | 0.9 | +12.50 % | ok | - |
| 6 | same | - | 0.8 | +0.00 % | ok | - |
| 7 | blind | - | - | - | ok | - |

## Best so far

```text
1.00 +*
     | *
     | **
0.95 +  **
     |   **
     |    **
0.90 +     **
     |      *
     |       *
0.85 +        *
     |        **
     |         **
0.80 +          ********************************************************
     +-----------+---------------------+--------------------+-----------
                 2                     4                    6
                                     step
```

Each step is a result.

## What worked

- `trees_1` (iteration 2, `forest`): 0.8 after 1 (-20.00 %). Hypothesis: Trees split &#124; well. \
Reasoning: They do

## Dead ends

### Failed

- `no *luck*`: 2 times, `boom`, `bang`

### Worse than the best

- `worse` (iteration 5): 0.9 after 0.8 (+12.50 %). Hypothesis: deeper

### No gain

- `same` (iteration 6): 0.8 after 0.8 (+0.00 %)

### Without the metric

- `blind` (iteration 7)

## Open hypotheses

- `h4`: priority 1, confidence 0.50, `gbm`. Boost
- `h3`: priority 2, confidence 0.50. \\# wider. Rationale: Why not?

## Open claims

- 1\\. nets, by me, 1 min 10 s left
"""


def test_a_report_in_markdown_tells_all_that_happened() -> None:
    text = report.markdown(small(), now=T0 + 30)

    assert text == SMALL


# Without its head and its chart.
PAGE = """\
<body>
<h1>Session abc123</h1>
<ul>
<li>Goal: faster</li>
<li>Data: <code>train.csv</code>, target <code>y</code>, classification</li>
<li>Profile: 1,000 rows, 3 columns (1 numeric, 2 categorical, 1 with missing values); \
the target is categorical</li>
<li>Note: &#x27;a&#x27; is mostly empty</li>
<li>Constraints: no GPU</li>
<li>Metric: <code>loss</code>, to minimize, target 0.1</li>
<li>Status: ended: Target metric achieved</li>
<li>Started: 2023-11-14 22:13:20 UTC</li>
<li>Elapsed: 3 min 20 s of 1 h 00 min</li>
<li>Iterations: 7 of 20, 2 failed</li>
</ul>
<h2>Best result</h2>
<ul>
<li>Experiment: <code>trees_1</code> (iteration 2, <code>forest</code>)</li>
<li>Metric: <code>loss</code> 0.8, -20.00 % against the baseline 1</li>
<li>Run: <code>000000000000-0008-0004-0000-dcba3210</code></li>
<li>Also: <code>mae</code> <code>0.5</code></li>
<li>Param: <code>depth</code> <code>3</code></li>
<li>Param: <code>lr</code> <code>0.1</code></li>
<li>Param: <code>by</code> <code>gini</code></li>
</ul>
<h2>What was tried</h2>
<table>
<tr><th class="number">Iteration</th>\
<th>Experiment</th>\
<th>Model</th>\
<th class="number">Metric</th>\
<th class="number">Change</th>\
<th>Outcome</th>\
<th>Run</th></tr>
<tr><td class="number">1</td>\
<td>base</td>\
<td>linear</td>\
<td class="number">1</td>\
<td class="number">-</td>\
<td>ok, new best</td>\
<td>0123abcd</td></tr>
<tr><td class="number">2</td>\
<td>trees_1</td>\
<td>forest</td>\
<td class="number">0.8</td>\
<td class="number">-20.00 %</td>\
<td>ok, new best</td>\
<td>00000000</td></tr>
<tr><td class="number">3</td>\
<td>boom</td>\
<td>-</td>\
<td class="number">-</td>\
<td class="number">-</td>\
<td>failed</td>\
<td>-</td></tr>
<tr><td class="number">4</td>\
<td>bang</td>\
<td>-</td>\
<td class="number">-</td>\
<td class="number">-</td>\
<td>failed</td>\
<td>-</td></tr>
<tr><td class="number">5</td>\
<td>worse</td>\
<td>-</td>\
<td class="number">0.9</td>\
<td class="number">+12.50 %</td>\
<td>ok</td>\
<td>-</td></tr>
<tr><td class="number">6</td>\
<td>same</td>\
<td>-</td>\
<td class="number">0.8</td>\
<td class="number">+0.00 %</td>\
<td>ok</td>\
<td>-</td></tr>
<tr><td class="number">7</td>\
<td>blind</td>\
<td>-</td>\
<td class="number">-</td>\
<td class="number">-</td>\
<td>ok</td>\
<td>-</td></tr>
</table>
<h2>Best so far</h2>
<svg>
<p>Each step is a result.</p>
<h2>What worked</h2>
<ul>
<li><code>trees_1</code> (iteration 2, <code>forest</code>): 0.8 after 1 \
(-20.00 %). Hypothesis: Trees split | well. \
Reasoning: They do</li>
</ul>
<h2>Dead ends</h2>
<h3>Failed</h3>
<ul>
<li><code>no *luck*</code>: 2 times, <code>boom</code>, <code>bang</code></li>
</ul>
<h3>Worse than the best</h3>
<ul>
<li><code>worse</code> (iteration 5): 0.9 after 0.8 (+12.50 %). Hypothesis: deeper</li>
</ul>
<h3>No gain</h3>
<ul>
<li><code>same</code> (iteration 6): 0.8 after 0.8 (+0.00 %)</li>
</ul>
<h3>Without the metric</h3>
<ul>
<li><code>blind</code> (iteration 7)</li>
</ul>
<h2>Open hypotheses</h2>
<ul>
<li><code>h4</code>: priority 1, confidence 0.50, <code>gbm</code>. Boost</li>
<li><code>h3</code>: priority 2, confidence 0.50. # wider. Rationale: Why not?</li>
</ul>
<h2>Open claims</h2>
<ul>
<li>1. nets, by me, 1 min 10 s left</li>
</ul>
</body>
</html>
"""


def test_a_report_in_html_tells_the_same() -> None:
    text = report.html(small(), now=T0 + 30)

    chart = re.compile("<svg .*</svg>", re.DOTALL)
    assert chart.sub("<svg>", text.partition("</head>\n")[2]) == PAGE


def test_the_same_session_at_the_same_time_is_the_same_bytes() -> None:
    assert report.html(small(), now=T0 + 30) == report.html(small(), now=T0 + 30)
    assert report.markdown(small(), now=T0 + 30) == report.markdown(small(), now=T0 + 30)


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ({}, "running"),
        ({"running_since": None, "is_paused": True}, "paused"),
        ({"running_since": T0 - 3600}, "running, to be ended: Time budget exhausted"),
        ({"termination_reason": "none is left", "running_since": None}, "ended: none is left"),
    ],
)
def test_a_report_says_whether_a_session_goes_on(given: dict[str, Any], status: str) -> None:
    text = report.markdown(session(**given), now=T0)

    assert f"\n- Status: {status}\n" in text


def test_a_session_without_results_has_a_report() -> None:
    text = report.markdown(session(config={"primary_metric": None}), now=T0)

    assert "\n- Metric: not known yet\n" in text
    assert text.partition("## Best")[2] == (
        " result\n\nNo result has a value of the metric.\n\n"
        "## What was tried\n\nNothing was tried.\n\n"
        "## What worked\n\nNone.\n\n## Dead ends\n\nNone.\n\n"
        "## Open hypotheses\n\nNone.\n\n## Open claims\n\nNone.\n"
    )


def test_of_failures_only_each_error_is_told_once() -> None:
    failures = [
        result(success=False, experiment_name=f"e{at}", error_message="no luck" if at else None)
        for at in range(8)
    ]

    text = report.markdown(session(*failures), now=T0)

    assert "- `no message`: `e0` (iteration 1)\n" in text
    assert "- `no luck`: 7 times, `e1`, `e2`, `e3`, `e4`, `e5` and 2 more\n" in text
    assert "No result has a value of the metric." in text
    assert "## Best so far" not in text


def test_a_metric_that_no_result_has_is_none() -> None:
    text = report.markdown(session(result(1.0), config={"primary_metric": "speed"}), now=T0)

    assert "| 1 | one | - | - | - | ok | - |" in text
    assert "### Without the metric\n\n- `one` (iteration 1)\n" in text


@pytest.mark.parametrize(
    ("values", "rows", "best"),
    [
        (
            [math.nan, 2.0, math.nan, 1.0],
            ["nan | - | ok", "2 | - | ok, new best", "nan | - | ok", "1 | -50.00 % | ok, new best"],
            "1, -50.00 % against the baseline 2",
        ),
        (
            [math.inf, 2.0, -math.inf, 1.0],
            ["inf | - | ok, new best", "2 | - | ok, new best", "-inf | - | ok, new best",
             "1 | - | ok"],
            "-inf, - against the baseline inf",
        ),
        (
            [10**5000, 0, -1],
            ["1.00000e+5000 | - | ok, new best", "0 | -100.00 % | ok, new best",
             "-1 | - | ok, new best"],
            "-1, -100.00 % against the baseline 1.00000e+5000",
        ),
        (
            [1e-300, -1e300],
            ["1e-300 | - | ok, new best", "-1e+300 | - | ok, new best"],
            "-1e+300, - against the baseline 1e-300",
        ),
    ],
)  # fmt: skip
def test_values_that_are_no_usual_numbers_are_told(
    values: list[float], rows: list[str], best: str
) -> None:
    state = measured(*values)

    text = report.markdown(state, now=T0)

    each = enumerate(rows, 1)
    assert "\n".join(f"| {at} | e{at} | - | {row} | - |" for at, row in each) in text
    assert f"\n- Metric: `loss` {best}\n" in text
    assert report.html(state, now=T0).endswith("</html>\n")


def test_a_chart_without_a_finite_value_is_a_line_of_values() -> None:
    text = report.markdown(measured(math.inf), now=T0)

    assert "```text\ninf at 1\n```\n\nEach step is a result; 1 infinite value left out.\n" in text


def test_a_gain_within_the_threshold_is_told_as_one() -> None:
    text = report.markdown(measured(100.0, 99.9, 99.0), now=T0)

    assert text.partition("## What worked\n\n")[2].partition("\n\n##")[0] == (
        "- `e2` (iteration 2): 99.9 after 100 (-0.10 %, within the threshold)\n"
        "- `e3` (iteration 3): 99 after 100 (-1.00 %)"
    )


def test_a_replicate_of_what_was_taken_back_stands_for_it() -> None:
    again = {"replicate_of": RUN}
    wrong = {"success": False, "error_message": "retracted: it leaked"}
    state = session(
        result(9.0, experiment_name="base"),
        result(0.1, experiment_name="wrong", run_id=RUN, iteration=2, **wrong),
        result(3.0, experiment_name="second", iteration=3, run_id="2" * 8, **again),
        result(3.5, experiment_name="third", iteration=4, run_id="3" * 8, **again),
        result(3.2, experiment_name="odd", iteration=5, run_id="4" * 8, **again, **wrong),
    )

    told = report.markdown(state, now=T0)

    worked = told.partition("## What worked")[2].partition("##")[0]
    dead = told.partition("## Dead ends")[2]
    assert "`second` (iteration 3)" in worked
    assert "`third`" not in worked + dead
    assert "`second` (iteration 3): 2 results of the same code, 3 to 3.5" in told
    assert "`retracted: it leaked`: 2 times, `wrong`, `odd`" in dead


def test_replicates_are_told_together_and_neither_work_nor_fail() -> None:
    again = {"replicate_of": RUN}
    state = session(
        result(100.0, experiment_name="base", run_id=RUN),
        result(90.0, experiment_name="lucky", iteration=2, **again),
        result(120.0, experiment_name="unlucky", iteration=3, **again),
        result(80.0, experiment_name="new", iteration=4),
    )

    text = report.markdown(state, now=T0)

    assert text.partition("## What worked\n\n")[2].partition("\n\n## Dead")[0] == (
        "- `new` (iteration 4): 80 after 90 (-11.11 %)\n\n"
        "## Replicates\n\n- `base` (iteration 1): 3 results of the same code, 90 to 120"
    )
    assert "## Dead ends\n\nNone.\n" in text


def test_where_nothing_draws_the_bests_are_a_line_of_values(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for library in ("plotille", "vl_convert"):
        monkeypatch.setitem(sys.modules, library, None)
    state = measured(*range(20, 0, -1))
    line = (
        "20 at 1, ..., 11 at 10, 10 at 11, 9 at 12, 8 at 13, 7 at 14, 6 at 15, 5 at 16, 4 at 17, "
        "3 at 18, 2 at 19, 1 at 20"
    )

    assert f"```text\n{line}\n```" in report.markdown(state, now=T0)
    assert f"<pre>{line}</pre>" in report.html(state, now=T0)


def test_a_page_without_vega_has_the_chart_in_characters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "vl_convert", None)

    text = report.html(small(), now=T0 + 30)

    assert "<svg" not in text
    assert "<pre>1.00 +*\n" in text


def test_of_many_results_the_telling_ones_are_in_the_table() -> None:
    values = [2.0, *[1.0 if at == 500 else 3.0 for at in range(998)], 3.0]

    text = report.markdown(measured(*values), now=T0)

    told = [int(one) for one in re.findall(r"^\| (\d+) \|", text, re.MULTILINE)]
    assert told == [1, 502, *range(953, 1001)]
    assert "950 of 1,000 results are left out" in text
    assert "\n\nAnd 978 more.\n" in text


def test_of_many_gains_the_first_and_the_latest_are_in_the_table() -> None:
    text = report.markdown(measured(*range(1_000, 0, -1)), now=T0)

    told = [int(one) for one in re.findall(r"^\| (\d+) \|", text, re.MULTILINE)]
    assert told == [1, *range(952, 1001)]


@pytest.mark.slow
def test_twice_the_results_are_about_twice_the_work() -> None:
    def work(count: int) -> int:
        state = measured(*([3.0, None, 2.0, 4.0] * (count // 4)))
        return calls(lambda: report.markdown(state, now=T0))

    assert work(4_000) < 2.2 * work(2_000)


def test_many_params_are_as_many_as_a_reader_takes() -> None:
    params = dict.fromkeys(range(21), math.nan)

    text = report.markdown(session(result(1.0, model_params=params)), now=T0)

    assert "- Param: `19` `nan`\n- And 1 more.\n" in text


def test_a_long_text_is_told_by_its_ends() -> None:
    text = report.markdown(session(config={"goal": "a" * 5_000 + "z" * 5_000}), now=T0)

    assert f"- Goal: {'a' * 400} ... {'z' * 200}\n" in text


def hostile(text: str) -> ExperimentState:
    """A session all of whose texts are one."""
    said: dict[str, Any] = {
        "experiment_name": text,
        "model_type": text,
        "hypothesis": text,
        "reasoning": text,
    }
    return session(
        result(metrics={text: 2.0, "other": 1.0}, model_params={text: text}, run_id=text, **said),
        result(metrics={text: 3.0}, **said),
        result(metrics={text: 2.0}, **said),
        result(metrics={text: 1.0, text + "2": 1.0}, model_params={text: [text]}, **said),
        result(**said),
        result(success=False, error_message=text, **said),
        session_id=text,
        config={"goal": text, "data_path": text, "target_column": text, "constraints": text,
                "primary_metric": text, "direction": "minimize"},
        data_profile=DataProfile(**{
            **{name: getattr(PROFILE, name) for name in PROFILE.__struct_fields__},
            "target_type": text, "notes": [text],
        }),
        termination_reason=text, running_since=None,
        hypotheses=[HypothesisSet(iteration=1, hypotheses=[
            Hypothesis(hypothesis_id=f"{text}2", statement=f"{text}3", rationale=text,
                       suggested_model=text),
        ])],
        claims=[events.Claim(t=T0, claim_id=text, idea=text, ttl=100, by=text)],
    )  # fmt: skip


def shape(text: str) -> list[Any]:
    """The structure of a text in Markdown, without the words."""
    return [
        (one.type, one.tag, [(inner.type, inner.tag) for inner in one.children or ()
                             if inner.type != "text"])
        for one in READER.parse(text)
    ]  # fmt: skip


def outcomes(text: str) -> list[str]:
    """The sixth cell of each row: a reader drops what a row has beyond its headings."""
    parsed = READER.parse(text)
    starts = [at for at, one in enumerate(parsed) if one.type == "td_open"]
    return [parsed[at + 1].content for at in starts[5::7]]


TEXTS = st.lists(st.sampled_from(MARKUP), min_size=1).map("".join).filter(str.strip)


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@example("|")
@example("\\|")
@example("```")
@example("- x")
@example("<script>alert(1)</script>")
@example("![x](http://a.b/c.png)")
@given(TEXTS)
def test_no_text_of_others_is_markup_in_markdown(text: str) -> None:
    written = report.markdown(hostile(text), now=T0)

    assert shape(written) == shape(report.markdown(hostile("x"), now=T0))
    assert outcomes(written) == [
        "ok, new best", "ok", "ok", "ok, new best", "ok", "failed",
    ]  # fmt: skip
    assert visible.escape(written, "\n") == written
    goal = next(one for one in READER.parse(written) if one.content.startswith("Goal: "))
    told = "".join(one.content for one in goal.children or ())
    assert told == f"Goal: {blocks.cut(text)}".rstrip()


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@example("</title></svg><script>alert(1)</script>")
@given(TEXTS)
def test_no_text_of_others_is_markup_in_html(text: str) -> None:
    written = report.html(hostile(text), now=T0)

    page = Page(written)
    assert page.tags == Page(report.html(hostile("x"), now=T0)).tags
    assert visible.escape(written, "\n") == written
    assert f"Goal: {blocks.cut(text)}" in page.texts


def test_a_hostile_text_is_shown_as_it_is() -> None:
    text = "a|b_c _d_ `e` <i> [f](g) & \x1b[31m\u202eh\n# i http://j"

    written = report.markdown(session(result(1.0, experiment_name=text)), now=T0)

    assert (
        "| a&#124;b_c \\_d\\_ \\`e\\` &lt;i&gt; \\[f\\](g) &amp; ^\\[\\[31m\\u202eh \\# i "
        "http:&#47;/j |"
    ) in written.replace("\\\\u", "\\u")


def calls(act: Callable[[], object]) -> int:
    """How many functions an act calls."""
    count = 0

    def called(_frame: FrameType, event: str, _arg: object) -> None:
        nonlocal count
        count += event == "call"

    before = sys.getprofile()
    sys.setprofile(called)
    try:
        act()
    finally:
        sys.setprofile(before)
    return count
