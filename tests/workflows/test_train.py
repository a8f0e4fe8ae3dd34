from __future__ import annotations

import csv
import json
import os
import shutil
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sightline.dataset import Dataset
from sightline.errors import (
    CheckFailedError,
    ConfigError,
    DataError,
    Interrupted,
    MachineError,
    ModelError,
)
from sightline.files import lock, sha256_file
from sightline.models.bundle import read_bundle
from sightline.training import assemble
from sightline.training.determinism import make_deterministic
from sightline.training.recipe import Options
from sightline.training.signals import StopRequest
from sightline.workflows import finishing
from sightline.workflows.looks import ledger_of
from sightline.workflows.planning import destination, plan_training
from sightline.workflows.train import train_as_planned
from sightline.workflows.training import Request, TrainResult

from .training import CONTINUED, TINY, Notebook, run, tiny

pytestmark = pytest.mark.train

CLASSES = tuple("0123456789")


@pytest.fixture(autouse=True, scope="session")
def deterministic() -> None:
    """Equal bits are promised with op determinism on, and it is process-wide."""
    make_deterministic()


def test_the_result_says_what_was_done(trained: TrainResult) -> None:
    assert trained.classes == CLASSES
    assert sum(trained.counts.values()) == 200
    assert min(trained.counts.values()) > 10
    assert trained.test.n == trained.counts["test"] == len(trained.predictions)
    assert trained.validation.n == trained.counts["validation"]
    assert trained.recipe.mode == "scratch"
    assert [row["epoch"] for row in trained.history] == [1, 2]
    assert trained.verification.passed
    assert trained.verification.n == trained.counts["validation"]
    assert 0 < trained.seconds < 100
    assert trained.next_command.startswith("sightline predict ")


def test_the_run_leaves_a_bundle_and_its_logs_and_nothing_else(trained: TrainResult) -> None:
    beside = ["digits.looks.jsonl", "digits.sightline", "digits.training"]
    assert sorted(os.listdir(trained.path.parent)) == beside
    left = sorted(os.listdir(trained.directory))
    assert left == [".lock", "curves.png", "history.csv", "report.html", "tensorboard"]
    with open(trained.directory / "history.csv", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["epoch"] for row in rows] == ["1", "2"]
    assert {"accuracy", "precision", "recall", "validation_loss"} <= rows[0].keys()
    with Image.open(trained.directory / "curves.png") as picture:
        picture.verify()
    for part in ("train", "validation"):
        assert len(list((trained.directory / "tensorboard" / part).iterdir())) == 1


def test_the_bundle_has_every_image_on_record(trained: TrainResult, all_digits: Path) -> None:
    record = read_bundle(trained.path).record()
    assert {row.name for row in record} == set(Dataset.from_folder(all_digits).names)
    for row in record:
        assert row.digest == sha256_file(all_digits / row.name)
        assert row.labels == (Path(row.name).parent.name,)
    counts = defaultdict(int)
    for row in record:
        counts[row.split] += 1
    assert counts == trained.counts
    assert {row.name for row in record if row.split == "test"} == set(trained.predictions.names)


def test_the_bundle_carries_figures_recipe_and_versions(trained: TrainResult) -> None:
    bundle = read_bundle(trained.path)
    assert bundle.metrics["test"] == json.loads(json.dumps(trained.test.to_json()))
    assert bundle.metrics["verification"]["passed"] is True
    assert len(bundle.metrics["history"]) == 2
    assert bundle.recipe == json.loads(json.dumps(trained.recipe.to_json()))
    assert bundle.preprocessing.channels == 1
    assert {"decoder", "packages", "cores"} <= bundle.environment.keys()


def test_the_same_run_gives_the_same_file_but_for_the_time_it_took(
    trained: TrainResult, all_digits: Path, tmp_path: Path
) -> None:
    again = run(all_digits, tmp_path / "again.sightline")
    one, other = read_bundle(trained.path), read_bundle(again.path)
    assert {n for n in one.members if one.members[n] != other.members[n]} == set()


