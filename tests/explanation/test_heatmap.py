"""Heat maps as records, pictures and files. Needs no TensorFlow."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
from PIL import Image

from sightline.errors import ConfigError, ImageError
from sightline.explanation import METHODS, Heatmap, Subject, heatmaps
from sightline.images import ArraySource, BytesSource, Preprocessing
from sightline.inference import Outputs
from sightline.models.bundle import Rules

METHOD = METHODS["occlusion"]


class Looker:
    """Says class `red` by how red the middle of the picture is."""

    classes = ("red", "green\n", "blue")
    rules = Rules()

    def __init__(self, task: str = "multi_class", **preprocessing: object) -> None:
        self.task = task
        self.preprocessing = Preprocessing(**{"height": 20, "width": 30, **preprocessing})

    def run(self, pixels: np.ndarray) -> Outputs:
        logits = pixels[:, 5:15, 10:20].mean(axis=(1, 2)).astype(np.float32) / 40 - 3
        if logits.shape[1] == 1:
            logits = np.repeat(logits, 3, axis=1) * np.float32([1, 0, -1])
        powers = np.exp(logits)
        if self.task == "multi_label":
            return Outputs(probabilities=powers / (1 + powers), logits=logits)
        return Outputs(
            probabilities=powers / powers.sum(axis=1, keepdims=True),
            logits=logits,
            distance=np.ones(len(pixels), np.float32),
        )


def photo(height: int = 60, width: int = 80) -> np.ndarray:
    picture = np.full((height, width, 3), 30, np.uint8)
    picture[height // 3 : 2 * height // 3, width // 3 : 2 * width // 3, 0] = 220
    return picture


def explained(picture: np.ndarray | None = None, **words: object) -> Heatmap:
    source = ArraySource(photo() if picture is None else picture, "a.png")
    return next(heatmaps(Subject(Looker(**words)), source, method=METHOD))


def test_the_record():
    heatmap = explained()
    assert (heatmap.label, heatmap.method, heatmap.name) == ("red", "occlusion", "a.png")
    assert heatmap.values.shape == (20, 30) and heatmap.pixels.shape == (20, 30, 3)
    assert np.array_equal(heatmap.photo, photo())
    assert not heatmap.empty
    row, column = np.unravel_index(heatmap.values.argmax(), heatmap.values.shape)
    assert 5 <= row < 15 and 10 <= column < 20


@pytest.mark.parametrize("fit", ["squash", "pad", "crop"])
@pytest.mark.parametrize("size", [(60, 80), (90, 30), (20, 30)])
@pytest.mark.parametrize("channels", [1, 3])
def test_overlays_have_the_size_of_what_they_lie_on(fit, size, channels):
    heatmap = explained(photo(*size), fit=fit, channels=channels)
    assert heatmap.on_photo().shape == size
    assert heatmap.overlay().shape == (*size, 3)
    assert heatmap.overlay("input").shape == (20, 30, 3)
    assert heatmap.overlay().dtype == np.uint8


def test_the_same_size_is_the_same_overlay():
    heatmap = explained(photo(20, 30))
    assert np.array_equal(heatmap.overlay(), heatmap.overlay("input"))
    np.testing.assert_allclose(heatmap.on_photo(), heatmap.values, atol=1e-6)


def test_a_crop_tells_what_was_not_seen():
    heatmap = explained(photo(30, 90), fit="crop")
    assert np.isnan(heatmap.on_photo()[:, :22]).all()
    assert heatmap.overlay()[:, :20].mean() > 100 > heatmap.overlay()[:, 30:60].mean()


def test_a_rotated_photo_is_explained_upright():
    turned = Image.fromarray(np.rot90(photo()))
    exif = Image.Exif()
    exif[0x0112] = 6  # TIFF tag Orientation: turn clockwise to show
    content = io.BytesIO()
    turned.save(content, "PNG", exif=exif)
    source = BytesSource(content.getvalue(), "turned.png")
    heatmap = next(heatmaps(Subject(Looker()), source, method=METHOD))
    assert np.array_equal(heatmap.photo, photo())
    assert np.array_equal(heatmap.values, explained().values)


def test_large_photos_are_kept_small():
    heatmap = explained(photo(600, 2400))
    assert heatmap.photo.shape == (256, 1024, 3)
    assert heatmap.overlay().shape == (256, 1024, 3)


def test_saving(tmp_path):
    heatmap = explained()
    assert heatmap.save(tmp_path / "why.png") == tmp_path / "why.png"
    heatmap.save(str(tmp_path / "why.npy"))
    assert np.array_equal(np.load(tmp_path / "why.npy", allow_pickle=False), heatmap.values)
    with Image.open(tmp_path / "why.png") as picture:
        assert np.array_equal(np.asarray(picture), heatmap.overlay())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["why.npy", "why.png"]


def test_a_file_that_is_there_stays(tmp_path):
    heatmap = explained()
    (tmp_path / "why.png").write_bytes(b"mine")
    with pytest.raises(ConfigError, match="overwrite=True"):
        heatmap.save(tmp_path / "why.png")
    assert (tmp_path / "why.png").read_bytes() == b"mine"
    heatmap.save(tmp_path / "why.png", overwrite=True)
    with pytest.raises(ConfigError, match=r"ends in \.png or \.npy"):
        heatmap.save(tmp_path / "why.jpg")


def test_json_says_all_but_the_arrays():
    document = explained().to_json()
    assert json.loads(json.dumps(document)) == document
    assert document["class"] == "red" and document["options"]["fill"] == "mean"
    assert document["facts"] == {"patch": 4, "stride": 2, "places": 11 * 16}
    assert document["lowest"] <= 0 < document["highest"]


def test_a_picture_that_there_is_not():
    with pytest.raises(ConfigError, match="Did you mean 'input'"):
        explained().overlay("inputs")


def test_classes_that_are_asked_for():
    source = ArraySource(photo(), "a.png")
    subject = Subject(Looker())
    found = list(heatmaps(subject, source, method=METHOD, targets=("blue", "red")))
    assert [one.label for one in found] == ["blue", "red"]
    assert sum(one.probability for one in found) < 1
    with pytest.raises(ConfigError, match="Did you mean 'blue'") as caught:
        next(heatmaps(subject, source, method=METHOD, targets=("bleu",)))
    assert caught.value.code == "unknown_class" and "\n" not in caught.value.what


def test_every_label_that_is_given_has_its_map():
    subject = Subject(Looker("multi_label"))
    both = np.full((40, 40, 3), 250, np.uint8)
    none = np.zeros((40, 40, 3), np.uint8)
    none[:, :, 1] = 20
    for picture, expected in ((both, ["red", "green\n", "blue"]), (none, ["green\n"])):
        found = heatmaps(subject, ArraySource(picture, "a"), method=METHOD)
        assert [one.label for one in found] == expected


def test_the_most_probable_label_comes_first():
    picture = np.full((40, 40, 3), (180, 250, 200), np.uint8)
    found = heatmaps(Subject(Looker("multi_label")), ArraySource(picture, "a"), method=METHOD)
    assert [one.label for one in found] == ["green\n", "blue", "red"]


def test_thresholds_are_those_of_the_model():
    runner = Looker("multi_label")
    runner.rules = Rules(thresholds=(0.999, 0.5, 0.5))
    picture = np.full((40, 40, 3), 200, np.uint8)
    found = heatmaps(Subject(runner), ArraySource(picture, "a"), method=METHOD)
    assert [one.label for one in found] == ["green\n", "blue"]


@pytest.mark.parametrize(
    ("rules", "answer"),
    [
        (Rules(), "red"),
        (Rules(unsure_below=(1.0,)), "unsure"),
        (Rules(unlike_above=0.5), "unlike the training data"),
    ],
)
def test_the_rules_of_the_model_are_heeded(rules, answer):
    runner = Looker()
    runner.rules = rules
    found = next(heatmaps(Subject(runner), ArraySource(photo(), "a.png"), method=METHOD))
    assert (found.answer, found.label) == (answer, "red")
    assert found.to_json()["answer"] == answer


def test_what_is_no_image_is_refused_by_name():
    with pytest.raises(ImageError, match="^b.png: The file is not an image"):
        next(heatmaps(Subject(Looker()), BytesSource(b"hello", "b.png"), method=METHOD))


def test_an_empty_map_says_so_and_is_the_photo():
    dark = np.zeros((20, 30, 3), np.uint8)
    heatmap = explained(dark)
    assert heatmap.empty and heatmap.to_json()["empty"]
    assert not heatmap.overlay().any()
