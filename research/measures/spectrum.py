"""The spectrum of the training loss's curvature: top eigenvalues, density and trace, and how sure they are.

The Hessian H and the Gauss-Newton matrix G of a run's training loss, each for the whole network and for every
block of it. Two things are random in such an estimate: the probe vectors, and the examples that stand for the
training set. Reports have it that the second is the larger (hessian-eigenthings, issue 23: estimates from
single minibatches vary wildly). So both are repeated here: a measurement is of one set of examples, with
several probes; further samples are sets that have no example in common.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float, Int

from research.data import Dataset
from research.errors import require
from research.measures.measurement import state_after
from research.measures.operators import (
    Ritz,
    blocks,
    gauss_newton,
    hessian,
    mask_of,
    masked,
    ritz,
    trace,
)
from research.records.store import Row, Store
from research.training.batches import Images
from research.training.config import RunConfig, bind
from research.training.context import Hyperparameters, Setting, TrainState

WHOLE = "whole"
Matrix = Literal["hessian", "gauss_newton"]


@dataclass(frozen=True)
class Spectrum:
    """The spectrum of one matrix after one of a run's epochs, estimated from one set of examples.

    Attributes:
        run: the run.
        epoch: after this number of its epochs.
        matrix: which.
        sample: number of the set of examples, from 0; two sets have no example in common.
        examples: about this number in a set, in batches of the run's size.
        probes: random vectors that Lanczos starts from.
        num_matvecs: depth of Lanczos.
        trace_probes: random vectors that the trace is estimated from.
        statistics: batch norm's, `batch` or `running`.
    """

    run: RunConfig
    epoch: int
    matrix: Matrix
    sample: int = 0
    examples: int = 128
    probes: int = 2
    num_matvecs: int = 16
    trace_probes: int = 4
    statistics: Literal["batch", "running"] = "batch"

    def __post_init__(self):
        require(1 <= self.epoch <= self.run.epochs, "epoch", self.epoch, f"must be in 1 .. {self.run.epochs}")
        for name, least in (
            ("sample", 0),
            ("examples", 1),
            ("probes", 1),
            ("num_matvecs", 2),
            ("trace_probes", 2),
        ):
            require(getattr(self, name) >= least, name, getattr(self, name), f"must be at least {least}")

    def epochs(self) -> tuple[int]:
        """It needs the state it measures."""
        return (self.epoch,)

    def measure(self, dataset: Dataset, store: Store) -> list[Row]:
        """Measure on batches drawn and augmented as in training, in an order that never came up.

        Returns:
            Rows of split `whole` and of one for each block, by its name (`operators.blocks`).
            For node J, counted from 0 and falling, of probe P: `value_P_J`, whose first ones are the top
            eigenvalues; its `residual_P_J`, within which an eigenvalue lies; and `weight_P_J`, its share of
            the density. `trace` with its standard `error` over the probes. Values, residuals and traces are
            in nats per squared unit of the parameters. `parameters`: how many the part has.

        Raises:
            InvalidInput: the subset has too few examples for that number of sets.
        """
        run = bind(self.run, dataset)
        per_epoch = run.steps_per_epoch(dataset.train_size)
        count = max(1, self.examples // run.batch_size)
        require(
            (self.sample + 1) * count <= per_epoch,
            "sample",
            self.sample,
            f"the subset has {per_epoch // count} sets of {count} batches",
        )
        state = state_after(run, self.epoch, dataset, store)
        steps = jnp.arange(count) + (run.epochs + 1) * per_epoch + self.sample * count
        sizes = (self.probes, self.num_matvecs, self.trace_probes)
        measure = _spectrum(Setting.of(run, dataset), self.matrix, self.statistics, sizes)
        found = jax.device_get(measure(state, Images.of(dataset), Hyperparameters.of(run), steps))
        step = self.epoch * per_epoch
        rows: list[Row] = []
        for index, part in enumerate([WHOLE, *blocks(state.params)]):
            nodes, mean, error, size = jax.tree.map(lambda leaf, index=index: leaf[index], found)
            values = {"trace": mean, "error": error, "parameters": size}
            for name in ("value", "residual", "weight"):
                for (probe, node), value in np.ndenumerate(getattr(nodes, f"{name}s")):
                    values[f"{name}_{probe}_{node}"] = value
            rows += [
                Row(step, float(self.epoch), part, metric, float(value)) for metric, value in values.items()
            ]
        return rows


@lru_cache(maxsize=32)
def _spectrum(setting: Setting, matrix: Matrix, statistics: str, sizes: tuple[int, int, int]):
    """`f(state, images, hyper, steps) -> (Ritz, trace, error, size)` of every part, compiled."""
    probes, num_matvecs, trace_probes = sizes

    @jax.jit
    def spectrum(
        state: TrainState, images: Images, hyper: Hyperparameters, steps: Int[Array, " batches"]
    ) -> tuple[Ritz, Float[Array, " part"], Float[Array, " part"], Float[Array, " part"]]:
        run, params = setting.context(hyper, images), state.params
        batches = run.batches(steps)
        if matrix == "hessian":
            matvec = hessian(run.trained_loss(state.batch_stats, statistics), params, batches)
        else:
            logits = run.trained_logits(state.batch_stats, statistics)
            matvec = gauss_newton(logits, run.loss_of_logits, params, batches)
        flat, unravel = ravel_pytree(params)
        for_density, for_trace = jax.random.split(jax.random.key(0))
        paths = [(), *blocks(params).values()]
        masks = jnp.stack([ravel_pytree(mask_of(params, path))[0] for path in paths])

        def of_part(mask):
            inside = masked(matvec, unravel(mask))

            def probe(key):
                return ritz(inside, unravel(mask * jax.random.normal(key, flat.shape)), num_matvecs)

            nodes = lax.map(probe, jax.random.split(for_density, probes))
            mean, error = trace(inside, params, for_trace, trace_probes)
            return nodes, mean, error, mask.sum()

        return lax.map(of_part, masks)

    return spectrum
