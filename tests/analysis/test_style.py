import io
import os
import re
import subprocess
import sys
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from scipy import stats

from analysis import discover
from analysis._numbers import numbers
from analysis._style import (
    MANY,
    caption,
    factor_name,
    fonts_for,
    house_style,
    leave_out_far_values,
    legend,
    log_axis,
    log_factor_axis,
    log_factor_values,
    over_seeds,
    panels,
    seeds_at,
    shown,
    signed_log_axis,
)

ROOT = Path(__file__).parents[2]
BASE = {"model": {"kind": "resnet", "width": 8, "blocks": [1, 1]}}
ABOUT = {
    "image_shape": [16, 16, 3],
    "train_images": 8192,
    "data": "synthetic",
    "preset": "quick",
    "config": {"base": BASE, "seeds": 2},
}


def runs(sizes: tuple[int, ...] = (8192,)) -> pd.DataFrame:
    return pd.DataFrame(
        {"kind": "RunConfig", "subset_size": sizes, "epochs": 12, "model.width": 8, "status": "finished"}
    )


def axes_of(log: bool = False):
    _, ((axes,),) = panels(1, 1, 4, 3)
    if log:
        log_axis(axes)
    return axes


def said(figure: Figure, about: dict = ABOUT) -> str:
    caption(figure, about, runs())
    return " ".join(figure.get_supxlabel().split())


@pytest.mark.parametrize(
    ("factor", "name"), [(0.125, "1/8"), (0.5, "1/2"), (1.0, "1"), (16.0, "16"), (1.1, "1.1"), (0.3, "0.3")]
)
def test_factors_are_named_as_in_the_article(factor, name):
    assert factor_name(factor) == name


@pytest.mark.parametrize("exponent", range(-30, 31, 3))
def test_a_factor_of_any_size_has_a_short_name_that_is_its_value(exponent):
    for factor in (10.0**exponent, 2.0 ** (3 * exponent)):
        name = factor_name(factor)
        over, _, under = name.rpartition("/")
        value = float(under) if not over else 1 / float(under)
        assert value == pytest.approx(factor, rel=0.05)
        assert len(name) <= 8


def test_an_axis_of_factors_of_any_size_is_drawn():
    axes = axes_of(log=True)
    log_factor_values(axes)
    factors = [1e-30, 1.0, 1e25, 1e30]
    axes.plot(factors, factors)
    log_factor_axis(axes, factors)
    axes.figure.draw_without_rendering()
    assert [text.get_text() for text in axes.get_xticklabels()] == ["1e-30", "1", "1e+25", "1e+30"]
    assert 2 <= len(axes.get_yticks()) <= 12


def test_few_seeds_are_shown_themselves_around_their_median():
    axes = axes_of()
    over_seeds(axes, [1, 2, 3], [[1.0, 3.0, 2.0], [np.nan] * 3, [5.0, np.nan, 7.0]], label="a")
    table = numbers(axes.figure)
    assert table.loc[table["kind"] == "median", ["x", "y"]].to_numpy().tolist() == [[1, 2], [3, 6]]
    assert table.loc[table["series"] == "a, seed 0", "y"].tolist() == [1, 5]
    assert "thick lines: medians, thin: each seed" in said(axes.figure)


@pytest.mark.parametrize("log", [False, True])
def test_many_seeds_are_their_mean_and_its_interval(log):
    values = np.exp(np.random.default_rng(0).normal(size=(4, MANY)))
    axes = axes_of(log)
    over_seeds(axes, range(4), values)
    assert len(axes.lines) == 1
    of = np.log(values) if log else values
    ends = stats.t.interval(0.95, MANY - 1, of.mean(1), stats.sem(of, axis=1))
    back = np.exp if log else np.asarray
    np.testing.assert_allclose(np.asarray(axes.lines[0].get_ydata()), back(of.mean(1)))
    band = np.asarray(axes.collections[0].get_paths()[0].vertices)
    for low, high in back(np.transpose(ends)):
        assert np.isclose(band[:, 1], low).any()
        assert np.isclose(band[:, 1], high).any()
    assert "95% intervals" in said(axes.figure)


def test_what_is_not_a_seed_is_never_averaged_into_an_interval():
    axes = axes_of()
    over_seeds(axes, [1, 2], np.ones((2, 20)), each="repetition")
    assert "thin: each repetition" in said(axes.figure)


def test_a_run_that_diverged_is_a_cross_heavy_where_all_did_and_a_missing_one_is_nothing():
    axes = axes_of(log=True)
    inf, nan = np.inf, np.nan
    over_seeds(axes, [1, 2, 3, 4], [[1, 2], [inf, 2], [inf, inf], [nan, nan]], color="k")
    (crosses,) = axes.collections
    assert np.asarray(crosses.get_offsets())[:, 0].tolist() == [2, 3]
    thin, heavy = np.asarray(crosses.get_linewidth(), float)
    assert thin < heavy
    over_seeds(axes, [1, 2], [[inf], [inf]], color="r")
    assert np.asarray(axes.collections[1].get_offsets())[0, 1] < np.asarray(crosses.get_offsets())[0, 1]
    assert "crosses: diverged" in said(axes.figure)


