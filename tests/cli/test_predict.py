import numpy as np

from sightline.cli.predict import _lines
from sightline.errors import ImageError
from sightline.predictions import Predictions


def test_the_line_of_a_bad_image_names_it_once():
    nothing = np.full((1, 2), np.nan, np.float32)
    error = ImageError("a.png: The file is empty (0 bytes).", code="empty_file")
    chunk = Predictions(
        task="multi_class",
        classes=("hat", "shoes"),
        names=("a.png",),
        probabilities=nothing,
        errors={0: error},
    )
    assert list(_lines(chunk, 3)) == ["a.png: error empty_file: The file is empty (0 bytes)."]
