from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from jax.flatten_util import ravel_pytree

from research.kernels import disable_kernels
from research.losses.cross_entropy import CrossEntropy
from research.measures import operators as curvature
from research.measures.operators import (
    batch_sharpness,
    blocks,
    dot,
    gauss_newton,
    gradient,
    gradient_and_sharpness,
    hessian,
    mask_of,
    masked,
    mean_over,
    ritz,
    top_eigenpairs,
    trace,
)
from research.models._model import Surroundings
from research.training.batches import Images, normalise
from research.training.context import Hyperparameters, Setting

KEY = jax.random.key(0)


def mean_cross_entropy(logits, labels):
    return CrossEntropy().per_example(logits, labels).mean()


def two_layer_logits(params, batch):
    return jnp.tanh(batch["x"] @ params["hidden"]) @ params["out"]


def loss_of_logits(logits, batch):
    return mean_cross_entropy(logits, batch["y"])


def two_layer_loss(params, batch):
    return loss_of_logits(two_layer_logits(params, batch), batch)


@pytest.fixture(scope="module")
def problem():
    """A two-layer net of 6 x 4 and 4 x 3 weights, three batches of 10, and dense matrices to compare with."""
    keys = jax.random.split(KEY, 4)
    params = {"hidden": jax.random.normal(keys[0], (6, 4)), "out": jax.random.normal(keys[1], (4, 3))}
    batches = {
        "x": jax.random.normal(keys[2], (3, 10, 6)),
        "y": jax.random.randint(keys[3], (3, 10), 0, 3),
    }
    flat, unravel = ravel_pytree(params)
    one = {"x": batches["x"].reshape(30, 6), "y": batches["y"].reshape(30)}
    dense = jax.hessian(lambda p: two_layer_loss(unravel(p), one))(flat)
    jacobian = jax.jacobian(lambda p: two_layer_logits(unravel(p), one))(flat)
    p = jax.nn.softmax(two_layer_logits(params, one))
    output = jax.vmap(jnp.diag)(p) - p[:, :, None] * p[:, None, :]
    dense_gauss_newton = jnp.einsum("bip,bij,bjq->pq", jacobian, output, jacobian) / 30
    return params, batches, np.asarray(dense), np.asarray(dense_gauss_newton)


def as_dense(matvec, like):
    flat, unravel = ravel_pytree(like)
    return np.asarray(jax.vmap(lambda v: ravel_pytree(matvec(unravel(v)))[0])(jnp.eye(len(flat))))


def test_the_mean_over_batches_is_that_of_all_examples(problem):
    params, batches, _, _ = problem
    whole = {"x": batches["x"].reshape(30, 6), "y": batches["y"].reshape(30)}
    np.testing.assert_allclose(
        mean_over(batches, lambda batch: two_layer_loss(params, batch)),
        two_layer_loss(params, whole),
        rtol=1e-5,
    )
    ours, theirs = gradient(two_layer_loss, params, batches), jax.grad(two_layer_loss)(params, whole)
    for one, other in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)


def test_hessian_products_are_the_dense_hessians(problem):
    params, batches, dense, _ = problem
    np.testing.assert_allclose(
        as_dense(hessian(two_layer_loss, params, batches), params), dense, rtol=1e-4, atol=1e-5
    )


def test_gauss_newton_products_are_the_dense_matrixs(problem):
    params, batches, dense, dense_gauss_newton = problem
    ours = as_dense(gauss_newton(two_layer_logits, loss_of_logits, params, batches), params)
    np.testing.assert_allclose(ours, dense_gauss_newton, rtol=1e-4, atol=1e-5)
    assert np.linalg.eigvalsh(ours).min() > -1e-5
    assert np.abs(dense - dense_gauss_newton).max() > 1e-2  # they are two matrices


def test_in_a_linear_model_hessian_and_gauss_newton_are_one(problem):
    _, batches, _, _ = problem
    weight = {"w": jax.random.normal(KEY, (6, 3))}
    logits = lambda params, batch: batch["x"] @ params["w"]  # noqa: E731
    loss = lambda params, batch: loss_of_logits(logits(params, batch), batch)  # noqa: E731
    np.testing.assert_allclose(
        as_dense(hessian(loss, weight, batches), weight),
        as_dense(gauss_newton(logits, loss_of_logits, weight, batches), weight),
        atol=1e-6,
    )


