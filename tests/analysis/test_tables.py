import pandas as pd

from analysis._tables import where


def test_rows_are_chosen_by_equal_columns():
    table = pd.DataFrame({"a": [1, 1, 2], "b.c": ["x", "y", "x"]})
    assert where(table, a=1).index.tolist() == [0, 1]
    assert where(table, a=1, **{"b.c": "y"}).index.tolist() == [1]
    assert where(table, a=3).empty
