"""Simulated records of batch-size studies in which it is known what holds.

Each function makes the table of one experiment. Scatter between seeds is `noise`; half of its variance is the
seed's own in all of its runs.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from analysis.claims import Evidence, discover
from analysis.claims._claim import ABOUT
from tests.analysis.claims.worlds import evidence

EPOCHS = 4
WARM, COLD = "[0, 0.1, 0]", "[0.1, 0.1, 0]"
RULES = {"none": 1.0, "sqrt": 0.5, "linear": 0.0}


class Scatter:
    """Normal noise, half of it the seed's own."""

    def __init__(self, rng: np.random.Generator, seeds: int, noise: float):
        self._rng, self._noise, self._own = rng, noise, rng.normal(size=seeds)

    def __call__(self, seed: int) -> float:
        return self._noise * (self._own[seed] + self._rng.normal()) / 2**0.5


Run = tuple[Mapping[str, Any], Mapping[str, Any]]


def table(runs: Iterable[Run]) -> pd.DataFrame:
    """Rows of training runs: each is its config, and the log of its loss by split, or by split and epoch."""
    rows = []
    for config, logs in runs:
        epochs = config.get("epochs", EPOCHS)
        about = {"kind": "RunConfig", "metric": "loss", "status": "finished", "epochs": epochs, **config}
        for split, log in logs.items():
            values = np.exp(np.atleast_1d(log))
            rows += [
                {**about, "split": split, "epoch": epochs - len(values) + 1 + i, "value": value}
                for i, value in enumerate(values)
            ]
    return pd.DataFrame(rows)


def falling(shift: float | np.ndarray, epochs: int = EPOCHS) -> np.ndarray:
    """The log of a training loss by epoch."""
    return 0.5 - 0.4 * np.arange(epochs) + shift


def scaling_rules(rng, seeds, none=0.6, sqrt=0.1, linear=0.0, large=0.6, small=0.7, noise=0.05):
    """Log shifts at four times the batch by each rule; of the largest batch's test loss; the smallest's loss.

    `small` is the final training loss of the smallest batch at the reference's rate, over that of a guess.
    """
    scatter, shifts = Scatter(rng, seeds, noise), {"none": none, "sqrt": sqrt, "linear": linear}
    runs = {}
    for seed in range(seeds):
        for ratio in (1 / 4, 1, 4, 16):
            for rule, power in RULES.items():
                for values in (WARM, COLD):
                    moved = shifts[rule] * np.log(ratio) / np.log(4) + scatter(seed)
                    config = {
                        "seed": seed,
                        "batch_size": int(32 * ratio),
                        "factor": ratio**-power,
                        "schedule.values": values,
                        "subset_size": 2048,
                    }
                    lost = ratio < 1 and rule == "none"
                    logs = {
                        "seen": falling(moved),
                        "test": -1 + (large if ratio == 16 else 0) + scatter(seed),
                        "train": np.log(small * np.log(10)) + scatter(seed) if lost else -1 + scatter(seed),
                    }
                    runs[tuple(config.values())] = (config, logs)
    return table(runs.values())


def epochs_to_target(rng, seeds, equal=0.5, more=-0.1, noise=0.05):
    """Log of the larger batch's final training loss over the smaller's at equal epochs, and at more."""
    scatter, runs = Scatter(rng, seeds, noise), []
    for seed in range(seeds):
        for batch, factor, epochs, shift in (
            (32, 1, 4, 0),
            (128, 1 / 4, 4, equal),
            (128, 1 / 2, 4, equal),
            (128, 1, 4, equal),
            (128, 1 / 4, 16, more),
            (128, 1, 16, more),
        ):
            config = {
                "seed": seed,
                "batch_size": batch,
                "factor": factor,
                "schedule.values": WARM,
                "subset_size": 2048,
                "epochs": epochs,
            }
            runs.append((config, {"seen": falling(shift, epochs), "train": -2 + shift + scatter(seed)}))
    return table(runs)


def throughput(rng, seeds, fixed=4.0, odd=0.0, noise=0.05):
    """Time is `fixed` plus the batch, in any unit.

    An example of a batch that is no power of two takes exp(`odd`) as long as one of the power of two below.
    """
    below, scatter = {17: 16, 33: 32, 100: 64}, Scatter(rng, seeds, noise)
    rows = [
        {
            "kind": "Throughput",
            "split": "step",
            "metric": "seconds",
            "run.batch_size": size,
            "run.seed": seed,
            "value": size
            * (fixed / below.get(size, size) + 1)
            * np.exp(odd * (size in below) + scatter(seed)),
        }
        for seed in range(seeds)
        for size in (8, 16, 17, 32, 33, 64, 100, 128)
    ]
    return pd.DataFrame(rows)


