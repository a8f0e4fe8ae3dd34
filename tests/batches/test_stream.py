"""Batches in the background: the same ones, in order, and nothing left behind."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from contextlib import closing

import numpy as np
import pytest

from sightline.batches.augmentation import PRESETS, Augmentation
from sightline.batches.randomness import digest_keys
from sightline.batches.stream import Examples, TrainingBatches, ahead, plain_batches
from sightline.files import sha256_bytes


def examples(count: int = 23) -> Examples:
    generator = np.random.default_rng(0)
    return Examples(
        pixels=generator.integers(0, 256, (count, 16, 16, 3), dtype=np.uint8),
        targets=np.eye(3, dtype=np.float32)[np.arange(count) % 3],
        weights=np.arange(count, dtype=np.float32),
        keys=digest_keys([sha256_bytes(str(number).encode()) for number in range(count)]),
    )


def batches(augmentation: Augmentation = PRESETS["strong"], **options) -> TrainingBatches:
    return TrainingBatches(
        examples=examples(), augmentation=augmentation, batch_size=5, seed=4, **options
    )


def own_threads() -> list[threading.Thread]:
    return [t for t in threading.enumerate() if t.name.startswith("sightline-batches")]


def test_an_epoch_holds_each_example_once_with_its_target_and_weight():
    given = batches(PRESETS["none"])
    made = list(given.epoch(0))
    assert [len(batch.pixels) for batch in made] == [5, 5, 5, 5, 3]
    assert given.steps == len(made)
    order = np.concatenate([batch.weights for batch in made]).astype(int)
    assert sorted(order) == list(range(23))
    np.testing.assert_array_equal(
        np.concatenate([batch.pixels for batch in made]), given.examples.pixels[order]
    )
    np.testing.assert_array_equal(
        np.concatenate([batch.targets for batch in made]), given.examples.targets[order]
    )
    assert np.concatenate([given.indices(0, s) for s in range(5)]).tolist() == order.tolist()


@pytest.mark.parametrize("workers", [0, 1, 5])
def test_threads_change_nothing(workers):
    mixing = Augmentation(rotation=10, hue=20, mixup=0.2)
    expected = list(batches(mixing, workers=0).epoch(2))
    for one, other in zip(batches(mixing, workers=workers).epoch(2), expected, strict=True):
        np.testing.assert_array_equal(one.pixels, other.pixels)
        np.testing.assert_array_equal(one.targets, other.targets)
        np.testing.assert_array_equal(one.weights, other.weights)


def test_an_epoch_can_be_taken_up_at_any_step():
    whole = list(batches().epoch(1))
    rest = list(batches().epoch(1, first_step=3))
    assert len(rest) == 2
    np.testing.assert_array_equal(rest[0].pixels, whole[3].pixels)
    np.testing.assert_array_equal(rest[1].pixels, whole[4].pixels)


def test_the_first_steps_may_see_smaller_images():
    grown = batches(small=(8, 12), small_steps=7)
    assert grown.steps == 5
    sizes = [grown.make(*at).pixels.shape[1:3] for at in ((0, 0), (1, 1), (1, 2), (2, 0))]
    assert sizes == [(8, 12), (8, 12), (16, 16), (16, 16)]
    assert np.array_equal(grown.make(2, 1).pixels, batches().make(2, 1).pixels)
    halved = batches(PRESETS["none"], small=(8, 8), small_steps=1).make(0, 0).pixels
    plain = batches(PRESETS["none"]).make(0, 0).pixels
    means = plain.reshape(-1, 8, 2, 8, 2, 3).mean(axis=(2, 4))
    assert np.abs(halved - means).max() <= 0.5


def test_batch_size_does_not_change_an_image():
    small, large = (
        batches(),
        TrainingBatches(examples=examples(), augmentation=PRESETS["strong"], batch_size=23, seed=4),
    )
    by_weight = {int(w): p for w, p in zip(*pair(large.make(0, 0)), strict=True)}
    for batch in small.epoch(0):
        for weight, pixels in zip(*pair(batch), strict=True):
            np.testing.assert_array_equal(pixels, by_weight[int(weight)])


def pair(batch):
    return batch.weights, batch.pixels


def test_hosts_make_the_shares_of_one_batch():
    whole = batches().make(0, 1)
    shares = [batches(host=host, hosts=2).make(0, 1) for host in range(2)]
    assert sorted(np.concatenate([s.weights for s in shares])) == sorted(whole.weights)


def test_a_host_without_an_image_in_the_last_batch_gets_an_empty_one():
    mixing = Augmentation(rotation=10, mixup=0.2, cutmix=1.0)
    empty = batches(mixing, host=4, hosts=5).make(0, 4)
    assert empty.pixels.shape == (0, 16, 16, 3) and empty.targets.shape == (0, 3)


def test_plain_batches_keep_the_order():
    made = list(plain_batches(examples(), batch_size=10))
    assert np.concatenate([batch.weights for batch in made]).tolist() == list(range(23))


def test_lengths_must_agree():
    given = examples()
    with pytest.raises(ValueError, match="differ in length"):
        Examples(
            pixels=given.pixels, targets=given.targets, weights=given.weights, keys=given.keys[1:]
        )


@pytest.mark.parametrize("workers", [0, 2])
def test_an_error_surfaces_at_its_place(workers):
    def make(item: int) -> int:
        if item == 3:
            raise ValueError("the third")
        return item * 10

    made = []
    with pytest.raises(ValueError, match="the third"):
        for value in ahead(make, range(6), workers=workers):
            made.append(value)
    assert made == [0, 10, 20]
    assert own_threads() == []


def test_leaving_early_leaves_no_thread_and_makes_little_more():
    begun: list[int] = []

    def make(item: int) -> int:
        begun.append(item)
        time.sleep(0.01)
        return item

    with closing(ahead(make, range(1000), workers=2)) as stream:
        assert [next(stream), next(stream)] == [0, 1]
    assert own_threads() == []
    assert len(begun) <= 6


def test_order_holds_whatever_is_ready_first():
    def make(item: int) -> int:
        time.sleep(0.002 * (item % 3 == 0))
        return item

    assert list(ahead(make, range(30), workers=4)) == list(range(30))


def test_items_are_read_only_as_far_as_needed():
    def endless():
        number = 0
        while True:
            yield number
            number += 1

    with closing(ahead(lambda item: item, endless(), workers=2)) as stream:
        assert [next(stream) for _ in range(5)] == [0, 1, 2, 3, 4]


def test_ctrl_c_ends_the_process():
    script = (
        "import time\n"
        "from sightline.batches.stream import ahead\n"
        "stream = ahead(lambda item: time.sleep(0.05) or item, range(10000), workers=2)\n"
        "next(stream)\n"
        "print('ready', flush=True)\n"
        "for _ in stream: pass\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == -signal.SIGINT and "KeyboardInterrupt" in errors


def test_a_teacher_sees_the_view_that_is_learned_from():
    seen = []

    def answer(pixels):
        seen.append(pixels)
        return pixels[:, 0, 0, :1].astype(np.float32)

    mixing = Augmentation(rotation=10, hue=20, horizontal_flip=True, mixup=0.2)
    plain = batches(mixing, workers=0)
    given = batches(mixing, workers=0, teacher=batches(mixing, workers=0, prepare=answer))
    for step in range(2):
        batch = given.make(1, step)
        np.testing.assert_array_equal(batch.pixels, plain.make(1, step).pixels)
        np.testing.assert_array_equal(batch.pixels, seen[step])
        np.testing.assert_array_equal(batch.taught[:, 0], seen[step][:, 0, 0, 0])
    assert plain.make(1, 0).taught is None
