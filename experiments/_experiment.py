"""What an experiment is: a base run, the runs made from it, and what is measured on them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, ClassVar

from research.augmentations.crop import Crop
from research.augmentations.flip import Flip
from research.data import DataConfig
from research.errors import require
from research.models.resnet import ResNet
from research.seeds import Phase, phase
from research.training.config import RunConfig
from research.training.schedules import ARTICLE

if TYPE_CHECKING:  # measuring is of no concern to an experiment that measures nothing
    from research.measures.measurement import Measurement


@dataclass(frozen=True)
class Experiment:
    """Common to all experiments.

    Attributes:
        base: the run that the experiment varies.
        seeds: how many seeds each of its points is repeated with, from the base's on.
        partly: fields of the base that some of its runs have values of their own for, while the others, as is
            meant, have the base's. Of all other fields a command line is refused that changes only some runs.
    """

    partly: ClassVar[tuple[str, ...]] = ()

    base: RunConfig = field(default_factory=RunConfig)
    seeds: int = 1

    def __post_init__(self):
        require(1 <= self.seeds <= 10_000, "seeds", self.seeds, "must be in 1 .. 10000")
        phase(self.seed_range())
        factors = getattr(self, "factors", (1.0,))  # most experiments have some
        require(len(factors) > 0, "factors", factors, "must have at least one")
        for factor in factors:
            require(0 < factor < math.inf, "factors", factor, "must be finite and above 0")

    def seed_range(self) -> range:
        """The seeds of each point."""
        return range(self.base.seed, self.base.seed + self.seeds)

    @property
    def phase(self) -> Phase:
        """Whether its seeds are those that explore or those that confirm."""
        return phase(self.seed_range())

    def runs(self) -> Sequence[RunConfig]:
        """Every run it needs, those that other experiments share included."""
        raise NotImplementedError

    def measurements(self) -> Sequence["Measurement"]:
        """What is measured on the frozen models of its runs; those runs keep their checkpoints."""
        return ()

    def require_at_least(self, least: int, *names: str) -> None:
        """Refuse an option, or one of its values, below a number; for `__post_init__`.

        Args:
            names: of fields, each of whole numbers.
        """
        for name in names:
            value = getattr(self, name)
            for one in value if isinstance(value, tuple) else (value,):
                require(one >= least, name, one, f"must be at least {least}")

    def require_peak(self, warm_up_epochs: int, peak_epochs: int, peak_rate: float) -> None:
        """Refuse what no rate can do that rises from 0 to its peak and stays there; for `__post_init__`.

        Args:
            warm_up_epochs: over which it rises.
            peak_epochs: at the peak, those included.
            peak_rate: the rate there.
        """
        require(warm_up_epochs >= 1, "warm_up_epochs", warm_up_epochs, "must be at least 1")
        allowed = f"must be above warm_up_epochs, {warm_up_epochs}, which are part of them"
        require(peak_epochs > warm_up_epochs, "peak_epochs", peak_epochs, allowed)
        self.require_rate(peak_rate)

    def require_rate(self, peak_rate: float) -> None:
        """Refuse a peak that is no rate to train at; for `__post_init__`."""
        require(0 < peak_rate < math.inf, "peak_rate", peak_rate, "must be finite and above 0")


# The bases of the presets. Each experiment file states what it changes in them; not all have a desk's.

SMOKE = RunConfig(
    data=DataConfig(train_size=320, test_size=64, image_size=8),
    augmentation=(Crop(1), Flip()),
    model=ResNet(width=4, blocks=(1, 1)),
    batch_size=16,
    schedule=ARTICLE.stretched(2, scale=0.5),
    epochs=2,
)
"""Seconds: every experiment end to end, for the tests."""

QUICK = RunConfig(
    data=DataConfig(train_size=4608, test_size=512, image_size=16),
    augmentation=(Crop(2), Flip()),  # as large a part of 16 pixels as the article's 4 of 32
    model=ResNet(width=8, blocks=(1, 1, 1)),
    batch_size=32,
    # Factor 1 at batch 32 is a rate of 0.05, twice the article's per example: chosen, before any sweep
    # was run, because a network this small takes larger steps.
    schedule=ARTICLE.stretched(12, scale=2.0),
    epochs=12,
)
"""Minutes on two CPU cores: the article in miniature."""

DESK = replace(
    QUICK,
    data=DataConfig(name="cifar10", train_size=50_000, test_size=5000, image_size=16),
    batch_size=128,
)
"""The article's images, batches and subsets, with the miniature's network and rates: for two CPU cores."""

PAPER = RunConfig(data=DataConfig(name="cifar10"), precision="bfloat16")
"""The article's own sizes, on one accelerator."""

BASES = {"smoke": SMOKE, "quick": QUICK, "desk": DESK, "paper": PAPER}
"""By preset, the base that experiments start from; a result on its data is labelled by the preset alone."""
