"""What an optimizer is."""

import math
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Key, PyTree

from research.errors import require
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
    """An update rule: parameters move by minus the learning rate times its direction.

    Attributes:
        preconditioned: by what the gradient is divided: by `nothing`, by a `diagonal` that `preconditioner`
            gives, or by something `other`, which no measurement knows.
    """

    preconditioned: ClassVar[Literal["nothing", "diagonal", "other"]] = "nothing"

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if cls.preconditioned == "diagonal" and cls.preconditioner is Optimizer.preconditioner:
            raise TypeError(f"{cls.__name__} is divided by a diagonal, which `preconditioner` must give")

    @abstractmethod
    def transform(self) -> optax.GradientTransformationExtraArgs:
        """From the mean gradient to the direction; it is given `context`, a `StepContext`."""

    def threshold(self, rate: float) -> float | None:
        """The largest stable eigenvalue of the preconditioned Hessian, at this learning rate.

        On a quadratic whose Hessian is H, with the preconditioner P held fixed, the update is stable while
        the eigenvalues of P^-1 H are below this. None: no such number is known, and none is recorded.
        """

    def batch_thresholds(self, rate: float) -> tuple[float, float] | None:
        """Levels at which batch sharpness is said to settle: for small batches, and for large ones.

        None: no level is known for this optimizer.
        """
        return None

    def preconditioner(self, opt_state: Any, params: PyTree) -> PyTree:
        """The diagonal of P, shaped as the parameters: ones, where the gradient is divided by `nothing`."""
        return jax.tree.map(jnp.ones_like, params)

    def at_rest(self, opt_state: Any) -> Any:
        """The state with its velocities, or mean gradients, set to zero, and all else as it is."""

        def stopped(path: tuple[Any, ...], leaf: Array) -> Array:
            names = {getattr(entry, "name", None) for entry in path}
            return jnp.zeros_like(leaf) if names & {"trace", "mu"} else leaf  # Optax's names for them

        return jax.tree_util.tree_map_with_path(stopped, opt_state)


def require_share(name: str, value: float) -> None:
    """Refuse the coefficient of a moving average that is not at least 0 and below 1."""
    require(0 <= value < 1, f"optimizer.{name}", value, "must be at least 0 and below 1")


def require_not_negative(name: str, value: float) -> None:
    """Refuse a coefficient that is negative or not finite."""
    require(0 <= value < math.inf, f"optimizer.{name}", value, "must be finite and not negative")


def require_positive(name: str, value: float) -> None:
    """Refuse a coefficient that is not above 0 and finite."""
    require(0 < value < math.inf, f"optimizer.{name}", value, "must be finite and above 0")
