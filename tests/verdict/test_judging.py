"""The rules of a verdict: the noise that counts, the interval, and what is never claimed."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from git_exp.verdict import Noise, Sample, Tries, Verdict, judged, noise, planning
from tests.verdict.made import of

NUMBERS = st.lists(st.floats(1, 2).map(lambda one: round(one, 6)), min_size=1, max_size=6)
GROUPS = st.lists(NUMBERS.filter(lambda one: len(set(one)) > 1), min_size=1, max_size=4)
ONE = Noise(method="pooled", a=1.0, b=1.0, df=10, groups=4)


def verdict(a: Sample, b: Sample, *others: Sample, higher: bool = True) -> Verdict:
    return judged(a, b, noise.between(a, b, others), higher=higher)


@pytest.mark.slow
def test_the_interval_is_that_of_the_t_test() -> None:
    stats = pytest.importorskip("scipy.stats")
    a, b = (1.2, 1.4, 1.1), (1.0, 0.9)

    found = verdict(of(*a), of(*b))

    theirs = stats.ttest_ind(a, b).confidence_interval()
    assert found.method == "pooled"
    assert found.interval == pytest.approx((theirs.low, theirs.high))
    assert found.noise
    assert (found.noise.df, found.noise.groups) == (3, 2)
    assert found.noise.a == found.noise.b == pytest.approx(math.sqrt((0.14 / 3 + 0.005) / 3))


def test_the_confidence_is_that_of_the_interval() -> None:
    stats = pytest.importorskip("scipy.stats")
    a, b = of(1.2, 1.4, 1.1), of(1.0, 0.9)

    found = [judged(a, b, noise.between(a, b), higher=True, tries=tries)
             for tries in (Tries(), Tries(looks=2), Tries(b=5), Tries(a=5))]  # fmt: skip

    levels = [one.confidence for one in found]
    assert levels == pytest.approx([0.95, 0.975, 0.97, 0.97])
    theirs = stats.ttest_ind(a.values, b.values).confidence_interval(levels[1])
    assert found[1].interval == pytest.approx((theirs.low, theirs.high))
    assert judged(of(2, 2), of(1, 1), Noise(method="deterministic"), higher=True).confidence == 0.95


def test_four_replicates_of_each_tell_their_own_noise() -> None:
    stats = pytest.importorskip("scipy.stats")
    a, b = (1.2, 1.4, 1.1, 1.3), (1.0, 0.9, 0.2, 1.9)

    found = verdict(of(*a), of(*b), of(1, 1.001, 1.002))

    theirs = stats.ttest_ind(a, b, equal_var=False).confidence_interval()
    assert found.method == "welch"
    assert found.interval == pytest.approx((theirs.low, theirs.high))


def test_three_of_one_take_the_noise_of_all_groups_at_their_level() -> None:
    near, far, steady = of(1, 1.2), of(10, 10.1), of(1.5, 1.5, 1.5)

    found = noise.between(of(1.0, 1.1, 1.2), of(1.3), [near, far, of(0.1, 0.11), steady, of(1)])

    assert found
    assert (found.method, found.df, found.groups) == ("pooled", 3, 2)
    assert found.a == pytest.approx(math.sqrt((0.02 + 0.02) / 3))


def test_without_replicates_nothing_can_be_told() -> None:
    found = verdict(of(2), of(1), of(1.5))

    assert (found.verdict, found.method, found.interval) == ("indistinguishable", "none", None)
    assert not planning.applies(found)


@pytest.mark.parametrize(
    ("a", "b", "others", "method"),
    [
        (of(2, 2), of(1, 1, 1, 1), [], "deterministic"),
        (of(2, 2), of(1, 1), [of(1.5, 1.5, 1.5)], "deterministic"),
        (of(2, 2), of(1, 1, 1), [], "none"),
        (of(2), of(1, 1, 1, 1), [], "none"),
        (of(2, 2), of(1, 1), [of(1, 1.1)], "pooled"),
        (of(2, 2, 2), of(1, 1, 1), [of(1, 1.1)], "deterministic"),
        (of(2, 2, 2, 2), of(1, 1.1), [], "pooled"),
    ],
)
def test_a_difference_of_deterministic_runs_is_real_where_they_agreed_four_times(
    a: Sample, b: Sample, others: list[Sample], method: str
) -> None:
    found = verdict(a, b, *others)

    assert found.method == method
    assert (found.verdict == "improved") == (method != "none")


def test_deterministic_runs_with_one_number_are_not_told_apart() -> None:
    found = verdict(of(0.1, 0.1, 0.1), of(0.1, 0.1))

    assert (found.verdict, found.difference) == ("indistinguishable", 0)


def test_the_direction_decides_what_is_improved() -> None:
    a, b = of(2.0, 2.01), of(1.0, 1.01)

    assert verdict(a, b).verdict == "improved"
    assert verdict(a, b, higher=False).verdict == "worse"
    assert verdict(b, a, higher=False).verdict == "improved"


@pytest.mark.parametrize("higher", [True, False])
def test_only_what_luck_could_make_is_claimed_less_easily(higher: bool) -> None:
    sign = 1 if higher else -1
    won, lost = of(sign * 4.0), of(sign * -4.0)

    def word(a: Sample, tries: Tries) -> str:
        return judged(a, of(0.0), ONE, higher=higher, tries=tries).verdict

    assert (word(won, Tries()), word(lost, Tries())) == ("improved", "worse")
    assert (word(won, Tries(b=50)), word(lost, Tries(b=50))) == ("improved", "indistinguishable")
    assert (word(won, Tries(a=50)), word(lost, Tries(a=50))) == ("indistinguishable", "worse")


def test_the_interval_is_wider_on_the_side_of_luck() -> None:
    plain = judged(of(1.0), of(0.0), ONE, higher=True).interval
    chosen = judged(of(1.0), of(0.0), ONE, higher=True, tries=Tries(b=50)).interval
    lower = judged(of(1.0), of(0.0), ONE, higher=False, tries=Tries(b=50)).interval

    assert plain
    assert chosen
    assert lower
    assert (chosen[0] == plain[0], chosen[1] > plain[1]) == (True, True)
    assert (lower[0] < plain[0], lower[1] == plain[1]) == (True, True)


INF = Sample(values=(), diverged=1)


@pytest.mark.parametrize(
    ("a", "b", "word"),
    [
        (INF, of(1.0), "worse"),
        (of(1.0), INF, "improved"),
        (INF, INF, "indistinguishable"),
        (Sample(values=(1.0,), diverged=1), INF, "indistinguishable"),
        (INF, Sample(values=(1.0,), diverged=1), "indistinguishable"),
    ],
)
def test_an_infinite_number_is_worse_than_any(a: Sample, b: Sample, word: str) -> None:
    found = verdict(a, b)

    assert (found.verdict, found.method, found.percent) == (word, "diverged", None)


def test_a_side_of_which_a_run_has_diverged_is_not_called_better() -> None:
    shaky, sound = Sample(values=(2.0, 2.01), diverged=1), of(1.0, 1.01)

    assert verdict(shaky, sound).verdict == "indistinguishable"
    assert verdict(sound, shaky).verdict == "indistinguishable"
    assert verdict(shaky, sound, higher=False).verdict == "worse"


def test_what_settles_it_is_the_least_that_does() -> None:
    found = judged(of(1.0), of(0.0), ONE, higher=True)

    runs = planning.fewest(found)
    assert runs == 15
    for each, inside in ((runs - 1, True), (runs, False)):
        more = Noise(method="pooled", a=1, b=1, df=10 + 2 * (each - 1))
        again = judged(
            of(*[1.0] * each), of(*[0.0] * each), more, higher=True, tries=Tries(looks=each)
        )
        assert again.interval
        assert (again.interval[0] <= 0) == inside


def test_a_power_is_that_of_the_noncentral_t_distribution() -> None:
    stats = pytest.importorskip("scipy.stats")
    found = judged(of(1.0), of(0.0), ONE, higher=True)

    runs = planning.fewest(found, power=0.8)

    assert runs == 26
    for each, enough in ((runs - 1, False), (runs, True)):
        df = 10 + 2 * (each - 1)
        power = stats.nct.sf(stats.t.isf(0.025 / (1 + math.log2(each)), df), df, (each / 2) ** 0.5)
        assert (power > 0.8) == enough


def test_replicates_that_are_there_count_for_what_settles_it() -> None:
    found = judged(of(*[2.0] * 5), of(0.0), ONE, higher=True, tries=Tries(looks=5))

    assert found.interval == pytest.approx((2 - 3.2092, 2 + 3.2092), abs=1e-4)
    assert planning.fewest(found) == 4


def test_each_look_takes_its_share_of_the_error_on_both_sides() -> None:
    plain = judged(of(2.0), of(0.0), ONE, higher=True).interval
    later = judged(of(2.0), of(0.0), ONE, higher=True, tries=Tries(looks=3)).interval

    assert plain
    assert later
    assert (later[0] < plain[0], later[1] > plain[1]) == (True, True)


def test_whose_noise_it_is_is_known() -> None:
    quiet = [of(1.0, 1.01), of(1.2, 1.21), of(0.9, 0.91), of(1.1, 1.11)]
    others = noise.between(of(1.5), of(1.0), quiet)
    own = noise.between(of(1.5, 1.9), of(1.0), quiet)
    both = noise.between(of(1.5, 1.51), of(1.0), quiet)

    assert others
    assert own
    assert both
    assert (others.told_by, own.told_by, both.told_by) == ("others", "own", "both")
    assert (own.df, both.df) == (1, 5)


@pytest.mark.parametrize(
    ("a", "b", "more"),
    [
        (of(1), of(2), (2, 0)),
        (of(1), of(2, 2, 2), (2, 0)),
        (of(1, 1, 1, 1), of(2), (0, 1)),
        (of(1, 1, 1), of(2), (0, 2)),
        (of(1, 1), of(2, 2), (2, 0)),
    ],
)
def test_what_is_lacking_is_named_for_each_side(
    a: Sample, b: Sample, more: tuple[int, int]
) -> None:
    found = verdict(a, b)

    assert planning.lacking(found) == more
    again = verdict(of(*a.values, *a.values[:1] * more[0]), of(*b.values, *b.values[:1] * more[1]))
    assert (again.method == "deterministic") == bool(a.df or b.df)


def test_more_runs_than_a_thousand_are_not_counted() -> None:
    found = judged(of(0.01), of(0.0), ONE, higher=True)

    assert planning.applies(found)
    assert planning.fewest(found) is None
    assert planning.fewest(found, power=0.8) is None


def test_a_difference_of_nothing_and_a_clear_one_need_no_more_runs() -> None:
    assert not planning.applies(judged(of(0.0), of(0.0), ONE, higher=True))
    assert not planning.applies(judged(of(9.0), of(0.0), ONE, higher=True))


def test_numbers_at_the_end_of_what_floats_hold_are_not_told_apart() -> None:
    found = verdict(of(1.7e308, 1.6e308), of(-1.7e308, -1.6e308))

    assert found.verdict == "indistinguishable"


def test_the_noise_of_steps_is_that_of_successive_differences() -> None:
    walk = [0.0, 1.0] * 20

    found = noise.within(walk, [0.0] * 40)

    assert found
    assert (found.method, found.b) == ("steps", 0)
    assert found.a == pytest.approx(math.sqrt(0.5))
    assert found.df == pytest.approx(2 * 19**2 / (3 * 19 - 1))
    assert noise.within(walk, [0.0] * 14) is None
    assert noise.within([1.0] * 40, [2.0] * 40) is None


@settings(max_examples=30)
@given(NUMBERS, NUMBERS, GROUPS, st.integers(-3, 3), st.booleans())
def test_a_power_of_two_as_a_unit_changes_nothing(
    a: list[float], b: list[float], others: list[list[float]], power: int, higher: bool
) -> None:
    unit = 2.0**power

    def word(unit: float) -> tuple[str, str, float]:
        first, second, *more = (of(*(unit * v for v in one)) for one in (a, b, *others))
        found = verdict(first, second, *more, higher=higher)
        return found.verdict, found.method, (found.interval or (0, 0))[0] / unit

    assert word(unit) == word(1.0)


@settings(max_examples=30)
@given(NUMBERS, NUMBERS, st.integers(-1_000, 1_000))
def test_another_zero_changes_nothing(a: list[float], b: list[float], shift: int) -> None:
    plain = judged(of(*a), of(*b), ONE, higher=True)
    first, second = (of(*(v + shift for v in one)) for one in (a, b))
    moved = judged(first, second, ONE, higher=True)

    assert plain.difference == pytest.approx(moved.difference, abs=1e-9)
    assert plain.interval == pytest.approx(moved.interval, abs=1e-9)


@settings(max_examples=30)
@given(NUMBERS, NUMBERS, GROUPS)
def test_the_order_of_runs_changes_nothing(
    a: list[float], b: list[float], others: list[list[float]]
) -> None:
    plain = verdict(of(*a), of(*b), *(of(*one) for one in others))
    again = verdict(of(*sorted(a)), of(*sorted(b)), *(of(*one[::-1]) for one in others[::-1]))

    assert plain.verdict == again.verdict
    assert plain.interval == (again.interval and pytest.approx(again.interval))


@settings(max_examples=30)
@given(NUMBERS, NUMBERS, GROUPS)
def test_the_other_way_round_the_other_word(
    a: list[float], b: list[float], others: list[list[float]]
) -> None:
    more = [of(*one) for one in others]
    turned = {"improved": "worse", "worse": "improved"}

    found = verdict(of(*a), of(*b), *more).verdict

    assert verdict(of(*b), of(*a), *more).verdict == turned.get(found, found)
    assert verdict(of(*a), of(*b), *more, higher=False).verdict == turned.get(found, found)