def test_top_eigenpairs_and_their_residuals(problem):
    params, batches, dense, _ = problem
    matvec = hessian(two_layer_loss, params, batches)
    found = top_eigenpairs(matvec, params, KEY, k=3, num_matvecs=30)
    np.testing.assert_allclose(found.values, np.linalg.eigvalsh(dense)[::-1][:3], rtol=1e-4)
    assert np.asarray(found.residuals).max() < 1e-4
    rough = top_eigenpairs(matvec, params, KEY, k=1, num_matvecs=4)
    distance = np.abs(np.linalg.eigvalsh(dense) - rough.values[0]).min()
    assert distance <= rough.residuals[0] + 1e-6  # the residual bounds the distance to an eigenvalue


def test_ritz_values_from_any_start_have_the_residuals_that_a_product_would_give(problem):
    params, batches, dense, _ = problem
    matvec = hessian(two_layer_loss, params, batches)
    start = gradient(two_layer_loss, params, batches)
    found = ritz(matvec, start, 6)
    exact = np.linalg.eigvalsh(dense)
    np.testing.assert_allclose(found.weights.sum(), 1, rtol=1e-4)
    along_start = dot(start, matvec(start)) / dot(start, start)
    np.testing.assert_allclose((found.values * found.weights).sum(), along_start, rtol=1e-3)
    for value, residual in zip(found.values, found.residuals, strict=True):
        assert np.abs(exact - value).min() <= residual + 1e-4
    # The same start by hand: the residual of the top Ritz vector of span(g, H g, ...).
    krylov = [np.asarray(ravel_pytree(start)[0], np.float64)]
    for _ in range(5):
        krylov.append(dense.astype(np.float64) @ krylov[-1] / np.linalg.norm(krylov[-1]))
    basis = np.linalg.qr(np.stack(krylov, axis=1))[0]
    values, vectors = np.linalg.eigh(basis.T @ dense @ basis)
    top = basis @ vectors[:, -1]
    assert found.values[0] == pytest.approx(values[-1], rel=1e-3)
    assert found.residuals[0] == pytest.approx(np.linalg.norm(dense @ top - values[-1] * top), rel=0.02)


def test_xtrace_is_the_trace_within_its_error(problem):
    params, batches, dense, _ = problem
    value, error = trace(hessian(two_layer_loss, params, batches), params, KEY, probes=16)
    assert abs(value - np.trace(dense)) < max(4 * float(error), 1e-3)
    value, _ = trace(hessian(two_layer_loss, params, batches), params, KEY, probes=36)
    np.testing.assert_allclose(value, np.trace(dense), rtol=1e-3)  # as many probes as parameters: exact


def test_masked_is_the_diagonal_block_and_zeros(problem):
    params, batches, dense, _ = problem
    matvec = hessian(two_layer_loss, params, batches)
    expected = np.zeros_like(dense)
    expected[:24, :24] = dense[:24, :24]
    of_block = masked(matvec, mask_of(params, ("hidden",)))
    np.testing.assert_allclose(as_dense(of_block, params), expected, rtol=1e-4, atol=1e-5)
    out = top_eigenpairs(masked(matvec, mask_of(params, ("out",))), params, KEY, num_matvecs=12)
    np.testing.assert_allclose(out.values[0], np.linalg.eigvalsh(dense[24:, 24:])[-1], rtol=1e-4)
    of_all = masked(matvec, mask_of(params, ()))
    np.testing.assert_allclose(as_dense(of_all, params), dense, rtol=1e-4, atol=1e-5)


def test_the_networks_blocks_cover_it(state):
    params = state.params
    found = blocks(params)
    assert list(found) == ["blocks/0", "blocks/1", "head", "prepare"]
    sizes = [len(ravel_pytree(curvature._part(params, path))[0]) for path in found.values()]
    assert sum(sizes) == len(ravel_pytree(params)[0])


def test_batch_sharpness_is_each_batchs_own_curvature_along_its_own_gradient(problem):
    params, batches, _, _ = problem
    flat, unravel = ravel_pytree(params)
    expected = []
    for index in range(3):
        batch = jax.tree.map(lambda leaf, i=index: leaf[i], batches)
        loss = lambda p, b=batch: two_layer_loss(unravel(p), b)  # noqa: E731
        g, h = jax.grad(loss)(flat), jax.hessian(loss)(flat)
        expected.append(g @ h @ g / (g @ g))
    np.testing.assert_allclose(batch_sharpness(two_layer_loss, params, batches), expected, rtol=1e-4)


