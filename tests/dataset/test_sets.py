from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sightline.dataset.sets import Chains, Sets

PAIRS = st.lists(st.tuples(st.integers(0, 15), st.integers(0, 15)), max_size=30)


def components(pairs) -> dict[int, set[int]]:
    """Return the component of each number, by spreading until nothing changes."""
    found = {i: {i} for i in range(16)}
    for _ in range(16):
        for a, b in pairs:
            joined = found[a] | found[b]
            for member in joined:
                found[member] = joined
    return found


@given(PAIRS)
def test_the_smallest_member_names_a_set(pairs):
    sets = Sets()
    for a, b in pairs:
        sets.union(f"{a:02}", f"{b:02}")
    for member, together in components(pairs).items():
        assert sets.smallest(f"{member:02}") == f"{min(together):02}"


@given(PAIRS)
def test_sizes_are_sums_of_weights(pairs):
    chains = Chains(list(range(16)))
    for a, b in pairs:
        chains.union(a, b)
    for member, together in components(pairs).items():
        assert chains.size(member) == sum(together)
