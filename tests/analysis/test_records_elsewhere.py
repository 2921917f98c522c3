"""The published records, opened in one line by the tools that people have, as docs/records.md shows."""

import re
from pathlib import Path

import pandas as pd
import pytest

ROOT = Path(__file__).parents[2]
LINES = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "records.md").read_text(), re.DOTALL)


@pytest.mark.parametrize("tool", ["pandas", "polars", "duckdb"])
def test_the_documented_line_gives_every_loss_on_the_test_set(tool, monkeypatch):
    monkeypatch.chdir(ROOT)
    (code,) = (block for block in LINES if f"import {tool}" in block)
    scope: dict = {}
    exec(code, scope)
    table = scope["losses"]
    columns = list(table.columns)
    assert {"factor", "subset_size", "batch_size", "seed", "epoch", "value"} <= set(columns)
    expected = pd.read_parquet("paper_figures/quick-confirm/lr_sweep.parquet")
    expected = expected[(expected["split"] == "test") & (expected["metric"] == "loss")]
    assert len(table) == len(expected)
    total = float(table["value"].sum()) if tool != "duckdb" else float(table.sum("value").fetchall()[0][0])
    assert total == pytest.approx(expected["value"].sum())
