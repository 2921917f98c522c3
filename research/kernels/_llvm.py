"""Functions that XLA calls on a CPU, written as LLVM's instructions and compiled when first needed.

`Kernel` is a function of buffers of float32 under construction; `register` compiles it for this processor
and makes it known to XLA by its name, through the typed foreign function interface whose structures are
in `jax.ffi.include_dir()`, xla/ffi/api/c_api.h.
"""

import ctypes
import hashlib
import re
import threading
from collections.abc import Callable, Hashable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import jax
import llvmlite.binding as llvm
from llvmlite import ir

from research.kernels._processor import Processor, lanes, processor, registers

INDEX, WORD, FLOAT, POINTER = ir.IntType(64), ir.IntType(32), ir.FloatType(), ir.PointerType()
NULL = ir.Constant(POINTER, None)
Index = Any  # an int, or a value of type INDEX

_lock = threading.Lock()
_registered: dict[Hashable, str] = {}
_kept: list[Any] = []  # compiled code lives as long as its module does


def usable() -> bool:
    """Whether kernels can be made here: the interface is the one we know, the processor one we write for."""
    return _interface()[0] == 0 and lanes() > 0


class Kernel:
    """A function of some input buffers, some output buffers after them, and a count of examples.

    All buffers hold float32 and do not overlap. Instructions are added at the end, in loops where `loop` is
    used; indices count numbers, not bytes.

    Attributes:
        buffers: pointers to the buffers.
        examples: extent of the first axis of input 0.
    """

    def __init__(self, name: str, inputs: int, outputs: int):
        self._module = ir.Module(name)
        self._inputs = inputs
        self._function = ir.Function(
            self._module,
            ir.FunctionType(ir.VoidType(), [POINTER] * (inputs + outputs) + [INDEX]),
            f"{name}.body",
        )
        *self.buffers, self.examples = self._function.args
        for buffer in self.buffers:
            buffer.add_attribute("noalias")
        self._at = ir.IRBuilder(self._function.append_basic_block("entry"))

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
        """Write zeros, so many numbers from there on."""
        self._intrinsic("memset.p0.i64", [address, ir.Constant(ir.IntType(8), 0), self._bytes(numbers)])

    def copy(self, source: Any, target: Any, numbers: Index) -> None:
        """Copy so many numbers from one address on to another."""
        self._intrinsic("memcpy.p0.p0.i64", [target, source, self._bytes(numbers)])

    def add(self, a: Any, b: Any) -> Any:
        """The vector a + b."""
        return self._at.fadd(a, b)

    def finished(self) -> ir.Module:
        """The module, with the handler that XLA calls."""
        self._at.ret_void()
        handler = ir.Function(self._module, ir.FunctionType(POINTER, [POINTER]), self._module.name)
        at = ir.IRBuilder(handler.append_basic_block("entry"))
        asked, called = handler.append_basic_block("asked"), handler.append_basic_block("called")

        def word(structure: Any, number: int, kind: Any = POINTER) -> Any:
            field = at.gep(structure, [self.constant(number)], source_etype=INDEX)
            return at.load(field, typ=kind)

        # XLA_FFI_CallFrame, in words of 64 bits: size, extension, api, context, stage, then arguments and
        # results, each as size, extension, count, types, buffers.
        frame = handler.args[0]
        extension = word(frame, 1)
        is_call = at.icmp_unsigned("==", at.ptrtoint(extension, INDEX), self.constant(0))
        at.cbranch(is_call, called, asked)
        # XLA_FFI_Metadata_Extension: XLA asks, once, which version this is written to, and for its traits.
        at.position_at_end(asked)
        metadata = word(extension, 3)
        major, minor = _interface()
        for number, value in ((6, major), (7, minor), (8, 0)):  # in words of 32 bits
            field = at.gep(metadata, [self.constant(number)], source_etype=WORD)
            at.store(ir.Constant(WORD, value), field)
        at.ret(NULL)
        at.position_at_end(called)
        arguments, results = word(frame, 9), word(frame, 14)
        buffers = [word(arguments, number) for number in range(self._inputs)]
        buffers += [word(results, number) for number in range(len(self.buffers) - self._inputs)]
        # XLA_FFI_Buffer: size, extension, type, data, rank, extents.
        data = [word(buffer, 3) for buffer in buffers]
        at.call(self._function, [*data, word(word(buffers[0], 5), 0, INDEX)])
        at.ret(NULL)
        return self._module

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


def register(inputs: int, outputs: int, write: Callable[..., None], *arguments: Hashable) -> str:
    """The name by which XLA knows the kernel that `write(kernel, *arguments)` writes; compiled once.

    Args:
        inputs: how many input buffers it has.
        outputs: how many output buffers.
    """
    key = (write.__name__, lanes(), registers(), inputs, outputs, *arguments)
    with _lock:
        if key not in _registered:
            name = f"{write.__name__}.{hashlib.sha256(repr(key).encode()).hexdigest()[:16]}"
            module = written(name, inputs, outputs, write, *arguments)
            jax.ffi.register_ffi_target(
                name, jax.ffi.pycapsule(ctypes.c_void_p(_compiled(module))), platform="cpu"
            )
            _registered[key] = name
    return _registered[key]


def written(
    name: str, inputs: int, outputs: int, write: Callable[..., None], *arguments: Hashable
) -> ir.Module:
    """The module with the handler of that name, of the kernel that `write(kernel, *arguments)` writes."""
    kernel = Kernel(name, inputs, outputs)
    write(kernel, *arguments)
    return kernel.finished()


def object_code(module: ir.Module, target: Processor) -> bytes:
    """A module compiled for any processor, as a file that a linker takes."""
    machine = _machine_elsewhere(target)
    return machine.emit_object(_optimised(module, machine))


def assembly(module: ir.Module, target: Processor) -> str:
    """The same as text."""
    machine = _machine_elsewhere(target)
    return machine.emit_assembly(_optimised(module, machine))


def _compiled(module: ir.Module) -> int:
    """The address of the module's handler."""
    machine, engine = _compiler(processor())
    parsed = _optimised(module, machine)
    engine.add_module(parsed)
    engine.finalize_object()
    _kept.append(parsed)
    return engine.get_function_address(module.name)


def _optimised(module: ir.Module, machine: Any) -> Any:
    parsed = llvm.parse_assembly(str(module))
    parsed.triple, parsed.data_layout = machine.triple, str(machine.target_data)
    # Loops are written as they should be: nothing is to be unrolled, nothing is left to vectorise.
    tuning = llvm.create_pipeline_tuning_options(speed_level=2)
    tuning.loop_vectorization = tuning.slp_vectorization = tuning.loop_unrolling = False
    passes = llvm.create_pass_builder(machine, tuning)
    passes.getModulePassManager().run(parsed, passes)
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


@cache
def _interface() -> tuple[int, int]:
    """Major and minor version of XLA's interface; a structure's fields move with the major one alone."""
    header = (Path(jax.ffi.include_dir()) / "xla" / "ffi" / "api" / "c_api.h").read_text()
    major, minor = (re.search(rf"#define XLA_FFI_API_{part} (\d+)", header) for part in ("MAJOR", "MINOR"))
    return (int(major[1]), int(minor[1])) if major and minor else (-1, 0)
