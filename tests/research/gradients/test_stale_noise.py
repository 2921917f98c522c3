from dataclasses import replace

import jax
import numpy as np
import pytest

from research.errors import InvalidInput
from research.gradients.fresh_noise import FreshNoise
from research.gradients.stale_noise import StaleNoise
from research.measures.measurement import state_after
from research.records import checkpoints
from research.records.store import Store
from research.sweeps.sweep import sweep
from research.training.context import Hyperparameters, Setting
from research.training.epoch import compiled_epoch_for
from research.training.sharding import make_mesh
from tests.research.gradients._updates import PASSES, a_run, assert_trained
from tests.research.optimizers._training import PER_EPOCH, by_train_step

UPDATES_PER_EPOCH = PER_EPOCH // PASSES


@pytest.mark.parametrize(("start", "every"), [(0, 1), (1, 3), (2, 99)])
def test_the_noise_is_of_gradients_at_the_last_snapshot(dataset, run, start, every):
    def last_snapshot(update, trace):
        since = update // UPDATES_PER_EPOCH - start
        return trace[(start + since // every * every) * UPDATES_PER_EPOCH] if since >= 0 else None

    assert_trained(a_run(run, dataset, StaleNoise(start, every)), dataset, last_snapshot, by_train_step)


def test_with_an_update_for_each_snapshot_it_is_fresh(dataset, run):
    fresh, stale = (
        by_train_step(a_run(run, dataset, kind, passes=PER_EPOCH), dataset).params
        for kind in (FreshNoise(), StaleNoise())
    )
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5), fresh, stale)


@pytest.mark.parametrize("data_parallel", [1, 2])
def test_a_run_resumed_between_snapshots_is_the_uninterrupted_one(dataset, run, tmp_path, data_parallel):
    """The snapshot is part of the state: it is written, read back and resumed, bit for bit."""
    run = replace(run, epochs=4, accumulate=2, gradient=StaleNoise(0, 3))
    program = compiled_epoch_for(run, dataset, make_mesh(1, data_parallel))
    images, hyper = program.images(dataset), program.hyper([run])

    def trained(states, epochs):
        for epoch in epochs:
            states, _ = program.epoch(states, hyper, program.control([epoch == 0], [True], [False]), images)
        return jax.tree.map(lambda leaf: np.asarray(leaf)[0], states)

    half = trained(program.blank(), range(2))
    checkpoints.save(tmp_path / "state", half)
    like = Setting.of(run, dataset).abstract_state()
    read = checkpoints.load(tmp_path / "state", like)
    rest = trained(jax.tree.map(lambda leaf: np.asarray(leaf)[None], read), range(2, 4))
    whole = trained(program.blank(), range(4))
    jax.tree.map(np.testing.assert_array_equal, rest, whole)
    first = jax.jit(Setting.of(run, dataset).initial_state)(Hyperparameters.of(run)).params
    jax.tree.map(np.testing.assert_array_equal, half.snapshot, first)  # it was held
    moved = jax.tree.leaves(jax.tree.map(lambda a, b: np.abs(a - b).max(), whole.snapshot, first))
    assert max(moved) > 1e-4  # and taken anew at the start of epoch 3


def test_what_only_training_needs_is_not_read_to_measure(dataset, run, tmp_path):
    store, run = Store(tmp_path), replace(run, accumulate=2, gradient=StaleNoise())
    sweep([run], dataset, store, keep={run: (1,)})
    assert state_after(run, 1, dataset, store).snapshot == ()
    kept = state_after(run, 1, dataset, store, to_train=True)
    assert jax.tree.structure(kept.snapshot) == jax.tree.structure(kept.params)


@pytest.mark.parametrize(("field", "value"), [("start", -1), ("every", 0)])
def test_epochs_that_are_none_are_refused(field, value):
    with pytest.raises(InvalidInput, match=rf"gradient\.{field} is {value}"):
        StaleNoise(**{field: value})
