"""B10, B11, B14 and B15: range test, policies, and what the learning rate does to generalisation."""

import numpy as np
import pandas as pd

from analysis.claims._batch import POSTS, table
from analysis.claims._claim import ABOUT, Claim, Evidence, Part
from analysis.claims._images import drawn, of_accuracy, shared
from analysis.generalisation import accuracies, at_equal_loss
from analysis.lr_range import best, lowest, ranges
from analysis.policies import chosen_by_others

# B10: the learning-rate range test.


def _tested(records: pd.DataFrame) -> pd.DataFrame:
    """The test's losses by factor and seed; a row of NaN where it got nowhere."""
    loss = ranges(records)
    seeds = np.unique(records["seed"].dropna())
    return loss if len(loss) else pd.DataFrame(np.nan, [1.0], seeds)


def falls(records: pd.DataFrame) -> pd.Series:
    """Log of the test's first loss over its lowest."""
    loss = _tested(records)
    return pd.Series(np.log(loss.iloc[0] / loss.min()))


def rises(records: pd.DataFrame) -> pd.Series:
    """Log of the test's last loss over its lowest; where the run diverged, of the last before that."""
    loss = _tested(records)
    return pd.Series(np.log(loss.ffill().iloc[-1] / loss.min()))


def below(records: pd.DataFrame) -> pd.Series:
    """Doublings from the sweep's best factor up to the test's lowest loss."""
    return lowest(records) - best(records)


B10 = (
    Claim(
        id="B10",
        sentence=(
            "In the learning-rate range test the loss falls, then rises; the best rate lies below that of "
            "the lowest loss."
        ),
        source="Smith 2017; posts on the learning-rate finder",
        needs=("lr_range",),
        parts=(
            Part(
                "first over lowest loss (log ratio)",
                table("lr_range", falls),
                low=ABOUT,
                reason="by more than a quarter",
            ),
            Part(
                "last over lowest loss (log ratio)",
                table("lr_range", rises),
                low=ABOUT,
                reason="by more than a quarter",
            ),
            Part(
                "factor of the lowest loss over the best of the sweep (doublings)",
                table("lr_range", below),
                low=0,
                reason="below",
            ),
        ),
    ),
)

# B11: does the learning-rate policy matter?


def spread(records: pd.DataFrame) -> pd.Series:
    """Log of the worst policy's final test loss over the best one's, for each seed.

    Which they are, and at which peak rate, is decided by the other seeds: the largest of seven noisy losses
    over the smallest would be above 0 even if all policies were one. Undefined with one seed.
    """
    losses = chosen_by_others(records) if len(np.unique(records["seed"].dropna())) > 1 else pd.DataFrame()
    if losses.empty:
        return pd.Series(np.nan, index=np.unique(records["seed"].dropna()))
    found = {}
    for seed in losses.index:
        others = losses.drop(index=seed).mean()
        worst, best = losses.loc[seed, others.idxmax()], losses.loc[seed, others.idxmin()]
        found[seed] = worst - best if np.isfinite([worst, best]).all() else np.nan
    return pd.Series(found, dtype=float)


B11 = (
    Claim(
        id="B11",
        sentence="Which policy the learning rate comes down by matters, each at its own best peak rate.",
        source="posts on learning-rate policies; Caffe's seven",
        needs=("policies",),
        parts=(
            Part(
                "final test loss, worst over best policy (log ratio)",
                table("policies", spread),
                low=ABOUT,
                reason="more than a quarter: not about the same",
            ),
        ),
    ),
)

# B14: training accuracy rises with the rate until it passes that on held-out data.


def highest(records: pd.DataFrame) -> pd.Series:
    """The factor of the highest training accuracy by the other seeds, for each seed; NaN with one.

    A seed that chose its own would have a wider gap there than elsewhere by that alone.
    """
    found = accuracies(records, "seen")
    chosen = {}
    for seed in found:
        others = found.drop(columns=seed).mean(axis=1, skipna=False).dropna()
        chosen[seed] = others.idxmax() if len(others) else np.nan
    return pd.Series(chosen, dtype=float)


