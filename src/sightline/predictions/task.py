"""The two questions that a classifier answers."""

from typing import Literal

Task = Literal["multi_class", "multi_label"]
"""Exactly one class is right (probabilities add up to one), or any number of them."""
