"""Two runners compared, and golden vectors for everybody else."""

from sightline.inference.reading import FileReader, Reading
from sightline.verification.compare import (
    FLOAT32_TOLERANCE,
    RELATIVE_TOLERANCE,
    Tolerance,
    Verification,
    answers,
    compare_outputs,
    compare_runners,
    overridden,
    require_agreement,
)
from sightline.verification.files import (
    FilesProof,
    FilesTolerance,
    compare_files,
    require_files,
    runner_reader,
)
from sightline.verification.golden import (
    Golden,
    GoldenCheck,
    check_golden,
    compare_drawn,
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
    "answers",
    "check_golden",
    "compare_drawn",
    "compare_files",
    "compare_outputs",
    "compare_runners",
    "drawn_pixels",
    "make_golden",
    "overridden",
    "require_agreement",
    "require_files",
    "runner_reader",
]
