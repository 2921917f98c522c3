import jax
import jax.numpy as jnp
import numpy as np
import pytest

from research.models import pytorch_default


def test_initial_parameters_are_pytorchs_default():
    params = {
        "conv": {"kernel": jnp.zeros((3, 3, 16, 64))},
        "norm": {"scale": jnp.ones(64), "bias": jnp.zeros(64)},
        "head": {"kernel": jnp.zeros((400, 10)), "bias": jnp.zeros(10)},
    }
    drawn = pytorch_default(jax.random.key(0), params)
    for name, fan_in in (("conv", 144), ("head", 400)):
        kernel = np.asarray(drawn[name]["kernel"])
        assert np.abs(kernel).max() <= fan_in**-0.5
        assert kernel.var() == pytest.approx(1 / (3 * fan_in), rel=0.05)
    assert 0 < np.abs(drawn["head"]["bias"]).max() <= 400**-0.5
    np.testing.assert_array_equal(drawn["norm"]["scale"], 1)
    np.testing.assert_array_equal(drawn["norm"]["bias"], 0)
