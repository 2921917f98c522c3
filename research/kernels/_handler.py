"""The function that XLA calls for a kernel, and how it shares the work with XLA's own threads.

XLA's typed foreign function interface has its structures in `jax.ffi.include_dir()`, xla/ffi/api/c_api.h. The
work is cut into units. The thread that is called asks XLA's pool for others; each of them, itself included,
takes the next unit that none has taken, until there is none. It waits for units that were taken and for no
thread that has not begun: so nothing waits in a circle, and a pool that is busy costs little.
"""

import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import jax
from llvmlite import ir

from research.kernels._threads import SYMBOL

INDEX, WORD, FLOAT, POINTER = ir.IntType(64), ir.IntType(32), ir.FloatType(), ir.PointerType()
NULL = ir.Constant(POINTER, None)

MOST_UNITS = 16
"""That a kernel's work is cut into."""

_WORTH = 2**20  # multiply-adds for a thread, ten microseconds: it takes a few to wake one
_TURNS = 2**14  # of waiting for a unit, some microseconds, before the system is asked for other work

# A job that threads share, in words of 64 bits: the next unit, how many are done, how many threads know of
# it, how many units there are, then what the function of a unit is called with.
NEXT, DONE, USERS, UNITS, DATA = range(5)


class Split(NamedTuple):
    """How a kernel's work can be cut into units: `parts` times a number of ranges.

    Attributes:
        parts: that are added up: as many whatever the number of threads, so that the order of sums is.
        ranges: at most, which share nothing, so that there may be as many as there are threads for.
        threads: at most, so that each has enough to do.
    """

    parts: int = 1
    ranges: int = 1
    threads: int = 1

    @classmethod
    def of(cls, work: int, parts: int = 1, ranges: int = 1) -> "Split":
        """For this number of multiply-adds."""
        ranges = max(1, min(ranges, MOST_UNITS // parts))
        return cls(parts, ranges, max(1, min(work // _WORTH, parts * ranges)))

    @property
    def units(self) -> int:
        """The most that there are, each with working memory of its own."""
        return self.parts * self.ranges


class Interface(NamedTuple):
    """What we use of XLA's interface.

    Attributes:
        major: its version; a structure's fields move with it alone.
        minor: the version's second number.
        destroy_error: the word of XLA_FFI_Api that has this function.
        schedule: that which has XLA_FFI_ThreadPool_Schedule.
    """

    major: int
    minor: int
    destroy_error: int
    schedule: int


@cache
def interface() -> Interface:
    """As JAX's own header has it; of major version -1 where it is not the one that we know."""
    header = (Path(jax.ffi.include_dir()) / "xla" / "ffi" / "api" / "c_api.h").read_text()
    major, minor = (re.search(rf"#define XLA_FFI_API_{part} (\d+)", header) for part in ("MAJOR", "MINOR"))
    functions = re.findall(r"^ +_XLA_FFI_API_STRUCT_FIELD\((\w+)\);", header, re.MULTILINE)
    wanted = "XLA_FFI_Error_Destroy", "XLA_FFI_ThreadPool_Schedule"
    if not (major and minor and set(wanted) <= set(functions)):
        return Interface(-1, 0, 0, 0)
    # Before the functions: size, extension, version (three words), and what is internal.
    return Interface(int(major[1]), int(minor[1]), *(6 + functions.index(name) for name in wanted))


def add_handler(module: ir.Module, body: Any, total: Any, inputs: int, split: Split) -> None:
    """Add the handler, by the module's name.

    Args:
        body: the function of a unit: of the buffers, the count of examples, the unit's number, and of units.
        total: what is called after it, of buffers and count; None: nothing.
        inputs: how many of the buffers are inputs.
    """
    _Handler(module, body, inputs, split).write(total)


class _Handler:
    """A handler under construction, and the functions that it is made of."""

    def __init__(self, module: ir.Module, body: Any, inputs: int, split: Split):
        self._module, self._body, self._inputs, self._split = module, body, inputs, split
        self._buffers = len(body.args) - 3

    def write(self, total: Any) -> None:
        handler = ir.Function(self._module, ir.FunctionType(POINTER, [POINTER]), self._module.name)
        at = ir.IRBuilder(handler.append_basic_block("entry"))
        asked, called = handler.append_basic_block("asked"), handler.append_basic_block("called")
        # XLA_FFI_CallFrame, in words of 64 bits: size, extension, api, context, stage, then arguments and
        # results, each as size, extension, count, types, buffers.
        frame = handler.args[0]
        extension = _word(at, frame, 1)
        at.cbranch(_is_null(at, extension), called, asked)
        # XLA_FFI_Metadata_Extension: XLA asks, once, which version this is written to, and for its traits.
        at.position_at_end(asked)
        metadata = _word(at, extension, 3)
        for number, value in ((6, interface().major), (7, interface().minor), (8, 0)):  # words of 32 bits
            field = at.gep(metadata, [_index(number)], source_etype=WORD)
            at.store(ir.Constant(WORD, value), field)
        at.ret(NULL)
        at.position_at_end(called)
        arguments, results = _word(at, frame, 9), _word(at, frame, 14)
        buffers = [_word(at, arguments, number) for number in range(self._inputs)]
        buffers += [_word(at, results, number) for number in range(self._buffers - self._inputs)]
        # XLA_FFI_Buffer: size, extension, type, data, rank, extents.
        data = [_word(at, buffer, 3) for buffer in buffers]
        data.append(_word(at, _word(at, buffers[0], 5), 0, INDEX))
        if self._split.threads > 1:
            self._choose(at, frame, data)
        else:
            self._alone(at, data)
        if total:
            at.call(total, data)
        at.ret(NULL)

    def _choose(self, at: Any, frame: Any, data: list[Any]) -> None:
        """Share the work if there are threads to share it with."""
        available = ir.GlobalVariable(self._module, INDEX, SYMBOL)
        wanted = _least(at, at.load(available, typ=INDEX), _index(self._split.threads))
        alone, shared, done = (at.append_basic_block(name) for name in ("alone", "shared", "done"))
        at.cbranch(at.icmp_unsigned(">", wanted, _index(1)), shared, alone)
        at.position_at_end(alone)
        self._alone(at, data)
        at.branch(done)
        at.position_at_end(shared)
        self._shared(at, frame, data, wanted)
        at.branch(done)
        at.position_at_end(done)

    def _alone(self, at: Any, data: list[Any]) -> None:
        """Do one unit after the other, each part in one range."""
        for part in range(self._split.parts):
            at.call(self._body, [*data, _index(part), _index(self._split.parts)])

    def _shared(self, at: Any, frame: Any, data: list[Any], threads: Any) -> None:
        """Do the units on a number of threads."""
        parts = _index(self._split.parts)
        # Two units for each thread: one that is held up does not hold up the others for long.
        ranges = at.udiv(at.add(at.shl(threads, _index(1)), _index(self._split.parts - 1)), parts)
        units = at.mul(parts, _least(at, ranges, _index(self._split.ranges)))
        # The job outlives this call: a thread may come to it when there is nothing left to do.
        size = _index(8 * (DATA + len(data)))
        job = at.call(self._external("malloc", POINTER, INDEX), [size])
        state = {NEXT: _index(0), DONE: _index(0), USERS: threads, UNITS: units}
        for number, value in [*state.items(), *enumerate(data, DATA)]:
            _set(at, job, number, value)
        take, leave = self._take(len(data)), self._leave()
        self._ask(at, frame, job, self._task(take, leave), leave, at.sub(threads, _index(1)))
        at.call(take, [job])
        self._wait(at, job, units)
        at.call(leave, [job])

    def _ask(self, at: Any, frame: Any, job: Any, task: Any, leave: Any, times: Any) -> None:
        """Ask XLA's pool for threads; where it has none, this one does all."""
        api, context = _word(at, frame, 2), _word(at, frame, 3)
        # XLA_FFI_ThreadPool_Schedule_Args: size, extension, context, task, data.
        request = _structure(at, [_index(5 * 8), NULL, context, task, job])
        refusal = _structure(at, [_index(3 * 8), NULL, NULL])  # XLA_FFI_Error_Destroy_Args: ..., error
        before = at.block
        ask, refused, asked, done = (
            at.append_basic_block(name) for name in ("ask", "refused", "asked", "all asked")
        )
        at.branch(ask)
        at.position_at_end(ask)
        number = at.phi(INDEX)
        error = _call_word(at, api, interface().schedule, request)
        at.cbranch(_is_null(at, error), asked, refused)
        at.position_at_end(refused)
        _set(at, refusal, 2, error)
        _call_word(at, api, interface().destroy_error, refusal)
        at.call(leave, [job])
        at.branch(asked)
        at.position_at_end(asked)
        following = at.add(number, _index(1))
        number.add_incoming(_index(0), before)
        number.add_incoming(following, asked)
        at.cbranch(at.icmp_unsigned("<", following, times), ask, done)
        at.position_at_end(done)

    def _wait(self, at: Any, job: Any, units: Any) -> None:
        """Wait until all units are done."""
        before = at.block
        look, again, give_way, done = (
            at.append_basic_block(name) for name in ("look", "again", "give way", "all done")
        )
        at.branch(look)
        at.position_at_end(look)
        turns = at.phi(INDEX)
        found = at.load_atomic(_field(at, job, DONE), "acquire", 8, typ=INDEX)
        at.cbranch(at.icmp_unsigned("==", found, units), done, again)
        at.position_at_end(again)
        more = at.add(turns, _index(1))
        at.cbranch(at.icmp_unsigned("<", more, _index(_TURNS)), look, give_way)
        at.position_at_end(give_way)
        at.call(self._external("sched_yield", WORD), [])
        at.branch(look)
        for value, block in ((_index(0), before), (more, again), (more, give_way)):
            turns.add_incoming(value, block)
        at.position_at_end(done)

    def _take(self, count: int) -> Any:
        """A function that does units of a job until all are taken."""
        function, at = self._function("take")
        job = function.args[0]
        units = _word(at, job, UNITS, INDEX)
        data = [_word(at, job, DATA + number) for number in range(count - 1)]
        data.append(_word(at, job, DATA + count - 1, INDEX))
        take, do, done = (at.append_basic_block(name) for name in ("take", "do", "done"))
        at.branch(take)
        at.position_at_end(take)
        unit = _added(at, job, NEXT, 1)
        at.cbranch(at.icmp_unsigned("<", unit, units), do, done)
        at.position_at_end(do)
        at.call(self._body, [*data, unit, units])
        _added(at, job, DONE, 1)
        at.branch(take)
        at.position_at_end(done)
        at.ret_void()
        return function

    def _leave(self) -> Any:
        """A function by which a thread says that it knows a job no more; the last one frees it."""
        function, at = self._function("leave")
        job = function.args[0]
        last, done = at.append_basic_block("last"), at.append_basic_block("done")
        at.cbranch(at.icmp_unsigned("==", _added(at, job, USERS, -1), _index(1)), last, done)
        at.position_at_end(last)
        at.call(self._external("free", ir.VoidType(), POINTER), [job])
        at.branch(done)
        at.position_at_end(done)
        at.ret_void()
        return function

    def _task(self, take: Any, leave: Any) -> Any:
        """What a thread of XLA's does."""
        function, at = self._function("task")
        at.call(take, function.args)
        at.call(leave, function.args)
        at.ret_void()
        return function

    def _function(self, role: str) -> tuple[Any, Any]:
        """A function of a job, and where it is written."""
        kind = ir.FunctionType(ir.VoidType(), [POINTER])
        function = ir.Function(self._module, kind, f"{self._module.name}.{role}")
        function.linkage = "internal"
        return function, ir.IRBuilder(function.append_basic_block("entry"))

    def _external(self, name: str, result: Any, *arguments: Any) -> Any:
        """A function of the system's."""
        known = self._module.globals.get(name)
        return known or ir.Function(self._module, ir.FunctionType(result, arguments), name)


def _index(value: int) -> Any:
    return ir.Constant(INDEX, value)


def _least(at: Any, a: Any, b: Any) -> Any:
    return at.select(at.icmp_unsigned("<", a, b), a, b)


def _is_null(at: Any, pointer: Any) -> Any:
    return at.icmp_unsigned("==", at.ptrtoint(pointer, INDEX), _index(0))


def _field(at: Any, structure: Any, number: int) -> Any:
    """Where a field is, of a structure of words of 64 bits."""
    return at.gep(structure, [_index(number)], source_etype=INDEX)


def _word(at: Any, structure: Any, number: int, kind: Any = POINTER) -> Any:
    """A field's value."""
    return at.load(_field(at, structure, number), typ=kind)


def _added(at: Any, structure: Any, number: int, value: int) -> Any:
    """A field's value before a number was added to it, in an order that all threads agree on."""
    return at.atomic_rmw("add", _field(at, structure, number), _index(value), "acq_rel")


def _structure(at: Any, fields: Sequence[Any]) -> Any:
    """The address of a structure with such fields."""
    with at.goto_entry_block():
        structure = at.alloca(INDEX, len(fields))
    for number, value in enumerate(fields):
        _set(at, structure, number, value)
    return structure


def _set(at: Any, structure: Any, number: int, value: Any) -> None:
    """Write a field."""
    number_of = value if value.type == INDEX else at.ptrtoint(value, INDEX)
    at.store(number_of, _field(at, structure, number))


def _call_word(at: Any, structure: Any, number: int, argument: Any) -> Any:
    """Call the function of one pointer, which returns a pointer, whose address a field has."""
    kind = ir.FunctionType(POINTER, [POINTER]).as_pointer()
    return at.call(_word(at, structure, number, kind), [argument])
