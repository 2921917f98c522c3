"""How all figures look: sizes for a printed column, colours that colour-blind readers tell apart.

Nothing here depends on a user's matplotlibrc, fonts or screen: the same records give the same figure. What
was not recorded or diverged is drawn as such, by the same functions that draw what was.
"""

import itertools
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.font_manager import fontManager
from matplotlib.ft2font import FT2Font
from matplotlib.text import Text
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator, SymmetricalLogLocator
from numpy.typing import ArrayLike, NDArray

from analysis._loss import in_unit, told, unit
from analysis._tables import levels, where

WIDTH = 7.2  # inches: two columns of a printed page
MANY = 8  # seeds from which on their mean's interval is shown, and not each of them
COUNTABLE = 1e6  # below it whole numbers are written out
NAMED = 8  # factors that have room for their names on a panel
TICKS = 9  # on a log axis
LONGEST = 60  # cells of a name that a user chose: longer ones lose their middle
FONTS = ("DejaVu Sans", "Last Resort High-Efficiency")  # Matplotlib brings both; the second has every script
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<")


def house_style() -> dict[Any, Any]:
    """Matplotlib's settings for every figure, all of them: what a matplotlibrc says does not matter."""
    defaults = {name: matplotlib.rcParamsDefault[name] for name in matplotlib.rcParamsDefault}
    del defaults["backend"]  # figures are saved, not shown
    return {
        **defaults,
        "font.family": [*FONTS],
        "font.size": 9,
        "axes.titlesize": 9,
        "axes.labelsize": 9,
        "xtick.labelsize": 8.5,
        "ytick.labelsize": 8.5,
        "legend.fontsize": 7,
        "legend.title_fontsize": 7.5,
        "legend.frameon": False,
        "text.color": "0.15",
        "axes.labelcolor": "0.15",
        "xtick.color": "0.15",
        "ytick.color": "0.15",
        "axes.edgecolor": "0.8",
        "axes.axisbelow": True,
        "axes.grid": True,
        "grid.color": "0.85",
        "grid.linewidth": 0.5,
        "xtick.bottom": False,
        "ytick.left": False,
        "lines.linewidth": 1.4,
        "lines.markersize": 4,
        "lines.solid_capstyle": "round",
        "pdf.fonttype": 42,  # text stays text
    }


def panels(rows: int, columns: int, width: float, height: float, **shared: Any) -> tuple[Figure, Any]:
    """A figure and its axes, (rows, columns); at least one of each, where there is nothing to draw too.

    The figure belongs to no window system: there is nothing to close, and no backend is needed.

    Args:
        width: inches.
        height: inches.
        shared: `sharex` and `sharey`, as Matplotlib has them.
    """
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots(max(1, rows), max(1, columns), squeeze=False, **shared)


def sequence(count: int) -> Sequence[Any]:
    """Colours for ordered groups (subset sizes, factors), dark to light, alike in print and to all eyes."""
    import seaborn  # here, so that `--help` does not wait for it

    return seaborn.color_palette("viridis", count)


def contrast(count: int = 10) -> Sequence[Any]:
    """Colours for unordered groups (train and test, seen and unseen); ten differ (Petroff 2021)."""
    return list(itertools.islice(itertools.cycle(matplotlib.color_sequences["petroff10"]), count))


def markers(count: int) -> Sequence[str]:
    """A marker for each group, so that colour alone never tells them apart; eight differ."""
    return list(itertools.islice(itertools.cycle(MARKERS), count))


def log_factor_axis(axes: Axes, factors: Sequence[float]) -> None:
    """A base-2 axis that names the factors as the article does: 1/8, 1/4 ... 16.

    Of more than `NAMED` those between powers of two have a line, but no name: names would overlap. Where the
    powers of two are too many as well, every other one is named.
    """
    axes.set_xscale("log", base=2)
    powers = [float(np.log2(factor)) for factor in factors]
    apart = 0 if len(factors) <= NAMED else 2 if sum(map(float.is_integer, powers)) > NAMED + 2 else 1
    named = [apart == 0 or (power / apart).is_integer() for power in powers]
    axes.set_xticks(factors, [factor_name(f) if has else "" for f, has in zip(factors, named, strict=True)])
    axes.minorticks_off()