def sharpness_gap(rng, seeds, sharper=0.7, worse=0.3, longer=0.0, noise=0.05, own=False, norm=0.3):
    """Log ratios of the large batch to the small one.

    `norm`: what a batch four times as large in batch norm's statistics adds to the log of the sharpness;
    `own`: sharpness is measured at each run's own batch size.
    """
    scatter, runs, measured = Scatter(rng, seeds, noise), [], []
    for seed in range(seeds):
        for batch, epochs, sharp, test in ((32, 4, 0, 0), (128, 4, sharper, worse), (128, 16, 0, longer)):
            config = {"seed": seed, "batch_size": batch, "epochs": epochs}
            runs.append((config, {"test": test + scatter(seed), "train": -1.0}))
            measured.append(
                {f"run.{name}": value for name, value in config.items()}
                | {
                    "kind": "Sharpness",
                    "split": "train",
                    "metric": "top_eigenvalue",
                    "examples_per_batch": np.nan if own else 32.0,
                    "value": 20 * np.exp(sharp + norm * (own and batch > 32) + scatter(seed)),
                }
            )
    return pd.concat([table(runs), pd.DataFrame(measured)], ignore_index=True)


def grow_batch(rng, seeds, grown=0.0, fixed=0.5, noise=0.05):
    """Log final losses over those of the decayed rate."""
    scatter = Scatter(rng, seeds, noise)
    return table(
        (
            {"seed": seed, "schedule.name": name, "grow_at": grow_at},
            {"seen": falling(shift), "train": -1 + shift + scatter(seed), "test": -1 + shift + scatter(seed)},
        )
        for seed in range(seeds)
        for name, grow_at, shift in (
            ("multistep", "[]", 0),
            ("fixed", "[2, 3]", grown),
            ("fixed", "[]", fixed),
        )
    )


def optimal_batch(rng, seeds, rate=1.0, size=1.0, noise=0.05, equal="updates"):
    """Exponents of the best batch size; its noise in doublings; runs of equal updates, or equal epochs."""
    scatter = Scatter(rng, seeds, noise)
    runs = []
    for seed in range(seeds):
        for images in (512, 2048):
            for step in (1, 2, 4):
                doublings = rate * (np.log2(step) - 1) + size * (np.log2(images) - 10) + scatter(seed)
                best = 6 + doublings
                runs += [
                    (
                        {
                            "seed": seed,
                            "batch_size": batch,
                            "factor": step * 32 / batch,
                            "subset_size": images,
                            "epochs": 512 * batch // images if equal == "updates" else EPOCHS,
                        },
                        {"test": np.log(0.5 + 0.1 * (np.log2(batch) - best) ** 2)},
                    )
                    for batch in (8, 32, 128, 512)
                ]
    return table(runs)


def accumulation(rng, seeds, none=1e-6, batch=0.05, noise=0.2, growth=0.0):
    """How far the last losses of the two ways are apart, with batch norm and without; noise in shares of it.

    `growth`: of the log of that, from epoch to epoch: both ways start from one state.
    """
    since = np.exp(growth * (np.arange(EPOCHS) - EPOCHS + 1))
    scatter = Scatter(rng, seeds, noise)
    return table(
        (
            {"seed": seed, "model.norm": norm, "accumulate": count},
            {"seen": falling((count > 1) * apart * since * (1 + scatter(seed)))},
        )
        for seed in range(seeds)
        for norm, apart in (("none", none), ("batch", batch))
        for count in (1, 4)
    )


def small_batches(rng, seeds, model="keras_cnn", speed=(0.4, 0.2, 0.0), test=(0.2, 0.0, 0.2), noise=0.05):
    """Log training and test losses at 16, 32 and 64 of one network; all are alike with the other."""
    scatter = Scatter(rng, seeds, noise)
    worlds = {name: (speed, test) if name == model else ((0,) * 3,) * 2 for name in ("keras_cnn", "lenet")}
    return table(
        (
            {"seed": seed, "batch_size": size, "model.kind": name},
            {"seen": falling(fast + scatter(seed)), "test": end + scatter(seed)},
        )
        for name, (speeds, ends) in worlds.items()
        for seed in range(seeds)
        for size, fast, end in zip((16, 32, 64), speeds, ends, strict=True)
    )


