"""Records of made-up worlds in which it is known what holds."""

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from analysis.claims import Evidence

FACTORS = 2.0 ** np.arange(-3, 5)
SIZES = np.array([512, 1024, 2048, 4096])
ABOUT = {
    "data": "synthetic",
    "preset": "quick",
    "config": {"base": {"data": {"name": "synthetic", "synthetic": {"classes": 10}}}, "seeds": 3},
    "command": "python -m experiments.all --preset quick",
}


def evidence(**tables: pd.DataFrame) -> Evidence:
    """Tables by their experiment's name, all of one data set and preset."""
    return Evidence(tables, dict.fromkeys(tables, ABOUT))


@dataclass(frozen=True)
class SweepWorld:
    """Curves of a learning-rate sweep, at batch 32 and 128. Positions are log2 of the factor.

    A run diverges above its onset; below it, training loss has a minimum at 0 and test loss one at `best`,
    both parabolas in log2 of the factor.

    Attributes:
        onset: at the smallest subset and smaller batch.
        onset_growth: over an eightfold larger subset.
        onset_fall: at the larger batch.
        best: at the smallest subset and smaller batch.
        best_growth: over an eightfold larger subset.
        best_fall: at the larger batch.
        curvature: of both losses, nats per square doubling.
        loss_ratio: log of the larger batch's lowest test loss over the smaller's.
        noise: standard deviation between seeds of onset, best factor (doublings), and of log test loss
            and log curvature, times 1, 1, 0.2 and 0.2.
    """

    onset: float = 3.4
    onset_growth: float = 0.0
    onset_fall: float = 2.0
    best: float = 1.0
    best_growth: float = -1.0
    best_fall: float = 0.0
    curvature: float = 0.1
    loss_ratio: float = 0.0
    noise: float = 0.1

    def table(self, rng: np.random.Generator, seeds: int) -> pd.DataFrame:
        """The rows of the last epoch, as records have them."""
        shape = (2, len(SIZES), 1, seeds)  # batch sizes, subset sizes, factors, seeds
        large = np.arange(2).reshape(2, 1, 1, 1)
        growth = np.log2(SIZES / SIZES[0]).reshape(1, -1, 1, 1) / 3
        x = np.log2(FACTORS).reshape(1, 1, -1, 1)

        def scatter(scale: float) -> np.ndarray:
            # Half of it is the seed's own in all of its runs, as a lucky initialisation would be.
            own, runs = rng.normal(size=(1, 1, 1, seeds)), rng.normal(size=shape)
            return scale * self.noise * (own + runs) / 2**0.5

        onset = self.onset + self.onset_growth * growth - self.onset_fall * large + scatter(1)
        best = self.best + self.best_growth * growth - self.best_fall * large + scatter(1)
        curvature = self.curvature * np.exp(scatter(0.2))
        lowest = 0.3 * np.exp(self.loss_ratio * large + scatter(0.2))
        losses = {"train": 0.1 + curvature * x**2, "test": lowest + curvature * (x - best) ** 2}
        full = (2, len(SIZES), len(FACTORS), seeds)
        axes = np.meshgrid([32, 128], SIZES, FACTORS, np.arange(seeds), indexing="ij")
        batch, size, factor, seed = (axis.ravel() for axis in axes)
        diverged = np.broadcast_to(x > onset, full).ravel()
        tables = [
            pd.DataFrame(
                {
                    "batch_size": batch,
                    "subset_size": size,
                    "factor": factor,
                    "seed": seed,
                    "epoch": np.where(diverged, 3, 12),
                    "epochs": 12,
                    "split": split,
                    "metric": "loss",
                    "value": np.where(diverged, np.nan, np.broadcast_to(values, full).ravel()),
                    "status": np.where(diverged, "diverged", "finished"),
                }
            )
            for split, values in losses.items()
        ]
        return pd.concat(tables, ignore_index=True)


@dataclass(frozen=True)
class ForgettingWorld:
    """The two rates of the forgetting experiment: factor 4 and factor 1/4.

    Attributes:
        ratio: for each factor, log of the test loss of half the data over that of all.
        memory: for each factor, how many epochs it takes to forget to 1/e.
        strength: advantage of a batch seen this moment, nats; at both factors.
        lasting: for each factor, advantage that never goes, nats.
        noise: standard deviation between seeds of the log test losses, and a tenth of it in nats between
            replayed batches.
    """

    ratio: tuple[float, float] = (0.0, 0.6)
    memory: tuple[float, float] = (0.15, 3.0)
    strength: float = 0.3
    lasting: tuple[float, float] = (0.0, 0.0)
    noise: float = 0.05

    def table(self, rng: np.random.Generator, seeds: int) -> pd.DataFrame:
        """Test losses of every epoch, and replays of the last two epochs of sixteen batches."""
        epochs, replayed, batches = 8, 2, 16
        tables = []
        for factor, ratio, memory, lasting in zip(
            (4.0, 0.25), self.ratio, self.memory, self.lasting, strict=True
        ):
            for seed in range(seeds):
                for size, level in ((2048, ratio), (4096, 0.0)):
                    # All of a run's epochs share what makes it better or worse than another seed's.
                    value = np.exp(level + self.noise * rng.normal()) * np.ones(epochs)
                    tables.append(
                        {
                            "factor": factor,
                            "seed": seed,
                            "subset_size": size,
                            "epochs": epochs,
                            "epoch": np.arange(1.0, epochs + 1),
                            "split": "test",
                            "value": value,
                            "status": "finished",
                        }
                    )
                epoch = epochs - replayed + np.arange((replayed + 1) * batches) / batches
                # The test set's row stands where the model was frozen; what it holds is no claim's matter.
                split = np.where(epoch < epochs, "replayed", "unseen")
                epoch, split = np.append(epoch, epochs), np.append(split, "test")
                age = epochs - epoch
                known = lasting + self.strength * np.exp(-age / memory)
                known *= 1 + self.noise * rng.normal()
                value = 2 + rng.normal() - np.where(age > 0, known, 0)
                tables.append(
                    {
                        "record": 100 * factor + seed,
                        "run.factor": factor,
                        "run.seed": seed,
                        "run.epochs": epochs,
                        "epoch": epoch,
                        "split": split,
                        "value": value + 0.1 * self.noise * rng.normal(size=len(epoch)),
                    }
                )
        columns = {column for table in tables for column in table}
        joined = {
            column: np.concatenate(
                [np.broadcast_to(table.get(column, np.nan), len(table["epoch"])) for table in tables]
            )
            for column in columns - {"status", "split"}
        }
        for column in ("status", "split"):
            joined[column] = np.concatenate(
                [
                    np.broadcast_to(np.asarray(table.get(column, ""), object), len(table["epoch"]))
                    for table in tables
                ]
            )
        return pd.DataFrame(joined).assign(metric="loss")