def log_factor_values(axes: Axes) -> None:
    """The same for an axis of values: base 2, named as factors are. Call it before drawing."""
    axes.set_yscale("log", base=2, nonpositive="mask")
    axes.yaxis.set_major_locator(_Plain(2, (1,), (1, 2**0.25, 2**0.5, 2**0.75)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: factor_name(value)))
    axes.yaxis.set_minor_locator(NullLocator())


class _Plain(LogLocator):
    """1, 2 and 5 of each decade; more where fewer than three of these lie within the axis; else decades.

    Args:
        base: what takes the place of a decade.
        few: of each of them.
        many: where the few are too few.
    """

    def __init__(
        self,
        base: float = 10,
        few: Sequence[float] = (1, 2, 5),
        many: Sequence[float] = (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 7, 8, 9),
    ):
        super().__init__(base=base, subs=few)
        self._density = len(few) / np.log(base)
        self._denser = LogLocator(base=base, subs=many)
        self._sparser = LogLocator(base=base, subs=(1,), numticks=TICKS)

    def nonsingular(self, v0: float, v1: float) -> tuple[float, float]:
        """The ends of an axis; wider where values differ by a rounding alone, for which no axis has room."""
        low, high = sorted(super().nonsingular(v0, v1))
        return (low / 2, high * 2) if low > 0 and high < low * (1 + 1e-9) else (low, high)

    def tick_values(self, vmin: float, vmax: float) -> Sequence[float]:
        vmin, vmax = sorted((vmin, vmax))  # the axis may be turned round
        if not vmin > 0:  # no point was drawn
            return []
        if np.log(vmax / vmin) * self._density > TICKS:
            return self._sparser.tick_values(vmin, vmax)
        few = super().tick_values(vmin, vmax)
        enough = sum(vmin <= tick <= vmax for tick in few) >= 3
        return few if enough else self._denser.tick_values(vmin, vmax)


def log_axis(axes: Axes) -> None:
    """A log axis that names its numbers plainly, with room at the top for marks. Call it before drawing."""
    axes.set_yscale("log", nonpositive="mask")
    axes.yaxis.set_major_locator(_Plain())
    _plain_numbers(axes.yaxis)
    axes.margins(y=0.12)


def log_axes(axes: Axes) -> None:
    """`log_axis` in both directions, for one quantity against another of its kind."""
    log_axis(axes)
    axes.set_xscale("log", nonpositive="mask")
    axes.xaxis.set_major_locator(_Plain())
    _plain_numbers(axes.xaxis)


def signed_log_axis(axes: Axes, linear: float) -> None:
    """A log axis for both signs, linear between `-linear` and `linear`. Call it before drawing."""
    axes.set_yscale("symlog", linthresh=linear, linscale=0.5)
    axes.yaxis.set_major_locator(SymmetricalLogLocator(base=10, linthresh=linear))
    _plain_numbers(axes.yaxis)
    axes.margins(y=0.12)


def _plain_numbers(axis: Axis) -> None:
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_locator(NullLocator())


def factor_name(factor: float) -> str:
    """1/8 rather than 0.125, 2.8 rather than 2.82843, and 1e-30 rather than a fraction nobody can count."""
    over = 1 / factor if 0 < factor < 1 else 0.0
    if 1 < over < COUNTABLE and over.is_integer():
        return f"1/{over:.0f}"
    if factor < COUNTABLE and float(factor).is_integer():
        return f"{factor:.0f}"
    return f"{float(f'{factor:.2g}'):g}"


