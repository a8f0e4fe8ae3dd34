from __future__ import annotations

import tomllib
from dataclasses import fields
from pathlib import Path

import pytest

from sightline.errors import ConfigError
from sightline.reporting.card import Card, card_template, read_card


def test_a_card_has_texts_and_lists(tmp_path: Path) -> None:
    path = tmp_path / "card.toml"
    path.write_text('name = "Trees"\nlimits = ["Autumn.", " ", "Two\\nleaves."]\nethics = ""\n')
    card = read_card(path)
    assert card.name == ("Trees",)
    assert card.limits == ("Autumn.", "Two leaves.")
    assert card.ethics == card.owners == ()


def test_the_template_is_a_card_without_answers(tmp_path: Path) -> None:
    path = tmp_path / "card.toml"
    path.write_text(card_template())
    assert read_card(path) == Card()
    assert list(tomllib.loads(card_template())) == [item.name for item in fields(Card)]


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        ('intended_uses = "x"', "unknown_card_key", "Did you mean 'intended_use'"),
        ("limits = 3", "bad_card", "limits is 3"),
        ('limits = ["a", 3]', "bad_card", "limits is"),
        ("limits = ", "bad_card", "cannot be read"),
        ("\xff", "bad_card", "cannot be read"),
    ],
)
def test_what_is_no_card_is_refused(tmp_path: Path, text: str, code: str, words: str) -> None:
    path = tmp_path / "card.toml"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(ConfigError, match=words) as caught:
        read_card(path)
    assert caught.value.code == code


def test_a_card_that_is_absent_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        read_card(tmp_path / "no.toml")
    assert caught.value.fix == "sightline report --card-template > card.toml"
