"""Learning rates as functions of the epoch.

A schedule states the rate at *factor* 1 and at its reference batch size. A run at batch size B and
factor f uses `f * B / reference_batch` times that: an equal step per example at every batch size
(the article's first section; `research.training.config` has the recipe).

`PiecewiseLinear` is the article's; `Policy` has the seven of Caffe. For a compiled program both become
numbers in one form, `Traced`, so that one program serves all schedules.
"""

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, NamedTuple

import jax.numpy as jnp
import numpy as np
import optax
from jax import lax
from jaxtyping import Array, Float, Int, Real

from research.errors import require

Number = Real[Array, ""] | float

LONGEST = 16  # knots or steps that a schedule may have: `Traced` holds as many in all schedules


@dataclass(frozen=True)
class PiecewiseLinear:
    """Straight lines between knots, the end values held beyond them.

    Attributes:
        knots: epochs, strictly increasing, the first one 0.
        values: learning rates at the knots, at factor 1 and batch size `reference_batch`.
        reference_batch: the batch size at which `values` holds.
    """

    knots: tuple[float, ...]
    values: tuple[float, ...]
    reference_batch: int = 128

    def __post_init__(self):
        require(
            2 <= len(self.knots) <= LONGEST,
            "schedule.knots",
            self.knots,
            f"must be 2 to {LONGEST} epochs",
        )
        require(
            self.knots[0] == 0 and all(a < b for a, b in pairwise(self.knots)),
            "schedule.knots",
            self.knots,
            "must start at 0 and increase strictly",
        )
        require(
            len(self.values) == len(self.knots),
            "schedule.values",
            self.values,
            f"must have one value per knot, {len(self.knots)}",
        )
        require(
            all(0 <= v < float("inf") for v in self.values),
            "schedule.values",
            self.values,
            "must be finite and not negative",
        )
        require(
            self.reference_batch >= 1,
            "schedule.reference_batch",
            self.reference_batch,
            "must be at least 1",
        )

    def __call__(self, epoch: Number) -> Float[Array, ""]:
        """The rate at `epoch` (fractional), at factor 1 and the reference batch size."""
        return jnp.interp(epoch, jnp.asarray(self.knots, jnp.float32), jnp.asarray(self.values, jnp.float32))

    def stretched(self, epochs: float, scale: float = 1.0) -> "PiecewiseLinear":
        """The same shape over `epochs` epochs, its values times `scale`."""
        ratio = epochs / self.knots[-1]
        return PiecewiseLinear(
            tuple(k * ratio for k in self.knots),
            tuple(v * scale for v in self.values),
            self.reference_batch,
        )


ARTICLE = PiecewiseLinear((0.0, 15.0, 30.0, 35.0), (0.0, 0.1, 0.005, 0.0))
"""The article's training schedule at batch 128 (knots inherited from its DAWNBench baseline)."""

ARTICLE_FORGETTING = PiecewiseLinear((0.0, 5.0, 30.0), (0.0, 0.1, 0.1))
"""The article's forgetting schedule: warm-up, then constant; its two peak rates are factors 4 and 1/4."""


PolicyName = Literal["fixed", "step", "exp", "inv", "multistep", "poly", "sigmoid"]

_USES: dict[PolicyName, tuple[str, ...]] = {
    "fixed": (),
    "step": ("gamma", "every"),
    "exp": ("gamma",),
    "inv": ("gamma", "power"),
    "multistep": ("gamma", "steps"),
    "poly": ("power", "every"),
    "sigmoid": ("gamma", "every"),
}


