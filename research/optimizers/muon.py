"""Muon: momentum made orthogonal by Newton and Schulz's iteration (Jordan et al. 2024), as Optax has it."""

from dataclasses import dataclass
from typing import Any

import jax
import optax
from jaxtyping import PyTree
from optax.contrib import MuonDimensionNumbers

from research.errors import require
from research.family import argument
from research.optimizers._optimizer import (
    Optimizer,
    require_not_negative,
    require_positive,
    require_share,
)


@dataclass(frozen=True)
class Muon(Optimizer):
    """Muon for kernels, Adam for all else: biases, norms, embeddings.

    A kernel is taken as a matrix from its inputs to its outputs: a convolution's height, width and input
    channels are its rows, its output channels its columns (Jordan's reference implementation does the same).
    A direction is scaled by sqrt(max(1, outputs / inputs)). Its customary rate is 0.02.

    Attributes:
        momentum: share of the past in the mean gradient.
        nesterov: whether momentum is Nesterov's, of Muon and of its Adam.
        iterations: of Newton and Schulz's.
        adam_rate: times the learning rate: that of the parameters that Adam moves.
        b1: share of the past in Adam's mean gradient.
        b2: share of the past in Adam's mean square.
        epsilon: added to denominators.
        weight_decay: of kernels, decoupled: they shrink by the rate times this.
    """

    momentum: float = argument(0.95)
    nesterov: bool = True
    iterations: int = 5
    adam_rate: float = argument(1.0)
    b1: float = argument(0.9)
    b2: float = argument(0.999)
    epsilon: float = argument(1e-8)
    weight_decay: float = argument(0.0)

    preconditioned = "other"

    def __post_init__(self):
        require_share("momentum", self.momentum)
        require(self.iterations >= 1, "optimizer.iterations", self.iterations, "must be at least 1")
        require_not_negative("adam_rate", self.adam_rate)
        require_share("b1", self.b1)
        require_share("b2", self.b2)
        require_positive("epsilon", self.epsilon)
        require_not_negative("weight_decay", self.weight_decay)

    def transform(self) -> optax.GradientTransformationExtraArgs:
        # Optax's is an update: minus its rate times the direction. At a rate of -1 it is the direction.
        return optax.with_extra_args_support(
            optax.contrib.muon(
                -1.0,
                ns_steps=self.iterations,
                beta=self.momentum,
                eps=self.epsilon,
                weight_decay=self.weight_decay,
                nesterov=self.nesterov,
                adam_b1=self.b1,
                adam_b2=self.b2,
                adam_learning_rate=-self.adam_rate,
                muon_weight_dimension_numbers=as_matrices,
            )
        )

    def threshold(self, rate: float) -> None:
        """None is known.

        A direction's singular values are all about 1, however small the gradient: on a quadratic of any
        sharpness Muon neither converges nor diverges at a constant rate, but stays within about the rate of
        the minimum. Its preconditioner vanishes with the gradient, and held fixed it would be another rule.
        """
        return


def as_matrices(params: PyTree) -> PyTree:
    """Which axes of each parameter are inputs and which outputs; None where it is no matrix."""
    return jax.tree_util.tree_map_with_path(_as_matrix, params)


def _as_matrix(path: tuple[Any, ...], leaf: Any) -> MuonDimensionNumbers | None:
    names = [getattr(entry, "key", None) for entry in path]
    if names[-1] != "kernel" or leaf.ndim < 2:
        return None
    *inputs, outputs = range(leaf.ndim)
    return MuonDimensionNumbers(tuple(inputs), (outputs,))
