from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from research.augmentations.crop import Crop
from research.augmentations.flip import Flip
from research.orders.reshuffled import Reshuffled
from research.training import batches
from research.training.batches import Batch, BatchSpec, Images

SPEC = BatchSpec(batch_size=32, augmentation=(Crop(2), Flip()), order=Reshuffled())


@pytest.fixture(scope="module")
def images(dataset):
    return Images.of(dataset)


def labels(train_size):
    return jnp.arange(train_size) % 10


def test_an_epoch_visits_every_image_of_the_subset_once():
    order = batches.epoch_order(batches.run_key(3), 5, 100, labels(256), Reshuffled())
    assert sorted(order[:100].tolist()) == list(range(100))
    assert sorted(order[100:].tolist()) == list(range(100, 256))


def test_epochs_and_seeds_have_orders_of_their_own():
    orders = {
        tuple(batches.epoch_order(batches.run_key(seed), epoch, 256, labels(256), Reshuffled()).tolist())
        for seed in range(3)
        for epoch in range(3)
    }
    assert len(orders) == 9


def test_all_orders_are_equally_likely():
    """Chi-squared over the 24 orders of four rows: 2,400 draws, 99.9% point of 23 degrees is 49.7."""
    draw = jax.vmap(lambda epoch: batches.epoch_order(batches.run_key(0), epoch, 4, labels(4), Reshuffled()))
    _, counts = np.unique(np.asarray(draw(jnp.arange(2400))), axis=0, return_counts=True)
    assert len(counts) == 24
    assert ((counts - 100) ** 2 / 100).sum() < 49.7


def test_a_batch_is_the_same_whenever_it_is_asked_for(images):
    key = batches.run_key(0)
    eager = batches.batch_at(images, key, 7, 128, SPEC)
    jitted = jax.jit(lambda step, size: batches.batch_at(images, key, step, size, SPEC))(7, 128)
    for one, other in zip(eager, jitted, strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_batches_of_several_steps_are_each_steps_batch(images):
    key, steps = batches.run_key(0), [5, 7, 8, 9, 2, 6]  # of three epochs, and back again
    found = jax.jit(lambda size: batches.batches_at(images, key, jnp.asarray(steps), size, SPEC))(128)
    for index, step in enumerate(steps):
        one = batches.batch_at(images, key, step, 128, SPEC)
        for several, alone in zip(found, one, strict=True):
            np.testing.assert_array_equal(several[index], alone)


def test_an_epochs_batches_are_its_order_cut_up(images):
    plain = SPEC._replace(augmentation=())
    key = batches.run_key(0)
    order = batches.epoch_order(key, 1, 128, images.train_labels, Reshuffled())
    for step in range(4, 8):
        rows = order[(step - 4) * 32 : (step - 3) * 32]
        batch = batches.batch_at(images, key, step, 128, plain)
        np.testing.assert_array_equal(batch.images, images.train_images[rows])
        np.testing.assert_array_equal(batch.labels, images.train_labels[rows])


def test_augmentation_is_reflect_pad_crop_and_flip(images):
    """Each augmented image is one of the 5 x 5 x 2 that NumPy makes of the original, and all kinds occur."""
    key, plain = batches.run_key(0), SPEC._replace(augmentation=())
    seen = set()
    for step in range(8):
        augmented = batches.batch_at(images, key, step, 256, SPEC)
        originals = batches.batch_at(images, key, step, 256, plain)
        for result, original in zip(np.asarray(augmented.images), np.asarray(originals.images), strict=True):
            padded = np.pad(original, ((2, 2), (2, 2), (0, 0)), mode="reflect")
            crops = {
                (y, x, flip): padded[y : y + 8, x : x + 8][:, :: -1 if flip else 1].tobytes()
                for y in range(5)
                for x in range(5)
                for flip in (False, True)
            }
            matches = [kind for kind, crop in crops.items() if crop == result.tobytes()]
            assert matches
            seen.update(matches)
    assert len(seen) == 50


def test_normalised_training_images_have_zero_mean_and_unit_variance(images):
    pixels = np.asarray(batches.normalise(images.train_images, images))
    np.testing.assert_allclose(pixels.mean((0, 1, 2)), 0, atol=1e-4)
    np.testing.assert_allclose(pixels.std((0, 1, 2)), 1, atol=1e-4)


class TestChecksum:
    def test_it_notices_one_changed_pixel_label_or_a_swap(self, images):
        batch = batches.batch_at(images, batches.run_key(0), 0, 128, SPEC)
        changed = [
            Batch(batch.images.at[3, 2, 1, 0].add(1), batch.labels),
            Batch(batch.images, batch.labels.at[0].add(1)),
            Batch(batch.images[::-1], batch.labels[::-1]),
        ]
        sums = {int(batches.checksum(b)) for b in [batch, *changed]}
        assert len(sums) == 4

    def test_the_slices_of_a_batch_add_up(self, images):
        batch = batches.batch_at(images, batches.run_key(0), 0, 128, SPEC)
        parts = [jax.tree.map(lambda x, i=i: x[i * 8 : i * 8 + 8], batch) for i in range(4)]
        total = sum(int(batches.checksum(part, first=8 * i)) for i, part in enumerate(parts)) % 2**32
        assert total == int(batches.checksum(batch))


def test_subsets_share_a_prefix(dataset, images):
    """The images of the smaller subset are among those of the larger one."""
    plain = SPEC._replace(augmentation=())

    def rows(size):
        key = batches.run_key(1)
        return {
            image.tobytes()
            for step in range(size // 32)
            for image in np.asarray(batches.batch_at(images, key, step, size, plain).images)
        }

    assert rows(64) < rows(128) < rows(256)
    assert replace(dataset).train_size == 256
