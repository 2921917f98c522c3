import subprocess
import sys

import pytest

from analysis import discover
from analysis._publish import Options, load, run
from research.errors import InvalidInput


def test_figures_are_found_by_their_file():
    assert {"lr_sweep", "forgetting"} <= set(discover())


def test_analysis_never_imports_jax():
    code = (
        "import sys, analysis; analysis.discover(); import analysis._publish;"
        "assert not {'jax', 'flax', 'tensorflow'} & set(sys.modules), sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_missing_records_are_one_line(tmp_path):
    options = Options(label="quick", results=tmp_path, figures=tmp_path / "figures")
    with pytest.raises(InvalidInput, match=r"label is 'quick'.*no finished lr_sweep"):
        run({"lr_sweep": lambda table: None}, options)  # type: ignore[arg-type,return-value]
    with pytest.raises(InvalidInput, match=r"has no lr_sweep.parquet"):
        load(tmp_path, "lr_sweep")
