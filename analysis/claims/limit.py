"""L1 to L8: what limits the learning rate.

One claim for each experiment of the battery and each mechanism that predicts something of it. K is curvature
of the full loss, S that of single batches, M short memory (or additive gradient noise), D destructive
interference; `docs/battery.md` derives the predictions. A mechanism whose claim is supported came out as
predicted; one whose claim is contradicted has this experiment against it (`analysis.limit`).

The rules were fixed before there was any record at quick, tried on four toys (`analysis.toys`) alone; those
of L1-M, L1-S, L4, L5, L7 and L8-S were changed after (`docs/claims.md`). L1-bend and L8-large state what
a referee of the confirmation asked for: a line hides a bend, the smallest batch what the largest shows.
"""

import math
from collections.abc import Mapping
from functools import partial

import numpy as np
import pandas as pd

from analysis import additive_noise, annealing, averaging, batch_ladder, revisits, signature, size_by_updates
from analysis._tables import levels
from analysis.claims._claim import Claim, Evidence, Part
from analysis.claims._images import shared

SOURCE = "a hypothesis of this project (docs/limit.md)"
MECHANISMS = {
    "K": "curvature of the full loss",
    "S": "curvature of single batches",
    "M": "short memory",
    "D": "destructive interference",
}

SLOPE = 0.25
"""How far a slope may lie from the one predicted: halfway between flat and -1 two predictions do not meet."""

MOVES = 0.2
"""Of log2 of the best factor, for each doubling of the images: 0.6 doublings over an eightfold larger set."""

AT_THE_EDGE = 0.5
"""Doublings about its threshold within which a sharpness is said to stand at it: half of one, either way."""

SHARE = 0.5
"""What takes more than half of a cost away is what the cost is about; what takes less is not."""

FACTOR = 4
"""At which averaging and annealing are held against each other: the article's four times the usual rate."""

Predictions = Mapping[str, tuple[str, tuple[Part, ...]]]
"""Of one experiment: by mechanism, what it says and the effects in which that would show."""


def _left(after: pd.Series, before: pd.Series) -> pd.Series:
    """What is left of a cost, less `SHARE` of it; NaN in a seed where there was no cost to begin with."""
    return (after - SHARE * before).where(before > 0)


# 1. Batch ladder.


def best_slope(evidence: Evidence) -> pd.Series:
    """Slope of log2 of the best factor against log2 of the batch size, for each seed."""
    return batch_ladder.slopes(batch_ladder.bests(evidence.tables["batch_ladder"]))


def onset_slope(evidence: Evidence) -> pd.Series:
    """Slope of log2 of the onset of instability against log2 of the batch size, for each seed."""
    return batch_ladder.slopes(_onsets(evidence))


def best_less_noise(evidence: Evidence) -> pd.Series:
    """Slope of the best factor less that of 1 / (batch + noise scale), over the same batch sizes."""
    table = evidence.tables["batch_ladder"]
    return _less(batch_ladder.bests(table), batch_ladder.noise_scales(table))


def onset_less_batches(evidence: Evidence) -> pd.Series:
    """Slope of the onset less that of 1 / (batch + scale), the scale from batch and full sharpness.

    Where the scale is known from below alone (`signature.ALONG`), less the middle of that slope and of 0.
    """
    onsets = _onsets(evidence)
    return batch_ladder.slopes(onsets) - _share(evidence) * _predicted(evidence, onsets)


def _predicted(evidence: Evidence, onsets: pd.DataFrame) -> pd.Series:
    """Slope of 1 / (batch + scale) over the batch sizes at which the onset is known, for each seed."""
    scales = signature.batch_scales(evidence.tables["signature"]).reindex(onsets.columns)
    predicted = batch_ladder.falls(onsets.index, scales)
    return batch_ladder.slopes(onsets) - batch_ladder.slopes(onsets, predicted)


def _share(evidence: Evidence) -> float:
    return 1.0 if signature.is_scatter_known(evidence.tables["signature"]) else 0.5


def rounding_and_scale(evidence: Evidence) -> float:
    """`rounding`, and what a scale that is known from below alone leaves open."""
    left = (1 - _share(evidence)) * float(np.abs(np.mean(_predicted(evidence, _onsets(evidence)))))
    return float(np.hypot(rounding(evidence), left if np.isfinite(left) else 0.0))


