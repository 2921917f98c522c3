"""C1: a batch four times as large, with the learning rate scaled to match, trains as well."""

import pandas as pd

from analysis._tables import where
from analysis.claims._claim import ARTICLE, CIFAR10, Claim, Evidence, Part


def large_batch(evidence: Evidence) -> pd.Series:
    """Test accuracy after the last epoch of `train`, for each seed."""
    return _last_accuracy(evidence.tables["train"])


def advantage(evidence: Evidence) -> pd.Series:
    """Test accuracy of `train` less that of the sweep's smaller batch at factor 1 on all images."""
    sweep = where(evidence.tables["lr_sweep"], factor=1)
    small = where(sweep, batch_size=sweep["batch_size"].min(), subset_size=sweep["subset_size"].max())
    large, small = large_batch(evidence), _last_accuracy(small)
    # Seeds that both were planned with: which those are has nothing to do with how they came out.
    both = large.index.intersection(small.index)
    return (large - small).reindex(both)


def _last_accuracy(runs: pd.DataFrame) -> pd.Series:
    """For each seed; NaN where its run diverged."""
    last = where(runs.loc[runs["epoch"] == runs["epochs"]], split="test", metric="accuracy")
    finished = where(last, status="finished")
    accuracy = pd.Series(finished["value"].to_numpy(), index=finished["seed"])
    return accuracy.reindex(sorted(runs["seed"].unique()))


CLAIMS = (
    Claim(
        id="C1",
        sentence="A batch four times as large at factor 1.1 matches the smaller batch at factor 1.",
        source=ARTICLE,
        needs=("train", "lr_sweep"),
        parts=(
            Part(
                "test accuracy, larger batch less smaller",
                advantage,
                low=-0.01,
                reason="one point of accuracy, what a reader of an accuracy table would call a match",
            ),
        ),
    ),
    Claim(
        id="C1-number",
        sentence="Batch 512 at factor 1.1 reaches 94% of CIFAR-10's test set in at least half of its runs.",
        source=f"{ARTICLE}: 94% in 3 of 5 runs",
        needs=("train",),
        parts=(
            Part(
                "test accuracy",
                large_batch,
                low=0.94,
                reason="accuracies scatter evenly, so half of the runs reach 94% where their mean does",
            ),
        ),
        presets=("paper",),
        data=CIFAR10,
    ),
)
