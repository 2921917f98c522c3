"""Functions that XLA calls on a CPU, written as LLVM's instructions and compiled when first needed.

`Kernel` is a function of buffers of float32 under construction; `register` compiles it for this processor
and makes it known to XLA by its name.
"""

import contextlib
import ctypes
import gc
import hashlib
import threading
from collections.abc import Callable, Hashable, Iterator, Sequence
from functools import cache
from typing import Any

import jax
import llvmlite.binding as llvm
from llvmlite import ir

from research.kernels._handler import FLOAT, INDEX, POINTER, WORD, Split, add_handler, interface
from research.kernels._objects import kept
from research.kernels._processor import Processor, lanes, processor, registers, vector_width
from research.kernels._threads import threads

Index = Any  # an int, or a value of type INDEX

_lock = threading.Lock()
_registered: dict[Hashable, str] = {}
_kept: list[Any] = []  # compiled code lives as long as what it was loaded from


def usable() -> bool:
    """Whether kernels can be made here: the interface is the one we know, the processor one we write for."""
    return interface().major == 0 and lanes() > 0


class Kernel:
    """A function of some input buffers, some output buffers after them, and a count of examples.

    All buffers hold float32 and do not overlap. Instructions are added at the end, in loops where `loop` is
    used; indices count numbers, not bytes. The function is called for each unit of the work, by any thread.

    Attributes:
        split: how the work is cut.
        buffers: pointers to the buffers.
        examples: extent of the first axis of input 0.
        unit: which one this is, for its working memory.
        part: whose sums these are.
        range: which of the ranges.
        ranges: how many there are.
    """

    def __init__(self, name: str, inputs: int, outputs: int, split: Split):
        self.split = split
        self._module = ir.Module(name)
        self._inputs, self._buffers = inputs, inputs + outputs
        self._partial: tuple[int, int] | None = None
        self._function, self._at = self._begin("body", 2)
        *self.buffers, self.examples, self.unit, units = self._function.args
        parts = self.constant(split.parts)
        self.part = self._at.urem(self.unit, parts)
        self.range = self._at.udiv(self.unit, parts)
        self.ranges = self._at.udiv(units, parts)

    def _begin(self, role: str, more: int = 0) -> tuple[Any, Any]:
        """A function of buffers, the count of examples and `more` indices, and where it is written."""
        kinds = [POINTER] * self._buffers + [INDEX] * (1 + more)
        function = ir.Function(
            self._module, ir.FunctionType(ir.VoidType(), kinds), f"{self._module.name}.{role}"
        )
        function.linkage = "internal"
        function.attributes.add("noinline")  # a copy for each part would be compiled for nothing
        for buffer in function.args[: self._buffers]:
            buffer.add_attribute("noalias")
        return function, ir.IRBuilder(function.append_basic_block("entry"))

    def share(self, total: Index, number: Any, of: Any) -> tuple[Any, Any]:
        """Where a share of a total begins, and how much it is; for no more shares than that, 1 or more."""
        first, end = (
            self._at.udiv(self._at.mul(self._value(total), index), self._value(of))
            for index in (number, self.sum(number, 1))
        )
        return first, self._at.sub(end, first)

    def share_of_blocks(self, block: int, number: Any, of: Any) -> tuple[Any, Any]:
        """A share of the examples in whole blocks: where it begins, and how many examples it has."""
        blocks = self._at.udiv(self.examples, self.constant(block))
        first, count = self.share(blocks, number, of)
        return self.times(first, block), self.times(count, block)

    def when_mine(self, number: Any, body: Callable[[], None]) -> None:
        """`body()` where a piece of the work of that number belongs to this unit's range."""
        at = self._at
        mine, after = at.append_basic_block("mine"), at.append_basic_block("after")
        at.cbranch(at.icmp_unsigned("==", at.urem(number, self.ranges), self.range), mine, after)
        at.position_at_end(mine)
        body()
        at.branch(after)
        at.position_at_end(after)

    def add_up(self, numbers: int, partial: int) -> Any:
        """The address of this part's sums, of which the first output is to be the total, part by part.

        Args:
            numbers: in the first output.
            partial: the output that holds them, if there are parts: [part, number].
        """
        if self.split.parts == 1:
            return self.buffers[self._inputs]
        self._partial = (numbers, self._inputs + partial)
        return self.address(self.buffers[self._inputs + partial], self.times(self.part, numbers))

    def loop(
        self,
        count: Index,
        body: Callable[[Any, list[Any]], Sequence[Any] | None],
        carry: Sequence[Any] = (),
        step: int = 1,
    ) -> list[Any]:
        """`for index in range(0, count, step): carry = body(index, carry)`, for a count of 1 or more.

        A loop that would run once is none.
        """
        if isinstance(count, int) and count <= step:
            return list(body(self.constant(0), list(carry)) or ())
        at, before = self._at, self._at.block
        head, after = at.append_basic_block("loop"), at.append_basic_block("after")
        at.branch(head)
        at.position_at_end(head)
        index = at.phi(INDEX)
        index.add_incoming(self.constant(0), before)
        carried = [at.phi(value.type) for value in carry]
        for phi, value in zip(carried, carry, strict=True):
            phi.add_incoming(value, before)
        results = list(body(index, carried) or ())
        following = at.add(index, self.constant(step))
        index.add_incoming(following, at.block)
        for phi, value in zip(carried, results, strict=True):
            phi.add_incoming(value, at.block)
        at.cbranch(at.icmp_unsigned("<", following, self._value(count)), head, after)
        at.position_at_end(after)
        return results

    def constant(self, value: int) -> Any:
        """An index that is known now."""
        return ir.Constant(INDEX, value)

    def sum(self, *terms: Index) -> Any:
        """Of indices."""
        total = self.constant(sum(term for term in terms if isinstance(term, int)))
        for term in terms:
            if not isinstance(term, int):
                total = self._at.add(total, term)
        return total

    def times(self, index: Any, factor: int) -> Any:
        """An index times a number that is known now."""
        return self._at.mul(index, self.constant(factor))

    def least(self, index: Any, most: int) -> Any:
        """The smaller of an index and a number that is known now."""
        return self._at.select(
            self._at.icmp_unsigned("<", index, self._value(most)), index, self._value(most)
        )

    def less(self, a: Any, b: Any) -> Any:
        """The difference a - b of two indices, or of two vectors."""
        return self._at.sub(a, b) if a.type == INDEX else self._at.fsub(a, b)

    def address(self, buffer: Any, index: Index) -> Any:
        """Where a number of the buffer lies."""
        return self._at.gep(buffer, [self._value(index)], source_etype=FLOAT)

    def zeros(self, width: int) -> Any:
        """A vector of zeros."""
        return ir.Constant(ir.VectorType(FLOAT, width), [0.0] * width)

    def load(self, address: Any, width: int) -> Any:
        """A vector of the numbers from there on."""
        return self._at.load(address, typ=ir.VectorType(FLOAT, width), align=4)

    def load_later(self, address: Any, width: int, index: Any) -> Any:
        """The numbers from there on; zeros where the index is 0, for nothing has been written there then."""
        is_first = self._at.icmp_unsigned("==", index, self.constant(0))
        return self._at.select(is_first, self.zeros(width), self.load(address, width))

    def load_all(self, address: Any, width: int) -> Any:
        """A vector with the one number there in every place."""
        vector = ir.VectorType(FLOAT, width)
        nothing = ir.Constant(vector, ir.Undefined)
        first = self._at.insert_element(
            nothing, self._at.load(address, typ=FLOAT, align=4), ir.Constant(WORD, 0)
        )
        return self._at.shuffle_vector(first, nothing, ir.Constant(ir.VectorType(WORD, width), [0] * width))

    def store(self, vector: Any, address: Any) -> None:
        """Write a vector's numbers from there on."""
        self._at.store(vector, address, align=4)

    def multiply_add(self, a: Any, b: Any, c: Any) -> Any:
        """The vector a b + c, rounded once."""
        kind, name = a.type, f"llvm.fma.v{a.type.count}f32"
        function = self._module.globals.get(name) or ir.Function(
            self._module, ir.FunctionType(kind, [kind] * 3), name
        )
        return self._at.call(function, [a, b, c])

    def clear(self, address: Any, numbers: Index) -> None:
        """Write `numbers` zeros from an address on."""
        self._intrinsic("memset.p0.i64", [address, ir.Constant(ir.IntType(8), 0), self._bytes(numbers)])

    def copy(self, source: Any, target: Any, numbers: Index) -> None:
        """Copy `numbers` numbers from one address on to another."""
        self._intrinsic("memcpy.p0.p0.i64", [target, source, self._bytes(numbers)])

    def add(self, a: Any, b: Any) -> Any:
        """The vector a + b."""
        return self._at.fadd(a, b)

    def finished(self) -> ir.Module:
        """The module, with the handler that XLA calls."""
        self._at.ret_void()
        add_handler(self._module, self._function, self._total(), self._inputs, self.split)
        return self._module

    def _total(self) -> Any:
        """A function that adds the parts' sums up, one after the other."""
        if self._partial is None:
            return None
        numbers, partial = self._partial
        function, self._at = self._begin("total")
        width = vector_width(numbers)

        def vector(index, _):
            def part(number, sums):
                place = self.sum(self.times(number, numbers), index, numbers)
                return [self.add(sums[0], self.load(self.address(function.args[partial], place), width))]

            first = self.load(self.address(function.args[partial], index), width)
            (found,) = self.loop(self.split.parts - 1, part, [first])
            self.store(found, self.address(function.args[self._inputs], index))

        self.loop(numbers, vector, step=width)
        self._at.ret_void()
        return function

    def _bytes(self, numbers: Index) -> Any:
        return self._at.mul(self._value(numbers), self.constant(4))

    def _intrinsic(self, name: str, arguments: list[Any]) -> None:
        arguments = [*arguments, ir.Constant(ir.IntType(1), 0)]  # not volatile
        kinds = [argument.type for argument in arguments]
        function = self._module.globals.get(f"llvm.{name}") or ir.Function(
            self._module, ir.FunctionType(ir.VoidType(), kinds), f"llvm.{name}"
        )
        self._at.call(function, arguments)

    def _value(self, index: Index) -> Any:
        return self.constant(index) if isinstance(index, int) else index


