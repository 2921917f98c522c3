from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from research import models
from research.models.lenet import LeNet
from research.training import epoch as training
from research.training.batches import BatchSpec, Images, batch_at, run_key
from research.training.config import bind
from research.training.epoch import (
    Network,
    compiled_epoch_for,
    cross_entropy,
    evaluate,
    optimizer,
    train_step,
)
from research.training.schedules import ARTICLE, Policy
from research.training.sharding import make_mesh


def train(run, dataset, *, runs=1, data_parallel=1, place=0):
    """Metrics of each epoch of `run`, trained in one place among `runs` of them, and its last state."""
    mesh = make_mesh(runs, data_parallel, jax.devices())
    program = compiled_epoch_for(run, dataset, mesh)
    others = [replace(run, seed=100 + i, factor=0.5, subset_size=64) for i in range(program.slots)]
    others[place] = run
    images, states = program.images(dataset), program.blank()
    epochs = []
    for epoch in range(run.epochs):
        always = [True] * program.slots
        control = program.control(
            [epoch == 0] * program.slots, always, [epoch + 1 == run.epochs] * program.slots
        )
        states, metrics = program.epoch(states, program.hyper(others, dataset.train_size), control, images)
        epochs.append(jax.tree.map(lambda x: np.asarray(x)[place], metrics))
    return epochs, jax.tree.map(lambda x: np.asarray(x)[place], states)


def test_the_update_is_nesterov_sgd_as_pytorch_states_it():
    momentum, decay, rate = 0.9, 5e-4, lambda step: 0.1 / (step + 1)
    transform = optimizer(momentum, decay, rate)
    w = jnp.asarray([1.0, -2.0, 3.0])
    state = transform.init(w)
    expected, buffer = np.asarray(w, np.float64), np.zeros(3)
    rng = np.random.default_rng(0)
    for step in range(5):
        gradient = rng.normal(size=3)
        updates, state = transform.update(jnp.asarray(gradient, jnp.float32), state, w)
        w = optax.apply_updates(w, updates)
        full = gradient + decay * expected
        buffer = momentum * buffer + full
        expected = expected - rate(step) * (full + momentum * buffer)
    np.testing.assert_allclose(np.asarray(w), expected, rtol=1e-5)


def test_cross_entropy_of_equal_logits_is_the_log_of_the_classes():
    np.testing.assert_allclose(cross_entropy(jnp.zeros((3, 10)), jnp.asarray([0, 4, 9])), np.log(10))


def test_an_epoch_is_its_steps_one_after_the_other(dataset, run):
    """The compiled epoch against the pure step called by hand on batches made one by one."""
    epochs, last = train(run, dataset)
    network = Network(run, dataset.image_shape, dataset.classes, split_batch=False)
    images, key = Images.of(dataset), run_key(run.seed)
    recipe = BatchSpec(run.batch_size, run.augment, run.crop_padding)
    transform = optimizer(
        run.momentum, run.weight_decay, lambda step: run.factor / 4 * run.schedule(step / 4)
    )
    state, losses = jax.jit(network.initial_state)(run.seed), []
    step_once = jax.jit(lambda state, batch: train_step(network, transform, state, images, batch))
    for step in range(8):
        state, loss, _ = step_once(state, batch_at(images, key, step, run.subset_size, recipe))
        losses.append(float(loss))
    np.testing.assert_allclose([e.seen_loss for e in epochs], np.reshape(losses, (2, 4)).mean(1), rtol=1e-5)
    for ours, theirs in zip(jax.tree.leaves(last), jax.tree.leaves(state), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6)
    assert int(last.step) == 8


def test_loss_falls(dataset, run):
    epochs, _ = train(replace(run, factor=4.0, epochs=6, subset_size=256), dataset)
    assert epochs[-1].seen_loss < epochs[0].seen_loss - 0.05