@dataclass(frozen=True)
class AccuracyWorld:
    """Test accuracies of the larger batch (`train`) and the smaller one (in `lr_sweep`).

    Attributes:
        large: mean over seeds.
        small: mean over seeds.
        noise: standard deviation between seeds.
    """

    large: float = 0.945
    small: float = 0.945
    noise: float = 0.001

    def tables(self, rng: np.random.Generator, seeds: int) -> dict[str, pd.DataFrame]:
        """Both experiments' last rows."""

        def runs(mean: float, **columns: Any) -> pd.DataFrame:
            accuracy = mean + self.noise * rng.normal(size=seeds)
            about = {"epoch": 12.0, "epochs": 12, "split": "test", "metric": "accuracy", "status": "finished"}
            return pd.DataFrame({"seed": np.arange(seeds), "value": accuracy}).assign(**about, **columns)

        return {
            "train": runs(self.large),
            "lr_sweep": runs(self.small, factor=1.0, batch_size=32, subset_size=4096),
        }


World = SweepWorld | ForgettingWorld | AccuracyWorld


def draw(world: World, rng: np.random.Generator, seeds: int) -> Evidence:
    """Records of one repetition of a world."""
    if isinstance(world, SweepWorld):
        return evidence(lr_sweep=world.table(rng, seeds))
    if isinstance(world, ForgettingWorld):
        return evidence(forgetting=world.table(rng, seeds))
    return evidence(**world.tables(rng, seeds))


# A recovery time of half an epoch: the newest bin stands at 1/16 epoch, and a quarter of what it has is left.
HALF_EPOCH = (0.5 - 1 / 16) / np.log(4)

_WORLDS: dict[str, tuple[World, World, World]] = {
    "C1": (AccuracyWorld(), AccuracyWorld(large=0.9), AccuracyWorld(large=0.935, noise=0.02)),
    "C1-number": (AccuracyWorld(), AccuracyWorld(large=0.93), AccuracyWorld(large=0.94, noise=0.01)),
    "C2": (SweepWorld(), SweepWorld(onset=1.3, onset_growth=3), SweepWorld(onset_growth=-1, noise=0.5)),
    "C2-number": (SweepWorld(onset=3.4), SweepWorld(onset=0.9, onset_fall=1), SweepWorld(onset=2, noise=0.5)),
    "C3": (
        SweepWorld(best=0, best_growth=0),
        SweepWorld(curvature=0.6, best_growth=0),
        SweepWorld(best=-0.4, best_growth=0, noise=0.5),
    ),
    "C4": (
        SweepWorld(best=2.9, best_growth=-2),
        SweepWorld(best=0, best_growth=1),
        SweepWorld(best=3, best_growth=0, noise=0.5),
    ),
    "C4-number": (
        SweepWorld(best=1, best_growth=-1),
        SweepWorld(best=2, best_growth=0),
        SweepWorld(best=1, best_growth=0, noise=0.5),
    ),
    "C5": (
        SweepWorld(onset=3.6, best=0.2, best_growth=0),
        SweepWorld(onset=3.6, best_fall=2, best=1, best_growth=0),
        SweepWorld(onset=3.6, best=1, best_growth=0, best_fall=1, noise=0.5),
    ),
    "C5-number": (SweepWorld(onset=3.4), SweepWorld(onset_fall=0), SweepWorld(onset_fall=1.4, noise=0.5)),
    "C6": (
        ForgettingWorld(noise=0.03),
        ForgettingWorld(ratio=(0.6, 0)),
        ForgettingWorld(ratio=(0.223, 0), noise=0.3),
    ),
    "C7": (
        ForgettingWorld(),
        ForgettingWorld(memory=(50, 50)),
        ForgettingWorld(strength=0, noise=0.5),
    ),
    "C7-number": (
        ForgettingWorld(),
        ForgettingWorld(memory=(1.0, 3.0)),
        ForgettingWorld(memory=(HALF_EPOCH, 3.0), noise=0.5),
    ),
    "C8": (
        ForgettingWorld(),
        ForgettingWorld(ratio=(0, -0.6)),
        ForgettingWorld(strength=0, noise=0.5),
    ),
}

WORLDS = {name: tuple(partial(draw, world) for world in worlds) for name, worlds in _WORLDS.items()}
