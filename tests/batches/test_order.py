"""The order of images: permutations, hosts and steps."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline.batches.order import batch_indices, epoch_order, steps_per_epoch


@given(
    count=st.integers(1, 300),
    batch_size=st.integers(1, 70),
    hosts=st.integers(1, 5),
    seed=st.integers(0, 2**31),
)
def test_an_epoch_over_all_hosts_and_steps_is_each_image_once(count, batch_size, hosts, seed):
    seen = [
        batch_indices(
            count, batch_size=batch_size, seed=seed, epoch=2, step=step, host=host, hosts=hosts
        )
        for step in range(steps_per_epoch(count, batch_size))
        for host in range(hosts)
    ]
    assert sorted(np.concatenate(seen)) == list(range(count))
    assert max(map(len, seen)) <= -(-batch_size // hosts)


def test_the_last_short_batch_is_kept():
    sizes = [len(batch_indices(10, batch_size=4, seed=0, epoch=0, step=step)) for step in range(3)]
    assert sizes == [4, 4, 2]


def test_hosts_share_the_batch_of_one_host():
    one = batch_indices(20, batch_size=8, seed=1, epoch=3, step=1)
    shares = [
        batch_indices(20, batch_size=8, seed=1, epoch=3, step=1, host=host, hosts=3)
        for host in range(3)
    ]
    assert [len(share) for share in shares] == [3, 3, 2]
    assert set(np.concatenate(shares)) == set(one)


def test_seeds_and_epochs_have_other_orders():
    orders = {tuple(epoch_order(50, seed=seed, epoch=epoch)) for seed in (0, 1) for epoch in (0, 1)}
    assert len(orders) == 4


def test_positions_are_uniform():
    where = [int(np.flatnonzero(epoch_order(10, seed=0, epoch=e) == 0)[0]) for e in range(1000)]
    # Chi-square with 9 degrees of freedom: 27.9 is passed once in a thousand.
    counts = np.bincount(where, minlength=10)
    assert ((counts - 100) ** 2 / 100).sum() < 27.9


def test_the_order_is_pinned_for_runs_that_resume_under_a_new_version():
    assert epoch_order(8, seed=0, epoch=0).tolist() == [2, 0, 6, 7, 1, 5, 3, 4]


def test_the_order_cannot_be_changed_by_a_caller():
    with pytest.raises(ValueError, match="read-only"):
        epoch_order(8, seed=0, epoch=0)[0] = 1


@pytest.mark.parametrize(("step", "host"), [(-1, 0), (3, 0), (0, 2), (0, -1)])
def test_what_is_out_of_range_is_refused(step, host):
    with pytest.raises(ValueError, match="is not"):
        batch_indices(10, batch_size=4, seed=0, epoch=0, step=step, host=host, hosts=2)
