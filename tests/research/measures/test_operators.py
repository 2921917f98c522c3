from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from jax.flatten_util import ravel_pytree

from research.kernels import disable_kernels
from research.measures import operators as curvature
from research.measures.operators import (
    batch_logits,
    batch_loss,
    batch_sharpness,
    blocks,
    curvature_along,
    dot,
    gauss_newton,
    gradient,
    hessian,
    mask_of,
    masked,
    mean_over,
    restrict,
    ritz,
    spectral_density,
    stability_threshold,
    top_eigenpairs,
    trace,
)
from research.models import build
from research.training.batches import BatchSpec, Images, batch_at, normalise, run_key
from research.training.epoch import Network, cross_entropy, optimizer

KEY = jax.random.key(0)


def two_layer_logits(params, batch):
    return jnp.tanh(batch["x"] @ params["hidden"]) @ params["out"]


def two_layer_loss(params, batch):
    return cross_entropy(two_layer_logits(params, batch), batch["y"]).mean()


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
    ours = as_dense(gauss_newton(two_layer_logits, params, batches), params)
    np.testing.assert_allclose(ours, dense_gauss_newton, rtol=1e-4, atol=1e-5)
    assert np.linalg.eigvalsh(ours).min() > -1e-5
    assert np.abs(dense - dense_gauss_newton).max() > 1e-2  # they are two matrices


def test_in_a_linear_model_hessian_and_gauss_newton_are_one(problem):
    _, batches, _, _ = problem
    weight = {"w": jax.random.normal(KEY, (6, 3))}
    logits = lambda params, batch: batch["x"] @ params["w"]  # noqa: E731
    loss = lambda params, batch: cross_entropy(logits(params, batch), batch["y"]).mean()  # noqa: E731
    np.testing.assert_allclose(
        as_dense(hessian(loss, weight, batches), weight),
        as_dense(gauss_newton(logits, weight, batches), weight),
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
    np.testing.assert_allclose(
        (found.values * found.weights).sum(), curvature_along(matvec, start), rtol=1e-3
    )
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


def test_the_density_has_the_spectrums_moments(problem):
    params, batches, dense, _ = problem
    matvec = hessian(two_layer_loss, params, batches)
    density = spectral_density(matvec, params, KEY, probes=400, num_matvecs=12)
    np.testing.assert_allclose(density.weights.sum(1), 1, rtol=1e-4)
    for power in (1, 2):
        moments = np.asarray((density.weights * density.nodes**power).sum(1))
        exact = (np.linalg.eigvalsh(dense) ** power).mean()
        assert abs(moments.mean() - exact) < 4 * moments.std() / 20  # 20 = sqrt(400)


def test_xtrace_is_the_trace_within_its_error(problem):
    params, batches, dense, _ = problem
    value, error = trace(hessian(two_layer_loss, params, batches), params, KEY, probes=16)
    assert abs(value - np.trace(dense)) < max(4 * float(error), 1e-3)
    value, _ = trace(hessian(two_layer_loss, params, batches), params, KEY, probes=36)
    np.testing.assert_allclose(value, np.trace(dense), rtol=1e-3)  # as many probes as parameters: exact


def test_blocks_are_the_diagonal_blocks(problem):
    params, batches, dense, _ = problem
    matvec = hessian(two_layer_loss, params, batches)
    hidden = restrict(matvec, params, ("hidden",))
    np.testing.assert_allclose(as_dense(hidden, params["hidden"]), dense[:24, :24], rtol=1e-4, atol=1e-5)
    out = top_eigenpairs(restrict(matvec, params, ("out",)), params["out"], KEY, num_matvecs=12)
    np.testing.assert_allclose(out.values[0], np.linalg.eigvalsh(dense[24:, 24:])[-1], rtol=1e-4)


def test_masked_is_the_diagonal_block_and_zeros(problem):
    params, batches, dense, _ = problem
    matvec = hessian(two_layer_loss, params, batches)
    expected = np.zeros_like(dense)
    expected[:24, :24] = dense[:24, :24]
    of_block = masked(matvec, mask_of(params, ("hidden",)))
    np.testing.assert_allclose(as_dense(of_block, params), expected, rtol=1e-4, atol=1e-5)
    of_all = masked(matvec, mask_of(params, ()))
    np.testing.assert_allclose(as_dense(of_all, params), dense, rtol=1e-4, atol=1e-5)


def test_the_networks_blocks_cover_it(network):
    params = jax.jit(network.initial_state)(0).params
    found = blocks(params)
    assert list(found) == ["blocks/0", "blocks/1", "head", "prepare"]
    sizes = [len(ravel_pytree(curvature._part(params, path))[0]) for path in found.values()]
    assert sum(sizes) == len(ravel_pytree(params)[0])


def test_curvature_along_an_eigenvector_is_its_eigenvalue(problem):
    params, batches, _, _ = problem
    matvec = hessian(two_layer_loss, params, batches)
    found = top_eigenpairs(matvec, params, KEY, k=1, num_matvecs=30)
    vector = jax.tree.map(lambda leaf: 3.0 * leaf[0], found.vectors)
    np.testing.assert_allclose(curvature_along(matvec, vector), found.values[0], rtol=1e-4)


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


@pytest.mark.parametrize("nesterov", [False, True])
@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.9])
def test_training_diverges_just_above_the_threshold_and_converges_just_below(momentum, nesterov):
    """Gradient descent with this project's optimizer on a quadratic of sharpness 1% to either side."""
    rate = 0.05
    transform = optimizer(momentum, 0.0, lambda _: rate, nesterov)

    def distance(sharpness):
        def step(carry, _):
            x, state = carry
            updates, state = transform.update(sharpness * x, state, x)
            return (x + updates, state), None

        x = jnp.ones(())
        (x, _), _ = jax.lax.scan(step, (x, transform.init(x)), length=3000)
        return abs(float(x))

    threshold = stability_threshold(rate, momentum, nesterov)
    assert distance(0.99 * threshold) < 1e-3
    assert not distance(1.01 * threshold) < 1e3


