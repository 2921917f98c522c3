import jax
import pytest

from research.errors import InvalidInput
from research.training.sharding import DATA, RUNS, make_mesh


@pytest.mark.parametrize(
    ("runs", "data_parallel", "shape"),
    [(1, 1, (1, 1)), (3, 1, (3, 1)), (100, 1, (8, 1)), (100, 2, (4, 2)), (1, 8, (1, 8)), (9, 3, (2, 3))],
)
def test_a_mesh_has_a_place_for_each_run_as_far_as_devices_go(runs, data_parallel, shape):
    mesh = make_mesh(runs, data_parallel, jax.devices()[:8])
    assert (mesh.shape[RUNS], mesh.shape[DATA]) == shape


@pytest.mark.parametrize("data_parallel", [0, 9])
def test_more_devices_than_there_are_is_refused(data_parallel):
    with pytest.raises(InvalidInput, match="there are 8 devices"):
        make_mesh(1, data_parallel, jax.devices()[:8])
