"""What limits the learning rate: best factor and onset of instability beside the lines of four mechanisms.

python -m analysis.limit                                     of your own records, every label
python -m analysis.limit --redraw --figures paper_figures    of the published ones

The figure has the measured best factor and onset against the batch size beside the lines of the four
mechanisms. The table has a row for each experiment and a column for each mechanism. Its words are the
verdicts of the claims L1 to L8 (`analysis.claims.limit`), so that one rule, with its interval, is behind
both: supported is "as predicted", contradicted "against it", inconclusive "cannot tell"; where a mechanism
has no claim on an experiment, it "says nothing".
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from analysis import _drawing, batch_ladder, signature
from analysis._style import (
    WIDTH,
    contrast,
    explain,
    legend,
    log_factor_axis,
    log_factor_values,
    over_seeds,
    panels,
)
from analysis._tables import levels, where
from analysis.claims import Claim, Evidence, Verdict, ask
from analysis.claims._published import labels
from analysis.claims._show import effect
from analysis.claims.limit import BATTERY, EXPERIMENTS, MECHANISMS
from commandline import exit_with, parse

RECORDS = "batch_ladder"

WORDS = {
    "supported": "as predicted",
    "contradicted": "against it",
    "inconclusive": "cannot tell",
    "stated": "cannot tell",
    "cannot be asked": "cannot tell",
    "not run": "not run",
}
NOTHING = "says nothing"
COLOURS = {"as predicted": "green", "against it": "red", "cannot tell": "yellow"}
NONE, OPEN = "none of them", "cannot tell"


def verdicts(evidence: Evidence) -> dict[tuple[str, str], Verdict]:
    """What each claim of the battery came to, by (experiment, mechanism)."""
    return {_place(claim): ask(claim, evidence) for claim in BATTERY}


def _place(claim: Claim) -> tuple[str, str]:
    return claim.needs[0], claim.id[-1]


def table(found: Mapping[tuple[str, str], Verdict]) -> pd.DataFrame:
    """The words of `WORDS` and `NOTHING`: rows are experiments, columns mechanisms."""
    rows = [
        [WORDS[found[name, who].word] if (name, who) in found else NOTHING for who in MECHANISMS]
        for name in EXPERIMENTS.values()
    ]
    return pd.DataFrame(rows, list(EXPERIMENTS.values()), list(MECHANISMS))


def limits(words: pd.DataFrame) -> str:
    """The mechanism that the battery names: its letter, or `NONE` or `OPEN`.

    A mechanism is out where any experiment is against it. One is named where it is not out, at least one
    experiment came out as it predicted, and the other three are out; where all four are out, it is none of
    them; and otherwise the battery cannot tell.
    """
    left = remaining(words)
    if not left:
        return NONE
    if len(left) == 1 and "as predicted" in words[left[0]].to_list():
        return left[0]
    return OPEN


def remaining(words: pd.DataFrame) -> list[str]:
    """The mechanisms that no experiment is against."""
    return [who for who in MECHANISMS if "against it" not in words[who].to_list()]


def sentence(words: pd.DataFrame) -> str:
    """What the battery says, in a sentence."""
    name = limits(words)
    if name == NONE:
        return "None of the four mechanisms fits: each has an experiment against it."
    if name == OPEN:
        left = [f"{who} ({MECHANISMS[who]})" for who in remaining(words)]
        return f"The battery cannot tell: what is left is {', '.join(left)}."
    *some, last = MECHANISMS
    seen, asked = borne_out(words, name)
    only = f"only {name}, {MECHANISMS[name]}, has no experiment against it; {seen} of {asked} came out as it"
    return f"Of {', '.join(some)} and {last} {only} predicts. That is no proof of it."


def borne_out(words: pd.DataFrame, name: str) -> tuple[int, int]:
    """How many experiments came out as a mechanism predicts, and of how many: those that it predicts of."""
    column = words[name].to_list()
    return column.count("as predicted"), len(column) - column.count(NOTHING)


def show(found: Mapping[tuple[str, str], Verdict], title: str, console: Console) -> None:
    """The table, the effects behind it with their rules, and the sentence."""
    words = table(found)
    grid = Table(title=title, box=box.SIMPLE_HEAD)
    grid.add_column("experiment")
    for who, name in MECHANISMS.items():
        grid.add_column(f"{who}: {name}")
    for name, row in words.iterrows():
        grid.add_row(str(name), *(Text(word, style=COLOURS.get(word, "dim")) for word in row))
    console.print(grid)
    rules = Table(box=box.SIMPLE_HEAD)
    for column in ("claim", "effect", "mean [95% interval]", "predicted", "so it is"):
        rules.add_column(column)
    for verdict in found.values():
        for finding in verdict.findings:
            rules.add_row(
                verdict.claim.id,
                finding.part.what,
                effect(finding),
                finding.part.region,
                WORDS[finding.word],
            )
        if not verdict.findings:
            rules.add_row(verdict.claim.id, verdict.why, "–", "", WORDS[verdict.word])
    console.print(rules)
    console.print(sentence(words))


@dataclass(frozen=True)
class Lines:
    """Log2 of best factor and onset as a mechanism predicts them: rows batch sizes, columns seeds.

    Each is anchored where it is not free to be: a theory that gives the shape alone goes through the measured
    point of the ladder's middle batch size, which its own legend says.
    """

    best: pd.DataFrame | None
    onset: pd.DataFrame | None


def lines(evidence: Evidence) -> dict[str, Lines]:
    """Each mechanism's prediction, through the measured values at one batch size.

    K: both as 1 / B. S: both as 1 / (B + scale of batch sharpness). M: the best factor as 1 / (B + noise
    scale). D: the best factor flat. None where it predicts nothing, or what it needs was not measured.
    """
    ladder = evidence.tables["batch_ladder"]
    best, onset = batch_ladder.bests(ladder), batch_ladder.onsets(ladder, evidence.chance)
    sizes, seeds = best.index, best.columns
    noise = batch_ladder.noise_scales(ladder).reindex(seeds)
    own = where(ladder, kind="Sharpness")  # the signature has more of it
    of_batch = evidence.tables.get("signature", own)
    scale = signature.batch_scales(of_batch).reindex(seeds)
    if not signature.is_scatter_known(of_batch):  # the least that it may be is no line
        scale = scale * np.nan
    zero = pd.Series(0.0, seeds)
    flat = pd.DataFrame(0.0, sizes, seeds)

    def through(shape: pd.DataFrame, measured: pd.DataFrame) -> pd.DataFrame:
        at = anchor(measured)
        if at is None:
            return shape * np.nan
        return shape - shape.loc[at] + measured.loc[at]

    one_over = batch_ladder.falls(sizes, zero) if len(sizes) else flat
    of_batches, of_noise = batch_ladder.falls(sizes, scale), batch_ladder.falls(sizes, noise)
    return {
        "K": Lines(through(one_over, best), through(one_over, onset)),
        "S": Lines(through(of_batches, best), through(of_batches, onset)),
        "M": Lines(through(of_noise, best), None),
        "D": Lines(through(flat, best), None),
    }


def anchor(measured: pd.DataFrame) -> float | None:
    """The batch size that the lines go through: the middle one of those known in every seed."""
    rows = np.isfinite(measured.to_numpy(float)).all(axis=1)
    known = measured.index.to_numpy(float)[rows] if len(measured) else np.empty(0)
    return float(known[len(known) // 2]) if len(known) else None


def draw(table: pd.DataFrame, about: Mapping[str, Any]) -> Figure:
    """The answer figure, from the batch ladder's table and what is stated of it."""
    return answer(Evidence({RECORDS: table}, {RECORDS: dict(about)}))