@dataclass(frozen=True)
class Policy:
    """One of Caffe's policies, with epochs t in place of its iterations.

    | name | rate |
    | --- | --- |
    | fixed | rate |
    | step | rate * gamma ** floor(t / every) |
    | exp | rate * gamma ** t |
    | inv | rate * (1 + gamma * t) ** -power |
    | multistep | rate * gamma ** (number of steps at or before t) |
    | poly | rate * (1 - t / every) ** power, 0 after `every` |
    | sigmoid | rate / (1 + exp(-gamma * (t - every))): falling where gamma is negative |

    Source: `src/caffe/solvers/sgd_solver.cpp`, `GetLearningRate` (Jia et al. 2014).

    Attributes:
        name: the policy.
        rate: Caffe's base_lr, at factor 1 and batch size `reference_batch`.
        gamma: see the table; a parameter that the policy does not have stays 0.
        power: see the table.
        every: epochs; Caffe's stepsize, and poly's max_iter.
        steps: epochs, strictly increasing; Caffe's stepvalue.
        reference_batch: the batch size at which `rate` holds.
    """

    name: PolicyName
    rate: float
    gamma: float = 0.0
    power: float = 0.0
    every: float = 0.0
    steps: tuple[float, ...] = ()
    reference_batch: int = 128

    def __post_init__(self):
        require(0 <= self.rate < math.inf, "schedule.rate", self.rate, "must be finite and not negative")
        used = _USES[self.name]
        for field, unset in (("gamma", 0), ("power", 0), ("every", 0), ("steps", ())):
            value = getattr(self, field)
            require(field in used or value == unset, f"schedule.{field}", value, f"{self.name} has none")
        for field in {"gamma", "power", "every"} & set(used):
            value = getattr(self, field)
            signed = (self.name, field) == ("sigmoid", "gamma")
            require(
                math.isfinite(value) and (value > 0 or signed),
                f"schedule.{field}",
                value,
                "must be finite" if signed else "must be finite and above 0",
            )
        require(
            "steps" not in used
            or (1 <= len(self.steps) <= LONGEST and all(a < b for a, b in pairwise((0.0, *self.steps)))),
            "schedule.steps",
            self.steps,
            f"must be 1 to {LONGEST} epochs above 0, increasing strictly",
        )
        require(
            self.reference_batch >= 1, "schedule.reference_batch", self.reference_batch, "must be at least 1"
        )

    def __call__(self, epoch: Number) -> Float[Array, ""]:
        """The rate at `epoch` (fractional), at factor 1 and the reference batch size."""
        return traced(self)(epoch)


Schedule = PiecewiseLinear | Policy

_KINDS = ("piecewise", *_USES)


class Traced(NamedTuple):
    """A schedule as arrays of the same shapes whatever the schedule: an argument of a compiled program.

    Attributes:
        kind: place in (piecewise, fixed, step, exp, inv, multistep, poly, sigmoid).
        numbers: rate, gamma, power, every.
        knots: of piecewise, or the steps of multistep; what is left over lies beyond every epoch.
        values: of piecewise.
    """

    kind: Int[Array, ""]
    numbers: Float[Array, "4"]
    knots: Float[Array, " knots"]
    values: Float[Array, " knots"]

    def __call__(self, epoch: Number) -> Float[Array, ""]:
        """The rate at `epoch` (fractional), at factor 1 and the reference batch size."""
        rate, gamma, power, every = self.numbers
        t = jnp.asarray(epoch, jnp.float32)
        branches = {
            "piecewise": lambda: jnp.interp(t, self.knots, self.values),
            "fixed": lambda: rate,
            "step": lambda: rate * gamma ** jnp.floor(t / every),
            "exp": lambda: rate * gamma**t,
            "inv": lambda: rate * (1 + gamma * t) ** -power,
            "multistep": lambda: rate * gamma ** (self.knots <= t).sum().astype(jnp.float32),
            "poly": lambda: rate * jnp.maximum(0.0, 1 - t / every) ** power,
            "sigmoid": lambda: rate / (1 + jnp.exp(-gamma * (t - every))),
        }
        return lax.switch(self.kind, [branches[name] for name in _KINDS])


def traced(schedule: Schedule) -> Traced:
    """The schedule's numbers, on the host."""
    if isinstance(schedule, PiecewiseLinear):
        kind, numbers = 0, (0.0, 0.0, 0.0, 0.0)
        knots, values = list(schedule.knots), list(schedule.values)
    else:
        kind = _KINDS.index(schedule.name)
        numbers = (schedule.rate, schedule.gamma, schedule.power, schedule.every)
        knots, values = list(schedule.steps), [0.0] * len(schedule.steps)
    spare = LONGEST - len(knots)
    # Knots beyond the last one hold its value, as the schedule does; steps there are never reached.
    beyond = 2.0 ** np.arange(spare) * max(1.0, knots[-1] if kind == 0 else 2.0**40)
    last = values[-1] if values else 0.0
    return Traced(
        jnp.int32(kind),
        jnp.asarray(numbers, jnp.float32),
        jnp.asarray([*knots, *(beyond + (knots[-1] if kind == 0 else 0.0))], jnp.float32),
        jnp.asarray([*values, *[last] * spare], jnp.float32),
    )


def traced_rate(
    schedule: Schedule | Traced, scale: Number, steps_per_epoch: Number, warm_up: Number = 0.0
) -> optax.Schedule:
    """The rate of each step as an Optax schedule; all of it may be traced.

    Step s (from 0) takes the rate at epoch s / steps_per_epoch, as cifar10-fast's `dawn.py` does.

    Args:
        scale: the factor, times the batch size over the schedule's reference.
        warm_up: epochs over which the rate rises from 0, linearly, to what the schedule says; 0: none
            (Goyal et al. 2017, section 2.2).
    """

    def rate(step):
        epoch = step / steps_per_epoch
        ramp = jnp.where(epoch < warm_up, epoch / jnp.maximum(warm_up, 1e-6), 1.0)
        return scale * schedule(epoch) * ramp

    return rate
