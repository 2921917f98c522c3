"""Simulated records of the battery's experiments, in which it is known what each claim comes to."""

from collections.abc import Callable
from functools import partial

import numpy as np
import pandas as pd

from analysis.quantities import batch_edge
from tests.analysis.claims.worlds import Evidence, evidence

CHANCE = np.log(10)
FACTORS = 2.0 ** np.arange(-5, 7)
BATCHES = 2.0 ** np.arange(2, 9)
MOMENTUM = {"run.optimizer.momentum": 0.9, "run.optimizer.nesterov": True}

Rng = np.random.Generator


def _runs(splits: dict[str, np.ndarray], **columns: object) -> pd.DataFrame:
    """The last epoch's rows of finished runs: losses by split, one for each row of the columns."""
    about = {"kind": "RunConfig", "metric": "loss", "status": "finished", "epoch": 13.0, "epochs": 13}
    about |= {"subset_size": 2048, **columns}
    return pd.concat(
        [pd.DataFrame({**about, "split": split, "value": loss}) for split, loss in splits.items()]
    )


def _grid(*axes: np.ndarray) -> list[np.ndarray]:
    return [axis.ravel() for axis in np.meshgrid(*axes, indexing="ij")]


def ladder(
    rng: Rng,
    seeds: int,
    best: float = 0.0,
    onset: float = 0.0,
    noise_scale: float | None = None,
    batch_scale: float | None = None,
    noise: float = 0.03,
) -> Evidence:
    """Curves over factors at each batch size.

    Args:
        best: slope of the best factor; on top of 1 / (batch + noise scale) where there is one.
        onset: slope of the onset; on top of 1 / (batch + scale) where there is one; the best factor
            then keeps a distance from it.
        noise: of a seed's slopes.
    """
    x = np.log2(BATCHES / 32)

    def positions(slope: float, scale: float | None) -> np.ndarray:
        falls = 0 if scale is None else -np.log2((BATCHES + scale) / (32 + scale))
        return (slope * x + falls)[:, None] + x[:, None] * noise * rng.normal(size=seeds)

    turns = positions(onset, batch_scale) + 1.5
    lowest = turns - 2 if batch_scale is not None else positions(best, noise_scale)
    batch, factor, seed = _grid(BATCHES, FACTORS, np.arange(seeds))
    row = np.searchsorted(BATCHES, batch)
    at = np.log2(factor)
    lost = np.clip(0.5 + 0.25 * (at - turns[row, seed.astype(int)]), 0, 1)
    losses = {
        "train": 0.1 + (CHANCE - 0.1) * lost,
        "test": 0.3 + 0.02 * (at - lowest[row, seed.astype(int)]) ** 2,
    }
    runs = _runs(losses, batch_size=batch, factor=factor, seed=seed)
    own = {"kind": "GradientNoise", "split": "scale", "metric": "full", "value": noise_scale or 1.0}
    measured = pd.DataFrame({"run.seed": np.arange(seeds), **own})
    tables = {"batch_ladder": pd.concat([runs, measured], ignore_index=True)}
    excess = (batch_scale or 0.0) / BATCHES[0]
    tables["signature"] = _sharpness(np.zeros(seeds), np.zeros(seeds), excess, BATCHES[0])
    return evidence(**tables)


def _sharpness(whole: np.ndarray, batch: np.ndarray, excess: float, size: float) -> pd.DataFrame:
    """At any factor, log2 of the largest eigenvalue and of batch sharpness over their levels."""
    level = batch_edge(excess, MOMENTUM["run.optimizer.momentum"], True)
    tables = []
    for factor in FACTORS:
        rate = 0.001 * factor
        sharp = level / rate * 2**batch
        for split, metric, values in (
            ("train", "top_eigenvalue", 1.9 / 1.4 / rate * 2**whole),
            ("batch", "batch_sharpness", sharp),
            ("batch", "full_sharpness", sharp / (1 + excess)),
            ("optimizer", "threshold", 1.9 / 1.4 / rate),
            ("optimizer", "learning_rate", rate),
        ):
            about = {"kind": "Sharpness", "split": split, "metric": metric, "run.batch_size": size}
            about |= {"run.factor": factor, "run.seed": np.arange(len(whole)), **MOMENTUM}
            tables.append(pd.DataFrame({**about, "value": values}))
    return pd.concat(tables, ignore_index=True)


def signature(rng: Rng, seeds: int, whole: float = 0.0, batch: float = 0.0, noise: float = 0.05) -> Evidence:
    """Where the loss rises: log2 of both sharpnesses over their levels."""
    factor, seed = _grid(FACTORS, np.arange(seeds))
    loss = 0.3 + 0.1 * np.maximum(np.log2(factor), 0) ** 2
    runs = _runs({"test": loss}, batch_size=8, factor=factor, seed=seed)
    at = (mean + noise * rng.normal(size=seeds) for mean in (whole, batch))
    return evidence(signature=pd.concat([runs, _sharpness(*at, excess=10.0, size=8)], ignore_index=True))


def sizes(rng: Rng, seeds: int, moves: float = 0.0, noise: float = 0.03) -> Evidence:
    """Best factor against images at equal updates; noise of a seed's slope."""
    size, factor, seed = _grid(np.array([512, 1024, 2048, 4096]), FACTORS, np.arange(seeds))
    slope = moves + noise * rng.normal(size=seeds)
    off = np.log2(factor) - slope[seed.astype(int)] * np.log2(size / 1448)
    epochs = 768 * 32 // size
    columns = {"batch_size": 32, "subset_size": size, "epochs": epochs, "epoch": epochs.astype(float)}
    table = _runs({"test": 0.3 + 0.02 * off**2}, factor=factor, seed=seed, **columns)
    return evidence(size_by_updates=table)


