from dataclasses import replace

import pytest

from research.errors import InvalidInput
from research.measures.throughput import Throughput
from research.sweeps.measure import measure_missing


def values(rows):
    return {row.metric: row.value for row in rows}


def test_a_step_is_timed_and_needs_memory_for_its_data_and_more(dataset, run, store):
    small, large = (Throughput(replace(run, batch_size=size), seconds=0.0) for size in (2, 32))
    assert measure_missing([small, large], dataset, store).taken == 2
    assert measure_missing([small, large], dataset, store).taken == 0
    one, other = (values(item.measure(dataset, store)) for item in (small, large))
    assert 0 < one["seconds"] < 10
    assert dataset.train_images.nbytes < one["memory"] < other["memory"]
    assert one["out_of_memory"] == other["out_of_memory"] == 0


def test_where_memory_ends_it_says_so_and_records_it(dataset, run, store, caplog):
    item = Throughput(run, seconds=0.0, memory_limit=1000)
    found = values(item.measure(dataset, store))
    assert found["out_of_memory"] == 1
    assert "seconds" not in found
    assert "batch_size is 32: a step needs" in caplog.text
    assert "recorded as out of memory" in caplog.text


@pytest.mark.parametrize(("field", "value"), [("seconds", -1.0), ("memory_limit", 0)])
def test_a_mistake_is_an_invalid_input(run, field, value):
    with pytest.raises(InvalidInput, match=field):
        Throughput(run, **{field: value})
