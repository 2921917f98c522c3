import os

import pytest

from research.machine import free_memory, instruction_set, usable_cores

GB = 2**30


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A machine of eight cores; `root({path: text})` writes its files."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)

    def write(files):
        for path, text in files.items():
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_text(text)
        return tmp_path

    return write


def test_without_control_groups_the_affinity_counts(root):
    assert usable_cores(root({})) == 8
    assert free_memory(root({})) is None


def test_this_machine_has_a_core_and_memory():
    assert 1 <= usable_cores() <= (os.cpu_count() or 1)
    assert (free_memory() or GB) > 0


@pytest.mark.parametrize(
    ("quota", "cores"),
    [
        ("max 100000", 8),
        ("300000 100000", 3),
        ("150000 100000", 1),
        ("50000 100000", 1),
        ("9900000 100000", 8),
    ],
)
def test_a_quota_of_version_2(root, quota, cores):
    files = {"proc/self/cgroup": "0::/job/step\n", "sys/fs/cgroup/job/step/cpu.max": f"{quota}\n"}
    assert usable_cores(root(files)) == cores


def test_an_outer_groups_quota_holds_for_the_inner(root):
    files = {
        "proc/self/cgroup": "0::/job/step\n",
        "sys/fs/cgroup/job/step/cpu.max": "max 100000\n",
        "sys/fs/cgroup/job/cpu.max": "400000 100000\n",
        "sys/fs/cgroup/cpu.max": "200000 100000\n",  # of a container: its own group is what is mounted
    }
    assert usable_cores(root(files)) == 2


@pytest.mark.parametrize(("quota", "cores"), [("-1", 8), ("400000", 4)])
def test_a_quota_of_version_1(root, quota, cores):
    folder = "sys/fs/cgroup/cpu,cpuacct/job"
    files = {
        "proc/self/cgroup": "4:memory:/job\n3:cpu,cpuacct:/job\n",
        f"{folder}/cpu.cfs_quota_us": f"{quota}\n",
        f"{folder}/cpu.cfs_period_us": "100000\n",
    }
    path = root(files)
    (path / "sys/fs/cgroup/cpu").symlink_to("cpu,cpuacct")  # as systems have it
    assert usable_cores(path) == cores


def test_memory_is_what_machine_and_groups_leave(root):
    files = {
        "proc/meminfo": f"MemTotal: {32 * GB // 1024} kB\nMemAvailable: {16 * GB // 1024} kB\n",
        "proc/self/cgroup": "0::/job\n",
        "sys/fs/cgroup/job/memory.max": "max\n",
        "sys/fs/cgroup/job/memory.current": f"{GB}\n",
    }
    assert free_memory(root(files)) == 16 * GB
    files["sys/fs/cgroup/job/memory.max"] = f"{4 * GB}\n"
    assert free_memory(root(files)) == 3 * GB
    files["sys/fs/cgroup/job/memory.stat"] = f"anon 5\ninactive_file {GB // 2}\n"
    assert free_memory(root(files)) == 3.5 * GB


def test_memory_of_version_1(root):
    files = {
        "proc/self/cgroup": "4:memory:/job\n",
        "sys/fs/cgroup/memory/job/memory.limit_in_bytes": f"{4 * GB}\n",
        "sys/fs/cgroup/memory/job/memory.usage_in_bytes": f"{GB}\n",
    }
    assert free_memory(root(files)) == 3 * GB


def test_processors_of_other_instructions_have_other_names(root):
    names = [
        instruction_set(root({"proc/cpuinfo": f"model name : P\nflags : fma {more}\ncpu MHz : {mhz}\n"}))
        for more, mhz in (("avx2", 1), ("avx2", 2), ("avx2 avx512f", 1))
    ]
    assert names[0] == names[1] != names[2]
