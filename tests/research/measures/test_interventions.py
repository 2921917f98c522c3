from dataclasses import replace
from typing import get_args

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from research.errors import InvalidInput
from research.measures.interventions import (
    Change,
    Intervention,
    as_many_live,
    changed,
    dead_units,
    sources,
)
from research.measures.measurement import states_to_keep
from research.measures.rerun import SKIP
from research.records import checkpoints
from research.records.store import Store
from research.sweeps.sweep import sweep
from research.training.context import Hyperparameters, Setting

CHANGES = get_args(Change)


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
    twin = {"killed": longer}  # which has nothing to kill after an epoch
    found = {
        change: Intervention(longer, 1, change, 1, 1, twin.get(change)).measure(dataset, store)
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
        assert same == (change not in ("reset_statistics", "restarted", "restarted_killed"))
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
    for change in ("revived", "reset_live", "reset_live_anywhere", "killed"):
        assert losses.pop(change) == losses["untouched"]  # after an epoch nothing is dead
    assert losses.pop("restarted_killed") == losses["restarted"]
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
    found = changed(grown, "initial_lengths", setting, hyper, {})
    for before, after, own in zip(
        *(jax.tree.leaves(state.params) for state in (grown, found, first)), strict=True
    ):
        scale = np.linalg.norm(own) / np.linalg.norm(before) if own.ndim == 4 else 1.0
        np.testing.assert_allclose(after, before * scale, rtol=1e-5)


def with_dead(run, dataset):
    """A state in which a norm's shift is far below 0 in two channels, and these."""
    first = jax.jit(Setting.of(run, dataset).initial_state)(Hyperparameters.of(run))
    params = jax.tree.map(lambda leaf: leaf + 0.01, first.params)
    norm, dead = params["blocks"][0]["norm2"], np.array([0, 3])
    norm["bias"] = norm["bias"].at[dead].set(-100.0)
    moving = jax.tree.map(lambda leaf: leaf + 1.0, first.opt_state)
    return first._replace(params=params, opt_state=moving), dead


def of_units(state, change, run, dataset, units):
    return changed(state, change, Setting.of(run, dataset), Hyperparameters.of(run), units)


def test_only_dead_units_are_revived(dataset, run):
    """A norm's shift is far below 0 in two channels: these are as at first, and nothing else is touched."""
    state, dead = with_dead(run, dataset)
    params, norm = state.params, state.params["blocks"][0]["norm2"]
    found = of_units(state, "revived", run, dataset, dead_units(state, run, 0, dataset)).params
    for name, initial in (("scale", 1.0), ("bias", 0.0)):
        expected = np.asarray(norm[name]).copy()
        expected[dead] = initial
        np.testing.assert_allclose(found["blocks"][0]["norm2"].pop(name), expected)
        norm.pop(name)
    for before, after in zip(jax.tree.leaves(params), jax.tree.leaves(found), strict=True):
        np.testing.assert_array_equal(before, after)


def test_as_many_live_units_of_the_same_norms_are_drawn(run, dataset):
    """The same ones for the same key; all live ones, where these are fewer; of no other norm any."""
    state, dead = with_dead(run, dataset)
    own = dead_units(state, run, 0, dataset)
    name = "blocks.0.norm2"
    assert np.flatnonzero(own[name]).tolist() == dead.tolist()
    drawn = [as_many_live(own, own, jax.random.key(seed)) for seed in (0, 0, *range(1, 20))]
    for each in drawn:
        assert {norm: int(units.sum()) for norm, units in each.items()} == {
            norm: 2 if norm == name else 0 for norm in own
        }
        assert not (each[name] & own[name]).any()
    np.testing.assert_array_equal(drawn[0][name], drawn[1][name])
    alive = jax.tree.map(jnp.zeros_like, own)  # a network without dead units: four to draw from
    assert (
        len({np.flatnonzero(as_many_live(own, alive, jax.random.key(n))[name]).tobytes() for n in range(20)})
        > 2
    )
    most = own | {name: jnp.array([True, True, True, False])}
    assert np.flatnonzero(as_many_live(most, own, jax.random.key(0))[name]).tolist() == [1, 2]


def test_anywhere_as_many_live_units_are_drawn_in_all(run, dataset):
    """Also where a norm has none left; of 20 units 6 are dead."""
    state, _ = with_dead(run, dataset)
    name = "blocks.0.norm2"
    own = dead_units(state, run, 0, dataset)
    own |= {name: jnp.ones(4, bool), "blocks.0.norm1": jnp.array([True, True, False, False])}
    for seed in range(5):
        drawn = as_many_live(own, own, jax.random.key(seed), anywhere=True)
        assert {norm: len(units) for norm, units in drawn.items()} == {
            norm: len(units) for norm, units in own.items()
        }
        assert sum(int(units.sum()) for units in drawn.values()) == 6
        assert not any((drawn[norm] & own[norm]).any() for norm in own)


def test_killed_units_are_silent_at_rest_and_alone(run, dataset):
    """Their scale, shift and velocity are set; after it no image gets through, where all did."""
    state, dead = with_dead(run, dataset)
    first = jax.jit(Setting.of(run, dataset).initial_state)(Hyperparameters.of(run))
    alive = first._replace(opt_state=state.opt_state)
    units = dead_units(state, run, 0, dataset)
    found = of_units(alive, "killed", run, dataset, units)
    after = dead_units(found, run, 0, dataset)
    for name, each in units.items():
        np.testing.assert_array_equal(after[name], each)
    norm, moving = found.params["blocks"][0]["norm2"], np.ones(4, bool)
    moving[dead] = False
    np.testing.assert_array_equal(norm["scale"], moving.astype(float))
    np.testing.assert_array_equal(norm["bias"], moving - 1.0)
    leaves = [np.asarray(leaf) for leaf in jax.tree.leaves(found.opt_state)]
    assert sum((leaf == 0).sum() for leaf in leaves) == 2 * len(dead)
    assert all(((leaf == 0) | (leaf == 1)).all() for leaf in leaves)


def test_killed_units_stay_dead_and_are_counted(run, dataset, store):
    """Two are dead in the twin, and none in the run: two are killed, and do not come back."""
    high, longer = replace(run, epochs=3, factor=2.0), replace(run, epochs=3)
    item = Intervention(longer, 1, "killed", 1, 2, high, counts_dead=True)
    assert states_to_keep([item]) == {longer: {1}, high: {1}}
    twin, dead = with_dead(run, dataset)
    first = jax.jit(Setting.of(run, dataset).initial_state)(Hyperparameters.of(run))
    for of, state in ((longer, first), (high, twin)):
        checkpoints.save(store.checkpoint_path(of, 1), state._replace(step=jnp.int32(4)))
    rows = {(row.metric, row.step): row.value for row in item.measure(dataset, store) if row.split == "train"}
    assert rows["changed_units", 4] == rows["changed_units", 12] == len(dead)
    assert rows["changed_dead", 4] == rows["changed_dead", 12] == 1
    assert rows["dead_units", 4] == pytest.approx(len(dead) / 20)


def test_begun_anew_all_is_as_at_first_but_the_step(run, dataset):
    state, _ = with_dead(run, dataset)
    found = of_units(state._replace(step=state.step + 7), "restarted", run, dataset, {})
    first = jax.jit(Setting.of(run, dataset).initial_state)(Hyperparameters.of(run))
    assert int(found.step) == int(state.step) + 7
    for name in ("params", "batch_stats", "opt_state"):
        for own, other in zip(
            jax.tree.leaves(getattr(found, name)), jax.tree.leaves(getattr(first, name)), strict=True
        ):
            np.testing.assert_array_equal(own, other)


def test_begun_anew_the_dead_may_stay_dead(run, dataset):
    state, _ = with_dead(run, dataset)
    units = dead_units(state, run, 0, dataset)
    after = dead_units(of_units(state, "restarted_killed", run, dataset, units), run, 0, dataset)
    for name, each in units.items():
        np.testing.assert_array_equal(after[name], each)


def test_a_twin_is_named_where_it_is_needed_alone(run):
    longer = replace(run, epochs=3)
    with pytest.raises(InvalidInput, match="dead_of"):
        Intervention(longer, 1, "killed")
    with pytest.raises(InvalidInput, match="dead_of"):
        Intervention(longer, 1, "swap", dead_of=run)
