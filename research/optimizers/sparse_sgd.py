"""Stochastic gradient descent that updates a random share of the parameters at each step."""

import math
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any, Literal

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Key, PyTree

from research.errors import require
from research.family import argument
from research.optimizers._optimizer import Optimizer, require_not_negative, require_share


@dataclass(frozen=True)
class SparseSGD(Optimizer):
    """SGD, of which each step reaches a random share of the parameters, drawn anew from (seed, step).

    What is not drawn stays as it is, bit for bit: the parameter, which is not decayed either, and its
    velocity, which neither decays nor takes in the gradient. A parameter's own history is therefore that of
    SGD, at the steps that draw it. Updates are not scaled up for the share. With a share of 1 it is SGD.

    Attributes:
        share: with what probability each is drawn.
        by: what is drawn: every `element` by itself, or the tensors of all layers, each as one `block`.
        momentum: as SGD's.
        nesterov: as SGD's.
        weight_decay: as SGD's.
    """

    share: float = argument(0.1)
    by: Literal["element", "block"] = "element"
    momentum: float = argument(0.9)
    nesterov: bool = True
    weight_decay: float = argument(5e-4)

    def __post_init__(self):
        require(0 < self.share <= 1, "optimizer.share", self.share, "must be above 0 and at most 1")
        require_share("momentum", self.momentum)
        require_not_negative("weight_decay", self.weight_decay)

    def transform(self) -> optax.GradientTransformationExtraArgs:
        sgd = optax.chain(
            optax.add_decayed_weights(self.weight_decay), optax.trace(self.momentum, self.nesterov)
        )

        def update(updates: PyTree, state: Any, params: PyTree | None = None, **extra: Any):
            drawn = self.drawn(extra["context"].key, updates)
            direction, after = sgd.update(updates, state, params)
            velocities = jax.tree.map(
                jnp.where, drawn, optax.tree.get(after, "trace"), optax.tree.get(state, "trace")
            )
            direction = jax.tree.map(lambda one, leaf: jnp.where(one, leaf, 0), drawn, direction)
            return direction, optax.tree.set(after, trace=velocities)

        return optax.GradientTransformationExtraArgs(sgd.init, update)

    def drawn(self, key: Key[Array, ""], params: PyTree) -> PyTree:
        """Which parameters a step with this key reaches: booleans, one for each element or each block."""
        leaves, structure = jax.tree.flatten(params)
        shapes = [leaf.shape if self.by == "element" else () for leaf in leaves]
        ends = list(accumulate(map(math.prod, shapes), initial=0))
        # One draw, cut up: XLA:CPU takes 0.4 s to compile each draw of its own.
        draw = jax.random.bernoulli(key, self.share, (ends[-1],))
        parts = [draw[start:end] for start, end in pairwise(ends)]
        return structure.unflatten(part.reshape(shape) for part, shape in zip(parts, shapes, strict=True))

    def threshold(self, rate: float) -> float:
        """Of the Hessian: up to there the mean over the draws is stable; 2 / (share * rate) without momentum.

        A step takes (x, u) to itself, or with probability p, the share, to A (x, u), A being SGD's map (see
        `SGD.threshold`). In the mean over the draws that is 1 + p (A - 1): it has the eigenvalue -1 where A
        has -L, L = 2 / p - 1, and is stable before. From A's characteristic polynomial at -L, with
        a = rate * s:

            Polyak     a = (L + 1) (L + b) / L                 Nesterov   a = 1 + L^2 / ((1 + b) L + b)

        The mean's stability is necessary. Without momentum, a quadratic falls in the mean (so that mean
        squares are stable too) where p s + (1 - p) d < 2 / rate, s being the largest eigenvalue and d the
        largest diagonal element, or eigenvalue of a block's diagonal part, where blocks are drawn: from
        E[M H M] = p^2 H + p (1 - p) diag(H) for a mask M. An eigenvector spread over many elements
        (d much below s) has the mean's threshold; one that is a single element, or block, has SGD's, since
        that is all that ever happens to it.
        """
        b, last = self.momentum, 2 / self.share - 1
        if self.nesterov:
            return (1 + last**2 / ((1 + b) * last + b)) / rate
        return (last + 1) * (last + b) / last / rate
