"""Averages of the weights against NumPy's average of the parameters of each step, the run taken again."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from research.averaging import WeightAveraging
from research.averaging.exponential import Exponential
from research.averaging.last import Last
from research.averaging.none import NoAveraging
from research.averaging.uniform import Uniform
from research.errors import InvalidInput
from research.measures.measurement import state_after
from research.measures.rerun import rerun
from research.records.store import Store
from research.sweeps.sweep import sweep
from research.training.batches import Images
from research.training.context import Hyperparameters, Setting
from research.training.evaluation import evaluate, statistics_anew

PER_EPOCH, EPOCHS = 4, 3
KINDS = (Exponential(0.5), Uniform(1.5), Last())


def flat(tree) -> np.ndarray:
    return np.concatenate([np.asarray(leaf, np.float64).ravel() for leaf in jax.tree.leaves(tree)])


@pytest.fixture(scope="module")
def trained(dataset, run, tmp_path_factory):
    """A record of the run with each average; and the parameters after each step of the run without."""
    store = Store(tmp_path_factory.mktemp("averages"))
    run = replace(run, epochs=EPOCHS, factor=4.0)
    runs = {kind: replace(run, averaging=kind) for kind in (NoAveraging(), *KINDS)}
    sweep(list(runs.values()), dataset, store, keep=dict.fromkeys(runs.values(), (1, EPOCHS)))
    steps, images, hyper = rerun(run, dataset), Images.of(dataset), Hyperparameters.of(run)
    state = jax.jit(Setting.of(run, dataset).initial_state)(hyper)
    params = [flat(state.params)]
    for step in range(PER_EPOCH * EPOCHS):
        state, _ = steps(state, images, hyper, jnp.asarray([step], jnp.int32), jnp.int32(1))
        params.append(flat(state.params))
    return store, runs, np.stack(params)


@pytest.mark.parametrize("epoch", [1, EPOCHS])
def test_an_exponential_average_weighs_each_step_less_than_the_next(dataset, trained, epoch):
    """exp(-1 / T) per step, T = 2 steps; before there are as many as its reach, the plain mean."""
    store, runs, params = trained
    share = 1 - np.exp(-1 / (0.5 * PER_EPOCH))
    expected = params[0]
    for step in range(1, epoch * PER_EPOCH + 1):
        expected = expected + max(share, 1 / step) * (params[step] - expected)
    found = flat(state_after(runs[Exponential(0.5)], epoch, dataset, store).average)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-5)
    assert np.abs(found - params[epoch * PER_EPOCH]).max() > 1e-3  # it is not the last weights


def test_a_uniform_average_is_the_mean_of_the_last_steps(dataset, trained):
    store, runs, params = trained
    run = runs[Uniform(1.5)]
    found = flat(state_after(run, EPOCHS, dataset, store).average)
    np.testing.assert_allclose(found, params[-6:].mean(0), rtol=1e-3, atol=1e-5)
    # Before they begin it is the last weights.
    before = state_after(run, 1, dataset, store)
    np.testing.assert_allclose(flat(before.average), flat(before.params), rtol=1e-5, atol=1e-7)


def test_the_last_weights_have_statistics_that_are_not_behind_them(dataset, trained):
    """The same parameters as without an average; their evaluation differs by the statistics alone."""
    store, runs, params = trained
    run = runs[Last()]
    found = state_after(run, EPOCHS, dataset, store)
    np.testing.assert_array_equal(flat(found.average), flat(found.params))
    np.testing.assert_allclose(flat(found.average), params[-1], rtol=1e-3, atol=1e-5)
    rows = store.read(run)[1].query("metric == 'loss' and epoch == @EPOCHS").set_index("split")["value"]
    context = Setting.of(run, dataset).context(Hyperparameters.of(run), Images.of(dataset))
    anew = jax.jit(lambda state: statistics_anew(context, state.params, state.batch_stats, EPOCHS - 1))(found)
    loss, _ = jax.jit(lambda stats: evaluate(context, found.params, stats, "test", 72))(anew)
    np.testing.assert_allclose(rows["test_average"], loss, rtol=1e-4)
    assert abs(rows["test_average"] - rows["test"]) > 1e-3


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.member_name())
def test_training_does_not_see_the_average_and_its_evaluation_is_recorded(trained, kind):
    store, runs, _ = trained
    plain, averaged = (store.read(runs[each])[1] for each in (NoAveraging(), kind))
    own = averaged["split"].str.endswith("_average")
    assert not plain["split"].str.endswith("_average").any()
    keys = ["epoch", "split", "metric"]
    pairs = plain.merge(averaged[~own], on=keys, suffixes=("_plain", "_averaged"))
    assert len(pairs) == len(plain) == (~own).sum()
    np.testing.assert_allclose(pairs["value_plain"], pairs["value_averaged"], rtol=1e-4)
    rows = averaged[own].set_index(keys)["value"]
    tests = [(e, "test_average", m) for e in (1.0, 2.0, 3.0) for m in ("loss", "accuracy")]
    at_end = [(3.0, "train_average", m) for m in ("loss", "accuracy")]
    assert sorted(rows.index) == sorted([*tests, *at_end])
    losses = rows[rows.index.get_level_values("metric") == "loss"]
    assert np.isfinite(losses).all()
    assert (losses < 10).all()


@pytest.mark.parametrize("name", [name for name, kind in WeightAveraging.members().items() if kind.keeps])
def test_an_average_of_one_point_is_that_point(name):
    """The contract of the family, on every member that there is."""
    average, params = WeightAveraging.members()[name](), {"w": jnp.asarray([1.0, -2.0])}
    found = params
    for step in range(1, 9):
        found = average.updated(found, params, jnp.int32(step), 4, 8)
    np.testing.assert_allclose(found["w"], params["w"])


@pytest.mark.parametrize("kind", [Exponential, Uniform])
@pytest.mark.parametrize("epochs", [0.0, -1.0, float("inf"), float("nan")])
def test_reaches_that_make_no_average_are_refused(kind, epochs):
    with pytest.raises(InvalidInput, match=r"averaging\.epochs is"):
        kind(epochs)