def over_seeds(axes: Axes, x: ArrayLike, values: ArrayLike, *, each: str = "seed", **style: Any) -> None:
    """One quantity of several seeds: below `MANY` their median and each of them, thin; else a mean, a band.

    The band is the mean's 95% interval (Student's t); on a log axis both are of the logarithms. A run that
    diverged is a cross at the upper edge, thin where other seeds did not. The caption says which of these
    there are.

    Args:
        x: (points,).
        values: (points, seeds), NaN where a seed has none, infinite where it diverged.
        each: what a column is, where it is not a seed: such columns are shown, whatever their number.
        style: of the line, with its label.
    """
    names = list(values.columns) if isinstance(values, pd.DataFrame) else None
    numbers = np.asarray(values, float)
    x, diverged = np.asarray(x, float), np.isposinf(numbers)
    is_log = axes.get_yscale() == "log"
    drawn = np.isfinite(numbers) & ((numbers > 0) | (not is_log))
    numbers, known = np.where(drawn, numbers, np.nan), drawn.any(1)
    count = int(drawn.any(0).sum())
    centre = low = high = np.empty(0)
    if each == "seed" and count >= MANY:
        kind, (centre, low, high) = "mean", _interval(numbers[known], is_log)
    else:
        kind, centre = "median" if count > 1 else f"the {each}", np.nanmedian(numbers[known], axis=1)
    if known.sum() == 1:
        style = {"marker": "o", **style}  # no line goes through one point
    (line,) = axes.plot(x[known], centre, gid=kind, **style)
    look: dict[str, Any] = {"color": line.get_color(), "zorder": line.get_zorder() - 0.1}
    label = "_" + str(style.get("label", ""))
    if kind == "mean":
        axes.fill_between(
            x[known], low, high, alpha=0.2, linewidth=0, gid="95% interval", label=label, **look
        )
    elif kind == "median":
        dot = "." if known.sum() == 1 else ""
        for index, column in enumerate(numbers.T):
            name = f"{label}, {each} {index if names is None else _short(names[index])}".replace("_, ", "_")
            thin = {"linewidth": 0.5, "alpha": 0.4, "linestyle": line.get_linestyle(), "marker": dot, **look}
            axes.plot(x[known], column[known], gid=f"each {each}", label=name, **thin)
    _crosses(axes, x, diverged, line.get_color(), label)


def _short(name: object) -> str:
    return f"{name:g}" if isinstance(name, float) else str(name)


def _interval(values: NDArray[np.float64], is_log: bool) -> tuple[NDArray[np.float64], ...]:
    """Mean and ends of its 95% interval of each row, (3, points); the ends are NaN below three values.

    Of two, where the others diverged, the interval is as wide as any axis: it would be all that one sees.
    """
    from scipy.special import stdtrit  # most figures have too few seeds to need it

    values = np.log(values) if is_log else values
    count, mean = (~np.isnan(values)).sum(1), np.nanmean(values, axis=1)
    squares = np.nansum((values - mean[:, None]) ** 2, axis=1)
    several = np.maximum(count, 2)
    reach = stdtrit(several - 1, 0.975) * np.sqrt(squares / (several - 1) / several)
    reach = np.where(count > 2, reach, np.nan)
    found = (mean, mean - reach, mean + reach)
    return tuple(np.exp(part) for part in found) if is_log else found


def seeds_at(
    axes: Axes, place: float, values: ArrayLike, *, color: Any, label: str, marker: str = "o"
) -> None:
    """One number of several seeds, as points at a place: with their median, from `MANY` on an interval.

    Args:
        values: (seeds,); infinite where a run diverged, NaN where there is none.
    """
    found = np.asarray(values, float)
    is_log = axes.get_yscale() == "log"
    known = found[np.isfinite(found) & ((found > 0) | (not is_log))]
    aside = 0.15 if len(known) >= MANY else 0.0
    x = np.full(len(known), place - aside)
    axes.scatter(x, known, color=color, marker=marker, s=14, alpha=0.7, label=label, gid="seed")
    if len(known) >= MANY:
        mean, low, high = (float(part[0]) for part in _interval(known[None], is_log))
        axes.plot(
            [place + aside] * 2, [low, high], color=color, gid="95% interval of the mean", label=f"_{label}"
        )
        axes.scatter(place + aside, mean, color=color, s=22, gid="mean of seeds", label=f"_{label}")
    elif len(known) > 1:
        axes.scatter(
            place, np.median(known), color="0.1", marker="_", s=200, gid="median of seeds", label=f"_{label}"
        )
    _crosses(axes, np.asarray([float(place)]), np.isposinf(found)[None], color, f"_{label}")


