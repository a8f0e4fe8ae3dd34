from __future__ import annotations

import pickle
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline.errors import ConfigError, DataError, ImageError
from sightline.predictions import Predictions

CLASSES = ("cat", "dog", "fox")
NAN = float("nan")


def array(*rows: tuple[float, ...]) -> np.ndarray:
    return np.array(rows, np.float32).reshape(len(rows), -1)


def multi_class() -> Predictions:
    return Predictions(
        task="multi_class",
        classes=CLASSES,
        names=("a.jpg", "broken.jpg", "b.jpg"),
        probabilities=array((0.2, 0.7, 0.1), (NAN, NAN, NAN), (0.4, 0.2, 0.4)),
        errors={1: ImageError("No image in broken.jpg.", expected="a JPEG", code="truncated")},
        logits=array((1, 2, 0), (NAN, NAN, NAN), (1, 0, 1)),
    )


def multi_label(**changes: object) -> Predictions:
    record = Predictions(
        task="multi_label",
        classes=CLASSES,
        names=("a", "b", "c"),
        probabilities=array((0.9, 0.7, 0.1), (0.2, 0.3, 0.4), (NAN, NAN, NAN)),
        errors={2: ImageError("Gone.")},
    )
    return replace(record, **changes)  # type: ignore[arg-type]


def test_multi_class_answers_with_the_most_probable_class() -> None:
    predictions = multi_class()
    assert predictions.labels == ("dog", None, "cat")  # equal: the class listed first
    assert predictions.ok.tolist() == [True, False, True]
    np.testing.assert_array_equal(predictions.confidence, np.float32([0.7, NAN, 0.4]))


def test_multi_label_answers_with_every_label_from_its_threshold() -> None:
    assert multi_label().labels == (("cat", "dog"), (), None)
    assert multi_label(threshold={"dog": 0.71, "fox": 0.4}).labels == (("cat",), ("fox",), None)
    # float32(0.7) is below 0.7 in float64
    assert multi_label(threshold=0.7).labels[0] == ("cat", "dog")
    assert multi_label(threshold={"dog": 0.7}).labels[0] == ("cat", "dog")


def test_confidence_of_a_multi_label_answer_is_its_least_certain_decision() -> None:
    np.testing.assert_allclose(multi_label().confidence, [0.7, 0.6, NAN], rtol=1e-6)


def test_unsure_answers_replace_labels_below_the_threshold_only() -> None:
    assert multi_class().answers == ("dog", None, "cat")
    assert replace(multi_class(), unsure_below=0.5).answers == ("dog", None, "unsure")
    assert replace(multi_class(), unsure_below=0.7).answers == ("dog", None, "unsure")
    assert replace(multi_class(), unsure_below=0.5).labels == ("dog", None, "cat")


def test_a_multi_label_answer_holds_the_labels_that_are_sure() -> None:
    # Decisions: 0.9, 0.7, 0.9 of the first image; 0.8, 0.7, 0.6 of the second.
    predictions = multi_label(unsure_below=0.75)
    assert predictions.unsure_decisions.tolist() == [
        [False, True, False],
        [False, True, True],
        [False, False, False],
    ]
    assert predictions.answers == (("cat",), (), None)
    assert predictions.unsure.tolist() == [True, True, False]
    assert list(predictions.to_rows())[0]["unsure_labels"] == ["dog"]
    by_label = multi_label(unsure_below={"fox": 0.65})
    assert by_label.unsure.tolist() == [False, True, False]
    assert by_label.answers == (("cat", "dog"), (), None)


def test_what_is_far_from_the_training_data_is_called_so() -> None:
    far = replace(
        multi_class(), distances=np.float32([0.5, NAN, 0.2]), unlike_above=0.4, unsure_below=0.5
    )
    assert far.unlike.tolist() == [True, False, False]
    assert far.answers == ("unlike the training data", None, "unsure")
    assert far.labels == ("dog", None, "cat")
    rows = list(far.to_rows())
    assert [row["unlike"] for row in rows] == [True, False, False]
    assert [row["distance"] for row in rows] == [0.5, None, 0.2]
    assert replace(far, unlike_above=None).answers[0] == "dog"
    assert far[[2, 0]].unlike.tolist() == [False, True]
    assert Predictions.concatenate([far, far]).unlike.tolist() == [True, False, False] * 2


def test_one_of_two_classes_may_have_a_threshold_of_its_own() -> None:
    record = Predictions(
        task="multi_class",
        classes=("defect", "fine"),
        names=("a", "b", "c"),
        probabilities=array((0.3, 0.7), (0.1, 0.9), (0.2, 0.8)),
        threshold={"defect": 0.2},
    )
    assert record.labels == ("defect", "fine", "defect")  # reached is enough
    np.testing.assert_allclose(record.confidence, [0.3, 0.9, 0.2])
    assert replace(record, threshold={"fine": 0.8}).labels == ("defect", "fine", "fine")
    assert replace(record, threshold={}).labels == ("fine",) * 3


def test_top_orders_by_probability_and_then_by_class() -> None:
    best = multi_class().top(2)
    assert [[name for name, _ in row] for row in best] == [["dog", "cat"], [], ["cat", "fox"]]
    assert best[0][0][1] == pytest.approx(0.7)
    assert len(multi_class().top(9)[0]) == 3
    with pytest.raises(ConfigError, match="top"):
        multi_class().top(0)


