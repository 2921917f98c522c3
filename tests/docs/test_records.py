"""The notebook runs from top to bottom, and what it shows is what the records say."""

import json
import os
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).parents[2]


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
def test_the_notebook_runs(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]))
    notebook = nbformat.read(ROOT / "docs" / "records.ipynb", as_version=4)
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(ROOT / "docs")}}).execute()
    outputs = {cell["id"]: cell["outputs"] for cell in notebook.cells if cell["cell_type"] == "code"}
    assert "factor" in outputs["load"][0]["data"]["text/html"]
    assert any("image/png" in output.get("data", {}) for output in outputs["draw"])
    published = json.loads((ROOT / "paper_figures" / "quick-confirm" / "claims.json").read_text())
    (verdict,) = (row["verdict"] for row in published if row["claim"] == "C4")
    assert verdict in outputs["ask"][0]["data"]["text/plain"]
