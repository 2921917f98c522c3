"""Forgetting events: how often a training image goes from right to wrong between two of its visits.

An image is *learned* when it is classified rightly on one of its visits, *forgotten* when it was right on one
visit and is wrong on the next, and *never forgotten* when it was learned and that never happened (Toneva et
al. 2019, arXiv 1812.05159, who find 31.3% of CIFAR-10 never forgotten in their setting). It is judged as they
do: in the batch that it is visited in, augmented, before that batch's update.
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Int

from research.data import Dataset
from research.measures.measurement import BatchesAsTrained
from research.measures.rerun import rerun
from research.records.store import Row, Store
from research.training.batches import Images
from research.training.config import RunConfig, bind
from research.training.context import Hyperparameters, Setting

HISTOGRAM = 6  # images forgotten so often or more are counted together


@dataclass(frozen=True)
class Events:
    """The forgetting events of a whole run, which is trained once more to count them.

    Attributes:
        run: the run.
    """

    run: RunConfig

    def epochs(self) -> tuple[int]:
        """The last: a run that diverged has no such state, and is passed over."""
        return (self.run.epochs,)

    def measure(self, dataset: Dataset, store: Store) -> list[Row]:
        """Train the run again, watching every image.

        Returns:
            For each epoch from the second, split `seen`: `learned` and `forgotten`, the shares of the images
            visited that went from wrong to right and from right to wrong since their visit before. At the
            end, split `train`, shares of the images visited: `never_learned`, `never_forgotten`, and
            `forgotten_K_times` for K in 0 .. 6 (6: or more) of those learned; and `events`, the mean
            number of times that a learned one was forgotten.

        Raises:
            InvalidInput: the batches cannot be made again here.
        """
        run = bind(self.run, dataset)
        as_trained = BatchesAsTrained(run, store)
        images, hyper = Images.of(dataset), Hyperparameters.of(run)
        per_epoch = run.steps_per_epoch(dataset.train_size)
        steps = rerun(run, dataset)
        state = jax.jit(Setting.of(run, dataset).initial_state)(hyper)
        history = ImageHistory.blank(run.subset_size or dataset.train_size)
        rows: list[Row] = []
        for epoch in range(run.epochs):
            sources = jnp.arange(per_epoch, dtype=jnp.int32) + epoch * per_epoch
            state, trace = steps(state, images, hyper, sources, jnp.int32(per_epoch))
            trace = jax.device_get(trace)
            as_trained.require(epoch, int(trace.order_checksum))
            learned, forgotten = history.visit(trace.rows.ravel(), trace.correct.ravel())
            if epoch > 0:
                step = (epoch + 1) * per_epoch
                rows.append(Row(step, epoch + 1.0, "seen", "learned", learned))
                rows.append(Row(step, epoch + 1.0, "seen", "forgotten", forgotten))
        total = run.total_steps(dataset.train_size)
        for metric, value in history.shares().items():
            rows.append(Row(total, float(run.epochs), "train", metric, value))
        return rows


@dataclass
class ImageHistory:
    """What is known of each image so far.

    Attributes:
        visits: how often it was visited, (images,).
        right: whether it was right on its last visit.
        learned: whether it was ever right.
        events: how often it was forgotten.
    """

    visits: Int[np.ndarray, " images"]
    right: Bool[np.ndarray, " images"]
    learned: Bool[np.ndarray, " images"]
    events: Int[np.ndarray, " images"]

    @classmethod
    def blank(cls, images: int) -> "ImageHistory":
        """Of a number of images, none visited."""
        counts, flags = np.zeros(images, np.int64), np.zeros(images, bool)
        return cls(counts, flags, flags.copy(), counts.copy())

    def visit(
        self, rows: Int[np.ndarray, " visited"], correct: Bool[np.ndarray, " visited"]
    ) -> tuple[float, float]:
        """Add an epoch's visits, at most one to each image.

        Returns:
            Of the images visited, the shares that went from wrong to right, and from right to wrong. One
            that was never visited before counts as wrong.
        """
        before = self.right[rows]
        self.events[rows] += before & ~correct
        self.right[rows] = correct
        self.learned[rows] |= correct
        self.visits[rows] += 1
        return float((~before & correct).mean()), float((before & ~correct).mean())

    def shares(self) -> dict[str, float]:
        """The numbers at the end of a run, by metric; NaN where no image was learned."""
        visited = self.visits > 0
        learned = self.learned[visited]
        events = np.minimum(self.events[visited][learned], HISTOGRAM)
        counts = np.bincount(events, minlength=HISTOGRAM + 1) / max(1, len(events))
        mean = float(self.events[visited][learned].mean()) if learned.any() else float("nan")
        return {
            "never_learned": float(1 - learned.mean()),
            "never_forgotten": float(counts[0] * learned.mean()),
            "events": mean,
            **{f"forgotten_{k}_times": float(share) for k, share in enumerate(counts)},
        }
