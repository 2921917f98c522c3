"""B1 to B12, but for the two of learning rates and that of sharpness: statements on choosing a batch size."""

from functools import partial

import numpy as np
import pandas as pd

from analysis import noise, optimal_batch
from analysis._runs import at, final, logs
from analysis._tables import where
from analysis.accumulation import differences
from analysis.claims._batch import ABOUT_THE_SAME, NOT_ABOVE, READING, log_ratio, table
from analysis.claims._claim import ABOUT, Claim, Evidence, Part
from analysis.epochs_to_target import gap
from analysis.grow_batch import by_kind
from analysis.quantities import UNSTABLE_SHARE, lost
from analysis.scaling_rules import by_rule, distances
from analysis.small_batches import last, of_network, progress
from analysis.throughput import steps
from research.errors import require

# B1: the variance of a minibatch's gradient is 1/m of one example's.


def exponent(evidence: Evidence, statistics: str) -> pd.Series:
    """Mean over the moments measured of the slope of log variance against log batch size, for each seed."""
    found = noise.exponents(evidence.tables["noise"], statistics)
    return pd.Series(found.groupby("run.seed").mean())


B1 = (
    Claim(
        id="B1",
        sentence="The variance of a minibatch's gradient is 1/m of one example's.",
        source="McCandlish et al. 2018 (arXiv 1812.06162), section 2.2; textbooks",
        needs=("noise",),
        parts=(
            Part(
                "exponent of the variance, as trained: each batch's own batch-norm statistics",
                partial(exponent, statistics="batch"),
                reason="by how much batch norm moves it from -1 is the finding; a tenth is its own size",
            ),
            Part(
                "exponent of the variance, examples independent: running statistics",
                partial(exponent, statistics="running"),
                reason="-1 by arithmetic: it shows whether the measurement is right",
            ),
        ),
        note="With batch norm an example's gradient depends on its batch, and the law is no identity.",
    ),
)

# B2: how the learning rate must grow with the batch.


def distance(rule: str, ratio: float = 4.0):
    """How far the curve of training loss moves at a batch that is a multiple as large, with warm-up."""

    def of(records: pd.DataFrame) -> pd.Series:
        moved = distances(by_rule(records))
        seeds = np.unique(records["seed"].dropna())
        return pd.Series([moved.get((rule, True, ratio, seed), np.nan) for seed in seeds], seeds)

    return table("scaling_rules", of)


B2 = (
    Claim(
        id="B2",
        sentence=(
            "At a batch four times as large the learning rate must grow: unchanged it leaves training "
            "behind, in proportion it keeps the loss curve."
        ),
        source=f"{READING}; Goyal et al. 2017: the linear scaling rule",
        needs=("scaling_rules",),
        parts=(
            Part(
                "rate unchanged: training-loss curve above the reference's (mean log ratio)",
                distance("none"),
                low=ABOUT,
                reason="behind by more than what is called keeping the curve: a quarter",
            ),
            Part(
                "rate in proportion: training-loss curve above the reference's (mean log ratio)",
                distance("linear"),
                **ABOUT_THE_SAME,
            ),
        ),
        note="The figure shows up to which batch size each rule holds, and what warm-up does.",
    ),
    Claim(
        id="B2-sqrt",
        sentence="At a batch four times as large, a rate twice as high keeps the loss curve.",
        source="Krizhevsky 2014, section 5; Hoffer et al. 2017: the square-root rule",
        needs=("scaling_rules",),
        parts=(
            Part(
                "training-loss curve above the reference's (mean log ratio)",
                distance("sqrt"),
                reason="on synthetic images the truth is a quarter, which is where a rule would have its end",
            ),
        ),
    ),
)

# B3: at equal epochs a larger batch ends higher, and more epochs close the gap.


def _three_ways(records: pd.DataFrame) -> pd.DataFrame:
    """Final training losses of the smaller batch, the larger one, and that with more epochs."""
    losses = gap(records)
    require(
        losses.shape[1] == 3, "runs", [*losses], "must be of two batch sizes, the larger trained longer, too"
    )
    return losses


