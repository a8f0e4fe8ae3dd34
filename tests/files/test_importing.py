from __future__ import annotations

import os
import sys
from collections import OrderedDict

import pytest

from sightline.errors import MissingPackageError
from sightline.files import load_attribute, load_module, missing_package, unreported
from sightline.files.importing import OPTIONAL_PACKAGES
from sightline.workflows.doctor import PACKAGES


def test_a_reference_gives_what_it_names() -> None:
    assert load_attribute("collections:OrderedDict") is OrderedDict
    assert load_module("collections.abc").Mapping


def test_an_absent_package_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(MissingPackageError) as caught:
        load_module("pyarrow.parquet", purpose="write Parquet")
    assert caught.value.what == "pyarrow is not installed; it is needed to write Parquet."
    assert caught.value.fix == "pip install 'sightline[parquet]'"
    assert caught.value.exit_code == 5


def test_a_package_that_a_module_of_ours_needs_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cv2", None)
    monkeypatch.delitem(sys.modules, "sightline.batches.mixing", raising=False)
    with pytest.raises(MissingPackageError, match="opencv-python-headless is not installed"):
        load_attribute("sightline.batches.mixing:mix")


def test_a_package_that_breaks_on_import_is_told_apart_from_an_absent_one() -> None:
    error = ImportError("libGL.so.1: cannot open shared object file")
    told = missing_package(error, module="cv2")
    assert told is not None
    assert "cannot be imported (libGL.so.1" in told.what


def test_a_module_of_nobodys_extra_stays_pythons_own_error() -> None:
    with pytest.raises(ModuleNotFoundError, match="no_such_module"):
        load_module("no_such_module.part")
    assert missing_package(ModuleNotFoundError("x", name="no_such_module")) is None


def test_the_table_says_what_doctor_says() -> None:
    told = {package.module: (package.name, package.extra) for package in PACKAGES if package.extra}
    assert told == dict(OPTIONAL_PACKAGES)


def test_a_package_that_reports_is_told_not_to_unless_the_user_has_decided(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "environ", {})
    with unreported("json"):
        assert os.environ == {}
    with unreported("onnxruntime"):
        assert os.environ == {"ORT_DISABLE_TELEMETRY": "1"}
    os.environ["ORT_DISABLE_TELEMETRY"] = "0"
    with unreported("onnxruntime"):
        assert os.environ == {"ORT_DISABLE_TELEMETRY": "0"}


def test_what_a_package_reports_with_is_out_of_reach_only_while_it_is_imported(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delitem(sys.modules, "openvino_telemetry", raising=False)
    with pytest.raises(ImportError), unreported("openvino"):
        load_module("openvino_telemetry")
    assert "openvino_telemetry" not in sys.modules
