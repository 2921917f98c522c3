from dataclasses import replace

import jax
import numpy as np
import pytest

from research.models.keras_cnn import KerasCNN
from research.models.lenet import LeNet
from research.models.resnet import ResNet
from research.optimizers.sgd import SGD
from research.training import context
from research.training import epoch as training
from research.training.batches import Images
from research.training.config import bind
from research.training.context import Hyperparameters, Setting
from research.training.epoch import compiled_epoch_for
from research.training.schedules import ARTICLE, Policy
from research.training.sharding import make_mesh
from research.training.step import train_step


def train(run, dataset, *, runs=1, data_parallel=1, runs_per_device=1, place=0):
    """The result of each epoch of `run`, trained in one place among several, and its last state."""
    mesh = make_mesh(runs, data_parallel, jax.devices())
    program = compiled_epoch_for(run, dataset, mesh, runs_per_device)
    others = [replace(run, seed=100 + i, factor=0.5, subset_size=64) for i in range(program.slots)]
    others[place] = run
    images, states = program.images(dataset), program.blank()
    epochs = []
    for epoch in range(run.epochs):
        always = [True] * program.slots
        control = program.control(
            [epoch == 0] * program.slots, always, [epoch + 1 == run.epochs] * program.slots
        )
        states, results = program.epoch(states, program.hyper(others), control, images)
        epochs.append(jax.tree.map(lambda x: np.asarray(x)[place], results))
    return epochs, jax.tree.map(lambda x: np.asarray(x)[place], states)


def steps_of(run, dataset):
    """A run's first state, and its compiled step."""
    setting, images, hyper = Setting.of(run, dataset), Images.of(dataset), Hyperparameters.of(run)

    @jax.jit
    def step(state):
        here = setting.context(hyper, images)
        after, _, facts = train_step(here, state, here.batch(state.step))
        return after, facts

    return jax.jit(setting.initial_state)(hyper), step


def seen_losses(epochs):
    return [epoch.metrics["seen.loss"] for epoch in epochs]


def test_an_epoch_is_its_steps_one_after_the_other(dataset, run):
    """The compiled epoch against the pure step called by hand on batches made one by one."""
    epochs, last = train(run, dataset)
    (state, step), losses = steps_of(run, dataset), []
    for _ in range(8):
        state, facts = step(state)
        losses.append(float(facts.loss))
    np.testing.assert_allclose(seen_losses(epochs), np.reshape(losses, (2, 4)).mean(1), rtol=1e-5)
    for ours, theirs in zip(jax.tree.leaves(last), jax.tree.leaves(state), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6)
    assert int(last.step) == 8


def test_loss_falls(dataset, run):
    epochs, _ = train(replace(run, factor=4.0, epochs=6, subset_size=256), dataset)
    assert seen_losses(epochs)[-1] < seen_losses(epochs)[0] - 0.05


def test_the_training_set_is_evaluated_only_at_the_end(dataset, run):
    first, last = train(run, dataset)[0]
    assert set(first.at_end) == set(last.at_end) == {"train.loss", "train.accuracy"}
    assert first.at_end["train.loss"] == 0  # not even begun
    assert 0.5 < last.at_end["train.loss"] < 5
    assert np.isfinite([each.metrics["test.loss"] for each in (first, last)]).all()


def test_divergence_is_recorded_at_its_step_and_stops_the_run(dataset, run):
    epochs, last = train(replace(run, factor=1e20), dataset)
    diverged = int(epochs[0].diverged_step)
    assert 0 < diverged < 4  # the first step's rate is 0, warm-up being what it is
    assert int(last.step) >= diverged + 1
    assert int(epochs[0].diverged_step) + 1 == int(last.step) or epochs[1].diverged_step >= 0


def forget_programs():
    training._compiled.cache_clear()
    context._setting.cache_clear()


