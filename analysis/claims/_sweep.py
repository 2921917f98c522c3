"""The learning-rate sweep as the claims read it: final losses on a grid, and what each curve comes to."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.claims._claim import Evidence
from analysis.quantities import best_factor, flat_width, last_stable, onset

Values = NDArray[np.float64]
EIGHTFOLD = 3  # doublings: the article's subsets, 6250 to 50000


@dataclass(frozen=True)
class Sweep:
    """Final losses of every run, in nats: (batch sizes, subset sizes, factors, seeds).

    Infinite where the run diverged, NaN where there is no record of it.

    Attributes:
        batch_sizes: ascending, as the other axes are.
        subset_sizes: training images.
        factors: of the learning rate.
        seeds: as in the configs.
        train: on the training images, without augmentation.
        test: on the test images.
        chance: loss of a guess, nats.
    """

    batch_sizes: Values
    subset_sizes: Values
    factors: Values
    seeds: Values
    train: Values
    test: Values
    chance: float

    @property
    def batch_doublings(self) -> float:
        """From the smallest batch size to the largest; 2 in the article."""
        return float(np.log2(self.batch_sizes[-1] / self.batch_sizes[0]))

    @property
    def rounding(self) -> float:
        """Standard deviation of an onset read off this grid, in doublings: uniform between two factors."""
        return float(np.diff(np.log2(self.factors)).max(initial=0)) / 12**0.5

    def onsets(self, batch: int) -> Values:
        """Log2 factor of instability: (subset sizes, seeds). `batch`: 0 for the smallest, -1 the largest."""
        return self._each(lambda curve: onset(self.factors, curve, self.chance), self.train[batch])

    def edges(self, batch: int) -> Values:
        """Log2 of the last stable factor: (subset sizes, seeds)."""
        return self._each(lambda curve: last_stable(self.factors, curve, self.chance), self.train[batch])

    def bests(self, batch: int) -> Values:
        """Log2 of the factor with the lowest test loss: (subset sizes, seeds)."""
        return self._each(lambda curve: best_factor(self.factors, curve)[0], self.test[batch])

    def flat(self, losses: Values) -> Values:
        """Width of the flat region around factor 1, in doublings: (subset sizes, seeds)."""
        return self._each(lambda curve: flat_width(self.factors, curve, self.chance), losses)

    def per_eightfold(self, values: Values) -> Values:
        """Change of (subset sizes, seeds) values over an eightfold larger subset, least squares: (seeds,)."""
        x = np.log2(self.subset_sizes)
        if len(x) < 2:
            return np.full(len(self.seeds), np.nan)
        centred = x - x.mean()
        return EIGHTFOLD * (centred @ values) / (centred @ centred)

    def series(self, values: Values) -> pd.Series:
        """One number per seed, as a claim's effect is."""
        return pd.Series(values, index=self.seeds)

    def _each(self, quantity: Callable[[Values], float], losses: Values) -> Values:
        """A quantity of each curve: from (sizes, factors, seeds) to (sizes, seeds)."""
        return np.apply_along_axis(quantity, 1, losses)


def sweep(evidence: Evidence) -> Sweep:
    """The records of `lr_sweep`."""
    table = evidence.tables["lr_sweep"]
    keys = ("batch_size", "subset_size", "factor", "seed")
    axes = [np.unique(table[key]) for key in keys]
    final = table.loc[
        (table["metric"] == "loss") & (table["epoch"] == table["epochs"]) & (table["status"] == "finished")
    ]
    diverged = table.loc[table["status"] == "diverged"]

    def grid(rows: pd.DataFrame) -> tuple[NDArray[np.intp], ...]:
        return tuple(np.searchsorted(axis, rows[key]) for axis, key in zip(axes, keys, strict=True))

    losses = {}
    for split in ("train", "test"):
        rows = final.loc[final["split"] == split]
        losses[split] = np.full([len(axis) for axis in axes], np.nan)
        # A last loss that is not finite, whatever the run's status, is that of a diverged run.
        losses[split][grid(rows)] = rows["value"].where(np.isfinite(rows["value"]), np.inf)
        losses[split][grid(diverged)] = np.inf
    return Sweep(*axes, **losses, chance=evidence.chance)
