"""Curvature of the training loss, matrix-free.

Everything is built from products of the Hessian, or of the Gauss-Newton matrix, with a vector: a product with
the mean over many batches is the mean of the batches' products, taken one after the other, so that memory
does not grow with the data. Lanczos, stochastic Lanczos quadrature and XTrace are matfree's.

A loss here is a function of parameters and one batch. `Context.trained_loss` makes a run's. Batch norm uses
the batch's own statistics by default, as in training: then every example's loss depends on the others of its
batch, and the Hessian has a part that runs through the statistics. With running statistics it has not; the
two differ, and only the first says what a step of training meets.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeVar

import jax
import jax.numpy as jnp
from jax import lax
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float, Key, PyTree
from matfree import decomp, eig, stochtrace

from research.errors import require
from research.training.step import gauss_newton_product

T = TypeVar("T")
Params = PyTree
Loss = Callable[[Params, Any], Float[Array, ""]]
Matvec = Callable[[Params], Params]
Scalar = Float[Array, ""]


def mean_over(batches: PyTree, quantity: Callable[[Any], T]) -> T:
    """The mean of a quantity over batches stacked along the first axis, one in memory at a time."""
    first = jax.tree.map(lambda leaf: leaf[0], batches)
    zero = jax.tree.map(lambda s: jnp.zeros(s.shape, s.dtype), jax.eval_shape(quantity, first))

    def add(total, batch):
        return jax.tree.map(jnp.add, total, quantity(batch)), None

    total, _ = lax.scan(add, zero, batches)
    count = len(jax.tree.leaves(batches)[0])
    return jax.tree.map(lambda leaf: leaf / count, total)


def gradient(loss: Loss, params: Params, batches: PyTree) -> Params:
    """The gradient of the mean loss over batches."""
    return mean_over(batches, lambda batch: jax.grad(loss)(params, batch))


def hessian(loss: Loss, params: Params, batches: PyTree) -> Matvec:
    """The product of the mean loss's Hessian with a vector: forward over reverse."""

    def matvec(vector: Params) -> Params:
        def product(batch):
            return jax.jvp(lambda p: jax.grad(loss)(p, batch), (params,), (vector,))[1]

        return mean_over(batches, product)

    return matvec


def gauss_newton(
    logits: Callable[[Params, Any], Array],
    loss: Callable[[Array, Any], Scalar],
    params: Params,
    batches: PyTree,
) -> Matvec:
    """The product of the mean loss's Gauss-Newton matrix with a vector; see `gauss_newton_product`.

    Args:
        logits: of parameters and one batch.
        loss: the mean loss of logits and their batch.
    """

    def matvec(vector: Params) -> Params:
        def product(batch):
            return gauss_newton_product(
                lambda p: logits(p, batch), lambda out: loss(out, batch), params, vector
            )

        return mean_over(batches, product)

    return matvec


def blocks(params: Mapping[str, Any]) -> dict[str, tuple[Any, ...]]:
    """The network's blocks, by name, as paths into its parameters: first convolution, each block, head."""
    found: dict[str, tuple[Any, ...]] = {}
    for name, part in params.items():
        if all(isinstance(key, int) for key in part):  # a list of layers: each is a block
            found |= {f"{name}/{index}": (name, index) for index in part}
        else:
            found[name] = (name,)
    return found


def mask_of(params: Params, path: tuple[Any, ...]) -> PyTree:
    """Ones for the parameters of one block, zeros for all others; ones for all where the path is empty."""
    zeros, ones = (jax.tree.map(make, params) for make in (jnp.zeros_like, jnp.ones_like))
    return _replaced(zeros, path, _part(ones, path))


def masked(matvec: Matvec, mask: PyTree) -> Matvec:
    """A matrix with zeros in all rows and columns but one block's: one compiled program serves every block.

    Its eigenvalues are those of the diagonal block, and zeros; Lanczos from a vector inside the block sees
    the block alone. The trace is the block's.
    """

    def product(vector: Params) -> Params:
        inside = jax.tree.map(jnp.multiply, mask, vector)
        return jax.tree.map(jnp.multiply, mask, matvec(inside))

    return product


class Ritz(NamedTuple):
    """What one run of Lanczos says of a spectrum, in falling order.

    Attributes:
        values: Ritz values.
        residuals: an eigenvalue lies that near.
        weights: shares of the first vector, as quadrature over the spectrum weighs them; they sum to 1.
    """

    values: Float[Array, " node"]
    residuals: Float[Array, " node"]
    weights: Float[Array, " node"]


def ritz(matvec: Matvec, start: Params, num_matvecs: int) -> Ritz:
    """Lanczos with full re-orthogonalisation from a vector of one's choosing.

    A Ritz vector's residual is the length of the remainder times the last entry of the small eigenvector, so
    that it costs no product (`top_eigenpairs` spends one on each).
    """
    flat_matvec, _ = _flattened(matvec, start)
    first = ravel_pytree(start)[0]
    found = _lanczos(num_matvecs, first.size)(flat_matvec, first / jnp.linalg.norm(first))
    values, vectors = jnp.linalg.eigh(found.J_small)
    residuals = jnp.linalg.norm(found.residual) * jnp.abs(vectors[-1])
    return Ritz(values[::-1], residuals[::-1], vectors[0, ::-1] ** 2)