def equal_epochs(records: pd.DataFrame) -> pd.Series:
    """Log of the larger batch's final training loss over the smaller's."""
    losses = _three_ways(records)
    return log_ratio(losses.iloc[:, 1], losses.iloc[:, 0])


def more_epochs(records: pd.DataFrame) -> pd.Series:
    """The same with as many times more epochs."""
    losses = _three_ways(records)
    return log_ratio(losses.iloc[:, 2], losses.iloc[:, 0])


B3 = (
    Claim(
        id="B3",
        sentence=(
            "At an unchanged learning rate and equal epochs a batch four times as large ends at a higher "
            "loss; with four times as many epochs the gap closes."
        ),
        source=f"{READING} (a Keras thread: 15 epochs at 16: 0.56; at 160: 1.27; 150 epochs at 160: 0.55)",
        needs=("epochs_to_target",),
        parts=(
            Part(
                "final training loss at equal epochs, larger over smaller batch (log ratio)",
                table("epochs_to_target", equal_epochs),
                low=0,
                reason="higher",
            ),
            Part(
                "the same with more epochs (log ratio)", table("epochs_to_target", more_epochs), **NOT_ABOVE
            ),
        ),
    ),
)

# B4: what a larger batch costs in time.


def _seconds(records: pd.DataFrame) -> pd.DataFrame:
    return steps(records, "seconds")


def doubling(records: pd.DataFrame) -> pd.Series:
    """Log2 of the time of a batch of 16 over that of one of 8."""
    seconds = _seconds(records).reindex([8, 16])
    return pd.Series(np.log2(seconds.loc[16] / seconds.loc[8]))


def per_example(records: pd.DataFrame) -> pd.Series:
    """Log of the time per example at a batch of 128 over that at 8."""
    seconds = _seconds(records).reindex([8, 128])
    return pd.Series(np.log(seconds.loc[128] / 128) - np.log(seconds.loc[8] / 8))


def odd(records: pd.DataFrame) -> pd.Series:
    """Log of the time per example at 17, 33 and 100 over that at the power of two below; their mean."""
    pairs = ((17, 16), (33, 32), (100, 64))
    seconds = _seconds(records).reindex(sorted({size for pair in pairs for size in pair}))
    each = pd.DataFrame(np.log(seconds.div(seconds.index.to_numpy(float), axis=0)))
    return pd.Series(sum(each.loc[one] - each.loc[two] for one, two in pairs) / len(pairs))


B4 = (
    Claim(
        id="B4",
        sentence=(
            "A batch of 16 takes less than twice the time of one of 8, time per example falls with batch "
            "size, and powers of two matter little."
        ),
        source=READING,
        needs=("throughput",),
        parts=(
            Part("time of 16 over 8 (doublings)", table("throughput", doubling), high=1, reason="twice"),
            Part(
                "time per example, 128 over 8 (log ratio)",
                table("throughput", per_example),
                high=0,
                reason="falls",
            ),
            Part(
                "time per example, 17, 33 and 100 over 16, 32 and 64 (mean log ratio)",
                table("throughput", odd),
                high=ABOUT,
                reason="less than a quarter more",
            ),
        ),
        note="Of the machine that the records name, as much as of the network. Repetitions stand for seeds.",
    ),
)

# B6: raising the batch size instead of lowering the learning rate.


def over(split: str, numerator: str, denominator: str):
    """Log of one kind's final loss over another's."""

    def of(records: pd.DataFrame) -> pd.Series:
        runs = by_kind(records)
        losses = [final(where(runs, change=kind), split, ["seed"]) for kind in (numerator, denominator)]
        return log_ratio(*(values.groupby(level=0).first() for values in losses))

    return table("grow_batch", of)


