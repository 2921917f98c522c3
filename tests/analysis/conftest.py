"""What the published records come to is asked once for all tests of a process: it takes most of a minute."""

from pathlib import Path

import pytest

from analysis.claims._published import PUBLISHED, ClaimResults, answers

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def published() -> list[ClaimResults]:
    """The verdicts on every published label."""
    return answers(ROOT / PUBLISHED)