def test_evaluation_counts_every_row_once(dataset, run):
    network = Network(run, dataset.image_shape, dataset.classes, split_batch=False)
    state, images = jax.jit(network.initial_state)(0), Images.of(dataset)
    for rows in (1, 31, 72):
        pixels = (dataset.test_images[:rows].astype(np.float32) - dataset.mean) / dataset.std
        logits, _ = network.apply(state.params, state.batch_stats, jnp.asarray(pixels), True)
        labels = dataset.test_labels[:rows]
        loss, accuracy = evaluate(
            network, state.params, state.batch_stats, images, "test", rows, batch_size=32
        )
        np.testing.assert_allclose(loss, cross_entropy(logits, jnp.asarray(labels)).mean(), rtol=1e-5)
        np.testing.assert_allclose(accuracy, (np.argmax(logits, -1) == labels).mean(), rtol=1e-6)


def test_the_training_set_is_evaluated_only_at_the_end(dataset, run):
    first, last = train(run, dataset)[0]
    assert np.isnan(first.train_loss)
    assert np.isfinite(last.train_loss)
    assert np.isfinite([first.test_loss, last.test_loss]).all()


def test_divergence_is_recorded_at_its_step_and_stops_the_run(dataset, run):
    epochs, last = train(replace(run, factor=1e20), dataset)
    diverged = int(epochs[0].diverged_step)
    assert 0 < diverged < 4  # the first step's rate is 0, warm-up being what it is
    assert int(last.step) >= diverged + 1
    assert int(epochs[0].diverged_step) + 1 == int(last.step) or epochs[1].diverged_step >= 0


def test_one_compilation_serves_all_rates_seeds_sizes_and_decays(dataset, run):
    compiled = []

    def listen(event: str, duration_secs: float, **_: str | int) -> None:
        if "backend_compile" in event:
            compiled.append(event)

    jax.monitoring.register_event_duration_secs_listener(listen)
    training._program.cache_clear()
    train(replace(run, epochs=1), dataset)
    assert compiled  # so the count below is not of nothing
    compiled.clear()
    for other in (
        replace(run, factor=3.0),
        replace(run, seed=7),
        replace(run, subset_size=200),
        replace(run, epochs=3, weight_decay=0.0, momentum=0.5),
        replace(run, schedule=Policy("exp", 0.1, gamma=0.5)),
        replace(run, schedule=ARTICLE.stretched(9), warm_up=1.0),
    ):
        train(other, dataset)
    assert compiled == []
    train(replace(run, batch_size=16), dataset)
    assert compiled  # a batch of another size needs another program


