from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PIL import ImageDraw

from sightline.explanation import Heatmap
from sightline.images import Preprocessing
from sightline.reporting import heatmap_sheet
from sightline.reporting.heatmap_sheet import HeatmapSheet
from sightline.reporting.lettering import SMALL, TEXT, readable, shortened, text_width


@pytest.fixture
def written(monkeypatch) -> list[str]:
    texts: list[str] = []
    text = ImageDraw.ImageDraw.text

    def record(self, xy, words, *arguments, **options):
        texts.append(words)
        return text(self, xy, words, *arguments, **options)

    monkeypatch.setattr(ImageDraw.ImageDraw, "text", record)
    return texts


def heatmap(name: str, colour: int, size: tuple[int, int] = (30, 20)) -> Heatmap:
    return Heatmap(
        name=f"folder/{name}",
        answer="sh\x1boe",
        method="occlusion",
        label="sh\x1boe",
        probability=0.98765,
        values=np.ones((8, 8), np.float32),
        signed=False,
        options={},
        facts={},
        pixels=np.zeros((8, 8, 3), np.uint8),
        photo=np.full((*size, 3), colour, np.uint8),
        preprocessing=Preprocessing(height=8, width=8),
    )


def test_photo_map_answer_and_name_are_on_the_sheet(written):
    sheet = HeatmapSheet()
    for number in range(4):
        sheet.add(heatmap(f"{number}.png", 40 * number))
    pixels = np.asarray(sheet.draw())
    for number in range(4):
        assert (pixels == 40 * number).all(axis=-1).sum() >= 120 * 200
    assert written.count("sh\\x1boe 0.988, occlusion") == 4
    assert [text for text in written if text.endswith(".png")] == [f"{n}.png" for n in range(4)]
    assert sheet.left_out == 0


def test_an_answer_that_the_model_withholds_is_not_shown_as_one(written):
    sheet = HeatmapSheet()
    sheet.add(replace(heatmap("a.png", 9), answer="unsure"))
    sheet.draw()
    assert any(text.startswith("unsure; sh") for text in written)


def test_a_full_sheet_counts_the_others(written, monkeypatch):
    monkeypatch.setattr(heatmap_sheet, "MOST_ON_SHEET", 2)
    sheet = HeatmapSheet()
    for number in range(5):
        sheet.add(heatmap(f"{number}.png", 9))
    sheet.draw()
    assert sheet.left_out == 3 and "3 more are not shown." in written


@pytest.mark.parametrize("size", [(5, 400), (400, 5), (1, 1)])
def test_photos_of_any_shape_fit(size):
    sheet = HeatmapSheet()
    sheet.add(heatmap("a.png", 9, size))
    assert sheet.draw().width < 600


def test_letters_that_the_font_lacks_are_told():
    assert readable("犬\x1b") == "\\u72ac\\x1b"
    assert readable("shoe") == "shoe"


def test_a_long_line_is_cut():
    assert shortened("shoe", 200) == "shoe"
    cut = shortened("a very long name of a class", 100, SMALL)
    assert cut.endswith("...") and text_width(cut, SMALL) <= 100
    assert text_width("shoe", TEXT) > text_width("shoe", SMALL)