def register(
    inputs: int,
    outputs: int,
    write: Callable[..., None],
    *arguments: Hashable,
    split: Split = Split(),  # noqa: B008 (it is immutable)
) -> str:
    """The name by which XLA knows the kernel that `write(kernel, *arguments)` writes; compiled once.

    Args:
        inputs: how many input buffers it has.
        outputs: how many output buffers.
        split: how its work is cut into units.
    """
    threads()  # are counted before a kernel is called
    key = (write.__name__, lanes(), registers(), inputs, outputs, *arguments, split)
    with _lock:
        if key not in _registered:
            name = f"{write.__name__}.{hashlib.sha256(repr(key).encode()).hexdigest()[:16]}"
            code = kept(
                name,
                (key, interface()),
                lambda: _compiled(name, inputs, outputs, write, *arguments, split=split),
            )
            jax.ffi.register_ffi_target(
                name, jax.ffi.pycapsule(ctypes.c_void_p(_loaded(name, code))), platform="cpu"
            )
            _registered[key] = name
    return _registered[key]


def written(
    name: str, inputs: int, outputs: int, write: Callable[..., None], *arguments: Hashable, split: Split
) -> ir.Module:
    """The module with the handler of that name, of the kernel that `write(kernel, *arguments)` writes."""
    kernel = Kernel(name, inputs, outputs, split)
    write(kernel, *arguments)
    return kernel.finished()


