"""The memory that training needs on an accelerator, and the batches that fit: `python -m benchmarks.memory`.

It is computed on any machine, in two ways that enclose it:

- *planned*: what XLA plans for the epoch's program, in the form that a GPU is given but for a CPU: images,
  states, and all that lies between, in bfloat16. A CPU has no such convolutions and makes float32 copies for
  them, so that a GPU should need less. Two batch sizes are planned; it grows in proportion beyond them.
  On a GPU's machine it is that GPU's own plan.
- *at least*: images, states and gradients, and every convolution's input, which the backward pass waits for.

Neither knows of the room that cuDNN takes to work in. JAX takes three quarters of a GPU's memory, and what
fits has to fit there; `XLA_PYTHON_CLIENT_MEM_FRACTION` changes that.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp

from benchmarks import _cases, _limit
from research.measures.throughput import abstract_arguments
from research.models.resnet import ResNet
from research.training.config import RunConfig
from research.training.epoch import CompiledEpoch, Control
from research.training.sharding import make_mesh

SHARE = 0.75  # of a GPU's memory, that JAX takes
DEVICES = (24, 40, 80, 141)  # GB: of the RTX 3090 and 4090, the A100, the H100, the H200
BATCHES = (128, 512)
RUN = RunConfig(precision="bfloat16")  # the article's


@dataclass(frozen=True)
class Data:
    """A data set's sizes.

    Attributes:
        title: what the table calls it.
        train: images to train on.
        test: images to test on.
        classes: of labels.
        side: pixels; images are square and have three channels.
    """

    title: str
    train: int
    test: int
    classes: int
    side: int = 32

    @property
    def bytes(self) -> int:
        """Of pixels, and of labels in 32 bits."""
        return (self.train + self.test) * (3 * self.side**2 + 4)


CIFAR10 = Data("CIFAR-10, `paper`", 50_000, 10_000, 10)
IMAGENET = Data("ImageNet at 32x32", 1_281_167, 50_000, 1000)


@dataclass(frozen=True)
class Need:
    """Bytes that training needs: some whatever the batch, and some for each of its images."""

    fixed: float
    per_image: float

    def at(self, batch_size: int) -> float:
        """At this batch size."""
        return self.fixed + self.per_image * batch_size

    def largest_batch(self, memory: float) -> int:
        """The largest batch size that fits; below 1: none does."""
        return int((memory - self.fixed) // self.per_image)


def planned(run: RunConfig, data: Data, batch_sizes: tuple[int, int] = (128, 256)) -> Need:
    """As XLA plans it for the epoch's program, compiled at these two batch sizes."""
    small, large = batch_sizes
    one, other = (_plan(replace(run, batch_size=size), data) for size in batch_sizes)
    per_image = (other - one) / (large - small)
    return Need(one - per_image * small, per_image)


def _plan(run: RunConfig, data: Data) -> int:
    shape = (data.side, data.side, 3)
    program = CompiledEpoch(run, shape, data.classes, make_mesh(1), platform="cuda")
    state, images, hyper = abstract_arguments(program.setting, shape, data.train, data.test)
    flag = jax.ShapeDtypeStruct((), jnp.bool_)
    slots = jax.tree.map(
        lambda leaf: jax.ShapeDtypeStruct((1, *leaf.shape), leaf.dtype),
        (state, hyper, Control(flag, flag, flag)),  # type: ignore[arg-type]
    )
    plan: Any = program.epoch.lower(*slots, images).compile().memory_analysis()
    given = plan.argument_size_in_bytes + plan.output_size_in_bytes - plan.alias_size_in_bytes
    return given + plan.temp_size_in_bytes


def at_least(run: RunConfig, data: Data) -> Need:
    """Counted by hand: what no program can do without. For the article's network, of any width and depth."""
    assert isinstance(run.model, ResNet)
    case = replace(
        _cases.ARTICLE,
        width=run.model.width,
        blocks=run.model.blocks,
        image_size=data.side,
        precision=run.precision,
        batch_size=1,
    )
    classes = 2 * list(_limit.convolutions(case))[-1].features * (data.classes - case.classes)
    parameters = 4 * (_limit.parameters(case) + classes)
    return Need(data.bytes + 3 * parameters, _limit.working_set(case))  # with momenta and gradients


def lines() -> Iterator[str]:
    """The table, in Markdown."""
    columns = ["", "MB an image", *(f"GB at batch {size}" for size in BATCHES)]
    columns += [f"largest batch in {memory} GB" for memory in DEVICES]
    yield "| " + " | ".join(columns) + " |"
    yield "| --- " * len(columns) + "|"
    for data in (CIFAR10, IMAGENET):
        yield line(f"{data.title}, planned", planned(RUN, data))
        yield line(f"{data.title}, at least", at_least(RUN, data))


def line(title: str, need: Need) -> str:
    """One line of the table."""
    cells = [title, f"{need.per_image / 1e6:.2f}"]
    cells += [f"{need.at(size) / 1e9:.2f}" for size in BATCHES]
    cells += [f"{need.largest_batch(SHARE * memory * 1e9):,}" for memory in DEVICES]
    return "| " + " | ".join(cells) + " |"


@dataclass(frozen=True)
class Options:
    """There is nothing to choose."""


def main() -> None:
    """The command line."""
    from commandline import exit_with, parse

    def run() -> None:
        parse(Options, "benchmarks.memory", __doc__)
        for line in lines():
            print(line, flush=True)

    exit_with(run)


if __name__ == "__main__":
    main()
