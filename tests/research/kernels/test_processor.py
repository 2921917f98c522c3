"""Kernels are written for other processors too; no instruction is used that a processor lacks."""

import re
import shutil
from pathlib import Path

import jax
import jax.numpy as jnp
import llvmlite.binding as llvm
import numpy as np
import pytest

from research.errors import InvalidInput
from research.kernels import _convolution, _processor, _sums, convolution, inner, total
from research.kernels._processor import ARMV8, LANES, WIDTHS, Processor, describe
from tests.research.kernels import outside

X86 = "x86_64-unknown-linux-gnu"
AVX2 = {"avx2": True, "fma": True, "avx": True, "64bit": True, "avx512f": False, "avx512vl": False}

# Images, kernel, stride and border: framed and not, several vectors, a stride, and fewer products.
CASES = [
    ((3, 8, 8, 4), (3, 3, 4, 8), 1, 1),
    ((2, 9, 8, 4), (3, 3, 4, 8), 2, 1),
    ((2, 8, 8, 16), (1, 1, 16, 32), 2, 0),
    ((5, 4, 4, 12), (3, 3, 12, 20), 1, 1),
    ((2, 6, 4, 64), (3, 3, 64, 64), 1, 1),
]

LARGER = [
    ((19, 16, 16, 8), (3, 3, 8, 8), 1, 1),
    ((24, 8, 8, 64), (3, 3, 64, 64), 1, 1),
]  # for several threads


def arrays(images, kernel, stride, border):
    """Images, weights and a gradient of the output, and what the three maps are told."""
    random = np.random.default_rng(0)
    strides, padding = (stride, stride), ((border, border), (border, border))
    out = _convolution._output_size(images[1:3], kernel[:2], strides, padding)
    how = {"size": images[1:3], "window": kernel[:2], "strides": strides, "padding": padding}
    shapes = images, kernel, (images[0], *out, kernel[3])
    return *(random.standard_normal(shape, np.float32) for shape in shapes), how


def maps(given):
    """A convolution, both its gradients, and a batch's sums, by kernels: each of the four kinds."""
    images, kernel, gradient, how = given
    return (
        _convolution._forward_native(images, kernel, **how),
        _convolution._to_images_native(gradient, kernel, **how),
        _convolution._to_kernel_native(images, gradient, **how),
        _sums._native(gradient),
        _sums._native(gradient, gradient),
    )


def numpy_maps(given):
    """The same in float64, by the definition."""
    images, kernel, gradient = (array.astype(np.float64) for array in given[:3])
    how = given[3]
    (lo, _), (left, _) = how["padding"]
    padded = np.pad(images, ((0, 0), *how["padding"], (0, 0)))
    rows, columns = gradient.shape[1:3]
    output, to_images, to_kernel = np.zeros_like(gradient), np.zeros_like(padded), np.zeros_like(kernel)
    for i, j in np.ndindex(*kernel.shape[:2]):
        (down, across), (y, x) = how["strides"], (i, j)
        met = (slice(None), slice(y, y + down * rows, down), slice(x, x + across * columns, across))
        output += padded[met] @ kernel[i, j]
        to_images[met] += gradient @ kernel[i, j].T
        to_kernel[i, j] = np.einsum("nyxc,nyxf->cf", padded[met], gradient)
    height, width = how["size"]
    to_images = to_images[:, lo : lo + height, left : left + width]
    return output, to_images, to_kernel, gradient.sum((0, 1, 2)), (gradient**2).sum((0, 1, 2))


def test_a_vector_is_as_long_as_the_processors_register_unless_the_environment_says_otherwise(monkeypatch):
    monkeypatch.delenv(LANES, raising=False)
    assert _processor.lanes() == _processor.processor().lanes
    for width in WIDTHS:
        monkeypatch.setenv(LANES, str(width))
        assert _processor.lanes() == width
        assert _processor.vector_width(48) == width
    monkeypatch.setenv(LANES, "5")
    with pytest.raises(InvalidInput, match=f"{LANES} is '5': must be 4, 8 or 16"):
        _processor.lanes()


@pytest.mark.parametrize("case", CASES)
def test_results_are_the_same_bits_whatever_the_vectors_length(case, monkeypatch):
    """Of convolutions, both gradients and sums, split vectors included; the programs are others."""
    images, kernel, gradient, how = arrays(*case)

    def results(lanes):
        monkeypatch.setenv(LANES, str(lanes))

        def work(images, kernel):
            def loss(images, kernel):
                out = convolution(images, kernel, how["strides"], how["padding"])
                return (out * gradient).sum(), (out, total(out), inner(out, out))

            return jax.grad(loss, (0, 1), has_aux=True)(images, kernel)

        program = jax.jit(work).lower(images, kernel)
        return program.as_text(), program.compile()(images, kernel)

    (program, expected), *others = [results(lanes) for lanes in WIDTHS]
    for other, found in others:
        assert program != other
        jax.tree.map(np.testing.assert_array_equal, found, expected)