def _lanczos(num_matvecs: int, parameters: int) -> Callable[..., Any]:
    """Tridiagonalisation with full re-orthogonalisation, as deep as there are directions at most."""
    allowed = f"must be at most {parameters}, the number of parameters"
    require(num_matvecs <= parameters, "num_matvecs", num_matvecs, allowed)
    return decomp.tridiag_sym(num_matvecs, reortho="full", custom_vjp=False)


class Eigenpairs(NamedTuple):
    """The largest eigenvalues, in falling order, and how well each is known.

    Attributes:
        values: Ritz values.
        residuals: the length of A v - value v for the unit Ritz vector v: an eigenvalue lies that near.
        vectors: the Ritz vectors, stacked along the first axis.
    """

    values: Float[Array, " k"]
    residuals: Float[Array, " k"]
    vectors: PyTree


def top_eigenpairs(
    matvec: Matvec, like: Params, key: Key[Array, ""], k: int = 1, num_matvecs: int = 20
) -> Eigenpairs:
    """The k largest eigenvalues by Lanczos with full re-orthogonalisation.

    Args:
        like: a vector's structure and shapes; the first vector is random.
        num_matvecs: depth of the Krylov space. k more products give the residuals.
    """
    start = _normal_like(key, like)
    solve = eig.eigh_partial(_lanczos(num_matvecs, sum(leaf.size for leaf in jax.tree.leaves(start))))
    values, vectors = solve(lambda v: matvec(v), start)
    order = jnp.argsort(-values)[:k]
    values = values[order]
    vectors = jax.tree.map(lambda leaf: leaf[order], vectors)

    def residual(pair):
        value, vector = pair
        difference = jax.tree.map(lambda a, v: a - value * v, matvec(vector), vector)
        return jnp.sqrt(dot(difference, difference))

    return Eigenpairs(values, lax.map(residual, (values, vectors)), vectors)


def trace(matvec: Matvec, like: Params, key: Key[Array, ""], probes: int = 8) -> tuple[Scalar, Scalar]:
    """The trace by XTrace (Epperly, Tropp, Webber 2024) and its standard error over the probes."""
    flat_matvec, flat_like = _flattened(matvec, like)
    if 2 * probes < len(flat_like):  # else matfree makes the matrix and needs no probes
        # One product at a time: matfree would hold every probe's activations at once.
        flat_matvec = jax.custom_batching.sequential_vmap(flat_matvec)
    estimate = stochtrace.estimator_leave_one_out_mean_and_sem(
        stochtrace.leave_one_out_xtrace(), stochtrace.sampler_normal(flat_like, num=probes)
    )
    return estimate(flat_matvec, key)


def batch_sharpness(loss: Loss, params: Params, batches: PyTree) -> Float[Array, " batches"]:
    """The curvature of each batch's own loss along its own gradient, g' H g / g' g.

    Its mean is what SGD with small batches holds at the edge of stability while the full batch's sharpness
    stays below it (Andreyev and Beneventano, arXiv 2412.20553); its spread over the batches, divided by the
    root of their number, the mean's standard error.
    """
    return gradient_and_sharpness(loss, params, batches)[1]


def gradient_and_sharpness(
    loss: Loss, params: Params, batches: PyTree
) -> tuple[Params, Float[Array, " batches"], Float[Array, " others"]]:
    """`gradient`, `batch_sharpness`, for which the first is needed anyway, and the full loss's, in one pass.

    The last is the curvature of each batch's loss along the gradient of the batch before it, which knows
    nothing of it: without bias that of the full loss along single batches' gradients. What batch sharpness
    has above it is how much a batch's own curvature scatters along its own gradient.

    Returns:
        Of B batches: the gradient, B sharpnesses, and B - 1.
    """

    def add(carry, batch):
        total, before = carry
        g, curved = jax.linearize(lambda p: jax.grad(loss)(p, batch), params)
        along = [dot(d, curved(d)) / dot(d, d) for d in (g, before)]
        return (jax.tree.map(jnp.add, total, g), g), along

    nothing = jax.tree.map(jnp.zeros_like, params)
    (total, _), (own, others) = lax.scan(add, (nothing, nothing), batches)
    return jax.tree.map(lambda leaf: leaf / len(own), total), own, others[1:]


def dot(a: PyTree, b: PyTree) -> Scalar:
    """The inner product of two vectors in the shape of parameters."""
    return jax.tree.reduce(jnp.add, jax.tree.map(jnp.vdot, a, b))


def _normal_like(key: Key[Array, ""], like: Params) -> Params:
    flat, unravel = ravel_pytree(jax.tree.map(lambda s: jnp.zeros(s.shape, s.dtype), like))
    return unravel(jax.random.normal(key, flat.shape))


def _flattened(matvec: Matvec, like: Params) -> tuple[Callable[[Array], Array], Array]:
    flat, unravel = ravel_pytree(jax.tree.map(lambda s: jnp.zeros(s.shape, s.dtype), like))
    return lambda v: ravel_pytree(matvec(unravel(v)))[0], flat


def _part(tree: PyTree, path: tuple[Any, ...]) -> PyTree:
    for key in path:
        tree = tree[key]
    return tree


def _replaced(tree: PyTree, path: tuple[Any, ...], value: PyTree) -> PyTree:
    if not path:
        return value
    return {**tree, path[0]: _replaced(tree[path[0]], path[1:], value)}
