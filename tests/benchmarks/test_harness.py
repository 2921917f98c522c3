import os

import pytest

from benchmarks._harness import Side, Spread, WorkerError, Workers, alternate, once, rates, ratios


def recorder(path: str, name: str):
    """Tasks that leave a trace, for the tests below; runs in the workers."""

    def note() -> str:
        with open(path, "a") as file:  # noqa: PTH123
            file.write(name)
        return name

    def fail():
        raise RuntimeError("on purpose")

    environment = dict(os.environ)
    return {
        "note": note,
        "fail": fail,
        "threads": lambda: environment.get("OMP_NUM_THREADS"),
        "gpus": lambda: environment.get("CUDA_VISIBLE_DEVICES"),
        "cores": lambda: sorted(os.sched_getaffinity(0)),
    }


def side(path, name="a", **options) -> Side:
    arguments = {"path": str(path), "name": name}
    return Side(name, "tests.benchmarks.test_harness:recorder", arguments, **options)


def test_sides_take_turns_and_the_warm_up_does_not_count(tmp_path):
    path = tmp_path / "trace"
    with Workers(side(path, "a")) as a, Workers(side(path, "b")) as b:
        found = alternate([(a, "note"), (b, "note")], repeats=2)
    assert path.read_text() == "ababab"
    assert [len(seconds) for seconds in found] == [2, 2]
    assert all(0 < value < 10 for seconds in found for value in seconds)


def test_every_process_does_the_work_with_threads_and_cores_of_its_own(tmp_path):
    with Workers(side(tmp_path / "trace", processes=2, threads=1)) as workers:
        assert workers.call("note") == ["a", "a"]
        assert workers.call("threads") == ["1", "1"]
        first, second = workers.call("cores")
    assert len(first) == len(second) == 1
    assert first != second or len(os.sched_getaffinity(0)) == 1


def test_a_failure_in_a_process_is_told_with_its_traceback(tmp_path):
    with pytest.raises(WorkerError, match="on purpose"):
        once(side(tmp_path / "trace"), "fail")


def test_spread_is_median_and_quartiles():
    assert Spread.of([5, 1, 2, 3, 4]) == Spread(3.0, 2.0, 4.0, 5)


def test_ratios_compare_neighbours_in_time():
    assert ratios([2.0, 8.0], [1.0, 2.0]) == [2.0, 4.0]
    assert rates([0.5, 2.0], work=10) == [20.0, 5.0]