def object_code(module: ir.Module, target: Processor) -> bytes:
    """A module compiled for any processor, as a file that a linker takes."""
    machine = _machine_elsewhere(target)
    return machine.emit_object(_parsed(module, machine))


def assembly(module: ir.Module, target: Processor) -> str:
    """The same as text."""
    machine = _machine_elsewhere(target)
    return machine.emit_assembly(_parsed(module, machine))


def _compiled(*kernel: Any, split: Split) -> bytes:
    """What `written` writes, compiled for this processor, as `_loaded` takes it."""
    machine, _ = _compiler(processor())
    with _garbage_left():
        parsed = _parsed(written(*kernel, split=split), machine)
    return machine.emit_object(parsed)


@contextlib.contextmanager
def _garbage_left() -> Iterator[None]:
    """No garbage is collected meanwhile: a kernel is tens of thousands of objects, all of them in use, for
    which Python would look through all that JAX has again and again.
    """
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


def _loaded(name: str, code: bytes) -> int:
    """The address of the handler of that name."""
    _, engine = _compiler(processor())
    loaded = llvm.ObjectFileRef.from_data(code)
    engine.add_object_file(loaded)
    engine.finalize_object()
    _kept.append(loaded)
    return engine.get_function_address(name)


def _parsed(module: ir.Module, machine: Any) -> Any:
    """A module as LLVM has it.

    Instructions are written as they should be: LLVM's passes over them, a third of the time that a kernel
    took, made none faster. Registers and addresses are left to the machine's own.
    """
    parsed = llvm.parse_assembly(str(module))
    parsed.triple, parsed.data_layout = machine.triple, str(machine.target_data)
    return parsed


@cache
def _compiler(target: Processor) -> tuple[Any, Any]:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    machine = _machine(target, jit=True)
    return machine, llvm.create_mcjit_compiler(llvm.parse_assembly(""), machine)


@cache
def _machine_elsewhere(target: Processor) -> Any:
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    return _machine(target, reloc="pic", codemodel="default")


def _machine(target: Processor, **how: Any) -> Any:
    return llvm.Target.from_triple(target.triple).create_target_machine(
        cpu=target.name, features=target.features, opt=3, **how
    )
