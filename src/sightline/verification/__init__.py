"""Two runners compared, and golden vectors for everybody else."""

from sightline.verification.compare import (
    FLOAT32_TOLERANCE,
    RELATIVE_TOLERANCE,
    Tolerance,
    Verification,
    compare_outputs,
    compare_runners,
    require_agreement,
)
from sightline.verification.golden import (
    Golden,
    GoldenCheck,
    check_golden,
    drawn_pixels,
    make_golden,
)

__all__ = [
    "FLOAT32_TOLERANCE",
    "RELATIVE_TOLERANCE",
    "Tolerance",
    "Golden",
    "GoldenCheck",
    "Verification",
    "check_golden",
    "compare_outputs",
    "compare_runners",
    "drawn_pixels",
    "make_golden",
    "require_agreement",
]
