from __future__ import annotations

import numpy as np

from sightline.errors import ImageError
from sightline.evaluation import mistakes
from sightline.predictions import Predictions

NAN = float("nan")


def test_the_surest_wrong_answers_come_first() -> None:
    predictions = Predictions(
        task="multi_class",
        classes=("cat", "dog"),
        names=("right", "wrong", "surely wrong", "broken"),
        probabilities=np.array([(0.9, 0.1), (0.6, 0.4), (0.05, 0.95), (NAN, NAN)], np.float32),
        errors={3: ImageError("broken")},
    )
    found = mistakes(predictions, [("cat",), ("dog",), ("cat",), ("cat",)])
    assert [one.name for one in found] == ["surely wrong", "wrong"]
    assert found[0].answer == ("dog",) and found[0].labels == ("cat",)
    assert found[0].confidence == np.float32(0.95)
    assert found[0].to_json()["answer"] == ["dog"]
    assert len(mistakes(predictions, [("cat",), ("dog",), ("cat",), ("cat",)], 1)) == 1


def test_a_multi_label_mistake_is_as_sure_as_its_surest_wrong_decision() -> None:
    predictions = Predictions(
        task="multi_label",
        classes=("cat", "dog"),
        names=("missed", "invented", "right"),
        probabilities=np.array([(0.9, 0.3), (0.4, 0.8), (0.2, 0.9)], np.float32),
    )
    found = mistakes(predictions, [("cat", "dog"), (), ("dog",)])
    assert [(one.name, round(one.confidence, 3)) for one in found] == [
        ("invented", 0.8),
        ("missed", 0.7),
    ]
    assert found[0].labels == ()
