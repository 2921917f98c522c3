from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest

from research.errors import InvalidInput
from research.measures.groups import GroupLosses, moments
from research.measures.measurement import state_after, states_to_keep
from research.orders.cohort import WithheldCohort
from research.orders.half import Half
from research.sweeps.sweep import sweep
from research.training.batches import Images
from research.training.config import bind
from research.training.context import Hyperparameters, Setting
from research.training.evaluation import evaluate_views


@pytest.fixture(scope="module")
def cohort(dataset, run):
    """Four epochs of 128 images, of which 32 are withheld after the second."""
    return bind(replace(run, order=WithheldCohort(32, 2), epochs=4), dataset)


def measured(config, dataset, store) -> pd.DataFrame:
    sweep([config.run], dataset, store, keep=states_to_keep([config]))
    return pd.DataFrame([vars(row) for row in config.measure(dataset, store)])


def test_moments_lie_close_at_first_and_then_at_every_epochs_end():
    assert moments(16, 40, 8) == [16, 17, 18, 20, 24, 32, 40]
    assert moments(16, 24, 8, per_doubling=2) == [16, 17, 18, 19, 20, 22, 24]
    assert moments(16, 16, 8) == [16]


def test_the_last_moment_is_the_state_that_training_ended_in(dataset, cohort, store):
    """Taken again step by step, the run arrives where it did, and each group's loss is that of its rows."""
    table = measured(GroupLosses(cohort, 2), dataset, store)
    last = table.query("step == 16 and metric == 'loss'").set_index("split")["value"]
    state = state_after(cohort, 4, dataset, store)
    run = Setting.of(cohort, dataset).context(Hyperparameters.of(cohort), Images.of(dataset))
    for name, (first, end) in {
        "kept": (0, 96),
        "cohort": (96, 128),
        "others": (128, 160),
        "never_seen": (160, 256),
    }.items():
        views = jax.jit(lambda first, end: evaluate_views(run, *state[:2], "train", first, end))
        np.testing.assert_allclose(
            last[name], float(np.asarray(views(first, end)[0])), rtol=1e-5, err_msg=name
        )


def test_the_summed_rate_is_that_of_the_steps_between(dataset, cohort, store):
    table = measured(GroupLosses(cohort, 2), dataset, store)
    summed = table.query("metric == 'summed_rate'").set_index("step")["value"]
    rate = Hyperparameters.of(cohort).rate.of_steps(4)
    rates = [float(np.asarray(rate(jnp.int32(step)))) for step in range(8, 16)]
    assert float(summed.loc[8]) == 0
    np.testing.assert_allclose(summed[16], np.sum(rates), rtol=1e-5)


def test_of_one_state_alone_nothing_is_trained(dataset, run, store):
    config = bind(replace(run, order=Half(1)), dataset)
    table = measured(GroupLosses(config, 2, last=2), dataset, store)
    assert set(table["step"]) == {8}
    assert {"revisited", "withheld", "never_seen", "test_view"} <= set(table["split"])


@pytest.mark.parametrize(
    ("arguments", "field"),
    [((0,), "epoch"), ((3,), "epoch"), ((2, 1), "last"), ((1, 3), "last"), ((1, 2, 9), "moments_per")],
)
def test_moments_that_the_run_does_not_have_are_refused(run, arguments, field):
    with pytest.raises(InvalidInput, match=field):
        GroupLosses(run, *arguments)
