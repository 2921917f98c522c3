"""What an optimizer is."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import optax
from jaxtyping import Array, Key, PyTree

from research.family import Family


class StepContext(NamedTuple):
    """What an update may know besides gradient and parameters.

    Attributes:
        key: randomness of this step: a pure function of the run's seed and the step.
        gauss_newton: product of a vector, shaped as the parameters, with the Gauss-Newton matrix of the
            step's batch (of its last pass, where passes are accumulated).
    """

    key: Key[Array, ""]
    gauss_newton: Callable[[PyTree], PyTree]


@dataclass(frozen=True)
class Optimizer(Family):
    """An update rule: parameters move by minus the learning rate times its direction."""

    def transform(self) -> optax.GradientTransformationExtraArgs:
        """From the mean gradient to the direction; it is given `context`, a `StepContext`."""
        raise NotImplementedError

    def threshold(self, rate: float) -> float:
        """The largest stable eigenvalue of the preconditioned Hessian, at this learning rate.

        On a quadratic whose Hessian is H, with the preconditioner P held fixed, the update is stable while
        the eigenvalues of P^-1 H are below this.
        """
        raise NotImplementedError

    def batch_thresholds(self, rate: float) -> tuple[float, float] | None:
        """Levels at which batch sharpness is said to settle: for small batches, and for large ones.

        None: no level is known for this optimizer.
        """
        return None

    def preconditioner(self, opt_state: Any, params: PyTree) -> PyTree | None:
        """The diagonal of P, shaped as the parameters; None: the identity."""
        return None