def accuracy_gap(split: str, of: str):
    """Training accuracy less test accuracy, at the lowest factor or that of the highest training accuracy."""

    def effect(records: pd.DataFrame) -> pd.Series:
        gap = accuracies(records, split) - accuracies(records, "test")
        return gap.iloc[0] if of == "lowest" else _there(gap, highest(records))

    return table("lr_sweep", effect)


def of_images(evidence: Evidence) -> float:
    """Of `accuracy_gap`: which images are trained on and which tested, as far as seeds have them in common.

    Where each seed draws its own, all draw from the same.
    """
    records, about = evidence.tables["lr_sweep"], evidence.abouts["lr_sweep"]
    accuracy = pd.Series(accuracies(records, "test").iloc[:1].stack()).mean()
    if drawn(evidence, "lr_sweep"):
        there_are = about["images_there_are"]
        return shared(of_accuracy(accuracy, there_are["train"], there_are["test"]))
    # Before it was recorded for every data set, a preset's config had it, if not of all test images.
    tested = about.get("test_images", about["config"]["base"]["data"].get("test_size")) or np.nan
    return shared(of_accuracy(accuracy, float(records["subset_size"].to_numpy(float).max()), tested))


def rise(records: pd.DataFrame) -> pd.Series:
    """Training accuracy at its highest, less that at the lowest factor."""
    found = accuracies(records, "seen")
    return _there(found, highest(records)) - found.iloc[0]


def _there(values: pd.DataFrame, factors: pd.Series) -> pd.Series:
    found = {seed: values.loc[place, seed] for seed, place in factors.dropna().items()}
    return pd.Series(found, dtype=float).reindex(factors.index)


B14 = (
    Claim(
        id="B14",
        sentence=(
            "As the learning rate grows, training accuracy rises until it passes that on held-out data."
        ),
        source=POSTS,
        needs=("lr_sweep",),
        parts=(
            Part(
                "training less test accuracy at the lowest factor",
                accuracy_gap("seen", "lowest"),
                high=0,
                reason="below it to begin with, or there would be nothing to pass",
                resolution=of_images,
            ),
            Part(
                "training less test accuracy at the factor of the highest training accuracy",
                accuracy_gap("seen", "highest"),
                low=0,
                reason="passes it",
                resolution=of_images,
            ),
            Part(
                "training accuracy there, less that at the lowest factor",
                table("lr_sweep", rise),
                low=0,
                reason="rises",
            ),
            Part(
                "training (not augmented, at the end) less test accuracy at the lowest factor",
                accuracy_gap("train", "lowest"),
                reason="without augmentation, which posts do not plot: how much of the gap is its doing",
                resolution=of_images,
            ),
        ),
        note=(
            "Accuracies of the last epoch, on the largest set at the smaller batch. Training accuracy is "
            "that of the batches as they were trained on, as posts plot it: augmented, before each update."
        ),
    ),
)

# B15: a large rate generalises better.

LARGE = 4.0
"""The higher of the forgetting experiment's two factors; `analysis.generalisation.REFERENCE` is the lower."""


def better(records: pd.DataFrame) -> pd.Series:
    """Log of the test loss at the large factor over that at the small one, at equal training loss."""
    found = at_equal_loss(records)
    return found.loc[LARGE] if LARGE in found.index else pd.Series(np.nan, found.columns, dtype=float)


B15 = (
    Claim(
        id="B15",
        sentence=(
            "A large learning rate generalises better: where training loss is the same, test loss is lower "
            "at factor 4 than at factor 1/4."
        ),
        source=POSTS,
        needs=("lr_sweep",),
        parts=(
            Part(
                "test loss at equal training loss, factor 4 over 1/4 (log ratio)",
                table("lr_sweep", better),
                high=0,
                reason="lower",
            ),
        ),
        note=(
            "At the lowest training loss that both come to: the larger rate is there earlier, at a rate that "
            "has not come down as far. A lower test loss at the end is another statement."
        ),
    ),
)

CLAIMS = (*B10, *B11, *B14, *B15)