def test_what_batches_have_in_common_is_their_curvature_along_anothers_gradient():
    """Losses (x_b' w)^2 / 2 of d signs: along its own gradient d, along another's the full loss's 1."""
    x = np.sign(np.random.default_rng(0).normal(size=(4096, 8))).astype(np.float32)
    loss = lambda w, one: jnp.dot(one, w) ** 2 / 2  # noqa: E731
    _, own, others = gradient_and_sharpness(loss, jnp.arange(1.0, 9.0), jnp.asarray(x))
    apart = np.isfinite(np.asarray(others))  # some gradients are 0
    assert len(others) == len(own) - 1
    np.testing.assert_allclose(np.asarray(own)[np.isfinite(own)], 8, rtol=1e-4)
    assert np.asarray(others)[apart].mean() == pytest.approx(1, abs=0.1)


@pytest.fixture(scope="module")
def context(dataset, run):
    return Setting.of(run, dataset).context(Hyperparameters.of(run), Images.of(dataset))


@pytest.fixture(scope="module")
def state(dataset, run):
    return jax.jit(Setting.of(run, dataset).initial_state)(Hyperparameters.of(run))


@pytest.fixture(scope="module")
def stacked(context):
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), context.batch(0), context.batch(1))


@pytest.mark.parametrize("statistics", ["batch", "running"])
def test_the_miniature_networks_top_eigenvalue_is_the_dense_hessians(dataset, run, stacked, statistics):
    """The dense Hessian by reverse over reverse, from convolutions differentiated by JAX itself."""
    images, batches = Images.of(dataset), stacked
    narrow = replace(run, model=replace(run.model, width=2))
    setting, hyper = Setting.of(narrow, dataset), Hyperparameters.of(narrow)
    state = jax.jit(setting.initial_state)(hyper)
    loss = setting.context(hyper, images).trained_loss(state.batch_stats, statistics)
    matvec = hessian(loss, state.params, batches)
    found = jax.jit(lambda: top_eigenpairs(matvec, state.params, KEY, k=1, num_matvecs=40))()
    assert found.residuals[0] < 1e-3 * found.values[0]

    plain = narrow.model.build(Surroundings(dataset.image_shape, dataset.classes, nnx.Rngs(0)))
    graph = nnx.split(plain, nnx.Param, ...)[0]
    flat, unravel = ravel_pytree(state.params)

    def whole_loss(p):
        losses = []
        for images_, labels in zip(batches.images, batches.labels, strict=True):
            model = nnx.merge(graph, unravel(p), state.batch_stats, copy=True)
            logits = model(normalise(images_, images), use_running_average=statistics == "running")
            losses.append(mean_cross_entropy(logits, labels))
        return sum(losses) / len(losses)

    @jax.jit
    def rows(p):
        _, pull = jax.vjp(jax.grad(whole_loss), p)
        return jax.lax.map(lambda e: pull(e)[0], jnp.eye(len(p)))

    dense = np.asarray(rows(flat))
    np.testing.assert_allclose(found.values[0], np.linalg.eigvalsh((dense + dense.T) / 2)[-1], rtol=1e-3)


def test_the_two_kinds_of_statistics_have_different_hessians(context, state, stacked):
    def along_the_parameters(statistics):
        loss = context.trained_loss(state.batch_stats, statistics)
        product = hessian(loss, state.params, stacked)(state.params)
        return float(dot(state.params, product) / dot(state.params, state.params))

    assert abs(along_the_parameters("batch") - along_the_parameters("running")) > 1e-4


def test_a_product_costs_at_most_three_gradients_in_flops(context, state, stacked):
    loss = context.trained_loss(state.batch_stats)

    def flops(f):
        with disable_kernels():  # it knows nothing of what a kernel does
            analysis = jax.jit(f).lower(state.params).compile().cost_analysis()
        assert analysis is not None
        return analysis["flops"]

    of_gradient = flops(lambda p: gradient(loss, p, stacked))
    of_product = flops(lambda p: hessian(loss, p, stacked)(p))
    assert of_product <= 3 * of_gradient


def test_the_inner_product_is_over_all_leaves():
    one = {"a": jnp.ones(2), "b": [jnp.asarray([[2.0]])]}
    assert dot(one, {"a": jnp.arange(2.0), "b": [jnp.asarray([[3.0]])]}) == 7