def test_copies_and_named_groups_never_straddle_splits(digits: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    lines = ["path,label,group"]
    for path in sorted(digits.rglob("*.png")):
        number = int(path.stem.removeprefix("digits_"))
        name = path.relative_to(tmp_path).as_posix()
        label = path.parent.name
        lines.append(f"{name},{label},{label}-{number // 2}")
        if number < 4:
            copy = path.with_name(f"copy{rng.integers(1e9)}.png")
            shutil.copy(path, copy)
            lines.append(f"{copy.relative_to(tmp_path).as_posix()},{label},")
    manifest = tmp_path / "all.csv"
    manifest.write_text("\n".join(lines) + "\n")
    result = run(manifest, tmp_path / "m.sightline", options=tiny(epochs=1))
    groups: dict[str, set[str | None]] = defaultdict(set)
    for row in read_bundle(result.path).record():
        groups[row.digest].add(row.split)
        if row.group:
            groups[row.group].add(row.split)
    assert len(groups) > 200
    assert all(len(splits) == 1 for splits in groups.values())


def test_without_save_the_file_is_named_after_the_data(
    digits: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run(digits, None, options=tiny(epochs=1))
    assert result.path == Path("digits.sightline")
    assert (tmp_path / "digits.sightline").is_file()


@pytest.mark.parametrize(
    ("name", "is_folder", "expected"),
    [
        ("photos", True, "photos.sightline"),
        ("photos.v2", True, "photos.v2.sightline"),
        ("photos.csv", False, "photos.sightline"),
    ],
)
def test_default_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, is_folder: bool, expected: str
) -> None:
    data = tmp_path / "data" / name
    data.parent.mkdir()
    data.mkdir() if is_folder else data.touch()
    monkeypatch.chdir(data if is_folder else tmp_path)
    shown = Path(".") if is_folder else data  # "." has a name too
    assert destination(Request(data=shown, options=TINY, overwrite=True)) == Path(expected)


def test_the_root_has_no_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert destination(Request(data=Path("/"), options=TINY)) == Path("model.sightline")


def test_nothing_is_written_over_an_existing_file(digits: Path, tmp_path: Path) -> None:
    target = tmp_path / "mine.sightline"
    target.write_text("mine")
    for words in ({}, {"resume": True}):
        with pytest.raises(ConfigError, match="exists") as caught:
            run(digits, target, **words)
        assert caught.value.code == "exists"
        assert "--overwrite" in (caught.value.fix or "")
    assert target.read_text() == "mine"
    result = run(digits, target, options=tiny(epochs=1), overwrite=True)
    assert read_bundle(result.path).classes == CLASSES


REFUSED_AT_ONCE: dict[str, tuple[dict[str, object], str]] = {
    "another suffix": ({"save": Path("x.keras")}, "bad_suffix"),
    "no such folder": ({"save": Path("nowhere/x.sightline")}, "no_such_folder"),
    "an unknown check": ({"allow": ("leek",)}, "unknown_check"),
    "a check that cannot be left out": ({"without": ("small_class",)}, "bad_check_word"),
    "a check that training does not run": ({"without": ("label_error",)}, "check_not_run"),
    "an unknown optimiser": ({"options": tiny(optimizer="adamm")}, "out_of_range"),
    "an unknown class weight": ({"options": tiny(class_weight={"11": 2.0})}, "unknown_class"),
    "an idle option": ({"options": replace(TINY, head_strengths=(1.0,))}, "option_without_effect"),
    "no such data": ({"data": Path("nowhere")}, None),
}


@pytest.mark.parametrize(("words", "code"), REFUSED_AT_ONCE.values(), ids=REFUSED_AT_ONCE.keys())
def test_what_can_be_refused_is_refused_before_an_image_is_read(
    words: dict[str, object],
    code: str | None,
    digits: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    before = sorted(os.listdir())
    notebook = Notebook()
    with pytest.raises(ConfigError) as caught:
        run(**{"data": digits, "save": None, "watcher": notebook, **words})  # type: ignore[arg-type]
    assert code is None or caught.value.code == code
    assert notebook.stages == []
    assert sorted(os.listdir()) == before, "a folder was left behind"


def test_an_unreadable_file_is_named_and_may_be_left_out(digits: Path, tmp_path: Path) -> None:
    (digits / "3" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    (digits / "5" / "empty.png").touch()
    with pytest.raises(DataError) as caught:
        run(digits, tmp_path / "a.sightline")
    assert caught.value.code == "unreadable"
    assert "3/broken.png" in caught.value.what
    assert "5/empty.png" in caught.value.what
    assert "--without unreadable" in (caught.value.fix or "")
    assert sorted(os.listdir(tmp_path)) == ["digits"], "a failed run leaves nothing"
    result = run(digits, tmp_path / "a.sightline", options=tiny(epochs=1), without=("unreadable",))
    assert sum(result.counts.values()) == 200
    left_out = [finding for finding in result.findings if finding.check == "unreadable"]
    assert {path for finding in left_out for path in finding.paths} == {
        "3/broken.png",
        "5/empty.png",
    }
    assert {(finding.severity, finding.fix) for finding in left_out} == {("info", "")}
    names = {row.name for row in read_bundle(result.path).record()}
    assert "3/broken.png" not in names


def test_leaving_copies_out_settles_what_else_was_found_of_them(
    digits: Path, tmp_path: Path
) -> None:
    for split in ("train", "validation", "test"):
        (tmp_path / "split" / split).mkdir(parents=True)
    for label in digits.iterdir():
        files = sorted(label.iterdir())
        parts = {"train": files[:10], "validation": files[10:15], "test": files[15:]}
        for split, own in parts.items():
            folder = tmp_path / "split" / split / label.name
            folder.mkdir()
            for path in own:
                shutil.copy(path, folder)
    data = tmp_path / "split"
    first = min((data / "train" / "3").iterdir())
    shutil.copy(first, data / "test" / "3" / "copy.png")
    told: list[str] = []
    result = train_as_planned(
        plan_training(
            Request(
                data=data,
                save=tmp_path / "a.sightline",
                options=tiny(epochs=1),
                without=("leak",),
            )
        ),
        watcher=Notebook(),
        stop=StopRequest(),
        found=lambda findings: told.extend(one.check for one in findings),
    )
    of_the_copy = [
        one
        for one in result.findings
        if "test/3/copy.png" in one.paths and one.check in ("leak", "duplicate")
    ]
    assert {one.check for one in of_the_copy} == {"leak", "duplicate"}
    assert all(one.severity == "info" and not one.fix for one in of_the_copy)
    assert told == [one.check for one in result.findings]


def test_contradicting_labels_stop_the_run(digits: Path, tmp_path: Path) -> None:
    shutil.copy(digits / "3" / "digits_0001.png", digits / "8" / "same.png")
    with pytest.raises(DataError) as caught:
        run(digits, tmp_path / "a.sightline")
    assert caught.value.code == "conflict"
    assert "8/same.png" in caught.value.what


def test_an_empty_class_stops_the_run_unless_allowed(
    keep: Callable[..., Path], tmp_path: Path
) -> None:
    data = keep("0", "1")
    (data / "2").mkdir()
    with pytest.raises(DataError) as caught:
        run(data, tmp_path / "a.sightline")
    assert caught.value.code == "empty_class"


def test_one_class_is_no_problem_to_learn(keep: Callable[..., Path], tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        run(keep("4"), tmp_path / "a.sightline")
    assert caught.value.code == "one_class"


def test_two_classes_are_the_smallest_case(keep: Callable[..., Path], tmp_path: Path) -> None:
    result = run(keep("0", "1"), tmp_path / "a.sightline", options=tiny(epochs=1))
    assert result.classes == ("0", "1")
    assert result.predictions.probabilities.shape[1] == 2


def test_a_class_too_small_for_three_splits(keep: Callable[..., Path], tmp_path: Path) -> None:
    data = keep("0", "1")
    for path in sorted((data / "1").iterdir())[2:]:
        path.unlink()
    with pytest.raises(DataError) as caught:
        run(data, tmp_path / "a.sightline")
    assert caught.value.code == "small_class"
    result = run(data, tmp_path / "a.sightline", options=tiny(epochs=1), allow=("small_class",))
    assert {finding.check for finding in result.findings} >= {"small_class"}


def test_what_the_split_had_to_bend_is_among_the_findings(trained: TrainResult) -> None:
    assert "topped_up" in {finding.check for finding in trained.findings}


def test_splits_in_folders_are_kept(keep: Callable[..., Path], tmp_path: Path) -> None:
    data = keep("0", "1")
    root = tmp_path / "split"
    for label in ("0", "1"):
        for number, path in enumerate(sorted((data / label).iterdir())):
            split = "test" if number < 5 else "val" if number < 8 else "train"
            (root / split / label).mkdir(parents=True, exist_ok=True)
            path.rename(root / split / label / path.name)
    result = run(root, tmp_path / "a.sightline", options=tiny(epochs=1))
    assert result.counts == {"train": 24, "validation": 6, "test": 10}
    assert all(name.startswith("test/") for name in result.predictions.names)


# Stopping and going on


def interrupted(digits: Path, target: Path, at: str, **words: object) -> Interrupted:
    stop = StopRequest()

    def ask(where: str) -> None:
        if where == at:
            stop.signal_number = 2

    with pytest.raises(Interrupted) as caught:
        run(digits, target, watcher=Notebook(ask), stop=stop, **words)  # type: ignore[arg-type]
    assert not target.exists()
    assert "--resume" in (caught.value.fix or "")
    return caught.value


def test_a_kill_before_the_model_stands_hides_no_look(
    digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever has the figures has the look; the run that goes on is the same look."""
    target = tmp_path / "a.sightline"
    monkeypatch.setenv("SIGHTLINE_CACHE", str(tmp_path / "cache"))

    def die(*_: object) -> None:
        raise SystemExit

    with monkeypatch.context() as patch, pytest.raises(SystemExit):
        patch.setattr(finishing, "write_bundle", die)
        run(digits, target)
    assert not target.exists()
    (line,) = ledger_of(target).read_text().splitlines()
    result = run(digits, target, resume=True)
    assert ledger_of(target).read_text().splitlines() == [line]
    assert result.looks is not None
    assert [one.command for one in result.looks.model] == ["train"]


@pytest.mark.parametrize(
    "error",
    [
        MachineError("No room on the disk to write report.html."),
        OSError(13, "Permission denied"),
    ],
)
def test_a_report_that_cannot_be_written_costs_neither_model_nor_figures(
    digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    target = tmp_path / "a.sightline"
    run(digits, target, options=tiny(epochs=1, seed=3))

    def refuse(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(finishing, "write_report", refuse)
    result = run(digits, target, options=tiny(epochs=1), overwrite=True)
    assert result.report is None
    (notice,) = result.notices
    assert "report.html" in notice
    assert f"sightline report {target} {digits}" in notice
    assert result.to_json()["notices"] == [notice]
    assert read_bundle(target).metrics["test"] == result.test.to_json()
    assert not (result.directory / "checkpoints").exists()
    assert not (result.directory / "report.html").exists(), "that of the run before"


def test_an_unfinished_run_needs_a_word(trained: TrainResult, digits: Path, tmp_path: Path) -> None:
    target = tmp_path / "a.sightline"
    interrupted(digits, target, "step 7")
    with pytest.raises(ConfigError) as caught:
        run(digits, target)
    assert caught.value.code == "unfinished_run"
    notebook = Notebook()
    result = run(digits, target, resume=True, watcher=notebook)
    assert notebook.notes == []
    whole = read_bundle(trained.path).members["weights.safetensors"]
    assert read_bundle(result.path).members["weights.safetensors"] == whole
    assert not (result.directory / "checkpoints").exists()


def test_overwrite_forgets_an_unfinished_run(digits: Path, tmp_path: Path) -> None:
    target = tmp_path / "a.sightline"
    interrupted(digits, target, "step 7")
    result = run(digits, target, options=tiny(epochs=1, seed=3), overwrite=True)
    assert len(result.history) == 1


def test_a_run_that_may_overwrite_may_also_be_resumed(digits: Path, tmp_path: Path) -> None:
    target = tmp_path / "a.sightline"
    run(digits, target, options=tiny(epochs=1))
    stop = StopRequest()

    def ask(where: str) -> None:
        if where == "step 7":
            stop.signal_number = 15

    with pytest.raises(Interrupted):
        run(digits, target, overwrite=True, watcher=Notebook(ask), stop=stop)
    assert len(run(digits, target, resume=True).history) == 2


def test_resuming_nothing_is_told(digits: Path, tmp_path: Path) -> None:
    notebook = Notebook()
    run(
        digits,
        tmp_path / "a.sightline",
        options=tiny(epochs=1),
        resume=True,
        watcher=notebook,
    )
    assert ["No unfinished run" in note for note in notebook.notes] == [True]


@pytest.mark.parametrize(
    "stage",
    [
        "reading images",
        "decoding training images",
        "converting and comparing",
        "measuring on test images",
    ],
)
def test_a_run_can_be_stopped_at_any_stage(
    trained: TrainResult, all_digits: Path, tmp_path: Path, stage: str
) -> None:
    target = tmp_path / "a.sightline"
    interrupted(all_digits, target, stage)
    result = run(all_digits, target, resume=True)
    whole = read_bundle(trained.path).members["weights.safetensors"]
    assert read_bundle(result.path).members["weights.safetensors"] == whole


def test_two_runs_never_share_a_folder(digits: Path, tmp_path: Path) -> None:
    (tmp_path / "a.training").mkdir()
    with (
        lock(tmp_path / "a.training" / ".lock"),
        pytest.raises(MachineError, match="in use") as caught,
    ):
        run(digits, tmp_path / "a.sightline")
    assert caught.value.code == "in_use"


def test_a_file_in_the_way_of_the_logs(digits: Path, tmp_path: Path) -> None:
    (tmp_path / "a.training").touch()
    with pytest.raises(MachineError) as caught:
        run(digits, tmp_path / "a.sightline")
    assert caught.value.exit_code == 5


def test_a_twin_that_disagrees_is_never_written(
    digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = assemble.to_litert

    def swapped(model: object) -> object:
        graph = real(model)
        names = dict(graph.outputs)
        names["logits"], names["probabilities"] = names["probabilities"], names["logits"]
        return replace(graph, outputs=names)

    monkeypatch.setattr(assemble, "to_litert", swapped)
    target = tmp_path / "a.sightline"
    with pytest.raises(CheckFailedError) as caught:
        run(digits, target, options=tiny(epochs=1))
    assert caught.value.code == "export_disagrees"
    assert not target.exists()
    monkeypatch.undo()
    assert run(digits, target, options=tiny(epochs=1), resume=True).verification.passed


def test_a_full_disk_at_the_end_costs_nothing(
    digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "a.sightline"
    run(digits, target, options=tiny(epochs=1))
    before = target.read_bytes()
    real = os.fsync

    def full(handle: int) -> None:
        if ".a.sightline" in os.readlink(f"/proc/self/fd/{handle}"):
            raise OSError(28, "No space left on device")
        real(handle)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(MachineError) as caught:
        run(digits, target, options=tiny(seed=4), overwrite=True)
    assert (caught.value.code, caught.value.exit_code) == ("disk_full", 5)
    assert target.read_bytes() == before, "the old bundle must stay whole"
    assert not list(tmp_path.glob(".a.sightline*")), "half a bundle was left"
    monkeypatch.undo()
    notebook = Notebook()
    run(digits, target, options=tiny(seed=4), resume=True, watcher=notebook)
    assert notebook.epochs == [], "what was trained is not trained again"
    assert target.read_bytes() != before


# Going on from one's own bundle


def test_training_goes_on_from_a_bundle_with_the_same_splits(
    trained: TrainResult, all_digits: Path, tmp_path: Path
) -> None:
    result = run(all_digits, tmp_path / "b.sightline", options=CONTINUED, origin=trained.path)
    assert result.recipe.mode == "quick"
    assert result.recipe.architecture == trained.recipe.architecture
    assert result.recipe.preprocessing == trained.recipe.preprocessing
    assert result.test.accuracy.value > trained.test.accuracy.value, "a fitted head is better"

    def record(path: Path) -> set[tuple[str, str | None]]:
        return {(row.digest, row.split) for row in read_bundle(path).record()}

    assert record(result.path) == record(trained.path)
    assert sorted(os.listdir(result.directory)) == [".lock", "head.json", "report.html"]


def test_weights_that_are_a_bundle_are_the_same_as_from(
    trained: TrainResult, all_digits: Path, tmp_path: Path
) -> None:
    options = replace(CONTINUED, weights=str(trained.path), seed=9)
    result = run(all_digits, tmp_path / "b.sightline", options=options)
    assert result.recipe.architecture == trained.recipe.architecture
    splits = {row.digest: row.split for row in read_bundle(trained.path).record()}
    assert {row.digest: row.split for row in read_bundle(result.path).record()} == splits


def test_a_class_may_be_added(keep: Callable[..., Path], all_digits: Path, tmp_path: Path) -> None:
    data = keep("0", "1", "2")
    first = run(data, tmp_path / "a.sightline", options=tiny(epochs=1))
    shutil.copytree(all_digits / "7", data / "7")
    second = run(data, tmp_path / "b.sightline", options=CONTINUED, origin=first.path)
    assert second.classes == ("0", "1", "2", "7")
    before = {row.digest: row.split for row in read_bundle(first.path).record()}
    after = {row.digest: row.split for row in read_bundle(second.path).record()}
    assert after.items() >= before.items()
    assert {row.split for row in read_bundle(second.path).record() if row.labels == ("7",)} == {
        "train",
        "validation",
        "test",
    }


def test_fine_tuning_goes_on_from_a_bundle(
    trained: TrainResult, all_digits: Path, tmp_path: Path
) -> None:
    options = Options(epochs=1, batch_size=32)
    result = run(all_digits, tmp_path / "b.sightline", options=options, origin=trained.path)
    assert result.recipe.mode == "standard"
    assert len(result.history) == 1
    assert result.verification.passed


def test_images_trained_on_before_never_judge(
    trained: TrainResult, digits: Path, tmp_path: Path
) -> None:
    """Renamed, and split anew by folders: content decides."""
    root = tmp_path / "anew"
    seen = {row.digest for row in read_bundle(trained.path).record() if row.split == "train"}
    for number, path in enumerate(sorted(digits.rglob("*.png"))):
        split = ("train", "test", "val")[number % 3]
        folder = root / split / path.parent.name
        folder.mkdir(parents=True, exist_ok=True)
        path.rename(folder / f"renamed{number}.png")
    result = run(
        root, tmp_path / "b.sightline", options=replace(CONTINUED, seed=5), origin=trained.path
    )
    record = read_bundle(result.path).record()
    assert {row.split for row in record if row.digest in seen} == {"train"}
    assert "earlier_split" in {finding.check for finding in result.findings}


def test_only_images_that_were_trained_on_cannot_judge(
    trained: TrainResult, digits: Path, tmp_path: Path
) -> None:
    for row in read_bundle(trained.path).record():
        if row.split != "train":
            (digits / row.name).unlink()
    with pytest.raises(DataError) as caught:
        run(digits, tmp_path / "b.sightline", options=CONTINUED, origin=trained.path)
    assert caught.value.code == "trained_on"


def test_what_a_grandparent_was_trained_on_is_not_forgotten(
    keep: Callable[..., Path], all_digits: Path, tmp_path: Path
) -> None:
    first = run(keep("0", "1"), tmp_path / "a.sightline", options=tiny(epochs=1))
    others = tmp_path / "others"
    for label in ("2", "3"):
        shutil.copytree(all_digits / label, others / label)
    second = run(others, tmp_path / "b.sightline", options=CONTINUED, origin=first.path)
    third = run(
        all_digits,
        tmp_path / "c.sightline",
        options=replace(CONTINUED, seed=11),
        origin=second.path,
    )
    seen = {r.digest for r in read_bundle(first.path).record() if r.split == "train"}
    splits = {r.digest: r.split for r in read_bundle(third.path).record()}
    assert {splits[digest] for digest in seen} == {"train"}
    assert {"test"} <= set(splits.values())


CONFLICTS = {
    "other weights": (replace(CONTINUED, weights="none"), "two_sources"),
    "other channels": (replace(CONTINUED, channels=3), "bad_option"),
    "an unknown network": (replace(CONTINUED, backbone="mobilenet"), None),
}


@pytest.mark.parametrize(("options", "code"), CONFLICTS.values(), ids=CONFLICTS.keys())
def test_options_that_contradict_the_bundle_are_refused(
    trained: TrainResult, all_digits: Path, tmp_path: Path, options: Options, code: str | None
) -> None:
    with pytest.raises(ConfigError) as caught:
        run(all_digits, tmp_path / "b.sightline", options=options, origin=trained.path)
    assert code is None or caught.value.code == code


def test_another_network_than_the_bundles_is_refused(
    trained: TrainResult, all_digits: Path, tmp_path: Path
) -> None:
    options = replace(CONTINUED, backbone_options={"filters": [4, 9], "dense_units": 16})
    with pytest.raises(ModelError) as caught:
        run(all_digits, tmp_path / "b.sightline", options=options, origin=trained.path)
    assert caught.value.code == "other_architecture"


def test_a_missing_origin_is_told(all_digits: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError) as caught:
        run(all_digits, tmp_path / "b.sightline", origin=tmp_path / "absent.sightline")
    assert caught.value.code == "no_such_model"


# Real weights on real photos


@pytest.mark.shared
@pytest.mark.parametrize("effort", ["quick", "standard"])
def test_imagenet_weights_learn_clothes_from_few_photos(
    shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, effort: str
) -> None:
    monkeypatch.setenv("KERAS_HOME", str(shared / "keras_home"))
    source = next((shared / "data" / "clothing").rglob("shoes")).parent
    for label in ("shoes", "hat", "pants"):
        folder = tmp_path / "clothes" / label
        folder.mkdir(parents=True)
        for path in sorted((source / label).iterdir())[:14]:
            shutil.copy(path, folder)
    options = Options(
        effort=effort,
        backbone="mobilenet_v2",
        image_size=(96, 96),
        **({"epochs": 1, "batch_size": 8} if effort == "standard" else {}),
    )
    result = run(tmp_path / "clothes", tmp_path / "c.sightline", options=options)
    assert result.recipe.mode == effort
    assert result.verification.passed
    judged = [*result.test.confusion.diagonal(), *result.validation.confusion.diagonal()]
    assert sum(judged) / (result.test.n + result.validation.n) > 0.6
