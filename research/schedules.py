"""Learning rates as functions of the epoch.

A schedule states the rate at *factor* 1 and at its reference batch size. A run at batch size B and
factor f uses `f * B / reference_batch` times that: an equal step per example at every batch size
(the article's first section; `research.config` has the recipe).
"""

from dataclasses import dataclass
from itertools import pairwise

import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Real

from research.errors import require

Scalar = Real[Array, ""] | float


@dataclass(frozen=True)
class PiecewiseLinear:
    """Straight lines between knots, the end values held beyond them.

    Attributes:
        knots: epochs, strictly increasing, the first one 0.
        values: learning rates at the knots, at factor 1 and batch size `reference_batch`.
        reference_batch: the batch size at which `values` holds.
    """

    knots: tuple[float, ...]
    values: tuple[float, ...]
    reference_batch: int = 128

    def __post_init__(self):
        require(len(self.knots) >= 2, "schedule.knots", self.knots, "at least two epochs are needed")
        require(
            self.knots[0] == 0 and all(a < b for a, b in pairwise(self.knots)),
            "schedule.knots",
            self.knots,
            "must start at 0 and increase strictly",
        )
        require(
            len(self.values) == len(self.knots),
            "schedule.values",
            self.values,
            f"must have one value per knot, {len(self.knots)}",
        )
        require(
            all(0 <= v < float("inf") for v in self.values),
            "schedule.values",
            self.values,
            "must be finite and not negative",
        )
        require(
            self.reference_batch >= 1,
            "schedule.reference_batch",
            self.reference_batch,
            "must be at least 1",
        )

    def __call__(self, epoch: Scalar) -> Float[Array, ""]:
        """The rate at `epoch` (fractional), at factor 1 and the reference batch size."""
        return jnp.interp(epoch, jnp.asarray(self.knots, jnp.float32), jnp.asarray(self.values, jnp.float32))

    def stretched(self, epochs: float, scale: float = 1.0) -> "PiecewiseLinear":
        """The same shape over `epochs` epochs, its values times `scale`."""
        ratio = epochs / self.knots[-1]
        return PiecewiseLinear(
            tuple(k * ratio for k in self.knots),
            tuple(v * scale for v in self.values),
            self.reference_batch,
        )


ARTICLE = PiecewiseLinear((0.0, 15.0, 30.0, 35.0), (0.0, 0.1, 0.005, 0.0))
"""The article's training schedule at batch 128 (knots inherited from its DAWNBench baseline)."""

ARTICLE_FORGETTING = PiecewiseLinear((0.0, 5.0, 30.0), (0.0, 0.1, 0.1))
"""The article's forgetting schedule: warm-up, then constant; its two peak rates are factors 4 and 1/4."""


def learning_rate(
    schedule: PiecewiseLinear,
    factor: Scalar,
    batch_size: int,
    steps_per_epoch: Scalar,
) -> optax.Schedule:
    """The rate of each step as an Optax schedule; `factor` and `steps_per_epoch` may be traced.

    Step s (from 0) takes the rate at epoch s / steps_per_epoch, as cifar10-fast's `dawn.py` does.
    """
    scale = factor * (batch_size / schedule.reference_batch)

    def rate(step):
        return scale * schedule(step / steps_per_epoch)

    return rate
