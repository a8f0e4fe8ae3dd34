from __future__ import annotations

import json

import pytest

from sightline.cli import main
from sightline.cli.verbs import VERBS, common_parameters, load_command


@pytest.mark.parametrize("name", VERBS)
def test_every_verb_loads_and_says_what_the_table_says(name):
    command = load_command(VERBS[name])
    assert command.help.partition("\n")[0] == VERBS[name].summary
    assert VERBS[name].summary.endswith(".")
    assert len(VERBS[name].summary) <= 66, "one line of --help at 80 columns"


@pytest.mark.parametrize("name", VERBS)
def test_every_option_has_help(name):
    for parameter in load_command(VERBS[name]).params:
        assert parameter.help, parameter.name


@pytest.mark.parametrize("name", VERBS)
def test_a_terminal_breaks_the_lines_of_what_a_verb_does(name):
    words = load_command(VERBS[name]).help
    assert words and "\n" not in words.replace("\n\n", "")


@pytest.mark.parametrize("name", VERBS)
def test_every_verb_has_the_common_options_once(name):
    names = [option for p in load_command(VERBS[name]).params for option in p.opts]
    assert len(names) == len(set(names))
    assert {option for p in common_parameters() for option in p.opts} <= set(names)


@pytest.mark.parametrize("name", VERBS)
def test_the_help_of_a_verb(name, capsys):
    assert main([name, "--help"]) == 0
    out = capsys.readouterr().out
    assert f"Usage: sightline {name}" in out
    assert max(map(len, map(str.rstrip, out.splitlines()))) <= 160


def test_models_as_json(capsys, check_schema):
    assert main(["models", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    check_schema(document, "models")
    assert "mobilenet_v2" in [model["name"] for model in document["models"]]


def test_one_model_as_json_and_in_words(capsys, check_schema):
    assert main(["models", "mobilenet_v2", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    check_schema(document, "models")
    card = document["models"][0]
    assert main(["models", "mobilenet_v2"]) == 0
    out = capsys.readouterr().out
    assert f"{card['parameters']:,}" in out
    assert card["licence"] in out
