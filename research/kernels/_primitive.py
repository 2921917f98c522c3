"""Linear and bilinear maps that JAX can differentiate in any order, each computed in two ways.

*Stated* in JAX's own operations, for any type and device; *direct*, by a kernel of ours, for
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

Map = Callable[..., Any]
_left_to_xla = False


@contextlib.contextmanager
def left_to_xla() -> Iterator[None]:
    """What is compiled meanwhile is stated in JAX's operations: to compare with, and to count."""
    global _left_to_xla
    before, _left_to_xla = _left_to_xla, True
    try:
        yield
    finally:
        _left_to_xla = before


def bilinear(name: str, shape: Map, stated: Map, direct: Map | None = None) -> Primitive:
    """A map of two arrays, each part of it linear; `transposes` says how it is differentiated.

    Args:
        shape: of the result, as a function of the arguments.
        stated: the map.
        direct: the same, or None where there is no kernel for these arguments; no function: there is none
            for any.
    """
    return _primitive(name, shape, stated, direct)


def linear(name: str, shape: Map, stated: Map, direct: Map | None = None) -> Primitive:
    """A linear map of one array; see `bilinear`."""
    return _primitive(name, shape, stated, direct)


def transposes(primitive: Primitive, *rules: Map) -> None:
    """Say how a slope of the result is carried to each argument: `rule(slope, *arguments, **how)`."""
    if len(rules) == 1:
        ad.deflinear2(primitive, lambda slope, argument, **how: [rules[0](slope, argument, **how)])
    else:
        ad.defbilinear(primitive, *rules)


def _primitive(name: str, shape: Map, stated: Map, direct: Map | None) -> Primitive:
    primitive = Primitive(name)

    def abstract(*arguments: Any, **how: Any) -> ShapedArray:
        return ShapedArray(shape(*arguments, **how), jnp.result_type(*(a.dtype for a in arguments)))

    def on_cpu(*arguments: Any, **how: Any) -> Any:
        whole = all(a.dtype == jnp.float32 and a.size for a in arguments)
        result = direct(*arguments, **how) if direct and whole and usable() and not _left_to_xla else None
        return stated(*arguments, **how) if result is None else result

    def several(arguments: Any, axes: Any, **how: Any) -> tuple[Any, int]:
        return jax.vmap(partial(stated, **how), in_axes=tuple(axes))(*arguments), 0

    @primitive.def_impl
    def evaluate(*arguments: Any, **how: Any) -> Any:
        return jax.jit(partial(primitive.bind, **how))(*arguments)

    primitive.def_abstract_eval(abstract)
    mlir.register_lowering(primitive, mlir.lower_fun(stated, multiple_results=False))
    mlir.register_lowering(primitive, mlir.lower_fun(on_cpu, multiple_results=False), platform="cpu")
    batching.primitive_batchers[primitive] = several
    return primitive


def call(kernel: str, shapes: Sequence[tuple[int, ...]], *arguments: Any) -> Any:
    """The first result, of float32, of a kernel that `research.kernels._llvm.register` named.

    Args:
        shapes: of its results; those after the first are where it works.
    """
    results = [jax.ShapeDtypeStruct(shape, jnp.float32) for shape in shapes]
    return jax.ffi.ffi_call(kernel, results)(*arguments)[0]
