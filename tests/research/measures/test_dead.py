"""Units killed by hand are counted, and no others."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from research.errors import InvalidInput
from research.family import with_value
from research.measures.dead import DeadUnits, silent, unreached
from research.measures.measurement import states_to_keep
from research.records import checkpoints
from research.records.identity import identity
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


def test_units_of_norms_are_counted_once_on_a_whole_epoch(dataset, run, store):
    """The second block's first ReLU feeds a convolution and a shortcut: its units are two inputs each."""
    items = [DeadUnits(run, 1, None, "norms"), DeadUnits(run, 1, 128, "norms"), DeadUnits(run, 1, 128)]
    hyper = Hyperparameters.of(run)
    state = jax.jit(Setting.of(run, dataset).initial_state)(hyper)
    norm = state.params["blocks"][1]["norm1"]
    norm["bias"] = norm["bias"].at[0].set(-100.0)
    checkpoints.save(store.checkpoint_path(run, 1), state)
    norms, some, inputs = ({row.metric: row.value for row in item.measure(dataset, store)} for item in items)
    units = {"blocks.0.norm1": 4, "blocks.0.norm2": 4, "blocks.1.norm1": 4, "blocks.1.norm2": 8}
    assert norms == pytest.approx(
        {"dead_units": 1 / 20, **{f"dead_units.{name}": (name == "blocks.1.norm1") / 4 for name in units}}
    )
    assert some == norms
    counted = (
        3 + 4 + 4 + 4 + 4 + 8 + 16
    )  # images, four convolutions' and a shortcut's channels, the last layer
    assert inputs == pytest.approx({"dead_units": 2 / counted})


def test_without_a_norm_there_are_no_units_of_norms(dataset, run, store):
    without = with_value(run, "model.norm", "none")
    item = DeadUnits(without, 1, None, "norms")
    state = jax.jit(Setting.of(without, dataset).initial_state)(Hyperparameters.of(without))
    checkpoints.save(store.checkpoint_path(without, 1), state)
    with pytest.raises(InvalidInput, match="norm"):
        item.measure(dataset, store)


def test_a_record_is_of_what_was_counted(run):
    """Those made before there was a choice keep their name; what counts otherwise has another."""
    assert identity(DeadUnits(run, 1)) == identity(DeadUnits(run, 1, 1024, "inputs"))
    assert len({identity(DeadUnits(run, 1, 1024, units)) for units in ("inputs", "norms")}) == 2


@pytest.mark.parametrize("arguments", [(0, 64), (3, 64), (1, 31)])
def test_what_cannot_be_looked_at_is_refused(run, arguments):
    with pytest.raises(InvalidInput):
        DeadUnits(run, *arguments)
