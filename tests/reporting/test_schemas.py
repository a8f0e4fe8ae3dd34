from __future__ import annotations

import jsonschema
import pytest

from sightline.reporting import schema, schema_names

# A manifest is a file of its own kind; its version stands in its first line.
DOCUMENTS = [name for name in schema_names() if name != "manifest"]


@pytest.mark.parametrize("name", schema_names())
def test_a_schema_is_a_schema(name):
    jsonschema.Draft202012Validator.check_schema(schema(name))


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_document_is_named_versioned_and_closed(name):
    document = schema(name)
    version = document["properties"]["schema_version"]["const"]
    assert document["$id"] == f"urn:sightline:schema:{name}:{version}"
    assert document["properties"]["schema"] == {"const": name}
    assert document["additionalProperties"] is False
    assert set(document["required"]) <= set(document["properties"])
