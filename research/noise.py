"""Gradient noise: how much the gradients of batches scatter about their mean.

For examples drawn independently, the gradient of a batch of m examples has the covariance S / m, S being that
of one example's gradient, and |gradient of a batch|^2 exceeds |true gradient|^2 by tr S / m on average. Two
batch sizes therefore give both without bias (McCandlish et al. 2018, appendix A.1). With batch norm an
example's gradient depends on its batch, so S is that at the batch size measured, and the 1 / m law a claim to
be tested rather than an identity.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, PyTree

from research.curvature import Loss, Matvec, Params, dot, gradient

Scalar = Float[Array, ""]


class Noise(NamedTuple):
    """Scatter of batch gradients, without bias. Units: those of the squared gradient, nats^2 per parameter^2.

    Attributes:
        variance: tr S, summed over parameters, of one example's gradient.
        signal: squared length of the true gradient; can come out negative where noise drowns it.
        curved_variance: tr H S, the same weighted by curvature; NaN where no Hessian was given.
        curved_signal: G' H G of the true gradient G; NaN likewise.
    """

    variance: Scalar
    signal: Scalar
    curved_variance: Scalar
    curved_signal: Scalar

    def simple_scale(self) -> Scalar:
        """tr S / |G|^2: the batch size, in examples, at which noise and signal are equal (eq. 2.9)."""
        return self.variance / self.signal

    def full_scale(self) -> Scalar:
        """tr H S / G' H G: the critical batch size, in examples, at the best learning rate (eq. 2.8)."""
        return self.curved_variance / self.curved_signal


def gradient_noise(
    loss: Loss, params: Params, batches: PyTree, batch_size: int, hessian: Matvec | None = None
) -> Noise:
    """Estimate the noise from the gradients of several independent batches of one size.

    The small batches are those given, the large one is all of them together: with K batches of m examples,
    tr S = m times the sample variance of their gradients (K - 1 in the denominator), and |G|^2 is the squared
    length of their mean less tr S / (K m). The curved quantities are the same in the inner product of H.

    Args:
        batches: K >= 2 of them, stacked along the first axis.
        batch_size: examples in each, m.
        hessian: the product of the mean loss's Hessian with a vector; it is called K + 1 times.
    """
    count = len(jax.tree.leaves(batches)[0])
    assert count >= 2, "one batch has no scatter"
    one_gradient = jax.grad(loss)
    mean = gradient(loss, params, batches)

    def scatter(batch: Any) -> tuple[Scalar, Scalar]:
        # Gradients are made again rather than kept: K of them may not fit in memory beside a large model.
        off = jax.tree.map(jnp.subtract, one_gradient(params, batch), mean)
        curved = dot(off, hessian(off)) if hessian is not None else jnp.float32(jnp.nan)
        return dot(off, off), curved

    plain, curved = (values.sum() * batch_size / (count - 1) for values in lax.map(scatter, batches))
    along_mean = dot(mean, hessian(mean)) if hessian is not None else jnp.float32(jnp.nan)
    examples = count * batch_size
    return Noise(plain, dot(mean, mean) - plain / examples, curved, along_mean - curved / examples)
