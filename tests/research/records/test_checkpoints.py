from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from research.errors import InvalidInput
from research.records import checkpoints
from research.training.context import Hyperparameters, Setting


@pytest.fixture
def state(dataset, run):
    first = jax.jit(Setting.of(run, dataset).initial_state)(Hyperparameters.of(replace(run, seed=3)))
    return first._replace(step=jnp.int32(7))


@pytest.fixture
def like(dataset, run):
    return Setting.of(run, dataset).abstract_state()


def test_a_state_comes_back_bit_for_bit(state, like, tmp_path):
    checkpoints.save(tmp_path / "checkpoint", state)
    restored = checkpoints.load(tmp_path / "checkpoint", like)
    assert jax.tree.structure(restored) == jax.tree.structure(state)
    for one, other in zip(jax.tree.leaves(restored), jax.tree.leaves(state), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_part_that_is_not_wanted_is_not_read(state, like, tmp_path):
    checkpoints.save(tmp_path / "checkpoint", state)
    restored = checkpoints.load(tmp_path / "checkpoint", like._replace(opt_state=()))
    assert restored.opt_state == ()
    assert restored.step == 7
    for one, other in zip(jax.tree.leaves(restored.params), jax.tree.leaves(state.params), strict=True):
        np.testing.assert_array_equal(one, other)


def test_one_of_another_network_is_one_line(state, tmp_path):
    checkpoints.save(tmp_path / "checkpoint", state)
    wider = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct((*leaf.shape, 2), leaf.dtype), state)
    with pytest.raises(InvalidInput, match="in place of"):
        checkpoints.load(tmp_path / "checkpoint", wider)


def test_a_missing_one_is_one_line(like, tmp_path):
    with pytest.raises(InvalidInput, match="there is none"):
        checkpoints.load(tmp_path / "checkpoint", like)


def test_a_damaged_one_is_one_line(state, like, tmp_path):
    checkpoints.save(tmp_path / "checkpoint", state)
    for path in (tmp_path / "checkpoint").rglob("*"):
        if path.is_file():
            path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(InvalidInput, match="cannot be read") as error:
        checkpoints.load(tmp_path / "checkpoint", like)
    assert "\n" not in str(error.value)