UPPERMOST, ROW, MOST_ROWS = 0.97, 0.035, 10  # where rows of crosses stand, as shares of an axis


def _crosses(axes: Axes, x: NDArray[np.float64], diverged: NDArray[np.bool_], color: Any, label: str) -> None:
    """A row of crosses for each line that has any, from the upper edge downwards."""
    lost = diverged.any(1)
    if not lost.any():
        return
    row = sum(collection.get_gid() == "diverged" for collection in axes.collections)
    axes.scatter(
        x[lost],
        np.full(lost.sum(), UPPERMOST - ROW * (row % MOST_ROWS)),
        marker="x",
        s=18,
        linewidths=np.where(diverged.all(1), 1.6, 0.6)[lost].tolist(),
        color=color,
        transform=axes.get_xaxis_transform(),
        zorder=3,
        gid="diverged",
        label=label,
    )


def _room_for_crosses(axes: Axes) -> None:
    """Move the upper end of an axis whose ends nobody chose, so that no line runs through the crosses."""
    group = axes.get_shared_y_axes().get_siblings(axes)
    rows = max(sum(each.get_gid() == "diverged" for each in one.collections) for one in group)
    tops = [one.dataLim.y1 for one in group if np.isfinite(one.dataLim.y1)]
    if not rows or not tops or not axes.get_autoscaley_on():
        return
    scale = axes.yaxis.get_transform()
    low, high, top = scale.transform(np.asarray([*axes.get_ylim(), max(tops)]))
    highest = low + (top - low) / (UPPERMOST - ROW * (min(rows, MOST_ROWS) + 0.5))
    if np.isfinite(highest) and highest > high:
        axes.set_ylim(top=float(scale.inverted().transform(np.asarray([highest]))[0]))


def legend(target: Axes | Figure, of: Iterable[Axes] | None = None, **options: Any) -> None:
    """A legend of all that is labelled on the axes `of`, by default the target's own; none of nothing."""
    if of is None:
        of = [target] if isinstance(target, Axes) else target.axes
    found: dict[str, Any] = {}
    for axes in of:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            found.setdefault(label, handle)
    if found:
        target.legend(list(found.values()), list(found), **options)


FAR = 3.0
"""Interquartile ranges beyond the quartiles from which on a value lies far out (Tukey 1977)."""


def leave_out_far_values(axes: Axes, values: ArrayLike, what: str) -> str:
    """End an axis at the outermost values that do not lie far out: one seed's would flatten all the others.

    On a log axis that is asked of logarithms.

    Returns:
        How many of what lie far out, and so beyond the axis, for `explain`; empty where none does.
    """
    known = np.asarray(values, float)
    known = known[np.isfinite(known)]
    is_log = axes.get_yscale() == "log"
    known = np.log(known[known > 0]) if is_log else known
    if not known.size:
        return ""
    low, high = np.quantile(known, (0.25, 0.75))
    reach = FAR * (high - low)
    near = known[(known >= low - reach) & (known <= high + reach)]
    room = 0.05 * np.ptp(near)
    beyond = len(known) - len(near)
    if not beyond or room == 0:  # an axis cannot be of one number alone
        return ""
    ends = np.array([near.min() - room, near.max() + room])
    axes.set_ylim(*(np.exp(ends) if is_log else ends))
    return f"; of {what} {beyond} lie{'s' * (beyond == 1)} beyond the axis"


def explain(figure: Figure, marks: str) -> None:
    """Say in the caption what a figure's marks are, beside those of `over_seeds`, which it knows."""
    figure.set_label(marks)


