import jax
import numpy as np
import pytest

from research.errors import InvalidInput
from research.records import checkpoints
from research.training.epoch import Network


@pytest.fixture
def network(dataset, run):
    return Network(run, dataset.image_shape, dataset.classes, split_batch=False)


def test_a_state_comes_back_bit_for_bit(network, tmp_path):
    state = jax.jit(network.initial_state)(3)
    checkpoints.save(tmp_path / "checkpoint", state)
    restored = checkpoints.load(tmp_path / "checkpoint", jax.eval_shape(network.initial_state, 0))
    assert jax.tree.structure(restored) == jax.tree.structure(state)
    for one, other in zip(jax.tree.leaves(restored), jax.tree.leaves(state), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_part_that_is_not_wanted_is_not_read(network, tmp_path):
    state = jax.jit(network.initial_state)(3)._replace(step=jax.numpy.int32(7))
    checkpoints.save(tmp_path / "checkpoint", state)
    like = jax.eval_shape(network.initial_state, 0)
    restored = checkpoints.load(tmp_path / "checkpoint", like._replace(opt_state=()))
    assert restored.opt_state == ()
    assert restored.step == 7
    for one, other in zip(jax.tree.leaves(restored.params), jax.tree.leaves(state.params), strict=True):
        np.testing.assert_array_equal(one, other)


def test_one_of_another_network_is_one_line(network, tmp_path):
    state = jax.jit(network.initial_state)(3)
    checkpoints.save(tmp_path / "checkpoint", state)
    wider = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct((*leaf.shape, 2), leaf.dtype), state)
    with pytest.raises(InvalidInput, match="in place of"):
        checkpoints.load(tmp_path / "checkpoint", wider)


def test_a_missing_one_is_one_line(network, tmp_path):
    with pytest.raises(InvalidInput, match="there is none"):
        checkpoints.load(tmp_path / "checkpoint", jax.jit(network.initial_state)(0))


def test_a_damaged_one_is_one_line(network, tmp_path):
    checkpoints.save(tmp_path / "checkpoint", jax.jit(network.initial_state)(0))
    for path in (tmp_path / "checkpoint").rglob("*"):
        if path.is_file():
            path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(InvalidInput, match="cannot be read") as error:
        checkpoints.load(tmp_path / "checkpoint", jax.jit(network.initial_state)(0))
    assert "\n" not in str(error.value)
