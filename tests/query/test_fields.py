"""git_exp.query.fields: which field a name means, how it is compared, and what is no field."""

from __future__ import annotations

import math
from typing import Any

import pytest

from git_exp import errors
from git_exp.query import fields, shapes
from git_exp.query.fields import All, Catalogue, Has, Key, Not
from git_exp.query.literals import Number, Span, Text
from tests.query.filled import asked

KNOWN = Catalogue(
    params=frozenset({"lr", "optimizer.eps", "a.size", "b.size", "my key", "acc", "status", "or"}),
    metrics=frozenset({"acc", "val/acc", "test.f1", "count"}),
    meta=frozenset({"model.depth", "hparams.lr", "params.optimizer.eps", "other.lr", "data.f1"}),
)


def meant(text: str) -> str:
    """A name's field in the form that names it whatever else there is."""
    found = fields.key(text, KNOWN)
    told = found.name if found.kind == "built-in" else f"{found.kind}:{found.name}"
    return told if found.aggregate == "last" else f"{found.aggregate}({told})"


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("status", "status"),
        ("param:status", "param:status"),
        ("lr", "param:lr"),
        ("param:lr", "param:lr"),
        ("eps", "param:optimizer.eps"),
        ("optimizer.eps", "param:optimizer.eps"),
        ("param:eps", "param:optimizer.eps"),
        ("'my key'", "param:my key"),
        ('param:"my key"', "param:my key"),
        ("'or'", "param:or"),
        ("val/acc", "metric:val/acc"),
        ("metric:acc", "metric:acc"),
        ("metric:f1", "metric:test.f1"),
        ("depth", "meta:model.depth"),
        ("meta:hparams.lr", "meta:hparams.lr"),
        ("max(acc)", "max(metric:acc)"),
        ("Min(metric:acc)", "min(metric:acc)"),
        ("last(f1)", "metric:test.f1"),
        ("count(count)", "count(metric:count)"),
        ("count", "metric:count"),
    ],
)
def test_a_name_means_a_field(text: str, field: str) -> None:
    assert meant(text) == field


def test_every_built_in_field_has_its_name_and_its_type() -> None:
    for name, kind in fields.BUILT_IN.items():
        assert fields.key(name, KNOWN) == Key(kind="built-in", name=name, type=kind)


@pytest.mark.parametrize(
    ("text", "candidates"),
    [
        ("acc", "param:acc, metric:acc"),
        ("size", "param:a.size, param:b.size"),
        ("f1", "metric:test.f1, meta:data.f1"),
        ("param:size", "param:a.size, param:b.size"),
        ("meta:lr", "meta:hparams.lr, meta:other.lr"),
    ],
)
def test_what_could_be_several_things_lists_each_in_a_form_that_names_it(
    text: str, candidates: str
) -> None:
    with pytest.raises(errors.Ambiguous) as caught:
        fields.key(text, KNOWN)

    assert (
        str(caught.value) == f"'{text.removeprefix('param:').removeprefix('meta:')}' is ambiguous"
    )
    assert caught.value.hint == f"it could be: {candidates}"
    for one in candidates.split(", "):
        assert meant(one) == one


def test_a_candidate_that_is_no_word_is_in_quotes() -> None:
    known = Catalogue(params=frozenset({"the lr"}), metrics=frozenset({"the lr"}))

    with pytest.raises(errors.Ambiguous) as caught:
        fields.key("'the lr'", known)

    assert caught.value.candidates == ['param:"the lr"', 'metric:"the lr"']


def test_only_metadata_that_is_that_very_param_is_passed_over() -> None:
    known = Catalogue(params=frozenset({"lr"}), meta=frozenset({"lr", "hparams.lr"}))

    with pytest.raises(errors.Ambiguous) as caught:
        fields.key("lr", known)

    assert caught.value.candidates == ["param:lr", "meta:lr"]


@pytest.mark.parametrize(
    ("text", "said", "hint"),
    [
        ("lrr > 1", "no field, param or metric is called 'lrr'", ["^", "did you mean: lr"]),
        ("dirty and ACC = 1", "no field, param or metric is called 'ACC'",
         ["          ^", "did you mean: acc, val/acc"]),
        ("statsu = x", "no field, param or metric is called 'statsu'",
         ["^", "did you mean: status, started"]),
        ("epps > 1", "no field, param or metric is called 'epps'", ["^", "did you mean: eps"]),
        ("my_key = 1", "no field, param or metric is called 'my_key'",
         ["^", 'did you mean: "my key"']),
        ("not param:val/acc > 1", "no param is called 'val/acc'",
         ["    ^", "did you mean: metric:val/acc"]),
        ("metric:lr > 1", "no metric is called 'lr'", ["^", "did you mean: param:lr"]),
        ("max('my key') > 1", "no metric is called 'my key'",
         ["^", 'did you mean: param:"my key"']),
        ("max(status) > 1", "no metric is called 'status'", ["^", "did you mean: param:status"]),
        ("meta:dept = 1", "no metadata is called 'dept'", ["^", "did you mean: depth"]),
        ("metric:durations > 1", "no metric is called 'durations'", ["^"]),
        ("ps = 1", "no field, param or metric is called 'ps'", ["^", "did you mean: eps"]),
        ("zzzzzz = 1", "no field, param or metric is called 'zzzzzz'", ["^"]),
    ],
)  # fmt: skip
def test_a_name_that_nothing_has_is_not_found_with_near_spellings(
    text: str, said: str, hint: list[str]
) -> None:
    with pytest.raises(errors.NotFound) as caught:
        asked(text, KNOWN)

    assert (str(caught.value), caught.value.exit_code) == (said, 3)
    assert str(caught.value.hint).split("\n") == [text, *hint]


