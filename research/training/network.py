"""A network in its functional form."""

from copy import copy
from functools import partial

import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float, Key, PyTree

from research.family import arguments
from research.models._model import Model, Surroundings
from research.training.config import RunConfig
from research.training.sharding import DATA


class Network:
    """Pure functions of parameters and batch statistics, made for one platform."""

    def __init__(
        self,
        config: RunConfig,
        image_shape: tuple[int, int, int],
        classes: int,
        split_batch: bool,
        platform: str,
        vmapped: bool = False,
    ):
        self._model = config.model
        self._made_for = partial(
            Surroundings,
            image_shape,
            classes,
            dtype=jnp.dtype(config.precision),
            batch_axis=DATA if split_batch else None,
            # A GPU's compiler knows the derived form of a convolution's gradients best.
            on_cpu=platform == "cpu" and not vmapped,
            vmapped=vmapped,
        )
        self._keep(nnx.eval_shape(self._build))

    def _build(self) -> nnx.Module:
        return self._model.build(self._made_for(rngs=nnx.Rngs(0)))

    def _keep(self, module: nnx.Module) -> None:
        # What is neither, arrays made of the network's arguments, is the same at every step.
        self._graph, _, self._constants = nnx.split(module, nnx.filterlib.Any(nnx.Param, nnx.BatchStat), ...)

    def of(self, model: Model) -> "Network":
        """The same, of a network whose arguments may be traced; itself, where it has none."""
        if not arguments(self._model):
            return self
        found = copy(self)
        found._model = model
        found._keep(found._build())
        return found

    def init(self, key: Key[Array, ""]) -> tuple[PyTree, PyTree]:
        """Fresh parameters and batch statistics."""
        model = self._build()
        params, batch_stats = nnx.state(model, nnx.Param), nnx.state(model, nnx.BatchStat)
        return self._model.initialised(key, nnx.to_pure_dict(params)), nnx.to_pure_dict(batch_stats)

    def apply(
        self,
        params: PyTree,
        batch_stats: PyTree,
        inputs: Float[Array, "batch height width channel"],
        use_running_average: bool,
        key: Key[Array, ""] | None = None,
    ) -> tuple[Float[Array, "batch classes"], PyTree]:
        """Logits in float32, and the batch statistics after this batch.

        Args:
            use_running_average: of batch norm; else the batch's own statistics.
            key: of dropout's masks; None: nothing is dropped.
        """
        # Without the copy, the merged model would share its variables with a trace it outlives.
        model = nnx.merge(self._graph, params, batch_stats, self._constants, copy=True)
        logits = model(inputs, use_running_average=use_running_average, key=key)
        batch_stats = nnx.to_pure_dict(nnx.state(model, nnx.BatchStat))
        return logits.astype(jnp.float32), batch_stats
