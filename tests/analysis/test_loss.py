"""Losses in their own units: on axes, in captions, in claims."""

import math
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pytest

from analysis._loss import guess, in_unit, loss_name, unit
from analysis._style import caption
from analysis.claims._claim import Claim, Evidence, Part
from analysis.claims._published import ClaimResults
from analysis.claims._verdict import ask
from analysis.lr_sweep import draw
from experiments._command import RunOptions
from experiments._data import OnData
from experiments._dry_run import Plan
from experiments._run import _state_what_it_is
from experiments.lr_sweep import PRESETS
from research.errors import InvalidInput
from research.losses import Loss
from research.losses.cross_entropy import CrossEntropy
from research.losses.squared_error import SquaredError


@dataclass(frozen=True)
class Silent(Loss):
    """A loss that does not say what it is counted in, nor what a guess is."""

    def per_example(self, logits, labels):
        del labels
        return logits.mean(-1)


@pytest.fixture
def stated(store):
    """What an experiment states of itself, by its loss."""

    def of(loss: Loss) -> dict:
        usual = PRESETS["smoke"]
        experiment = replace(usual, base=replace(usual.base, loss=loss))
        fitted = OnData()(experiment, usual, None)
        _state_what_it_is(Plan("lr_sweep", "smoke", fitted, [], []), RunOptions(preset="smoke"), store)
        return dict(store.read_experiment("smoke", "lr_sweep"))

    return of


def table() -> pd.DataFrame:
    """One run, of two epochs."""
    columns = {
        "kind": "RunConfig",
        "factor": 1.0,
        "seed": 0,
        "batch_size": 16,
        "subset_size": 64,
        "epochs": 2,
    }
    rows = [
        columns | {"epoch": epoch, "split": split, "metric": "loss", "value": 0.1, "status": "finished"}
        for epoch in (1, 2)
        for split in ("train", "test")
    ]
    return pd.DataFrame(rows)


@pytest.mark.parametrize(
    ("loss", "counted", "of_guess", "named"),
    [
        (CrossEntropy(), "nats", math.log(10), "cross_entropy"),
        (CrossEntropy(smoothing=0.1), "nats", math.log(10), "cross_entropy (smoothing 0.1)"),
        # of squared error by hand: the guess 2 / 11, of weight 2, target 1 and 10 classes
        (SquaredError(weight=2.0), "squared error", 2 * 9 / (10 * 11), "squared_error (target 1, weight 2)"),
        (Silent(), "in its own unit", None, "test_loss"),
    ],
)
def test_a_figure_its_caption_and_a_guess_are_in_the_records_loss(stated, loss, counted, of_guess, named):
    about = stated(loss)
    assert unit(about) == counted
    assert loss_name(about) == named
    assert guess(about) == pytest.approx(of_guess)
    figure = draw(table(), about)
    caption(figure, about, table())
    for axes, split in zip(figure.axes, ("training", "test"), strict=True):
        assert axes.get_ylabel() == f"final {split} loss ({counted})"
        lines = [line for line in axes.lines if line.get_gid() == "a guess"]
        assert [np.asarray(line.get_ydata())[0] for line in lines] == (
            [] if of_guess is None else [guess(about)]
        )
    said = " ".join(figure.get_supxlabel().split())
    assert (f"; loss {named}" in said) is (loss != CrossEntropy())


def test_claims_have_the_guess_and_the_unit_of_the_records_loss(stated):
    evidence = Evidence({"lr_sweep": table()}, {"lr_sweep": stated(SquaredError())})
    assert evidence.chance == pytest.approx(0.09)
    part = Part("loss less a guess's (nats)", lambda one: pd.Series([0.1 - one.chance]), low=0, reason="so")
    verdict = ask(Claim("T1", "so", "here", ("lr_sweep",), (part,)), evidence)
    assert [finding.part.what for finding in verdict.findings] == ["loss less a guess's (squared error)"]
    assert verdict.findings[0].interval.mean == pytest.approx(0.01)
    assert ClaimResults("smoke", evidence, []).title == "smoke, synthetic, squared_error (target 1, weight 1)"
    silent = Evidence({}, {"lr_sweep": stated(Silent())})
    with pytest.raises(InvalidInput, match="loss is 'test_loss': what a guess comes to in it is not known"):
        _ = silent.chance


def test_records_of_different_losses_do_not_go_together(stated):
    abouts = {"lr_sweep": stated(SquaredError()), "forgetting": stated(CrossEntropy())}
    said = Evidence({"lr_sweep": table(), "forgetting": table()}, abouts).mixed(["lr_sweep"])
    one, other = "lr_sweep of squared_error (target 1, weight 1)", "forgetting of cross_entropy"
    assert said == f"the records are of different loss: {one}, {other}"


def test_an_experiment_that_varies_the_loss_has_no_one_unit(stated):
    both = pd.DataFrame({"loss.kind": ["cross_entropy", "squared_error"]})
    assert unit(stated(CrossEntropy()), both) == "each in its loss's unit"


def test_records_that_are_older_say_nothing_wrong(stated):
    about = stated(SquaredError())
    del about["loss"]
    assert unit(about) == "unit of squared_error"
    with pytest.raises(InvalidInput, match="do not say what a guess is; run the command again"):
        guess(about)


def test_words_that_only_look_like_the_unit_stay():
    assert in_unit("gnats (nats / unit²)", "squared error") == "gnats (squared error / unit²)"
