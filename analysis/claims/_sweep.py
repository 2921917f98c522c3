"""The learning-rate sweep as the claims read it: final losses on a grid, and what each curve comes to."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis._tables import where
from analysis.claims._claim import Evidence
from analysis.claims._interval import UNIFORM
from analysis.quantities import FEWEST_UPDATES, best_factor, flat_region, onset
from research.errors import require

Values = NDArray[np.float64]
EIGHTFOLD = 3  # doublings: the article's subsets, 6250 to 50000

# An onset lies anywhere between two factors of the grid. Half-widths of 95% intervals, in steps of the grid:
ONE_ONSET = UNIFORM
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
        updates: of each run: (batch sizes, subset sizes).
        chance: loss of a guess, nats.
    """

    batch_sizes: Values
    subset_sizes: Values
    factors: Values
    seeds: Values
    train: Values
    test: Values
    updates: Values
    chance: float

    @property
    def batch_doublings(self) -> float:
        """From the smallest batch size to the largest; 2 in the article."""
        return float(np.log2(self.batch_sizes[-1] / self.batch_sizes[0]))

    def onsets(self, batch: int) -> Values:
        """Log2 factor of instability: (subset sizes, seeds). `batch`: 0 for the smallest, -1 the largest."""
        return np.asarray(
            [
                [onset(self.factors, curve, self.chance, updates) for curve in of_size.T]
                for of_size, updates in zip(self.train[batch], self.updates[batch], strict=True)
            ]
        )

    def trained_enough(self, batch: int) -> NDArray[np.bool_]:
        """The subset sizes whose runs have updates enough for an onset: known before any of them is run."""
        return self.updates[batch] >= FEWEST_UPDATES

    def gap(self, *onsets: Values) -> float:
        """The gap of the grid, in doublings, in which these onsets lie: the root of the mean of squares."""
        grid = np.log2(self.factors)
        found = np.concatenate([values[np.isfinite(values)] for values in onsets])
        place = np.clip(np.searchsorted(grid, found), 1, max(1, len(grid) - 1))
        if len(grid) < 2 or not len(found):
            return 0.0
        return float(np.sqrt(np.mean((grid[place] - grid[place - 1]) ** 2)))

    def bests(self, batch: int) -> Values:
        """Log2 of the factor with the lowest test loss: (subset sizes, seeds)."""
        return self._each(lambda curve: best_factor(self.factors, curve)[0], self.test[batch])

    def flat(self, losses: Values, end: int) -> Values:
        """Log2 of an end of the flat region, 0 the low one, 1 the high one: (subset sizes, seeds)."""
        return self._each(lambda curve: flat_region(self.factors, curve, self.chance)[end], losses)

    def per_eightfold(self, values: Values, among: NDArray[np.bool_] | slice = slice(None)) -> Values:
        """Change of (subset sizes, seeds) values over an eightfold larger subset, least squares: (seeds,).

        Args:
            among: the subset sizes that count.
        """
        x, values = np.log2(self.subset_sizes)[among], values[among]
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


@lru_cache(maxsize=2)  # every part of every claim asks for it
def sweep(evidence: Evidence, experiment: str = "lr_sweep") -> Sweep:
    """The records of a learning-rate sweep; of one with several numbers of updates, the runs with the most.

    Raises:
        InvalidInput: there are none.
    """
    table = where(evidence.tables[experiment], kind="RunConfig")
    require(len(table) > 0, "records", experiment, "must have runs")
    if experiment == "size_by_updates":
        updates = table["epochs"] * (table["subset_size"] // table["batch_size"])
        table = table.loc[updates == updates.max()]
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

    batches, sizes = np.meshgrid(axes[0], axes[1], indexing="ij")
    epochs = np.zeros(batches.shape)
    epochs[places[0], places[1]] = table["epochs"].to_numpy(float)
    return Sweep(
        *axes,
        train=losses("train"),
        test=losses("test"),
        updates=epochs * (sizes // batches),
        chance=evidence.chance,
    )
