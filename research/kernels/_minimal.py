"""Convolutions three columns wide with a third of the products left out: Winograd's filtering F(2, 3).

Two neighbouring outputs of a filter g of three values over inputs d take four products and not six, each of a
sum of inputs and a sum of the filter's values (Winograd 1980; Lavin and Gray 2015, arXiv 1509.09308):

    inputs   v = (d0 - d2,  d1 + d2,  d2 - d1,  d3 - d1)
    filter   u = (g0,  (g0 + g1 + g2) / 2,  (g0 - g1 + g2) / 2,  g2)
    outputs  y0 = u0 v0 + u1 v1 + u2 v2,    y1 = u1 v1 - u2 v2 + u3 v3

It is done along columns; products are summed over rows and channels before outputs are made of them. So a
convolution is four, each a column wide, on images of half as many columns, and a column of padding costs
nothing. The kernel's gradient is the transposed map: from the outputs' gradient
z = (y0,  y0 + y1,  y0 - y1,  y1) the gradient of each u is the sum of z v.

Some examples are worked on at a time, their rows side by side, so that small images fill a tile of sums too.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from research.kernels._direct import (
    Plane,
    RowOverlap,
    near,
    products_added,
    split,
    sum_plane,
    sums_of_tile,
    vectors_of,
)
from research.kernels._llvm import Kernel
from research.kernels._processor import vector_width

PRODUCTS = 4
"""That two outputs are made of."""

WINDOW = 3
"""Rows and columns of the convolution's kernel."""


