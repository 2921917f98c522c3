"""Four small problems whose limit is known, on which the battery must first prove itself.

python -m analysis.toys                 writes docs/toys.png
python -m analysis.toys --to FOLDER     writes FOLDER/toys.png

- **K**, a quadratic with its exact gradient: nothing but curvature of the full loss is there.
- **S**, linear regression without label noise: every example can be fitted, and what limits the rate is that
  the mean square of the error grows from step to step: above 2 / (1 + (d - 1) / B) for d equal directions.
- **M**, the same with label noise: the weights are an exponentially weighted average of the examples, of
  which the rate says how many count.
- **D**, a memory with a place for each image: an update writes its own and, the larger it is, wipes others.

Each is taken through the battery, and the outcome is a table of records such as a network's, so that figures
and claims read it as they would read those. Losses are scaled so that a guess has ln(10) nats. The rate is
factor x batch / 64, with no momentum and no decay of the rate but where an experiment anneals.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from analysis import batch_ladder
from analysis._style import (
    WIDTH,
    contrast,
    house_style,
    legend,
    log_factor_axis,
    markers,
    over_seeds,
    panels,
)
from analysis._tables import where
from analysis._writing import report_unwritable
from analysis.claims import Evidence
from analysis.claims.limit import MECHANISMS
from commandline import exit_with, parse
from research.errors import require_folder

Values = NDArray[Any]

CHANCE = float(np.log(10))
UNIT = 1 / 64  # rate at factor 1, for each example of a batch
IMAGES = 512
ABOUT: dict[str, Any] = {
    "data": "toys",
    "preset": "toys",
    "config": {"base": {"data": {"name": "toys"}}, "seeds": 8},
    "classes": 10,
    "command": "python -m analysis.toys",
}


@dataclass(frozen=True)
class Weights:
    """States of training: of every seed at every factor.

    Attributes:
        now: (seeds, factors, parameters).
        average: over the last epoch, of the same shape.
    """

    now: Values
    average: Values


@dataclass(frozen=True)
class Stage:
    """A stretch of training in one order.

    Attributes:
        orders: for each of its epochs the rows that are visited, (seeds, visits).
        rate: over that at the peak, at its start and at its end; linear between.
        times: batches that an update is the mean of, at the rate of one.
        noise: a batch's, added to that mean: that at the weights as they are `now`, or at others; None: none.
    """

    orders: Sequence[NDArray[np.int_]]
    rate: tuple[float, float] = (1, 1)
    times: int = 1
    noise: Values | Literal["now"] | None = None


class Linear:
    """Linear regression, by SGD on its examples or by gradient descent on its expectation.

    Args:
        eigenvalues: of the inputs' covariance, (d,).
        label_noise: standard deviation of the labels about the linear function, whose variance is 2.
        exact: whether each step has the expected gradient.
        images: examples of each seed.
    """

    def __init__(
        self,
        rng: np.random.Generator,
        seeds: int,
        eigenvalues: Sequence[float],
        label_noise: float = 0.0,
        exact: bool = False,
        images: int = IMAGES,
    ):
        self.seeds, self.exact, self.label_noise, self.rng = seeds, exact, label_noise, rng
        self.eigenvalues = np.asarray(eigenvalues, float)
        d = len(self.eigenvalues)
        # Each direction has about as large a part in the loss of a guess.
        truth = rng.choice([-1, 1], (seeds, d)) * rng.uniform(0.5, 1.5, (seeds, d)) / self.eigenvalues**0.5
        self.truth = truth * np.sqrt(2 / (self.eigenvalues * truth**2).sum(1, keepdims=True))
        self.x = rng.choice([-1.0, 1.0], (seeds, images, d)) * self.eigenvalues**0.5
        self.y = np.einsum("snd,sd->sn", self.x, self.truth) + label_noise * rng.normal(size=(seeds, images))
        self.scale = CHANCE / (1 + label_noise**2 / 2)

    def start(self, factors: Values) -> Weights:
        """Weights of a guess."""
        zero = np.zeros((self.seeds, len(factors), len(self.eigenvalues)))
        return Weights(zero, zero)

    def train(self, weights: Weights, stage: Stage, batch: int, factors: Values) -> Weights:
        """SGD on a stretch."""
        w, average = weights.now.copy(), weights.average
        peak, size = (factors * batch * UNIT)[:, None], batch * stage.times
        steps, done = sum(order.shape[1] // size for order in stage.orders), 0
        with np.errstate(over="ignore", invalid="ignore"):
            for order in stage.orders:
                total, count = np.zeros_like(w), order.shape[1] // size
                for step in range(count):
                    share = stage.rate[0] + (stage.rate[1] - stage.rate[0]) * done / steps
                    w -= share * peak * self._gradient(w, order[:, step * size : (step + 1) * size], stage)
                    total += w
                    done += 1
                average = total / max(count, 1)
        return Weights(w, average)

    def _gradient(self, w: Values, rows: NDArray[np.int_], stage: Stage) -> Values:
        """Of an update: (seeds, factors, parameters)."""
        if self.exact:
            return self.eigenvalues * (w - self.truth[:, None])
        seeds = np.arange(self.seeds)[:, None]
        x, y = self.x[seeds, rows], self.y[seeds, rows]

        def weighted(w: Values, weights: Values) -> Values:
            off = w @ x.transpose(0, 2, 1) - y[:, None]
            return (
                (off * np.repeat(weights, rows.shape[1] // stage.times, axis=-1))
                @ x
                * stage.times
                / rows.shape[1]
            )

        mean = weighted(w, np.full((1, 1, stage.times), 1 / stage.times))
        if stage.noise is None:
            return mean
        return mean + weighted(w if isinstance(stage.noise, str) else stage.noise, self._wave(stage.times))

    def _wave(self, n: int) -> Values:
        """Weights of n batches' gradients in the noise of one, as `research.gradients` has them."""
        phase = self.rng.uniform(0, 2 * np.pi, (self.seeds, 1, 1))
        return (2 * (1 - 1 / n) / n) ** 0.5 * np.cos(2 * np.pi * np.arange(n) / n + phase)

    def test(self, w: Values) -> Values:
        """Expected loss of images never seen, nats: (seeds, factors); infinite where training diverged."""
        with np.errstate(over="ignore", invalid="ignore"):
            excess = (self.eigenvalues * (w - self.truth[:, None]) ** 2).sum(-1) / 2
            return _diverged(self.scale * (excess + self.label_noise**2 / 2))

    def of_images(self, w: Values, first: int, last: int) -> Values:
        """Mean loss of some of the training images, nats: (seeds, factors)."""
        if self.exact:
            return self.test(w)
        with np.errstate(over="ignore", invalid="ignore"):
            off = w @ self.x[:, first:last].transpose(0, 2, 1) - self.y[:, None, first:last]
            return _diverged(self.scale * (off**2).mean(-1) / 2)

    def averaged_test(self, weights: Weights) -> Values:
        """`test` of the weights' average over the last epoch."""
        return self.test(weights.average)

    def variance(self, w: Values, batch: int) -> Values:
        """Of a batch's gradient, summed over parameters: (seeds, factors); infinite where it diverged.

        The trace of S (`noise_scale`) over the batch.
        """
        if self.exact:
            return np.zeros(w.shape[:2])
        with np.errstate(over="ignore", invalid="ignore"):
            error, curved = w - self.truth[:, None], self.eigenvalues
            around = (curved * error**2).sum(-1) + self.label_noise**2
            return _diverged((around * curved.sum() - ((curved * error) ** 2).sum(-1)) / batch)

    def noise_scale(self, w: Values) -> Values:
        """tr(H S) / (g H g), in examples: (seeds, factors); 0 without noise.

        Inputs are of independent signs, so that x_i^2 is the i-th eigenvalue: the covariance S of one
        example's gradient at an error e has the diagonal of (e' H e + label_noise^2) H - g g'.
        """
        if self.exact:
            return np.zeros(w.shape[:2])
        error, curved = w - self.truth[:, None], self.eigenvalues
        g = curved * error
        along = (curved * g**2).sum(-1)
        around = (curved * error**2).sum(-1) + self.label_noise**2
        return around * (curved**2).sum() / along - 1

    def sharpness(self, rng: np.random.Generator, w: Values, batch: int) -> tuple[Values, Values, Values]:
        """Largest eigenvalue, batch sharpness, and the full loss's along the same gradients.

        The last two are means over 64 batches; all are (seeds, factors).
        """
        top = np.full(w.shape[:2], self.eigenvalues.max())
        if self.exact:
            g = self.eigenvalues * (w - self.truth[:, None])
            along = (self.eigenvalues * g**2).sum(-1) / (g**2).sum(-1)
            return top, along, along
        found, full = [], []
        for _ in range(64):
            rows = rng.integers(0, self.x.shape[1], (self.seeds, batch))
            x, y = self.x[np.arange(self.seeds)[:, None], rows], self.y[np.arange(self.seeds)[:, None], rows]
            g = (w @ x.transpose(0, 2, 1) - y[:, None]) @ x / batch
            length = np.maximum((g**2).sum(-1), 1e-300)
            found.append(((g @ x.transpose(0, 2, 1)) ** 2).mean(-1) / length)
            full.append((self.eigenvalues * g**2).sum(-1) / length)
        return top, np.mean(found, axis=0), np.mean(full, axis=0)


