"""Gradient noise: how much the gradients of batches scatter about their mean.

For examples drawn independently, the gradient of a batch of m examples has the covariance S / m, S being that
of one example's gradient, and |gradient of a batch|^2 exceeds |true gradient|^2 by tr S / m on average. Two
batch sizes therefore give both without bias (McCandlish et al. 2018, appendix A.1). With batch norm an
example's gradient depends on its batch, so S is that at the batch size measured, and the 1 / m law a claim to
be tested rather than an identity.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, Int, PyTree

from research.data import Dataset
from research.errors import require
from research.measures.measurement import state_after
from research.measures.operators import Loss, Matvec, Params, dot, gradient, hessian
from research.records.store import Row, Store
from research.training.batches import Images
from research.training.config import RunConfig, bind
from research.training.context import Hyperparameters, Setting, TrainState

Scalar = Float[Array, ""]


class Scatter(NamedTuple):
    """Scatter of batch gradients, without bias. Units: those of the squared gradient, nats^2 per parameter^2.

    Attributes:
        variance: tr S, summed over parameters, of one example's gradient.
        signal: squared length of the true gradient; can come out negative where noise drowns it.
        curved_variance: tr H S, the same weighted by curvature; NaN where no Hessian was given.
        curved_signal: G' H G of the true gradient G; NaN likewise.
    """

    variance: Scalar
    signal: Scalar
    curved_variance: Scalar
    curved_signal: Scalar

    def simple_scale(self) -> Scalar:
        """tr S / |G|^2: the batch size, in examples, at which noise and signal are equal (eq. 2.9)."""
        return self.variance / self.signal

    def full_scale(self) -> Scalar:
        """tr H S / G' H G: the critical batch size, in examples, at the best learning rate (eq. 2.8)."""
        return self.curved_variance / self.curved_signal


def gradient_noise(
    loss: Loss, params: Params, batches: PyTree, batch_size: int, hessian: Matvec | None = None
) -> Scatter:
    """Estimate the noise from the gradients of several independent batches of one size.

    The small batches are those given, the large one is all of them together: with K batches of m examples,
    tr S = m times the sample variance of their gradients (K - 1 in the denominator), and |G|^2 is the squared
    length of their mean less tr S / (K m). The curved quantities are the same in the inner product of H.

    Args:
        batches: K >= 2 of them, stacked along the first axis.
        batch_size: examples in each, m.
        hessian: the product of the mean loss's Hessian with a vector; it is called K + 1 times.
    """
    count = len(jax.tree.leaves(batches)[0])
    assert count >= 2, "one batch has no scatter"
    one_gradient = jax.grad(loss)
    mean = gradient(loss, params, batches)

    def scatter(batch: Any) -> tuple[Scalar, Scalar]:
        # Gradients are made again rather than kept: K of them may not fit in memory beside a large model.
        off = jax.tree.map(jnp.subtract, one_gradient(params, batch), mean)
        curved = dot(off, hessian(off)) if hessian is not None else jnp.float32(jnp.nan)
        return dot(off, off), curved

    plain, curved = (values.sum() * batch_size / (count - 1) for values in lax.map(scatter, batches))
    along_mean = dot(mean, hessian(mean)) if hessian is not None else jnp.float32(jnp.nan)
    examples = count * batch_size
    return Scatter(plain, dot(mean, mean) - plain / examples, curved, along_mean - curved / examples)


@dataclass(frozen=True)
class GradientNoise:
    """The gradient noise of a run after one of its epochs, at several batch sizes.

    Attributes:
        run: the run.
        epoch: after this number of its epochs.
        sizes: examples in the batches whose gradients' variance is compared.
        batches: how many of each size.
        curved_batches: of the run's own size, how many of them stand for the training set's Hessian.
    """

    run: RunConfig
    epoch: int
    sizes: tuple[int, ...] = (4, 16, 64)
    batches: int = 32
    curved_batches: int = 4

    def __post_init__(self):
        require(1 <= self.epoch <= self.run.epochs, "epoch", self.epoch, f"must be in 1 .. {self.run.epochs}")
        require(
            len(self.sizes) >= 1 and min(self.sizes) >= 1,
            "sizes",
            self.sizes,
            "must be numbers of at least 1",
        )
        require(self.batches >= 2, "batches", self.batches, "must be at least 2")
        require(
            1 <= self.curved_batches <= self.batches,
            "curved_batches",
            self.curved_batches,
            f"must be in 1 .. {self.batches}",
        )

    def epochs(self) -> tuple[int]:
        """It needs the state it measures."""
        return (self.epoch,)

    def measure(self, dataset: Dataset, store: Store) -> list[Row]:
        """Measure on batches augmented as in training, each from an epoch of its own that never came up.

        Returns:
            `variance_M` for each size M: of the gradient of a batch of M examples, summed over the
            parameters, in nats^2 per squared unit of the parameters; split `batch` with each batch's own
            batch-norm statistics, split `running` with the running averages, where examples do not depend
            on each other. Split `scale`, in examples, at the run's batch size with its own statistics:
            `simple` and `full` (`Scatter`); the full one is the critical batch size. `signal` is the squared
            length of the true gradient: where it comes out at zero or below, the scales mean nothing.
        """
        run = bind(self.run, dataset)
        assert run.subset_size is not None
        require(
            max(self.sizes) <= run.subset_size,
            "sizes",
            self.sizes,
            f"the subset has {run.subset_size} images",
        )
        state = state_after(run, self.epoch, dataset, store)
        images = Images.of(dataset)
        step = self.epoch * run.steps_per_epoch(dataset.train_size)
        rows: list[Row] = []

        def noise_at(size: int, statistics: str, curved: int) -> Scatter:
            # Each from its own epoch, and all beyond the run's last: independent draws.
            steps = (run.epochs + 1 + jnp.arange(self.batches)) * (run.subset_size // size)  # type: ignore[operator]
            measure = _noise(Setting.of(run, dataset), size, statistics, curved)
            return measure(state, images, Hyperparameters.of(run), steps)

        def add(split: str, metric: str, value: Any) -> None:
            rows.append(Row(step, float(self.epoch), split, metric, float(value)))

        for statistics in ("batch", "running"):
            for size in self.sizes:
                add(statistics, f"variance_{size}", noise_at(size, statistics, 0).variance / size)
        own = noise_at(run.batch_size, "batch", self.curved_batches)
        add("scale", "signal", own.signal)
        add("scale", "simple", own.simple_scale())
        add("scale", "full", own.full_scale())
        return rows


@lru_cache(maxsize=64)
def _noise(setting: Setting, size: int, statistics: str, curved: int):
    """`f(state, images, hyper, steps) -> Scatter` of batches of one size, compiled."""

    @jax.jit
    def noise(
        state: TrainState, images: Images, hyper: Hyperparameters, steps: Int[Array, " batches"]
    ) -> Scatter:
        run = setting.context(hyper, images)
        batches = run.batches(steps, size)
        loss = run.trained_loss(state.batch_stats, statistics)
        few = jax.tree.map(lambda leaf: leaf[:curved], batches)
        matvec = hessian(loss, state.params, few) if curved else None
        return gradient_noise(loss, state.params, batches, size, matvec)

    return noise
