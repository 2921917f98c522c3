"""Half-lives estimated where they are known: memory is simulated visit by visit."""

import numpy as np
import pytest

from analysis.fading import NOTHING, Fading, of_cohort, of_images, of_views

LIVES = (0.05, 0.2, 1, 5, 20, 100)  # epochs
EPOCHS, PER_EPOCH, BATCH, NEVER = 12, 64, 32, 1024


class Simulated:
    """A run in which every image is visited once in each epoch, at a random position, frozen at the end.

    A visit leaves an advantage that halves every `life` epochs; visits add up. Memory of an image is had by
    all its views, memory of a view by that view alone. Losses have a part that an image brings with it, and
    one that its batch does.
    """

    def __init__(self, rng, view=None, image=None, left=0.3, of_image=0.5, of_batch=0.05):
        images = PER_EPOCH * BATCH
        orders = [rng.permutation(images).reshape(PER_EPOCH, BATCH) for _ in range(EPOCHS)]
        known = np.zeros(images)
        for epoch, order in enumerate(orders):
            for index, batch in enumerate(order):
                # A batch seen at step s ends its part of the epoch at s + 1.
                known[batch] += left * 2 ** (-(EPOCHS - epoch - index / PER_EPOCH) / image) if image else 0
        own = of_image * rng.normal(size=images)
        self.ages = 1 - np.arange(PER_EPOCH) / PER_EPOCH
        last = orders[-1]
        batches = of_batch * rng.normal(size=(2, PER_EPOCH))
        self.fresh = (2 + own - known)[last].mean(1) + batches[0]
        of_view = left * 2 ** (-self.ages / view) if view else 0
        self.seen = (2 + own - known)[last].mean(1) - of_view + batches[1]
        never = 2 + of_image * rng.normal(size=NEVER)
        self.never, self.error = never.mean(), never.std(ddof=1) / NEVER**0.5
        self.next_epoch = (2 + own - known)[rng.permutation(images).reshape(PER_EPOCH, BATCH)].mean(1)

    def of_images(self) -> Fading:
        return of_images(self.ages, self.never - self.fresh, self.error, EPOCHS)

    def of_views(self) -> Fading:
        return of_views(self.ages, self.fresh - self.seen)


def holds(found: Fading, truth: float) -> bool:
    """Whether the interval holds the truth, or the estimate says that it cannot tell."""
    return bool(np.isnan(found.half_life) or found.low <= truth <= found.high)


FEW, MANY = 60, 800
FEWEST_HELD = {FEW: 53, MANY: 744}
"""At 95% fewer of 60 come by chance once in a hundred times, of 800 once in two hundred; at 91% as many of
800 once in forty times."""
TOLD = 0.8  # the least share of cases with an upper end, where the half-life lies within what is seen

few_or_many = pytest.mark.parametrize("times", [FEW, pytest.param(MANY, marks=pytest.mark.simulation)])


def judge(found: list[Fading], truth: float, within: tuple[float, float]) -> None:
    """The intervals hold the truth, or it is said that they cannot tell, but not always where they could."""
    assert sum(holds(one, truth) for one in found) >= FEWEST_HELD[len(found)]
    if within[0] <= truth <= within[1]:
        assert sum(one.high < np.inf for one in found) >= TOLD * len(found)


@few_or_many
@pytest.mark.parametrize("life", LIVES)
@pytest.mark.parametrize("other", [None, 0.2, 20])  # None: memory is of the one kind alone
def test_intervals_hold_the_half_life_of_images_whatever_that_of_views(life, other, times):
    rng = np.random.default_rng(int(100 * life))
    found = [Simulated(rng, view=other, image=life).of_images() for _ in range(times)]
    judge(found, life, within=(0.05, 1))


@few_or_many
@pytest.mark.parametrize("life", LIVES)
@pytest.mark.parametrize("other", [None, 0.2, 20])  # None: memory is of the one kind alone
def test_intervals_hold_the_half_life_of_views_whatever_that_of_images(life, other, times):
    rng = np.random.default_rng(int(100 * life))
    found = [Simulated(rng, view=life, image=other).of_views() for _ in range(times)]
    judge(found, life, within=(0.05, 1))


