from dataclasses import replace

import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest

from research.averaging.uniform import Uniform
from research.errors import InvalidInput
from research.losses.cross_entropy import CrossEntropy
from research.measures.measurement import state_after, states_to_keep
from research.measures.replay import Replay, mixed
from research.optimizers.sgd import SGD
from research.records.store import Row, Store
from research.sweeps.measure import measure_missing
from research.sweeps.sweep import sweep
from research.training.batches import Batch, BatchSpec, Images, batch_at, normalise, run_key
from research.training.context import Hyperparameters, Setting
from research.training.schedules import PiecewiseLinear


@pytest.fixture(scope="module")
def trained(dataset, run, tmp_path_factory):
    store = Store(tmp_path_factory.mktemp("results"))
    sweep([run], dataset, store, keep={run: (2,)})
    return store


def rows_of(config, dataset, store) -> pd.DataFrame:
    return pd.DataFrame([vars(row) for row in config.measure(dataset, store)])


@pytest.mark.parametrize("statistics", ["running", "batch"])
def test_a_replay_is_the_frozen_model_on_the_very_batches_of_training(dataset, run, trained, statistics):
    """Each loss against one computed here from the stored checkpoint and the batch made again."""
    table = rows_of(Replay(run, 2, 2, statistics), dataset, trained).query("split != 'fresh_view'")
    network, images = Setting.of(run, dataset).network, Images.of(dataset)
    state = state_after(run, 2, dataset, trained)
    losses = table[table["metric"] == "loss"].set_index("step")
    for step in range(12):
        batch = batch_at(images, run_key(run.seed), step, run.subset_size, BatchSpec.of(run))
        logits, _ = network.apply(
            state.params, state.batch_stats, normalise(batch.images, images), statistics == "running"
        )
        row = losses.loc[[step]].iloc[0]
        assert row["split"] == ("seen" if step < 8 else "next_epoch")
        loss = CrossEntropy().per_example(logits, batch.labels).mean()
        np.testing.assert_allclose(row["value"], loss, rtol=1e-5)


def test_without_augmentation_a_fresh_view_is_the_one_that_was_seen(dataset, run, store):
    plain = replace(run, augmentation=())
    sweep([plain], dataset, store, keep={plain: (2,)})
    losses = rows_of(Replay(plain, 2, 2), dataset, store).query("metric == 'loss'")
    by = losses.pivot(index="step", columns="split", values="value")
    np.testing.assert_array_equal(by["seen"].dropna(), by["fresh_view"].dropna())
    of_test = losses.set_index("split")["value"]
    np.testing.assert_allclose(of_test["test_view"], of_test["test"], rtol=1e-5)


def test_a_fresh_view_is_of_the_same_images_and_differs(dataset, run, trained):
    context = Setting.of(run, dataset).context(Hyperparameters.of(run), Images.of(dataset))
    seen, fresh = context.batch(5), context.batch(5, view=1)
    np.testing.assert_array_equal(seen.labels, fresh.labels)
    assert (seen.images != fresh.images).any()
    np.testing.assert_array_equal(fresh.images, context.batch(5, view=1).images)


def test_images_never_seen_are_the_rows_beyond_the_subset(dataset, run, trained):
    """Their mean loss and its error against those computed here, image by image."""
    context = Setting.of(run, dataset).context(Hyperparameters.of(run), Images.of(dataset))
    state = state_after(run, 2, dataset, trained)
    losses = []
    for number, first in enumerate(range(128, 256, 32)):
        batch = context.view_of("train", jnp.arange(first, first + 32), number)
        logits, _ = context.logits(state.params, state.batch_stats, batch, statistics="running")
        losses.extend(np.asarray(CrossEntropy().per_example(logits, batch.labels)))
    found = rows_of(Replay(run, 2, 1), dataset, trained).query("split == 'never_seen'")
    values = found.set_index("metric")["value"]
    np.testing.assert_allclose(values["loss"], np.mean(losses), rtol=1e-5)
    np.testing.assert_allclose(values["error"], np.std(losses, ddof=1) / len(losses) ** 0.5, rtol=1e-3)


