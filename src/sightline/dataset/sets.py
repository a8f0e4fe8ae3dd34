"""Disjoint sets: of strings, knowing their smallest member; of numbers, knowing their size."""

from __future__ import annotations

from collections.abc import Sequence


class Sets:
    """Union-find; the root of a set is its smallest member, whatever the order of unions."""

    def __init__(self) -> None:
        self._parent: dict[str, str] = {}

    def union(self, first: str, second: str) -> None:
        """Put the sets of two members together."""
        low, high = sorted((self.smallest(first), self.smallest(second)))
        self._parent[high] = low

    def smallest(self, member: str) -> str:
        """Return the smallest member of a member's set; a new one is alone in its set."""
        parent = self._parent.setdefault(member, member)
        while parent != member:
            # Halving the path keeps it short; roots are never chosen by rank.
            grandparent = self._parent[parent]
            self._parent[member] = grandparent
            member, parent = grandparent, self._parent[grandparent]
        return member


class Chains:
    """Union-find over 0 … n - 1 that knows how much weight is in each set.

    Args:
        weights: Of each member.
    """

    def __init__(self, weights: Sequence[int]) -> None:
        self._parent = list(range(len(weights)))
        self._size = list(weights)

    def union(self, first: int, second: int) -> None:
        """Put the sets of two members together."""
        one, other = self._root(first), self._root(second)
        if one != other:
            self._parent[other] = one
            self._size[one] += self._size[other]

    def size(self, member: int) -> int:
        """Return the weight of a member's set."""
        return self._size[self._root(member)]

    def _root(self, member: int) -> int:
        while self._parent[member] != member:
            self._parent[member] = self._parent[self._parent[member]]
            member = self._parent[member]
        return member