def lr_range(rng, seeds, lowest=3.0, best=1.0, rise=0.5, noise=0.1):
    """Log2 factors of the test's lowest loss and of the sweep's best; noise of the latter, in doublings."""
    scatter, runs = Scatter(rng, seeds, noise), []
    for seed in range(seeds):
        x = -6 + 0.5 * (np.arange(24) + 0.5)
        log = np.where(x < lowest, 0.1 * (lowest - x), rise * (x - lowest) / 3)
        runs.append(
            (
                {
                    "seed": seed,
                    "epochs": 24,
                    "schedule.name": "exp",
                    "schedule.rate": 0.1 / 64,
                    "schedule.gamma": 2**0.5,
                    "factor": 1.0,
                },
                {"seen": log},
            )
        )
        optimum = best + scatter(seed)
        runs += [
            (
                {"seed": seed, "factor": 2.0**f, "schedule.values": WARM},
                {"test": np.log(0.5 + 0.05 * (f - optimum) ** 2)},
            )
            for f in range(-3, 5)
        ]
    return table(runs)


def policies(rng, seeds, spread=0.5, noise=0.05):
    """Log of the worst policy's test loss over the best one's; the others lie between."""
    scatter, names = Scatter(rng, seeds, noise), ("fixed", "step", "exp", "poly")
    return table(
        (
            {"seed": seed, "schedule.name": name, "factor": factor},
            {"test": -1 + spread * (1 - place / 3) + (0 if factor == 1 else 0.5) + scatter(seed)},
        )
        for seed in range(seeds)
        for place, name in enumerate(names)
        for factor in (0.5, 1.0)
    )


def dataset_scale(rng, seeds, best=-0.4, forgetting=0.1, curvature=0.0, noise=0.05):
    """Exponents of the training set's size in the best factor and the curvature ratio; noise of their logs.

    `forgetting`: by how much the share of the advantage that is gone after 1/2 to 1 epoch grows with each
    doubling; noise of it, the same.
    """
    scatter, runs, measured = Scatter(rng, seeds, noise), [], []
    for seed in range(seeds):
        for size in (512, 1024, 2048, 4096):
            doublings = np.log2(size / 512)
            optimum = 1 + best * (doublings - 1.5) + scatter(seed)
            runs += [
                (
                    {"seed": seed, "subset_size": size, "factor": 2.0**f},
                    {"test": np.log(0.5 + 0.05 * (f - optimum) ** 2)},
                )
                for f in range(-2, 5)
            ]
            about = {
                "run.batch_size": 32,
                "run.subset_size": size,
                "run.factor": 2.0,
                "run.seed": seed,
                "record": f"{seed}-{size}",
            }
            curved = 0.3 * 2 ** (curvature * doublings + scatter(seed))
            step = {"kind": "StepBudget", "split": "current", "epoch": 5.0, **about}
            for number in range(16):
                gain = 1 + 0.2 * rng.normal()
                measured += [
                    {**step, "step": number, "metric": "gradient_penalty", "value": curved * gain},
                    {**step, "step": number, "metric": "gradient_gain", "value": gain},
                ]
            gone = 0.5 + forgetting * (doublings - 1.5) + scatter(seed)
            measured += [
                {**about, "kind": "Replay", "metric": "loss", "split": split, "epoch": epoch, "value": value}
                for split, epoch, value in (
                    ("never_seen", 5.0, 2.0),
                    ("test_view", 5.0, 2.0),
                    ("next_epoch", 5.5, 1.9),
                    *(("seen", 5 - n / 64, 1.7) for n in range(1, 9)),
                    *(("fresh_view", 5 - n / 64, 1.8) for n in range(1, 9)),
                    *(("seen", 4.25 - n / 64, 2 - 0.3 * (1 - gone)) for n in range(8)),
                    *(("fresh_view", 4.25 - n / 64, 2 - 0.2 * (1 - gone)) for n in range(8)),
                )
            ]
            error = {"metric": "error", "split": "never_seen", "epoch": 5.0, "value": 0.005}
            measured.append({**about, "kind": "Replay", **error})
    return pd.concat([table(runs), pd.DataFrame(measured)], ignore_index=True)