class Slots:
    """A memory with a place for each image: expected shares that are known, and seeds' luck at the end.

    A visit writes the image's place with probability 1 - exp(-write x factor), and wipes each of the others
    with probability wipe x factor^2: larger updates reach further. What an image teaches is in part its own,
    in part common to all images. An average of several contents of a place is the content of none. In an
    update that is the mean of several batches each writes at a part of the factor; as the squares of lengths
    add up, noise of the size of a batch's reaches as far as that batch's own update, wherever it comes from.
    """

    WRITE, WIPE = 1.0, 1e-3
    TESTED = 4096  # images that a loss is the mean of
    COMMON, OWN = 0.6, 0.35  # of the loss of a guess, what knowing all images takes off

    def __init__(self, rng: np.random.Generator, seeds: int, images: int = IMAGES):
        self.seeds, self.images, self.rng = seeds, images, rng
        self.eigenvalues = np.ones(1)

    def start(self, factors: Values) -> Weights:
        """Nothing is known."""
        zero = np.zeros((self.seeds, len(factors), self.images))
        return Weights(zero, zero)

    def train(self, weights: Weights, stage: Stage, batch: int, factors: Values) -> Weights:
        """Visit after visit, a batch at a time."""
        known, average, epochs = weights.now, weights.average, len(stage.orders)
        for epoch, order in enumerate(stage.orders):
            share = stage.rate[0] + (stage.rate[1] - stage.rate[0]) * (epoch + 0.5) / epochs
            rate = (share * factors)[:, None] / stage.times
            reach = rate**2 * (1 if stage.noise is None else stage.times)
            stay, miss = 1 - np.minimum(1, self.WIPE * reach), np.exp(-self.WRITE * rate)
            visits, average = order.shape[1], known * stay ** order.shape[1]
            at = np.arange(visits) // (batch * stage.times) * (batch * stage.times)
            times = visits // len(np.unique(order[0]))
            inside = np.zeros((self.seeds, 1, self.images), bool)
            inside[np.arange(self.seeds)[:, None], 0, order] = True
            known = np.where(inside, known, average)
            for turn in range(times):  # half of the images are visited twice an epoch
                part_of = slice(turn * visits // times, (turn + 1) * visits // times)
                place = np.zeros((self.seeds, 1, self.images))
                place[np.arange(self.seeds)[:, None], 0, order[:, part_of]] = at[: visits // times]
                after = stay ** (visits / times - place)
                known = np.where(inside, (known * stay**place * miss + (1 - miss)) * after, known)
        return Weights(known, average)

    def test(self, w: Values) -> Values:
        """Loss of images never seen, nats."""
        return CHANCE * (1 - self.COMMON * self._share(w))

    def averaged_test(self, weights: Weights) -> Values:
        """The same of the average over the last epoch: known is what was not touched in it."""
        return self.test(weights.average)

    def of_images(self, w: Values, first: int, last: int) -> Values:
        """Mean loss of some of the images, nats."""
        return self.test(w) - CHANCE * self.OWN * self._share(w[..., first:last])

    def _share(self, w: Values) -> Values:
        return self.rng.binomial(self.TESTED, np.clip(w.mean(-1), 0, 1)) / self.TESTED

    def variance(self, w: Values, batch: int) -> Values:
        """There is no gradient, but an update of one length, wherever it comes from: 1."""
        del batch
        return np.ones(w.shape[:2])

    def noise_scale(self, w: Values) -> Values:
        """There is no gradient: NaN."""
        return np.full(w.shape[:2], np.nan)

    def sharpness(self, rng: np.random.Generator, w: Values, batch: int) -> tuple[Values, Values, Values]:
        """There is no curvature: far below any threshold."""
        del rng, batch
        nearly_none = np.full(w.shape[:2], 1e-3)
        return nearly_none, nearly_none, nearly_none


Toy = Linear | Slots


def toy(who: str, rng: np.random.Generator, seeds: int, images: int = IMAGES) -> Toy:
    """The problem in which a mechanism, K, S, M or D, is what limits the rate."""
    steep = [1.0] * 8
    if who == "K":
        return Linear(rng, seeds, [1.2, 0.1, 0.01, 1e-3, 1e-4], exact=True, images=images)
    if who == "S":
        return Linear(rng, seeds, [*steep, 1e-3], images=images)
    if who == "M":
        return Linear(rng, seeds, [*steep, *steep, *[0.03] * 16], label_noise=1.5, images=images)
    return Slots(rng, seeds, images)


def _diverged(losses: Values) -> Values:
    return np.where(losses < 1e6, losses, np.inf)


def _shuffled(rng: np.random.Generator, seeds: int, rows: NDArray[np.int_], epochs: int) -> list:
    return [rng.permuted(np.tile(rows, (seeds, 1)), axis=1) for _ in range(epochs)]


def simulate(who: str, rng: np.random.Generator, seeds: int, noise: float = 0.0) -> Evidence:
    """The battery's records of one of the toys.

    Args:
        who: K, S, M or D.
        seeds: of each point.
        noise: standard deviation of what every recorded loss is off by, nats: how little is known of it.
    """
    made = {
        "batch_ladder": _ladder(who, rng, seeds),
        "size_by_updates": _sizes(who, rng, seeds),
        "revisits": _revisits(who, rng, seeds),
        "averaging": _averaging(who, rng, seeds),
        "annealing": _annealing(who, rng, seeds),
        "additive_noise": _additive_noise(who, rng, seeds),
        "signature": _signature(who, rng, seeds),
    }
    tables = {}
    for name, table in made.items():
        is_loss = table["metric"] == "loss"
        off = noise * rng.normal(size=len(table)) * is_loss
        tables[name] = table.assign(value=table["value"] + off)
    return Evidence(tables, dict.fromkeys(tables, ABOUT))


def _rows(
    losses: Mapping[str, Values],
    factors: Values,
    kind: str,
    prefix: str = "",
    /,
    metric: str = "loss",
    **about: Any,
) -> pd.DataFrame:
    """Records' rows of losses (seeds, factors), by split; a run that diverged has none."""
    tables = []
    for split, values in losses.items():
        seed, factor = np.meshgrid(np.arange(len(values)), factors, indexing="ij")
        columns = {f"{prefix}seed": seed.ravel(), f"{prefix}factor": factor.ravel(), "value": values.ravel()}
        tables.append(pd.DataFrame(columns).assign(split=split, metric=metric))
    table = pd.concat(tables, ignore_index=True).assign(kind=kind, **about)
    lost = ~np.isfinite(table["value"])
    if kind == "RunConfig":
        table["status"] = np.where(lost, "diverged", "finished")
        return table.assign(value=table["value"].where(~lost))
    return table.loc[~lost]


def _whole(
    problem: Toy, rng: np.random.Generator, batch: int, images: int, visits: int, factors: Values
) -> Weights:
    orders = _shuffled(rng, problem.seeds, np.arange(images), visits // images)
    return problem.train(problem.start(factors), Stage(orders), batch, factors)


VISITS = 6656  # examples of a run: at the largest batch, of 64, 104 updates
LADDER = 2 ** np.arange(7)


def _ladder(who: str, rng: np.random.Generator, seeds: int) -> pd.DataFrame:
    factors, problem = 2.0 ** np.arange(-5, 9), toy(who, rng, seeds)
    tables = []
    for batch in LADDER:
        ends = _whole(problem, rng, int(batch), IMAGES, VISITS, factors)
        losses = {"test": problem.test(ends.now), "train": problem.of_images(ends.now, 0, IMAGES)}
        about: dict[str, Any] = {"batch_size": batch, "subset_size": IMAGES, "epochs": VISITS // IMAGES}
        tables.append(_rows(losses, factors, "RunConfig", epoch=float(VISITS // IMAGES), **about))
        if batch == 16:
            at = [int(np.flatnonzero(factors == 1)[0])]
            measured = {"scale": problem.noise_scale(ends.now[:, at])}
            found = _rows(measured, factors[at], "GradientNoise", "run.")
            tables.append(found.assign(metric="full", **{"run.batch_size": batch}))
    return pd.concat(tables, ignore_index=True)


def _sizes(who: str, rng: np.random.Generator, seeds: int) -> pd.DataFrame:
    factors, tables = 2.0 ** np.arange(-5, 7), []
    for images in (64, 128, 256, 512):
        problem = toy(who, rng, seeds, images)
        ends = _whole(problem, rng, 4, images, 6144, factors)
        about: dict[str, Any] = {"batch_size": 4, "subset_size": images, "epochs": 6144 // images}
        losses = {"test": problem.test(ends.now)}
        tables.append(_rows(losses, factors, "RunConfig", epoch=float(6144 // images), **about))
    return pd.concat(tables, ignore_index=True)


def _averaging(who: str, rng: np.random.Generator, seeds: int) -> pd.DataFrame:
    factors, problem = 2.0 ** np.arange(-4, 7), toy(who, rng, seeds)
    ends = _whole(problem, rng, 4, IMAGES, VISITS, factors)
    epochs = VISITS // IMAGES
    about: dict[str, Any] = {"batch_size": 4, "subset_size": IMAGES, "epochs": epochs, "epoch": float(epochs)}
    last = problem.test(ends.now)  # there is no batch norm: with statistics anew they are the same
    kinds: tuple[tuple[str, float, Values], ...] = (
        ("last", np.nan, last),
        ("uniform", 1.0, problem.averaged_test(ends)),
    )
    tables = []
    for kind, span, average in kinds:
        losses = {"test": last, "test_average": average}
        averaging = {"averaging.kind": kind, "averaging.epochs": span}
        tables.append(_rows(losses, factors, "RunConfig", **about, **averaging))
    return pd.concat(tables, ignore_index=True)


def _signature(who: str, rng: np.random.Generator, seeds: int) -> pd.DataFrame:
    factors, problem, batch = 2.0 ** np.arange(-2, 9, 0.5), toy(who, rng, seeds), 1
    ends = _whole(problem, rng, batch, IMAGES, VISITS, factors)
    epochs = VISITS // IMAGES
    about: dict[str, Any] = {
        "batch_size": batch,
        "subset_size": IMAGES,
        "epochs": epochs,
        "epoch": float(epochs),
    }
    runs = _rows({"test": problem.test(ends.now)}, factors, "RunConfig", **about)
    with np.errstate(over="ignore", invalid="ignore"):
        top, of_batch, along = problem.sharpness(rng, ends.now, batch)
    rate = np.broadcast_to(factors * batch * UNIT, top.shape)
    measured = [
        _rows({split: values}, factors, "Sharpness", "run.", name, **{"run.batch_size": batch})
        for split, name, values in (
            ("train", "top_eigenvalue", top),
            ("batch", "batch_sharpness", of_batch),
            ("batch", "full_sharpness", along),
            ("optimizer", "threshold", 2 / rate),
            ("optimizer", "learning_rate", rate),
        )
    ]
    return pd.concat([runs, *measured], ignore_index=True)


def _annealing(who: str, rng: np.random.Generator, seeds: int) -> pd.DataFrame:
    factors, problem, peak = 2.0 ** np.array([-2.0, -1, 0, 1, 2]), toy(who, rng, seeds), 20
    everything, half = np.arange(IMAGES), np.arange(IMAGES // 2)
    before = problem.train(problem.start(factors), Stage(_shuffled(rng, seeds, everything, peak)), 4, factors)
    tables = []
    for order, epochs, orders in (
        ("reshuffled", 8, _shuffled(rng, seeds, everything, 8)),
        ("half", 4, [np.concatenate(_shuffled(rng, seeds, half, 2), axis=1) for _ in range(4)]),
    ):
        after = problem.train(before, Stage(orders, (1, 0)), 4, factors)
        for epoch, weights in ((peak, before), (peak + epochs, after)):
            losses = {
                "never_seen": problem.test(weights.now),
                "withheld": problem.of_images(weights.now, IMAGES // 2, IMAGES),
            }
            about = {"epoch": float(epoch), "run.epochs": peak + epochs, "run.order.kind": order}
            tables.append(_rows(losses, factors, "GroupLosses", "run.", **about))
            # Each seed has images of its own: how hard they are is in the seeds' scatter already.
            none = {split: np.zeros_like(values) for split, values in losses.items()}
            tables.append(_rows(none, factors, "GroupLosses", "run.", metric="error", **about))
    return pd.concat(tables, ignore_index=True)


def _additive_noise(who: str, rng: np.random.Generator, seeds: int) -> pd.DataFrame:
    factors, problem, batch, times = 2.0 ** np.arange(-1, 7), toy(who, rng, seeds), 4, 8
    everything, warm, peak, annealed = np.arange(IMAGES), 1, 5, 1
    total, tables = peak + annealed, []

    def stretch(epochs: int, n: int) -> list[NDArray[np.int_]]:
        """Passes over the images in as many updates as these epochs of the small batch have."""
        return _shuffled(rng, seeds, everything, n * epochs)

    def of_run(n: int, kind: str, every: float) -> dict[str, Any]:
        start = np.nan if kind == "mean" else n * warm
        names = ("accumulate", "gradient.kind", "gradient.every", "gradient.start", "epochs")
        return dict(zip(names, (n, kind, every, start, n * total), strict=True))

    def record(weights: Weights, epoch: int, run: Mapping[str, Any]) -> None:
        losses, n = problem.test(weights.now), run["accumulate"]
        about: dict[str, Any] = {f"run.{name}": value for name, value in run.items()}
        of_group = {"never_seen": losses}
        tables.append(_rows(of_group, factors / n, "GroupLosses", "run.", epoch=float(n * epoch), **about))
        if epoch == total:  # of what diverged nothing is measured
            runs = _rows({"test": losses}, factors / n, "RunConfig", epoch=float(n * epoch), **run)
            tables.append(where(runs, status="diverged"))

    def look(weights: Weights, epoch: int, run: Mapping[str, Any]) -> None:
        """How large a small batch's noise is at these weights."""
        n = run["accumulate"]
        about: dict[str, Any] = {f"run.{name}": value for name, value in run.items()}
        about |= {"run.batch_size": batch, "epoch": float(n * epoch)}
        of_batch = {"batch": problem.variance(weights.now, batch)}
        tables.append(
            _rows(of_batch, factors / n, "GradientNoise", "run.", metric=f"variance_{batch}", **about)
        )

    def trained(weights: Weights, n: int, kind: str, every: float) -> None:
        run, snapshot, at = of_run(n, kind, every), weights, warm
        for epoch in range(warm, total):
            if kind == "stale_noise" and (epoch - warm) * n % every == 0:
                snapshot, at = weights, epoch
            if kind == "stale_noise" and epoch == peak - 1:
                look(snapshot, at, run)
            noise: dict[str, Values | Literal["now"]] = {"stale_noise": snapshot.now, "fresh_noise": "now"}
            rate = (
                (1, 1) if epoch < peak else (1 - (epoch - peak) / annealed, 1 - (epoch + 1 - peak) / annealed)
            )
            stage = Stage(stretch(1, n), rate, n, noise.get(kind))
            weights = problem.train(weights, stage, batch, factors)
            if epoch + 1 in (peak, total):
                record(weights, epoch + 1, run)
            if epoch + 1 == peak and n > 1:
                look(weights, peak, run)

    for n, kinds in (
        (1, [("mean", np.nan)]),
        (
            times,
            [
                ("mean", np.nan),
                ("fresh_noise", np.nan),
                ("stale_noise", times),
                ("stale_noise", times * total),
            ],
        ),
    ):
        start = problem.train(problem.start(factors), Stage(stretch(warm, n), times=n), batch, factors)
        for kind, every in kinds:
            trained(start, n, kind, every)
    return pd.concat(tables, ignore_index=True)


def _revisits(who: str, rng: np.random.Generator, seeds: int) -> pd.DataFrame:
    factors, problem = 2.0 ** np.array([-2.0, -1, 0, 1, 2]), toy(who, rng, seeds)
    tables = []
    for count in (1, 16):
        warm = Stage(_shuffled(rng, seeds, np.arange(IMAGES), 10))
        weights = problem.train(problem.start(factors), warm, 4, factors)
        blocks = Stage(list(_blocks(rng, seeds, count, passes=4, rounds=2)))
        before = problem.train(weights, blocks, 4, factors)
        cooled = Stage(_shuffled(rng, seeds, np.arange(IMAGES), 2), (1, 0))
        after = problem.train(before, cooled, 4, factors)
        for epoch, state in ((18, before), (20, after)):
            about = {"epoch": float(epoch), "run.epochs": 20, "run.order.count": count}
            losses = {"never_seen": problem.test(state.now)}
            tables.append(_rows(losses, factors, "GroupLosses", "run.", **about))
    return pd.concat(tables, ignore_index=True)


def _blocks(
    rng: np.random.Generator, seeds: int, count: int, passes: int, rounds: int
) -> Iterator[NDArray[np.int_]]:
    """Each block in several passes in a row, round after round."""
    size = IMAGES // count
    for _ in range(rounds):
        for block in range(count):
            yield from _shuffled(rng, seeds, np.arange(block * size, (block + 1) * size), passes)


def ladders(rng: np.random.Generator, seeds: int = 8) -> Figure:
    """Best factor and onset against batch size, of each toy."""
    figure, (axes,) = panels(1, 4, WIDTH * 1.3, 2.8, sharey=True)
    for panel, (who, name) in zip(axes, MECHANISMS.items(), strict=True):
        table = _ladder(who, rng, seeds)
        panel.set_yscale("log", base=2)
        found = (batch_ladder.bests(table), batch_ladder.onsets(table, CHANCE))
        for values, label, color, marker in zip(
            found, ("best factor", "onset"), contrast(2), markers(2), strict=True
        ):
            known = values.where(np.isfinite(values))
            if known.notna().to_numpy().any():
                over_seeds(panel, known.index, np.exp2(known), color=color, marker=marker, label=label)
        log_factor_axis(panel, LADDER.tolist())
        panel.set(title=f"{who}: {name}", xlabel="batch size")
        panel.title.set_fontsize(7)
    axes[0].set_ylabel("learning-rate factor")
    legend(axes[0])
    return figure


@dataclass(frozen=True)
class ToysOptions:
    """Where the figure goes.

    Attributes:
        to: folder of toys.png.
        seed: of the simulations.
    """

    to: Path = Path("docs")
    seed: int = 0


def main() -> None:
    """Simulate the ladders and draw them."""
    options = parse(ToysOptions, "analysis.toys", __doc__)
    require_folder("to", options.to)
    with matplotlib.rc_context(house_style()), report_unwritable("to", options.to, "--to names another"):
        drawn = ladders(np.random.default_rng(options.seed))
        drawn.savefig(options.to / "toys.png", dpi=150, metadata={"Software": None})
    print(options.to / "toys.png")


if __name__ == "__main__":
    exit_with(main)
