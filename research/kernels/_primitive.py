"""Linear and bilinear maps that JAX can differentiate in any order, each computed in two ways.

The *reference* is of JAX's own operations, for any type and device; what is *native* is a kernel of ours, for
float32 on a CPU.
"""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax.core import ShapedArray
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir

from research.kernels._llvm import usable
from research.kernels._processor import vector_width

Map = Callable[..., Any]
_disabled = False


@contextlib.contextmanager
def disable_kernels() -> Iterator[None]:
    """What is compiled meanwhile is the reference, of JAX's operations: to compare with, and to count."""
    global _disabled
    before, _disabled = _disabled, True
    try:
        yield
    finally:
        _disabled = before


def primitive(name: str, shape: Map, reference: Map, native: Map | None = None) -> Primitive:
    """A map of one array, linear, or of two, each part of it linear; `transposes` says its derivatives.

    Args:
        shape: of the result, as a function of the arguments.
        reference: the map, in JAX's operations.
        native: the same by a kernel, used where a vector divides the result's last axis; None: there is none.
    """
    made = Primitive(name)

    def abstract(*arguments: Any, **how: Any) -> ShapedArray:
        return ShapedArray(shape(*arguments, **how), jnp.result_type(*(a.dtype for a in arguments)))

    def on_cpu(*arguments: Any, **how: Any) -> Any:
        whole = all(a.dtype == jnp.float32 and a.size for a in arguments)
        if native is None or _disabled or not whole or not usable():
            return reference(*arguments, **how)
        fits = vector_width(shape(*arguments, **how)[-1])
        return (native if fits else reference)(*arguments, **how)

    def several(arguments: Any, axes: Any, **how: Any) -> tuple[Any, int]:
        return jax.vmap(partial(reference, **how), in_axes=tuple(axes))(*arguments), 0

    @made.def_impl
    def evaluate(*arguments: Any, **how: Any) -> Any:
        return jax.jit(partial(made.bind, **how))(*arguments)

    made.def_abstract_eval(abstract)
    mlir.register_lowering(made, mlir.lower_fun(reference, multiple_results=False))
    mlir.register_lowering(made, mlir.lower_fun(on_cpu, multiple_results=False), platform="cpu")
    batching.primitive_batchers[made] = several
    return made


def transposes(of: Primitive, *rules: Map) -> None:
    """Say how a slope of the result is carried to each argument: `rule(slope, *arguments, **how)`."""
    if len(rules) == 1:
        ad.deflinear2(of, lambda slope, argument, **how: [rules[0](slope, argument, **how)])
    else:
        ad.defbilinear(of, *rules)


def call(kernel: str, shapes: Sequence[tuple[int, ...]], *arguments: Any) -> Any:
    """The first result, of float32, of a kernel that `research.kernels._llvm.register` named.

    Args:
        shapes: of its results; those after the first are where it works.
    """
    results = [jax.ShapeDtypeStruct(shape, jnp.float32) for shape in shapes]
    return jax.ffi.ffi_call(kernel, results)(*arguments)[0]