def best_less_onset(evidence: Evidence) -> pd.Series:
    """Slope of the best factor less that of the onset, for each seed."""
    return batch_ladder.slopes(batch_ladder.bests(evidence.tables["batch_ladder"]) - _onsets(evidence))


def _onsets(evidence: Evidence) -> pd.DataFrame:
    return batch_ladder.onsets(evidence.tables["batch_ladder"], evidence.chance)


def _less(positions: pd.DataFrame, scales: pd.Series) -> pd.Series:
    predicted = batch_ladder.falls(positions.index, scales.reindex(positions.columns))
    return batch_ladder.slopes(positions, predicted)


def rounding(evidence: Evidence) -> float:
    """Half-width of the interval of what the grid of factors leaves open in an onset's slope."""
    found = _onsets(evidence)
    known = found.loc[np.isfinite(found.to_numpy(float)).all(axis=1)]
    factors = np.unique(evidence.tables["batch_ladder"]["factor"].dropna())
    if len(known) < batch_ladder.FEWEST or len(factors) < 2:
        return 0.0
    x = np.log2(known.index.to_numpy(float))
    gap = float(np.median(np.diff(np.log2(factors))))
    return shared(gap / 12**0.5 / float(np.linalg.norm(x - x.mean())))  # of a uniform error for each size


_BEST = "slope of log2 of the best factor against log2 of the batch size"
_ONSET = "slope of log2 of the onset against log2 of the batch size"
_FOLLOWS = Part(
    f"{_BEST}, less that of the onset",
    best_less_onset,
    -SLOPE,
    SLOPE,
    "what limits the rate is the instability: the best factor keeps its distance from it",
    rounding,
)

LADDER: Predictions = {
    "K": (
        "The best factor and the onset fall as 1 / batch size: an update of a certain length is too long.",
        (
            Part(_BEST, best_slope, -1 - SLOPE, -1 + SLOPE, "-1, and a quarter either way"),
            Part(_ONSET, onset_slope, -1 - SLOPE, -1 + SLOPE, "-1, and a quarter either way", rounding),
        ),
    ),
    "S": (
        "The onset is flat where batches are small and falls as 1 / batch size where they are large, as "
        "batch and full sharpness say; and the best factor follows it.",
        (
            Part(
                f"{_ONSET}, less that of 1 / (batch + scale)",
                onset_less_batches,
                -SLOPE,
                SLOPE,
                "0, and a quarter either way; the scale is that of the measured sharpness",
                rounding_and_scale,
            ),
            Part(_ONSET, onset_slope, -1 + SLOPE, math.inf, "or it would be that of the full loss", rounding),
            _FOLLOWS,
        ),
    ),
    "M": (
        "The best factor falls as 1 / (batch size + noise scale).",
        (
            Part(
                f"{_BEST}, less that of 1 / (batch + noise scale)",
                best_less_noise,
                -SLOPE,
                SLOPE,
                "0, and a quarter either way; the noise scale is measured",
            ),
        ),
    ),
    "D": (
        "The best factor is the same at every batch size.",
        (Part(_BEST, best_slope, -SLOPE, SLOPE, "0, and a quarter either way"),),
    ),
}


# 2. Size by updates.


def per_doubling(evidence: Evidence) -> pd.Series:
    """Change of log2 of the best factor for each doubling of the images, at equal updates."""
    return size_by_updates.per_doubling(evidence.tables["size_by_updates"])


_MOVES = "change of log2 of the best factor for each doubling of the images, at equal updates"
_STAYS = (
    "At equal updates the best factor does not move with the number of images.",
    (Part(_MOVES, per_doubling, -MOVES, MOVES, "0, and a fifth of a doubling either way"),),
)
# Of M and D nothing follows: more images at equal updates are longer absences, but fewer visits of each, too.
SIZES: Predictions = {"K": _STAYS, "S": _STAYS}


# 3. Revisits.


def absences(evidence: Evidence) -> pd.Series:
    """What the longest absences cost before annealing at the highest factor, nats."""
    return revisits.absences(evidence.tables["revisits"], after=False)


def absences_less_share(evidence: Evidence) -> pd.Series:
    """That, less half of what the highest factor itself costs, nats."""
    return _left(absences(evidence), revisits.factor_cost(evidence.tables["revisits"], after=False))


def absences_left(evidence: Evidence) -> pd.Series:
    """What they cost after annealing in the common order, less half of the cost before, nats."""
    return _left(revisits.absences(evidence.tables["revisits"], after=True), absences(evidence))


