import json

from benchmarks import _table
from benchmarks._harness import Spread
from benchmarks._table import Row

ROW = Row(
    "throughput",
    "training",
    "images/s",
    Spread(12345.0, 12000.0, 13000.0, 5),
    Spread(6170.0, 6000.0, 6200.0, 5),
    50000.0,
    Spread(2.0, 1.9, 2.1, 5),
)


def test_a_row_has_ours_theirs_the_limit_and_the_ratio():
    cells = ROW.cells()
    assert cells[2:] == (
        "12,300 (12,000 to 13,000)",
        "6,170 (6,000 to 6,200)",
        "50,000",
        "2 (1.9 to 2.1) x PyTorch",
        "25%",
    )


def test_of_a_cost_the_limit_is_below():
    row = Row("sweep", "sweep", "seconds", Spread(20.0, 20.0, 20.0, 1), limit=5.0, less_is_better=True)
    assert row.cells()[2:] == ("20", "", "5", "", "25%")


def test_files_name_command_versions_and_every_sample_count(tmp_path):
    _table.save([ROW], {"jax": "1.2.3"}, "python -m benchmarks", tmp_path / "new" / "machine")
    text = (tmp_path / "new" / "machine.md").read_text()
    assert "| jax | 1.2.3 |" in text
    assert "`python -m benchmarks`" in text
    content = json.loads((tmp_path / "new" / "machine.json").read_text())
    assert content["rows"][0]["ours"] == {"median": 12345.0, "low": 12000.0, "high": 13000.0, "samples": 5}
