import jax
import jax.numpy as jnp
import numpy as np

from research.kernels import _handler, _llvm, _primitive, convolution, disable_kernels
from research.kernels._primitive import call


def doubled(kernel: _llvm.Kernel, numbers: int) -> None:
    """Write a kernel that doubles every example's numbers, four at a time."""
    source, output = kernel.buffers

    def example(index, _):
        def four(at, _):
            place = kernel.sum(kernel.times(index, numbers), at)
            value = kernel.load(kernel.address(source, place), 4)
            kernel.store(kernel.add(value, value), kernel.address(output, place))

        kernel.loop(numbers, four, step=4)

    kernel.loop(kernel.examples, example)


def test_a_kernel_serves_any_number_of_examples_and_is_compiled_once():
    name = _llvm.register(1, 1, doubled, 8)
    assert _llvm.register(1, 1, doubled, 8) == name
    assert _llvm.register(1, 1, doubled, 12) != name
    for examples in (1, 3):
        numbers = jnp.arange(8.0 * examples).reshape(examples, 8)
        result = jax.jit(lambda x: call(name, [x.shape], x))(numbers)
        np.testing.assert_array_equal(result, 2 * numbers)


def test_the_interface_is_read_from_jaxs_own_header():
    major, minor, *_ = _handler.interface()
    assert major == 0
    assert minor >= 1
    assert _llvm.usable()


def test_left_to_xla_there_is_no_kernel():
    images, kernel = jnp.ones((1, 4, 4, 8)), jnp.ones((3, 3, 8, 8))

    def compiled() -> str | None:
        work = jax.jit(lambda images, kernel: convolution(images, kernel, (1, 1), ((1, 1), (1, 1))))
        return work.lower(images, kernel).compile().as_text()

    assert "correlate" in str(compiled())
    with disable_kernels():
        assert "correlate" not in str(compiled())
    assert "correlate" in str(compiled())


def test_a_processor_that_we_do_not_write_for_is_left_to_xla(monkeypatch):
    monkeypatch.setattr(_primitive, "usable", lambda: False)
    work = jax.jit(lambda images, kernel: convolution(images, kernel, (1, 1), ((1, 1), (1, 1))))
    out = work(jnp.ones((1, 4, 4, 8)), jnp.ones((3, 3, 8, 8)))
    assert out[0, 1, 1, 0] == 72
    assert out[0, 0, 0, 0] == 32
