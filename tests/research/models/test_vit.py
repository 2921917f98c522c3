from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from research.errors import InvalidInput
from research.models.vit import ViT
from tests.research.models.networks import build, images_of, initialised, parameters

SMALL = ViT(patch=4, width=16, depth=2, heads=4)


def test_parameters_counted_by_hand():
    """Embedding, 64 positions, four blocks of two norms, attention and a perceptron, a norm, a head."""
    width = 64
    block = 4 * width + (width * 3 * width + 3 * width) + (width * width + width)
    block += width * 4 * width + 4 * width + 4 * width * width + width
    embed, positions, head = 48 * width + width, 64 * width, 2 * width + width * 10 + 10
    assert parameters(ViT(), (32, 32, 3)) == embed + positions + 4 * block + head


def with_patches(images: Any, order: Any) -> Any:
    """Images of 8x8 with their four patches in another order."""
    patches = images.reshape(-1, 2, 4, 2, 4, 3).transpose(0, 1, 3, 2, 4, 5).reshape(-1, 4, 4, 4, 3)[:, order]
    return patches.reshape(-1, 2, 2, 4, 4, 3).transpose(0, 1, 3, 2, 4, 5).reshape(-1, 8, 8, 3)


def test_without_positions_the_order_of_patches_does_not_matter_and_with_them_it_does():
    network, images = initialised(SMALL, (8, 8, 3)), images_of((5, 8, 8, 3))
    moved = with_patches(images, np.asarray([2, 0, 3, 1]))
    assert not np.allclose(moved, images)
    before, after = (network(x, use_running_average=True) for x in (images, moved))
    assert np.abs(before - after).max() > 1e-4
    network.positions[...] = jnp.zeros_like(network.positions[...])
    before, after = (network(x, use_running_average=True) for x in (images, moved))
    np.testing.assert_allclose(before, after, rtol=1e-4, atol=1e-5)


def test_patches_with_their_positions_may_stand_in_any_order():
    network, images, order = initialised(SMALL, (8, 8, 3)), images_of((5, 8, 8, 3)), np.asarray([2, 0, 3, 1])
    before = network(images, use_running_average=True)
    network.positions[...] = network.positions[...][order]
    after = network(with_patches(images, order), use_running_average=True)
    np.testing.assert_allclose(before, after, rtol=1e-4, atol=1e-5)


def test_an_example_does_not_see_the_others_of_its_batch():
    network, images = initialised(SMALL, (8, 8, 3)), images_of((5, 8, 8, 3))
    alone = network(images[:1], use_running_average=False)
    np.testing.assert_allclose(alone, network(images, use_running_average=False)[:1], rtol=1e-4, atol=1e-5)


def test_positions_are_small_and_all_that_differs_from_pytorchs_default():
    params = {"positions": jnp.zeros((64, 64)), "embed": {"kernel": jnp.zeros((48, 64))}}
    drawn = ViT().initialised(jax.random.key(0), params)
    assert float(drawn["positions"].std()) == pytest.approx(0.02, rel=0.05)
    assert float(jnp.abs(drawn["embed"]["kernel"]).max()) <= 48**-0.5


def test_dropout_needs_a_share_and_a_key():
    images, key = images_of((4, 8, 8, 3)), jax.random.key(0)
    for share, same in ((0.0, True), (0.3, False)):
        network = initialised(ViT(4, 16, 2, 4, dropout=share), (8, 8, 3))
        dropped, whole = (network(images, use_running_average=True, key=one) for one in (key, None))
        assert bool(jnp.allclose(dropped, whole)) is same


def test_a_patch_that_does_not_divide_the_image_is_refused():
    with pytest.raises(InvalidInput, match=r"model\.patch is 4: must divide the images' sides, 8 x 10"):
        build(SMALL, (8, 10, 3))


@pytest.mark.parametrize(("field", "value"), [("depth", 0), ("heads", 5), ("dropout", 1.0), ("patch", 0)])
def test_networks_that_make_no_sense_are_refused(field, value):
    with pytest.raises(InvalidInput, match=rf"model\.{field}"):
        ViT(**{field: value})