def test_seeds_at_a_place_have_their_median_and_many_an_interval():
    axes = axes_of()
    seeds_at(axes, 0, [1.0, 2.0, 4.0, np.inf, np.nan], color="k", label="few")
    seeds_at(axes, 1, np.arange(MANY, dtype=float), color="k", label="many")
    table = numbers(axes.figure).set_index("kind")
    assert table.loc["median of seeds", "y"] == 2
    assert table.loc["mean of seeds", "y"] == np.arange(MANY).mean()
    assert len(table.loc[["diverged"]]) == 1


@pytest.mark.parametrize("values", [[[]], [[np.nan]], [[0.0]], [[-1.0]], [[np.inf]], [[3e38]], [[1e-300]]])
@pytest.mark.parametrize("prepare", [log_axis, lambda axes: signed_log_axis(axes, 0.1), lambda axes: None])
def test_axes_are_drawn_of_whatever_there_is(prepare, values):
    axes = axes_of()
    prepare(axes)
    over_seeds(axes, [1.0], values, label="a")
    seeds_at(axes, 1, values[0], color="k", label="b")
    legend(axes)
    caption(axes.figure, ABOUT, runs())
    axes.figure.savefig(io.BytesIO())


def test_no_legend_of_nothing():
    axes = axes_of()
    legend(axes)
    legend(axes.figure)
    assert axes.get_legend() is None


@pytest.mark.parametrize(
    ("sizes", "text"),
    [((512, 4096), "512 to 4,096 of 8,192 training images"), ((8192,), "synthetic, 8,192 training images")],
)
def test_the_caption_says_what_the_runs_were_trained_on(sizes, text):
    figure = Figure(figsize=(12, 3))
    caption(figure, ABOUT, runs(sizes))
    written = " ".join(figure.get_supxlabel().split())
    assert text in written
    assert "width 8, blocks 1-1; 12 epochs; 2 seeds" in written


@pytest.mark.parametrize(
    ("kinds", "said"),
    [
        (["sgd", "sgd"], "blocks 1-1; 12 epochs"),
        (["adam", "adam"], "blocks 1-1; optimizer adam; 12 epochs"),
        (["sgd", "adam"], "blocks 1-1; optimizers adam, sgd; 12 epochs"),
    ],
)
def test_the_caption_names_an_optimizer_that_is_not_the_articles(kinds, said):
    for column in ("optimizer.kind", "run.optimizer.kind"):
        figure = Figure(figsize=(12, 3))
        caption(figure, ABOUT, runs((512, 512)).assign(**{column: kinds}))
        assert said in " ".join(figure.get_supxlabel().split())


NAMES = {
    "mathtext": "$a_b$ costs \\$5^{",
    "underscore": "_my_images_",
    "percent": "50% of {cats} & #dogs ~ \\alpha",
    "chinese": "猫和狗的图片数据集" * 2,
    "arabic": "مجموعة صور القطط",
    "emoji": "🐈 and 🐕",
    "control": "a\x00b\x1b[31mc\td\ne",
    "half a character": "caf\udce9.npz",
    "long": "images-" * 200,
    "one long word": "x" * 3000,
    "empty": "",
}


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
@pytest.mark.parametrize("kind", ["png", "pdf", "svg"])
def test_a_users_name_is_drawn_as_it_is(name, kind):
    """Warnings, of a glyph that no font has say, are errors here."""
    with matplotlib.rc_context(house_style()):
        figure, _ = panels(1, 1, 7.2, 3)
        written = said(figure, {**ABOUT, "data": name, "preset": name})
        figure.savefig(io.BytesIO(), format=kind)
        (text,) = (each for each in figure.texts if each.get_text() == figure.get_supxlabel())
        box = text.get_window_extent()
    assert not text.get_parse_math()
    assert box.x1 <= figure.bbox.x1
    assert box.height < figure.bbox.height / 2
    if len(name) < 50 and name.isprintable():
        assert "".join(name.split()) in "".join(written.split())


def test_a_long_name_keeps_both_ends():
    assert shown("a" * 100 + "z" * 100, 21) == "a" * 9 + "…" + "z" * 9
    assert shown("short") == "short"
    assert len(shown("图" * 100, 21)) < len(shown("a" * 100, 21))  # twice as wide


def test_fonts_are_matplotlibs_own_unless_they_lack_a_character():
    assert fonts_for("plain, Ελληνικά, العربية") == ["DejaVu Sans", "Last Resort High-Efficiency"]
    assert fonts_for("猫")[0] == "DejaVu Sans"
    assert fonts_for("猫")[-1] == "Last Resort High-Efficiency"


DRAW = """
import hashlib, sys
from pathlib import Path
from analysis import _drawing, discover
figure = sys.argv[1]
folder = Path(sys.argv[2])
for path in _drawing.save(figure, discover()[figure].draw, folder):
    print(path.name, hashlib.sha256(path.read_bytes()).hexdigest())
"""
RC = """font.size: 18
text.usetex: True
font.family: No Such Font
savefig.bbox: tight
savefig.facecolor: red
savefig.dpi: 40
lines.linewidth: 9
axes.prop_cycle: cycler('color', ['r'])
axes.formatter.use_locale: True
figure.constrained_layout.use: False
backend: TkAgg
pdf.fonttype: 3
path.sketch: 1, 100, 2
no.such.key: 1
"""


