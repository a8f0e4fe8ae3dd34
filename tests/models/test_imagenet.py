from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from sightline.errors import ConfigError, MachineError
from sightline.models import BACKBONES, Architecture
from sightline.models.imagenet import fetch, imagenet_file, keras_home

WHOLE = b"\x89HDF\r\n\x1a\n and more"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def publisher(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in for the place that Keras publishes at: an empty folder."""
    folder = tmp_path / "published"
    folder.mkdir()
    card = BACKBONES["mobilenet"]
    assert card.imagenet is not None
    files = replace(card.imagenet, folder=f"{folder.as_uri()}/")
    monkeypatch.setitem(BACKBONES, "mobilenet", replace(card, imagenet=files))  # type: ignore[arg-type]
    return folder


def mobilenet(height: int, width: int, **options: float) -> Architecture:
    return Architecture(
        backbone="mobilenet", classes=2, height=height, width=width, options=options
    )


def test_the_home_is_where_keras_looks(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert keras_home() == home
    monkeypatch.delenv("KERAS_HOME")
    assert keras_home() == Path.home() / ".keras"


@pytest.mark.parametrize(
    ("size", "used"),
    [((128, 128), 128), ((32, 32), 128), ((144, 144), 160), ((128, 256), 192), ((600, 600), 224)],
)
def test_the_nearest_size_is_fetched_once_and_said(
    home: Path, publisher: Path, size: tuple[int, int], used: int
) -> None:
    (publisher / f"mobilenet_1_0_{used}_tf_no_top.h5").write_bytes(WHOLE)
    found = imagenet_file(mobilenet(*size))
    assert found.path == home / "models" / f"mobilenet_1_0_{used}_tf_no_top.h5"
    assert found.trained_at == used
    assert (found.notice is None) == (size == (used, used))
    (publisher / found.path.name).unlink()
    assert imagenet_file(mobilenet(*size)) == found


def test_without_a_network_the_nearest_file_that_is_here_is_used_and_said(
    home: Path, publisher: Path
) -> None:
    (home / "models").mkdir(parents=True)
    for side in (128, 192):
        (home / "models" / f"mobilenet_2_5_{side}_tf_no_top.h5").write_bytes(WHOLE)
    found = imagenet_file(mobilenet(224, 224, alpha=0.25))
    assert found.trained_at == 192
    assert found.notice is not None and "192x192 are used for images of 224x224" in found.notice


def test_a_file_that_is_not_hdf5_is_fetched_again(home: Path, publisher: Path) -> None:
    (home / "models").mkdir(parents=True)
    target = home / "models" / "mobilenet_1_0_224_tf_no_top.h5"
    target.write_text("<html>Sign in to this network</html>")
    (publisher / target.name).write_bytes(WHOLE)
    assert imagenet_file(mobilenet(224, 224)).path.read_bytes() == WHOLE


def test_without_a_network_and_without_a_file_the_remedy_is_named(
    home: Path, publisher: Path
) -> None:
    with pytest.raises(MachineError) as caught:
        imagenet_file(mobilenet(224, 224))
    assert caught.value.code == "download_failed"
    assert "put mobilenet_1_0_224_tf_no_top.h5 into FOLDER/models" in str(caught.value)
    assert 'weights="none"' in str(caught.value)
    assert list((home / "models").iterdir()) == []


def test_a_damaged_download_leaves_nothing(tmp_path: Path) -> None:
    source = tmp_path / "source.h5"
    source.write_bytes(WHOLE)
    with pytest.raises(MachineError, match="its MD5 is"):
        fetch(source.as_uri(), tmp_path / "folder", md5="0" * 32)
    assert list((tmp_path / "folder").iterdir()) == []


def test_a_whole_download_is_reported_as_it_comes(tmp_path: Path) -> None:
    source = tmp_path / "source.h5"
    source.write_bytes(WHOLE * 200_000)
    seen: list[tuple[int, int]] = []
    digest = hashlib.md5(source.read_bytes()).hexdigest()
    path = fetch(
        source.as_uri(),
        tmp_path / "folder",
        md5=digest,
        progress=lambda done, total: seen.append((done, total)),
    )
    assert path.read_bytes() == source.read_bytes()
    assert len(seen) > 1 and seen[-1] == (len(WHOLE) * 200_000,) * 2


@pytest.mark.parametrize(
    ("backbone", "options", "message"),
    [
        ("tutorial_cnn", {}, "no ImageNet weights for tutorial_cnn"),
        ("mobilenet_v2", {"alpha": 0.9}, "0.35, 0.5, 0.75, 1.0, 1.3, 1.4"),
    ],
)
def test_networks_without_published_weights_are_refused(
    backbone: str, options: dict[str, float], message: str
) -> None:
    architecture = Architecture(backbone=backbone, classes=2, height=64, width=64, options=options)
    with pytest.raises(ConfigError) as caught:
        imagenet_file(architecture)
    assert message in str(caught.value)
