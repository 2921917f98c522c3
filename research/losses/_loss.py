"""What a loss is."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Array, Float, Int

from research.family import Family


@dataclass(frozen=True)
class Loss(Family):
    """A convex function of one example's logits and label; a batch's loss is the mean over its examples.

    Attributes:
        unit: of its values, as figures and tables name it.
    """

    unit: ClassVar[str] = "in its own unit"

    @abstractmethod
    def per_example(
        self, logits: Float[Array, "batch classes"], labels: Int[Array, " batch"]
    ) -> Float[Array, " batch"]:
        """Each example's loss."""

    def evaluated(self) -> "Loss":
        """The loss that is reported of test images and frozen models; by default the one trained with."""
        return self

    def of_guess(self, classes: int) -> float | None:
        """What the best constant answer comes to, the classes being equally frequent; None: not known."""