def test_the_classes_of_never_seen_batches_are_as_uneven_as_those_of_training(dataset):
    """In batches of 32 of 10 classes, drawn without replacement, counts vary by 32 x 0.09 x (1 - 31/2399)."""
    labels = jnp.arange(3200) % 10
    pixels = jnp.broadcast_to(jnp.arange(3200)[:, None, None, None], (3200, 1, 1, 1))
    even = Images.of(dataset)._replace(train_images=pixels, train_labels=labels)

    def scatter(labels) -> float:
        return float(np.mean([np.bincount(batch, minlength=10).var() for batch in labels.reshape(-1, 32)]))

    found = mixed(even, "train", 800, 3200, 0)
    assert scatter(np.asarray(labels[800:])) < 0.5
    assert scatter(np.asarray(found.train_labels[800:])) == pytest.approx(2.88 * (1 - 31 / 2399), rel=0.2)
    np.testing.assert_array_equal(found.train_images[:, 0, 0, 0] % 10, found.train_labels)
    np.testing.assert_array_equal(found.train_labels[:800], labels[:800])
    assert {*np.asarray(found.train_images[800:, 0, 0, 0]).tolist()} == {*range(800, 3200)}


@pytest.mark.parametrize(
    ("split", "rows"), [("never_seen", (128, 256)), ("test_view", (0, 72)), ("test", (0, 72))]
)
def test_with_each_batchs_own_statistics_the_control_is_in_random_order(dataset, run, trained, split, rows):
    """Against the loss computed here, over whole batches."""
    of, images = "train" if split == "never_seen" else "test", Images.of(dataset)
    images = mixed(images, of, rows[0], rows[1], run.seed)
    context = Setting.of(run, dataset).context(Hyperparameters.of(run), images)
    state, losses = state_after(run, 2, dataset, trained), []
    for number, first in enumerate(range(rows[0], rows[1] - 31, 32)):
        if split == "test":
            pixels, labels = (
                getattr(images, f"test_{name}")[first : first + 32] for name in ("images", "labels")
            )
            batch = Batch(pixels, labels)
        else:
            batch = context.view_of(of, jnp.arange(first, first + 32), number)
        logits, _ = context.logits(state.params, state.batch_stats, batch, statistics="batch")
        losses.extend(np.asarray(CrossEntropy().per_example(logits, batch.labels)))
    found = rows_of(Replay(run, 2, 1, "batch"), dataset, trained).query(f"split == '{split}'")
    np.testing.assert_allclose(found.query("metric == 'loss'")["value"], np.mean(losses), rtol=1e-5)


def test_where_the_subset_is_the_whole_set_nothing_was_never_seen(dataset, run, store):
    whole = replace(run, subset_size=256)
    sweep([whole], dataset, store, keep={whole: (2,)})
    assert "never_seen" not in set(rows_of(Replay(whole, 2, 1), dataset, store)["split"])


def test_the_average_is_replayed_as_the_last_weights_are(dataset, run, store):
    """The test loss of an average's replay is the one that training recorded of it."""
    averaged = replace(run, averaging=Uniform(1.0))
    sweep([averaged], dataset, store, keep={averaged: (2,)})
    recorded = store.read(averaged)[1].query("split == 'test_average' and metric == 'loss' and epoch == 2")
    replay = rows_of(Replay(averaged, 2, 1, weights="average"), dataset, store)
    found = replay.query("split == 'test' and metric == 'loss'")["value"].item()
    assert found == pytest.approx(recorded["value"].item(), rel=1e-5)
    with pytest.raises(InvalidInput, match="weights is 'average'"):
        Replay(run, 2, 1, weights="average")


def test_every_batch_of_the_last_epochs_and_the_next_is_there(dataset, run, trained):
    table = rows_of(Replay(run, 2, 1), dataset, trained)
    counts = table[table["metric"] == "loss"].groupby("split").size()
    assert counts.to_dict() == {
        "seen": 4,
        "fresh_view": 4,
        "next_epoch": 4,
        "never_seen": 1,
        "test_view": 1,
        "test": 1,
    }


