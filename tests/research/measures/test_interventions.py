from dataclasses import replace

import jax
import numpy as np
import pytest

from research.errors import InvalidInput
from research.measures.interventions import Intervention, changed, sources
from research.measures.rerun import SKIP
from research.records.store import Store
from research.sweeps.sweep import sweep
from research.training.batches import Images
from research.training.context import Hyperparameters, Setting

CHANGES = (
    "untouched",
    "swap",
    "repeat",
    "leave_out",
    "reset_momentum",
    "reset_statistics",
    "initial_lengths",
    "revived",
)


@pytest.mark.parametrize(
    ("change", "order"),
    [
        ("untouched", [8, 9, 10, 11, 12, 13, 14, 15]),
        ("swap", [12, 13, 10, 11, 8, 9, 14, 15]),
        ("repeat", [8, 9, 10, 11, 8, 9, 14, 15]),
        ("leave_out", [SKIP, SKIP, 10, 11, 12, 13, 14, 15]),
        ("reset_momentum", [8, 9, 10, 11, 12, 13, 14, 15]),
    ],
)
def test_the_order_of_each_change(change, order):
    assert sources(change, start=8, per_epoch=8, window=2, horizon=1).tolist() == order


def test_the_second_epoch_is_left_alone():
    for change in CHANGES:
        assert sources(change, start=8, per_epoch=8, window=2, horizon=2)[8:].tolist() == list(range(16, 24))


@pytest.fixture(scope="module")
def arms(dataset, run, tmp_path_factory):
    """What each change measured, by (split, metric, step), and the run's own record."""
    store, longer = Store(tmp_path_factory.mktemp("arms")), replace(run, epochs=3)
    sweep([longer], dataset, store, keep={longer: (1, 2)})
    found = {
        change: Intervention(longer, 1, change, window=1, horizon=1).measure(dataset, store)
        for change in CHANGES
    }
    found["later"] = Intervention(longer, 2, "untouched", window=1, horizon=1).measure(dataset, store)
    return {
        change: {(row.split, row.metric, row.step): row.value for row in rows}
        for change, rows in found.items()
    }, store.read(longer)[1]


def test_untouched_it_is_the_run_itself(arms):
    """At the end of the epoch the continued run has the test loss that the run recorded there."""
    found, rows = arms
    recorded = rows.query("split == 'test' and metric == 'loss' and epoch == 2")["value"].item()
    assert found["untouched"]["test", "loss", 8] == pytest.approx(recorded, rel=1e-4)


def test_all_start_from_one_state_and_key_but_for_what_is_reset(arms):
    found, _ = arms
    first = ("audit", "statistics_checksum", 4)
    for change in CHANGES[1:]:
        same = found[change][first] == found["untouched"][first]
        assert same == (change != "reset_statistics")
        for word in ("key_0", "key_1"):
            assert found[change]["audit", word, 4] == found["untouched"]["audit", word, 4]


def test_a_run_continued_passes_through_its_own_states(arms):
    """Batch norm's averages after an epoch taken again equal those that the sweep kept, bit for bit."""
    found, _ = arms
    moment = ("audit", "statistics_checksum", 8)
    assert found["untouched"][moment] == found["later"][moment]


def test_the_order_checksum_tells_which_kinds_changed_the_order(arms):
    found, _ = arms
    checks = {change: found[change]["audit", "order_checksum", 8] for change in CHANGES}
    assert checks["reset_momentum"] == checks["reset_statistics"] == checks["untouched"]
    assert len({checks[change] for change in ("untouched", "swap", "repeat", "leave_out")}) == 4


def test_each_change_has_an_effect(arms):
    found, _ = arms
    losses = {change: found[change]["test", "loss", 8] for change in CHANGES}
    assert losses.pop("revived") == losses["untouched"]  # after an epoch nothing is dead
    assert len(set(losses.values())) == len(losses)


def test_a_window_left_out_is_not_learned(arms):
    """Right after window A, its batches' loss is lower where they were trained on."""
    found, _ = arms
    moment = ("window_a", "loss", 5)
    assert found["leave_out"][moment] > found["untouched"][moment]


def test_windows_that_do_not_fit_are_refused(dataset, run, store):
    with pytest.raises(InvalidInput, match="window is 3: half an epoch has 2 of them"):
        Intervention(replace(run, epochs=3), 1, "swap", window=3, horizon=1).measure(dataset, store)
    with pytest.raises(InvalidInput, match="epoch"):
        Intervention(run, 1, "swap", horizon=2)


def test_kernels_are_as_long_as_at_first_and_point_where_they_did(dataset, run):
    setting, hyper = Setting.of(run, dataset), Hyperparameters.of(run)
    first = jax.jit(setting.initial_state)(hyper)
    grown = first._replace(params=jax.tree.map(lambda leaf: 3 * leaf + 0.1, first.params))
    found = changed(grown, "initial_lengths", setting, hyper, Images.of(dataset), 0)
    for before, after, own in zip(
        *(jax.tree.leaves(state.params) for state in (grown, found, first)), strict=True
    ):
        scale = np.linalg.norm(own) / np.linalg.norm(before) if own.ndim == 4 else 1.0
        np.testing.assert_allclose(after, before * scale, rtol=1e-5)


def test_only_dead_units_are_revived(dataset, run):
    """A norm's shift is far below 0 in two channels: these are as at first, and nothing else is touched."""
    setting, hyper = Setting.of(run, dataset), Hyperparameters.of(run)
    first = jax.jit(setting.initial_state)(hyper)
    params = jax.tree.map(lambda leaf: leaf + 0.01, first.params)
    norm, dead = params["blocks"][0]["norm2"], np.array([0, 3])
    norm["bias"] = norm["bias"].at[dead].set(-100.0)
    found = changed(first._replace(params=params), "revived", setting, hyper, Images.of(dataset), 0).params
    for name, initial in (("scale", 1.0), ("bias", 0.0)):
        expected = np.asarray(norm[name]).copy()
        expected[dead] = initial
        np.testing.assert_allclose(found["blocks"][0]["norm2"].pop(name), expected)
        norm.pop(name)
    for before, after in zip(jax.tree.leaves(params), jax.tree.leaves(found), strict=True):
        np.testing.assert_array_equal(before, after)
