"""What is timed: networks, images and batch sizes, as plain numbers that both sides read."""

from dataclasses import dataclass, replace
from pathlib import Path


@dataclass(frozen=True)
class Case:
    """One network on one kind of image at one batch size.

    Attributes:
        title: what the table calls it.
        width: channels in the first stage.
        blocks: blocks per stage.
        image_size: pixels a side; images have three channels and ten classes.
        crop_padding: pixels reflected at each border before a random crop.
        batch_size: examples per step.
        steps: per epoch, and so the training set's size.
        rate: learning rate at batch size 128.
        precision: of both passes; parameters are float32.
    """

    title: str
    width: int
    blocks: tuple[int, ...]
    image_size: int
    crop_padding: int
    batch_size: int
    steps: int
    rate: float
    precision: str = "float32"

    channels = 3
    classes = 10

    @property
    def train_size(self) -> int:
        """Images in the training set."""
        return self.batch_size * self.steps

    def at(self, batch_size: int, steps: int) -> "Case":
        """The same with another batch size and as many steps in an epoch."""
        return replace(self, batch_size=batch_size, steps=steps)


MINIATURE = Case("miniature", 8, (1, 1, 1), 16, 2, 32, 256, 0.2)
"""The network and the images of the quick preset."""

ARTICLE = Case("article's network", 64, (2, 2, 2, 2), 32, 4, 128, 1, 0.1)
"""The article's own sizes."""

TINY = Case("tiny", 4, (1, 1), 8, 1, 16, 4, 0.2)
"""In place of the others where only the code is tested."""


@dataclass(frozen=True)
class Plan:
    """How much is measured, and on what.

    Attributes:
        repeats: samples of each side, alternating; the largest cases take fewer.
        quick: the miniature only, and short samples: to see that all works, not to quote.
        tiny: a toy network in the miniature's place, for the tests.
        cores: logical processors this process may use.
        accelerator: whether JAX and PyTorch compute on a GPU.
        against: another checkout of this project, to compare with.
    """

    repeats: int = 5
    quick: bool = False
    tiny: bool = False
    cores: int = 2
    accelerator: bool = False
    against: Path | None = None

    @property
    def precision(self) -> str:
        """Of both passes: bfloat16 on a GPU."""
        return "bfloat16" if self.accelerator else "float32"

    @property
    def small(self) -> Case:
        """The miniature, in this plan's precision."""
        return replace(TINY if self.tiny else MINIATURE, precision=self.precision)

    @property
    def large(self) -> Case | None:
        """The article's network, where the plan has it."""
        return None if self.quick or self.tiny else replace(ARTICLE, precision=self.precision)

    def throughput_cases(self) -> list[Case]:
        """An epoch is some tenths of a second on two cores, or a step or two where that takes longer."""
        scale = 8 if self.quick else 1
        if self.tiny:
            return [self.small]
        small = [self.small.at(batch, 8192 // batch // scale) for batch in (32, 128)]
        steps = {128: 64, 512: 16} if self.accelerator else {128: 2, 512: 1}
        return [*small, *(self.large.at(batch, count) for batch, count in steps.items() if self.large)]

    def single_run_cases(self, images: int) -> list[Case]:
        """The small network with 128 and 512 examples in a batch, this many images in an epoch; the large one
        with 128.
        """
        if self.tiny:
            return [self.small]
        images = 4096 if self.quick else images
        cases = [self.small.at(batch, images // batch) for batch in (128, 512)]
        return [*cases, self.large.at(128, 1)] if self.large else cases

    def repeats_of(self, case: Case) -> int:
        """Samples of each side: two where one takes half a minute on a CPU."""
        slow = case.width >= ARTICLE.width and not self.accelerator
        return min(self.repeats, max(2, 384 // case.batch_size)) if slow else self.repeats
