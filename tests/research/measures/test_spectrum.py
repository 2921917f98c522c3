from dataclasses import replace
from typing import get_args

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
from jax.flatten_util import ravel_pytree

from research.errors import InvalidInput
from research.measures.measurement import state_after
from research.measures.operators import blocks, hessian, mask_of
from research.measures.spectrum import Matrix, Spectrum
from research.records.store import Store
from research.sweeps.sweep import sweep
from research.training.batches import Images
from research.training.context import Hyperparameters, Setting

pytestmark = pytest.mark.slow  # most of it is compiling

PROBES = 16


@pytest.fixture(scope="module")
def spectra(dataset, run, tmp_path_factory):
    """Of a network of 2 channels: each matrix's measurement and dense form, and the rows of each part."""
    store = Store(tmp_path_factory.mktemp("spectra"))
    run = replace(run, model=replace(run.model, width=2, blocks=(1,)))
    sweep([run], dataset, store, keep={run: (1,)})
    state = state_after(run, 1, dataset, store)
    context = Setting.of(run, dataset).context(Hyperparameters.of(run), Images.of(dataset))
    # Sets of one batch: epochs 0 and 1 are trained on, the second batch of epoch 3 is the second set.
    batch = context.batch(13)
    flat, unravel = ravel_pytree(state.params)
    logits, loss = context.trained_logits(state.batch_stats), context.trained_loss(state.batch_stats)
    one = jax.tree.map(lambda leaf: leaf[None], batch)
    product = hessian(loss, state.params, one)

    @jax.jit
    def dense_hessian():
        return jax.lax.map(lambda e: ravel_pytree(product(unravel(e)))[0], jnp.eye(len(flat)))

    @jax.jit
    def dense_gauss_newton():
        jacobian = jax.jacrev(lambda p: logits(unravel(p), batch))(flat)
        p = jax.nn.softmax(logits(state.params, batch))
        output = jax.vmap(jnp.diag)(p) - p[:, :, None] * p[:, None, :]
        return jnp.einsum("bip,bij,bjq->pq", jacobian, output, jacobian) / len(p)

    found = {}
    for matrix, dense in zip(get_args(Matrix), (dense_hessian, dense_gauss_newton), strict=True):
        item = Spectrum(run, 1, matrix, 1, 32, PROBES, num_matvecs=30, trace_probes=24)
        rows = pd.DataFrame([vars(row) for row in item.measure(dataset, store)])
        found[matrix] = rows.pivot_table(index="split", columns="metric", values="value"), np.asarray(dense())
    paths = {"whole": (), **blocks(state.params)}
    parts = {
        name: np.flatnonzero(ravel_pytree(mask_of(state.params, path))[0]) for name, path in paths.items()
    }
    return found, parts


MATRICES = pytest.mark.parametrize("matrix", ["hessian", "gauss_newton"])


@MATRICES
def test_top_eigenvalues_are_those_of_the_dense_matrixs_diagonal_block(spectra, matrix):
    (table, dense), parts = spectra[0][matrix], spectra[1]
    assert set(table.index) == set(parts)
    for part, rows in parts.items():
        exact = np.linalg.eigvalsh(dense[np.ix_(rows, rows)])
        assert table.loc[part, "parameters"] == len(rows)
        for probe in range(PROBES):
            value, residual = (table.loc[part, f"{name}_{probe}_0"] for name in ("value", "residual"))
            assert value == pytest.approx(exact[-1], rel=1e-3)
            assert np.abs(exact - value).min() <= residual + 1e-4 * exact[-1]


@MATRICES
def test_traces_lie_within_their_error(spectra, matrix):
    (table, dense), parts = spectra[0][matrix], spectra[1]
    for part, rows in parts.items():
        exact = np.diag(dense)[rows].sum()
        assert abs(table.loc[part, "trace"] - exact) <= 4 * table.loc[part, "error"] + 1e-3 * abs(exact)


@MATRICES
def test_a_densitys_moments_are_those_of_the_block(spectra, matrix):
    (table, dense), parts = spectra[0][matrix], spectra[1]
    for part, rows in parts.items():
        values, weights = (
            table.loc[part, [f"{name}_{probe}_{node}" for probe in range(PROBES) for node in range(30)]]
            .to_numpy()
            .reshape(PROBES, 30)
            for name in ("value", "weight")
        )
        np.testing.assert_allclose(weights.sum(1), 1, rtol=1e-3)
        block = dense[np.ix_(rows, rows)]
        for power in (1, 2):
            moments = (weights * values**power).sum(1)
            exact = np.trace(np.linalg.matrix_power(block, power)) / len(rows)
            assert abs(moments.mean() - exact) <= 4 * moments.std(ddof=1) / PROBES**0.5


@pytest.mark.parametrize(
    ("changes", "field"),
    [({"epoch": 3}, "epoch"), ({"sample": -1}, "sample"), ({"probes": 0}, "probes")],
)
def test_moments_and_sizes_that_make_no_sense_are_refused(run, changes, field):
    with pytest.raises(InvalidInput, match=field):
        replace(Spectrum(run, 1, "hessian"), **changes)


def test_more_sets_than_the_subset_has_are_refused(dataset, run, store):
    with pytest.raises(InvalidInput, match="sample is 2: the subset has 2 sets of 2 batches"):
        Spectrum(run, 1, "hessian", sample=2, examples=64).measure(dataset, store)
