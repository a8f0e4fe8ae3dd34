"""Run a tutorial script unchanged and keep what it does not print: its answer for each image.

    python benchmarks/tutorial.py ANSWERS.json SCRIPT [ARGUMENT ...]

The script's own globals hold the model and the test images after it ran; the time of this
extra prediction is not in the `wall_s` that the script prints.
"""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path


def main() -> None:
    answers, script, *arguments = sys.argv[1:]
    sys.argv = [script, *arguments]
    left = runpy.run_path(script, run_name="__main__")
    images = left["te"]
    images.reset()
    given = left["model"].predict(images, verbose=0).argmax(axis=1)
    right = {
        name: bool(answer == truth)
        for name, answer, truth in zip(images.filenames, given, images.classes, strict=True)
    }
    Path(answers).write_text(json.dumps(right))


if __name__ == "__main__":
    main()
