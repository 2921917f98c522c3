"""Units killed by hand are counted, and no others."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from research.errors import InvalidInput
from research.family import with_value
from research.measures.dead import DeadUnits, silent, unreached
from research.measures.measurement import states_to_keep
from research.sweeps.sweep import sweep
from research.training.batches import Images
from research.training.context import Hyperparameters, Setting


@pytest.fixture(scope="module")
def setting(dataset, run) -> Setting:
    return Setting.of(run, dataset)


def killed(setting, run, channels: tuple[int, ...]) -> dict:
    """A new network's parameters; the second norm of the first block gives -1, whatever comes in."""
    params = jax.jit(setting.initial_state)(Hyperparameters.of(run)).params
    norm = params["blocks"][0]["norm2"]
    for channel in channels:
        norm["scale"] = jnp.asarray(norm["scale"]).at[channel].set(0.0)
        norm["bias"] = jnp.asarray(norm["bias"]).at[channel].set(-1.0)
    return params


def quiet(setting, run, dataset, params) -> dict[str, np.ndarray]:
    """Which inputs of each kernel are silent, on all of an epoch."""
    hyper, images = Hyperparameters.of(run), Images.of(dataset)
    state = jax.jit(setting.initial_state)(hyper)._replace(params=params)
    found = jax.jit(lambda state: silent(unreached(setting.context(hyper, images), state, 0, 4)))(state)
    return {name: np.asarray(each) for name, each in found.items()}


@pytest.mark.parametrize("channels", [(), (0,), (1, 3)])
def test_a_relu_that_is_below_zero_on_all_images_is_dead(setting, run, dataset, channels):
    found = quiet(setting, run, dataset, killed(setting, run, channels))
    after = [name for name in found if "conv2" in name and "[0]" in name]
    assert [np.flatnonzero(found[name]).tolist() for name in after] == [list(channels)]
    assert sum(each.sum() for name, each in found.items() if name not in after) == 0


def test_a_leaky_relu_that_is_below_zero_on_all_images_is_not(run, dataset):
    leaky = with_value(run, "model.activation", "leaky_relu")
    setting = Setting.of(leaky, dataset)
    found = quiet(setting, leaky, dataset, killed(setting, leaky, (1, 3)))
    assert sum(each.sum() for each in found.values()) == 0


def test_the_share_is_of_all_inputs_of_layers(dataset, run, store):
    item = DeadUnits(run, 1, 64)
    sweep([run], dataset, store, keep=states_to_keep([item]))
    (row,) = item.measure(dataset, store)
    assert (row.step, row.epoch, row.split, row.metric) == (4, 1.0, "train", "dead_units")
    assert row.value == pytest.approx(0.0, abs=0.2)  # four steps kill few


@pytest.mark.parametrize("arguments", [(0, 64), (3, 64), (1, 31)])
def test_what_cannot_be_looked_at_is_refused(run, arguments):
    with pytest.raises(InvalidInput):
        DeadUnits(run, *arguments)