_ABSENT = "cost of the longest absences at the highest factor, before annealing"
_BLIND = (
    "Absences of many epochs cost less than half of what the factor costs.",
    (
        Part(
            f"{_ABSENT}, less half of the factor's (nats)", absences_less_share, high=0, reason="next to none"
        ),
    ),
)
ABSENCES: Predictions = {
    "K": _BLIND,
    "S": _BLIND,
    "M": (
        "Absences of many epochs cost something before annealing, of which annealing leaves less than half.",
        (
            Part(f"{_ABSENT} (nats)", absences, low=0, reason="the last block weighs most"),
            Part(
                "cost of the longest absences after annealing, less half of that before (nats)",
                absences_left,
                high=0,
                reason="less than half",
            ),
        ),
    ),
    "D": (
        "Absences of many epochs cost something before annealing.",
        (Part(f"{_ABSENT} (nats)", absences, low=0, reason="the longer away, the more is overwritten"),),
    ),
}


# 4. Averaging.


def average_left(evidence: Evidence, factor: float = FACTOR) -> pd.Series:
    """What a factor costs the weights' average over an epoch, less half of what it costs the last weights.

    In nats; each against its own lowest loss at a lower factor, both with batch-norm statistics estimated
    anew: those of training are behind the last weights.
    """
    found = averaging.costs(evidence.tables["averaging"], evidence.chance, factor)
    return _left(found.loc["average"], found.loc["last"])


_KEPT = (
    "cost of factor {}, averaged over an epoch, less half of the last weights', each against its own lowest "
    "loss with statistics anew (nats)"
)
_BESIDE = tuple(
    Part(_KEPT.format(factor), partial(average_left, factor=factor), reason=f"the rule is of factor {FACTOR}")
    for factor in (2, 8)
)
_NO_HELP = (
    f"The weights' average over an epoch keeps more than half of what factor {FACTOR} costs.",
    (Part(_KEPT.format(FACTOR), average_left, low=0, reason="more than half is kept"), *_BESIDE),
)
# Of K and S nothing follows: where training diverges an average is no help, but where it only oscillates at
# the edge of stability, the average lies below (central flows, arXiv 2410.24206).
AVERAGES: Predictions = {
    "M": (
        f"The weights' average over an epoch is rid of more than half of what factor {FACTOR} costs.",
        (Part(_KEPT.format(FACTOR), average_left, high=0, reason="less than half is kept"), *_BESIDE),
    ),
    "D": _NO_HELP,
}


# 5. Annealing.


def annealed_left(evidence: Evidence, factor: float = FACTOR) -> pd.Series:
    """What a factor costs after the longest annealing, less half of the cost before, nats."""
    table = evidence.tables["annealing"]
    before, after = (annealing.costs(table, factor, when) for when in (False, True))
    return _left(after, before)


def half_left(evidence: Evidence) -> pd.Series:
    """Half B's advantage after annealing on A alone, less half of that before: at `FACTOR`, nats."""
    table = evidence.tables["annealing"]
    before, after = (annealing.advantages(table, when) for when in (False, True))
    if FACTOR not in before.index or FACTOR not in after.index:
        return pd.Series(np.nan, before.columns, dtype=float)
    return _left(after.loc[FACTOR], before.loc[FACTOR])


def _of_halves(evidence: Evidence) -> float:
    """Of `half_left`: the halves are the same in all seeds, and B may be harder than images never seen."""
    table = evidence.tables["annealing"]
    before, after = (annealing.error(table, FACTOR, when) for when in (False, True))
    return shared(after, before / 2)


_GONE = Part(
    f"advantage of half B after annealing on A alone, less half of that before, factor {FACTOR} (nats)",
    half_left,
    high=0,
    reason="what a batch wrote fades within less than the annealing",
    resolution=_of_halves,
)
_ANNEALED = "cost of factor {} after annealing, less half of that before (nats)"
ANNEALED: Predictions = {
    "M": (
        f"Annealing takes back more than half of what factor {FACTOR} costs; and of half B, not visited "
        "meanwhile, more than half is forgotten.",
        (
            Part(_ANNEALED.format(FACTOR), annealed_left, high=0, reason="more than half is taken back"),
            Part(
                _ANNEALED.format(2),
                partial(annealed_left, factor=2),
                reason=f"the rule is of factor {FACTOR}",
            ),
            _GONE,
        ),
    ),
    "D": ("Of half B, not visited during annealing, more than half is forgotten.", (_GONE,)),
}


