"""C1 to C8: what the article says, and its numbers."""

import math
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from analysis._replays import BEYOND, NEWEST, OLDER
from analysis._tables import where
from analysis.claims._claim import ABOUT, ARTICLE, CIFAR10, Claim, Evidence, Part
from analysis.claims._forgetting import log_ratio, memory, of_images
from analysis.claims._images import shared
from analysis.claims._sweep import ONE_ONSET, TWO_ONSETS, Sweep, Values, sweep
from analysis.fading import Fading, of_replays

HIGH, LOW = -1, 0  # of the forgetting experiment's factors: 4 and 1/4
SMALL, LARGE = 0, -1  # of the sweep's batch sizes: 128 and 512
FULL = -1  # of its subset sizes
NUMBERS = ("paper", "desk")  # presets with the article's batches and subsets: its numbers are asked of them
UNITS = (
    "Factors are the preset's own: factor 1 of desk is twice the article's rate for each example. So it is "
    "on quick, where that was chosen before any sweep was run, for a network this small."
)

# C1: a batch four times as large, with the learning rate scaled to match, trains as well.


def large_batch(evidence: Evidence) -> pd.Series:
    """Test accuracy after the last epoch of `train`, for each seed."""
    return _last_accuracy(evidence.tables["train"])


def advantage(evidence: Evidence) -> pd.Series:
    """Test accuracy of `train` less that of the sweep's smaller batch at factor 1 on all images."""
    runs = where(evidence.tables["lr_sweep"], factor=1)
    small = where(runs, batch_size=runs["batch_size"].min(), subset_size=runs["subset_size"].max())
    large, small = large_batch(evidence), _last_accuracy(small)
    # Seeds that both were planned with: which those are has nothing to do with how they came out.
    both = large.index.intersection(small.index)
    return (large - small).reindex(both)


def _last_accuracy(runs: pd.DataFrame) -> pd.Series:
    """For each seed; NaN where its run diverged."""
    last = where(runs.loc[runs["epoch"] == runs["epochs"]], split="test", metric="accuracy")
    finished = where(last, status="finished")
    accuracy = pd.Series(finished["value"].to_numpy(float), index=finished["seed"])
    return accuracy.reindex(sorted(runs["seed"].unique()))


