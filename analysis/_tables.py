"""Choosing rows of a tidy table."""

from typing import Any

import pandas as pd


def where(table: pd.DataFrame, **equal: Any) -> pd.DataFrame:
    """The rows whose columns have these values; `**{"a.b": value}` for a column with a dot in its name.

    None where a column is not there: as those of measurements are not, where every run diverged before them.
    """
    keep = pd.Series(True, index=table.index)
    for column, value in equal.items():
        keep &= table[column] == value if column in table else False
    return table.loc[keep]