def revisits(
    rng: Rng, seeds: int, absent: float = 0.5, left: float = 0.05, factor: float = 0.5, noise: float = 0.02
) -> Evidence:
    """What the longest absences cost at the highest factor, before and after annealing, and that factor."""
    tables = []
    for epoch, cost in ((18.0, absent), (20.0, left)):
        for count in (1, 16):
            for rate in (0.25, 1.0, 4.0):
                high = rate == 4
                loss = 1 + factor * high + cost * (high and count == 16) + noise * rng.normal(size=seeds)
                about = {"kind": "GroupLosses", "metric": "loss", "split": "never_seen", "epoch": epoch}
                about |= {"run.epochs": 20, "run.order.count": count, "run.factor": rate}
                tables.append(pd.DataFrame({**about, "run.seed": np.arange(seeds), "value": loss}))
    return evidence(revisits=pd.concat(tables, ignore_index=True))


def averaging(rng: Rng, seeds: int, kept: float = 0.1, noise: float = 0.02) -> Evidence:
    """The share of what a factor costs that the weights' average keeps."""
    factor, seed = _grid(FACTORS, np.arange(seeds))
    own = 0.3 * np.maximum(np.log2(factor), 0)
    average = (kept + noise * rng.normal(size=seeds))[seed.astype(int)] * own
    tables = []
    for kind, epochs, cost in (("last", np.nan, own), ("uniform", 1.0, average)):
        columns = {"averaging.kind": kind, "averaging.epochs": epochs, "batch_size": 32}
        losses = {"test": 0.3 + own, "test_average": 0.3 + cost}
        tables.append(_runs(losses, factor=factor, seed=seed, **columns))
    return evidence(averaging=pd.concat(tables, ignore_index=True))


def annealing(
    rng: Rng, seeds: int, kept: float = 0.1, half: float = 0.1, noise: float = 0.02, error: float = 0.01
) -> Evidence:
    """The shares of the highest factor's cost and of half B's advantage that annealing leaves.

    Args:
        error: standard error over the images of each group, nats.
    """
    tables = []
    for after in (False, True):
        cost, known = (
            0.5 * (share + noise * rng.normal(size=seeds) if after else np.ones(seeds))
            for share in (kept, half)
        )
        for order, epochs in (("reshuffled", 28), ("half", 24)):
            for factor in (0.25, 1.0, 2.0, 4.0):
                never = 1 + cost * (factor == 4)
                for split, loss in (("never_seen", never), ("withheld", never - known)):
                    about = {"kind": "GroupLosses", "metric": "loss", "split": split, "run.factor": factor}
                    about |= {
                        "run.order.kind": order,
                        "run.epochs": epochs,
                        "epoch": float(epochs if after else 20),
                    }
                    tables.append(pd.DataFrame({**about, "run.seed": np.arange(seeds), "value": loss}))
                    tables.append(tables[-1].assign(metric="error", value=error))
    return evidence(annealing=pd.concat(tables, ignore_index=True))


WORLDS: dict[str, tuple[Callable[[Rng, int], Evidence], ...]] = {
    "L1-K": (
        partial(ladder, best=-1, onset=-1),
        partial(ladder, best=0, onset=-1),
        partial(ladder, best=-0.75, onset=-1, noise=0.12),
    ),
    "L1-S": (
        partial(ladder, batch_scale=64),
        partial(ladder, onset=-1),
        partial(ladder, onset=0.25, batch_scale=64, noise=0.12),
    ),
    "L1-M": (
        partial(ladder, noise_scale=32),
        partial(ladder, best=0.6, noise_scale=8),
        partial(ladder, best=0.25, noise_scale=32, noise=0.12),
    ),
    "L1-D": (partial(ladder), partial(ladder, best=-1), partial(ladder, best=-0.25, noise=0.12)),
    **dict.fromkeys(
        ("L2-K", "L2-S"),
        (partial(sizes), partial(sizes, moves=0.6), partial(sizes, moves=0.2, noise=0.1)),
    ),
    **dict.fromkeys(
        ("L3-K", "L3-S"),
        (
            partial(revisits, absent=0.05),
            partial(revisits, absent=0.6),
            partial(revisits, absent=0.25, noise=0.1),
        ),
    ),
    "L3-M": (partial(revisits), partial(revisits, left=0.6), partial(revisits, left=0.25, noise=0.1)),
    "L3-D": (partial(revisits), partial(revisits, absent=-0.5), partial(revisits, absent=0, noise=0.1)),
    "L4-M": (partial(averaging), partial(averaging, kept=0.9), partial(averaging, kept=0.5, noise=0.2)),
    "L4-D": (partial(averaging, kept=0.9), partial(averaging), partial(averaging, kept=0.5, noise=0.2)),
    "L5-M": (partial(annealing), partial(annealing, kept=0.9), partial(annealing, kept=0.5, noise=0.2)),
    "L5-D": (partial(annealing), partial(annealing, half=0.9), partial(annealing, half=0.5, noise=0.2)),
    "L8-K": (partial(signature), partial(signature, whole=-2), partial(signature, whole=-0.5, noise=0.3)),
    "L8-S": (partial(signature), partial(signature, batch=-2), partial(signature, batch=-0.5, noise=0.3)),
}
