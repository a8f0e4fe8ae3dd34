from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sightline.errors import ConfigError
from sightline.images import BytesSource, FileSource, Preprocessing, Source
from sightline.inference import Outputs, predict, predict_stream
from sightline.models.rules import Rules
from sightline.predictions import Task

CLASSES = ("dark", "light")


class Brightness:
    """A runner that answers by the mean of the pixels; its embedding is that mean."""

    def __init__(self, *, task: Task = "multi_class", rules: Rules | None = None) -> None:
        self.classes = CLASSES
        self.task = task
        self.rules = rules or Rules()
        self.preprocessing = Preprocessing(height=4, width=4)
        self.sizes: list[int] = []

    def run(self, pixels: np.ndarray) -> Outputs:
        self.sizes.append(len(pixels))
        light = (pixels.mean(axis=(1, 2, 3)) / 255).astype(np.float32)
        probabilities = np.stack([1 - light, light], axis=1)
        return Outputs(probabilities=probabilities, logits=probabilities, embedding=light[:, None])


def picture(level: int, name: str | None = None) -> Source:
    stream = io.BytesIO()
    Image.new("RGB", (6, 5), (level, level, level)).save(stream, "PNG")
    return BytesSource(stream.getvalue(), name or f"level {level}")


def decoding_threads() -> list[str]:
    return [t.name for t in threading.enumerate() if t.name.startswith("decode")]


def test_answers_come_in_the_order_of_the_images() -> None:
    levels = [(number * 37) % 256 for number in range(50)]
    chunks = list(predict_stream(Brightness(), map(picture, levels), chunk=8, workers=4))
    assert [len(chunk) for chunk in chunks] == [8] * 6 + [2]
    assert [name for chunk in chunks for name in chunk.names] == [f"level {n}" for n in levels]
    light = np.concatenate([chunk.probabilities[:, 1] for chunk in chunks])
    assert light == pytest.approx(np.array(levels) / 255, abs=1e-6)


def test_sources_are_read_only_a_few_chunks_ahead() -> None:
    taken = 0

    def endless() -> Iterator[Source]:
        nonlocal taken
        while True:
            taken += 1
            yield picture(9)

    stream = predict_stream(Brightness(), endless(), chunk=4, workers=2)
    for answered in range(1, 6):
        next(stream)
        assert taken <= 4 * (answered + 2)
    stream.close()


def test_a_bad_image_is_a_row_with_its_error_and_stops_nothing(tmp_path: Path) -> None:
    sources = [
        picture(10),
        BytesSource(b"", "empty"),
        FileSource(tmp_path / "absent.png", "absent"),
        BytesSource(b"\x89PNG\r\n\x1a\n", "cut off"),
        BytesSource(b"text", "text"),
        picture(250),
    ]
    answers = predict(Brightness(), sources)
    assert answers.ok.tolist() == [True, False, False, False, False, True]
    assert answers.labels == ("dark", None, None, None, None, "light")
    assert [answers.errors[row].code for row in (1, 2)] == ["empty_file", "unreadable"]
    assert "absent" in answers.errors[2].what
    assert answers.embeddings is not None
    assert np.isnan(answers.embeddings[3]).all()


def test_a_chunk_of_bad_images_only_is_not_run() -> None:
    runner = Brightness()
    chunks = list(predict_stream(runner, [BytesSource(b"", "a"), BytesSource(b"", "b")]))
    assert [len(chunk.errors) for chunk in chunks] == [2]
    assert runner.sizes == []
    assert len(predict(runner, [BytesSource(b"", "a"), picture(3)])) == 2


def test_no_images_give_no_answers() -> None:
    assert list(predict_stream(Brightness(), [])) == []
    answers = predict(Brightness(), [])
    assert len(answers) == 0
    assert answers.probabilities.shape == (0, 2)


def test_progress_counts_answered_images() -> None:
    told: list[tuple[int, int]] = []
    predict(
        Brightness(), [picture(1)] * 600, progress=lambda done, total: told.append((done, total))
    )
    assert told == [(256, 600), (512, 600), (600, 600)]


@pytest.mark.parametrize(
    ("height", "width", "expected"), [(224, 224, 32), (96, 96, 174), (8, 8, 256), (2000, 2000, 1)]
)
def test_the_runtime_gets_more_of_smaller_images_at_once(height, width, expected) -> None:
    runner = Brightness()
    runner.preprocessing = Preprocessing(height=height, width=width)
    next(predict_stream(runner, [picture(1)] * 300))
    assert runner.sizes == [expected]


def test_an_early_close_leaves_no_threads() -> None:
    stream = predict_stream(Brightness(), [picture(1)] * 200, chunk=16, workers=3)
    next(stream)
    assert decoding_threads()
    stream.close()
    assert decoding_threads() == []


def test_a_failing_runner_ends_the_stream_and_its_threads() -> None:
    class Failing(Brightness):
        def run(self, pixels: np.ndarray) -> Outputs:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        list(predict_stream(Failing(), [picture(1)] * 100, chunk=4))
    assert decoding_threads() == []


def test_a_failing_list_of_sources_is_not_hidden() -> None:
    def sources() -> Iterator[Source]:
        yield picture(1)
        raise OSError("the folder went away")

    with pytest.raises(OSError, match="went away"):
        list(predict_stream(Brightness(), sources()))


@pytest.mark.parametrize("chunk", [0, -1])
def test_an_empty_chunk_is_refused_before_anything_is_lost(chunk: int) -> None:
    with pytest.raises(ConfigError, match="chunk"):
        list(predict_stream(Brightness(), [picture(1)], chunk=chunk))


def test_unsure_is_the_runners_rule_unless_another_is_given() -> None:
    runner = Brightness(rules=Rules(unsure_below=(0.9,)))
    (chunk,) = predict_stream(runner, [picture(128), picture(255)])
    assert chunk.answers == ("unsure", "light")
    (chunk,) = predict_stream(runner, [picture(128)], unsure_below=0.1)
    assert chunk.answers == ("light",)
    assert predict(runner, [picture(128)]).answers == ("unsure",)


def test_multi_label_thresholds_reach_the_answers() -> None:
    rules = Rules(thresholds=(0.2, 0.9))
    (chunk,) = predict_stream(Brightness(task="multi_label", rules=rules), [picture(180)])
    assert chunk.thresholds == pytest.approx([0.2, 0.9])
    assert chunk.labels == (("dark",),), "0.29 is enough for dark, 0.71 is not for light"
