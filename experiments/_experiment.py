"""What an experiment is: a base run, the runs made from it, and what is measured on them."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal

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
        images: which images of the data set a seed trains on, never sees and is tested on: `shared`, those of
            `base.data.subset_seed`, the same for all seeds; or `drawn`, each seed's own, so that what depends
            on the images is part of the scatter between seeds.
        partly: fields of the base that some of its runs have values of their own for, while the others, as is
            meant, have the base's. Of all other fields a command line is refused that changes only some runs.
    """

    partly: ClassVar[tuple[str, ...]] = ()

    base: RunConfig = field(default_factory=RunConfig)
    seeds: int = 1
    images: Literal["shared", "drawn"] = field(default="shared", kw_only=True)

    def __post_init__(self):
        require(1 <= self.seeds <= 10_000, "seeds", self.seeds, "must be in 1 .. 10000")
        phase(self.seed_range())
        chosen, said = self.base.data.subset_seed, "must be 0 where images are drawn: each seed has its own"
        require(self.images == "shared" or chosen == 0, "base.data.subset_seed", chosen, said)
        factors = getattr(self, "factors", None)  # most experiments have some
        if factors is not None:
            require(len(factors) > 0, "factors", factors, "must have at least one")
            self.require_positive("factors")

    def seed_range(self) -> range:
        """The seeds of each point."""
        return range(self.base.seed, self.base.seed + self.seeds)

    @property
    def phase(self) -> Phase:
        """Whether its seeds are those that explore or those that confirm."""
        return phase(self.seed_range())

    def on_its_images(self, run: RunConfig) -> RunConfig:
        """A run with the images of its seed, where each draws its own."""
        if self.images == "shared":
            return run
        return replace(run, data=replace(run.data, subset_seed=run.seed))

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
        for name, value in self._values(names):
            require(value >= least, name, value, f"must be at least {least}")

    def require_positive(self, *names: str) -> None:
        """Refuse an option, or one of its values, that is no rate to train at; for `__post_init__`."""
        for name, value in self._values(names):
            require(0 < value < math.inf, name, value, "must be finite and above 0")

    def require_peak(self) -> None:
        """Refuse what no rate can do that rises from 0 to its peak and stays there; for `__post_init__`.

        Of an experiment with `warm_up_epochs`, over which it rises; `peak_epochs`, those included; and
        `peak_rate`.
        """
        self.require_at_least(1, "warm_up_epochs")
        ((_, rises), (name, stays)) = self._values(("warm_up_epochs", "peak_epochs"))
        require(stays > rises, name, stays, f"must be above warm_up_epochs, {rises}, which are part of them")
        self.require_positive("peak_rate")

    def _values(self, names: Sequence[str]) -> Iterator[tuple[str, Any]]:
        """The values of fields, those of one with several one after the other, with the field's name."""
        for name in names:
            value = getattr(self, name)
            yield from ((name, one) for one in (value if isinstance(value, tuple) else (value,)))


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
