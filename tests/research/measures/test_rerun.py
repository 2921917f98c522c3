from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from research.augmentations.crop import Crop
from research.augmentations.cutout import Cutout
from research.augmentations.flip import Flip
from research.measures.measurement import state_after
from research.measures.rerun import SKIP, rerun
from research.models.keras_cnn import KerasCNN
from research.models.vit import ViT
from research.optimizers.sparse_sgd import SparseSGD
from research.records.store import Store
from research.sweeps.sweep import sweep
from research.training.batches import BatchSpec, Images, batch_at, checksum, run_key
from research.training.context import Hyperparameters


@pytest.fixture(scope="module")
def trained(dataset, run, tmp_path_factory):
    """The run, recorded, with its states after both epochs."""
    store = Store(tmp_path_factory.mktemp("rerun"))
    sweep([run], dataset, store, keep={run: (1, 2)})
    return store


def again(dataset, run, state, sources):
    room, count = jnp.asarray(np.resize(np.asarray(sources, np.int32), 4)), jnp.int32(len(sources))
    return rerun(run, dataset)(state, Images.of(dataset), Hyperparameters.of(run), room, count)


def equal(a, b):
    return all(np.array_equal(x, y) for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True))


def test_an_epoch_taken_again_is_the_one_that_was_trained(dataset, run, trained):
    before = state_after(run, 1, dataset, trained, to_train=True)
    after = state_after(run, 2, dataset, trained, to_train=True)
    state, trace = again(dataset, run, before, [4, 5, 6, 7])
    for ours, theirs in zip(jax.tree.leaves(state), jax.tree.leaves(after), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)
    _, rows = trained.read(run)
    seen = rows.query("split == 'seen' and epoch == 2").set_index("metric")["value"]
    assert int(trace.order_checksum) == int(seen["order_checksum"])
    np.testing.assert_allclose(trace.loss.mean(), seen["loss"], rtol=1e-5)
    np.testing.assert_allclose(trace.correct.mean(), seen["accuracy"], rtol=1e-6)


def test_each_image_is_visited_once_in_an_epoch(dataset, run, trained):
    before = state_after(run, 1, dataset, trained, to_train=True)
    _, trace = again(dataset, run, before, [4, 5, 6, 7])
    assert sorted(trace.rows.ravel().tolist()) == list(range(128))


def test_a_step_trains_on_the_batch_it_is_given(dataset, run, trained):
    before = state_after(run, 1, dataset, trained, to_train=True)
    images = Images.of(dataset)
    _, trace = again(dataset, run, before, [1])
    wanted = checksum(batch_at(images, run_key(run.seed), 1, run.subset_size, BatchSpec.of(run)))
    assert int(trace.order_checksum) == int(wanted)


def test_a_step_left_out_changes_nothing_but_the_count(dataset, run, trained):
    before = state_after(run, 1, dataset, trained, to_train=True)
    state, trace = again(dataset, run, before, [SKIP, SKIP])
    assert int(state.step) == int(before.step) + 2
    assert equal(state._replace(step=before.step), before)
    assert int(trace.order_checksum) == 0


def test_order_matters_and_nothing_else_does(dataset, run, trained):
    """Swapping two batches gives another state; swapping them back gives the first, bit for bit."""
    before = state_after(run, 1, dataset, trained, to_train=True)
    straight, swapped, back = (
        again(dataset, run, before, s)[0] for s in ([4, 5, 6, 7], [5, 4, 6, 7], [4, 5, 6, 7])
    )
    assert equal(straight, back)
    assert not equal(straight, swapped)


def test_the_factor_reaches_the_steps(dataset, run, trained):
    before = state_after(run, 1, dataset, trained, to_train=True)
    one, other = (again(dataset, r, before, [4])[0] for r in (run, replace(run, factor=2.0)))
    moved = [
        jax.tree.map(lambda a, b: np.asarray(a - b), state.params, before.params) for state in (one, other)
    ]
    for a, b in zip(*map(jax.tree.leaves, moved), strict=True):
        np.testing.assert_allclose(2 * a, b, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize(
    ("model", "by"),
    [(KerasCNN(), "element"), (ViT(width=8, depth=1, heads=2, dropout=0.2), "block")],
    ids=["keras_cnn-element", "vit-block"],
)
def test_with_dropout_cutout_and_sparse_updates_it_is_the_same_bit_for_bit(dataset, run, store, model, by):
    drawn = replace(
        run,
        model=model,
        augmentation=(Crop(2), Flip(), Cutout(3)),
        optimizer=SparseSGD(share=0.3, by=by),
        factor=0.5,
    )
    sweep([drawn], dataset, store, keep={drawn: (1, 2)})
    before, after = (state_after(drawn, epoch, dataset, store, to_train=True) for epoch in (1, 2))
    state, trace = again(dataset, drawn, before, [4, 5, 6, 7])
    checksum = store.read(drawn)[1].query("epoch == 2 and metric == 'order_checksum'")["value"].item()
    assert int(trace.order_checksum) == int(checksum)
    assert equal(state, after)
    assert not equal(before.params, after.params)
