"""What a loss is."""

from dataclasses import dataclass

from jaxtyping import Array, Float, Int

from research.family import Family


@dataclass(frozen=True)
class Loss(Family):
    """A convex function of one example's logits and label; a batch's loss is the mean over its examples."""

    def per_example(
        self, logits: Float[Array, "batch classes"], labels: Int[Array, " batch"]
    ) -> Float[Array, " batch"]:
        """Each example's loss."""
        raise NotImplementedError

    def evaluated(self) -> "Loss":
        """The loss that is reported of test images and frozen models; by default the one trained with."""
        return self

    def of_guess(self, classes: int) -> float:
        """What the best constant answer comes to, the classes being equally frequent."""
        raise NotImplementedError