def _marks(figure: Figure) -> str:
    """What the lines, bands and crosses of `over_seeds` on a figure are, and its own explanation."""
    found = {str(artist.get_gid()) for axes in figure.axes for artist in (*axes.lines, *axes.collections)}
    said = []
    if "mean" in found:
        is_log = any(axes.get_yscale() == "log" for axes in figure.axes)
        said.append(
            f"lines: means over seeds{', of logarithms on a log axis' if is_log else ''}; "
            "bands: their 95% intervals"
        )
    if "median" in found:
        each = sorted(kind for kind in found if kind.startswith("each "))
        said.append(f"thick lines: medians, thin: {' or '.join(each)}")
    if "seed" in found:
        said.append("points: seeds")
    if "median of seeds" in found:
        said.append("dashes: their medians")
    if "mean of seeds" in found:
        said.append("bars: 95% intervals of their means")
    if "diverged" in found:
        said.append("crosses: diverged, thin where not every seed did, and the line is of the others")
    if own := str(figure.get_label()):
        said.append(own)
    return "; ".join(said)


def caption(figure: Figure, about: Mapping[str, Any], table: pd.DataFrame) -> None:
    """A line under the figure that says what data it is of, at which preset and how many seeds.

    Where axes have nothing on them, a sentence there says so. Losses that are not in nats are named so.

    Args:
        about: what the experiment is.
        table: its records, which say on how many images and for how long its runs were trained.
    """
    for axes in figure.axes:
        _room_for_crosses(axes)
    _name_unit(figure, unit(about, table))
    height, width, _ = about["image_shape"]
    images = _range(table, "subset_size") or "no"
    if images != f"{about['train_images']:,}":
        images += f" of {about['train_images']:,}"
    if about.get("images") == "drawn":
        images += ", drawn by each seed,"
    count = about["config"]["seeds"]
    marks = _marks(figure)
    parts = [
        f"Data: {shown(about['data'])}, {images} training images of {height}x{width}",
        f"preset {shown(about['preset'])}",
        _network(about["config"]["base"]["model"], table),
        *_optimizers(table),
        *(f"loss {shown(name)}" for name in told(about)),
        f"{_range(table, 'epochs') or 'no'} epochs",
        f"{count} seed" + ("s" if count > 1 else "") + (f" ({marks})" if marks else ""),
    ]
    text = _wrapped("; ".join(parts) + ".", int(figure.get_figwidth() * 17))
    figure.supxlabel(
        text, x=0.01, ha="left", fontsize=7, color="0.35", parse_math=False, fontfamily=fonts_for(text)
    )
    _say_where_empty(figure, table)


def _name_unit(figure: Figure, unit: str) -> None:
    """Figures are written of nats: losses in another unit have it in all texts."""
    texts = figure.findobj(Text) if unit != "nats" else []
    for text in texts:
        if isinstance(text, Text) and "nats" in text.get_text():
            text.set_text(in_unit(text.get_text(), unit))
    for axes in figure.axes if texts else ():
        for artist in (*axes.lines, *axes.collections):
            artist.set_label(in_unit(str(artist.get_label()), unit))


def _network(model: Mapping[str, Any], table: pd.DataFrame) -> str:
    kinds = levels(table, "model.kind") or levels(table, "run.model.kind") or [model["kind"]]
    width = _range(table, "model.width") or model.get("width")
    resnet = f"ResNet of width {width}"
    if "blocks" in model:
        resnet += f", blocks {'-'.join(map(str, model['blocks']))}"
    return " and ".join(resnet if kind == "resnet" else network_name(kind) for kind in kinds)


def _optimizers(table: pd.DataFrame) -> list[str]:
    """Those of the runs, or of the runs measured; nothing where all are SGD's, as the article's are."""
    kinds = levels(table, "optimizer.kind") or levels(table, "run.optimizer.kind")
    if kinds in ([], ["sgd"]):
        return []
    return [f"optimizer{'s' if len(kinds) > 1 else ''} {', '.join(map(shown, kinds))}"]


def network_name(kind: str) -> str:
    """What a network is called, by its module's name; a network of the user's own by that name itself."""
    return {"keras_cnn": "Keras' example", "lenet": "LeNet-5"}.get(kind, shown(kind))


