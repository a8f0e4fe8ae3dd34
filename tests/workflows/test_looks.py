from __future__ import annotations

import json
import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sightline.errors import MachineError
from sightline.models.bundle import WEIGHTS
from sightline.workflows import looks as module
from sightline.workflows.looks import Looks, ledger_of, looks, record_look


@pytest.fixture(autouse=True)
def own_ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "cache_directory", lambda: tmp_path)


def bundle(weights: bytes = b"weights") -> Any:
    return SimpleNamespace(members={WEIGHTS: weights})


def look(path: Path, of: Any, command: str = "evaluate", images: str = "ab") -> Looks:
    found = record_look(path, of, command=command, part="test", images=images, accuracy=0.5)
    assert found is not None
    return found


def test_a_look_says_when_by_what_and_at_what(tmp_path: Path) -> None:
    path = tmp_path / "m.sightline"
    found = look(path, bundle())
    (line,) = (tmp_path / "m.looks.jsonl").read_text().splitlines()
    written = json.loads(line)
    assert set(written) == set(found.model[0].__dataclass_fields__)
    assert written["time"].endswith("+00:00")
    assert (written["command"], written["n"], written["accuracy"]) == ("evaluate", 2, 0.5)
    assert found.notes() == ()
    assert found.to_json() == {"count": 1, "models": 1}


def test_from_the_second_look_on_it_is_said(tmp_path: Path) -> None:
    path = tmp_path / "m.sightline"
    look(path, bundle(), "train")
    look(path, bundle())
    found = look(path, bundle())
    assert found.notes() == (
        "test read 3 times: train 1, evaluate 2 (docs/evaluation.md#the-sealed-test)",
    )
    assert [one.command for one in looks(path, bundle())] == ["train", "evaluate", "evaluate"]


def test_another_model_of_the_same_name_begins_anew(tmp_path: Path) -> None:
    path = tmp_path / "m.sightline"
    look(path, bundle(b"old"))
    assert len(look(path, bundle(b"new")).model) == 1
    assert len(look(path, bundle(b"old")).model) == 2


def test_a_copy_or_other_rules_do_not_begin_anew(tmp_path: Path) -> None:
    look(tmp_path / "m.sightline", bundle(), "train")
    look(tmp_path / "m.sightline", bundle())
    copy = tmp_path / "strict.sightline"
    found = look(copy, bundle())
    assert len(ledger_of(copy).read_text().splitlines()) == 1
    assert [one.command for one in found.model] == ["train", "evaluate", "evaluate"]
    assert found.to_json() == {"count": 3, "models": 1}
    assert looks(copy, bundle()) == looks(tmp_path / "m.sightline", bundle()) == found.model


def test_either_ledger_remembers_and_both_count_once(tmp_path: Path) -> None:
    path = tmp_path / "m.sightline"
    look(path, bundle())
    look(path, bundle())  # within the same second: two equal lines are two looks
    for ledger in (ledger_of(path), tmp_path / "looks.jsonl"):
        kept = ledger.read_bytes()
        assert len(looks(path, bundle())) == 2
        ledger.unlink()
        assert len(looks(path, bundle())) == 2
        ledger.write_bytes(kept)


def test_a_training_that_ends_again_with_the_same_weights_looks_once(tmp_path: Path) -> None:
    path = tmp_path / "m.sightline"
    look(path, bundle(), "train")
    assert len(look(path, bundle(), "train").model) == 1
    # On another place, too, and after its own ledger is gone; but other images are another look.
    assert len(look(tmp_path / "n.sightline", bundle(), "train").model) == 1
    assert len(ledger_of(tmp_path / "n.sightline").read_text().splitlines()) == 1
    assert len(look(path, bundle(), "train", images="cd").model) == 2
    assert len(look(path, bundle()).model) == 3


def test_choosing_between_models_by_the_same_images_is_seen(tmp_path: Path) -> None:
    for number in range(3):
        found = look(tmp_path / f"{number}.sightline", bundle(bytes([number])), images="ab")
    other = look(tmp_path / "x.sightline", bundle(b"x"), images="cd")
    assert (found.models, other.models) == (3, 1)
    assert look(tmp_path / "y.sightline", bundle(b"y"), images="ba").models == 4
    assert "judged 3 models" in found.notes()[0]


def test_a_torn_line_is_not_counted_and_said(tmp_path: Path) -> None:
    path = tmp_path / "m.sightline"
    look(path, bundle())
    ledger = ledger_of(path)
    ledger.write_bytes(ledger.read_bytes() + ledger.read_bytes()[:20])
    found = look(path, bundle())
    assert len(found.model) == 2
    assert found.notices == (f"1 damaged line in {ledger}: not counted.",)


@pytest.mark.parametrize("line", ["[]", "7", '{"time": 1}', "\udcff", "nonsense", "[" * 100_000])
def test_a_line_of_another_hand_is_not_counted(tmp_path: Path, line: str) -> None:
    path = tmp_path / "m.sightline"
    ledger_of(path).write_bytes(line.encode("utf-8", "surrogateescape") + b"\n")
    assert len(look(path, bundle()).model) == 1


@pytest.mark.parametrize("change", [{"time": 7}, {"n": "many"}, {"accuracy": []}, {"command": {}}])
def test_a_look_of_wrong_types_is_not_counted(tmp_path: Path, change: dict[str, Any]) -> None:
    path = tmp_path / "m.sightline"
    look(path, bundle())
    written = json.loads(ledger_of(path).read_text())
    ledger_of(path).write_text(json.dumps({**written, **change}) + "\n")
    (tmp_path / "looks.jsonl").unlink()
    found = look(path, bundle())
    assert len(found.model) == 1
    assert found.notices == (f"1 damaged line in {ledger_of(path)}: not counted.",)


def test_a_folder_that_cannot_be_written_is_a_notice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "m.sightline"
    look(path, bundle())

    def refuse(*_: object) -> None:
        raise MachineError("Cannot write m.looks.jsonl: Read-only file system.")

    monkeypatch.setattr(module, "append_line", refuse)
    found = look(path, bundle())
    assert len(found.model) == 2  # this one counts, though nobody will remember it
    assert "not on record: Cannot write" in found.notices[0]


def test_a_cache_that_cannot_be_made_is_a_notice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> Path:
        raise OSError("Read-only file system")

    monkeypatch.setattr(module, "cache_directory", refuse)
    found = look(tmp_path / "m.sightline", bundle())
    assert (len(found.model), found.models) == (1, 1)
    assert "No cache" in found.notices[0]


def test_an_accuracy_of_nothing_is_null(tmp_path: Path) -> None:
    found = record_look(
        tmp_path / "m.sightline",
        bundle(),
        command="evaluate",
        part="test",
        images=(),
        accuracy=math.nan,
    )
    assert found is not None
    assert found.model[0].accuracy is None


def test_only_looks_at_test_images_count(tmp_path: Path) -> None:
    path = tmp_path / "m.sightline"
    for part in ("validation", "new"):
        words = {"command": "evaluate", "part": part, "images": "ab", "accuracy": 0.5}
        assert record_look(path, bundle(), **words) is None
    assert list(tmp_path.iterdir()) == []
