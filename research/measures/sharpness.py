"""Sharpness of a run's training loss at moments of its training, against the thresholds of stability.

Full-batch gradient descent drives the largest eigenvalue of the Hessian up to its threshold, 2 / rate, and
holds it there (Cohen et al. 2021). Small-batch SGD keeps it below, and holds the batch sharpness instead
(Andreyev and Beneventano, arXiv 2412.20553). With momentum b the batch sharpness is said to settle at
2 (1 - b) / rate for small batches and at 2 (1 + b) / rate for large ones (arXiv 2604.14108).

An optimizer that divides by a diagonal P, as Adam does, meets the Hessian preconditioned by it,
P^-1/2 H P^-1/2: its threshold is one of that matrix (Cohen et al. 2022, arXiv 2207.14484).
"""

from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PyTree

from research.data import Dataset
from research.errors import require
from research.measures.measurement import state_after
from research.measures.operators import (
    Matvec,
    gradient_and_sharpness,
    hessian,
    ritz,
    top_eigenpairs,
)
from research.records.store import Row, Store
from research.training.batches import Images
from research.training.config import RunConfig, bind
from research.training.context import Hyperparameters, Rate, Scalar, Setting, TrainState


@dataclass(frozen=True)
class Sharpness:
    """The curvature of the training loss after one of a run's epochs.

    Attributes:
        run: the run.
        epoch: after this number of its epochs.
        examples: about this number stand for the training set, in batches of the run's size. Few raise the
            eigenvalue, the more the better they are fitted: the default is for looking, not for comparing
            moments; 256 raised it by a third to a half late in training (`docs/measures.md`).
        num_matvecs: depth of Lanczos.
        start: what Lanczos starts from. `gradient`, that of the same examples, lies largely in the top
            eigenvectors: two or three products get as far as five or six from a `random` one.
        examples_per_batch: size of those batches, where it is not to be the run's: batch norm's statistics
            are theirs, so that the loss of runs of several batch sizes is one and the same.
    """

    run: RunConfig
    epoch: int
    examples: int = 256
    num_matvecs: int = 10
    start: Literal["random", "gradient"] = "random"
    examples_per_batch: int | None = None

    def __post_init__(self):
        require(1 <= self.epoch <= self.run.epochs, "epoch", self.epoch, f"must be in 1 .. {self.run.epochs}")
        require(self.examples >= 2, "examples", self.examples, "must be at least 2")
        require(self.num_matvecs >= 2, "num_matvecs", self.num_matvecs, "must be at least 2")
        size = self.examples_per_batch
        require(size is None or size >= 1, "examples_per_batch", size, "must be at least 1")

    def epochs(self) -> tuple[int]:
        """It needs the state it measures."""
        return (self.epoch,)

    def measure(self, dataset: Dataset, store: Store) -> list[Row]:
        """Measure on batches drawn and augmented as in training, in an order that never came up.

        Returns:
            Rows of split `train`: `top_eigenvalue` and its `residual`, of the mean loss over all examples;
            split `batch`: `batch_sharpness`, its standard `error` over the batches, and `full_sharpness`, the
            curvature of other batches along a batch's gradient. All are in nats per squared unit of the
            parameters. Split `optimizer`: the `learning_rate` of the step before, and
            the thresholds at that rate that are known: `threshold`, of the top eigenvalue under the run's own
            optimizer, and `small_batch` and `large_batch`, 2 (1 - b) / rate and 2 (1 + b) / rate. Where the
            optimizer has a diagonal preconditioner, split `train` has `preconditioned_eigenvalue` and its
            `preconditioned_residual`, and `optimizer` has their `preconditioned_threshold` in place of
            `threshold`.
        """
        run = bind(self.run, dataset)
        preconditioned = run.optimizer.preconditioned
        state = state_after(run, self.epoch, dataset, store, to_train=preconditioned == "diagonal")
        per_epoch = run.steps_per_epoch(dataset.train_size)
        measured = replace(run, batch_size=self.examples_per_batch or run.batch_size)
        count = max(2, self.examples // measured.batch_size)
        steps = jnp.arange(count) + (run.epochs + 1) * measured.steps_per_epoch(dataset.train_size)
        measure = _sharpness(Setting.of(measured, dataset), self.num_matvecs, self.start)
        last = self.epoch * per_epoch - 1
        values = jax.device_get(measure(state, Images.of(dataset), Hyperparameters.of(run), steps))
        rate = float(np.asarray(Rate.of(run).of_steps(per_epoch)(last)))
        of_batches = values.of_batches
        found: dict[tuple[str, str], Any] = {
            ("train", "top_eigenvalue"): values.top[0],
            ("train", "residual"): values.top[1],
            ("batch", "batch_sharpness"): of_batches.mean(),
            ("batch", "error"): of_batches.std(ddof=1) / len(of_batches) ** 0.5,
            ("batch", "full_sharpness"): values.of_others.mean(),
            ("optimizer", "learning_rate"): rate,
        }
        if values.preconditioned is not None:
            found["train", "preconditioned_eigenvalue"] = values.preconditioned[0]
            found["train", "preconditioned_residual"] = values.preconditioned[1]
        if rate > 0:
            threshold = run.optimizer.threshold(rate)
            # A threshold stands beside the eigenvalue that it is one of, or nowhere.
            name = {"nothing": "threshold", "diagonal": "preconditioned_threshold"}.get(preconditioned)
            if threshold is not None and name is not None:
                found["optimizer", name] = threshold
            levels = run.optimizer.batch_thresholds(rate)
            if levels is not None:
                found["optimizer", "small_batch"], found["optimizer", "large_batch"] = levels
        return [
            Row(last + 1, float(self.epoch), split, metric, float(value))
            for (split, metric), value in found.items()
        ]


class _Values(NamedTuple):
    """What is measured; eigenvalues come with their residuals."""

    top: tuple[Scalar, Scalar]
    preconditioned: tuple[Scalar, Scalar] | None
    of_batches: Float[Array, " batches"]
    of_others: Float[Array, " others"]


@lru_cache(maxsize=32)
def _sharpness(setting: Setting, num_matvecs: int, start: str):
    """`f(state, images, hyper, steps) -> _Values`, compiled."""

    @jax.jit
    def sharpness(
        state: TrainState, images: Images, hyper: Hyperparameters, steps: Int[Array, " batches"]
    ) -> _Values:
        run = setting.context(hyper, images)
        batches = run.batches(steps)
        loss = run.trained_loss(state.batch_stats)
        matvec = hessian(loss, state.params, batches)
        slope, of_batches, of_others = gradient_and_sharpness(loss, state.params, batches)

        def top(matvec: Matvec, slope: PyTree) -> tuple[Scalar, Scalar]:
            if start == "gradient":
                found = ritz(matvec, slope, num_matvecs)
            else:
                found = top_eigenpairs(matvec, state.params, jax.random.key(0), k=1, num_matvecs=num_matvecs)
            return found.values[0], found.residuals[0]

        preconditioned = None
        if run.config.optimizer.preconditioned == "diagonal":
            diagonal = run.config.optimizer.preconditioner(state.opt_state, state.params)
            divided = partial(jax.tree.map, lambda p, leaf: leaf / jnp.sqrt(p), diagonal)
            preconditioned = top(lambda vector: divided(matvec(divided(vector))), divided(slope))
        return _Values(top(matvec, slope), preconditioned, of_batches, of_others)

    return sharpness
