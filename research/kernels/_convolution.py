"""A convolution, and its two gradients, as three bilinear maps each of whose derivatives is one of the three.

    forward    (images, kernel) -> output
    to_images  (output gradient, kernel) -> images' gradient
    to_kernel  (images, output gradient) -> kernel's gradient

So it can be differentiated forwards, in reverse, and in any order, like JAX's own. On a CPU each is a kernel
of `research.kernels._direct`, or of `_minimal` where channels are many, if the numbers are float32 and the
channels a multiple of a vector's 4, 8 or 16. Else it is the reference, JAX's NHWC/HWIO convolution: inside
`scan` and its kin, XLA:CPU lowers the gradients that JAX derives to a path 10 to 18 times slower than its
fast one (jax issue 12868), because their layouts are not the ones that it looks for.
"""

import math
from itertools import groupby
from typing import NamedTuple

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from research.kernels._direct import (
    Frame,
    Plane,
    RowOverlap,
    Taps,
    block_of,
    contract,
    correlate,
    tiles_of_contract,
)
from research.kernels._handler import MOST_UNITS, Split
from research.kernels._llvm import register
from research.kernels._minimal import PRODUCTS, WINDOW, WinogradTiles, contract_minimal, correlate_minimal
from research.kernels._primitive import call, primitive, transposes
from research.kernels._processor import WIDTHS

_NHWC = ("NHWC", "HWIO", "NHWC")
Pair = tuple[int, int]
Padding = tuple[Pair, Pair]

MINIMAL_CHANNELS = 64  # with 32, making sums of images and kernels takes what products left out would have


def convolution(
    images: Float[Array, "batch height width channel"],
    kernel: Float[Array, "rows columns channel feature"],
    strides,
    padding,
    **options,
) -> Float[Array, "batch out_height out_width feature"]:
    """`lax.conv_general_dilated` for NHWC images and HWIO kernels, as fast on a CPU as we can make it.

    Fits `nnx.Conv(conv_general_dilated=...)`; dilation and feature groups are not supported.
    """
    for name, neutral in (("lhs_dilation", 1), ("rhs_dilation", 1), ("feature_group_count", 1)):
        value = options.get(name, neutral)
        if any(v != neutral for v in (value if isinstance(value, tuple | list) else [value])):
            raise NotImplementedError(f"convolution with {name}={value}")
    shape = {"size": images.shape[1:3], "window": kernel.shape[:2]}
    return _forward.bind(images, kernel, **shape, strides=tuple(strides), padding=tuple(map(tuple, padding)))


# Each map three times: its output's shape, as ordinary convolutions, and as a kernel.


def _forward_shape(images, kernel, *, size: Pair, window: Pair, strides: Pair, padding: Padding):
    rows, columns = _output_size(size, window, strides, padding)
    return (images.shape[0], rows, columns, kernel.shape[3])


def _forward_reference(images, kernel, *, size: Pair, window: Pair, strides: Pair, padding: Padding):
    del size, window
    return lax.conv_general_dilated(images, kernel, strides, padding, dimension_numbers=_NHWC)


def _forward_native(images, kernel, *, size: Pair, window: Pair, strides: Pair, padding: Padding):
    channels, features = kernel.shape[2:]
    if _is_minimal(size, window, strides, padding, channels, features):
        return _correlated_minimal(images, kernel)
    frame = Frame(size, channels, padding[1])
    rows, columns = _output_size(size, window, strides, padding)
    # A row of the kernel meets neighbouring numbers of the input: columns and channels are one axis.
    length = window[1] * channels
    terms = [(row, row - padding[0][0]) for row in range(window[0])]
    planes = tuple(
        Plane(
            (part.pixels, columns),
            part.first * columns * features,
            (columns * features, features),
            (strides[0] * frame.line, strides[1] * channels),
            tuple(Taps(at * frame.line, row * length, length) for row, at in part.terms),
        )
        for part in _stretches(rows, strides[0], terms, size[0])
    )
    return _correlated(planes, frame, (rows, columns, features), images, kernel)


