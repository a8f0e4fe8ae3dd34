from __future__ import annotations

import subprocess
import sys

import pytest

from sightline.images import decoder_version


@pytest.mark.train
@pytest.mark.parametrize("first", ["tensorflow", "h5py", "cv2"])
def test_the_version_does_not_depend_on_what_was_imported_first(first: str) -> None:
    """It is a key of caches that training fills and prediction reads."""
    program = f"import {first}, sightline.images as i; print(i.decoder_version())"
    child = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=True
    )
    assert child.stdout.strip() == decoder_version()
