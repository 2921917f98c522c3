"""No result depends on how many threads share a kernel's work, nor on how many XLA has."""

import os
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from research.kernels import _threads, convolution, inner, total, use_threads
from research.kernels._convolution import _parts
from research.kernels._handler import MOST_UNITS, Split

# Images, kernel, stride and border: sums over the batch in one part and in several, weights in ranges, and
# fewer products; batches that no number of threads divides.
CASES = [
    ((67, 16, 16, 8), (3, 3, 8, 8), 1, 1),
    ((128, 16, 16, 3), (3, 3, 3, 8), 1, 1),
    ((61, 4, 4, 32), (3, 3, 32, 32), 1, 1),
    ((37, 9, 9, 16), (3, 3, 16, 32), 2, 1),
    ((64, 4, 4, 64), (3, 3, 64, 64), 1, 1),
    ((16, 16, 16, 64), (3, 3, 64, 64), 1, 1),
]


@pytest.fixture
def threads():
    yield use_threads
    use_threads(None)


@pytest.mark.parametrize(("images", "kernel", "stride", "border"), CASES)
def test_a_kernels_bits_do_not_depend_on_the_number_of_threads(images, kernel, stride, border, threads):
    keys = jax.random.split(jax.random.key(0), 2)
    point = jax.random.normal(keys[0], images), jax.random.normal(keys[1], kernel)

    def work(images, kernel):
        def loss(images, kernel):
            out = convolution(images, kernel, (stride, stride), ((border, border), (border, border)))
            return jnp.sin(out).sum(), (out, total(out), inner(out, out))

        return jax.grad(loss, (0, 1), has_aux=True)(images, kernel)

    program = jax.jit(work)
    threads(1)
    expected = jax.tree.leaves(program(*point))
    for count in (2, 3, 4, 8, 100):
        threads(count)
        for _ in range(5):
            for one, other in zip(jax.tree.leaves(program(*point)), expected, strict=True):
                np.testing.assert_array_equal(one, other)


def test_kernels_are_shared_while_others_run(threads):
    """Four programs at once, a thousand jobs for one pool: none is lost, none waits forever."""
    images, weights = jnp.ones((32, 16, 16, 8)), jnp.full((3, 3, 8, 8), 1 / 72)

    def work(images):
        def again(images, _):
            return convolution(images, weights, (1, 1), ((1, 1), (1, 1))), None

        return jax.lax.scan(again, images, length=250)[0]

    program = jax.jit(work)
    threads(1)
    alone = program(images)
    threads(4)
    results = [program(jax.device_put(images, device)) for device in jax.devices()[:4]]
    for result in results:
        np.testing.assert_array_equal(result, alone)


TRAIN = """
import hashlib, sys
import jax
from research.kernels import use_threads
from benchmarks._cases import MINIATURE
from benchmarks._ours import Epochs
epochs = Epochs(MINIATURE.at(128, 3), 1)
use_threads(int(sys.argv[1]))
loss = epochs.epoch()
leaves = jax.tree.leaves(jax.device_get(epochs.states))
print(loss, hashlib.sha256(b"".join(leaf.tobytes() for leaf in leaves)).hexdigest())
"""


@pytest.mark.slow
def test_a_runs_bits_do_not_depend_on_the_threads_that_xla_has():
    """Three steps of the miniature at batch 128, with 1, 2, 4 and 8 threads for XLA and for our kernels."""

    def trained(count: int) -> str:
        environment = os.environ | {"PJRT_NPROC": str(count)}
        program = [sys.executable, "-c", TRAIN, str(count)]
        return subprocess.run(program, env=environment, check=True, capture_output=True, text=True).stdout

    first, *others = [trained(count) for count in (1, 2, 4, 8)]
    assert len(first.split()) == 2
    assert others == [first] * 3


def test_by_default_the_cores_are_divided_among_the_host_devices(threads, monkeypatch):
    for cores, devices, expected in ((16, 1, 16), (16, 4, 4), (2, 2, 1), (2, 8, 1), (7, 2, 3)):
        monkeypatch.setattr(os, "sched_getaffinity", lambda _, cores=cores: range(cores))
        monkeypatch.setattr(jax, "local_device_count", lambda _, devices=devices: devices)
        threads(None)
        assert _threads.threads() == expected


def test_small_work_is_not_shared_and_parts_are_few_where_they_would_cost():
    assert Split.of(work=1000, ranges=32).threads == 1
    assert Split.of(work=10**9, ranges=32) == Split(1, MOST_UNITS, MOST_UNITS)
    assert Split.of(work=10**9, parts=8, ranges=32) == Split(8, MOST_UNITS // 8, MOST_UNITS)
    assert _parts(most=128, pixels=128 * 16) == 2
    assert _parts(most=128, pixels=128 * 256) == 8
    assert _parts(most=3, pixels=10**6) == 3
