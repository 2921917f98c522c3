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

from research import data
from research.augmentations.flip import Flip
from research.data import DataConfig
from research.losses.squared_error import SquaredError
from research.measures.groups import GroupLosses
from research.measures.measurement import states_to_keep
from research.measures.replay import Replay
from research.models.mlp import MLP
from research.optimizers.sgd import SGD
from research.orders.cohort import Cohort
from research.records.identity import identity
from research.records.store import Store
from research.sweeps.measure import measure_missing
from research.sweeps.sweep import sweep
from research.training.config import RunConfig, bind
from research.training.schedules import PiecewiseLinear

IMAGES, COHORT, NEVER, BATCH, EPOCHS, UNTIL = 2048, 1024, 4096, 16, 8, 5
PER_EPOCH = IMAGES // BATCH
FACTORS = (0.5, 1.0, 2.0)  # of the rate
RATE = 0.005
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
    runs = [replace(base, factor=factor, seed=seed) for factor in FACTORS for seed in range(2)]
    withheld = [replace(run, order=Cohort(COHORT, UNTIL)) for run in runs]
    flipped = [replace(base, augmentation=(Flip(),))]
    wanted = [
        *(Replay(bind(run, dataset), EPOCHS, 1) for run in [*runs, *flipped]),
        *(GroupLosses(bind(run, dataset), UNTIL, moments_per_doubling=2) for run in withheld),
    ]
    every = [item.run for item in wanted]
    sweep(every, dataset, store, keep=states_to_keep(wanted))
    measure_missing(wanted, dataset, store)
    return store.table([*map(identity, every), *map(identity, wanted)])
