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
from sightline.verification.files import (
    FileReader,
    FilesProof,
    FilesTolerance,
    Reading,
    compare_files,
    require_files,
    runner_reader,
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
    "FileReader",
    "FilesProof",
    "FilesTolerance",
    "Golden",
    "GoldenCheck",
    "Reading",
    "Tolerance",
    "Verification",
    "check_golden",
    "compare_files",
    "compare_outputs",
    "compare_runners",
    "drawn_pixels",
    "make_golden",
    "require_agreement",
    "require_files",
    "runner_reader",
]
