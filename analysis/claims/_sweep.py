"""The learning-rate sweep as the claims read it: final losses on a grid, and what each curve comes to."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.claims._claim import Evidence
from analysis.quantities import best_factor, flat_region, last_stable, onset

Values = NDArray[np.float64]
EIGHTFOLD = 3  # doublings: the article's subsets, 6250 to 50000

# An onset lies anywhere between two factors of the grid. Half-widths of 95% intervals, in steps of the grid:
ONE_ONSET = 0.475  # of a uniform distribution one step wide
TWO_ONSETS = 1 - 0.05**0.5  # of the difference of two such: a triangle two steps wide


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
    def step(self) -> float:
        """The widest gap between two factors, in doublings."""
        return float(np.diff(np.log2(self.factors)).max(initial=0))

    def onsets(self, batch: int) -> Values:
        """Log2 factor of instability: (subset sizes, seeds). `batch`: 0 for the smallest, -1 the largest."""
        return self._each(lambda curve: onset(self.factors, curve, self.chance), self.train[batch])

    def edges(self, batch: int) -> Values:
        """Log2 of the last stable factor: (subset sizes, seeds)."""
        return self._each(lambda curve: last_stable(self.factors, curve, self.chance), self.train[batch])

    def bests(self, batch: int) -> Values:
        """Log2 of the factor with the lowest test loss: (subset sizes, seeds)."""
        return self._each(lambda curve: best_factor(self.factors, curve)[0], self.test[batch])

    def flat(self, losses: Values, end: int) -> Values:
        """Log2 of an end of the flat region, 0 the low one, 1 the high one: (subset sizes, seeds)."""
        return self._each(lambda curve: flat_region(self.factors, curve, self.chance)[end], losses)

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


@lru_cache(maxsize=1)  # every part of every claim asks for it
def sweep(evidence: Evidence) -> Sweep:
    """The records of `lr_sweep`."""
    table = evidence.tables["lr_sweep"]
    keys = ("batch_size", "subset_size", "factor", "seed")
    axes, places = zip(*(np.unique(table[key].to_numpy(), return_inverse=True) for key in keys), strict=True)
    diverged = table["status"].to_numpy() == "diverged"
    final = (
        (table["metric"].to_numpy() == "loss") & (table["epoch"] == table["epochs"]).to_numpy() & ~diverged
    )
    # A last loss that is not finite, whatever the run's status, is that of a diverged run.
    values = np.nan_to_num(table["value"].to_numpy(float), nan=np.inf, posinf=np.inf)

    def losses(split: str) -> Values:
        grid = np.full([len(axis) for axis in axes], np.nan)
        rows = final & (table["split"].to_numpy() == split)
        grid[tuple(place[rows] for place in places)] = values[rows]
        grid[tuple(place[diverged] for place in places)] = np.inf
        return grid

    return Sweep(*axes, train=losses("train"), test=losses("test"), chance=evidence.chance)
