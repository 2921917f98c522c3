import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from research.kernels import convolution

NHWC = ("NHWC", "HWIO", "NHWC")

# Images, kernel, stride, border: vectors of 4, 8 and 16, several of them, tiles that do not fit evenly, more
# examples than a block, strides that leave pixels without a term; 5, 6 and 3 features have no kernel. From 64
# channels on some products are left out: one example at a time and several, no middle columns, one row.
CASES = [
    ((3, 9, 8, 3), (3, 3, 3, 8), 1, 1),
    ((2, 16, 16, 16), (3, 3, 16, 16), 1, 1),
    ((70, 4, 4, 8), (3, 3, 8, 64), 1, 1),
    ((3, 9, 8, 4), (3, 3, 4, 8), 2, 1),
    ((2, 8, 8, 16), (1, 1, 16, 32), 2, 0),
    ((2, 1, 1, 8), (3, 3, 8, 8), 2, 1),
    ((5, 7, 9, 12), (5, 5, 12, 4), 2, 2),
    ((2, 10, 10, 4), (5, 5, 4, 16), 1, 0),
    ((2, 9, 9, 8), (5, 3, 8, 20), 3, 0),
    ((2, 12, 12, 6), (5, 5, 6, 16), 1, 0),
    ((4, 9, 8, 3), (3, 3, 3, 5), 1, 1),
    ((6, 5, 4, 64), (3, 3, 64, 64), 1, 1),
    ((3, 3, 8, 64), (3, 3, 64, 80), 1, 1),
    ((2, 1, 6, 96), (3, 3, 96, 64), 1, 1),
    ((40, 4, 4, 64), (3, 3, 64, 128), 1, 1),
]
SECOND = (
    CASES[0],
    CASES[3],
    CASES[11],
)  # with stride, without, with fewer products: the maps are the same three


def all_derivatives(convolve, images, kernel, second):
    """The output; gradients in reverse, forwards; and if `second`, forwards and in reverse after reverse."""

    def loss(images, kernel):
        return jnp.sin(convolve(images, kernel) / 10).sum()

    gradient = jax.grad(loss, (0, 1))
    point, direction = (images, kernel), (jnp.cos(images), jnp.sin(kernel))

    def along(images, kernel):
        return sum((a * b).sum() for a, b in zip(gradient(images, kernel), direction, strict=True))

    first = (convolve(*point), gradient(*point), jax.jvp(convolve, point, direction)[1])
    if not second:
        return first
    return *first, jax.jvp(gradient, point, direction)[1], jax.grad(along, (0, 1))(*point)


@pytest.mark.parametrize(("images", "kernel", "stride", "border"), CASES)
def test_output_and_all_derivatives_are_those_of_jaxs_convolution(images, kernel, stride, border):
    keys = jax.random.split(jax.random.key(0), 2)
    point = (jax.random.normal(keys[0], images), jax.random.normal(keys[1], kernel))
    strides, padding = (stride, stride), ((border, border), (border, border))

    def theirs(images, kernel):
        return lax.conv_general_dilated(images, kernel, strides, padding, dimension_numbers=NHWC)

    def ours(images, kernel):
        return convolution(images, kernel, strides, padding)

    second = (images, kernel, stride, border) in SECOND
    found = jax.jit(lambda x, k: all_derivatives(ours, x, k, second))(*point)
    expected = jax.jit(lambda x, k: all_derivatives(theirs, x, k, second))(*point)
    for one, other in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-5 * max(1e-3, np.abs(other).max()))


@pytest.mark.parametrize("channels", [8, 64])
def test_examples_do_not_depend_on_those_beside_them(channels):
    """Each example of a batch bit for bit as alone: nothing of one is left in the frame of the next."""
    keys = jax.random.split(jax.random.key(0), 2)
    images = jax.random.normal(keys[0], (8, 6, 6, channels))
    kernel = jax.random.normal(keys[1], (3, 3, channels, channels))
    together = convolution(images, kernel, (1, 1), ((1, 1), (1, 1)))
    for index in range(8):
        alone = convolution(images[index : index + 1], kernel, (1, 1), ((1, 1), (1, 1)))
        np.testing.assert_array_equal(together[index : index + 1], alone)


@pytest.mark.parametrize(("channels", "columns", "minimal"), [(64, 8, True), (32, 8, False), (64, 7, False)])
def test_products_are_left_out_where_channels_are_many_and_columns_even(channels, columns, minimal):
    images, weights = jnp.ones((4, 8, columns, channels)), jnp.ones((3, 3, channels, channels))

    def loss(images, weights):
        return convolution(images, weights, (1, 1), ((1, 1), (1, 1))).sum()

    program = jax.jit(jax.grad(loss, (0, 1))).lower(images, weights).as_text()
    assert ("correlate_minimal" in program, "contract_minimal" in program) == (minimal, minimal)


def test_it_can_be_vmapped():
    keys = jax.random.split(jax.random.key(0), 2)
    images = jax.random.normal(keys[0], (3, 2, 6, 6, 4))
    kernels = jax.random.normal(keys[1], (3, 3, 3, 4, 8))

    def one(images, kernel):
        return convolution(images, kernel, (1, 1), ((1, 1), (1, 1)))

    together = jax.jit(jax.vmap(one))(images, kernels)
    alone = jax.jit(lambda: [one(images[index], kernels[index]) for index in range(3)])()
    np.testing.assert_allclose(together, jnp.stack(alone), rtol=1e-5, atol=1e-5)


def test_bfloat16_is_left_to_jax():
    images, kernel = jnp.ones((1, 4, 4, 4), jnp.bfloat16), jnp.ones((1, 1, 4, 8), jnp.bfloat16)
    out = convolution(images, kernel, (1, 1), ((0, 0), (0, 0)))
    assert out.dtype == jnp.bfloat16
    np.testing.assert_array_equal(out, 4)


def test_what_it_does_not_do_is_refused():
    with pytest.raises(NotImplementedError, match="feature_group_count=3"):
        convolution(
            jnp.ones((1, 4, 4, 3)),
            jnp.ones((1, 1, 3, 3)),
            (1, 1),
            ((0, 0), (0, 0)),
            feature_group_count=3,
        )
