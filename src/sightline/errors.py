"""Every exception that a user of Sightline can meet.

Raised anywhere, translated once per edge: `cli` turns them into an exit code,
`server` into a status. A message has three parts: what happened, what was
expected, what to do. Nothing here may import anything else of Sightline.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar


class SightlineError(Exception):
    """The root of the family.

    Args:
        what: What happened, naming the item (file, option, tensor) and the value received.
        expected: What would have been right.
        fix: What the user can do about it, as a command where there is one.
        code: A stable machine-readable reason, for example `"truncated"`.
        details: More facts for `--json` and logs; must be JSON-serialisable.
    """

    exit_code: ClassVar[int] = 1
    default_code: ClassVar[str] = "unexpected"

    def __init__(
        self,
        what: str,
        *,
        expected: str | None = None,
        fix: str | None = None,
        code: str | None = None,
        details: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(what, expected, fix)
        self.what = what
        self.expected = expected
        self.fix = fix
        self.code = code or self.default_code
        self.details = dict(details or {})

    def __str__(self) -> str:
        parts = [self.what]
        if self.expected:
            parts.append(f"Expected: {self.expected}")
        if self.fix:
            parts.append(f"To do: {self.fix}")
        return "\n".join(parts)

    def __reduce__(self) -> tuple[Any, ...]:
        # Keyword-only arguments would be lost by the default, and errors cross process borders.
        return _rebuild, (type(self), self.what, self.expected, self.fix, self.code, self.details)


def _rebuild(
    kind: type[SightlineError],
    what: str,
    expected: str | None,
    fix: str | None,
    code: str,
    details: Mapping[str, Any],
) -> SightlineError:
    return kind(what, expected=expected, fix=fix, code=code, details=details)


class ConfigError(SightlineError):
    """An argument or option has a wrong name, type or value."""

    exit_code = 2
    default_code = "bad_option"


class DataError(SightlineError):
    """The images, labels or their layout cannot be used as they are."""

    exit_code = 3
    default_code = "bad_data"


class ImageError(DataError):
    """One image cannot become pixels. `code` says why (`images.decoding` lists the codes)."""

    default_code = "not_an_image"


class NonFiniteError(DataError):
    """The loss or a weight became NaN or infinite while training."""

    default_code = "non_finite"


class CheckFailedError(SightlineError):
    """A check that the user asked for ran and failed."""

    exit_code = 3
    default_code = "check_failed"


class ModelError(SightlineError):
    """A model file cannot be used: damaged, of another version, or not what it says."""

    exit_code = 4
    default_code = "bad_model"


class UnsafeModelError(ModelError):
    """A model file is built to do harm: bomb, traversal, or more than it declares."""

    default_code = "unsafe_model"


class UntrustedModelError(ModelError):
    """A model file could execute code and was not declared trusted."""

    default_code = "untrusted_model"


class ResumeMismatchError(ModelError):
    """A checkpoint belongs to another run: other data, recipe, architecture or versions."""

    default_code = "resume_mismatch"


class MachineError(SightlineError):
    """The machine lacks something: a package, room on the disk, a permission, the network."""

    exit_code = 5
    default_code = "machine"


class MissingPackageError(MachineError):
    """An optional package is needed and not installed."""

    default_code = "missing_package"


class Interrupted(SightlineError):
    """A signal asked to stop, and what was done so far is saved.

    Args:
        signal_number: 2 for Ctrl-C, 15 for a termination request; exit code 128 + number.
    """

    default_code = "interrupted"

    def __init__(self, what: str, *, signal_number: int, fix: str | None = None) -> None:
        super().__init__(what, fix=fix)
        self.signal_number = signal_number

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild_interrupted, (self.what, self.signal_number, self.fix)


def _rebuild_interrupted(what: str, signal_number: int, fix: str | None) -> Interrupted:
    return Interrupted(what, signal_number=signal_number, fix=fix)


def exit_code_of(error: BaseException) -> int:
    """Return the exit code of the command line for `error`."""
    if isinstance(error, Interrupted):
        return 128 + error.signal_number
    if isinstance(error, KeyboardInterrupt):
        return 130
    if isinstance(error, SightlineError):
        return error.exit_code
    return 1


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return `" Did you mean 'x'?"` for the known name nearest to `name`, or an empty string."""
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f" Did you mean {near[0]!r}?" if near else ""


def unknown_name(noun: str, name: object, known: Iterable[str]) -> ConfigError:
    """Return the error for a name that is not in a table, suggesting the nearest one."""
    names = sorted(known)
    return ConfigError(
        f"Unknown {noun} {name!r}.{did_you_mean(str(name), names)}",
        expected="one of " + ", ".join(names),
        fix="use one of these names" if names else None,
        code=f"unknown_{noun.replace(' ', '_')}",
    )
