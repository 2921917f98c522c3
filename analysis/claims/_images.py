"""What all seeds have in common: which images are trained on, which are never seen, which are the test set.

Where the sets of images are the same in every seed, how much harder the ones are than the others is in every
seed's effect alike, and no number of seeds averages it out: it counts as a rounding that seeds share does.
Where each seed draws its own (`--images drawn`), it is in the scatter between seeds, and not counted
again.
"""

import math

import pandas as pd

from analysis.claims._claim import Evidence

REACH = 1.96  # standard errors to the end of a 95% interval


def shared(*errors: float) -> float:
    """Half-width of the 95% interval of a sum of independent errors, given by their standard errors."""
    return REACH * math.hypot(*errors)


def drawn(evidence: Evidence, experiment: str) -> bool:
    """Whether each seed of an experiment drew its own images, to train on, never to see and to test on."""
    return evidence.abouts[experiment].get("images") == "drawn"


def of_memory(found: pd.DataFrame) -> float:
    """Standard error, over images, of the mean memory in some of `analysis._replays.remembered`'s rows.

    That of the loss of images never seen, and that of the loss of those trained on, by how much batches that
    follow each other differ (memory fades with age: their scatter is not all chance); each a mean over
    records. NaN where there is none.
    """
    if found.empty:
        return math.nan
    batches = found.sort_values("ago").groupby("record")["image"]
    of_seen = batches.agg(lambda losses: (losses.diff().pow(2).mean() / 2 / len(losses)) ** 0.5)
    return math.hypot(found["error"].to_numpy(float).mean(), of_seen.to_numpy(float).mean())


def of_accuracy(accuracy: float, *images: float) -> float:
    """Standard error, over images, of the difference of accuracies on sets of as many images."""
    return math.sqrt(accuracy * (1 - accuracy) * sum(1 / number for number in images))
