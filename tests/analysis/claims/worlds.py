"""Simulated records of worlds in which it is known what holds."""

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from analysis.claims import Evidence

FACTORS = 2.0 ** np.array([-3, -2, -1, 0, 1, 1.5, 2, 2.5, 3, 3.5, 4])  # half octaves near the edges
SIZES = np.array([512, 1024, 2048, 4096])
ABOUT = {
    "data": "synthetic",
    "preset": "quick",
    "config": {
        "base": {"data": {"name": "synthetic", "synthetic": {"classes": 10}, "test_size": 4096}},
        "seeds": 3,
    },
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
        flatness: curvature of the training loss, over that of the test loss.
        loss_ratio: log of the larger batch's lowest test loss over the smaller's.
        lowest: the lowest training loss, on the full set, nats.
        lowest_fall: by how much it falls over an eightfold larger subset: small sets have fewer updates.
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
    flatness: float = 0.5
    lowest: float = 0.1
    lowest_fall: float = 0.0
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
        slow = self.lowest + self.lowest_fall * (1 - growth)
        losses = {
            "train": slow + self.flatness * curvature * x**2,
            "test": lowest + curvature * (x - best) ** 2,
        }
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
                    "kind": "RunConfig",
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

    What a frozen model remembers of a batch is memory of its views and memory of its images, each with a
    half-life. In a reshuffled run an image is visited in every epoch, so that of a batch seen more than an
    epoch ago the images were last seen at any age up to one.

    Attributes:
        ratio: for each factor, log of the test loss of half the data over that of all.
        view: for each factor, half-life of the memory of views, epochs.
        image: for each factor, half-life of the memory of images, epochs.
        views: memory of a view seen this moment, nats; at both factors.
        images: memory of an image seen this moment, nats; at both factors.
        noise: standard deviation between seeds of the log test losses and of the share by which what is
            remembered differs, and a tenth of it in nats between replayed batches.
        harder: standard error, nats, of how much harder images never seen are: one draw for all seeds.
        drawn: whether each seed has images of its own: then a draw for each.
    """

    ratio: tuple[float, float] = (0.0, 0.6)
    view: tuple[float, float] = (0.15, 3.0)
    image: tuple[float, float] = (0.15, 20.0)
    views: float = 0.15
    images: float = 0.15
    noise: float = 0.05
    harder: float = 0.0
    drawn: bool = False

    def table(self, rng: np.random.Generator, seeds: int) -> pd.DataFrame:
        """Test losses of every epoch, and replays of the last two epochs of sixteen batches."""
        epochs, tables = 8, []
        offsets = np.zeros(seeds)
        if self.harder:  # that other worlds draw what they drew
            offsets += self.harder * rng.normal(size=seeds if self.drawn else 1)
        for factor, ratio, view, image in zip((4.0, 0.25), self.ratio, self.view, self.image, strict=True):
            for seed in range(seeds):
                for size, level in ((2048, ratio), (4096, 0.0)):
                    about = {"factor": factor, "seed": seed, "subset_size": size, "epochs": epochs}
                    about |= {"kind": "RunConfig", "split": "test", "status": "finished", "metric": "loss"}
                    # All of a run's epochs share what makes it better or worse than another seed's.
                    value = np.exp(level + self.noise * rng.normal())
                    tables.append(
                        pd.DataFrame({"epoch": np.arange(1.0, epochs + 1), "value": value}).assign(**about)
                    )
                share = 1 + self.noise * rng.normal()
                found = replay(
                    rng, epochs, view, image, share * self.views, share * self.images, 0.1 * self.noise
                )
                never = found["split"] == "never_seen"
                losses, errors = (never & (found["metric"] == metric) for metric in ("loss", "error"))
                found.loc[losses, "value"] += offsets[seed]
                found.loc[errors, "value"] = np.hypot(found.loc[errors, "value"], self.harder)
                facts = {
                    "record": f"{factor} {seed}",
                    "run.factor": factor,
                    "run.seed": seed,
                    "run.epochs": epochs,
                }
                tables.append(found.assign(kind="Replay", **facts))
        return pd.concat(tables, ignore_index=True)


def replay(
    rng: np.random.Generator,
    epochs: float,
    view: float,
    image: float,
    views: float,
    images: float,
    noise: float,
    batches: int = 16,
    back: int = 2,
) -> pd.DataFrame:
    """The rows of a replay from the end of a number of epochs: split, metric, epoch and value.

    Args:
        view: half-life of the memory of views, epochs.
        image: of images.
        views: memory of a view seen this moment, nats.
        images: of an image, by all of its visits.
        noise: standard deviation between batches, nats.
        batches: in an epoch.
        back: epochs that are replayed.
    """
    epoch = epochs - back + np.arange(back * batches) / batches
    ago = epochs - epoch
    # Of the epochs before the last, in each of which an image was visited once, at any time.
    length = image / np.log(2)
    before = length * (2 ** (-1 / image) - 2 ** (-epochs / image))
    revisited = images * (length * (1 - 2 ** (-1 / image)) + before) / (1 + before)
    of_images = np.where(ago > 1 + 1e-9, revisited, images * (2 ** (-ago / image) + before) / (1 + before))
    of_views = views * 2 ** (-ago / view)
    ends, none, own = np.full(batches, float(epochs)), np.zeros(batches), 2 + rng.normal()
    splits = {
        "seen": (epoch, of_images + of_views),
        "fresh_view": (epoch, of_images),
        "never_seen": (ends, none),
        "test_view": (ends, none),
        "next_epoch": (ends + np.arange(batches) / batches, none + revisited),
    }
    losses = [
        pd.DataFrame({"epoch": when, "value": own - known + noise * rng.normal(size=len(when))}).assign(
            split=split
        )
        for split, (when, known) in splits.items()
    ]
    error = {"epoch": [float(epochs)], "value": [noise / batches**0.5], "split": "never_seen"}
    return pd.concat(
        [pd.concat(losses).assign(metric="loss"), pd.DataFrame(error).assign(metric="error")],
        ignore_index=True,
    )


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
            about = {
                "kind": "RunConfig",
                "epoch": 12.0,
                "epochs": 12,
                "split": "test",
                "metric": "accuracy",
                "status": "finished",
            }
            return pd.DataFrame({"seed": np.arange(seeds), "value": accuracy}).assign(**about, **columns)

        return {
            "train": runs(self.large),
            "lr_sweep": runs(self.small, factor=1.0, batch_size=32, subset_size=4096),
        }


World = SweepWorld | ForgettingWorld | AccuracyWorld


def draw(world: World, rng: np.random.Generator, seeds: int, of: str = "lr_sweep") -> Evidence:
    """Records of one repetition of a world."""
    if isinstance(world, SweepWorld):
        table = world.table(rng, seeds)
        if (
            of == "size_by_updates"
        ):  # the smaller batch alone, with 768 updates of every subset, and with 1536
            table = table.loc[table["batch_size"] == 32]
            tables = []
            for updates in (768, 1536):
                epochs = updates * 32 / table["subset_size"]
                last = epochs.where(table["status"] == "finished", 1)
                tables.append(table.assign(epochs=epochs, epoch=last))
            table = pd.concat(tables, ignore_index=True)
        return evidence(**{of: table})
    if isinstance(world, ForgettingWorld):
        about = ABOUT | ({"images": "drawn"} if world.drawn else {})
        return Evidence({"forgetting": world.table(rng, seeds)}, {"forgetting": about})
    return evidence(**world.tables(rng, seeds))


HALF_EPOCH = 1 / 4  # a half-life whose recovery time, two of it, is half an epoch

_WORLDS: dict[str, tuple[World, World, World]] = {
    "C1-number": (AccuracyWorld(), AccuracyWorld(large=0.93), AccuracyWorld(large=0.94, noise=0.01)),
    "C2": (SweepWorld(), SweepWorld(onset=0.8, onset_growth=2.8), SweepWorld(onset_growth=-1, noise=0.5)),
    "C2-number": (SweepWorld(onset=3.4), SweepWorld(onset=0.9, onset_fall=1), SweepWorld(onset=2, noise=0.5)),
    "C3": (
        SweepWorld(best=0, best_growth=0, flatness=1, noise=0.08),
        SweepWorld(curvature=0.6, best_growth=0, flatness=1),
        SweepWorld(best=-0.4, best_growth=0, flatness=1, noise=0.5),
    ),
    "C4": (
        SweepWorld(best=2.9, best_growth=-2, noise=0.05),
        SweepWorld(best=0, best_growth=1),
        SweepWorld(best=3, best_growth=0, noise=0.5),
    ),
    "C4-apart": (
        SweepWorld(best=1, best_growth=-2),
        SweepWorld(best=0, best_growth=1, onset_growth=-1),
        SweepWorld(best=1, best_growth=0, noise=0.5),
    ),
    "C4-updates": (
        SweepWorld(best=1, best_growth=-1),
        SweepWorld(best=0, best_growth=1),
        SweepWorld(best=1, best_growth=0, noise=0.5),
    ),
    "C4-number": (
        SweepWorld(best=1, best_growth=-1),
        SweepWorld(best=2, best_growth=0),
        SweepWorld(best=1, best_growth=0, noise=0.5),
    ),
    "C5": (
        SweepWorld(onset=3.75, best=0.2, best_growth=0),
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
        ForgettingWorld(view=(3.0, 0.15), image=(20, 0.15)),
        ForgettingWorld(view=(1, 1), image=(1, 1), noise=0.5),
    ),
    "C7-number": (
        ForgettingWorld(view=(0.1, 3.0), image=(0.1, 3.0)),
        ForgettingWorld(view=(1, 3), image=(1, 3)),
        ForgettingWorld(view=(HALF_EPOCH, 3.0), image=(HALF_EPOCH, 3.0), noise=0.5),
    ),
    "C8": (
        ForgettingWorld(),
        ForgettingWorld(ratio=(0, -0.6)),
        ForgettingWorld(views=0, noise=0.5),
    ),
    "M9": (
        ForgettingWorld(harder=0.01),
        ForgettingWorld(image=(20, 0.15), harder=0.01),
        ForgettingWorld(image=(1, 1), noise=0.5, harder=0.05),
    ),
}

WORLDS = {name: tuple(partial(draw, world) for world in worlds) for name, worlds in _WORLDS.items()}
WORLDS["C4-updates"] = tuple(partial(draw, world, of="size_by_updates") for world in _WORLDS["C4-updates"])
STATED = {
    "C1": (partial(draw, AccuracyWorld(large=0.93)), [-0.015]),
    "C4-distance": (partial(draw, SweepWorld(onset=3.4, best=1, best_growth=-1)), [3.4]),
}
