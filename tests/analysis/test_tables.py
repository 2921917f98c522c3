from dataclasses import fields

import numpy as np
import pandas as pd
import pytest

from analysis._tables import VERSIONED, column, levels, once_a_table, where, words
from commandline import with_text
from research.family import families_in
from research.measures.dead import DeadUnits
from research.measures.interventions import Intervention
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


@pytest.mark.parametrize("prefix", ["", "run."])
def test_a_field_that_older_records_lack_has_its_default(prefix):
    table = pd.DataFrame(
        {f"{prefix}order.kind": ["cohort", "cohort", "half"], f"{prefix}order.turn": [np.nan, 1, np.nan]}
    )
    name = f"{prefix}order.turn"
    assert levels(table, name) == [0, 1]
    assert where(table, **{name: 0}).index.tolist() == [0]
    assert column(table, name).isna().tolist() == [False, False, True]
    assert levels(table.drop(columns=name), name) == [0]
    assert levels(pd.DataFrame({"a": [1]}), name) == []


def test_every_field_that_was_gained_later_is_known_by_its_default():
    """But for the run whose units are killed: None, as a missing column is."""
    known = {
        name.rpartition(".")[2] if name != "gradient.kind" else "gradient": v for name, v in VERSIONED.items()
    }
    gained = {}
    configs = [RunConfig, Intervention, DeadUnits]
    for family, _ in families_in(RunConfig()).values():
        configs += family.members().values()
    for config in configs:
        for item in fields(config):
            if "versioned" in item.metadata and item.default is not None:
                gained[item.name] = getattr(item.default, "member_name", lambda item=item: item.default)()
    assert {name: default for name, (*_, default) in known.items()} == gained


def test_a_field_that_no_row_has_is_missing_from_all():
    table = pd.DataFrame({"optimizer.kind": ["sgd"], "optimizer.momentum": [0.9]})
    assert words(table, "optimizer.adam.b1").isna().all()
    assert words(table, "nothing").isna().all()


def test_what_is_asked_of_the_same_table_again_is_not_found_again():
    asked = []

    @once_a_table
    def rows(table: pd.DataFrame, more: int, times: int = 1) -> int:
        asked.append(more)
        return (len(table) + more) * times

    table, other = pd.DataFrame({"a": [1, 2]}), pd.DataFrame({"a": [1, 2, 3]})
    assert [rows(table, 1), rows(table, 1), rows(table, 2), rows(table, 1, times=3)] == [3, 3, 4, 9]
    assert asked == [1, 2, 1]
    assert [rows(other, 1), rows(table, 1)] == [4, 3]  # another table's answers are not this one's
    assert asked == [1, 2, 1, 1, 1]


def test_a_table_is_not_kept_for_what_was_asked_of_it():
    @once_a_table
    def rows(table: pd.DataFrame) -> int:
        return len(table)

    for length in range(1, 50):  # each may lie where the one before did
        assert rows(pd.DataFrame({"a": range(length)})) == length
