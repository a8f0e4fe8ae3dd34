"""What a method of compression is, as data: a step from a bundle to a smaller bundle."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from sightline.compression.options import Options
from sightline.errors import ConfigError, did_you_mean


@dataclass(frozen=True, kw_only=True)
class Method:
    """One way to make a model smaller or faster.

    Attributes:
        name: What it is called everywhere.
        title: For people.
        summary: One line on what it does.
        apply: `"module:function"`: `(bundle, data, session, options) -> Made`, where `data` is a
            `training.learnable.Learnable` and `session` a `training.session.Session`.
        check: `"module:function"`: `(bundle, options)`, raises `ConfigError` where the method
            cannot be applied to the bundle; called before an image is read.
        options: The kind of its options.
        source: The paper.
    """

    name: str
    title: str
    summary: str
    apply: str
    check: str
    options: type[Options]
    source: str

    def options_from(self, given: Mapping[str, Any]) -> Options:
        """Return the method's options, those not given at their defaults.

        Raises:
            ConfigError: The method has no such option, or not with this value.
        """
        known = [field.name for field in fields(self.options)]
        for name in given:
            if name not in known:
                raise ConfigError(
                    f"The method {self.name} has no option {name!r}.{did_you_mean(name, known)}",
                    expected="one of " + ", ".join(known),
                    code="unknown_option",
                )
        return self.options(**given)
