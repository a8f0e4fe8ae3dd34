"""Disjoint sets of strings that know their smallest member."""

from __future__ import annotations


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
