"""Choosing rows of a tidy table, and tables of them: empty ones where there is nothing, never an error."""

import json
import weakref
from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import wraps
from typing import Any, Concatenate, Literal, ParamSpec, TypeVar

import numpy as np
import pandas as pd

from commandline import spelled

P = ParamSpec("P")
Found = TypeVar("Found")

VERSIONED: Mapping[str, tuple[str, str | None, Any]] = {
    "gradient.kind": ("optimizer.kind", None, "mean"),
    "order.turn": ("order.kind", "cohort", 0),
    "model.activation": ("model.norm", None, "relu"),
    "units": ("kind", "DeadUnits", "inputs"),
    "counts_dead": ("kind", "Intervention", False),
}
"""Fields that configs gained after there were records of them (`research.family.versioned`).

By the field's column: a column that such a record has, with what in it (None: anything), and the field's
default, which is what older records of it mean that lack the field.
"""


def once_a_table(
    function: Callable[Concatenate[pd.DataFrame, P], Found],
) -> Callable[Concatenate[pd.DataFrame, P], Found]:
    """Ask a function of a table and of what can be hashed only once of the same table, the last one asked of.

    The parts of a claim ask the same of records that do not change. What is returned is everyone's: it is
    not to be changed.
    """
    known: dict[Hashable, Found] = {}
    last: weakref.ref[pd.DataFrame] | None = None

    @wraps(function)
    def once(table: pd.DataFrame, *args: P.args, **kwargs: P.kwargs) -> Found:
        nonlocal last
        if last is None or last() is not table:
            known.clear()
            last = weakref.ref(table)
        key = (args, tuple(sorted(kwargs.items())))
        if key not in known:
            known[key] = function(table, *args, **kwargs)
        return known[key]

    return once


def column(table: pd.DataFrame, name: str) -> pd.Series:
    """A column of records; what those lack that are older than a field is its default.

    Missing where a row is of nothing that has such a field, or there is no such column.
    """
    values = table[name] if name in table else pd.Series(None, table.index, dtype=object)
    prefix = "run." if name.startswith("run.") else ""
    of, kind, default = VERSIONED.get(name.removeprefix(prefix), ("", None, None))
    if not of or f"{prefix}{of}" not in table:
        return pd.Series(values)
    kinds = table[f"{prefix}{of}"]
    older = values.isna() & (kinds.notna() if kind is None else kinds == kind)
    return pd.Series(values.astype(object).where(~older, default) if np.any(older) else values)


def where(table: pd.DataFrame, **equal: Any) -> pd.DataFrame:
    """The rows whose columns have these values; `**{"a.b": value}` for a column with a dot in its name.

    None where a column is not there: as those of measurements are not, where every run diverged before them.
    A field that older records lack has its default (`column`).
    """
    return table.loc[matching(table, **equal)]


def matching(table: pd.DataFrame, **equal: Any) -> pd.Series:
    """Whether a row is one of `where`'s. Rows have some ninety columns, and to copy them takes its time."""
    keep = pd.Series(True, index=table.index)
    for name, value in equal.items():
        keep &= column(table, name) == value
    return keep


def levels(table: pd.DataFrame, name: str) -> list[Any]:
    """The different values of a column, ascending; none where it is not there."""
    return sorted(column(table, name).dropna().unique())


def seeds_of(table: pd.DataFrame) -> list[int]:
    """The seeds of all runs that a table has rows of, measured ones included, ascending."""
    return sorted({int(seed) for name in ("seed", "run.seed") for seed in levels(table, name)})


def words(table: pd.DataFrame, field: str) -> pd.Series:
    """A run's field in each row, as a command line has it: text, missing where a row has no such field.

    Args:
        field: `batch_size`, `optimizer.momentum`; of a family, whose member's name is found: `optimizer`; of
            one of its members, `optimizer.adam.b1`. In the rows of measurements it begins with `run.`.
    """
    if f"{field}.kind" in table:
        return pd.Series(table[f"{field}.kind"])
    if field in table:
        return _mapped(table[field], _word)
    of, member, name = ["", "", *field.rsplit(".", 2)][-3:]
    if f"{of}.{name}" in table:
        return _mapped(table[f"{of}.{name}"].where(table[f"{of}.kind"] == member), _word)
    if of not in table:
        return pd.Series(None, table.index, dtype=object)

    def inside(sequence: str) -> str:
        return spelled([one[name] for one in json.loads(sequence) if one["kind"] == member])

    return _mapped(table[of], inside)


def _mapped(cells: Any, word: Callable[[Any], str]) -> pd.Series:
    return pd.Series(cells).map(word, na_action="ignore")


def _word(value: Any) -> str:
    """A cell as a word; records have sequences as text, those of a family's members with their fields."""
    if isinstance(value, str) and value.startswith("["):
        value = [one["kind"] if isinstance(one, dict) else one for one in json.loads(value)]
    return spelled(value)


def pivot(
    table: pd.DataFrame,
    index: str | Sequence[str],
    columns: str | Sequence[str],
    values: str = "value",
    aggfunc: Literal["mean", "min", "max"] = "mean",
    dropna: bool = True,
) -> pd.DataFrame:
    """Values by what rows and columns stand for; empty, with these names, where there are none.

    Pandas' own `pivot_table` loses the names of what is empty, and refuses columns that are not there.
    """
    index, columns = ([names] if isinstance(names, str) else [*names] for names in (index, columns))
    if table.empty or not {*index, *columns, values} <= set(table.columns):
        return pd.DataFrame(index=nothing(index), columns=nothing(columns), dtype=float)
    return table.pivot_table(
        index=index[0] if len(index) == 1 else index,
        columns=columns[0] if len(columns) == 1 else columns,
        values=values,
        aggfunc=aggfunc,
        dropna=dropna,
    )


def nothing(names: Sequence[str]) -> pd.Index:
    """An index with these names and no entry."""
    if len(names) == 1:
        return pd.Index([], dtype=float, name=names[0])
    return pd.MultiIndex.from_arrays([pd.Index([], dtype=float)] * len(names), names=names)