def test_rows_are_json_ready_and_carry_the_error() -> None:
    rows = list(replace(multi_class(), unsure_below=0.5).to_rows(top=1))
    assert [row["name"] for row in rows] == ["a.jpg", "broken.jpg", "b.jpg"]
    assert [row["answer"] for row in rows] == ["dog", None, "unsure"]
    assert [row["unsure"] for row in rows] == [False, False, True]
    assert rows[0]["top"] == [{"label": "dog", "probability": 0.7}]  # not 0.699999988
    assert rows[1]["top"] == [] and rows[1]["confidence"] is None
    assert rows[1]["error"] == {
        "code": "truncated",
        "what": "No image in broken.jpg.",
        "expected": "a JPEG",
        "fix": None,
    }
    assert list(multi_label().to_rows())[0]["answer"] == ["cat", "dog"]


def test_some_rows_by_number_slice_mask_and_name() -> None:
    predictions = multi_class()
    assert predictions[1:].names == ("broken.jpg", "b.jpg")
    assert list(predictions[1:].errors) == [0]
    assert predictions[-1].names == ("b.jpg",)
    assert predictions[[2, 0]].labels == ("cat", "dog")
    assert predictions[predictions.ok].names == ("a.jpg", "b.jpg")
    assert predictions["a.jpg"].logits is not None
    assert [one.names[0] for one in predictions] == list(predictions.names)
    with pytest.raises(ConfigError, match="Did you mean 'a.jpg'"):
        predictions["a.jpeg"]
    with pytest.raises(IndexError):
        predictions[3]


def test_arrays_and_errors_cannot_be_changed() -> None:
    predictions = multi_class()
    with pytest.raises(ValueError, match="read-only"):
        predictions.probabilities[0] = 0
    with pytest.raises(TypeError):
        predictions.errors[0] = ImageError("no")  # type: ignore[index]


def test_pickle_gives_the_same_record() -> None:
    again = pickle.loads(pickle.dumps(multi_label(threshold={"dog": 0.9})))
    assert again.labels == multi_label(threshold={"dog": 0.9}).labels
    assert again.errors[2].what == "Gone."


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"task": "regression"}, "Unknown task 'regression'"),
        ({"classes": ()}, "no classes"),
        ({"classes": ("cat", "cat", "fox")}, "'cat' stands twice"),
        ({"names": ("a", "b")}, r"float32 of shape \(3, 3\)"),
        ({"probabilities": np.zeros((3, 3))}, "float64"),
        ({"probabilities": [[1]]}, "list"),
        ({"probabilities": np.zeros((3, 2), np.float32)}, r"\(3, 2\)"),
        ({"errors": {}}, "not finite: row 1"),
        ({"errors": {0: ImageError("x"), 1: ImageError("y")}}, "numbers in a failed row: row 0"),
        ({"errors": {1: ImageError("x"), 7: ImageError("y")}}, "row 7 of 3"),
        ({"logits": np.zeros((3, 3), np.float32)}, "numbers in a failed row: row 1"),
        ({"embeddings": np.zeros((2, 8), np.float32)}, r"embeddings are float32 of shape \(2, 8\)"),
        ({"threshold": 2.0}, "is 2.0"),
        ({"threshold": {"cow": 0.5}}, "Unknown class 'cow'"),
        ({"unsure_below": -0.1}, "is -0.1"),
        ({"threshold": {"cat": 0.5}}, "1 of 3 classes"),
        ({"unlike_above": 3.0}, "is 3.0"),
        ({"distances": np.zeros((3, 1), np.float32)}, r"shape \(3, 1\)"),
        ({"distances": np.zeros(3, np.float32)}, "numbers in a failed row: row 1"),
    ],
)
def test_a_record_that_contradicts_itself_is_refused(
    changes: dict[str, object], message: str
) -> None:
    with pytest.raises((ConfigError, DataError), match=message) as caught:
        replace(multi_class(), **changes)  # type: ignore[arg-type]
    assert caught.value.expected


def test_logits_given_as_probabilities_are_refused_with_the_remedy() -> None:
    for rows in (array((3, -1, 0)), array((0.5, 0.5, 0.5))):
        with pytest.raises(DataError, match="add up to") as caught:
            Predictions(task="multi_class", classes=CLASSES, names=("a",), probabilities=rows)
        assert "softmax" in str(caught.value.fix)


def test_chunks_must_be_of_one_model() -> None:
    with pytest.raises(DataError, match="task"):
        Predictions.concatenate([multi_class(), multi_label()])
    with pytest.raises(DataError, match="lack logits"):
        Predictions.concatenate([multi_class(), replace(multi_class(), logits=None)])
    with pytest.raises(DataError, match="No predictions"):
        Predictions.concatenate([])


def test_a_chunk_of_failures_or_of_nothing_may_lack_the_arrays_of_the_others() -> None:
    failed = replace(multi_class()[1:2], logits=None)
    joined = Predictions.concatenate([failed[:0], multi_class(), failed])
    assert joined.logits is not None and joined.logits.shape == (4, 3)
    assert list(joined.errors) == [1, 3]


@given(st.lists(st.integers(0, 9), max_size=4))
def test_cutting_and_joining_is_the_identity(cuts: list[int]) -> None:
    random = np.random.default_rng(0)
    probabilities = random.dirichlet([1, 1, 1], 9).astype(np.float32)
    probabilities[4] = NAN
    whole = Predictions(
        task="multi_class",
        classes=CLASSES,
        names=tuple("abcdefghi"),
        probabilities=probabilities,
        errors={4: ImageError("bad")},
    )
    edges = [0, *sorted(cuts), 9]
    parts = [whole[low:high] for low, high in zip(edges, edges[1:], strict=False)]
    joined = Predictions.concatenate(parts)
    assert joined.names == whole.names
    assert dict(joined.errors) == dict(whole.errors)
    np.testing.assert_array_equal(joined.probabilities, whole.probabilities)