@few_or_many
@pytest.mark.parametrize("error", [0.0, 0.02])
@pytest.mark.parametrize("life", LIVES)
def test_intervals_hold_the_half_life_of_a_cohort_in_whatever_unit(life, error, times):
    """Its images are the same at all moments: an error in common, which is not taken for what never fades."""
    rng, unit = (
        np.random.default_rng(int(100 * life)),
        float(np.random.default_rng(times).choice([1, 64, 0.05])),
    )
    epochs, found = np.array([0, *(2.0 ** np.arange(6) / PER_EPOCH), *range(1, 7)]), []
    for _ in range(times):
        noise = error * rng.normal() + 0.005 * rng.normal(size=(len(epochs), 4))
        memory = 0.3 * 2 ** (-epochs[:, None] / life) + noise
        found.append(of_cohort(unit * epochs, memory, error))
    judge(found, unit * life, within=(0.05 * unit, 2 * unit))


def test_of_one_cohort_there_is_a_half_life_and_nothing_known_of_it():
    ages = np.arange(8.0)
    found = of_cohort(ages, 2 ** (-ages[:, None] / 3), 0)
    assert found.half_life == pytest.approx(3, rel=1e-3)
    assert (found.low, found.high) == (0, np.inf)


def test_a_cohort_of_which_everything_is_kept_has_no_half_life_that_is_known():
    rng, ages = np.random.default_rng(0), np.arange(8.0)
    found = of_cohort(ages, 0.3 + 0.01 * rng.normal(size=(8, 6)), 0)
    assert found.high == np.inf
    assert found.low > 7
    assert of_cohort(ages, np.full((8, 6), np.nan), 0) == of_cohort(ages, np.ones((8, 0)), 0) == NOTHING


@pytest.mark.parametrize("life", [0.2, 1])
def test_half_lives_within_what_is_seen_are_known(life):
    rng = np.random.default_rng(0)
    quiet = {"of_image": 0.1, "of_batch": 0.01}
    for found in (
        Simulated(rng, image=life, **quiet).of_images(),
        Simulated(rng, view=life, **quiet).of_views(),
    ):
        assert found.known
        assert life / 2 < found.half_life < 2 * life


@pytest.mark.parametrize("life", [20, 100])
def test_half_lives_far_beyond_what_is_seen_are_said_not_to_be_known(life):
    rng = np.random.default_rng(0)
    for found in (Simulated(rng, image=life).of_images(), Simulated(rng, view=life).of_views()):
        assert not found.known
        assert found.high == np.inf


def test_where_there_is_no_memory_nothing_is_claimed_to_be_known():
    rng = np.random.default_rng(0)
    runs = [Simulated(rng) for _ in range(40)]
    found = [of for run in runs for of in (run.of_images(), run.of_views())]
    assert sum(of.known for of in found) <= 4


def test_without_augmentation_there_is_no_memory_of_views():
    assert of_views(np.arange(1, 65) / 64, np.zeros(64)) == NOTHING


def test_too_few_points_and_unknown_ones_say_nothing():
    assert np.isnan(of_views([0.1, 0.2, 0.3], [3, 2, 1]).half_life)
    assert np.isnan(of_views([], []).half_life)
    assert np.isnan(of_images(np.arange(1, 9) / 8, np.full(8, np.nan), 0.1, 4).half_life)
    assert np.isnan(of_images(np.arange(1, 9) / 8, np.ones(8), np.nan, 4).half_life)


def test_a_lasting_advantage_of_the_control_is_not_memory_if_its_error_allows_it():
    """The images never seen happen to be harder by twice their error: memory is there, or not."""
    rng, ages = np.random.default_rng(0), np.arange(1, 65) / 64
    found = of_images(ages, 0.04 + 0.05 * rng.normal(size=64), 0.02, EPOCHS)
    assert not found.known


def test_recovery_time_and_forgetting_ratio_follow_from_the_half_life():
    found = Fading(0.5, 0.25, np.inf, 0.3)
    assert found.recovery_time() == (1.0, 0.5, np.inf)
    assert found.forgetting_ratio() == pytest.approx((0.5, 0.0, 0.75))
    assert np.isnan(NOTHING.forgetting_ratio()).all()
    assert np.isnan(NOTHING.recovery_time()).all()


def old_forgetting_ratio(run: Simulated) -> float:
    """As it was: of the newest batches' advantage over the next epoch's, what is gone half an epoch later."""
    advantage = run.next_epoch.mean() - run.seen
    newest, older = (
        advantage[(run.ages > low) & (run.ages <= high)].mean() for low, high in ((0, 1 / 8), (3 / 8, 5 / 8))
    )
    return float(1 - older / newest)


@pytest.mark.parametrize("life", LIVES)
def test_the_old_forgetting_ratio_was_one_whatever_the_half_life_of_images(life):
    """Without noise: the next epoch's batches are the same images, so that their memory cancels."""
    run = Simulated(np.random.default_rng(0), image=life, of_image=0, of_batch=0)
    assert 0.99 <= old_forgetting_ratio(run) <= 1.25