def answer(evidence: Evidence) -> Figure:
    """The answer figure, from the records of the batch ladder."""
    ladder = evidence.tables["batch_ladder"]
    best, onset = batch_ladder.bests(ladder), batch_ladder.onsets(ladder, evidence.chance)
    figure, (axes,) = panels(1, 2, WIDTH, 3.4, sharey=True)
    predicted = lines(evidence)
    for panel, measured, of, name in zip(
        axes,
        (best, onset),
        ("best", "onset"),
        ("best factor, by test loss", "onset of instability"),
        strict=True,
    ):
        _panel(panel, measured, {who: getattr(one, of) for who, one in predicted.items()}, name)
        if len(best.index):
            log_factor_axis(panel, levels(ladder, "batch_size"))
        at = anchor(measured)
        through = "" if at is None else f"; lines go through batch {at:g}"
        panel.set(title=f"{name}{through}", xlabel="batch size")
    axes[0].set_ylabel("learning-rate factor")
    explain(
        figure,
        "broken lines: means over seeds of what is predicted; an onset beyond the sweep is not drawn",
    )
    return figure


def _panel(
    axes: Axes, measured: pd.DataFrame, predicted: Mapping[str, pd.DataFrame | None], name: str
) -> None:
    measured = measured.where(np.isfinite(measured))
    if not measured.notna().to_numpy().any():
        return
    log_factor_values(axes)
    dashes = ((0, (6, 2)), ":", "-.", (0, (2, 3)))  # lines may lie on one another
    for (who, values), color, dash in zip(predicted.items(), contrast(4), dashes, strict=True):
        if values is not None and values.notna().to_numpy().any():
            centre = np.exp2(values.to_numpy(float).mean(axis=1))
            label = f"{who}: {MECHANISMS[who]}"
            axes.plot(values.index, centre, color=color, linestyle=dash, label=label, gid="predicted")
    over_seeds(axes, measured.index, np.exp2(measured), color="0.15", marker="o", label=f"measured {name}")
    legend(axes)


def main() -> None:
    """Collect the battery's records, draw the figure of each label, and print its table."""
    options = parse(_drawing.DrawingOptions, "analysis.limit", __doc__)
    well = _drawing.run({"limit": draw, **dict.fromkeys(EXPERIMENTS.values())}, options)
    for label, (evidence, trouble) in labels(options.target, options.label).items():
        for name, why in trouble.items():
            print(f"{label}/{name}: {why}", file=sys.stderr, flush=True)
            well = False
        if set(EXPERIMENTS.values()) & set(evidence.tables):
            show(verdicts(evidence), label, Console())
    if not well:
        sys.exit(1)


if __name__ == "__main__":
    exit_with(main)
