from __future__ import annotations

import json
from importlib import resources

import jsonschema
import pytest

import sightline.reporting

SCHEMAS = sorted(
    (file for file in (resources.files(sightline.reporting) / "schemas").iterdir()),
    key=lambda file: file.name,
)


@pytest.mark.parametrize("file", SCHEMAS, ids=lambda file: file.name)
def test_a_schema_is_valid_named_versioned_and_closed(file):
    schema = json.loads(file.read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    name = file.name.removesuffix(".json")
    version = schema["properties"]["schema_version"]["const"]
    assert schema["$id"] == f"urn:sightline:schema:{name}:{version}"
    assert schema["properties"]["schema"] == {"const": name}
    assert schema["additionalProperties"] is False
    assert set(schema["required"]) == set(schema["properties"])
