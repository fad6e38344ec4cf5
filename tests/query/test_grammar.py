"""git_exp.query.grammar: how an expression is read, and where it is said to be wrong."""

from __future__ import annotations

import pytest

from git_exp import errors
from git_exp.query import grammar
from git_exp.query.grammar import Both, Compare, Exists, Literal, Name, Node, Not


def shown(node: Node) -> str:
    """A tree as text with all its parentheses."""
    match node:
        case Both():
            return f"({(' | ' if node.any else ' & ').join(map(shown, node.nodes))})"
        case Not():
            return f"!{shown(node.node)}"
        case Exists():
            return f"{named(node.name)}?" if node.alone is None else named(node.name)
        case Compare():
            return f"{named(node.name)}{node.sign}{','.join(map(valued, node.values))}"


def named(name: Name) -> str:
    text = f"{name.kind}:{name.text}" if name.kind else name.text
    return f"{name.aggregate}({text})" if name.aggregate else text


def valued(value: Literal) -> str:
    return repr(value.text) if value.quoted else value.text


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("a = 1", "a=1"),
        ("a==1", "a=1"),
        ("a != 1", "a!=1"),
        ("a<1", "a<1"),
        ("a <= 1", "a<=1"),
        ("a>1", "a>1"),
        ("a>=-1", "a>=-1"),
        ("a ~ x", "a~x"),
        ("a !~ x", "a!~x"),
        ("a in (1)", "a=1"),
        ("a in (1, 'two', three)", "a=1,'two',three"),
        ("a not in (1,2)", "a!=1,2"),
        ("a NOT  IN (1)", "a!=1"),
        ("exists a", "a?"),
        ("a exists", "a?"),
        ("a EXISTS", "a?"),
        ("dirty", "dirty"),
        ("(dirty)", "dirty"),
        ("not not dirty", "!!dirty"),
    ],
)
def test_each_comparison(text: str, tree: str) -> None:
    assert shown(grammar.parse(text)) == tree


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("a=1 or b=1 and c=1", "(a=1 | (b=1 & c=1))"),
        ("a=1 and b=1 or c=1", "((a=1 & b=1) | c=1)"),
        ("(a=1 or b=1) and c=1", "((a=1 | b=1) & c=1)"),
        ("not a=1 and b=1", "(!a=1 & b=1)"),
        ("not (a=1 and b=1)", "!(a=1 & b=1)"),
        ("not a = 1 or not exists b", "(!a=1 | !b?)"),
        ("a=1 AND b=1 And c=1", "(a=1 & b=1 & c=1)"),
        ("a=1 OR b=1 oR c=1", "(a=1 | b=1 | c=1)"),
        ("((((a=1))))", "a=1"),
        ("not a not in (1)", "!a!=1"),
        ("dirty and a exists", "(dirty & a?)"),
    ],
)
def test_not_binds_tighter_than_and_and_that_tighter_than_or(text: str, tree: str) -> None:
    assert shown(grammar.parse(text)) == tree


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("param:lr = 1", "param:lr=1"),
        ("metric:val/acc > 1", "metric:val/acc>1"),
        ("meta:model.depth = 1", "meta:model.depth=1"),
        ('param:"my key" = 1', "param:my key=1"),
        (r"""meta:'it\'s' = 1""", "meta:it's=1"),
        ("other:lr = 1", "other:lr=1"),
        ("val-loss < 1", "val-loss<1"),
        ("optimizer.lr = 1", "optimizer.lr=1"),
        ('"two words" = 1', "two words=1"),
        ('"and" = 1', "and=1"),
        ('"param:lr" = 1', "param:lr=1"),
        ("max(acc) > 1", "max(acc)>1"),
        ("MAX ( acc ) > 1", "max(acc)>1"),
        ("count(metric:val/acc) > 1", "count(metric:val/acc)>1"),
        ("last('a b') > 1", "last(a b)>1"),
        ('exists min(metric:"a b")', "min(metric:a b)?"),
        ("max = 1", "max=1"),
        ('param:"" = 1', "param:=1"),
        ("précision > 1", "précision>1"),
    ],
)
def test_each_form_of_a_name(text: str, tree: str) -> None:
    assert shown(grammar.parse(text)) == tree


