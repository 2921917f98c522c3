"""Sums over pixels, one for each channel: what batch norm's statistics and its gradients are made of.

XLA:CPU sums over all axes but a short last one at a tenth of the memory's speed or less. Four maps, again
closed under differentiation:

    total    x -> sum of x                    whose transpose is  spread
    spread   a -> a at every pixel                                total
    inner    x, y -> sum of x y                                   scaled
    scaled   x, a -> x a at every pixel                           scaled, inner

x and y are images (batch height width channel), a has a number for each channel.
"""

import math
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float

from research.kernels._handler import MOST_UNITS, Split
from research.kernels._llvm import Kernel, register
from research.kernels._primitive import call, primitive, transposes
from research.kernels._processor import registers, vector_width

PER_NUMBER = 4  # a number from memory takes as long as this number of multiply-adds in registers

Images = Float[Array, "batch height width channel"]
Channels = Float[Array, " channel"]


def total(images: Images) -> Channels:
    """The sum over batch and pixels."""
    return _total.bind(images)


def inner(images: Images, others: Images) -> Channels:
    """The sum of products over batch and pixels."""
    return _inner.bind(images, others)


def scaled(images: Images, factor: Channels) -> Images:
    """Each channel times its factor."""
    return _scaled.bind(images, factor)


def shifted(images: Images, offset: Channels) -> Images:
    """Each channel plus its offset."""
    return images + _spread.bind(offset, shape=images.shape)


def summed(kernel: Kernel, pixels: int, channels: int, factors: int) -> None:
    """Write a kernel of one input, or of two, to the sum over examples and pixels of it, or of products.

    An example's sum is made in registers and then added to its part's, so that rounding grows with neither.
    If there are parts, their sums are a second output.

    Args:
        factors: inputs.
    """
    sources = kernel.buffers[:factors]
    output = kernel.add_up(channels, 1)
    begun, count = kernel.share(kernel.examples, kernel.part, kernel.split.parts)
    width = vector_width(channels)
    # Several sums for each channel: an addition need not wait for the one before. How many depends on nothing
    # but the shape, so that the order of additions does not.
    several = min(pixels, max(2, min(8, 128 // channels)))
    vectors = math.gcd(channels // width, max(1, registers() // 2 // several))
    group = vectors * width

    def channel_group(number, _):
        first = kernel.times(number, group)

        def pixel(index, sums):
            after = []
            for v in range(vectors):
                values = [
                    kernel.load(kernel.address(source, kernel.sum(index, v * width)), width)
                    for source in sources
                ]
                one, other = values[0], values[-1]
                after.append(
                    kernel.multiply_add(one, other, sums[v]) if factors == 2 else kernel.add(one, sums[v])
                )
            return after

        def example(index, totals):
            begin = kernel.sum(kernel.times(kernel.sum(begun, index), pixels * channels), first)

            def row(number, sums):
                at = kernel.sum(begin, kernel.times(number, several * channels))
                return [
                    value
                    for place in range(several)
                    for value in pixel(
                        kernel.sum(at, place * channels), sums[place * vectors : (place + 1) * vectors]
                    )
                ]

            zeros = [kernel.zeros(width)] * vectors
            sums = kernel.loop(pixels // several, row, zeros * several)
            for place in range(1, several):
                sums[:vectors] = [
                    kernel.add(a, b)
                    for a, b in zip(sums[:vectors], sums[place * vectors :][:vectors], strict=True)
                ]
            left = pixels % several
            if left:
                begin = kernel.sum(begin, (pixels - left) * channels)
                sums = kernel.loop(
                    left,
                    lambda number, sums: pixel(kernel.sum(begin, kernel.times(number, channels)), sums),
                    sums[:vectors],
                )
            return [kernel.add(a, b) for a, b in zip(totals, sums[:vectors], strict=True)]

        totals = kernel.loop(count, example, [kernel.zeros(width)] * vectors)
        for v, value in enumerate(totals):
            kernel.store(value, kernel.address(output, kernel.sum(first, v * width)))

    kernel.loop(channels // group, channel_group)


def _native(*images: Any) -> Any:
    examples, *pixels, channels = images[0].shape
    numbers = images[0].size * len(images)
    split = Split.of(PER_NUMBER * numbers, max(1, min(examples, MOST_UNITS, numbers // 2**15)))
    shapes = [(channels,)] if split.parts == 1 else [(channels,), (split.parts, channels)]
    inputs = len(images)
    name = register(inputs, len(shapes), summed, math.prod(pixels), channels, inputs, split=split)
    return call(name, shapes, *images)


def _last(images: Any, *_: Any) -> tuple[int, ...]:
    return images.shape[-1:]


def _over_pixels(images: Array) -> Array:
    return images.sum(range(images.ndim - 1))


_total = primitive("channel_total", _last, _over_pixels, _native)
_spread = primitive(
    "channel_spread", lambda a, *, shape: shape, lambda a, *, shape: jnp.broadcast_to(a, shape)
)
_inner = primitive("channel_inner", _last, lambda x, y: _over_pixels(x * y), _native)
_scaled = primitive("channel_scaled", lambda x, a: x.shape, lambda x, a: x * a)

transposes(_total, lambda slope, x: _spread.bind(slope, shape=x.aval.shape))
transposes(_spread, lambda slope, a, *, shape: _total.bind(slope))
transposes(_inner, lambda slope, x, y: _scaled.bind(y, slope), lambda slope, x, y: _scaled.bind(x, slope))
transposes(_scaled, lambda slope, x, a: _scaled.bind(slope, a), lambda slope, x, a: _inner.bind(slope, x))