def test_the_shell_and_a_matplotlibrc_change_no_byte(tmp_path):
    for name in ("lr_sweep.parquet", "lr_sweep.json"):
        (tmp_path / name).write_bytes((ROOT / "paper_figures" / "quick-confirm" / name).read_bytes())
    (tmp_path / "rc").write_text(RC)
    (tmp_path / "broken").write_bytes(b"font.family: \xff\xfe\n")

    def files(**environment: str) -> str:
        command = [sys.executable, "-c", DRAW, "lr_sweep", str(tmp_path)]
        made = {**os.environ, **environment}
        made.pop("MATPLOTLIBRC", None) if "MATPLOTLIBRC" not in environment else None
        done = subprocess.run(command, env=made, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
        return done.stdout

    plain = files()
    assert len(plain.splitlines()) == 3
    assert files(MATPLOTLIBRC=str(tmp_path / "rc"), MPLBACKEND="TkAgg", TZ="Asia/Tokyo") == plain
    assert files(MATPLOTLIBRC=str(tmp_path / "broken"), MPLBACKEND="nonsense", LC_ALL="de_DE.UTF-8") == plain


def test_every_figure_with_marks_of_its_own_says_what_they_are():
    for name, module in discover().items():
        source = Path(str(module.__file__)).read_text()
        own = re.search(r"\.errorbar\(|\.fill_between\(|\.scatter\(", source)
        assert not own or re.search(r"explain\(\s*\w*figure", source), name


def test_no_line_runs_through_the_crosses_of_runs_that_diverged():
    axes = axes_of(log=True)
    for level in (1.0, 2.0, 3.0, 4.0):
        over_seeds(axes, [1, 2], np.array([[0.1 * level, np.inf], [level, level]]), label=f"{level}")
    said(axes.figure)
    rows = [c.get_offsets()[0][1] for c in axes.collections if c.get_gid() == "diverged"]
    highest = axes.transAxes.inverted().transform(axes.transData.transform((2, 4.0)))[1]
    assert len(rows) == 4
    assert highest < min(rows)


def test_names_of_factors_do_not_overlap():
    axes = axes_of()
    factors = [2.0 ** (half / 2) for half in range(-4, 9)]
    log_factor_axis(axes, factors)
    named = [label.get_text() for label in axes.get_xticklabels()]
    assert [name for name in named if name] == ["1/4", "1/2", "1", "2", "4", "8", "16"]
    assert len(named) == len(factors)  # the others have their lines
    log_factor_axis(axes, sizes := [2.0**power for power in range(12)])
    named = [label.get_text() for label in axes.get_xticklabels()]
    assert [name for name in named if name] == ["1", "4", "16", "64", "256", "1024"]
    assert len(named) == len(sizes)


@pytest.mark.filterwarnings("error")
def test_values_that_differ_by_a_rounding_have_an_axis():
    axes = axes_of(log=True)
    axes.plot([1, 2], [1.8, np.nextafter(1.8, 2)])
    axes.figure.draw_without_rendering()
    low, high = axes.get_ylim()
    assert low < 1.5 < 1.8 < 2 < high


@pytest.mark.parametrize(("low", "high"), [(1e-3, 1e5), (0.02, 1e4), (0.1, 2), (1.1, 1.3)])
def test_a_log_axis_has_a_few_numbers(low, high):
    axes = axes_of(log=True)
    axes.plot([0, 1], [low, high])
    bottom, top = axes.get_ylim()
    assert 2 <= sum(bottom <= tick <= top for tick in axes.get_yticks()) <= 12


def test_an_axis_of_factors_names_them_as_the_article_does():
    axes = axes_of()
    log_factor_values(axes)
    axes.plot([0, 1], [1 / 8, 4])
    names = [axes.yaxis.get_major_formatter()(tick) for tick in axes.get_yticks()]
    assert {"1/8", "1/2", "1", "4"} <= set(names)


def test_values_that_lie_far_out_end_no_axis_linear_or_logarithmic():
    ordinary = np.linspace(0.2, 3, 40)
    for log in (False, True):
        for values, beyond in ((ordinary, 0), ([*ordinary, 1e28], 1), ([*ordinary, 1e28, 1e27, np.inf], 2)):
            axes = axes_of(log)
            axes.plot(range(len(values)), values)
            marks = leave_out_far_values(axes, values, "losses")
            assert (f"of losses {beyond} lie" in marks) == bool(beyond)
            if beyond:
                assert axes.get_ylim()[0] < 0.2
                assert 3 < axes.get_ylim()[1] < 4
    assert leave_out_far_values(axes_of(), [1.0, 1.0, 1.0, 1.0, 9.0], "losses") == ""
    assert leave_out_far_values(axes_of(), [], "losses") == ""
