from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import jsonschema
import pytest

from sightline.evaluation import Estimate
from sightline.reporting import schema
from sightline.reporting.facts import Curve, Facts, Look

from .page.samples import all_facts, some_facts


def check(facts: Facts) -> Any:
    document = json.loads(json.dumps(facts.to_json(), allow_nan=False))
    jsonschema.Draft202012Validator(schema("report")).validate(document)
    return document


@pytest.mark.parametrize("facts", [some_facts(), all_facts()], ids=["some", "all"])
def test_the_facts_follow_their_schema(facts: Facts) -> None:
    document = check(facts)
    assert document["evaluation"] == json.loads(json.dumps(facts.evaluation.to_json()))
    missing = {name for name, value in document.items() if value is None}
    assert ("calibration" in missing) == (facts.calibration is None)


def test_nothing_is_missing_in_the_sample_of_everything() -> None:
    assert [name for name, value in all_facts().to_json().items() if value is None] == []


def test_what_is_not_a_number_becomes_null_and_names_become_printable() -> None:
    gap = Curve(name="a\nb\u202e", x=(0.0, 1.0), y=(math.nan, 1.0), area=Estimate.undefined())
    document = check(all_facts(roc=(gap,), looks=(Look(when="", command="a\udcff"),)))
    assert document["roc"][0]["y"] == [None, 1.0]
    assert document["roc"][0]["name"] == "a\\nb\\u202e"
    assert document["roc"][0]["area"]["value"] is None
    assert document["looks"][0]["command"] == "a\\udcff"


def test_another_key_is_refused() -> None:
    document = replace(some_facts(), title="x").to_json()
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(schema("report")).validate({**document, "more": 1})
