"""What the claims about batch size make of runs that diverged."""

import numpy as np
import pytest

from analysis.claims import ask, discover
from tests.analysis.claims.batch_worlds import WORLDS
from tests.analysis.claims.worlds import evidence

CLAIMS = {claim.id: claim for claim in discover()}


@pytest.mark.parametrize("name", sorted(set(WORLDS) - {"B4", "B13", "B18", "B18-room"}))
def test_no_claim_about_losses_is_supported_where_a_seed_diverged(name):
    (experiment,) = CLAIMS[name].needs
    records = WORLDS[name][0](np.random.default_rng(0), 3).tables[experiment]
    lost = (records["seed"] == 0) & (records["kind"] == "RunConfig")
    records = records.assign(status=records["status"].where(~lost, "diverged"))
    assert ask(CLAIMS[name], evidence(**{experiment: records})).word != "supported"
