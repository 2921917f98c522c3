import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg

from analysis import discover
from analysis._drawing import DrawingOptions, collect, load, picture, records_of, run
from analysis._manifest import read
from analysis._style import house_style
from research.errors import InvalidInput
from research.records.identity import identity
from research.records.store import Row, Store

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
    options = DrawingOptions(label="quick", results=tmp_path)
    with pytest.raises(InvalidInput, match=r"results is .*: there are no finished experiments in it"):
        run({"lr_sweep": lambda table: None}, options)  # type: ignore[arg-type,return-value]
    with pytest.raises(InvalidInput, match=r"has no lr_sweep.parquet"):
        load(tmp_path, "lr_sweep")


@pytest.fixture
def published(tmp_path):
    """Two files of what is published."""
    folder = tmp_path / "quick"
    folder.mkdir()
    for kind in ("parquet", "json"):
        shutil.copy(FIGURES / "quick-confirm" / f"lr_sweep.{kind}", folder)
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
    assert not run(figures, DrawingOptions(figures=tmp_path, redraw=True))
    told = capsys.readouterr()
    assert told.err.startswith("broken/lr_sweep: label is 'broken': ")
    assert str(published / "lr_sweep.png") in told.out
    assert set(read(published)) == {"lr_sweep"}
    assert not (tmp_path / "broken" / "manifest.json").exists()
    with pytest.raises(InvalidInput, match="label is 'broken'"):  # one that is asked for by name is a mistake
        run(figures, DrawingOptions(label="broken", figures=tmp_path, redraw=True))


def test_an_unknown_label_is_answered_with_the_known_ones(tmp_path):
    store = Store(tmp_path)
    for label, name in (("mine", "lr_sweep"), ("yours", "train")):
        store.write_experiment(label, name, {})
    draw = discover()["lr_sweep"].draw
    few, many = {"lr_sweep": draw}, dict.fromkeys(["lr_sweep", "forgetting", "noise"], draw)
    for figures in (few, many):
        with pytest.raises(InvalidInput, match=rf"^label is 'other': {tmp_path} has only mine, yours$"):
            run(figures, DrawingOptions(label="other", results=tmp_path))
    with pytest.raises(InvalidInput, match=r"^label is 'yours': .* no finished lr_sweep of it, but train$"):
        run(few, DrawingOptions(label="yours", results=tmp_path))
    with pytest.raises(InvalidInput, match=r"^label is 'yours': .* nothing finished that is drawn here"):
        run(dict.fromkeys(["forgetting", "noise"]), DrawingOptions(label="yours", results=tmp_path))


@dataclass(frozen=True)
class Run:
    factor: float


def swept(folder: Path, factors: Sequence[float]) -> Store:
    """A finished sweep, whose runs are rows of nothing: they diverged."""
    store, runs = Store(folder), [Run(factor) for factor in factors]
    for each in runs:
        row = Row(1, 0.25, "seen", "loss", float("nan"))
        store.write(each, [row], {"status": "diverged", "diverged_step": 1, "epochs": 1}, {})
    about = {"runs": [identity(each) for each in runs], "measurements": [], "command": "python -m it"}
    store.write_experiment("wide", "lr_sweep", about)
    return store


def test_factors_of_any_size_are_collected(tmp_path):
    """A record's whole numbers are no floats: 1e25 is more than a column of integers holds."""
    factors = [1e-30, 1.0, 3e18, 1e19, 1e20, 1e25, 1e30]
    collect(swept(tmp_path, factors), "wide", "lr_sweep", tmp_path)
    table = pd.read_parquet(tmp_path / "lr_sweep.parquet")
    assert table["factor"].astype(float).tolist() == factors


def test_a_record_that_was_removed_is_named_with_the_command_that_makes_it(tmp_path):
    store = swept(tmp_path, [1.0, 2.0])
    shutil.rmtree(tmp_path / "records" / identity(Run(2.0)))
    with pytest.raises(InvalidInput, match=r"is not in .*; run its command again: python -m it$"):
        collect(store, "wide", "lr_sweep", tmp_path)


def test_figures_that_cannot_be_written_are_one_line_whatever_their_number(tmp_path, published, monkeypatch):
    """Permissions are asked for: tests may be a superuser's, who may do everything."""
    draw = discover()["lr_sweep"].draw
    shutil.copytree(published, tmp_path / "slow")
    (published / "lr_sweep.csv").mkdir()  # a file that cannot be written in a folder that can be
    with pytest.raises(InvalidInput, match=r"^figures is .*quick': must be .*\(Is a directory\); copy"):
        run({"lr_sweep": draw}, DrawingOptions(label="quick", figures=tmp_path, redraw=True))
    monkeypatch.setattr(os, "access", lambda path, mode: not Path(path).is_relative_to(tmp_path))
    with pytest.raises(InvalidInput, match=r"^figures is .*must be a folder that can be written to; copy"):
        run({"lr_sweep": draw}, DrawingOptions(figures=tmp_path, redraw=True))
    swept(tmp_path / "results", [1.0])
    with pytest.raises(InvalidInput, match=r"^figures is .*can be written to; --figures FOLDER"):
        run({"lr_sweep": draw}, DrawingOptions(results=tmp_path / "results"))
    assert not (tmp_path / "results" / "figures").exists()


def legend_hides(axes: Axes, renderer) -> list[str]:
    """The thick lines that run through the axes' own legend."""
    legend = axes.get_legend()
    if legend is None:
        return []
    box, hidden = legend.get_window_extent(renderer), []
    for line in axes.lines:
        ends = line.get_transform().transform(line.get_xydata())  # type: ignore[arg-type]
        between = np.linspace(0, 1, 200)[:, None]
        passed = [a + (b - a) * between for a, b in pairwise(ends)]
        if line.get_gid() in ("mean", "median") and any(box.contains(*xy) for part in passed for xy in part):
            hidden.append(str(line.get_label()))
    return hidden


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(discover()))
def test_labels_of_what_is_published_fit_and_no_legend_lies_over_a_line(name):
    draw = discover()[name].draw
    folders = [path.parent for path in FIGURES.glob(f"*/{records_of(name, draw)}.parquet")]
    for folder in folders:
        with plt.rc_context(house_style()):  # pyright: ignore[reportArgumentType]
            figure = picture(name, draw, folder)
            canvas = FigureCanvasAgg(figure)
            canvas.draw()
            renderer = canvas.get_renderer()
            for axes in (each for each in figure.axes if each.axison):
                beside = axes.yaxis.label.get_window_extent(renderer)
                below = axes.xaxis.label.get_window_extent(renderer)
                where = f"{name} of {folder.name}: {axes.get_ylabel()}, {axes.get_xlabel()}"
                assert beside.height <= 1.02 * axes.get_window_extent(renderer).height, where
                assert 0 <= below.x0 <= below.x1 <= figure.bbox.x1, where
                assert not legend_hides(axes, renderer), where