B6 = (
    Claim(
        id="B6",
        sentence="Raising the batch size ends as lowering the learning rate does.",
        source="Smith et al. 2018",
        needs=("grow_batch",),
        parts=(
            Part(
                "final training loss, batch grown over rate lowered (log ratio)",
                over("train", "grown", "decayed"),
                **ABOUT_THE_SAME,
            ),
            Part(
                "final test loss, batch grown over rate lowered (log ratio)",
                over("test", "grown", "decayed"),
                **ABOUT_THE_SAME,
            ),
            Part(
                "final training loss, neither over rate lowered (log ratio)",
                over("train", "fixed", "decayed"),
                low=0,
                reason="lowering the rate does something, or there would be nothing to be the same as",
            ),
        ),
    ),
)

# B7: the optimal batch size.


PROPORTIONAL = {"low": 0.5, "high": 1.5, "reason": "nearer to 1 than to 0 or 2"}


def power(of: str):
    """The exponent of the learning rate or of the training set's size, at equal numbers of updates."""

    def effect(records: pd.DataFrame) -> pd.Series:
        runs = where(records, kind="RunConfig")
        updates = runs["epochs"] * (runs["subset_size"] // runs["batch_size"])
        counts = sorted(set(updates.astype(int)))
        require(len(counts) == 1, "updates", counts, "must be the same for all runs; run the command again")
        return pd.Series(optimal_batch.exponents(records)[of])

    return table("optimal_batch", effect)


B7 = (
    Claim(
        id="B7",
        sentence=(
            "At a fixed learning rate and number of updates an optimal batch size exists; it is proportional "
            "to the learning rate and to the size of the training set."
        ),
        source="Smith and Le 2018",
        needs=("optimal_batch",),
        parts=(
            Part("exponent of the learning rate", power("rate"), **PROPORTIONAL),
            Part("exponent of the training set's size", power("size"), **PROPORTIONAL),
        ),
        note="At equal numbers of updates, as the paper's runs were.",
    ),
)

# B8: accumulated gradients and the large batch.


SAME = 1e-3
"""A thousandth of the loss: far above what rounding comes to, far below what a seed changes."""


def apart(norm: str):
    """How far the last epoch's training losses of the two ways are apart: absolute log ratio.

    Of the last epoch: in the first, at rates near 0, the two have hardly trained at all.
    """

    def of(records: pd.DataFrame) -> pd.Series:
        apart = differences(records, norm)
        return apart.iloc[-1] if len(apart) else pd.Series(np.nan, apart.columns)

    return table("accumulation", of)


B8 = (
    Claim(
        id="B8",
        sentence="Accumulating gradients over passes equals the large batch, save through batch norm.",
        source="posts on gradient accumulation; Hoffer et al. 2017: ghost batch norm",
        needs=("accumulation",),
        parts=(
            Part(
                "without batch norm: last epoch's training losses apart (absolute log ratio)",
                apart("none"),
                high=SAME,
                reason="a thousandth: above what rounding comes to, below what a seed changes",
            ),
            Part(
                "with batch norm: last epoch's training losses apart (absolute log ratio)",
                apart("batch"),
                low=SAME,
                reason="the same thousandth",
            ),
        ),
    ),
)

# B9: small networks at batch 16, 32 and 64.


def _less(values: pd.DataFrame, one: int, other: int) -> pd.Series:
    values = values.reindex(columns=[one, other]).replace([np.inf, -np.inf], np.nan)
    return pd.Series(values[one] - values[other])


def faster(model: str, one: int, other: int):
    """Mean log training loss over the epochs at one batch size less that at another."""
    return table("small_batches", lambda records: _less(progress(of_network(records, model)), one, other))


def better(model: str, one: int, other: int):
    """Log of the final test loss at one batch size over that at another."""
    return table("small_batches", lambda records: _less(last(of_network(records, model)), one, other))


def _small_batches(id: str, network: str, model: str, source: str) -> Claim:
    """The statement of one network; that of 64 over 16 follows from its neighbours'."""
    return Claim(
        id=id,
        sentence=(
            f"Of batch sizes 16, 32 and 64, {network} converges fastest at 64 and slowest at 16, and "
            "generalises best at 32."
        ),
        source=source,
        needs=("small_batches",),
        parts=(
            Part(
                "training loss, 64 over 32 (mean log ratio)", faster(model, 64, 32), high=0, reason="faster"
            ),
            Part(
                "training loss, 32 over 16 (mean log ratio)", faster(model, 32, 16), high=0, reason="faster"
            ),
            Part("final test loss, 32 over 16 (log ratio)", better(model, 32, 16), high=0, reason="better"),
            Part("final test loss, 32 over 64 (log ratio)", better(model, 32, 64), high=0, reason="better"),
        ),
        note="Convergence is counted in epochs, with dropout where the network has it; at one rate for all.",
    )


B9 = (
    _small_batches(
        "B9",
        "the network of Keras' MNIST example under Adam",
        "keras_cnn",
        f"{READING}: Keras' MNIST example, 15 epochs",
    ),
    _small_batches(
        "B9-lenet", "LeNet-5 under SGD", "lenet", f"{READING}, of another network: LeNet on MNIST"
    ),
)

# B12: batches that are too large, and too small.


def _levels(records: pd.DataFrame, split: str) -> pd.Series:
    keys = ["rule", "warm", "ratio", "seed"]
    return final(by_rule(records), split, keys).rename_axis(keys)


def too_large(records: pd.DataFrame) -> pd.Series:
    """Log of the largest batch's final test loss, by its best rule and start, over the reference's.

    The rule and the start are those with the lowest mean over the seeds, one choice for all of them: of six
    at the largest batch and of two at the reference, so that choosing makes the difference smaller.
    """
    losses = pd.DataFrame(logs(_levels(records, "test")).unstack("seed"))
    ratio = losses.index.get_level_values("ratio")
    largest, reference = losses[ratio == ratio.max()], losses[ratio == 1].xs("linear", level="rule")
    means = [rows.mean(axis=1, skipna=False).dropna() for rows in (largest, reference)]
    if any(mean.empty for mean in means):  # none is there for every seed
        return pd.Series(np.nan, index=losses.columns)
    ends = [rows.loc[mean.idxmin()] for rows, mean in zip((largest, reference), means, strict=True)]
    return ends[0] - ends[1]


def too_small(evidence: Evidence) -> pd.Series:
    """How much the smallest batch loses at the reference's rate, of what it gains by its best rule."""
    losses = _levels(evidence.tables["scaling_rules"], "train")
    found = {}
    for seed, of in at(losses, ratio=losses.index.unique("ratio").min()).groupby(level="seed"):
        unchanged = at(of, rule="none", warm=True)
        shares = lost([*unchanged, *of], evidence.chance)
        found[seed] = shares[0] if len(unchanged) else np.nan
    return pd.Series(found, dtype=float)


B12 = (
    Claim(
        id="B12",
        sentence=(
            "A batch can be too large, ending worse by every rule at equal epochs, and too small to "
            "converge at an unchanged learning rate."
        ),
        source=f"{READING}; Goyal et al. 2017: quality falls past 8,000 on ImageNet",
        needs=("scaling_rules",),
        parts=(
            Part(
                "final test loss, largest batch by its best rule over the reference (log ratio)",
                table("scaling_rules", too_large),
                low=ABOUT,
                reason="worse by more than a quarter",
            ),
            Part(
                "final training loss of the smallest batch, on the way from its best rule's to a guess's",
                too_small,
                low=UNSTABLE_SHARE,
                reason="unstable: halfway from the lowest training loss to a guess, as for C2",
            ),
        ),
        note="Asked of the largest and the smallest batch size that the preset has.",
    ),
)

CLAIMS = (*B1, *B2, *B3, *B4, *B6, *B7, *B8, *B9, *B12)
