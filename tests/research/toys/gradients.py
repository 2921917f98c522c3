"""Half of the gradient, and then the other half."""

from dataclasses import dataclass

import jax

from research.gradients import Gradient


@dataclass(frozen=True)
class Halves(Gradient):
    """The mean over passes, in two steps."""

    def of_pass(self, own, at_snapshot, place):
        del at_snapshot, place
        return jax.tree.map(lambda leaf: leaf / 2 + leaf / 2, own)
