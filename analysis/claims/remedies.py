"""L9: remedies.

What only acts as a smaller rate is no remedy: each is asked whether it remembers more of the images than
plain SGD whose weights moved as far. The loss that it comes to, the memory at each one's best factor and what
factor 4 costs are stated; rates are set so that the best factor of each is near 1. The rules were fixed
before there was any record of `remedies` but those of one seed, which set these rates.
"""

from collections.abc import Callable
from functools import lru_cache

import pandas as pd

from analysis import remedies
from analysis.claims._claim import Claim, Evidence, Part

ARTICLE = "the article's last paragraph, which suggests it"
BESIDE = "beside those that the article suggests"


@lru_cache(maxsize=4)
def points(evidence: Evidence) -> pd.DataFrame:
    """The records' points, read once for all claims."""
    return remedies.points(evidence.tables["remedies"])


def _names(found: pd.DataFrame, beginning: str) -> list[str]:
    """The remedies of a kind, from the one nearest to plain SGD to the one farthest from it."""
    return [name for name in remedies.remedies(found) if name.startswith(beginning)]


def _effect(
    of: Callable[[pd.DataFrame, str, float], pd.Series], beginning: str
) -> Callable[[Evidence], pd.Series]:
    """An effect of the remedy of a kind that is farthest from plain SGD."""

    def effect(evidence: Evidence) -> pd.Series:
        found = points(evidence)
        names = _names(found, beginning)
        seeds = found.index.unique("seed")
        if not names or remedies.PLAIN not in found.index.unique("remedy"):
            return pd.Series(float("nan"), seeds, dtype=float)
        return of(found, names[-1], evidence.chance)

    return effect


def _matched(found: pd.DataFrame, remedy: str, chance: float) -> pd.Series:
    del chance
    return remedies.matched(found, remedy)


def _lower_loss(found: pd.DataFrame, remedy: str, chance: float) -> pd.Series:
    del chance
    return remedies.against_plain(found, remedy, remedies.LOSS)


def _memory(found: pd.DataFrame, remedy: str, chance: float) -> pd.Series:
    del chance
    return remedies.against_plain(found, remedy, remedies.IMAGE)


def _longer(found: pd.DataFrame, remedy: str, chance: float) -> pd.Series:
    del chance
    return remedies.doublings(found, remedy)


def _dearer(found: pd.DataFrame, remedy: str, chance: float) -> pd.Series:
    return remedies.cost(found, remedy, chance) - remedies.cost(found, remedies.PLAIN, chance)


def _claim(name: str, beginning: str, what: str, source: str) -> Claim:
    """Of one kind of remedies."""
    return Claim(
        id=f"L9-{name}",
        sentence=f"{what} more of the images than plain SGD whose weights moved as far.",
        source=source,
        needs=("remedies",),
        parts=(
            Part(
                "memory of images less plain SGD's at as long a way, at the remedy's best factor (nats)",
                _effect(_matched, beginning),
                low=0,
                reason="more, by however little",
            ),
            Part(
                "memory of images less plain SGD's, each at its best factor (nats)",
                _effect(_memory, beginning),
                reason="a smaller rate would do as much",
            ),
            Part(
                "half-life of that memory over plain SGD's, each at its best factor (doublings)",
                _effect(_longer, beginning),
                reason="how long it lasts beside how much it is; where a seed shows no memory it has none",
            ),
            Part(
                "test loss less plain SGD's, each at its best factor (nats)",
                _effect(_lower_loss, beginning),
                reason="whether it is worth having",
            ),
            Part(
                "cost of factor 4 against the best, less plain SGD's (nats)",
                _effect(_dearer, beginning),
                reason="whether a higher factor does less harm",
            ),
        ),
        note="Of several of a kind the one farthest from plain SGD: the widest, the smallest share, the "
        "largest batch. Memory is how much lower the loss of images is for having been trained on.",
    )


CLAIMS = (
    _claim("wider", "width", "A wider network remembers", ARTICLE),
    _claim("sparse", "share", "Sparse updates keep", ARTICLE),
    _claim("natural", "natural", "Natural gradient keeps", ARTICLE),
    _claim("adam", "adam", "Adam keeps", BESIDE),
    _claim("muon", "muon", "Muon keeps", BESIDE),
    _claim("averaged", "averaged", "Averaged weights keep", BESIDE),
    _claim("batch", "batch", "Larger batches keep", BESIDE),
)