# 7. Additive noise.


def large_left(evidence: Evidence) -> pd.Series:
    """What a factor costs a large batch, less half of what it costs one with a small batch's noise, nats."""
    table = evidence.tables["additive_noise"]
    large, noisy = (
        additive_noise.costs(table, arm, evidence.chance)
        for arm in (additive_noise.LARGE, additive_noise.FRESH)
    )
    return _left(large, noisy)


def stale_left(evidence: Evidence, arm: str) -> pd.Series:
    """What noise of earlier weights costs, less half of what noise at the weights as they are does, nats.

    Of a held snapshot, that of noise that begins late in the peak, where records have it. NaN in a seed that
    has no say on the mean's sign (`additive_noise.speaks`).
    """
    table, fresh = evidence.tables["additive_noise"], additive_noise.FRESH
    if arm == additive_noise.HELD and len(additive_noise.losses(table, additive_noise.LATE_HELD, np.inf)):
        arm, fresh = additive_noise.LATE_HELD, additive_noise.LATE_FRESH
    left = _left(*(additive_noise.noise_costs(table, one, evidence.chance) for one in (arm, fresh)))
    speaks = additive_noise.speaks(table, arm, fresh, evidence.chance).reindex(left.index, fill_value=False)
    return left.where(speaks["more" if left.mean() > 0 else "less"])


def after_annealing(evidence: Evidence, arm: str) -> pd.Series:
    """What an arm's noise costs after annealing, less half of what it costs before, nats."""
    table = evidence.tables["additive_noise"]
    before, after = (
        additive_noise.noise_costs(table, arm, evidence.chance, after=when) for when in (False, True)
    )
    return _left(after, before)


def fewer_images(evidence: Evidence) -> pd.Series:
    """What a small batch costs more than a large one with its noise at the weights, nats."""
    table = evidence.tables["additive_noise"]
    small, noisy = (
        additive_noise.noise_costs(table, arm, evidence.chance)
        for arm in (additive_noise.SMALL, additive_noise.FRESH)
    )
    return small - noisy


_LARGE = "cost of the factor where the loss rises for the large batch, less half of that with noise (nats)"
_HARMLESS = Part(_LARGE, large_left, high=0, reason="most of the cost is the noise's, and not the update's")
_NOISE = "cost of noise at {}, less half of that of noise at the weights as they are (nats)"
_OF_HELD = _NOISE.format("a held snapshot"), partial(stale_left, arm=additive_noise.HELD)
_OF_RENEWED = _NOISE.format("a snapshot taken anew"), partial(stale_left, arm=additive_noise.RENEWED)
# Of D as of M: what reaches into the places of others is the update's length, to which noise adds alike.
_AS_MUCH = (
    _HARMLESS,
    Part(*_OF_HELD, low=0, reason="noise costs the same wherever it comes from"),
    Part(*_OF_RENEWED, low=0, reason="noise costs the same wherever it comes from"),
)
NOISES: Predictions = {
    "K": (
        "A large batch at the same rate and updates keeps more than half of what a factor costs where the "
        "loss rises: it is the update's length that does it.",
        (Part(_LARGE, large_left, low=0, reason="more than half is kept"),),
    ),
    # Of a snapshot taken anew nothing follows: noise that answers to the weights late has the same edge.
    "S": (
        "What a factor costs where the loss rises is a small batch's noise, and less than half of that is "
        "done by noise that does not answer to where the weights are.",
        (_HARMLESS, Part(*_OF_HELD, high=0, reason="without an answer noise does not grow")),
    ),
    "M": (
        "What a factor costs where the loss rises is a small batch's noise, and noise of earlier weights "
        "does more than half of it.",
        (
            *_AS_MUCH,
            Part(
                "cost of noise at a held snapshot after annealing, less half of that before (nats)",
                partial(after_annealing, arm=additive_noise.HELD),
                reason="whether annealing undoes it is experiment 5's to say",
            ),
            Part(
                "cost of the small batch, less that of the large one with its noise at the weights (nats)",
                fewer_images,
                reason="of seeing fewer images for each update; no mechanism is about it",
            ),
        ),
    ),
    "D": (
        "What a factor costs where the loss rises is the reach of noisy updates, and noise of earlier "
        "weights does more than half of it.",
        _AS_MUCH,
    ),
}