def _range(table: pd.DataFrame, field: str) -> str:
    """A field of the runs, or where there are only measurements of those measured: 4,096, or 512 to 4,096.

    Empty where there is neither.
    """
    runs = where(table, kind="RunConfig")
    values = levels(runs, field) or levels(table, f"run.{field}")
    if not values:
        return ""
    low, high = int(values[0]), int(values[-1])
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def _say_where_empty(figure: Figure, table: pd.DataFrame) -> None:
    runs = where(table, kind="RunConfig")
    all_diverged = len(runs) > 0 and bool((runs["status"] == "diverged").all())
    why = "every run diverged" if all_diverged else "nothing was recorded\nthat could be shown here"
    for axes in figure.axes:
        if axes.axison and not axes.texts and not _has_data(axes):
            axes.text(0.5, 0.5, why, transform=axes.transAxes, ha="center", va="center", color="0.35")
            if not any(map(_has_data, axes.get_shared_y_axes().get_siblings(axes))):
                axes.tick_params(axis="y", which="both", labelleft=False)  # numbers of nothing


def _has_data(axes: Axes) -> bool:
    """Whether anything is drawn at data coordinates: lines across all of the axes are not."""
    lines = [line.get_xydata() for line in axes.lines if line.get_transform() == axes.transData]
    points = [
        each.get_offsets()
        for each in axes.collections
        if each.get_offset_transform() == axes.transData and each.get_gid() != "diverged"
    ]
    drawn = [np.ma.filled(np.ma.asarray(some, float), np.nan) for some in (*lines, *points)]
    return bool(axes.images) or any(np.isfinite(some).all(axis=-1).any() for some in drawn if np.size(some))


def shown(text: str, most: int = LONGEST) -> str:
    """A user's text as one line that any font and file can hold; where it is longer, its middle is left out.

    Args:
        most: cells; a Chinese or Japanese character takes two.
    """
    line = " ".join(str(text).split())
    broken = {"Cc", "Cs", "Cn"}  # control characters, halves of characters, no characters
    line = "".join("\N{REPLACEMENT CHARACTER}" if unicodedata.category(c) in broken else c for c in line)
    if _cells(line) <= most:
        return line
    head = tail = 0
    while _cells(line[:head]) < most // 2 - 1:
        head += 1
    while _cells(line[len(line) - tail :]) < most // 2 - 1:
        tail += 1
    return f"{line[:head]}\N{HORIZONTAL ELLIPSIS}{line[len(line) - tail :]}"


def _cells(text: str) -> int:
    return sum(1 + (unicodedata.east_asian_width(character) in "WF") for character in text)


def _wrapped(text: str, width: int) -> str:
    """In lines of at most `width` cells, broken between words, or within one that is longer."""
    lines = [""]
    for word in text.split(" "):
        if lines[-1] and _cells(f"{lines[-1]} {word}") > width:
            lines.append("")
        line = f"{lines[-1]} {word}".removeprefix(" ")
        while _cells(line) > width:
            end = next(end for end in range(len(line), 0, -1) if _cells(line[:end]) <= width)
            lines[-1], line = line[:end], line[end:]
            lines.append("")
        lines[-1] = line
    return "\n".join(lines)


def fonts_for(text: str) -> list[str]:
    """`FONTS`, and before the last resort an installed font for what the first of them cannot write."""
    missing = {ord(character) for character in text if character.isprintable()} - _covered(FONTS[0])
    chosen = []
    for family in sorted(set(fontManager.get_font_names()) - set(FONTS)) if missing else ():
        if found := missing & _covered(family):
            chosen.append(family)
            missing -= found
        if not missing:
            break
    return [FONTS[0], *chosen, FONTS[1]]


@cache
def _covered(family: str) -> set[int]:
    """The code points that a font family has characters for; none where it cannot be read."""
    try:
        return set(FT2Font(fontManager.findfont(family, fallback_to_default=False)).get_charmap())
    except (RuntimeError, OSError, ValueError):
        return set()