def test_a_name_in_quotes_is_no_kind() -> None:
    assert grammar.name('"param:lr"') == Name(text="param:lr", at=0)
    assert grammar.name("param:lr") == Name(text="lr", at=0, kind="param")


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ('"a b"', "a b"),
        ("'a b'", "a b"),
        ('"it\'s"', "it's"),
        (r'"say \"no\""', 'say "no"'),
        (r"'it\'s'", "it's"),
        (r'"\\"', "\\"),
        (r'"a\nb"', "a\\nb"),
        ('"a\nb"', "a\nb"),
        ('""', ""),
        ('"and"', "and"),
        ("and", "and"),
        ("1.2.3", "1.2.3"),
        ("feature/x", "feature/x"),
        ("2026-11-01T10:00:00+01:00", "2026-11-01T10:00:00+01:00"),
        ("été", "été"),
        ("*", "*"),
    ],
)
def test_each_form_of_a_value(written: str, text: str) -> None:
    node = grammar.parse(f"a = {written}")

    assert isinstance(node, Compare)
    assert node.values == (Literal(text=text, at=4, quoted=written[0] in "\"'"),)


@pytest.mark.parametrize("text", ["", " ", '"', "a\\", '\\"', "a\"b'c", "\n", "\0", "é😀", "(a)"])
def test_what_is_quoted_reads_as_it_was(text: str) -> None:
    node = grammar.parse(f"a = {grammar.quoted(text)}")

    assert isinstance(node, Compare)
    assert node.values[0].text == text


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("lr", "lr"), ("val/acc", "val/acc"), ("x-y.z", "x-y.z"), ("or", '"or"'), ("Not", '"Not"'),
        ("a b", '"a b"'), ("a:b", '"a:b"'), ("a(b)", '"a(b)"'), ('a"b', '"a\\"b"'), ("", '""'),
    ],
)  # fmt: skip
def test_a_name_is_in_quotes_where_it_must_be(text: str, word: str) -> None:
    assert grammar.word(text) == word
    assert text == "" or grammar.name(word) == Name(text=text, at=0)
    if text:
        assert shown(grammar.parse(f"exists {word}")) == f"{text}?"


def test_white_space_is_of_no_matter() -> None:
    plain = shown(grammar.parse("a=1 and not(b in(1,2))"))

    assert shown(grammar.parse("\n a\t= 1\n  and not ( b in ( 1 , 2 ) ) \n")) == plain


# An expression, what is wrong with it, and the caret below the place.
WRONG = [
    ("lr >", "expected a value after '>'", "    ^"),
    ("lr > )", "expected a value after '>'", "     ^"),
    ("lr = = 1", "expected a value after '='", "     ^"),
    ("= 1", "expected a name", "^"),
    ("lr = 1 and", "expected a name", "          ^"),
    ("lr = 1 or or lr = 2", "expected a name before 'or'", "          ^"),
    ("and lr = 1", "expected a name before 'and'", "^"),
    ("lr 0.1", "expected a comparison after 'lr'", "   ^"),
    ("mean(acc) > 1", "'mean' is none of last, max, min, first, count", "^"),
    ("lr = 1 and 'max'(acc) > 1", "'max' is none of last, max, min, first, count", " " * 11 + "^"),
    ("lr = 1 acc = 2", "expected 'and' or 'or' before 'acc'", "       ^"),
    ("name = base 'line'", "expected 'and' or 'or' before 'line'", "            ^"),
    ("lr = 1)", "unexpected ')'", "      ^"),
    ("(lr = 1", "expected ')'", "       ^"),
    ("(lr = 1 acc = 2)", "expected ')'", "        ^"),
    ("()", "expected a name", " ^"),
    ("not", "expected a name", "   ^"),
    ("exists", "expected a name", "      ^"),
    ("exists > 1", "expected a name", "       ^"),
    ("lr in", "expected '(' after 'in'", "     ^"),
    ("lr in 1", "expected '(' after 'in'", "      ^"),
    ("lr in (", "expected a value after '('", "       ^"),
    ("lr in ()", "expected a value after '('", "       ^"),
    ("lr in (1 2)", "expected ',' or ')'", "         ^"),
    ("lr in (1,", "expected a value after ','", "         ^"),
    ("lr in (1,)", "expected a value after ','", "         ^"),
    ("lr not = 1", "expected a comparison after 'lr'", "   ^"),
    ("name = 'x", "a quote is not closed", "       ^"),
    ('name = "x\\"', "a quote is not closed", "       ^"),
    ("lr ! 1", "unexpected '!'", "   ^"),
    ("lr = 1 !", "unexpected '!'", "       ^"),
    ("max(", "expected a metric after '('", "    ^"),
    ("max()", "expected a metric after '('", "    ^"),
    ("max(acc", "expected ')' after 'acc'", "       ^"),
    ("max(acc loss) > 1", "expected ')' after 'acc'", "        ^"),
    ("max(min(acc)) > 1", "expected ')' after 'min'", "       ^"),
    ("param: = 1", "expected a name after 'param:'", "^"),
    ("max(metric:) = 1", "expected a name after 'metric:'", "    ^"),
    ("'' = 1", "expected a name", "^"),
    ("a = 1\tand", "expected a name", "         ^"),
    ("name = 日本 x", "expected 'and' or 'or' before 'x'", "            ^"),
]


