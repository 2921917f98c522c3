"""Simulated worlds of the battery's additive noise: what each of its claims is asked of."""

from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pandas as pd

from analysis.claims import Evidence
from tests.analysis.claims.worlds import evidence

TIMES, PEAK, EPOCHS = 8, 8, 10
AGES = (1, 8)


@dataclass(frozen=True)
class AdditiveWorld:
    """Losses of images never seen at factors 1 and 4, of the small batch and of the large one's four kinds.

    Attributes:
        update: what the higher factor costs a large batch without noise, nats.
        fresh: what noise at the weights as they are costs it beside, at the higher factor, nats.
        renewed: the same of noise at a snapshot taken anew, as a share of that.
        held: at a held one.
        left: share of the noise's cost that annealing leaves.
        images: what a small batch costs more than a large one with its noise, nats.
        size: the variance of held noise, over that of all other.
        noise: standard deviation between seeds of every loss, as a share of what noise costs.
    """

    update: float = 0.0
    fresh: float = 0.4
    renewed: float = 1.0
    held: float = 1.0
    left: float = 0.2
    images: float = 0.0
    size: float = 1.0
    noise: float = 0.05

    def draw(self, rng: np.random.Generator, seeds: int) -> Evidence:
        """One repetition."""
        kinds = {
            ("mean", np.nan, 1): 1.0,
            ("mean", np.nan, TIMES): 0.0,
            ("fresh_noise", np.nan, TIMES): 1.0,
            ("stale_noise", float(TIMES * AGES[0]), TIMES): self.renewed,
            ("stale_noise", float(TIMES * AGES[1]), TIMES): self.held,
        }
        rows, noises = [], []
        for seed in range(seeds):
            level = 1.0 + 0.1 * rng.normal()
            for (kind, every, times), share in kinds.items():
                for factor, harm in ((1.0, 0.1), (4.0, 1.0)):
                    for after in (False, True):
                        cost = share * self.fresh * (self.left if after else 1) + (times == 1) * self.images
                        cost = harm * (cost + self.update) + self.noise * self.fresh * rng.normal()
                        about = {"run.seed": seed, "run.factor": factor / times, "run.accumulate": times}
                        about |= {"run.gradient.kind": kind, "run.gradient.every": every}
                        about |= {"run.gradient.start": np.nan if kind == "mean" else 2.0 * times}
                        about |= {"epoch": float(times * (EPOCHS if after else PEAK))}
                        about |= {"run.epochs": times * EPOCHS}
                        rows.append(about | {"value": level + cost})
                        is_held = every == TIMES * AGES[-1]
                        if times > 1 and not after:
                            noises.append(about | {"value": 1.0})
                            taken = {"epoch": 2.0 * times, "value": self.size if is_held else 1.0}
                            noises += [about | taken] if kind == "stale_noise" else []
        losses = pd.DataFrame(rows).assign(kind="GroupLosses", split="never_seen", metric="loss")
        same = {"kind": "GradientNoise", "split": "batch", "metric": "variance_32", "run.batch_size": 32}
        noise = pd.DataFrame(noises).assign(**same)
        return evidence(additive_noise=pd.concat([losses, noise], ignore_index=True))


_NOISE = AdditiveWorld()
_LOUD = replace(_NOISE, noise=0.3)

_WORLDS = {
    "L7-K": (
        AdditiveWorld(update=0.5, fresh=0.1),
        _NOISE,
        AdditiveWorld(update=0.4, fresh=0.4, noise=0.3),  # half of the cost is the update's
    ),
    "L7-S": (replace(_NOISE, held=0.1), _NOISE, replace(_LOUD, held=0.5)),
    "L7-M": (_NOISE, replace(_NOISE, held=0.1), replace(_LOUD, held=0.5)),
    "L7-D": (_NOISE, replace(_NOISE, renewed=0.1, held=0.1), replace(_LOUD, held=0.5)),
}

WORLDS = {
    name: tuple(partial(AdditiveWorld.draw, world) for world in worlds) for name, worlds in _WORLDS.items()
}
