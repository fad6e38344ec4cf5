"""DataProfile: what is known of a table before anything is trained on it."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from git_exp.session.model import Model


class DataProfile(Model, kw_only=True):
    """What a table holds, column by column, in plain JSON values.

    `column_types` are "int64", "float64", "bool", "datetime64" and "object", as pandas calls them,
    whatever the width; an integer column with gaps stays "int64". `numeric_columns` are the first
    two, `categorical_columns` bool and text. Columns of dates have `datetime_stats`; nested values
    of Parquet, binary, durations and times of day are "object" in neither list. Missing are nulls,
    empty fields of CSV and NaN; percentages are from 0 to 100.

    `numeric_stats` are over finite values: "mean", "std" (n - 1), "min", "25%", "50%", "75%",
    "max" (linear interpolation), "n_zeros", "n_infinite", "n_unique". `categorical_stats`:
    "n_unique", "most_frequent", "most_frequent_count", and "top_values", at most ten with their
    counts, texts cut at 100 characters. `datetime_stats`: "min", "max" (ISO 8601), "n_unique".
    What cannot be said, as the deviation of one value, is None. Each has "approximate": the keys
    whose numbers are estimates. Quantiles are estimates above some 60,000 rows (of a random sample
    of at least that many, fewer if there are more than 32 columns; the rank is off by 0.2 points
    of a hundred, one sigma). `n_unique` is one above 2,048 distinct numbers or dates (off by 2%,
    one sigma), and 20,000 distinct texts, or 8 MB of them; the counts of those are then the
    sample's, scaled, of values that are ten times in it. All else is exact.

    `target_stats` of a "categorical" target: "n_classes", "class_counts" (the 100 most frequent),
    "other_count" (rows of the rest), "class_balance" (fractions of the rows that have a class),
    "imbalance_ratio" (most frequent to least frequent), "majority_class", "minority_class",
    "n_missing", "approximate". Of a "numeric" one: its `numeric_stats`, "skewness" (adjusted
    Fisher-Pearson, as pandas) and "n_missing". `notes` say what was not as it seemed.
    """

    n_rows: Annotated[int, Meta(ge=0)]
    n_columns: Annotated[int, Meta(ge=0)]
    columns: list[str]
    column_types: dict[str, str]
    numeric_columns: list[str]
    categorical_columns: list[str]
    target_column: str | None = None
    target_type: str | None = None
    missing_values: dict[str, int]
    missing_percentages: dict[str, float]
    numeric_stats: dict[str, dict[str, Any]] = {}
    categorical_stats: dict[str, dict[str, Any]] = {}
    datetime_stats: dict[str, dict[str, Any]] = {}
    target_stats: dict[str, Any] = {}
    notes: list[str] = []