def generalisation(rng, seeds, start=-0.06, end=0.06, rise=0.2, shift=-0.3, noise=0.005):
    """A sweep whose training accuracy rises up to factor 2; curves of loss at all factors.

    `start`, `end`: training less test accuracy at the lowest factor and at factor 2; `rise` of the training
    accuracy between them; `shift` of the log test loss at factor 4, at equal training loss. `noise`: of
    accuracies, and ten times it of log test losses.
    """
    scatter, rows = Scatter(rng, seeds, noise), []
    for seed in range(seeds):
        for factor in (1 / 4, 1 / 2, 1, 2, 4):
            about = {
                "kind": "RunConfig",
                "status": "finished",
                "seed": seed,
                "factor": factor,
                "batch_size": 32,
                "subset_size": 4096,
                "epochs": EPOCHS,
            }
            way = (np.log2(factor) + 2) / 3  # 0 at the lowest factor, 1 at factor 2
            training = 0.5 + rise * (1 - (1 - way) ** 2)
            gap = start + (end - start) * way
            run = scatter(seed)
            for epoch in range(1, EPOCHS + 1):
                middle, after = (-0.3 * (epoch - back) * (1 + way) for back in (0.5, 0.0))
                worse = shift * (factor == 4) + 10 * run
                values = {
                    ("seen", "loss"): np.exp(middle),
                    ("test", "loss"): np.exp(0.6 * after + worse),
                    ("seen", "accuracy"): training,
                    ("train", "accuracy"): training,
                    ("test", "accuracy"): training - gap + run,
                }
                rows += [
                    {**about, "split": split, "metric": metric, "epoch": epoch, "value": value}
                    for (split, metric), value in values.items()
                ]
    return pd.DataFrame(rows)


def smoothness(rng, seeds, within=-0.5, between=-0.4, linear=-0.3, noise=0.05):
    """Exponents of the batch size in both swings, at a rate unchanged; of both, at one in proportion."""
    scatter, runs, epochs = Scatter(rng, seeds, noise), [], 12
    for seed in range(seeds):
        for batch in (8, 32, 128):
            for rule, powers in (("none", (within, between)), ("linear", (linear, linear))):
                if (batch, rule) == (32, "linear"):
                    continue  # the same run
                steps, means = (0.1 * np.exp(power * np.log(batch / 32) + scatter(seed)) for power in powers)
                loss = 1 + means * (-1.0) ** np.arange(epochs)
                about = {
                    "kind": "RunConfig",
                    "status": "finished",
                    "split": "seen",
                    "seed": seed,
                    "batch_size": batch,
                    "factor": (batch / 32) ** -RULES[rule],
                    "schedule.values": WARM,
                    "epochs": epochs,
                }
                for metric, values in (("loss", loss), ("loss_squared", loss**2 + steps**2)):
                    runs += [
                        {**about, "metric": metric, "epoch": epoch + 1, "value": value}
                        for epoch, value in enumerate(values)
                    ]
    return pd.DataFrame(runs)


def fine_tuning(rng, seeds, tuned=-0.2, scratch=0.3, noise=0.02):
    """Log of the larger batch's final test loss over the smallest's, after half of the classes, or not."""
    scatter, runs = Scatter(rng, seeds, noise), []
    for seed in range(seeds):
        for passes in (1, 4, 16):
            for rate in (0.5, 1, 2):
                for kind, change in (("half_classes", tuned), ("reshuffled", scratch)):
                    grows = passes > 1 and kind == "half_classes"
                    config = {
                        "seed": seed,
                        "batch_size": 16,
                        "order.kind": kind,
                        "accumulate": 1 if kind == "half_classes" else passes,
                        "grow_at": "[4]" if grows else "[]",
                        "grow_by": passes if grows else 2,
                        "factor": rate * (passes if grows else 1),
                    }
                    worse = {1: 0.0, 4: change, 16: change + 0.3}[passes] + (0 if rate == 1 else 0.5)
                    runs.append((config, {"test": worse + scatter(seed)}))
    return table(runs)


def precision(rng, seeds, faster=-0.5, larger=-0.2, room=-0.4, loss=0.0, noise=0.05):
    """Log costs of bfloat16 over float32; of the larger batch, in time per example; log of the loss."""
    scatter, rows, runs = Scatter(rng, seeds, noise), [], []
    for seed in range(seeds):
        for name, smaller in (("float32", 0), ("bfloat16", 1), ("float16", 1)):
            ends = {split: -1 + smaller * loss + scatter(seed) for split in ("train", "test")}
            runs.append(({"seed": seed, "precision": name}, ends))
            for batch in (32, 128):
                each = faster * smaller + larger * (batch == 128) + scatter(seed)
                costs = {
                    "seconds": batch * np.exp(each),
                    "memory": batch * np.exp(room * smaller + scatter(seed)),
                }
                rows += [
                    {
                        "kind": "Throughput",
                        "split": "step",
                        "metric": metric,
                        "run.precision": name,
                        "run.batch_size": batch,
                        "run.seed": seed,
                        "value": value,
                    }
                    for metric, value in costs.items()
                ]
    return pd.concat([table(runs), pd.DataFrame(rows)], ignore_index=True)


