from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
import optax
import pandas as pd
import pytest

from research.errors import InvalidInput
from research.measures.measurement import state_after
from research.measures.operators import batch_sharpness, hessian, top_eigenpairs
from research.measures.sharpness import Sharpness
from research.optimizers import Optimizer
from research.records.identity import identity
from research.sweeps.sweep import sweep
from research.training.batches import Images
from research.training.context import Hyperparameters, Setting


def test_it_is_the_curvature_of_batches_that_never_came_up(dataset, run, store):
    sweep([run], dataset, store, keep={run: (1, 2)})
    table = pd.DataFrame([vars(row) for row in Sharpness(run, 1, 64, 8).measure(dataset, store)])
    found = table.set_index(["split", "metric"])["value"].to_dict()
    assert set(table["step"]) == {4}

    state = state_after(run, 1, dataset, store)
    context = Setting.of(run, dataset).context(Hyperparameters.of(run), Images.of(dataset))
    # Two batches of 32; epochs 0 and 1 are trained on, so those of epoch 3 are new.
    batches = jax.tree.map(lambda *leaves: jnp.stack(leaves), *map(context.batch, (12, 13)))
    loss = context.trained_loss(state.batch_stats)
    matvec = hessian(loss, state.params, batches)
    top = jax.jit(lambda: top_eigenpairs(matvec, state.params, jax.random.key(0), k=1, num_matvecs=8))()
    assert found["train", "top_eigenvalue"] == pytest.approx(float(top.values[0]), rel=1e-3)
    own = batch_sharpness(loss, state.params, batches)
    assert found["batch", "batch_sharpness"] == pytest.approx(float(own.mean()), rel=1e-3)
    rate = found["optimizer", "learning_rate"]
    assert found["optimizer", "threshold"] * rate == pytest.approx(3.8 / 2.8)
    assert found["optimizer", "large_batch"] * rate == pytest.approx(3.8)
    assert found["optimizer", "small_batch"] * rate == pytest.approx(0.2)


@pytest.mark.slow
@dataclass(frozen=True)
class Unknown(Optimizer):
    """Gradient descent that does not say where it is stable."""

    def transform(self):
        return optax.with_extra_args_support(optax.identity())


def test_an_optimizer_without_a_known_threshold_has_none_recorded(dataset, run, store):
    run = replace(run, optimizer=Unknown())
    sweep([run], dataset, store, keep={run: (1,)})
    rows = Sharpness(run, 1, 64, 4).measure(dataset, store)
    assert {row.metric for row in rows if row.split == "optimizer"} == {"learning_rate"}


def test_from_the_gradient_a_few_products_reach_what_many_from_a_random_vector_do(dataset, run, store):
    """Full Lanczos pins it: three products from the gradient lie below the top eigenvalue, and near."""
    sweep([run], dataset, store, keep={run: (1,)})

    def top(**how):
        rows = Sharpness(run, 1, 64, **how).measure(dataset, store)
        return {row.metric: row.value for row in rows if row.split == "train"}

    full, few = top(num_matvecs=24), top(num_matvecs=3, start="gradient")
    assert full["residual"] < 1e-2 * full["top_eigenvalue"]
    assert 0.8 * full["top_eigenvalue"] < few["top_eigenvalue"] < 1.001 * full["top_eigenvalue"]


def test_the_start_came_later_and_changes_no_identity(run):
    assert identity(Sharpness(run, 1)) == identity(Sharpness(run, 1, start="random"))
    assert identity(Sharpness(run, 1)) != identity(Sharpness(run, 1, start="gradient"))


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"epoch": 0}, "epoch"),
        ({"epoch": 3}, "epoch"),
        ({"examples": 1}, "examples"),
        ({"num_matvecs": 1}, "num_matvecs"),
    ],
)
def test_moments_and_sizes_that_make_no_sense_are_refused(run, changes, field):
    with pytest.raises(InvalidInput, match=field):
        replace(Sharpness(run, 1), **changes)


def test_batches_of_another_size_change_the_loss_and_not_the_rate(dataset, run, store):
    """So that sharpness after runs of several batch sizes can be that of one loss."""
    sweep([run], dataset, store, keep={run: (1,)})

    def found(**how):
        rows = Sharpness(run, 1, 64, 8, **how).measure(dataset, store)
        return {row.metric: row.value for row in rows}

    own, same, half = found(), *(found(examples_per_batch=run.batch_size // k) for k in (1, 2))
    assert same == own
    assert half["learning_rate"] == own["learning_rate"]
    assert half["top_eigenvalue"] != own["top_eigenvalue"]
    with pytest.raises(InvalidInput, match="examples_per_batch is 0: must be at least 1"):
        Sharpness(run, 1, examples_per_batch=0)
