from __future__ import annotations

import pytest
from rich.text import Text

from sightline.cli.console import Console, safe


def test_results_and_messages_go_apart(capsys):
    console = Console()
    console.line("answer")
    console.note("message")
    console.warning("careful")
    out, err = capsys.readouterr()
    assert out == "answer\n"
    assert err == "message\nWarning: careful\n"


def test_names_are_no_markup_and_carry_no_controls(capsys):
    Console().line("[bold]x[/bold] \x1b]0;title\x07 \u202egnp.exe :smile:")
    assert capsys.readouterr().out == "[bold]x[/bold] \\x1b]0;title\\x07 \\u202egnp.exe :smile:\n"


def test_long_lines_are_not_broken(capsys):
    Console().line("x" * 500)
    assert capsys.readouterr().out == "x" * 500 + "\n"


def test_a_document_is_one_json_value(capsys):
    Console(as_json=True).document({"name": "\u00e9"})
    assert capsys.readouterr().out == '{\n  "name": "\\u00e9"\n}\n'


def test_a_table(capsys):
    Console().table(["name", "n"], [("a\nb", "1"), (Text("c"), "10")], right=("n",))
    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert lines[0].split() == ["name", "n"]
    assert lines[-1].startswith("c")
    assert lines[-1].endswith("10")


def test_a_table_without_headings(capsys):
    Console().table(["", ""], [("a", "b")])
    assert capsys.readouterr().out.split() == ["a", "b"]


@pytest.mark.parametrize(("text", "shown"), [("a\nb", "a\nb"), ("a\rb\t", "a\\rb\\t"), ("", "")])
def test_safe_keeps_its_own_line_breaks_only(text, shown):
    assert safe(text) == shown


def test_the_cursor_is_shown_again_on_a_terminal_only(capfd, monkeypatch):
    Console().restore_cursor()
    assert capfd.readouterr().err == ""
    monkeypatch.setenv("FORCE_COLOR", "1")
    console = Console()
    console.restore_cursor()
    assert capfd.readouterr().err == "\x1b[?25h"