_WORLDS = {
    "B2": (
        partial(scaling_rules),
        partial(scaling_rules, none=0.0, linear=0.6),
        partial(scaling_rules, none=ABOUT, noise=0.2),
    ),
    "B3": (
        partial(epochs_to_target),
        partial(epochs_to_target, more=0.6),
        partial(epochs_to_target, equal=0.0, more=-0.8, noise=0.2),
    ),
    "B4": (partial(throughput), partial(throughput, odd=0.6), partial(throughput, odd=ABOUT, noise=0.05)),
    "B5": (
        partial(sharpness_gap),
        partial(sharpness_gap, worse=-0.4),
        partial(sharpness_gap, worse=0.0, noise=0.2),
    ),
    "B5-longer": (
        partial(sharpness_gap),
        partial(sharpness_gap, longer=0.7),
        partial(sharpness_gap, longer=ABOUT, noise=0.2),
    ),
    "B6": (
        partial(grow_batch, noise=0.03),
        partial(grow_batch, grown=0.6),
        partial(grow_batch, grown=ABOUT, noise=0.1),
    ),
    "B7": (
        partial(optimal_batch),
        partial(optimal_batch, size=-0.2),
        partial(optimal_batch, size=0.5, noise=0.2),
    ),
    "B8": (
        partial(accumulation),
        partial(accumulation, none=0.01),
        partial(accumulation, none=1e-3, noise=0.5),
    ),
    "B9": (
        partial(small_batches, noise=0.02),
        partial(small_batches, test=(0.0, 0.3, 0.3)),
        partial(small_batches, test=(0.0, 0.0, 0.9), noise=0.2),
    ),
    "B9-lenet": (
        partial(small_batches, model="lenet", noise=0.02),
        partial(small_batches, model="lenet", test=(0.0, 0.3, 0.3)),
        partial(small_batches, model="lenet", test=(0.0, 0.0, 0.9), noise=0.2),
    ),
    "B10": (
        partial(lr_range),
        partial(lr_range, lowest=1.25, best=2.3),
        partial(lr_range, lowest=2.25, best=2.25, noise=0.3),
    ),
    "B11": (partial(policies), partial(policies, spread=0.0), partial(policies, spread=ABOUT, noise=0.1)),
    "B12": (
        partial(scaling_rules),
        partial(scaling_rules, large=-0.2),
        partial(scaling_rules, large=ABOUT, noise=0.1),
    ),
    "B13": (
        partial(dataset_scale),
        partial(dataset_scale, curvature=0.8),
        partial(dataset_scale, forgetting=0.0, noise=0.3),
    ),
    "B14": (
        partial(generalisation),
        partial(generalisation, end=-0.05),
        partial(generalisation, end=0.0, noise=0.02),
    ),
    "B15": (
        partial(generalisation),
        partial(generalisation, shift=0.3),
        partial(generalisation, shift=0.0, noise=0.02),
    ),
    "B16": (
        partial(smoothness),
        partial(smoothness, between=0.3),
        partial(smoothness, between=0.0, noise=0.2),
    ),
    "B17": (
        partial(fine_tuning),
        partial(fine_tuning, tuned=0.2),
        partial(fine_tuning, tuned=0.0, noise=0.1),
    ),
    "B18": (
        partial(precision),
        partial(precision, faster=0.4),
        partial(precision, faster=-0.2, noise=0.1),
    ),
    "B18-room": (
        partial(precision),
        partial(precision, room=0.3),
        partial(precision, room=0.0, noise=0.1),
    ),
    "B18-loss": (
        partial(precision, noise=0.03),
        partial(precision, loss=0.6),
        partial(precision, loss=ABOUT, noise=0.1),
    ),
}


def _drawn(
    experiment: str, world: Callable[..., pd.DataFrame], rng: np.random.Generator, seeds: int
) -> Evidence:
    return evidence(**{experiment: world(rng, seeds)})


_NEEDS = {claim.id: claim.needs[0] for claim in discover()}
WORLDS = {
    name: tuple(partial(_drawn, _NEEDS[name], world) for world in worlds) for name, worlds in _WORLDS.items()
}
STATED = {"B2-sqrt": (partial(_drawn, "scaling_rules", scaling_rules), [0.1])}