@pytest.mark.parametrize(("text", "why", "caret"), WRONG)
def test_an_error_says_what_is_missing_and_points_there(text: str, why: str, caret: str) -> None:
    with pytest.raises(errors.BadExpression) as caught:
        grammar.parse(text)

    expression, below = str(caught.value.hint).split("\n")
    assert str(caught.value) == f"bad expression: {why}"
    assert expression == text.replace("\t", "?")
    assert below == caret


@pytest.mark.parametrize("text", ["", " \t "])
def test_where_there_is_nothing_no_place_is_pointed_at(text: str) -> None:
    for read in (grammar.parse, grammar.name):
        with pytest.raises(errors.BadExpression) as caught:
            read(text)

        assert caught.value.hint == "git-exp-query(7) describes expressions"


def test_a_keyword_is_a_value_where_one_must_be() -> None:
    assert shown(grammar.parse("lr > and")) == "lr>and"
    assert shown(grammar.parse("tag = not or tag = in")) == "(tag=not | tag=in)"


@pytest.mark.parametrize(
    "text", ["lr = 1", "lr = 1)", "max(acc) x", "", "(lr)", "not lr", "-lr=", "max(", "a b"]
)
def test_what_is_no_single_name_is_none(text: str) -> None:
    with pytest.raises(errors.BadExpression):
        grammar.name(text)


@pytest.mark.parametrize("text", ["(" * 10_000, "(" * 9_000 + "a=1", "not " * 2_000, "(not " * 999])
def test_what_nests_without_end_is_refused(text: str) -> None:
    with pytest.raises(errors.BadExpression) as caught:
        grammar.parse(text)

    assert str(caught.value) == "bad expression: it is nested more than 50 deep"


def test_what_nests_deep_enough_for_anyone_is_read() -> None:
    deep = grammar.DEEPEST - 1

    assert shown(grammar.parse("(" * deep + "a=1" + ")" * deep)) == "a=1"
    assert shown(grammar.parse("not " * deep + "a=1")) == "!" * deep + "a=1"
    with pytest.raises(errors.BadExpression, match="nested more than 50 deep"):
        grammar.parse("(" * (deep + 1) + "a=1" + ")" * (deep + 1))


def test_depth_is_counted_on_the_way_down_alone() -> None:
    many = " and ".join(["(a = 1)"] * 3 * grammar.DEEPEST)

    assert shown(grammar.parse(many)).count("a=1") == 3 * grammar.DEEPEST


@pytest.mark.parametrize("read", [grammar.parse, grammar.name])
@pytest.mark.parametrize("text", ["a" * 1_000_000, "max(" * 250_000, '"' + "\\" * 20_000])
def test_what_is_longer_than_anyone_types_is_refused(read: object, text: str) -> None:
    assert callable(read)
    with pytest.raises(errors.BadExpression) as caught:
        read(text)

    assert str(caught.value) == "bad expression: it is longer than 10,000 characters"
    assert len(str(caught.value.hint)) < 300


def test_the_longest_expression_is_read() -> None:
    text = "a = " + "1" * (grammar.LONGEST - 4)

    assert shown(grammar.parse(text)) == text.replace(" ", "")
    with pytest.raises(errors.BadExpression, match="longer than 10,000 characters"):
        grammar.parse(f"{text}1")


def test_a_long_expression_is_shown_around_its_place() -> None:
    with pytest.raises(errors.BadExpression) as caught:
        grammar.parse(" and ".join(["lr = 1"] * 30) + " and lr ! 2" + " and lr = 3" * 30)

    expression, below = str(caught.value.hint).split("\n")
    assert expression.startswith("... ")
    assert expression.endswith(" ...")
    assert expression[below.index("^")] == "!"


def test_bytes_that_are_no_utf_8_are_named() -> None:
    with pytest.raises(errors.BadExpression) as caught:
        grammar.parse("name = \udce9t\udce9")

    assert str(caught.value) == "bad expression: it is no UTF-8"
    assert str(caught.value.hint) == "name = ?t?\n       ^"


def test_a_backslash_of_a_pattern_is_the_patterns_own() -> None:
    node = grammar.parse(r'name ~ "^run\.\d+ \"x\" \\$"')

    assert isinstance(node, grammar.Compare)
    assert node.values[0].text == r'^run\.\d+ "x" \$'


def test_the_caret_stands_below_the_place_after_wide_letters() -> None:
    with pytest.raises(errors.BadExpression) as caught:
        grammar.parse("名前 >")

    assert caught.value.hint == "名前 >\n      ^"
