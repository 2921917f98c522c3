"""What a way of making an update's gradient is."""

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key, PyTree

from research.errors import require
from research.family import Family
from research.scalars import Count


class Pass(NamedTuple):
    """One of an update's passes over a batch.

    Attributes:
        key: randomness of its update: a pure function of the run's seed and the update's first step.
        taken: passes before it in its update.
        passes: that its update takes.
        epoch: counted from 0.
        of_epoch: passes before it in its epoch.
    """

    key: Key[Array, ""]
    taken: Count
    passes: Count
    epoch: Count
    of_epoch: Count


@dataclass(frozen=True)
class Gradient(Family):
    """How an update's gradient is made: the mean, over its passes, of the part that each contributes.

    Attributes:
        keeps_snapshot: whether a copy of earlier parameters is kept for it.
        needs_passes: whether it means anything only where an update takes several passes.
    """

    keeps_snapshot: ClassVar[bool] = False
    needs_passes: ClassVar[bool] = False

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if cls.keeps_snapshot and cls.snapshot_due is Gradient.snapshot_due:
            raise TypeError(f"{cls.__name__} keeps a snapshot, and `snapshot_due` must say when it is taken")

    @abstractmethod
    def of_pass(self, own: PyTree, at_snapshot: Callable[[], PyTree], place: Pass) -> PyTree:
        """A pass's part.

        Args:
            own: the gradient of the pass's batch.
            at_snapshot: computes that of the same batch at the snapshot's parameters.
        """

    def snapshot_due(self, place: Pass) -> Array:
        """Whether the snapshot is taken anew before this pass; what keeps one says it."""
        return jnp.zeros((), bool)


def noise_weight(place: Pass) -> Float[Array, ""]:
    """Weight of a pass's gradient in the noise of one pass, beside the mean over all n passes.

    The weights z of an update's passes add up to 0, so that no signal is in their sum, and their squares to
    1 - 1/n: with independent passes of covariance C, the mean has C / n, and mean and noise together have C,
    that of a single pass. They are a wave of random phase p,

        z_j = sqrt(2 (1 - 1/n) / n) cos(2 pi j / n + p),

    for which no pass counts more than another (of two passes the squares add up to 1/2 on average alone).
    Noise by random weights of examples is Wu et al.'s (2020, arXiv 1906.07405).
    """
    n = place.passes.astype(jnp.float32)
    phase = jax.random.uniform(place.key, maxval=2 * jnp.pi)
    return jnp.sqrt(2 * (1 - 1 / n) / n) * jnp.cos(2 * jnp.pi * place.taken / n + phase)


def require_epochs(name: str, value: int, least: int) -> None:
    """Refuse a number of epochs below the least."""
    require(
        least <= value < 2**31, f"gradient.{name}", value, f"must be a number of epochs, at least {least}"
    )
