import os
import subprocess
import sys
from pathlib import Path

from research.records import process_ids

ROOT = Path(__file__).parents[3]


def test_this_process_is_alive():
    assert not process_ids.is_dead(process_ids.tag())


def test_a_process_that_ended_is_dead_and_so_is_one_nobody_waited_for():
    command = [sys.executable, "-c", "from research.records import process_ids; print(process_ids.tag())"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    tag = process.stdout.read().strip()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert process_ids.is_dead(tag)  # a zombie
    process.wait()
    process.stdout.close()
    assert process_ids.is_dead(tag)


def test_a_number_that_was_used_again_is_another_process():
    machine, pid, _ = process_ids.tag().split(".")
    assert process_ids.is_dead(f"{machine}.{pid}.1")


def test_of_other_machines_processes_nothing_is_known():
    assert not process_ids.is_dead("ffffffff.1.1")
    assert not process_ids.is_dead("")