def test_where_there_are_no_runs_any_name_matches_nothing() -> None:
    nothing = Catalogue()

    assert asked("anything > 1", nothing) == fields.Test(
        key=Key(kind="param", name="anything", type="mixed"),
        sign=">",
        values=(Number(value=1.0, text="1"),),
    )
    assert fields.key("max(acc)", nothing).kind == "metric"


def test_a_tree_keeps_its_shape_when_its_names_are_resolved() -> None:
    found = asked("not (exists lr or status = failed) and dirty", KNOWN)

    status = fields.Test(key=fields.key("status", KNOWN), sign="=", values=(Text(value="failed"),))
    dirty = fields.Test(
        key=fields.key("dirty", KNOWN), sign="=", values=(Number(value=1.0, text="true"),)
    )
    inner = All(inner=(Has(key=fields.key("lr", KNOWN)), status), any=True)
    assert found == All(inner=(Not(inner=inner), dirty))


@pytest.mark.parametrize(
    ("text", "why", "caret"),
    [
        ("lr", "expected a comparison after 'lr'", "  ^"),
        ("dirty and lr", "expected a comparison after 'lr'", "            ^"),
        ("(param:lr) or dirty", "expected a comparison after 'lr'", "         ^"),
        ("max(val/acc) and dirty", "expected a comparison after 'val/acc'", "             ^"),
        ("max(param:lr) > 1", "max() is of a metric", "^"),
        ("val/acc > high", "expected a number", "          ^"),
        ("val/acc > '1'", "expected a number", "          ^"),
        ("val/acc = nan", "nothing equals nan, and nothing is less or greater", "          ^"),
        ("val/acc in (1, x)", "expected a number", "               ^"),
        ("exit_code = zero", "expected a number", "            ^"),
        ("duration > long", "expected a duration such as 10m", "           ^"),
        ("dirty = maybe", "expected true or false", "        ^"),
        ("started > someday", "'someday' is no date", "          ^"),
        ("started ~ 2026", "only text is matched by a pattern", "          ^"),
        ("val/acc ~ 1", "only text is matched by a pattern", "          ^"),
        ("dirty !~ t", "only text is matched by a pattern", "         ^"),
        ("name ~ '('", "bad pattern: missing ): (", "       ^"),
        ("name ~ '(?=a)'", "bad pattern: invalid perl operator: (?=", "       ^"),
        (r"name ~ '(a)\\1'", r"bad pattern: invalid escape sequence: \1", "       ^"),
    ],
)
def test_a_value_that_its_field_cannot_have_is_pointed_at(text: str, why: str, caret: str) -> None:
    with pytest.raises(errors.BadExpression) as caught:
        asked(text, KNOWN)

    assert str(caught.value) == f"bad expression: {why}"
    assert str(caught.value.hint).split("\n") == [text, caret]


def test_a_field_of_which_a_run_has_several_sorts_nothing() -> None:
    for name in ("tag", "note"):
        with pytest.raises(errors.BadExpression) as caught:
            fields.sort_key(name, KNOWN)

        assert str(caught.value) == f"bad expression: a run has several of '{name}'"
    assert fields.sort_key("max(acc)", KNOWN) == fields.key("max(acc)", KNOWN)


@pytest.mark.parametrize(
    ("value", "shape"),
    [
        (1, (1.0, None)),
        (0.5, (0.5, None)),
        (-0.0, (0.0, None)),
        (2**2000, (math.inf, None)),
        (-(2**2000), (-math.inf, None)),
        (math.inf, (math.inf, None)),
        (math.nan, (None, None)),
        (True, (None, "true")),
        (False, (None, "false")),
        (None, (None, "null")),
        ("1", (None, "1")),
        ("", (None, "")),
        ("a\0b", (None, "a\0b")),
        ("NaN", (None, None)),
        ("-Infinity", (-math.inf, None)),
        ("inf", (None, "inf")),
        ("\udce9", (None, '"\\351"')),
        ([1, "a", None], (None, '[1,"a",null]')),
        ({"a": {"b": 1.5}}, (None, '{"a":{"b":1.5}}')),
        ([], (None, "[]")),
    ],
)
def test_a_value_is_compared_as_a_number_or_as_text(value: Any, shape: Any) -> None:
    assert shapes.shape(value) == shape


def test_metadata_has_leaves_by_dotted_path_up_to_a_thousand() -> None:
    assert shapes.meta_leaves({"a": {"b": 1, "c": [1]}, "d": None}) == {
        "a.b": 1, "a.c": [1], "d": None,
    }  # fmt: skip
    assert shapes.meta_leaves(["no", "mapping"]) == {}
    many = shapes.meta_leaves({str(at): at for at in range(1_001)})
    assert list(many) == [str(at) for at in range(1_000)]


def test_a_date_in_words_is_what_the_caller_says() -> None:
    found = asked("started >= 'then'")

    assert isinstance(found, fields.Test)
    assert found.values == (
        Span(start="2026-01-02T03:04:05.000000Z", end="2026-01-02T03:04:06.000000Z"),
    )


def test_near_spellings_among_many_names_are_found_in_time() -> None:
    known = Catalogue(metrics=frozenset(f"layer.{at}.weight_norm" for at in range(20_000)))

    with pytest.raises(errors.NotFound) as caught:
        asked("x" * 9_000 + " > 1", known)

    assert "did you mean" not in str(caught.value.hint)
