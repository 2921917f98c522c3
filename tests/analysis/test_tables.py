import pandas as pd
import pytest

from analysis._tables import where, words
from commandline import with_text
from research.records.identity import canonical
from research.records.store import flatten
from research.training.config import RunConfig


def test_rows_are_chosen_by_equal_columns():
    table = pd.DataFrame({"a": [1, 1, 2], "b.c": ["x", "y", "x"]})
    assert where(table, a=1).index.tolist() == [0, 1]
    assert where(table, a=1, **{"b.c": "y"}).index.tolist() == [1]
    assert where(table, a=3).empty


@pytest.mark.parametrize(
    ("path", "values"),
    [
        ("batch_size", ("16", "32")),
        ("factor", ("1", "0.5")),
        ("grow_at", ("none", "1,2")),
        ("optimizer", ("sgd", "adam")),
        ("optimizer.nesterov", ("True", "False")),
        ("optimizer.adam.b1", ("0.5", "0.8")),
        ("model.norm", ("none", "batch")),
        ("augmentation", ("none", "crop,cutout")),
        ("augmentation.cutout.size", ("2", "3")),
    ],
)
@pytest.mark.parametrize("prefix", ["", "run."])
def test_records_tell_a_field_as_the_command_line_has_it(path, values, prefix):
    runs = [with_text(RunConfig(), path, value) for value in values]
    rows = [{f"{prefix}{k}": v for k, v in flatten(canonical(run)).items()} for run in runs]
    table = pd.DataFrame([*rows, {"other": 1}])
    assert list(words(table, f"{prefix}{path}")[:2]) == list(values)
    assert words(table, f"{prefix}{path}").isna().tolist() == [False, False, True]


def test_a_field_that_no_row_has_is_missing_from_all():
    table = pd.DataFrame({"optimizer.kind": ["sgd"], "optimizer.momentum": [0.9]})
    assert words(table, "optimizer.adam.b1").isna().all()
    assert words(table, "nothing").isna().all()