C1 = (
    Claim(
        id="C1",
        sentence="A batch four times as large at factor 1.1 matches the smaller batch at factor 1.",
        source=ARTICLE,
        needs=("train", "lr_sweep"),
        parts=(
            Part(
                "test accuracy, larger batch less smaller",
                advantage,
                reason="a match is a difference of 0, and any end that a rule could have is arbitrary",
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

# C2: curvature's limit does not depend on the size of the training set.


def onset_growth(evidence: Evidence) -> pd.Series:
    """Doublings of the onset, at the smaller batch, over an eightfold larger subset."""
    runs = sweep(evidence)
    return runs.series(runs.per_eightfold(runs.onsets(SMALL), runs.trained_enough(SMALL)))


def onset_level(evidence: Evidence, batch: int) -> pd.Series:
    """Log2 of the onset at a batch size, the mean over the subset sizes with updates enough."""
    runs = sweep(evidence)
    enough = runs.trained_enough(batch)
    onsets = runs.onsets(batch)[enough]
    return runs.series(onsets.mean(axis=0) if enough.any() else np.full(len(runs.seeds), np.nan))


def _rounding(share: float, *batches: int, of: int | slice = slice(None)) -> dict[str, Any]:
    """What a part says of onsets read off the grid at these batch sizes, each seed's by itself.

    Args:
        of: which of the subset sizes.
    """

    def resolution(evidence: Evidence) -> float:
        runs = sweep(evidence)
        return share * runs.gap(*(runs.onsets(batch)[of] for batch in batches))

    return {"resolution": resolution, "rounds": True}


C2 = (
    Claim(
        id="C2",
        sentence="At the smaller batch training turns unstable at one factor, whatever the subset's size.",
        source=ARTICLE,
        needs=("lr_sweep",),
        parts=(
            Part(
                "shift of the onset over an eightfold larger subset (doublings)",
                onset_growth,
                low=-1,
                high=1,
                reason="less than one doubling; a limit set by images seen would move by three",
                # The two ends of the range are rounded, each on its own at worst.
                **_rounding(TWO_ONSETS, SMALL),
            ),
        ),
    ),
    Claim(
        id="C2-number",
        sentence="At batch 128 training turns unstable near factor 8.",
        source=ARTICLE,
        needs=("lr_sweep",),
        parts=(
            Part(
                "onset, mean over subset sizes (log2 factor)",
                partial(onset_level, batch=SMALL),
                low=float(np.log2(8)) - 1,
                high=float(np.log2(8)) + 1,
                reason="within one doubling of 8, the step of the article's own grid",
                **_rounding(ONE_ONSET, SMALL),
            ),
        ),
        presets=NUMBERS,
        data=CIFAR10,
        note=UNITS,
    ),
)

# C3: around factor 1 the loss hardly depends on the learning rate.

WIDE = 1.0  # doublings to either side of factor 1: from a half to two, a fourfold range


def flat_end(evidence: Evidence, split: str, side: int) -> pd.Series:
    """Log2 of an end of the flat region, of the smaller batch's final loss on the full set.

    Each end is a part of its own: the width of a region that may not have factor 1 in it at all is so
    lopsided between seeds that no interval for its mean holds what it promises.
    """
    runs = sweep(evidence)
    return runs.series(runs.flat(getattr(runs, split)[SMALL], side)[FULL])


def _flat(split: str, what: str, side: int) -> Part:
    low, high = (-math.inf, -WIDE) if side == 0 else (WIDE, math.inf)
    reason = "factors 1/2 to 2, a fourfold range; flat: within a tenth of what training gains over a guess"
    name = f"{what} loss is flat {('from', 'to')[side]} (log2 factor)"
    return Part(name, partial(flat_end, split=split, side=side), low, high, reason)


C3 = (
    Claim(
        id="C3",
        sentence="Around factor 1, training and test loss are flat over a wide range.",
        source=ARTICLE,
        needs=("lr_sweep",),
        parts=(
            _flat("train", "training", 0),
            _flat("train", "training", 1),
            _flat("test", "test", 0),
            _flat("test", "test", 1),
        ),
    ),
)

# C4: forgetting's limit falls as the training set grows.


def best_growth(evidence: Evidence, experiment: str = "lr_sweep") -> pd.Series:
    """Doublings of the best factor, at the smaller batch, over an eightfold larger subset.

    Of `size_by_updates`, among the runs with the most updates, as many for every subset.
    """
    runs = sweep(evidence, experiment)
    return runs.series(runs.per_eightfold(runs.bests(SMALL)))


def apart(evidence: Evidence, batch: int = SMALL) -> pd.Series:
    """Doublings of a batch size's onset over an eightfold larger subset, less the best factor's."""
    runs = sweep(evidence)
    between = runs.onsets(batch) - runs.bests(batch)
    return runs.series(runs.per_eightfold(between, runs.trained_enough(batch)))


def room(evidence: Evidence) -> pd.Series:
    """Doublings from the smallest subset's best factor to the onset of instability there."""
    runs = sweep(evidence)
    smallest = _smallest_with_an_onset(runs)
    return runs.series(runs.onsets(SMALL)[smallest] - runs.bests(SMALL)[smallest])


def _smallest_with_an_onset(runs: Sweep) -> int:
    """Which subset size is the first with updates enough; the last where none has."""
    enough = runs.trained_enough(SMALL)
    return int(np.argmax(enough)) if enough.any() else FULL


def full_best(evidence: Evidence) -> pd.Series:
    """Log2 of the best factor for the full set, at the smaller batch."""
    runs = sweep(evidence)
    return runs.series(runs.bests(SMALL)[FULL])


def full_room(evidence: Evidence) -> pd.Series:
    """Doublings from the full set's best factor to its onset of instability, at the smaller batch."""
    runs = sweep(evidence)
    return runs.series(runs.onsets(SMALL)[FULL] - runs.bests(SMALL)[FULL])


C4 = (
    Claim(
        id="C4",
        sentence=(
            "At equal epochs the best factor grows as the subset shrinks, and reaches the edge of "
            "instability."
        ),
        source=ARTICLE,
        needs=("lr_sweep",),
        parts=(
            Part(
                "shift of the best factor over an eightfold larger subset (doublings)",
                best_growth,
                high=0,
                reason="it falls as the set grows, by however little",
            ),
            Part(
                "from the smallest subset's best factor to its onset of instability (doublings)",
                room,
                high=1,
                reason="less than the step of the article's own grid",
                **_rounding(ONE_ONSET, SMALL),
            ),
        ),
        note="At equal epochs a larger set has more updates, too: C4-updates tells the two apart.",
    ),
    Claim(
        id="C4-apart",
        sentence=(
            "At equal epochs and the smaller batch, the best factor falls behind the onset of instability as "
            "the subset grows."
        ),
        source=f"{ARTICLE}: what C2 and C4 say together",
        needs=("lr_sweep",),
        parts=(
            Part(
                "shift of the onset less that of the best factor, over an eightfold larger subset "
                "(doublings)",
                apart,
                low=0,
                reason="two limits that move alike would be one; C2 and C4 each allow that they do",
                **_rounding(TWO_ONSETS, SMALL),
            ),
            Part(
                "the same at the larger batch (doublings)",
                partial(apart, batch=LARGE),
                reason="asked after records at the smaller batch had been seen",
                **_rounding(TWO_ONSETS, LARGE),
            ),
        ),
        note="Thought of after the records of quick and of desk, its first confirmation included, had been "
        "seen. At equal epochs more images are more updates, which may want a smaller rate: C4-updates.",
    ),
    Claim(
        id="C4-updates",
        sentence="At equal numbers of updates, too, the best factor grows as the subset shrinks.",
        source=f"{ARTICLE}: its reason, that one memory has to cover the set",
        needs=("size_by_updates",),
        parts=(
            Part(
                "shift of the best factor over an eightfold larger subset (doublings)",
                partial(best_growth, experiment="size_by_updates"),
                high=0,
                reason="it falls as the set grows, by however little",
            ),
        ),
    ),
    Claim(
        id="C4-number",
        sentence="For the full set, the best factor by test loss is near 1.",
        source=ARTICLE,
        needs=("lr_sweep",),
        parts=(
            Part(
                "best factor for the full set (log2)",
                full_best,
                low=-1,
                high=1,
                reason="within one doubling, the step of the article's own grid",
            ),
        ),
        presets=("paper",),
        data=CIFAR10,
    ),
    Claim(
        id="C4-distance",
        sentence="The full set's best factor, 1, lies three doublings below the onset of instability, 8.",
        source=ARTICLE,
        needs=("lr_sweep",),
        parts=(
            Part(
                "from the full set's best factor to its onset of instability (doublings)",
                full_room,
                reason="three in the article; on another network any end that a rule could have is arbitrary",
                **_rounding(ONE_ONSET, SMALL, of=FULL),
            ),
        ),
        presets=NUMBERS,
        data=CIFAR10,
        note="No choice of what factor 1 is moves it: of the article's numbers, the one without a unit.",
    ),
)

# C5: a larger batch meets curvature's limit earlier, and forgetting's where it was.


def onset_fall(evidence: Evidence) -> pd.Series:
    """Doublings by which the full set's onset falls, less those by which the batch grows."""
    runs = sweep(evidence)
    fall = runs.onsets(SMALL)[FULL] - runs.onsets(LARGE)[FULL]
    return runs.series(_if_two(runs, fall - runs.batch_doublings))


def best_shift(evidence: Evidence) -> pd.Series:
    """Doublings of the full set's best factor, larger batch less smaller."""
    runs = sweep(evidence)
    return runs.series(_if_two(runs, runs.bests(LARGE)[FULL] - runs.bests(SMALL)[FULL]))


def loss_ratio(evidence: Evidence) -> pd.Series:
    """Log ratio of the full set's lowest test losses, larger batch over smaller."""
    runs = sweep(evidence)
    lowest = np.log(runs.test.min(axis=2)[:, FULL])
    with np.errstate(invalid="ignore"):  # infinity less infinity, where every factor diverged
        return runs.series(_if_two(runs, lowest[LARGE] - lowest[SMALL]))


def _if_two(runs: Sweep, values: Values) -> Values:
    return values if runs.batch_doublings > 0 else values * np.nan


C5 = (
    Claim(
        id="C5",
        sentence=(
            "At a batch four times as large, instability comes at a factor four times lower, while the best "
            "factor and its loss stay about the same; on the full set."
        ),
        source=ARTICLE,
        needs=("lr_sweep",),
        parts=(
            Part(
                "fall of the onset, less the growth of the batch (doublings)",
                onset_fall,
                low=-1,
                high=1,
                reason="one doubling either way, the step of the article's own grid",
                **_rounding(TWO_ONSETS, SMALL, LARGE, of=FULL),
            ),
            Part(
                "shift of the best factor from the smaller batch to the larger (doublings)",
                best_shift,
                low=-1,
                high=1,
                reason="one doubling either way; it would fall by two with the onset",
            ),
            Part(
                "lowest test loss, larger batch over smaller (log ratio)",
                loss_ratio,
                low=-ABOUT,
                high=ABOUT,
                reason="neither is more than a quarter above the other",
            ),
        ),
    ),
    Claim(
        id="C5-number",
        sentence="At batch 512 training turns unstable near factor 2.",
        source=ARTICLE,
        needs=("lr_sweep",),
        parts=(
            Part(
                "onset, mean over subset sizes (log2 factor)",
                partial(onset_level, batch=LARGE),
                low=0,
                high=2,
                reason="within one doubling of 2, the step of the article's own grid",
                **_rounding(ONE_ONSET, LARGE),
            ),
        ),
        presets=NUMBERS,
        data=CIFAR10,
        note=UNITS,
    ),
)

# C6: at a high learning rate, twice the data is no better than half of it.


def half_costs(evidence: Evidence) -> pd.Series:
    """Log of the test loss of half the data over that of all of it, at factor 4 less at 1/4."""
    return log_ratio(evidence, HIGH) - log_ratio(evidence, LOW)


C6 = (
    Claim(
        id="C6",
        sentence=(
            "At the high learning rate, half the data without augmentation gives about the same test loss as "
            "all of it with augmentation."
        ),
        source=ARTICLE,
        needs=("forgetting",),
        parts=(
            Part(
                "test loss, half over all (log ratio)",
                partial(log_ratio, factor=HIGH),
                low=-ABOUT,
                high=ABOUT,
                reason="neither is more than a quarter above the other",
            ),
            Part(
                "the same at the low rate (log ratio)",
                partial(log_ratio, factor=LOW),
                reason="what is as small at both rates does not come of a high one",
            ),
            Part(
                "test loss, half over all, at the high rate less at the low one (log ratio)",
                half_costs,
                reason="asked after records had been seen",
            ),
        ),
        note="Over the last quarter of the epochs: at a constant high rate the loss swings between epochs. "
        "Half of the data has half of the updates as well.",
    ),
)

# C7: at a high learning rate a network remembers the last batches, and soon forgets them.


def fading(evidence: Evidence, factor: int = HIGH) -> pd.Series:
    """Advantage of the newest batches over those seen half an epoch to an epoch ago, nats."""
    return memory(evidence, factor, "both", NEWEST) - memory(evidence, factor, "both", OLDER)


def retained(evidence: Evidence, kind: str = "both") -> pd.Series:
    """What the older batches keep at factor 4, less what they would if as much were retained as at 1/4, nats.

    A quotient by the low rate's newest advantage alone, which is far above its noise: of two quotients there
    would be no useful interval. NaN where that advantage is not positive.
    """
    newest = memory(evidence, LOW, kind, NEWEST)
    share = memory(evidence, LOW, kind, OLDER) / newest.where(newest > 0)
    return memory(evidence, HIGH, kind, OLDER) - share * memory(evidence, HIGH, kind, NEWEST)


def above_a_guess(evidence: Evidence) -> pd.Series:
    """Loss of images never seen, of the network frozen at factor 4, less that of a guess, nats."""
    table = evidence.tables["forgetting"]
    never = where(
        table, kind="Replay", metric="loss", split="never_seen", **{"run.factor": table["factor"].max()}
    )
    losses = pd.Series(never.groupby("run.seed")["value"].mean())
    return losses.reindex(np.unique(table["seed"].dropna())) - evidence.chance


def _of_images_retained(evidence: Evidence) -> float:
    """Of `retained`: how much harder images never seen are enters it once at each of the two rates."""
    low, high = (
        np.array([memory(evidence, factor, "both", ages).mean() for ages in (NEWEST, OLDER)])
        for factor in (LOW, HIGH)
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        per_high, per_low = 1 - low[1] / low[0], high[0] * (low[0] - low[1]) / low[0] ** 2
    return shared(
        per_high * of_images(evidence, HIGH, OLDER),
        per_low * of_images(evidence, LOW, OLDER),
    )


def _of_images_remembered(evidence: Evidence) -> float:
    return shared(of_images(evidence, LOW, OLDER))


def recovery(evidence: Evidence, kind: str) -> pd.Series:
    """Log2 of the recovery time in epochs, at factor 4, of the memory of views or images, for each seed.

    At most the epochs that the run has: of more nothing was seen. NaN where no memory is to be seen.
    """
    table = evidence.tables["forgetting"]
    factor, seeds = table["factor"].max(), np.unique(table["seed"].dropna())
    fits = where(of_replays(table, ["run.epochs"]), **{"run.factor": factor}, memory=kind)
    times = {}
    for fit in fits.to_dict("records"):
        found = Fading(*(fit[name] for name in Fading._fields))
        time = min(found.recovery_time()[0], fit["run.epochs"]) if found.seen else np.nan
        times[fit["run.seed"]] = np.log2(time)
    return pd.Series(times, dtype=float).reindex(seeds)


C7 = (
    Claim(
        id="C7",
        sentence=(
            "At the high learning rate, recently seen batches have a lower loss, and lose more of it within "
            "an epoch than at the low one."
        ),
        source=ARTICLE,
        needs=("forgetting",),
        parts=(
            Part(
                "advantage of the newest batches over those seen 1/2 to 1 epoch ago, high rate (nats)",
                fading,
                low=0,
                reason="it fades, by however little",
            ),
            Part(
                "what those keep at the high rate, less what they would at the low one's share (nats)",
                retained,
                high=0,
                reason="less is retained than at the low rate, by however little",
                resolution=_of_images_retained,
            ),
            Part(
                "loss of images never seen, of the network frozen at the high rate, less a guess's (nats)",
                above_a_guess,
                reason="the nearer to a guess, the less there is to remember; with batch norm's statistics "
                "of training, which lag",
            ),
            Part(
                "advantage of the newest batches over those seen 1/2 to 1 epoch ago, low rate (nats)",
                partial(fading, factor=LOW),
                reason="the share that is lost may differ where the nats do not",
            ),
            Part(
                "of the view alone: what those keep at the high rate, less at the low one's share (nats)",
                partial(retained, kind="view"),
                reason="memory of the image is built up over all visits, that of the view is not; asked "
                "after records had been seen",
            ),
        ),
        note="Never seen: images that no step trained on. Within an epoch no image has been visited again.",
    ),
    Claim(
        id="C7-number",
        sentence=(
            "At the high learning rate the advantage of recently seen batches is gone within half an epoch."
        ),
        source=ARTICLE,
        needs=("forgetting",),
        parts=tuple(
            Part(
                f"recovery time of the memory of {kind}s (log2 epochs)",
                partial(recovery, kind=kind),
                high=-1,
                reason="half an epoch; gone: no more than a quarter of it left",
            )
            for kind in ("view", "image")
        ),
        presets=NUMBERS,
        data=CIFAR10,
        note=UNITS,
    ),
)

# C8: at a low learning rate more data helps, and memory is long.

C8 = (
    Claim(
        id="C8",
        sentence=(
            "At the low learning rate all the data gives the lower test loss; images keep an advantage until "
            "their next visit, and views that were seen keep one for many epochs."
        ),
        source=ARTICLE,
        needs=("forgetting",),
        parts=(
            Part(
                "test loss, half over all (log ratio)", partial(log_ratio, factor=LOW), low=0, reason="lower"
            ),
            Part(
                "memory of images last visited 1/2 to 1 epoch ago: never seen less fresh view (nats)",
                partial(memory, factor=LOW, kind="image", ages=OLDER),
                low=0,
                reason="there is one, by however little",
                resolution=_of_images_remembered,
            ),
            Part(
                "memory of views seen more than an epoch ago: fresh view less seen (nats)",
                partial(memory, factor=LOW, kind="view", ages=BEYOND),
                low=0,
                reason="beyond one epoch every image has been seen again, so what is left is of that view",
            ),
            Part(
                "test loss, half over all, after as many updates (log ratio)",
                partial(log_ratio, factor=LOW, equal="updates"),
                reason="half of the data has half of the updates; asked after records had been seen",
            ),
        ),
        note="Half of the data has no augmentation, as in the article, and half of the updates. Memory of "
        "images beyond an epoch shows on a withheld cohort: all others are visited in each.",
    ),
)

CLAIMS = (*C1, *C2, *C3, *C4, *C5, *C6, *C7, *C8)