@pytest.mark.parametrize("lanes", WIDTHS)
@pytest.mark.parametrize("case", CASES)
def test_every_kernel_compiles_for_arm(case, lanes, monkeypatch):
    """For any 64-bit ARM processor, with its vector instructions."""
    kinds, vector = [], re.compile(r"fmla\tv\d+\.4s|fadd\tv\d+\.4s")

    def compiled(kernel, shapes, inputs):
        kinds.append(kernel[2].__name__)
        code = outside.object_code(kernel, ARMV8)
        assert code[:4] == b"\x7fELF"
        assert int.from_bytes(code[18:20], "little") == 183  # EM_AARCH64
        assert vector.search(outside.assembly(kernel, ARMV8))
        return np.zeros(shapes[0], np.float32)

    monkeypatch.setenv(LANES, str(lanes))
    outside.call_by(compiled, ARMV8, monkeypatch)
    maps(arrays(*case))
    suffix = "_minimal" if case is CASES[-1] else ""
    assert set(kinds) == {f"correlate{suffix}", f"contract{suffix}", "summed"}


@pytest.mark.qemu
@pytest.mark.parametrize("lanes", WIDTHS)
@pytest.mark.parametrize("case", CASES)
def test_on_arm_kernels_compute_what_numpy_does(case, lanes, monkeypatch, tmp_path):
    """And the very bits that they compute here."""
    compiler, runner = "aarch64-linux-gnu-gcc", shutil.which("qemu-aarch64")
    assert runner, "install qemu-user, gcc-aarch64-linux-gnu and libc6-dev-arm64-cross"
    given = arrays(*case)
    here = jax.jit(lambda *arrays: maps((*arrays, given[-1])))(*given[:-1])
    monkeypatch.setenv(LANES, str(lanes))
    run = outside.run_program([compiler, "-static"], [runner], ARMV8, tmp_path)
    outside.call_by(run, ARMV8, monkeypatch)
    for found, same, expected in zip(maps(given), here, numpy_maps(given), strict=True):
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5 * np.abs(expected).max())
        np.testing.assert_array_equal(found, same)


@pytest.mark.qemu
@pytest.mark.parametrize("pool", ["threads", "caller", "late", "none"])
@pytest.mark.parametrize("case", LARGER)
def test_on_arm_too_threads_share_a_kernel_and_change_no_bit(case, pool, monkeypatch, tmp_path):
    """Whatever the pool does with the tasks that it is given: late ones find nothing left to do."""
    compiler, runner = "aarch64-linux-gnu-gcc", shutil.which("qemu-aarch64")
    assert runner, "install qemu-user, gcc-aarch64-linux-gnu and libc6-dev-arm64-cross"
    given = arrays(*case)
    here = jax.jit(lambda *arrays: maps((*arrays, given[-1])))(*given[:-1])
    run = outside.run_program([compiler, "-static"], [runner], ARMV8, tmp_path, 3, pool)
    outside.call_by(run, ARMV8, monkeypatch)
    for found, same in zip(maps(given), here, strict=True):
        np.testing.assert_array_equal(found, same)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", ["znver5", "sapphirerapids", ""])
def test_a_processor_is_not_taken_to_have_what_it_is_not_known_to_have(name, width, monkeypatch):
    """By its name it would have longer registers; a virtual machine may hide them."""
    monkeypatch.setenv(LANES, str(width))
    hidden = describe(X86, name, AVX2)
    assert (hidden.lanes, hidden.registers) == (8, 16)
    texts = []

    def compiled(kernel, shapes, inputs):
        texts.append(outside.assembly(kernel, hidden))
        return np.zeros(shapes[0], np.float32)

    outside.call_by(compiled, hidden, monkeypatch)
    for case in CASES:
        maps(arrays(*case))
    assert "vfmadd" in texts[0]
    assert not re.search(r"%zmm|%[xy]mm(1[6-9]|[23]\d)|%k\d", "".join(texts))


def test_where_nothing_is_known_of_a_processor_only_its_architecture_counts():
    assert describe(X86, "znver5", {}) == Processor(X86, "generic", "", 0, 16)
    assert describe("arm64-apple-darwin24", "apple-m4", {}).name == "generic"
    assert describe("arm64-apple-darwin24", "apple-m4", {}).lanes == 4
    assert describe("aarch64-unknown-linux-gnu", "", {"neon": False, "sve": False}).lanes == 0
    assert describe(X86, "x86-64", {"sse2": True, "avx2": True, "fma": False}).lanes == 0


@pytest.mark.parametrize(("name", "side"), [("", 5), ("generic", 6), ("of-next-year", 7)])
def test_kernels_are_made_on_a_processor_whose_name_llvm_does_not_know(name, side, monkeypatch):
    here = _processor.processor()
    monkeypatch.setattr(_processor, "_written_for", [here._replace(name=name)])
    image = jnp.ones((1, side, side, 4))  # a size of its own: XLA knows no kernel for it yet
    out = jax.jit(lambda image: convolution(image, jnp.ones((3, 3, 4, 4)), (1, 1), ((1, 1), (1, 1))))(image)
    assert out[0, 2, 2, 0] == 36
    assert out[0, 0, 0, 0] == 16


def test_this_processor_has_what_kernels_are_compiled_with():
    """LLVM's account of it, against the system's."""
    asked = {feature[1:] for feature in _processor.processor().features.split(",") if feature[0] == "+"}
    assert asked == {name for name, there in llvm.get_host_cpu_features().items() if there}
    found = re.search(r"^flags\s*:(.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    if not found:
        pytest.skip("the system does not list an x86 processor's instructions")
    assert asked & {"avx", "avx2", "fma", "avx512f"} <= set(found[1].split())