class WinogradTiles(NamedTuple):
    """A block of examples with four values for each pair of columns: [product, row, example, pair, channel].

    Attributes:
        size: rows and columns of an image.
        channels: of the values.
        examples: how many.
    """

    size: tuple[int, int]
    channels: int
    examples: int

    @property
    def pairs(self) -> int:
        """Of columns in a row of one image."""
        return self.size[1] // 2

    @property
    def line(self) -> int:
        """Numbers in a row of all examples."""
        return self.examples * self.pairs * self.channels

    @property
    def numbers(self) -> int:
        """Of each product."""
        return self.size[0] * self.line

    def group_of(self, features: int) -> "WinogradTiles":
        """The same examples with as many channels as a tile sums at a time, of this number of features."""
        width, vectors = vectors_of(features)
        return self._replace(channels=width * vectors)

    def each(
        self, kernel: Kernel, channels: int, body: Callable[[Any, Any], None], start: int = 0, end: int = 0
    ) -> None:
        """`body(image, tile)` for each pair of each row and example, and vector of channels.

        Args:
            channels: of the images, of which those taken are neighbours.
            body: told where the vector lies in the images, in the first of two columns, and among the tiles.
            start: pairs of each row to leave out at its beginning.
            end: and at its end.
        """
        width = vector_width(self.channels)
        row_length = self.size[1] * channels

        def example(index, _):
            def row(y, _):
                image = kernel.sum(
                    kernel.times(index, self.size[0] * row_length), kernel.times(y, row_length)
                )
                tile = kernel.sum(kernel.times(y, self.line), kernel.times(index, self.pairs * self.channels))

                def pair(x, _):
                    def vector(number, _):
                        first = kernel.times(number, width)
                        body(
                            kernel.sum(image, kernel.times(x, 2 * channels), start * 2 * channels, first),
                            kernel.sum(tile, kernel.times(x, self.channels), start * self.channels, first),
                        )

                    kernel.loop(self.channels // width, vector)

                kernel.loop(self.pairs - start - end, pair)

            kernel.loop(self.size[0], row)

        kernel.loop(self.examples, example)

    def places(self, kernel: Kernel, buffer: Any, tile: Any) -> list[Any]:
        """Where a pair's four values lie, one vector of each."""
        return [kernel.address(buffer, kernel.sum(tile, t * self.numbers)) for t in range(PRODUCTS)]


def correlate_minimal(
    kernel: Kernel, planes: tuple[Plane, ...], inputs: WinogradTiles, features: int
) -> None:
    """Write a kernel of (input, u) to (output, transformed inputs, products), of images of one size.

    Ranges are of blocks of examples; each unit has memory of its own.

    Args:
        planes: from one product's transformed inputs to its sums.
        inputs: a block of examples; there is a whole number of blocks.
        features: of the output; u is [group of features, product, row, channel, feature].
    """
    images, weights, output, transformed, sums = kernel.buffers
    outputs = inputs.group_of(features)
    of_product = WINDOW * inputs.channels * outputs.channels
    transformed = kernel.address(transformed, kernel.times(kernel.unit, PRODUCTS * inputs.numbers))
    sums = kernel.address(sums, kernel.times(kernel.unit, PRODUCTS * outputs.numbers))
    begun, count = kernel.share_of_blocks(inputs.examples, kernel.range, kernel.ranges)

    def block(offset, _):
        first = kernel.sum(begun, offset)
        _place_inputs(kernel, inputs, (images, _example(kernel, inputs, first, inputs.channels)), transformed)
        written = _example(kernel, inputs, first, features)

        def feature_group(number, _):
            def product(t, _):
                read, to = kernel.times(t, inputs.numbers), kernel.times(t, outputs.numbers)
                filters = kernel.times(kernel.sum(kernel.times(number, PRODUCTS), t), of_product)
                for plane in planes:
                    sum_plane(
                        kernel, plane, (transformed, read), (weights, filters), (sums, to), outputs.channels
                    )

            kernel.loop(PRODUCTS, product)
            to = kernel.sum(written, kernel.times(number, outputs.channels))
            _write_outputs(kernel, outputs, sums, (output, to), features)

        kernel.loop(features // outputs.channels, feature_group)

    kernel.loop(count, block, step=inputs.examples)


def contract_minimal(
    kernel: Kernel, inputs: WinogradTiles, overlaps: tuple[RowOverlap, ...], features: int
) -> None:
    """Write a kernel of (input, output gradient) to (u's gradient, both transformed).

    Parts are of blocks of examples; each has memory of its own. Where there are parts, their sums are a last
    output.

    Args:
        inputs: a block of examples; there is a whole number of blocks.
        overlaps: the rows of input and output that meet for each row of the convolution's kernel.
        features: of the output; u's gradient is [product, row, channel, feature].
    """
    images, gradient, _, transformed, slopes = kernel.buffers[:5]
    outputs = inputs._replace(channels=features)
    channels, pixels = inputs.channels, inputs.examples * inputs.pairs
    width, vectors = vectors_of(features)
    group, breadth = vectors * width, near(channels, sums_of_tile() // vectors)
    numbers = PRODUCTS * len(overlaps) * channels * features
    output = kernel.add_up(numbers, 3)
    transformed = kernel.address(transformed, kernel.times(kernel.unit, PRODUCTS * inputs.numbers))
    slopes = kernel.address(slopes, kernel.times(kernel.unit, PRODUCTS * outputs.numbers))
    begun, count = kernel.share_of_blocks(inputs.examples, kernel.part, kernel.split.parts)

    def block(offset, _):
        first = kernel.sum(begun, offset)
        _place_inputs(kernel, inputs, (images, _example(kernel, inputs, first, channels)), transformed)
        _place_slopes(kernel, outputs, (gradient, _example(kernel, inputs, first, features)), slopes)

        def product(t, _):
            for row, of_row in enumerate(overlaps):
                to = kernel.times(kernel.sum(kernel.times(t, len(overlaps)), row), channels * features)
                read = kernel.sum(kernel.times(t, inputs.numbers), of_row.at * inputs.line)
                slope = kernel.sum(kernel.times(t, outputs.numbers), of_row.first * outputs.line)
                for part in split(channels, breadth) if of_row.rows else ():
                    tiles(part, of_row.rows * pixels, read, slope, to)

        kernel.loop(PRODUCTS, product)

    def tiles(part, count, read, slope, to):
        def some(index, _):
            channel = kernel.sum(kernel.times(index, part.size), part.start)

            def feature_group(index, _):
                feature = kernel.times(index, group)
                sum_tile(
                    part.size,
                    count,
                    kernel.sum(read, channel),
                    kernel.sum(slope, feature),
                    kernel.sum(to, kernel.times(channel, features), feature),
                )

            kernel.loop(features // group, feature_group)

        kernel.loop(part.times, some)

    def sum_tile(terms, count, read, slope, to):
        places = [
            kernel.address(output, kernel.sum(to, term * features + v * width))
            for term in range(terms)
            for v in range(vectors)
        ]

        def pixel(index, sums):
            numbers = kernel.address(transformed, kernel.sum(read, kernel.times(index, channels)))
            row = kernel.address(slopes, kernel.sum(slope, kernel.times(index, features)))
            return products_added(kernel, sums, numbers, range(terms), row, width)

        sums = kernel.loop(count, pixel, [kernel.load(place, width) for place in places])
        for value, place in zip(sums, places, strict=True):
            kernel.store(value, place)

    kernel.clear(output, numbers)
    kernel.loop(count, block, step=inputs.examples)


def _example(kernel: Kernel, tiles: WinogradTiles, index: Any, channels: int) -> Any:
    """The number at which an example of images of `channels` channels begins."""
    return kernel.times(index, tiles.size[0] * tiles.size[1] * channels)


def _place_inputs(kernel: Kernel, tiles: WinogradTiles, source: tuple[Any, Any], target: Any) -> None:
    """Each pair's v, of the images that begin at a number of the source."""
    width, last = vector_width(tiles.channels), tiles.pairs - 1
    zeros = kernel.zeros(width)

    def put(image, tile, is_first, is_last):
        def column(ahead):
            at = kernel.sum(source[1], image, ahead * tiles.channels)
            return kernel.load(kernel.address(source[0], at), width)

        d0, d1, d2, d3 = (
            zeros if is_first else column(-1),
            column(0),
            column(1),
            zeros if is_last else column(2),
        )
        values = kernel.less(d0, d2), kernel.add(d1, d2), kernel.less(d2, d1), kernel.less(d3, d1)
        for value, place in zip(values, tiles.places(kernel, target, tile), strict=True):
            kernel.store(value, place)

    # The columns beside an image are zeros that are not in memory.
    for is_first, is_last, start, end in (
        (True, False, 0, last),
        (False, True, last, 0),
        (False, False, 1, 1),
    ):
        if start + end < tiles.pairs:
            tiles.each(kernel, tiles.channels, partial(put, is_first=is_first, is_last=is_last), start, end)


def _place_slopes(kernel: Kernel, tiles: WinogradTiles, source: tuple[Any, Any], target: Any) -> None:
    """Each pair's z, of the gradients that begin at a number of the source."""
    width = vector_width(tiles.channels)

    def put(image, tile):
        y0, y1 = (
            kernel.load(
                kernel.address(source[0], kernel.sum(source[1], image, ahead * tiles.channels)), width
            )
            for ahead in range(2)
        )
        values = y0, kernel.add(y0, y1), kernel.less(y0, y1), y1
        for value, place in zip(values, tiles.places(kernel, target, tile), strict=True):
            kernel.store(value, place)

    tiles.each(kernel, tiles.channels, put)


def _write_outputs(
    kernel: Kernel, tiles: WinogradTiles, source: Any, target: tuple[Any, Any], features: int
) -> None:
    """The outputs that pairs' sums of products come to, as images that begin at a number of the target."""
    width = vector_width(tiles.channels)

    def put(image, tile):
        m = [kernel.load(place, width) for place in tiles.places(kernel, source, tile)]
        outputs = (
            kernel.add(kernel.add(m[0], m[1]), m[2]),
            kernel.add(kernel.less(m[1], m[2]), m[3]),
        )
        for ahead, value in enumerate(outputs):
            at = kernel.sum(target[1], image, ahead * features)
            kernel.store(value, kernel.address(target[0], at))

    tiles.each(kernel, features, put)
