from typing import Any

import jax
import jax.numpy as jnp
import pytest
from jax import lax

from benchmarks import _limit
from benchmarks._cases import ARTICLE, MINIATURE, TINY
from benchmarks._limit import Ceilings, Convolution
from benchmarks._ours import flops_by_xla


@pytest.mark.parametrize(
    "layer", [Convolution(3, 1, 7, 3, 4), Convolution(3, 2, 8, 4, 6), Convolution(1, 2, 9, 4, 2)]
)
@pytest.mark.parametrize("of", ["output", "images", "kernel"])
def test_a_convolutions_operations_are_those_that_xla_counts(layer, of):
    border = layer.size // 2

    def convolution(images, kernel):
        return lax.conv_general_dilated(
            images,
            kernel,
            (layer.stride,) * 2,
            ((border, border),) * 2,
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
        )

    images = jnp.ones((2, layer.side, layer.side, layer.channels))
    kernel = jnp.ones((layer.size, layer.size, layer.channels, layer.features))
    out = convolution(images, kernel)
    assert out.shape == (2, layer.side_after, layer.side_after, layer.features)
    work = {
        "output": convolution,
        "images": lambda images, kernel: jax.vjp(convolution, images, kernel)[1](out)[0],
        "kernel": lambda images, kernel: jax.vjp(convolution, images, kernel)[1](out)[1],
    }[of]
    analysis: Any = jax.jit(work).lower(images, kernel).compile().cost_analysis()
    assert analysis["flops"] == pytest.approx(2 * layer.flops, rel=1e-6)


def test_a_whole_network_is_counted_below_xla_and_near_it():
    """XLA adds element-wise work: an eighth here, half a hundredth of the article's network."""
    found = flops_by_xla(TINY)
    for work in ("forward", "gradient", "product"):
        assert 0.8 * found[work] < _limit.flops(TINY, work) < found[work]


def test_the_articles_network_counted_by_hand():
    """Multiply-adds stage by stage, the border's padding counted in: 0.46 G an image."""
    stages = [
        9 * 3 * 64 * 32**2,
        4 * 9 * 64 * 64 * 32**2,
        (9 * 64 * 128 + 3 * 9 * 128 * 128 + 64 * 128) * 16**2,
        (9 * 128 * 256 + 3 * 9 * 256 * 256 + 128 * 256) * 8**2,
        (4 * 9 * 256 * 256 + 256 * 256) * 4**2,
    ]
    found = list(_limit.convolutions(ARTICLE))
    by_hand = sum(2 * c.size**2 * c.channels * c.outputs for c in found)
    assert by_hand == 2 * sum(stages)
    assert 0.85 * by_hand < _limit.flops(ARTICLE, "forward") < by_hand
    assert len(found) == 1 + 16 + 3
    norms = 2 * (4 * 64 + (64 + 3 * 128) + (128 + 3 * 256) + 4 * 256)
    assert _limit.parameters(ARTICLE) + norms == 5_205_834


def test_a_product_costs_eight_thirds_of_a_gradient_less_the_first_layers_share():
    ratio = _limit.flops(ARTICLE, "product") / _limit.flops(ARTICLE, "gradient")
    assert 2.6 < ratio < 8 / 3


def test_bytes_bound_only_what_outgrows_the_cache():
    slow_memory = Ceilings(flops=1e12, flops_per_core=5e11, bandwidth=1e9, cache=32e6)
    assert _limit.floor(MINIATURE, slow_memory).bound == "operations"
    assert _limit.floor(ARTICLE, slow_memory).bound == "bytes"
    fast_memory = Ceilings(flops=1e12, flops_per_core=5e11, bandwidth=1e12, cache=32e6)
    found = _limit.floor(ARTICLE, fast_memory)
    assert found.bound == "operations"
    assert found.seconds == pytest.approx(_limit.flops(ARTICLE) / 1e12)
