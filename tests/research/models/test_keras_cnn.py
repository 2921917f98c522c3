import jax
import jax.numpy as jnp
import numpy as np
import pytest

from research.errors import InvalidInput
from research.models.keras_cnn import KerasCNN
from tests.research.models.networks import KERAS, build, images_of, initialised, parameters


def test_it_has_the_keras_examples_1_199_882_parameters_on_mnist():
    """Keras prints this number for mnist_cnn.py: 28 - 2 - 2 = 24 pixels, pooled to 12."""
    convolutions = 9 * 1 * 32 + 32 + 9 * 32 * 64 + 64
    linear = 12 * 12 * 64 * 128 + 128 + 128 * 10 + 10
    assert parameters(KERAS, (28, 28, 1)) == convolutions + linear == 1_199_882


def test_forward_agrees_with_numpy():
    network, images = initialised(KERAS, (8, 8, 2), 3), images_of((5, 8, 8, 2))

    def convolved(x, layer):
        windows = np.lib.stride_tricks.sliding_window_view(x, (3, 3), (1, 2))
        return np.einsum("bhwcij,ijco->bhwo", windows, layer.kernel[...]) + layer.bias[...]

    x = np.maximum(convolved(np.maximum(convolved(np.asarray(images), network.conv1), 0), network.conv2), 0)
    x = x.reshape(5, 2, 2, 2, 2, 64).max((2, 4)).reshape(5, -1)
    x = np.maximum(x @ network.linear1.kernel[...] + network.linear1.bias[...], 0)
    expected = x @ network.linear2.kernel[...] + network.linear2.bias[...]
    np.testing.assert_allclose(network(images, use_running_average=True), expected, rtol=1e-4, atol=1e-5)


def test_shares_of_zero_drop_nothing_and_others_do():
    images, key = images_of((4, 8, 8, 1)), jax.random.key(0)
    for shares, same in (((0.0, 0.0), True), ((0.25, 0.0), False), ((0.0, 0.5), False)):
        network = initialised(KerasCNN(shares), (8, 8, 1))
        dropped, whole = (network(images, use_running_average=True, key=one) for one in (key, None))
        assert bool(jnp.allclose(dropped, whole)) is same


def test_images_too_small_for_it_are_refused():
    assert build(KERAS, (6, 6, 1))(jnp.ones((1, 6, 6, 1)), use_running_average=True).shape == (1, 10)
    with pytest.raises(InvalidInput, match="model is 'keras_cnn': needs images of at least 6 pixels"):
        build(KERAS, (6, 5, 1))


@pytest.mark.parametrize("shares", [(1.0, 0.5), (0.25, -0.1), (float("nan"), 0.0)])
def test_shares_that_make_no_sense_are_refused(shares):
    with pytest.raises(InvalidInput, match=r"model\.dropout"):
        KerasCNN(shares)
