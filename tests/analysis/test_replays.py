"""What is read off replays and cohorts of a model whose memory is known: an online linear regression.

A linear model f = W x is trained by plain SGD on squared error, the mean over C classes, with images of white
noise of unit variance. An update at rate r takes W to W - r (2 / C) mean over the batch of (W x - y) x', so
that what W holds of an example seen before shrinks by I - (2 r / C) mean of x x', on average by the factor
1 - 2 r / C. With two classes the half-life is ln 2 updates over r: ln 2 in summed rate, at any rate.
"""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from numpy.typing import ArrayLike

from analysis._replays import remembered
from analysis._tables import where
from analysis.fading import of_cohorts, of_replays
from research import data
from research.data import DataConfig
from research.losses.squared_error import SquaredError
from research.measures.groups import GroupLosses
from research.measures.measurement import states_to_keep
from research.measures.replay import Replay
from research.models.mlp import MLP
from research.optimizers.sgd import SGD
from research.orders.cohort import WithheldCohort
from research.records.identity import identity
from research.records.store import Store
from research.sweeps.measure import measure_missing
from research.sweeps.sweep import sweep
from research.training.config import RunConfig, bind
from research.training.schedules import PiecewiseLinear

IMAGES, COHORT, NEVER, BATCH, EPOCHS, UNTIL = 2048, 1024, 4096, 16, 8, 5
PER_EPOCH = IMAGES // BATCH
FACTORS = (0.5, 1.0, 2.0)  # of the rate
RATE, SEEDS = 0.005, 6
HALF_LIFE = np.log(2)  # in summed rate


@pytest.fixture(scope="module")
def table(tmp_path_factory) -> pd.DataFrame:
    dataset = data.load(DataConfig("noise", train_size=IMAGES + COHORT + NEVER, test_size=512, image_size=12))
    store = Store(tmp_path_factory.mktemp("results"))
    base = RunConfig(
        data=dataset.config,
        subset_size=IMAGES,
        augmentation=(),
        model=MLP(hidden=()),
        loss=SquaredError(),
        optimizer=SGD(momentum=0.0, nesterov=False, weight_decay=0.0),
        batch_size=BATCH,
        schedule=PiecewiseLinear((0.0, EPOCHS), (RATE, RATE), reference_batch=BATCH),
        epochs=EPOCHS,
    )
    runs = [replace(base, factor=factor, seed=seed) for factor in FACTORS for seed in range(SEEDS)]
    cohorts = [replace(run, order=WithheldCohort(COHORT, UNTIL)) for run in runs]
    wanted = [
        *(Replay(bind(run, dataset), EPOCHS, 1) for run in runs),
        *(GroupLosses(bind(run, dataset), UNTIL, moments_per_doubling=2) for run in cohorts),
    ]
    every = [item.run for item in wanted]
    sweep(every, dataset, store, keep=states_to_keep(wanted))
    measure_missing(wanted, dataset, store)
    return store.table([*map(identity, every), *map(identity, wanted)])


def held(fits: pd.DataFrame, truth: ArrayLike) -> int:
    """In how many runs the interval holds the truth."""
    low, high = fits[["low", "high"]].to_numpy(float).T
    return int(((low <= truth) & (truth <= high)).sum())


RUNS = len(FACTORS) * SEEDS
FEWEST_HELD = RUNS - 3  # of 18 at 95%, fewer come by chance once in fifty times


def test_a_replay_gives_the_half_life_of_images(table):
    fits = where(of_replays(table), memory="image")
    per_rate = RATE * fits["run.factor"].to_numpy(float) * PER_EPOCH
    assert len(fits) == RUNS
    assert set(fits["per_epoch"]) == {PER_EPOCH}
    assert held(fits, HALF_LIFE / per_rate) >= FEWEST_HELD


def test_without_augmentation_nothing_is_remembered_of_views(table):
    found = remembered(table)
    assert set(found["view"]) == {0}
    assert np.isnan(where(of_replays(table), memory="view")["half_life"].to_numpy(float)).all()


def test_memory_of_images_is_the_parameters_over_the_images(table):
    """To first order the loss of what is fitted lies below that of what is not by 2 x variance x D / N."""
    found = remembered(table)
    assert found["image"].to_numpy(float).mean() == pytest.approx(2 * 0.25 * 12 * 12 / IMAGES, rel=0.25)


def test_a_cohort_gives_the_half_life_whatever_the_rate(table):
    fits = of_cohorts(table, "rate")
    assert ((fits["low"] <= HALF_LIFE) & (fits["high"] >= HALF_LIFE)).all()
    np.testing.assert_allclose(fits["half_life"], HALF_LIFE, rtol=0.35)


def test_in_updates_a_cohort_is_forgotten_the_sooner_the_higher_the_rate(table):
    lives = of_cohorts(table, "steps")["half_life"]
    np.testing.assert_allclose(lives, HALF_LIFE / (RATE * lives.index.to_numpy()), rtol=0.35)


def test_the_old_forgetting_ratio_is_about_one_where_half_is_left(table):
    """Against the next epoch's batches all seems gone half an epoch later; of a visit's trace, half is."""
    losses = where(table, kind="Replay", metric="loss", **{"run.factor": FACTORS[-1]})
    split, epoch, value = (losses[name].to_numpy() for name in ("split", "epoch", "value"))

    def seen(low: float, high: float) -> float:
        return value[(split == "seen") & (EPOCHS - epoch > low) & (EPOCHS - epoch <= high)].mean()

    level = value[split == "next_epoch"].mean()
    ratio = 1 - (level - seen(3 / 8, 5 / 8)) / (level - seen(0, 1 / 8))
    gone = 1 - 2 ** (-0.5 * RATE * FACTORS[-1] * PER_EPOCH / HALF_LIFE)
    assert ratio > 0.75
    assert gone < 0.5