@pytest.mark.parametrize("runs", [2, 4, 8])
def test_neighbours_and_devices_change_nothing_bit_for_bit(dataset, run, runs):
    alone, last = train(run, dataset)
    beside, last_beside = train(run, dataset, runs=runs, place=runs - 1)
    for one, other in zip(alone, beside, strict=True):
        np.testing.assert_array_equal(one, other)
    for one, other in zip(jax.tree.leaves(last), jax.tree.leaves(last_beside), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("data_parallel", [2, 4, 8])
def test_splitting_the_batch_changes_floating_point_order_only(dataset, run, data_parallel):
    """Batch norm's statistics are those of the whole batch: losses agree to 1e-4 after eight steps."""
    alone, _ = train(run, dataset)
    split, _ = train(run, dataset, data_parallel=data_parallel)
    for one, other in zip(alone, split, strict=True):
        assert one.order_checksum == other.order_checksum
        for name in ("seen_loss", "test_loss", "train_loss"):
            np.testing.assert_allclose(getattr(one, name), getattr(other, name), rtol=1e-4)


def test_our_kernels_give_the_losses_of_jaxs_own_operations(dataset, run, monkeypatch):
    ours, _ = train(run, dataset)
    training._program.cache_clear()
    build = models.build
    monkeypatch.setattr(models, "build", lambda *a, **k: build(*a, **{**k, "on_cpu": False}))
    theirs, _ = train(run, dataset)
    training._program.cache_clear()
    np.testing.assert_allclose([e.seen_loss for e in ours], [e.seen_loss for e in theirs], rtol=1e-5)
    np.testing.assert_allclose([e.test_loss for e in ours], [e.test_loss for e in theirs], rtol=1e-5)


def test_bfloat16_stays_near_float32(dataset, run):
    exact, _ = train(run, dataset)
    rough, last = train(replace(run, precision="bfloat16"), dataset)
    assert rough[0].seen_loss != exact[0].seen_loss
    np.testing.assert_allclose(rough[-1].test_loss, exact[-1].test_loss, rtol=0.05)
    assert {leaf.dtype for leaf in jax.tree.leaves(last.params)} == {np.dtype("float32")}


def test_lenet_trains_too(lenet_dataset, run):
    lenet = replace(run, model=LeNet(), data=lenet_dataset.config, factor=8.0, epochs=3)
    epochs, _ = train(bind(lenet, lenet_dataset), lenet_dataset)
    assert epochs[-1].seen_loss < epochs[0].seen_loss


def without_norm(run, **changes):
    """A run in which accumulated passes can be one large batch: no batch norm, no augmentation."""
    model = replace(run.model, norm="none")
    return replace(run, model=model, augmentation=(), schedule=Policy("fixed", 0.05), warm_up=1.0, **changes)


def largest_difference(one, other):
    pairs = zip(jax.tree.leaves(one.params), jax.tree.leaves(other.params), strict=True)
    return max(np.abs(a - b).max() for a, b in pairs)


@pytest.mark.parametrize("data_parallel", [1, 2])
def test_accumulated_passes_are_the_large_batch_without_batch_norm(dataset, run, data_parallel):
    large, last_large = train(without_norm(run, batch_size=32), dataset)
    small = without_norm(run, batch_size=8, accumulate=4)
    epochs, last = train(small, dataset, data_parallel=data_parallel)
    assert largest_difference(last_large, last) < 1e-5
    for one, other in zip(large, epochs, strict=True):
        np.testing.assert_allclose(one.seen_loss, other.seen_loss, rtol=1e-5)
        np.testing.assert_allclose(one.test_loss, other.test_loss, rtol=1e-5)


def test_batch_norm_sees_one_pass(dataset, run):
    """Ghost batch norm: the same examples per update, but other statistics."""
    normed = {"augment": False, "schedule": Policy("fixed", 0.05)}
    _, large = train(replace(run, batch_size=32, **normed), dataset)
    _, last = train(replace(run, batch_size=8, accumulate=4, **normed), dataset)
    assert largest_difference(large, last) > 1e-3


def test_a_batch_that_grows_is_the_larger_batch_from_there_on(dataset, run):
    """From epoch 1 on three times as many passes, at the rate of the epochs before."""
    network = Network(without_norm(run), dataset.image_shape, dataset.classes, split_batch=False)
    grown = replace(without_norm(run, batch_size=8, grow_at=(1,), grow_by=3, subset_size=64), warm_up=0.0)
    _, last = train(grown, dataset)
    images, key = Images.of(dataset), run_key(run.seed)
    transform = optimizer(run.momentum, run.weight_decay, lambda _: 0.05 * 8 / 128)
    step_once = jax.jit(lambda state, batch: train_step(network, transform, state, images, batch))
    state = jax.jit(network.initial_state)(run.seed)
    small, large = BatchSpec(8, False, 2), BatchSpec(24, False, 2)
    for step in range(8):
        state, _, _ = step_once(state, batch_at(images, key, step, 64, small))
    # Two updates of three passes; the epoch's last two passes are in none, as a batch's left-over images.
    for step in range(2):
        state, _, _ = step_once(state, batch_at(images, key, 2 * 1 + step, 64, large))
    assert int(last.step) == 16
    assert largest_difference(state, last) < 1e-5


def test_one_compilation_serves_all_counts_of_passes(dataset, run):
    compiled = []

    def listen(event: str, duration_secs: float, **_: str | int) -> None:
        if "backend_compile" in event:
            compiled.append(event)

    train(replace(run, accumulate=2), dataset)
    jax.monitoring.register_event_duration_secs_listener(listen)
    train(replace(run, accumulate=3), dataset)
    train(replace(run, grow_at=(1,), grow_by=4), dataset)
    assert compiled == []


def test_without_accumulation_nothing_is_kept_for_it(dataset, run):
    """The ordinary path has no second set of gradients and no branch: it is the program that it was."""

    def text(config):
        program = compiled_epoch_for(config, dataset, make_mesh(1))
        arguments = (program.blank(), program.hyper([config], 256), program.control([True], [True], [False]))
        return program.epoch.lower(*arguments, program.images(dataset)).as_text()

    plain, accumulating = text(run), text(replace(run, accumulate=2))
    assert accumulating.count("stablehlo.case") == plain.count("stablehlo.case") + 1
