import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from analysis import discover
from analysis._drawing import Options, load, run
from analysis._manifest import read
from research.errors import InvalidInput

FIGURES = Path(__file__).parents[2] / "paper_figures"


def test_figures_are_found_by_their_file():
    assert {"lr_sweep", "forgetting"} <= set(discover())


def test_analysis_imports_neither_jax_nor_experiments():
    """It reads records and draws; it can train nothing, and start nothing that does."""
    code = (
        "import sys, analysis; analysis.discover();"
        "import analysis.report, analysis.publish, analysis.results, analysis.claims.__main__;"
        "analysis.claims.discover();"
        "assert not {'jax', 'flax', 'tensorflow', 'experiments'} & set(sys.modules), sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_missing_records_are_one_line(tmp_path):
    options = Options(label="quick", results=tmp_path)
    with pytest.raises(InvalidInput, match=r"label is 'quick'.*no finished lr_sweep"):
        run({"lr_sweep": lambda table: None}, options)  # type: ignore[arg-type,return-value]
    with pytest.raises(InvalidInput, match=r"has no lr_sweep.parquet"):
        load(tmp_path, "lr_sweep")


@pytest.fixture
def published(tmp_path):
    """Two files of what is published."""
    folder = tmp_path / "quick"
    folder.mkdir()
    for kind in ("parquet", "json"):
        shutil.copy(FIGURES / "quick" / f"lr_sweep.{kind}", folder)
    return folder


def test_published_records_are_sealed(published):
    table, about = load(published, "lr_sweep")
    assert len(table) > 0
    table.assign(value=table["value"] + 1).to_parquet(published / "lr_sweep.parquet")
    with pytest.raises(InvalidInput, match=r"is not what was written; python -m analysis\.all --label quick"):
        load(published, "lr_sweep")
    assert "checksum" in about


@pytest.mark.parametrize(
    ("kind", "content"),
    [("parquet", ""), ("parquet", "nonsense"), ("json", ""), ("json", "{}"), ("json", "[]")],
)
def test_damaged_ones_are_one_line(published, kind, content):
    (published / f"lr_sweep.{kind}").write_text(content)
    with pytest.raises(InvalidInput, match="is not what was written"):
        load(published, "lr_sweep")


def test_one_figure_that_cannot_be_drawn_takes_no_other_with_it(tmp_path, published, capsys):
    """Published at `quick`, whole; the same at `broken`, damaged."""
    shutil.copytree(published, tmp_path / "broken")
    (tmp_path / "broken" / "lr_sweep.parquet").write_bytes(b"nothing")
    figures = {"lr_sweep": discover()["lr_sweep"].draw}
    assert not run(figures, Options(figures=tmp_path, redraw=True))
    told = capsys.readouterr()
    assert told.err.startswith("broken/lr_sweep: label is 'broken': ")
    assert str(published / "lr_sweep.png") in told.out
    assert set(read(published)) == {"lr_sweep"}
    assert not (tmp_path / "broken" / "manifest.json").exists()
    with pytest.raises(InvalidInput, match="label is 'broken'"):  # one that is asked for by name is a mistake
        run(figures, Options(label="broken", figures=tmp_path, redraw=True))
