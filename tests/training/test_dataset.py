from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from synthetic_films import recipe, write_films

from chexnet.datasets import read_manifest
from chexnet.radiograph import Preprocessing, UnreadableImage, network_input, read_radiograph
from chexnet.training.dataset import Augmentation, EpochSampler, TrainingImages, loader
from chexnet.training.dataset import _turned as turned_image

NONE = Augmentation(flip=0.0, shift=0.0, contrast=0.0)


def generator(seed=0):
    return np.random.default_rng(seed)


@pytest.fixture(scope="module")
def image():
    return generator().normal(size=(3, 32, 32)).astype(np.float32)


def test_no_augmentation_leaves_the_image_alone(image):
    np.testing.assert_array_equal(NONE(image, generator()), image)


def test_a_flip_mirrors_left_and_right(image):
    flipped = Augmentation(flip=1.0, shift=0.0, contrast=0.0)(image, generator())
    for column in range(32):
        np.testing.assert_array_equal(flipped[:, :, column], image[:, :, 31 - column])


def test_half_of_the_images_are_flipped(image):
    flip = Augmentation(flip=0.5, shift=0.0, contrast=0.0)
    flips = sum(not np.array_equal(flip(image, generator(seed)), image) for seed in range(400))
    # Four standard deviations of a fair coin thrown 400 times.
    assert abs(flips - 200) < 40


@pytest.mark.parametrize("seed", range(10))
def test_a_shift_moves_the_whole_image_and_repeats_its_edge(image, seed):
    shifted = Augmentation(flip=0.0, shift=0.25, contrast=0.0)(image, generator(seed))
    padded = np.pad(image, ((0, 0), (8, 8), (8, 8)), mode="edge")
    windows = [padded[:, row : row + 32, column : column + 32] for row in range(17) for column in range(17)]
    assert sum(np.array_equal(shifted, window) for window in windows) == 1


def test_shifts_reach_both_ways_along_both_axes():
    dot = np.zeros((3, 32, 32), np.float32)
    dot[:, 16, 16] = 1
    shift = Augmentation(flip=0.0, shift=0.25, contrast=0.0)
    places = np.array([np.argwhere(shift(dot, generator(seed))[0])[0] for seed in range(200)])
    assert places.min(axis=0).tolist() == [8, 8]
    assert places.max(axis=0).tolist() == [24, 24]


def test_contrast_stretches_about_the_mean(image):
    stretched = Augmentation(flip=0.0, shift=0.0, contrast=0.2)(image, generator(1))
    scale = stretched.std() / image.std()
    assert 0.8 <= scale <= 1.2
    assert abs(scale - 1) > 1e-3
    # One multiplication and one addition in float32.
    np.testing.assert_allclose(stretched, image.mean() + scale * (image - image.mean()), atol=1e-5)


@given(st.floats(0, 1), st.floats(0, 0.49), st.floats(0, 0.9), st.integers(0, 2**32))
def test_the_same_seed_gives_the_same_image(flip, shift, contrast, seed):
    image = generator(5).normal(size=(3, 8, 8)).astype(np.float32)
    augmentation = Augmentation(flip, shift, contrast)
    one = augmentation(image, generator(seed))
    np.testing.assert_array_equal(one, augmentation(image, generator(seed)))
    assert one.shape == image.shape
    assert np.isfinite(one).all()


@given(st.integers(1, 60), st.integers(1, 4), st.integers(0, 5), st.integers(0, 2**32))
def test_processes_share_each_epoch_without_overlap_and_in_equal_steps(rows, processes, epoch, seed):
    samplers = [
        EpochSampler(rows, seed=seed, shuffle=True, rank=rank, processes=processes)
        for rank in range(processes)
    ]
    for sampler in samplers:
        sampler.set_epoch(epoch)
    dealt = [list(sampler) for sampler in samplers]
    assert len({len(share) for share in dealt}) == 1
    assert [len(sampler) for sampler in samplers] == [len(share) for share in dealt]
    counted = Counter(row for share in dealt for row, _ in share)
    assert max(counted.values(), default=1) == 1
    # The few rows that cannot be shared equally wait for another epoch.
    assert rows - sum(counted.values()) == rows % processes
    alone = EpochSampler(rows, seed=seed, shuffle=True)
    alone.set_epoch(epoch)
    together = [key for turn in zip(*dealt, strict=True) for key in turn]
    assert together == list(alone)[: len(together)]


@given(st.integers(1, 60), st.integers(1, 4))
def test_validation_sees_each_row_once_in_order_and_unaugmented(rows, processes):
    dealt = [
        list(EpochSampler(rows, seed=0, shuffle=False, rank=rank, processes=processes))
        for rank in range(processes)
    ]
    assert sorted(key for share in dealt for key in share) == [(row, None) for row in range(rows)]
    assert all(share == sorted(share) for share in dealt)


def test_the_order_depends_on_the_seed_and_the_epoch_alone():
    def order(seed, epoch):
        sampler = EpochSampler(50, seed=seed, shuffle=True)
        sampler.set_epoch(epoch)
        return list(sampler)

    assert order(1, 2) == order(1, 2)
    assert order(1, 2) != order(1, 3)
    assert order(1, 2) != order(2, 2)


