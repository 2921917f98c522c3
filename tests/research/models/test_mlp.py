import numpy as np
import pytest

from research.errors import InvalidInput
from research.models.mlp import MLP
from tests.research.models.networks import images_of, initialised, parameters


def test_parameters_counted_by_hand():
    assert parameters(MLP(), (28, 28, 1)) == 784 * 256 + 256 + 256 * 256 + 256 + 256 * 10 + 10
    assert parameters(MLP((5,), bias=False), (2, 3, 1), 4) == 6 * 5 + 5 * 4


def test_without_hidden_layers_it_is_linear():
    network, images = initialised(MLP(()), (4, 4, 3)), images_of((6, 4, 4, 3))
    logits = lambda x: np.asarray(network(x, use_running_average=True))  # noqa: E731
    np.testing.assert_allclose(
        logits(3 * images[:3] - 2 * images[3:]),
        3 * logits(images[:3]) - 2 * logits(images[3:]),
        rtol=1e-4,
        atol=1e-5,
    )


def test_without_biases_relu_layers_are_homogeneous():
    network, images = initialised(MLP((7, 5), bias=False), (4, 4, 1)), images_of((6, 4, 4, 1))
    once, thrice = (network(x, use_running_average=True) for x in (images, 3 * images))
    np.testing.assert_allclose(thrice, 3 * once, rtol=1e-4, atol=1e-6)
    assert not np.allclose(network(-images, use_running_average=True), -once)


def test_layers_of_no_units_are_refused():
    with pytest.raises(InvalidInput, match=r"model\.hidden is \(8, 0\)"):
        MLP((8, 0))