def test_the_test_loss_is_the_one_that_training_recorded(dataset, run, trained):
    table = rows_of(Replay(run, 2, 1), dataset, trained)
    condition = "split == 'test' and metric == 'loss'"
    recorded = trained.read(run)[1].query(f"{condition} and epoch == 2")["value"].item()
    assert table.query(condition)["value"].item() == pytest.approx(recorded, rel=1e-6)


def test_batches_that_come_out_differently_are_noticed(dataset, run, trained, monkeypatch):
    """Another augmentation stands in for another version of jax: the recorded checksums catch it."""
    from research.measures import replay as forgetting
    from research.training import batches

    monkeypatch.setattr(batches, "_AUGMENTATION", 99)
    forgetting.of_epoch.cache_clear()
    with pytest.raises(InvalidInput, match="epoch is 1: its batches differ"):
        Replay(run, 2, 1).measure(dataset, trained)
    forgetting.of_epoch.cache_clear()


def test_measurements_are_taken_once_and_diverged_runs_passed_over(dataset, run, store):
    diverging = replace(run, factor=1e20)
    wanted = [Replay(run, 2, 1), Replay(diverging, 2, 1)]
    sweep([run, diverging], dataset, store, keep=states_to_keep(wanted))
    assert measure_missing(wanted, dataset, store).taken == 1
    assert measure_missing(wanted, dataset, store).taken == 0


def test_the_newest_batch_is_remembered(dataset, run, store):
    """At a constant, high rate the batch just trained on has a lower loss than those of an epoch ago.

    Without momentum the last step acts on the last batch alone.
    """
    constant = PiecewiseLinear((0.0, 1.0, 4.0), (0.0, 0.1, 0.1), reference_batch=32)
    runs = [
        replace(run, schedule=constant, factor=4.0, optimizer=SGD(0.0), subset_size=256, epochs=4, seed=seed)
        for seed in range(6)
    ]
    sweep(runs, dataset, store, keep=dict.fromkeys(runs, (4,)))
    advantages = []
    for each in runs:
        table = rows_of(Replay(each, 4, 2, "batch"), dataset, store)
        losses = table.query("split == 'seen' and metric == 'loss'").set_index("step")["value"]
        advantages.append(losses.loc[16:23].mean() - losses.loc[31])
    assert np.mean(advantages) > 0.05


def test_a_state_from_the_middle_of_a_run_is_replayed_as_well(dataset, run, store):
    sweep([run], dataset, store, keep={run: (1,)})
    table = rows_of(Replay(run, 1, 1), dataset, store)
    steps = table[table["metric"] == "loss"].groupby("split")["step"].apply(list).to_dict()
    assert steps == {
        "seen": [0, 1, 2, 3],
        "fresh_view": [0, 1, 2, 3],
        "next_epoch": [4, 5, 6, 7],
        "never_seen": [4],
        "test_view": [4],
        "test": [4],
    }


@pytest.mark.parametrize(
    ("epoch", "epochs_back", "field"), [(2, 0, "epochs_back"), (1, 2, "epochs_back"), (3, 1, "epoch")]
)
def test_epochs_that_the_run_does_not_have_are_refused(run, epoch, epochs_back, field):
    with pytest.raises(InvalidInput, match=f"{field} is"):
        Replay(run, epoch, epochs_back)


def test_a_run_without_a_checkpoint_is_one_line(dataset, run, store):
    sweep([run], dataset, store)
    with pytest.raises(InvalidInput, match="checkpoint"):
        Replay(run, 2, 1).measure(dataset, store)


def test_rows_are_what_the_store_takes(dataset, run, trained):
    assert all(isinstance(row, Row) for row in Replay(run, 2, 1).measure(dataset, trained))
    assert jnp.isfinite(jnp.asarray([row.value for row in Replay(run, 2, 1).measure(dataset, trained)])).all()
