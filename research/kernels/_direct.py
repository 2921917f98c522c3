"""Direct convolutions: sums in registers, no matrix of patches.

A convolution by matrix product gathers every output pixel's patch first. With few channels that costs more
than the arithmetic: on one core XLA's reaches a tenth to a third of the speed that is possible. Here each of
the three forms is loops around one tile of sums that stay in vector registers (a direct convolution, as in
Georganas et al. 2018, arXiv 1808.05567): a tile's inner step loads a vector of kernel values or two, and
multiplies each by one number from each of its pixels.

Images are NHWC, kernels HWIO; the vectors run along the last axis. Rows of padding are left out of the sums.
For columns of padding an example is first copied between zeros, to where it stays in the cache: so no tile
has to know of the border.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

from research.kernels._llvm import Kernel
from research.kernels._processor import registers, vector_width


class Frame(NamedTuple):
    """Images with zeros on their left and right.

    Attributes:
        size: rows and columns of an image.
        channels: its numbers at a pixel.
        borders: columns of zeros before and behind.
    """

    size: tuple[int, int]
    channels: int
    borders: tuple[int, int]

    @property
    def line(self) -> int:
        """Numbers in a row."""
        return (self.size[1] + sum(self.borders)) * self.channels

    @property
    def numbers(self) -> int:
        """In an example."""
        return self.size[0] * self.line

    @property
    def is_empty(self) -> bool:
        """Whether there is no border."""
        return self.borders == (0, 0)

    def place(self, kernel: Kernel, source: Any, example: Any, target: Any, at: Any) -> None:
        """Copy an example of the source into a frame that begins at a number of the target."""
        row = self.size[1] * self.channels
        begin = self.borders[0] * self.channels

        def copy(number, _):
            taken = kernel.sum(kernel.times(example, self.size[0] * row), kernel.times(number, row))
            put = kernel.sum(at, kernel.times(number, self.line), begin)
            kernel.copy(kernel.address(source, taken), kernel.address(target, put), row)

        kernel.loop(self.size[0], copy)


class Taps(NamedTuple):
    """A stretch of terms of each output pixel's sum, contiguous in the input and in the kernel.

    Attributes:
        offset: in the input, from the pixel's own place, of the first term.
        row: of the kernel, as a matrix of terms by features, for the first term.
        length: how many terms.
    """

    offset: int
    row: int
    length: int


class Plane(NamedTuple):
    """A grid of output pixels of one example whose sums have the same terms.

    Attributes:
        extents: rows and columns of pixels.
        start: of its first pixel in the output.
        steps: from a row to the next, and from a column, in the output.
        strides: the same in the input.
        taps: the terms.
    """

    extents: tuple[int, int]
    start: int
    steps: tuple[int, int]
    strides: tuple[int, int]
    taps: tuple[Taps, ...]


def correlate(
    kernel: Kernel, planes: tuple[Plane, ...], frame: Frame, output_size: int, features: int
) -> None:
    """Write a kernel of (input, weights) to (output, frames): each pixel's features as sums over taps.

    Ranges are of examples.

    Args:
        frame: of the input, one for each unit; where it is empty there is no second output.
        output_size: numbers in an example of the output.
        features: of the output, its last axis.
    """
    images, weights, output, *framed = kernel.buffers
    source = framed[0] if framed else images
    width, vectors = vectors_of(features)
    group = vectors * width

    begun, count = kernel.share(kernel.examples, kernel.range, kernel.ranges)
    own_frame = kernel.times(kernel.unit, frame.numbers)

    def feature_group(number, _):
        first = kernel.times(number, group)

        def example(offset, _):
            index = kernel.sum(begun, offset)
            read, written = kernel.times(index, frame.numbers), kernel.times(index, output_size)
            if framed:
                read = own_frame
                frame.place(kernel, images, index, source, read)
            for plane in planes:
                to = kernel.sum(written, first)
                sum_plane(kernel, plane, (source, read), (weights, first), (output, to), features)

        kernel.loop(count, example)

    if framed:
        kernel.clear(kernel.address(source, own_frame), frame.numbers)
    kernel.loop(features // group, feature_group)


def sum_plane(kernel: Kernel, plane: Plane, source: Any, weights: Any, target: Any, features: int) -> None:
    """Write a group of features of a plane's pixels, in tiles whose sums stay in registers.

    Args:
        source: a buffer, and the number in it at which the plane's example begins.
        weights: a buffer, and the number in it of the group's first weight.
        target: a buffer, and the number in it of the group's first result.
        features: of the weights, whose rows are so long.
    """
    (step_y, step_x), (stride_y, stride_x) = plane.steps, plane.strides
    width, vectors = vectors_of(features)

    def sum_tile(shape, at, to):
        pixels = [(y, x) for y in range(shape[0]) for x in range(shape[1])]
        sums = [kernel.zeros(width)] * (len(pixels) * vectors)
        for taps in plane.taps:

            def term(index, sums, taps=taps):
                numbers = kernel.address(source[0], kernel.sum(at, index, taps.offset))
                row = kernel.address(
                    weights[0], kernel.sum(kernel.times(index, features), weights[1], taps.row * features)
                )
                places = [y * stride_y + x * stride_x for y, x in pixels]
                return products_added(kernel, sums, numbers, places, row, width)

            sums = kernel.loop(taps.length, term, sums)
        for number, (y, x) in enumerate(pixels):
            for v in range(vectors):
                place = y * step_y + x * step_x + v * width
                kernel.store(sums[number * vectors + v], kernel.address(target[0], kernel.sum(to, place)))

    def tiles(line, column):
        begin_read = line.start * stride_y + column.start * stride_x
        begin_written = plane.start + line.start * step_y + column.start * step_x

        def across(y, _):
            from_line = kernel.sum(source[1], kernel.times(y, line.size * stride_y), begin_read)
            to_line = kernel.sum(target[1], kernel.times(y, line.size * step_y), begin_written)

            def one(x, _):
                at = kernel.sum(from_line, kernel.times(x, column.size * stride_x))
                to = kernel.sum(to_line, kernel.times(x, column.size * step_x))
                sum_tile((line.size, column.size), at, to)

            kernel.loop(column.times, one)

        kernel.loop(line.times, across)

    rows, columns = _tile(plane.extents, sums_of_tile() // vectors)
    for line in split(plane.extents[0], rows):
        for column in split(plane.extents[1], columns):
            tiles(line, column)


def block_of(extents: tuple[int, int]) -> int:
    """How many examples `contract` sums over between two visits to memory."""
    return max(1, 512 // (extents[0] * extents[1]))


class RowOverlap(NamedTuple):
    """For a row of the convolution's kernel, the output's rows to which it carries something.

    Attributes:
        at: the input's row for the first of them.
        first: of these rows.
        rows: how many; they follow each other.
    """

    at: int
    first: int
    rows: int


def contract(
    kernel: Kernel,
    frame: Frame,
    strides: tuple[int, int],
    extents: tuple[int, int],
    overlaps: tuple[RowOverlap, ...],
    columns: int,
    features: int,
) -> None:
    """Write a kernel of (input, output gradient) to (weights' gradient, frames): a sum over examples, pixels.

    Parts are of examples, ranges of weights. If there are parts, their sums are a last output.

    Args:
        frame: of the input; where it is empty there is no second output, else those of `block_of` examples,
            for each unit.
        strides: of the convolution.
        extents: rows and columns of output pixels.
        overlaps: the rows of input and output that meet for each row of the convolution's kernel.
        columns: of the convolution's kernel.
        features: of the output.
    """
    images, gradient, _, *scratch = kernel.buffers
    framed = not frame.is_empty
    source = scratch[0] if framed else images
    # The numbers of the input that meet one row of the convolution's kernel lie side by side.
    rows, row_length = len(overlaps), columns * frame.channels
    width, vectors = vectors_of(features)
    group = vectors * width
    breadth = near(row_length, sums_of_tile() // vectors)
    # The sums go to memory and back once for each block of examples, whose numbers stay in the cache.
    block = block_of(extents)
    weights = rows * row_length * features
    output = kernel.add_up(weights, len(scratch))
    begun, total = kernel.share(kernel.examples, kernel.part, kernel.split.parts)
    own_frames = kernel.times(kernel.unit, block * frame.numbers)

    def examples(offset, _):
        first = kernel.sum(begun, offset)
        count = kernel.least(kernel.less(total, offset), block)
        if framed:

            def place(index, _):
                at = kernel.sum(own_frames, kernel.times(index, frame.numbers))
                frame.place(kernel, images, kernel.sum(first, index), source, at)

            kernel.loop(count, place)

        before = 0
        for row in range(rows):
            for part in split(row_length, breadth) if overlaps[row].rows else ():
                part_of_row((offset, first, count), row, part, before)
                before += part.times * (features // group)

    def part_of_row(examples, row, part, before):
        def some(number, _):
            column = kernel.sum(kernel.times(number, part.size), part.start)

            def feature_group(index, _):
                tile = kernel.sum(kernel.times(number, features // group), index, before)
                kernel.when_mine(
                    tile,
                    lambda: sum_tile(examples, row, column, part.size, kernel.times(index, group)),
                )

            kernel.loop(features // group, feature_group)

        kernel.loop(part.times, some)

    def sum_tile(examples, row, column, terms, feature):
        begins, first, count = examples
        to = kernel.sum(row * row_length * features, kernel.times(column, features), feature)
        places = [
            kernel.address(output, kernel.sum(to, term * features + v * width))
            for term in range(terms)
            for v in range(vectors)
        ]

        def example(index, sums):
            number = kernel.sum(first, index)
            read = kernel.times(index if framed else number, frame.numbers)
            read = kernel.sum(own_frames if framed else 0, read, overlaps[row].at * frame.line, column)
            begin = overlaps[row].first * extents[1] * features
            slope = kernel.sum(kernel.times(number, extents[0] * extents[1] * features), begin, feature)

            def line(y, sums):
                from_line = kernel.sum(read, kernel.times(y, strides[0] * frame.line))
                slope_line = kernel.sum(slope, kernel.times(y, extents[1] * features))

                def pixel(x, sums):
                    numbers = kernel.address(
                        source, kernel.sum(from_line, kernel.times(x, strides[1] * frame.channels))
                    )
                    slopes = kernel.address(gradient, kernel.sum(slope_line, kernel.times(x, features)))
                    return products_added(kernel, sums, numbers, range(terms), slopes, width)

                return kernel.loop(extents[1], pixel, sums)

            return kernel.loop(overlaps[row].rows, line, sums)

        sums = kernel.loop(count, example, [kernel.load_later(place, width, begins) for place in places])
        for value, place in zip(sums, places, strict=True):
            kernel.store(value, place)

    for row in range(rows):
        if not overlaps[row].rows:
            start = kernel.address(output, row * row_length * features)
            kernel.when_mine(kernel.constant(row), partial(kernel.clear, start, row_length * features))
    if framed:
        kernel.clear(kernel.address(source, own_frames), block * frame.numbers)
    kernel.loop(total, examples, step=block)


def tiles_of_contract(frame: Frame, overlaps: tuple[RowOverlap, ...], columns: int, features: int) -> int:
    """How many tiles of sums `contract` makes, which are what its ranges are of."""
    width, vectors = vectors_of(features)
    length = columns * frame.channels
    parts = split(length, near(length, sums_of_tile() // vectors))
    return (
        sum(part.times for part in parts)
        * (features // (width * vectors))
        * sum(m.rows > 0 for m in overlaps)
    )


def products_added(
    kernel: Kernel, sums: list[Any], numbers: Any, places: Sequence[int], row: Any, width: int
) -> list[Any]:
    """The sums of a tile, for each place its vectors, with the products of its number and a row's vectors."""
    vectors = len(sums) // len(places)
    values = [kernel.load(kernel.address(row, v * width), width) for v in range(vectors)]
    after = []
    for index, place in enumerate(places):
        everywhere = kernel.load_all(kernel.address(numbers, place), width)
        after += [
            kernel.multiply_add(everywhere, value, sums[index * vectors + v])
            for v, value in enumerate(values)
        ]
    return after


def vectors_of(features: int) -> tuple[int, int]:
    """Numbers in a vector, and vectors that a tile has of each pixel."""
    width = vector_width(features)
    return width, 2 if features // width % 2 == 0 else 1


def sums_of_tile() -> int:
    """Vectors that a tile sums into: registers are left for a kernel's values and an input's."""
    return registers() * 3 // 4


def _tile(extents: tuple[int, int], pixels: int) -> tuple[int, int]:
    """Rows and columns of a tile of at most a number of pixels, as much of one row as possible."""
    columns = near(extents[1], pixels)
    return max(1, min(extents[0], pixels // columns)), columns


def near(total: int, most: int) -> int:
    """The size of equal parts of a total, but for the last, none above `most`."""
    return -(-total // -(-total // max(1, most)))


class _Part(NamedTuple):
    """Of a total: where it begins, how many equal ones follow each other, their size."""

    start: int
    times: int
    size: int


def split(total: int, size: int) -> list[_Part]:
    """A total as parts of one size, and what is left."""
    whole = total // size
    rest = [_Part(whole * size, 1, total % size)] if total % size else []
    return [_Part(0, whole, size), *rest]