def _to_images_shape(gradient, kernel, *, size: Pair, **_):
    return (gradient.shape[0], *size, kernel.shape[2])


def _to_images_reference(gradient, kernel, *, size: Pair, window: Pair, strides: Pair, padding: Padding):
    """The stride-dilated output gradient, convolved with the flipped, transposed kernel."""
    borders = [
        (k - 1 - lo, n + lo - ((out - 1) * stride + 1))
        for n, k, out, stride, (lo, _) in zip(
            size, window, gradient.shape[1:3], strides, padding, strict=True
        )
    ]
    return lax.conv_general_dilated(
        gradient,
        kernel[::-1, ::-1].transpose(0, 1, 3, 2),
        (1, 1),
        borders,
        lhs_dilation=strides,
        dimension_numbers=_NHWC,
    )


def _to_images_native(gradient, kernel, *, size: Pair, window: Pair, strides: Pair, padding: Padding):
    """With stride s, pixel y has the terms i of the kernel for which y + border - i is a multiple of s.

    So there are as many planes of pixels with equal terms as there are remainders in y and x; a term's
    output pixel is (y + border - i) / s.
    """
    channels, features = kernel.shape[2:]
    if _is_minimal(size, window, strides, padding, channels, features):
        return _correlated_minimal(gradient, kernel[::-1, ::-1].transpose(0, 1, 3, 2))
    out = gradient.shape[1:3]
    along = [
        [
            [
                (i, (remainder + padding[axis][0] - i) // strides[axis])
                for i in range(window[axis])
                if (remainder + padding[axis][0] - i) % strides[axis] == 0
            ]
            for remainder in range(min(strides[axis], size[axis]))
        ]
        for axis in range(2)
    ]
    counts = [
        [-(-(size[axis] - remainder) // strides[axis]) for remainder in range(len(along[axis]))]
        for axis in range(2)
    ]
    # Zeros beside the output where terms reach beyond it.
    reached = [
        (-at, at + count - out[1])
        for terms, count in zip(along[1], counts[1], strict=True)
        for _, at in terms
    ]
    before, behind = (max(0, *side) for side in zip((0, 0), *reached, strict=True))
    frame = Frame(out, features, (before, behind))
    planes = tuple(
        Plane(
            (part.pixels, counts[1][x]),
            ((y + part.first * strides[0]) * size[1] + x) * channels,
            (strides[0] * size[1] * channels, strides[1] * channels),
            (frame.line, features),
            tuple(
                Taps(
                    at_y * frame.line + (at_x + before) * features,
                    (i * window[1] + j) * features,
                    features,
                )
                for i, at_y in part.terms
                for j, at_x in along[1][x]
            ),
        )
        for y in range(len(along[0]))
        for part in _stretches(counts[0][y], 1, along[0][y], out[0])
        for x in range(len(along[1]))
    )
    return _correlated(planes, frame, (*size, channels), gradient, kernel.transpose(0, 1, 3, 2))


def _to_kernel_shape(images, gradient, *, window: Pair, **_):
    return (*window, images.shape[3], gradient.shape[3])


def _to_kernel_reference(images, gradient, *, size: Pair, window: Pair, strides: Pair, padding: Padding):
    """The batch is the contracted feature; the output gradient is the kernel, dilated by the stride."""
    borders = [
        (lo, k - 1 + ((out - 1) * stride + 1) - n - lo)
        for n, k, out, stride, (lo, _) in zip(
            size, window, gradient.shape[1:3], strides, padding, strict=True
        )
    ]
    result = lax.conv_general_dilated(
        images.transpose(3, 1, 2, 0),
        gradient.transpose(1, 2, 0, 3),
        (1, 1),
        borders,
        rhs_dilation=strides,
        dimension_numbers=_NHWC,
    )
    return result.transpose(1, 2, 0, 3)


def _to_kernel_native(images, gradient, *, size: Pair, window: Pair, strides: Pair, padding: Padding):
    channels, features = images.shape[3], gradient.shape[3]
    if _is_minimal(size, window, strides, padding, channels, features):
        return _contracted_minimal(images, gradient)
    frame, out = Frame(size, channels, padding[1]), gradient.shape[1:3]
    overlaps = tuple(
        _row_overlap(out[0], strides[0], row - padding[0][0], size[0]) for row in range(window[0])
    )
    shape, examples = (*window, channels, features), len(images)
    split = Split.of(
        examples * math.prod(out) * math.prod(shape),
        _parts(examples, examples * math.prod(out)),
        tiles_of_contract(frame, overlaps, window[1], features),
    )
    shapes = [shape, *_frames(frame, split.units * block_of(out)), *_partial(shape, split)]
    name = register(2, len(shapes), contract, frame, strides, out, overlaps, window[1], features, split=split)
    return call(name, shapes, images, gradient)


def _correlated(planes: tuple[Plane, ...], frame: Frame, shape: tuple[int, int, int], images, kernel):
    pixels = sum(math.prod(plane.extents) * sum(taps.length for taps in plane.taps) for plane in planes)
    split = Split.of(len(images) * pixels * shape[2], ranges=len(images))
    shapes = [(len(images), *shape), *_frames(frame, split.units)]
    size = math.prod(shape)
    name = register(2, len(shapes), correlate, planes, frame, size, shape[2], split=split)
    return call(name, shapes, images, kernel)


def _parts(most: int, pixels: int) -> int:
    """How many parts a sum over pixels is made of: adding them up is to take no time to speak of."""
    return max(1, min(most, MOST_UNITS // 2, pixels // 1024))


def _partial(shape: tuple[int, ...], split: Split) -> list[tuple[int, ...]]:
    """The shape of the parts' sums, where there are parts."""
    return [] if split.parts == 1 else [(split.parts, *shape)]


def _is_minimal(size: Pair, window: Pair, strides: Pair, padding: Padding, *channels: int) -> bool:
    """Whether some products can be left out, and are enough for it to pay; the same on every processor."""
    return (
        window == (WINDOW, WINDOW)
        and strides == (1, 1)
        and padding == ((1, 1), (1, 1))
        and size[1] % 2 == 0
        and size[1] > 2
        and all(number >= MINIMAL_CHANNELS and number % max(WIDTHS) == 0 for number in channels)
    )


def _correlated_minimal(images, kernel):
    channels, features = kernel.shape[2:]
    tiles = _winograd_tiles(images.shape, 12)
    outputs, pixels = tiles.group_of(features), tiles.examples * tiles.pairs
    terms = [(row, row - 1) for row in range(WINDOW)]
    planes = tuple(
        Plane(
            (1, part.pixels * pixels),
            part.first * outputs.line,
            (0, outputs.channels),
            (0, channels),
            tuple(Taps(at * tiles.line, row * channels, channels) for row, at in part.terms),
        )
        for part in _stretches(tiles.size[0], 1, terms, tiles.size[0])
    )
    g0, g1, g2 = (kernel[:, column] for column in range(WINDOW))
    u = jnp.stack([g0, (g0 + g1 + g2) / 2, (g0 - g1 + g2) / 2, g2])
    u = u.reshape(*u.shape[:3], -1, outputs.channels).transpose(3, 0, 1, 2, 4)
    blocks = len(images) // tiles.examples
    split = Split.of(images.size * features * WINDOW**2, ranges=blocks)
    of_unit = [(split.units * PRODUCTS * block.numbers,) for block in (tiles, outputs)]
    name = register(2, 3, correlate_minimal, planes, tiles, features, split=split)
    return call(name, [(*images.shape[:3], features), *of_unit], images, u)


def _contracted_minimal(images, gradient):
    channels, features = images.shape[3], gradient.shape[3]
    tiles = _winograd_tiles(images.shape, 256 // images.shape[1])
    overlaps = tuple(_row_overlap(tiles.size[0], 1, row - 1, tiles.size[0]) for row in range(WINDOW))
    shape, blocks = (PRODUCTS, WINDOW, channels, features), len(images) // tiles.examples
    pixels = math.prod(images.shape[:3])
    split = Split.of(pixels * channels * features * WINDOW**2, _parts(blocks, pixels))
    of_unit = [
        (split.units * PRODUCTS * block.numbers,) for block in (tiles, tiles._replace(channels=features))
    ]
    shapes = [shape, *of_unit, *_partial(shape, split)]
    name = register(2, len(shapes), contract_minimal, tiles, overlaps, features, split=split)
    u = call(name, shapes, images, gradient)
    return jnp.stack([u[0] + (u[1] + u[2]) / 2, (u[1] - u[2]) / 2, (u[1] + u[2]) / 2 + u[3]], axis=1)


def _winograd_tiles(shape: tuple[int, ...], pairs: int) -> WinogradTiles:
    """A block of examples whose rows have `pairs` pairs of columns, if such blocks divide the batch."""
    examples, rows, columns, channels = shape
    block = 1
    while block * columns // 2 < pairs and examples % (2 * block) == 0:
        block *= 2
    return WinogradTiles((rows, columns), channels, block)


def _frames(frame: Frame, examples: int) -> list[tuple[int, ...]]:
    """The shape of the memory for a number of examples in their frames, where there is a border."""
    return [] if frame.is_empty else [(examples * frame.numbers,)]


class _Stretch(NamedTuple):
    """Pixels that follow each other along an axis and have the same terms: (row of the kernel, place).

    Pixel q of it, from 0, has its term at place + q times the stride in the input.
    """

    first: int
    pixels: int
    terms: list[Pair]


def _stretches(pixels: int, stride: int, terms: list[Pair], extent: int) -> list[_Stretch]:
    """The pixels by which of the terms lie within the input's extent: beyond it there is nothing to add."""

    def inside(pixel: int) -> list[int]:
        return [row for row, at in terms if 0 <= pixel * stride + at < extent]

    found = []
    for rows, group in groupby(range(pixels), inside):
        first, *others = group
        here = [(row, first * stride + at) for row, at in terms if row in rows]
        found.append(_Stretch(first, 1 + len(others), here))
    return found


def _row_overlap(pixels: int, stride: int, place: int, extent: int) -> RowOverlap:
    """The pixels whose term at that place lies within the input's extent."""
    inside = [part for part in _stretches(pixels, stride, [(0, place)], extent) if part.terms]
    if not inside:
        return RowOverlap(0, 0, 0)
    return RowOverlap(inside[0].terms[0][1], inside[0].first, inside[0].pixels)


def _output_size(size: Pair, window: Pair, strides: Pair, padding: Padding) -> Pair:
    rows, columns = (
        (n + lo + hi - k) // stride + 1
        for n, k, stride, (lo, hi) in zip(size, window, strides, padding, strict=True)
    )
    return rows, columns


_forward = primitive("convolution", _forward_shape, _forward_reference, _forward_native)
_to_images = primitive("convolution_to_images", _to_images_shape, _to_images_reference, _to_images_native)
_to_kernel = primitive("convolution_to_kernel", _to_kernel_shape, _to_kernel_reference, _to_kernel_native)

transposes(
    _forward,
    lambda slope, images, kernel, **how: _to_images.bind(slope, kernel, **how),
    lambda slope, images, kernel, **how: _to_kernel.bind(images, slope, **how),
)
transposes(
    _to_images,
    lambda slope, gradient, kernel, **how: _forward.bind(slope, kernel, **how),
    lambda slope, gradient, kernel, **how: _to_kernel.bind(slope, gradient, **how),
)
transposes(
    _to_kernel,
    lambda slope, images, gradient, **how: _to_images.bind(gradient, slope, **how),
    lambda slope, images, gradient, **how: _forward.bind(images, slope, **how),
)
