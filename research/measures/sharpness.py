"""Sharpness of a run's training loss at moments of its training, against the thresholds of stability.

Full-batch gradient descent drives the largest eigenvalue of the Hessian up to its threshold, 2 / rate, and
holds it there (Cohen et al. 2021). Small-batch SGD keeps it below, and holds the batch sharpness instead
(Andreyev and Beneventano, arXiv 2412.20553). With momentum b the batch sharpness is said to settle at
2 (1 - b) / rate for small batches and at 2 (1 + b) / rate for large ones (arXiv 2604.14108).
"""

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from research.data import Dataset
from research.errors import require
from research.measures.measurement import state_after
from research.measures.operators import (
    gradient_and_sharpness,
    hessian,
    ritz,
    top_eigenpairs,
)
from research.records.store import Row, Store
from research.training.batches import Images
from research.training.config import RunConfig, bind
from research.training.context import Hyperparameters, Rate, Setting, TrainState


@dataclass(frozen=True)
class Sharpness:
    """The curvature of the training loss after one of a run's epochs.

    Attributes:
        run: the run.
        epoch: after so many of its epochs.
        examples: about so many stand for the training set, in batches of the run's size.
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
            split `batch`: `batch_sharpness` and its standard `error` over the batches. Both are in nats per
            squared unit of the parameters. Split `optimizer`: the `learning_rate` of the step before, and
            the thresholds at that rate: `threshold` of the run's own optimizer, and `small_batch` and
            `large_batch`, 2 (1 - b) / rate and 2 (1 + b) / rate.
        """
        run = bind(self.run, dataset)
        state = state_after(run, self.epoch, dataset, store)
        per_epoch = run.steps_per_epoch(dataset.train_size)
        measured = replace(run, batch_size=self.examples_per_batch or run.batch_size)
        count = max(2, self.examples // measured.batch_size)
        steps = jnp.arange(count) + (run.epochs + 1) * measured.steps_per_epoch(dataset.train_size)
        measure = _sharpness(Setting.of(measured, dataset), self.num_matvecs, self.start)
        last = self.epoch * per_epoch - 1
        values = jax.device_get(measure(state, Images.of(dataset), Hyperparameters.of(run), steps))
        rate = float(np.asarray(Rate.of(run).of_steps(per_epoch)(last)))
        found: dict[tuple[str, str], Any] = {
            ("train", "top_eigenvalue"): values[0],
            ("train", "residual"): values[1],
            ("batch", "batch_sharpness"): values[2].mean(),
            ("batch", "error"): values[2].std(ddof=1) / len(values[2]) ** 0.5,
            ("optimizer", "learning_rate"): rate,
        }
        if rate > 0:
            found["optimizer", "threshold"] = run.optimizer.threshold(rate)
            of_batches = run.optimizer.batch_thresholds(rate)
            if of_batches is not None:
                found["optimizer", "small_batch"], found["optimizer", "large_batch"] = of_batches
        return [
            Row(last + 1, float(self.epoch), split, metric, float(value))
            for (split, metric), value in found.items()
        ]


@lru_cache(maxsize=32)
def _sharpness(setting: Setting, num_matvecs: int, start: str):
    """`f(state, images, hyper, steps) -> (eigenvalue, residual, batch sharpnesses)`, compiled."""

    @jax.jit
    def sharpness(
        state: TrainState, images: Images, hyper: Hyperparameters, steps: Int[Array, " batches"]
    ) -> tuple[Float[Array, ""], Float[Array, ""], Float[Array, " batches"]]:
        run = setting.context(hyper, images)
        batches = run.batches(steps)
        loss = run.trained_loss(state.batch_stats)
        matvec = hessian(loss, state.params, batches)
        slope, of_batches = gradient_and_sharpness(loss, state.params, batches)
        if start == "gradient":
            top = ritz(matvec, slope, num_matvecs)
        else:
            top = top_eigenpairs(matvec, state.params, jax.random.key(0), k=1, num_matvecs=num_matvecs)
        return top.values[0], top.residuals[0], of_batches

    return sharpness