def test_an_image_and_its_labels_are_those_of_prediction(manifest):
    images = TrainingImages(manifest, Preprocessing(size=64), Augmentation(1.0, 0.4, 0.5))
    image, labels = images[(3, None)]
    expected = network_input(read_radiograph(manifest.images[3]), Preprocessing(size=64))
    np.testing.assert_array_equal(image.numpy(), expected)
    assert labels.tolist() == [1]


def batches(manifest, **options):
    wanted = {"train": True, "workers": 0, "epoch": 0} | options
    epoch = wanted.pop("epoch")
    made = loader(manifest, wanted.pop("config", recipe()), **wanted)
    made.sampler.set_epoch(epoch)
    return list(made)


def test_validation_is_never_augmented(manifest):
    found = torch.cat([images for images, _ in batches(manifest, train=False)])
    expected = [network_input(read_radiograph(path), Preprocessing(size=32)) for path in manifest.images]
    np.testing.assert_array_equal(found.numpy(), np.stack(expected))


def test_training_images_differ_from_epoch_to_epoch_and_not_from_run_to_run(manifest):
    one, again, next_epoch = (batches(manifest, epoch=epoch) for epoch in (4, 4, 5))
    assert all(torch.equal(a, b) for (a, _), (b, _) in zip(one, again, strict=True))
    assert not torch.equal(one[0][0], next_epoch[0][0])


def test_worker_processes_make_the_images_that_the_main_process_makes(manifest):
    few = manifest.select(np.arange(16))
    here, there = batches(few, workers=0), batches(few, workers=2)
    assert len(here) == len(there) == 2
    for (images, labels), (others, other_labels) in zip(here, there, strict=True):
        assert torch.equal(images, others)
        assert torch.equal(labels, other_labels)


@pytest.mark.parametrize("rows", [2, 7, 8, 9, 16, 17])
def test_no_training_batch_holds_a_single_image(manifest, rows):
    sizes = [len(images) for images, _ in batches(manifest.select(np.arange(rows)))]
    assert sum(sizes) > rows - 8
    assert min(sizes) >= 2


def test_the_last_validation_batch_may_hold_a_single_image(manifest):
    sizes = [len(images) for images, _ in batches(manifest.select(np.arange(9)), train=False)]
    assert sizes == [8, 1]


@pytest.mark.parametrize(
    ("rows", "batch_size", "processes", "said"),
    [
        (1, 8, 1, "expected at least 2 of each"),
        (20, 1, 1, "expected at least 2 of each"),
        (20, 2, 2, "expected at least 2 of each"),
        (3, 8, 2, "expected at least 2 of each"),
        (20, 8, 3, "batch_size is 8; expected a multiple of the 3 processes"),
    ],
)
def test_batches_too_small_to_normalise_are_refused(manifest, rows, batch_size, processes, said):
    with pytest.raises(ValueError, match=said):
        loader(
            manifest.select(np.arange(rows)),
            recipe(batch_size=batch_size),
            train=True,
            workers=0,
            processes=processes,
        )


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize("damage", ["truncated", "gone"])
def test_an_unreadable_image_is_named_whichever_process_reads_it(tmp_path, workers, damage):
    few = read_manifest(write_films(tmp_path, films=4))
    victim = few.images[2]
    if damage == "gone":
        victim.unlink()
    else:
        victim.write_bytes(victim.read_bytes()[:100])
    with pytest.raises(UnreadableImage) as error:
        batches(few, workers=workers, train=False)
    assert str(error.value).startswith(str(victim))
    assert "\n" not in str(error.value)


def test_the_recipe_decides_what_happens_to_an_image(manifest):
    plain = batches(manifest, config=replace(recipe(), flip=0.0, shift=0.0, contrast=0.0))
    seen = {image.numpy().tobytes() for images, _ in plain for image in images}
    expected = {
        network_input(read_radiograph(path), Preprocessing(size=32)).tobytes() for path in manifest.images
    }
    assert seen <= expected


def test_a_rotation_and_zoom_move_each_point_as_geometry_says():
    blob = np.exp(-((np.mgrid[0:64, 0:64] - np.array([20, 40])[:, None, None]) ** 2).sum(axis=0) / 8)
    film = np.repeat(blob[None], 3, axis=0).astype(np.float32)
    for degrees, zoom in ((30.0, 1.0), (-20.0, 1.2), (0.0, 0.8)):
        turned = turned_image(film, degrees, zoom)
        row, column = np.unravel_index(turned[0].argmax(), turned[0].shape)
        # About the centre, 31.5; anticlockwise as a person sees it, where rows run downward.
        angle, down, right = np.deg2rad(degrees), 20 - 31.5, 40 - 31.5
        expected = (
            31.5 + zoom * (np.cos(angle) * down - np.sin(angle) * right),
            31.5 + zoom * (np.sin(angle) * down + np.cos(angle) * right),
        )
        # The brightest pixel of a blob that lies between pixels.
        np.testing.assert_allclose((row, column), expected, atol=1)


def test_rotations_repeat_the_edge():
    bright = np.full((3, 32, 32), 2.0, np.float32)
    turned = Augmentation(flip=0.0, rotation=20.0, zoom=0.1)(bright, generator())
    np.testing.assert_allclose(turned, 2.0, rtol=1e-6)
