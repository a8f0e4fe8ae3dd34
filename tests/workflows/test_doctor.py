from __future__ import annotations

import json
import re
import tomllib
from importlib import resources
from pathlib import Path

import jsonschema
import pytest

import sightline.reporting
from sightline import machine
from sightline.cli import main
from sightline.workflows import doctor
from sightline.workflows.doctor import PACKAGES, diagnose


@pytest.fixture
def versions(monkeypatch):
    """Return the installed versions as a dict that a test may change."""
    installed = {package.name: "99.0" for package in PACKAGES}
    monkeypatch.setattr(doctor, "installed_version", lambda name: installed.get(name))
    return installed


def item(diagnosis, name):
    (found,) = [item for item in diagnosis.items if item.name == name]
    return found


def test_the_table_says_what_pyproject_says():
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    wanted = {"": project["dependencies"]}
    wanted |= {
        extra: extras[extra]
        for extra in project["optional-dependencies"]
        if extra not in ("test", "check", "dev")
    }
    stated = {
        (extra, *re.match(r"([\w-]+)>=([\d.]+)", line).groups())
        for extra, lines in wanted.items()
        for line in lines
    }
    table = {(package.extra, package.name, package.minimum) for package in PACKAGES}
    assert stated - table == {("train", "tensorflow", "2.21")}
    assert table <= stated


def test_this_environment_is_healthy_and_fits_the_schema():
    diagnosis = diagnose()
    assert diagnosis.broken == ()
    assert {"sightline", "python", "numpy", "cpu", "cache"} <= {i.name for i in diagnosis.items}
    file = resources.files(sightline.reporting) / "schemas" / "doctor.json"
    jsonschema.Draft202012Validator(json.loads(file.read_text())).validate(diagnosis.to_json())


def test_a_missing_required_package_is_broken(versions):
    del versions["safetensors"]
    found = item(diagnose(), "safetensors")
    assert (found.status, found.fix) == ("broken", "pip install --upgrade 'safetensors>=0.6'")


def test_an_old_required_package_is_broken(versions):
    versions["numpy"] = "1.26.4"
    found = item(diagnose(), "numpy")
    assert found.status == "broken"
    assert "1.26.4" in found.found


@pytest.mark.parametrize("version", ["2.0", "2.0.0rc1", "2.10", "10.0"])
def test_a_version_that_will_do(versions, version):
    versions["numpy"] = version
    assert item(diagnose(), "numpy").status == "ok"


def test_a_missing_optional_package_is_absent_with_its_extra(versions):
    del versions["pyarrow"]
    found = item(diagnose(), "pyarrow")
    assert (found.status, found.fix) == ("absent", "pip install --upgrade 'sightline[parquet]'")


def test_no_tensorflow_is_one_absent_item(versions):
    del versions["tensorflow-cpu"]
    diagnosis = diagnose()
    assert item(diagnosis, "tensorflow").status == "absent"
    assert diagnosis.broken == ()


def test_plain_tensorflow_serves_as_well(versions):
    versions["tensorflow"] = versions.pop("tensorflow-cpu")
    assert item(diagnose(), "tensorflow").status == "ok"


def test_two_tensorflows_are_a_problem(versions):
    versions["tensorflow"] = "2.21.0"
    found = item(diagnose(), "tensorflow twice")
    assert found.status == "broken"
    assert "overwrite each other" in found.found


def test_weights_are_listed(monkeypatch, tmp_path):
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "net\x1b.h5").touch()
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    found = item(diagnose(), "pretrained weights")
    assert found.status == "ok"
    assert found.found.endswith(": net\\x1b.h5")


def test_a_cache_that_cannot_be_made(monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("SIGHTLINE_CACHE", str(tmp_path / "file" / "cache"))
    found = item(diagnose(), "cache")
    assert found.status == "warning"
    assert "SIGHTLINE_CACHE" in found.fix


def test_the_size_of_the_cache(monkeypatch, tmp_path):
    (tmp_path / "shard").write_bytes(bytes(3 * 2**20))
    monkeypatch.setenv("SIGHTLINE_CACHE", str(tmp_path))
    assert item(diagnose(), "cache").found.startswith("3 MB used")


def test_a_folder_that_is_gone(monkeypatch, tmp_path):
    folder = tmp_path / "gone"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    folder.rmdir()
    assert item(diagnose(), "temporary files").status == "warning"


def test_little_memory_in_a_container(monkeypatch):
    files = {
        "/proc/meminfo": "MemTotal:  16777216 kB\nMemAvailable:  12582912 kB\n",
        "/sys/fs/cgroup/memory.max": "2147483648\n",
        "/sys/fs/cgroup/memory.current": "1073741824\n",
        "/sys/fs/cgroup/cpu.max": "50000 100000\n",
    }
    monkeypatch.setattr(machine, "read_system", lambda path: files.get(path, ""))
    diagnosis = diagnose()
    assert item(diagnosis, "memory").found == "1.0 GB of 2.0 GB available"
    assert item(diagnosis, "memory").status == "warning"
    assert item(diagnosis, "cpu").found == "0.5 cores"


def test_a_system_without_proc(monkeypatch):
    monkeypatch.setattr(machine, "read_system", lambda path: "")
    diagnosis = diagnose()
    assert "memory" not in [i.name for i in diagnosis.items]
    assert "cores" in item(diagnosis, "cpu").found


def test_deep_imports_in_a_child_process(monkeypatch, versions):
    packages = {"json": "", "a_module_that_is_not_there": ""}
    table = [doctor._package(name, name, "1", extra, "x") for name, extra in packages.items()]
    monkeypatch.setattr(doctor, "PACKAGES", tuple(table))
    versions.clear()
    versions.update(dict.fromkeys(packages, "99"))
    seen = []
    diagnosis = diagnose(deep=True, progress=lambda done, total: seen.append((done, total)))
    imports = {i.name: i for i in diagnosis.items if i.topic == "imports"}
    assert imports["json"].status == "ok"
    assert imports["a_module_that_is_not_there"].status == "broken"
    assert "ModuleNotFoundError" in imports["a_module_that_is_not_there"].found
    assert seen == [(0, 2), (1, 2), (2, 2)]


def test_a_child_that_dies_without_words(monkeypatch):
    assert doctor._run_python("import os; os._exit(3)") == ("", "ended with status 3")


def test_a_child_that_hangs(monkeypatch):
    monkeypatch.setattr(doctor, "_IMPORT_SECONDS", 0.5)
    assert doctor._run_python("import time; time.sleep(30)")[1] == "no answer in 0.5 s"


def test_the_command_in_words(capsys):
    assert main(["doctor"]) == 0
    out, err = capsys.readouterr()
    assert "Nothing that is required is broken." in out
    assert err == ""


def test_the_command_ends_with_5_when_something_is_broken(versions, capsys):
    del versions["numpy"]
    assert main(["doctor", "--json"]) == 5
    out, err = capsys.readouterr()
    assert json.loads(out)["healthy"] is False
    assert json.loads(err)["code"] == "broken_installation"