# 8. Signature.


def at_the_rise(evidence: Evidence, of: tuple[str, str], which: int = 0) -> pd.Series:
    """Log2 of a sharpness over its threshold where test loss rises, at a batch size: 0 for the smallest."""
    return signature.at_the_rise(evidence.tables["signature"], of, evidence.chance, which)


_WHOLE = Part(
    "log2 of the largest eigenvalue over its threshold where the test loss rises, smallest batch",
    partial(at_the_rise, of=signature.WHOLE),
    -AT_THE_EDGE,
    AT_THE_EDGE,
    "at its threshold",
)
_BATCH = Part(
    "log2 of batch sharpness over the edge of such batches where the test loss rises, smallest batch",
    partial(at_the_rise, of=signature.BATCH),
    -AT_THE_EDGE,
    AT_THE_EDGE,
    "at the edge, which follows from batch and full sharpness and the momentum",
    lambda evidence: signature.unknown(evidence.tables["signature"]),
)
EDGES: Predictions = {
    "K": (
        "Where the test loss rises, the largest eigenvalue stands at the optimizer's threshold.",
        (_WHOLE,),
    ),
    "S": ("Where the test loss rises, batch sharpness stands at the edge of such batches.", (_BATCH,)),
}


def _claims(number: int, needs: tuple[str, ...], by: Predictions) -> list[Claim]:
    return [
        Claim(
            id=f"L{number}-{mechanism}",
            sentence=sentence,
            source=f"{SOURCE}: {MECHANISMS[mechanism]}",
            needs=(*needs, *(("signature",) if number == 1 and mechanism == "S" else ())),
            parts=parts,
        )
        for mechanism, (sentence, parts) in by.items()
    ]


EXPERIMENTS = {
    1: "batch_ladder",
    2: "size_by_updates",
    3: "revisits",
    4: "averaging",
    5: "annealing",
    7: "additive_noise",
    8: "signature",
}
"""By the battery's number; the withheld cohort (6) has claims of its own."""

BATTERY = tuple(
    claim
    for number, by in (
        (1, LADDER),
        (2, SIZES),
        (3, ABSENCES),
        (4, AVERAGES),
        (5, ANNEALED),
        (7, NOISES),
        (8, EDGES),
    )
    for claim in _claims(number, (EXPERIMENTS[number],), by)
)

# What a straight line, and the smallest batch alone, do not show.


def bend(evidence: Evidence, of_onset: bool, half: slice) -> pd.Series:
    """Slope of the best factor, or of the onset, over a half of the batch sizes, for each seed."""
    found = _onsets(evidence) if of_onset else batch_ladder.bests(evidence.tables["batch_ladder"])
    return batch_ladder.slopes(found.sort_index().iloc[half])


def _halves(evidence: Evidence) -> tuple[slice, slice]:
    """The batch sizes up to the middle one, and those from it on: log2 is even on the ladder."""
    middle = len(levels(evidence.tables["batch_ladder"], "batch_size")) // 2
    return slice(None, middle + 1), slice(middle, None)


_LATER = "after the confirmation on CIFAR-10 (JPEG) had been seen"
BESIDE = (
    Claim(
        id="L1-bend",
        sentence="Best factor and onset fall with the batch size where batches are large alone.",
        source="a referee of this project, and the article's two limits",
        needs=("batch_ladder",),
        parts=tuple(
            Part(
                f"{_ONSET if of_onset else _BEST}, {name} half of the sizes",
                lambda evidence, of_onset=of_onset, half=half: bend(
                    evidence, of_onset, _halves(evidence)[half]
                ),
                reason="stated",
            )
            for of_onset in (False, True)
            for half, name in enumerate(("smaller", "larger"))
        ),
        note=f"The middle size is in both halves. Thought of {_LATER}.",
    ),
    Claim(
        id="L8-large",
        sentence="In the largest batches the eigenvalue stands at its threshold where the test loss rises.",
        source="a referee of this project",
        needs=("signature",),
        parts=(
            Part(
                "log2 of the largest eigenvalue over its threshold where the test loss rises, largest batch",
                partial(at_the_rise, of=signature.WHOLE, which=-1),
                reason="a network goes to its threshold by itself: to be there is no proof of a limit",
            ),
        ),
        note=f"Thought of {_LATER}.",
    ),
)

CLAIMS = (*BATTERY, *BESIDE)
