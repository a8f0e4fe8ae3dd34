"""What a method of explanation is: a record in a table, and one function from image to map."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from sightline.explanation.subject import Subject
from sightline.files import load_attribute
from sightline.models.options import Option, Value, complete


@dataclass(frozen=True, kw_only=True, eq=False)
class Attribution:
    """What a method finds in one image.

    Attributes:
        values: float32 (height, width), finite; larger speaks more for the class, below zero
            against it.
        facts: Figures of the method's own, by name.
    """

    values: np.ndarray
    facts: Mapping[str, float] = field(default_factory=dict)


Attribute = Callable[[Subject, np.ndarray, int, Mapping[str, Value]], Attribution]
"""From a model, its uint8 pixels (h, w, c), a class index and all options to a map (h, w)."""


@dataclass(frozen=True, kw_only=True)
class Method:
    """One way to ask a model where it looked.

    Attributes:
        name: The word for it everywhere in Sightline.
        title: The name people use.
        summary: How it works, in one sentence.
        function: An `Attribute`, as `"module:attribute"`.
        needs_gradients: Whether it looks into the network, which needs TensorFlow; else it
            only asks for answers, so any runner will do.
        signed: Whether values below zero speak against the class.
        options: Its options with their defaults.
        source: The paper.
    """

    name: str
    title: str
    summary: str
    function: str
    needs_gradients: bool
    signed: bool
    options: Mapping[str, Option] = field(default_factory=dict)
    source: str

    def complete(self, options: Mapping[str, object]) -> dict[str, Value]:
        """Return every option with its given or default value.

        Raises:
            ConfigError: An unknown option, or a value of a wrong type or out of range.
        """
        return complete(self.options, options, owner=self.name)

    def attribute(
        self,
        subject: Subject,
        pixels: np.ndarray,
        *,
        target: int,
        options: Mapping[str, object] | None = None,
    ) -> Attribution:
        """Return which pixels speak for the class `target`.

        Args:
            subject: The model.
            pixels: uint8 (height, width, channels), its input.
            target: Index of the class.
            options: The method's; defaults are filled in.

        Raises:
            ConfigError: An option is wrong.
            ModelError: The model has no network to look into, and the method needs one.
            MissingPackageError: TensorFlow is needed and not installed.
        """
        function: Attribute = load_attribute(self.function)
        return function(subject, pixels, target, self.complete(options or {}))