def test_one_compilation_serves_all_rates_seeds_sizes_and_decays(dataset, run):
    compiled = []

    def listen(event: str, duration_secs: float, **_: str | int) -> None:
        if "backend_compile" in event:
            compiled.append(event)

    jax.monitoring.register_event_duration_secs_listener(listen)
    forget_programs()
    train(replace(run, epochs=1), dataset)
    assert compiled  # so the count below is not of nothing
    compiled.clear()
    for other in (
        replace(run, factor=3.0),
        replace(run, seed=7),
        replace(run, subset_size=200),
        replace(run, epochs=3, optimizer=SGD(weight_decay=0.0, momentum=0.5)),
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
    jax.tree.map(np.testing.assert_array_equal, (alone, last), (beside, last_beside))


@pytest.mark.parametrize(
    "model", [ResNet(width=4, blocks=(1, 1)), LeNet(), KerasCNN()], ids=["resnet", "lenet", "keras_cnn"]
)
@pytest.mark.parametrize(("runs", "place"), [(1, 2), (2, 3)])
def test_runs_in_one_program_are_the_runs_by_themselves(lenet_dataset, run, model, runs, place):
    """Three on each device, of other rates and other sizes; sums are made in another order."""
    run = replace(run, model=model)
    alone, end = train(run, lenet_dataset)
    together, same = train(run, lenet_dataset, runs=runs, runs_per_device=3, place=place)
    np.testing.assert_allclose(seen_losses(together), seen_losses(alone), rtol=1e-4)
    for one, other in zip(together, alone, strict=True):
        assert one.order_checksum == other.order_checksum
        np.testing.assert_allclose(one.metrics["test.loss"], other.metrics["test.loss"], rtol=1e-3)
    for ours, theirs in zip(jax.tree.leaves(same.params), jax.tree.leaves(end.params), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("data_parallel", [2, 4, 8])
def test_splitting_the_batch_changes_floating_point_order_only(dataset, run, data_parallel):
    """Batch norm's statistics are those of the whole batch: losses agree to 1e-4 after eight steps."""
    alone, _ = train(run, dataset)
    split, _ = train(run, dataset, data_parallel=data_parallel)
    for one, other in zip(alone, split, strict=True):
        assert one.order_checksum == other.order_checksum
        for name in ("seen.loss", "test.loss"):
            np.testing.assert_allclose(one.metrics[name], other.metrics[name], rtol=1e-4)
        np.testing.assert_allclose(one.at_end["train.loss"], other.at_end["train.loss"], rtol=1e-4)


def test_our_kernels_give_the_losses_of_jaxs_own_operations(dataset, run, monkeypatch):
    def losses():
        forget_programs()
        epochs, _ = train(run, dataset)
        return [[epoch.metrics[name] for epoch in epochs] for name in ("seen.loss", "test.loss")]

    ours, built = losses(), []
    build = ResNet.build

    def plain(model, made_for):
        built.append(model)
        return build(model, made_for._replace(on_cpu=False))

    monkeypatch.setattr(ResNet, "build", plain)
    theirs = losses()
    forget_programs()
    assert built
    np.testing.assert_allclose(ours, theirs, rtol=1e-5)


def test_bfloat16_stays_near_float32(dataset, run):
    exact, _ = train(run, dataset)
    rough, last = train(replace(run, precision="bfloat16"), dataset)
    assert seen_losses(rough)[0] != seen_losses(exact)[0]
    np.testing.assert_allclose(rough[-1].metrics["test.loss"], exact[-1].metrics["test.loss"], rtol=0.05)
    assert {leaf.dtype for leaf in jax.tree.leaves(last.params)} == {np.dtype("float32")}


def test_lenet_trains_too(lenet_dataset, run):
    lenet = replace(run, model=LeNet(), data=lenet_dataset.config, factor=8.0, epochs=3)
    epochs, _ = train(bind(lenet, lenet_dataset), lenet_dataset)
    assert seen_losses(epochs)[-1] < seen_losses(epochs)[0]


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
        for name in ("seen.loss", "test.loss"):
            np.testing.assert_allclose(one.metrics[name], other.metrics[name], rtol=1e-5)


def test_batch_norm_sees_one_pass(dataset, run):
    """Ghost batch norm: the same examples per update, but other statistics."""
    normed = {"augmentation": (), "schedule": Policy("fixed", 0.05)}
    _, large = train(replace(run, batch_size=32, **normed), dataset)
    _, last = train(replace(run, batch_size=8, accumulate=4, **normed), dataset)
    assert largest_difference(large, last) > 1e-3


def test_a_batch_that_grows_is_the_larger_batch_from_there_on(dataset, run):
    """From epoch 1 on three times as many passes, at the rate of the epochs before."""
    grown = replace(without_norm(run, batch_size=8, grow_at=(1,), grow_by=3, subset_size=64), warm_up=0.0)
    _, last = train(grown, dataset)
    small = replace(grown, grow_at=())
    large = replace(small, batch_size=24, factor=1 / 3)  # at the rate of the small one
    state, step = steps_of(small, dataset)
    for _ in range(8):
        state, _ = step(state)
    # Two updates of three passes; the epoch's last two passes are in none, as a batch's left-over images.
    _, step = steps_of(large, dataset)
    state = state._replace(step=np.int32(2))  # the large batch's epoch 1 begins there
    for _ in range(2):
        state, _ = step(state)
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
        arguments = (program.blank(), program.hyper([config]), program.control([True], [True], [False]))
        return program.epoch.lower(*arguments, program.images(dataset)).as_text()

    plain, accumulating = text(run), text(replace(run, accumulate=2))
    assert accumulating.count("stablehlo.case") == plain.count("stablehlo.case") + 1