@pytest.fixture(scope="module")
def network(dataset, run):
    return Network(run, dataset.image_shape, dataset.classes, split_batch=False)


@pytest.fixture(scope="module")
def stacked(dataset, run):
    images = Images.of(dataset)
    recipe = BatchSpec(run.batch_size, run.augment, run.crop_padding)
    some = [batch_at(images, run_key(0), step, run.subset_size, recipe) for step in range(2)]
    return images, jax.tree.map(lambda *leaves: jnp.stack(leaves), *some)


@pytest.mark.parametrize("statistics", ["batch", "running"])
def test_the_miniature_networks_top_eigenvalue_is_the_dense_hessians(dataset, run, stacked, statistics):
    """The dense Hessian by reverse over reverse, from convolutions differentiated by JAX itself."""
    images, batches = stacked
    narrow = replace(run, model=replace(run.model, width=2))
    network = Network(narrow, dataset.image_shape, dataset.classes, split_batch=False)
    state = jax.jit(network.initial_state)(0)
    loss = batch_loss(network, state.batch_stats, images, statistics)
    matvec = hessian(loss, state.params, batches)
    found = jax.jit(lambda: top_eigenpairs(matvec, state.params, KEY, k=1, num_matvecs=40))()
    assert found.residuals[0] < 1e-3 * found.values[0]

    plain = build(narrow.model, image_shape=dataset.image_shape, classes=dataset.classes, rngs=nnx.Rngs(0))
    graph = nnx.split(plain, nnx.Param, ...)[0]
    flat, unravel = ravel_pytree(state.params)

    def whole_loss(p):
        losses = []
        for images_, labels in zip(batches.images, batches.labels, strict=True):
            model = nnx.merge(graph, unravel(p), state.batch_stats, copy=True)
            logits = model(normalise(images_, images), use_running_average=statistics == "running")
            losses.append(cross_entropy(logits, labels).mean())
        return sum(losses) / len(losses)

    @jax.jit
    def rows(p):
        _, pull = jax.vjp(jax.grad(whole_loss), p)
        return jax.lax.map(lambda e: pull(e)[0], jnp.eye(len(p)))

    dense = np.asarray(rows(flat))
    np.testing.assert_allclose(found.values[0], np.linalg.eigvalsh((dense + dense.T) / 2)[-1], rtol=1e-3)


def test_the_two_kinds_of_statistics_have_different_hessians(network, stacked):
    images, batches = stacked
    state = jax.jit(network.initial_state)(0)
    along = [
        float(
            curvature_along(
                hessian(batch_loss(network, state.batch_stats, images, statistics), state.params, batches),
                state.params,
            )
        )
        for statistics in ("batch", "running")
    ]
    assert abs(along[0] - along[1]) > 1e-4


def test_a_product_costs_at_most_three_gradients_in_flops(network, stacked):
    images, batches = stacked
    state = jax.jit(network.initial_state)(0)
    loss = batch_loss(network, state.batch_stats, images)

    def flops(f):
        with disable_kernels():  # it knows nothing of what a kernel does
            analysis = jax.jit(f).lower(state.params).compile().cost_analysis()
        assert analysis is not None
        return analysis["flops"]

    of_gradient = flops(lambda p: gradient(loss, p, batches))
    of_product = flops(lambda p: hessian(loss, p, batches)(p))
    assert of_product <= 3 * of_gradient


def test_batch_logits_are_the_networks(network, stacked):
    images, batches = stacked
    state = jax.jit(network.initial_state)(0)
    one = jax.tree.map(lambda leaf: leaf[0], batches)
    logits = batch_logits(network, state.batch_stats, images)(state.params, one)
    loss = batch_loss(network, state.batch_stats, images)(state.params, one)
    np.testing.assert_allclose(cross_entropy(logits, one.labels).mean(), loss, rtol=1e-6)
    assert dot({"a": jnp.ones(2)}, {"a": jnp.arange(2.0)}) == 1
