"""Cohort: images that are trained on up to an epoch and never again. How soon are they forgotten?

Some of the images leave the training set after an epoch, and as many new ones take their place, so that the
number of images, of updates and the rate stay what they were. What is left of their advantage over images
never seen is a forgetting curve with no visit in it (`research.orders.cohort`, `research.measures.groups`).
If memory fades as in a linear model, the curves of all rates fall on one another against the summed rate.

    python -m experiments.cohort                  a miniature on synthetic images
    python -m analysis.cohort --label quick       the figure, from the records
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from experiments._command import run_experiment
from experiments._experiment import DESK, PAPER, QUICK, SMOKE, Experiment
from research.errors import require
from research.measures.groups import GroupLosses
from research.orders.cohort import WithheldCohort
from research.training.config import RunConfig
from research.training.schedules import ARTICLE_FORGETTING

GROUP = "limit"


@dataclass(frozen=True)
class Cohort(Experiment):
    """One run for each factor; the rate is constant when the cohort leaves.

    Attributes:
        factors: of the learning rate.
        full_size: training images at any time.
        cohort_size: images in the cohort.
        until: epochs in which it is trained on.
        moments_per_doubling: how densely its loss is measured after that.
    """

    factors: tuple[float, ...] = (1 / 4, 1, 2, 4)
    full_size: int = 40_000
    cohort_size: int = 4000
    until: int = 15
    moments_per_doubling: int = 2

    def __post_init__(self):
        super().__post_init__()
        self.require_at_least(1, "full_size", "cohort_size", "until", "moments_per_doubling")
        allowed = f"must be below the {self.base.epochs} epochs of a run, or the cohort never leaves"
        require(self.until < self.base.epochs, "until", self.until, allowed)

    def runs(self) -> Sequence[RunConfig]:
        base = replace(self.base, subset_size=self.full_size)
        # How hard the images are cancels over three seeds: their blocks change roles.
        order = partial(WithheldCohort, self.cohort_size, self.until)
        return [
            replace(base, factor=factor, seed=seed, order=order(turn=seed % 3))
            for factor in self.factors
            for seed in self.seed_range()
        ]

    def measurements(self) -> Sequence[GroupLosses]:
        per = self.moments_per_doubling
        return [GroupLosses(run, self.until, moments_per_doubling=per) for run in self.runs()]


PRESETS = {
    "smoke": Cohort(
        replace(SMOKE, schedule=ARTICLE_FORGETTING.stretched(2, scale=2.0)),
        seeds=2,
        factors=(1,),
        full_size=256,
        cohort_size=32,
        until=1,
    ),
    "quick": Cohort(
        replace(QUICK, schedule=ARTICLE_FORGETTING.stretched(12, scale=2.0)),
        seeds=6,
        full_size=4096 - 512,
        cohort_size=512,
        until=6,
    ),
    "desk": Cohort(replace(DESK, schedule=ARTICLE_FORGETTING.stretched(12, scale=2.0)), seeds=2, until=6),
    "paper": Cohort(replace(PAPER, schedule=ARTICLE_FORGETTING, epochs=30)),
}

if __name__ == "__main__":
    run_experiment(PRESETS, __doc__)
