"""Simulated worlds of the measurements: what each claim about noise, memory and interventions is asked of."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.claims import Evidence
from tests.analysis.claims.worlds import evidence, replay


@dataclass(frozen=True)
class NoiseWorld:
    """Variances that fall as size^exponent, for batch and for running statistics.

    Attributes:
        batch: exponent with each batch's own statistics.
        running: exponent with running ones.
        noise: standard deviation of log variances between seeds and moments.
    """

    batch: float = -1.0
    running: float = -1.0
    noise: float = 0.02

    def draw(self, rng: np.random.Generator, seeds: int) -> Evidence:
        """One repetition."""
        rows = [
            {
                "split": split,
                "metric": f"variance_{size}",
                "run.factor": 1.0,
                "run.seed": seed,
                "epoch": epoch,
                # A seed's own exponent, and scatter of every estimate.
                "value": size ** (exponent + shift) * np.exp(self.noise * rng.normal()),
            }
            for seed in range(seeds)
            for split, exponent, shift in (
                ("batch", self.batch, self.noise * rng.normal()),
                ("running", self.running, self.noise * rng.normal()),
            )
            for epoch in (1.0, 5.0)
            for size in (4, 16, 64)
        ]
        same = {"kind": "GradientNoise", "run.batch_size": 32, "run.subset_size": 4096}
        return evidence(noise=pd.DataFrame(rows).assign(**same))


@dataclass(frozen=True)
class MemoryWorld:
    """Recency curves with half-lives that change with one thing that is varied.

    Attributes:
        field: the column that is varied.
        power: doublings of the half-life from its lowest to its highest value.
        noise: standard deviation of a run's log2 half-life, and a twentieth of it in nats between batches.
    """

    field: str
    power: float = 0.0
    noise: float = 0.1

    def draw(self, rng: np.random.Generator, seeds: int) -> Evidence:
        """One repetition: replays of two epochs of 32 batches, frozen after epoch 4."""
        base = {
            "run.factor": 1.0,
            "run.model.width": 8,
            "run.batch_size": 32,
            "run.optimizer.weight_decay": 5e-4,
        }
        ends = {
            "run.factor": (0.25, 4.0),
            "run.model.width": (4, 16),
            "run.optimizer.weight_decay": (0.0, 5e-3),
        }
        low, high = ends[self.field]
        points = [(base | {self.field: low}, -self.power / 2), (base | {self.field: high}, self.power / 2)]
        tables = []
        for index, (facts, shift) in enumerate(points):
            for seed in range(seeds):
                life = 0.3 * 2 ** (shift + self.noise * rng.normal())
                found = replay(rng, 4, life, 1.0, 0.3, 0.0, self.noise / 20, batches=32)
                tables.append(found.assign(**facts, **{"run.seed": seed, "record": f"{index} {seed}"}))
        return evidence(memory=pd.concat(tables, ignore_index=True).assign(kind="Replay"))


@dataclass(frozen=True)
class CohortWorld:
    """Cohorts watched for six epochs of 64 updates, at four factors of a rate of 0.05.

    Attributes:
        power: of the factor in the half-life in epochs: -1 where it is one in summed rate, 0 where it is one
            in epochs.
        life: half-life at factor 1, epochs; 0: any from 0.05 to 100, another in each repetition.
        memory: of the cohort when it leaves, nats.
        noise: standard deviation of a run's log2 half-life, and a twentieth of it in nats between moments.
        images: standard deviation of how hard a block of images is, nats.
        turns: whether blocks change roles from seed to seed.
    """

    power: float = -1.0
    life: float = 1.5
    memory: float = 0.5
    noise: float = 0.1
    images: float = 0.02
    turns: bool = True

    def draw(self, rng: np.random.Generator, seeds: int) -> Evidence:
        """One repetition."""
        steps = np.array([0, *2 ** np.arange(6), *(64 * np.arange(1, 7))])
        rows, runs, hard = [], [], self.images * rng.normal(size=3)
        at_one = self.life or np.exp(rng.uniform(np.log(0.05), np.log(100)))
        for factor in (0.25, 1.0, 2.0, 4.0):
            for seed in range(seeds):
                life = at_one * factor**self.power * 2 ** (self.noise * rng.normal())
                turn = seed % 3 if self.turns else 0
                own, offset = 1 + rng.normal(), hard[(turn + 2) % 3] - hard[turn]
                known = self.memory * 2 ** (-steps / 64 / life) + offset
                losses = own - known + self.noise / 20 * rng.normal(size=len(steps))
                about = {"record": f"{factor} {seed}", "run.factor": factor, "run.seed": seed}
                about |= {"run.order.kind": "cohort", "run.order.turn": turn}
                runs.append({"kind": "RunConfig", "factor": factor, "seed": seed})
                for step, loss in zip(steps, losses, strict=True):
                    moment = {"kind": "GroupLosses", "step": 384 + step, "epoch": 6 + step / 64}
                    for split, metric, value in (
                        ("cohort", "loss", loss),
                        ("never_seen", "loss", own),
                        ("cohort", "error", self.images),
                        ("never_seen", "error", self.images),
                        ("optimizer", "summed_rate", 0.05 * factor * step),
                    ):
                        rows.append(about | moment | {"split": split, "metric": metric, "value": value})
        return evidence(cohort=pd.DataFrame(rows + runs))


@dataclass(frozen=True)
class EventsWorld:
    """Forgetting events at three factors.

    Attributes:
        growth: doublings of the events from the lowest factor to the highest.
        never: share of images never forgotten.
        noise: standard deviation of log2 events between runs; a tenth of it of the share.
    """

    growth: float = 1.0
    never: float = 0.313
    noise: float = 0.1

    def draw(self, rng: np.random.Generator, seeds: int) -> Evidence:
        """One repetition."""
        rows = [
            {
                "run.factor": factor,
                "run.batch_size": batch,
                "run.seed": seed,
                "seed": seed,
                "metric": metric,
                "value": value,
            }
            for batch in (32, 128)
            for factor in (0.25, 1.0, 4.0)
            for seed in range(seeds)
            for metric, value in (
                ("events", 2 ** (self.growth * np.log2(factor) / 4 + self.noise * rng.normal())),
                ("never_forgotten", self.never + 0.1 * self.noise * rng.normal()),
            )
        ]
        return evidence(events=pd.DataFrame(rows).assign(kind="Events", split="train"))


@dataclass(frozen=True)
class InterventionWorld:
    """Losses after a swap, against those of the untouched run.

    Attributes:
        window: effect on window A's loss right after window B, nats, at both factors; on B's, its opposite.
        left: how much of that is left at the end, as a share.
        trace: effect on the test loss at the end, nats.
        shared: effect of the swap on every loss right after window B, nats.
        swing: standard deviation of what all losses of a run share in at a moment, nats.
        noise: standard deviation of each effect between seeds, nats.
    """

    window: float = -0.1
    left: float = 0.0
    trace: float = 0.0
    shared: float = 0.0
    swing: float = 0.1
    noise: float = 0.01

    def draw(self, rng: np.random.Generator, seeds: int) -> Evidence:
        """One repetition: two factors, evaluated before window B, after it, after an epoch and after two."""
        rows = []
        for factor in (0.25, 4.0):
            for seed in range(seeds):
                about = {"run.factor": factor, "run.seed": seed, "seed": seed, "config.epoch": 8}
                own = rng.normal()
                for change in ("untouched", "swap"):
                    scatter = self.noise * (change == "swap")
                    for since, share in ((0.0625, 0.0), (0.5625, 1.0), (1.0, 0.5), (2.0, self.left)):
                        known = share * self.window * (change == "swap")
                        swing = self.swing * rng.normal() + self.shared * share * (change == "swap")
                        trace = self.trace * (change == "swap" and since == 2)
                        for split, effect in (("window_a", known), ("window_b", -known), ("test", trace)):
                            value = 2 + own + swing + effect + scatter * rng.normal()
                            row = {"change": change, "epoch": 8 + since, "split": split, "metric": "loss"}
                            rows.append(about | row | {"value": value})
                    for metric in ("statistics_checksum", "key_0"):
                        row = {"change": change, "epoch": 8.0, "split": "audit", "metric": metric}
                        rows.append(about | row | {"value": seed})
        return evidence(interventions=pd.DataFrame(rows).assign(kind="Intervention"))


@dataclass(frozen=True)
class EdgeWorld:
    """What is held in runs of 100 steps at rate 0.1 (gradient descent) and 0.01 (with momentum 0.9).

    Attributes:
        hover: log2 of the full batch's largest eigenvalue over 2 / rate.
        small: log2 of the smallest batch's sharpness over 2 (1 - b) / rate.
        large: log2 of the full batch's over 2 (1 + b) / rate.
        fitted: the step from which the training set is fitted, and the sharpness a thirtieth.
        noise: standard deviation of each between runs.
    """

    hover: float = 0.2
    small: float = 0.0
    large: float = 0.0
    fitted: float = np.inf
    noise: float = 0.1

    def draw(self, rng: np.random.Generator, seeds: int) -> Evidence:
        """One repetition: measured every ten steps, of an epoch each; rising over the first thirty."""
        rows, runs = [], []
        for seed in range(seeds):
            for size, momentum, rate, held in (
                (64, 0.0, 0.1, 2 * 2**self.hover),
                (8, 0.9, 0.01, 0.2 * 2**self.small),
                (64, 0.9, 0.01, 3.8 * 2**self.large),
            ):
                level = held / rate * 2 ** (self.noise * rng.normal())
                run = {"batch_size": size, "optimizer.momentum": momentum, "factor": rate, "seed": seed}
                about = {f"run.{name}": value for name, value in run.items()}
                for step in range(10, 101, 10):
                    value = level * min(1.0, step / 30) / (30 if step >= self.fitted else 1)
                    moment = {"step": step, "epoch": float(step)}
                    right = {
                        "split": "seen",
                        "metric": "accuracy",
                        "value": 1.0 if step >= self.fitted else 0.5,
                    }
                    runs.append(run | moment | right)
                    for metric, split, number in (
                        ("top_eigenvalue", "train", value),
                        ("batch_sharpness", "batch", value),
                        ("threshold", "optimizer", 2 * (1 + momentum) / rate),
                        ("small_batch", "optimizer", 2 * (1 - momentum) / rate),
                        ("large_batch", "optimizer", 2 * (1 + momentum) / rate),
                    ):
                        rows.append(about | moment | {"split": split, "metric": metric, "value": number})
        measured = pd.DataFrame(rows).assign(kind="Sharpness", **{"run.subset_size": 64, "run.epochs": 100})
        trained = pd.DataFrame(runs).assign(kind="RunConfig", subset_size=64, epochs=100, status="finished")
        return evidence(edge=pd.concat([trained, measured], ignore_index=True))


MeasuredWorld = CohortWorld | EdgeWorld | NoiseWorld | MemoryWorld | EventsWorld | InterventionWorld


def _memory(field: str, true: float) -> tuple[MemoryWorld, MemoryWorld, MemoryWorld]:
    """A half-life that is moved as the claim says, the other way, and not at all."""
    return MemoryWorld(field, true), MemoryWorld(field, -true), MemoryWorld(field, noise=0.5)


_WORLDS: dict[str, tuple[MeasuredWorld, MeasuredWorld, MeasuredWorld]] = {
    "E1": (EdgeWorld(), EdgeWorld(hover=-1.5), EdgeWorld(hover=0.585, noise=0.4)),
    "E2": (EdgeWorld(), EdgeWorld(large=-3), EdgeWorld(small=1, noise=0.5)),
    "M1": _memory("run.model.width", 2),
    "M2": _memory("run.factor", -2),
    "M3": _memory("run.optimizer.weight_decay", -2),
    "M4": (EventsWorld(), EventsWorld(growth=-1), EventsWorld(growth=0, noise=0.5)),
    "M4-number": (EventsWorld(), EventsWorld(never=0.5), EventsWorld(never=0.263, noise=0.5)),
    "M5": (InterventionWorld(), InterventionWorld(window=0.1), InterventionWorld(window=0, noise=0.2)),
    "M6": (
        InterventionWorld(noise=0.005),
        InterventionWorld(left=0.8),
        InterventionWorld(left=0.25, noise=0.1),
    ),
}

_WORLDS |= {
    "M7": (CohortWorld(), CohortWorld(power=0.5, life=1.0), CohortWorld(power=0, life=0, noise=0.5)),
    "M8": (CohortWorld(), CohortWorld(power=0), CohortWorld(power=-0.5, life=0, noise=0.3)),
}

WORLDS = {name: tuple(world.draw for world in worlds) for name, worlds in _WORLDS.items()}
STATED = {"B1": (NoiseWorld(batch=-1.1).draw, [-1.1, -1.0])}
