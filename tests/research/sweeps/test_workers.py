import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from research.sweeps.workers import Workers


def test_two_pieces_are_under_way_at_once_and_results_come_in_order():
    together = threading.Barrier(2, timeout=20)  # broken, unless two threads come to it

    def do(number):
        together.wait()
        return 10 * number

    with Workers(2) as workers:
        assert list(workers.each(do, [1, 2, 3, 4])) == [(1, 10), (2, 20), (3, 30), (4, 40)]


def test_what_is_under_way_beside_a_failure_ends_and_nothing_else_begins():
    begun, ended, both = [], [], threading.Barrier(2, timeout=20)

    def do(number):
        begun.append(number)
        if number <= 2:
            both.wait()
        if number == 1:
            raise ValueError("the first")
        time.sleep(0.3)
        ended.append(number)

    with pytest.raises(ValueError, match="the first"), Workers(2) as workers:
        list(workers.each(do, range(1, 100)))
    assert 2 in ended
    assert begun == ended or set(begun) - set(ended) == {1}
    assert len(begun) < 10


def test_ctrl_c_waits_for_nothing():
    started, release = threading.Event(), threading.Event()

    def do(_):
        started.set()
        release.wait(60)

    def interrupted():
        with Workers(2) as workers:
            workers.each(do, [1])
            started.wait(20)
            raise KeyboardInterrupt

    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert time.monotonic() - began < 20
    release.set()


INSIDE_XLA = """
import threading, time
import jax, jax.numpy as jnp
from commandline import exit_with
from research.sweeps.workers import Workers

started = threading.Event()
endless = jax.jit(lambda x: jax.lax.fori_loop(0, 10**9, lambda _, x: x @ x / 100, x))

def do(_):
    started.set()
    jax.block_until_ready(endless(jnp.ones((100, 100))))

def main():
    with Workers(2) as workers:
        workers.each(do, [1])
        started.wait()
        time.sleep(2)
        raise KeyboardInterrupt

exit_with(main)
"""


def test_a_process_can_be_left_while_a_thread_computes():
    root = Path(__file__).parents[3]
    command = [sys.executable, "-c", INSIDE_XLA]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr.strip()) == (130, "interrupted")
