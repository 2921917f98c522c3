"""Toys that are networks of the families: linear regression through the same training, measures and claims.

K where the whole set is one batch; S where there are fewer images than pixels, so that all labels can be
fitted; M where there are more, and labels are noise. D, a memory of places that are overwritten whole, has
no gradient, and is simulated alone (`analysis.toys`).
"""

import numpy as np
import pytest

from analysis import batch_ladder, toys
from analysis._runs import final
from analysis.claims import Evidence, ask
from analysis.claims.limit import onset_less_batches, onset_slope
from experiments.annealing import Annealing
from experiments.averaging import Averaging
from experiments.batch_ladder import BatchLadder
from experiments.signature import Signature
from research.data import DataConfig, load
from research.losses.squared_error import SquaredError
from research.measures.measurement import bind_measurement, states_to_keep
from research.models.mlp import MLP
from research.optimizers.sgd import SGD
from research.records.identity import identity
from research.records.store import Store
from research.sweeps.measure import measure_missing
from research.sweeps.sweep import sweep
from research.training.config import RunConfig, bind
from research.training.schedules import ARTICLE, PiecewiseLinear
from tests.analysis.claims.old_rules import CLAIMS, now

SIZES = (16, 32, 64)
EPOCHS = 100  # at the largest batch, the whole set, as many updates: enough for an onset


@pytest.fixture(scope="module")
def ladder(tmp_path_factory):
    """The ladder up to the whole set as one batch, whose edge is at factor 1."""
    dataset = load(DataConfig(train_size=64, test_size=32, image_size=4))
    inputs = ((dataset.train_images - dataset.mean) / dataset.std).reshape(64, -1)
    # A mean over images and classes of squared differences: the Hessian is 2 X'X / (images x classes).
    top = float(2 * np.linalg.eigvalsh(inputs.T @ inputs / 64)[-1] / 10)
    base = RunConfig(
        data=dataset.config,
        subset_size=64,
        augmentation=(),
        model=MLP(hidden=(), bias=False),
        loss=SquaredError(),
        optimizer=SGD(momentum=0.0, nesterov=False, weight_decay=0.0),
        schedule=PiecewiseLinear((0, EPOCHS), (2 / top, 2 / top), reference_batch=64),
        batch_size=16,
        epochs=EPOCHS,
    )
    factors = (1 / 4, 1 / 2, 0.9, 1.1, 2, 4, 8)
    experiment = BatchLadder(base, batch_sizes=SIZES, factors=factors, noise_factor=2, noise_batch=SIZES[0])
    store = Store(tmp_path_factory.mktemp("results"))
    sweep(experiment.runs(), dataset, store)
    return store.table(experiment.runs())


def test_with_the_whole_set_as_a_batch_the_edge_is_the_eigenvalues(ladder):
    """Nothing is sampled: at 0.9 of 2 / eigenvalue the loss falls, at 1.1 it grows without end."""
    losses = final(ladder, "train", ["batch_size", "factor"]).loc[64]
    guess = SquaredError().of_guess(10)
    assert (losses.loc[[1 / 4, 1 / 2, 0.9]] < guess).all()
    assert (losses.loc[[1.1, 2, 4, 8]] > 1000 * guess).all()


def test_the_onset_falls_with_the_batch_no_faster_than_the_full_loss_would_have_it(ladder):
    chance = SquaredError().of_guess(10)
    onsets = batch_ladder.onsets(ladder, chance)
    assert 0.9 <= 2 ** onsets.loc[64, 0] <= 1.1 + 1e-9
    slope = batch_ladder.slopes(onsets).to_numpy(float)[0]
    assert -1.05 <= slope < 0


def trained(folder, dataset, **experiments) -> Evidence:
    """The records of some experiments on one data set, as an analysis reads them."""
    store, tables = Store(folder), {}
    for name, experiment in experiments.items():
        runs = [bind(run, dataset) for run in experiment.runs()]
        wanted = [bind_measurement(item, dataset) for item in experiment.measurements()]
        sweep(runs, dataset, store, keep=states_to_keep(wanted))
        measure_missing(wanted, dataset, store)
        tables[name] = store.table([*map(identity, runs), *map(identity, wanted)])
    about = {**toys.ABOUT, "classes": dataset.classes}
    return Evidence(tables, dict.fromkeys(tables, about))


def regression(dataset, images: int, rate: float, batch: int, epochs: int) -> RunConfig:
    """Linear regression on white noise, at a constant rate that is in proportion to the batch."""
    return RunConfig(
        data=dataset.config,
        subset_size=images,
        augmentation=(),
        model=MLP(hidden=()),
        loss=SquaredError(),
        optimizer=SGD(momentum=0.0, nesterov=False, weight_decay=0.0),
        schedule=PiecewiseLinear((0, epochs), (rate, rate), reference_batch=batch),
        batch_size=batch,
        epochs=epochs,
    )


@pytest.mark.slow
def test_where_all_can_be_fitted_the_onset_is_that_of_batches_as_sharp_as_measured(tmp_path):
    """S: 32 images of 64 pixels. One image's loss is straight as far as 2 / |x|^2, the full loss farther."""
    dataset = load(DataConfig("noise", train_size=32, test_size=32, image_size=8))
    base = regression(dataset, images=32, rate=2 / 64, batch=1, epochs=60)
    factors, sizes = tuple(2 ** (np.arange(-8, 6) / 4)), (1, 2, 4, 8, 16)
    found = trained(
        tmp_path,
        dataset,
        batch_ladder=BatchLadder(
            base, batch_sizes=sizes, factors=factors, noise_epoch=2, noise_batch=1, examples=32
        ),
        signature=Signature(base, batch_sizes=(1,), factors=(1 / 4, 1 / 2), measured_epoch=2, examples=32),
    )
    slope, less = (effect(found).to_numpy(float)[0] for effect in (onset_slope, onset_less_batches))
    assert -0.75 < slope < -0.05
    assert abs(less) < 0.15


@pytest.mark.slow
def test_where_labels_are_noise_averaging_and_annealing_take_back_what_a_high_rate_costs(tmp_path):
    """M: what a batch wrote fades within a pass; the claims say so of networks' records as of the toy's."""
    dataset = load(DataConfig("noise", train_size=512 + 1024, test_size=1024, image_size=8))
    base = regression(dataset, images=512, rate=0.016, batch=4, epochs=8)
    found = trained(
        tmp_path,
        dataset,
        averaging=Averaging(base, seeds=3, factors=(1 / 4, 1 / 2, 1, 2, 4), epochs_averaged=(1,)),
        annealing=Annealing(base, 3, factors=(1 / 4, 1, 4), annealed=(4,), warm_up_epochs=1, peak_epochs=8,
                            peak_rate=0.016 * ARTICLE.reference_batch / base.batch_size),
    )  # fmt: skip
    assert [now(name, found) for name in ("L4-M", "L4-D")] == ["supported", "contradicted"]
    cost, *_ = ask(CLAIMS["L5-M"], found).findings  # of half B's advantage three seeds say too little
    assert cost.word == "supported"
