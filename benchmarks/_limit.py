"""The floor: operations and bytes that the work cannot do without, counted by hand from a network's sizes.

Counted are the multiplications and additions of convolutions and linear layers, those that meet an image's
border padding left out, as XLA's cost analysis does; and the reads and writes of tensors that convolutions
must make in memory. Element-wise work is taken as free, fused into its neighbours: what is counted is a
lower bound.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

from benchmarks._cases import Case

Work = Literal["forward", "gradient", "product"]


class Convolution(NamedTuple):
    """One convolution: square kernels and images, padded by half the kernel's side."""

    size: int
    stride: int
    side: int
    channels: int
    features: int
    first: bool = False

    @property
    def side_after(self) -> int:
        """Pixels a side of its output."""
        return (self.side + 2 * (self.size // 2) - self.size) // self.stride + 1

    @property
    def flops(self) -> int:
        """Of one image, forward; either gradient takes as many."""
        taps = sum(
            0 <= position * self.stride + tap - self.size // 2 < self.side
            for position in range(self.side_after)
            for tap in range(self.size)
        )
        return 2 * self.channels * self.features * taps**2

    @property
    def inputs(self) -> int:
        """Values of one image's input."""
        return self.side**2 * self.channels

    @property
    def outputs(self) -> int:
        """Values of one image's output."""
        return self.side_after**2 * self.features


def convolutions(case: Case) -> Iterator[Convolution]:
    """Every convolution of the network, in order; see `research.models._resnet`."""
    side, channels = case.image_size, case.width
    yield Convolution(3, 1, side, case.channels, channels, first=True)
    for stage, count in enumerate(case.blocks):
        features = case.width * min(2**stage, 4)
        for block in range(count):
            stride = 2 if stage > 0 and block == 0 else 1
            one = Convolution(3, stride, side, channels, features)
            yield one
            if stride != 1 or channels != features:
                yield Convolution(1, stride, side, channels, features)
            side, channels = one.side_after, features
            yield Convolution(3, 1, side, channels, channels)


def parameters(case: Case) -> int:
    """Of convolutions and the linear layer; norms' are too few to count."""
    found = list(convolutions(case))
    kernels = sum(c.size**2 * c.channels * c.features for c in found)
    return kernels + (2 * found[-1].features + 1) * case.classes


_TIMES: dict[Work, tuple[int, int]] = {
    # Forward 1; a gradient adds one for the input's and one for the kernel's, the first layer having no use
    # for its input's.
    "forward": (1, 1),
    "gradient": (3, 2),
    # Forward over reverse: forward 1 and its tangent 2, the input's gradient 1 and its tangent 2, the tangent
    # of the kernel's gradient 2. The images do not move, so that the first layer has 1, 1, and 1.
    "product": (8, 3),
}


def flops(case: Case, work: Work = "gradient") -> float:
    """Floating-point operations per image, a multiply-add being two."""
    inner, first = _TIMES[work]
    found = list(convolutions(case))
    total = sum(c.flops * (first if c.first else inner) for c in found)
    return total + 2 * 2 * found[-1].features * case.classes * inner


def bytes_moved(case: Case, work: Work = "gradient") -> float:
    """Bytes per image between the chip and its memory, if no tensor stays in a cache between two layers.

    Each convolution reads its input and writes its output; backward it reads its input and the output's
    gradient once and writes the input's gradient. Parameters are read twice, and their gradients, momenta and
    new values read or written five times a step, in float32 and shared by the batch.
    """
    width = 2 if case.precision == "bfloat16" else 4
    found = list(convolutions(case))
    forward = sum(c.inputs + c.outputs for c in found)
    if work == "forward":
        return width * forward + 4 * parameters(case) / case.batch_size
    backward = sum(c.inputs + c.outputs + (0 if c.first else c.inputs) for c in found)
    passes = 2 if work == "product" else 1  # a product moves every tensor and its tangent
    return width * passes * (forward + backward) + 4 * 7 * parameters(case) / case.batch_size


def working_set(case: Case, work: Work = "gradient") -> float:
    """Bytes that are in use at once: what a backward pass waits for, or one layer's ends going forward."""
    width = 2 if case.precision == "bfloat16" else 4
    found = list(convolutions(case))
    if work == "forward":
        values = max(c.inputs + c.outputs for c in found)
    else:
        values = sum(
            c.inputs for c in found if c.size > 1
        )  # a shortcut reads what the block's first one does
    return width * case.batch_size * values


@dataclass(frozen=True)
class Ceilings:
    """What this machine reaches at best.

    Attributes:
        flops: floating-point operations per second of matrix products, all cores, in the precision used.
        flops_per_core: the same of one core by itself; of a GPU, the whole device's.
        bandwidth: bytes per second read and written, all cores.
        cache: bytes of the last-level cache.
    """

    flops: float
    flops_per_core: float
    bandwidth: float
    cache: float


@dataclass(frozen=True)
class Floor:
    """The least time for one image.

    Attributes:
        seconds: the larger of the two.
        bound: which one that is, operations or bytes.
    """

    seconds: float
    bound: Literal["operations", "bytes"]


def floor(case: Case, ceilings: Ceilings, work: Work = "gradient", side_by_side: int = 1) -> Floor:
    """From operations and bytes at the ceilings; bytes count only where a step outgrows the cache.

    Args:
        side_by_side: steps that share the cache.
    """
    computing = flops(case, work) / ceilings.flops
    fits = working_set(case, work) * side_by_side <= ceilings.cache
    moving = 0.0 if fits else bytes_moved(case, work) / ceilings.bandwidth
    return Floor(moving, "bytes") if moving > computing else Floor(computing, "operations")
