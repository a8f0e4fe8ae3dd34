"""Kill -9 at random instants: does a resumed run end with the weights of an undisturbed one?

    python benchmarks/kill.py [--kills 3] [--runs scratch fine-tuning]      # some minutes
    python benchmarks/kill.py --full                                        # ten kills each

For each kind of run, one run is left alone. Others are killed: at an instant drawn from each
stretch of the run's time, and one of them inside the writing of a checkpoint, when its temporary
file appears. Each is then resumed with the same command and `--resume` until it is done, and the
SHA-256 of `weights.safetensors` in its bundle is compared with the first one's. Ends with exit
status 1 if any differs. From scratch on handwritten digits; fine-tuning on some photos of the
clothing set, which `--runs scratch` does without.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sightline.dataset import Dataset, write_digits

SHARED = Path(os.environ.get("SIGHTLINE_SHARED", "../shared")).resolve()
CLOTHING = SHARED / "data" / "clothing" / "train"
MOST_RESUMES = 3
MOST_TRIES = 10
CHECKPOINT = re.compile(r"(\d{6})-(\d{8})-[0-9a-f]{64}\.checkpoint")
OPTIONS: Mapping[str, Sequence[str]] = {
    "scratch": (
        *("--backbone", "small_resnet", "--weights", "none", "--image-size", "32"),
        *("--channels", "1", "--augment", "light", "--epochs", "6"),
    ),
    "fine-tuning": ("--image-size", "96", "--augment", "light", "--epochs", "4"),
}


@dataclass(frozen=True, kw_only=True)
class Killed:
    """A run that was killed: how far it had come, and whether a checkpoint was half written."""

    seconds: float
    checkpoint: str
    inside: bool


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=3, help="for each kind of run")
    parser.add_argument("--full", action="store_true", help="the same as --kills 10")
    parser.add_argument("--runs", nargs="+", choices=list(OPTIONS), default=list(OPTIONS))
    parser.add_argument("--seed", type=int, default=0, help="of the instants")
    arguments = parser.parse_args()
    kills = 10 if arguments.full else arguments.kills
    if "fine-tuning" in arguments.runs and not CLOTHING.is_dir():
        raise SystemExit(f"No photos in {CLOTHING}: set SIGHTLINE_SHARED, or use --runs scratch.")
    same = True
    with tempfile.TemporaryDirectory() as folder:
        for kind in arguments.runs:
            data = write_data(kind, Path(folder) / "data" / kind)
            rng = random.Random(f"{arguments.seed} {kind}")
            same &= try_kind(kind, data, Path(folder) / kind, kills, rng)
    sys.exit(0 if same else 1)


def write_data(kind: str, folder: Path) -> Path:
    if kind == "scratch":
        folder.parent.mkdir(parents=True, exist_ok=True)
        return write_digits(folder, per_class=120)
    photos = Dataset.from_folder(CLOTHING)
    for name in photos.classes:
        target = folder / name
        target.mkdir(parents=True)
        for row in [row for row in photos if row.labels == (name,)][:30]:
            (target / Path(row.name).name).write_bytes(row.source.read())
    return folder


def try_kind(kind: str, data: Path, folder: Path, kills: int, rng: random.Random) -> bool:
    """Run, kill and resume; print a line for each kill; return whether all weights are equal."""
    folder.mkdir()
    # The first run fills the caches, so that a second one shows what the killed ones take.
    finish(command(kind, data, folder / "warm.sightline"), folder)
    began = time.perf_counter()
    finish(command(kind, data, folder / "alone.sightline"), folder)
    whole = time.perf_counter() - began
    wanted = digest(folder / "alone.sightline")
    print(f"{kind}: {whole:.1f} s undisturbed, weights {wanted[:16]}", flush=True)
    print(f"  {'killed after':>16}  {'resumed from':<20} {'resumes':>7}  weights", flush=True)
    good = 0
    for number in range(kills):
        bundle = folder / f"killed-{number}.sightline"
        words = command(kind, data, bundle)
        inside = number == kills - 1
        at = None if inside else whole * (number + rng.random()) / max(1, kills - 1)
        killed = kill(words, folder, bundle, at)
        resumes = resume(words, folder, bundle)
        given = digest(bundle)
        good += given == wanted
        where = "in a checkpoint" if killed.inside else f"{killed.seconds / whole:.0%}"
        print(
            f"  {killed.seconds:6.1f} s {where:>7}  {killed.checkpoint:<20} {resumes:>7}  "
            f"{'the same' if given == wanted else 'OTHERS ' + given[:16]}",
            flush=True,
        )
    print(f"  {good} of {kills} ended with the same weights", flush=True)
    return good == kills


def command(kind: str, data: Path, bundle: Path) -> list[str]:
    words = [sys.executable, "-m", "sightline", "train", str(data), "--save", str(bundle)]
    return [*words, "--allow", "leak", "--allow", "conflict", *OPTIONS[kind]]


def start(words: Sequence[str], folder: Path) -> subprocess.Popen[str]:
    environment = {
        **os.environ,
        "KERAS_HOME": os.environ.get("KERAS_HOME", str(SHARED / "keras_home")),
        "SIGHTLINE_CACHE": str(folder / "cache"),
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }
    return subprocess.Popen(
        words, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )


def finish(words: Sequence[str], folder: Path) -> None:
    running = start(words, folder)
    _, told = running.communicate()
    if running.returncode:
        raise SystemExit(f"{' '.join(words)}\n{told[-4000:]}")


def kill(words: Sequence[str], folder: Path, bundle: Path, at: float | None) -> Killed:
    """Kill a run after `at` seconds, or inside the writing of a checkpoint."""
    checkpoints = bundle.with_suffix(".training") / "checkpoints"
    for _ in range(MOST_TRIES):
        running = start(words, folder)
        began = time.perf_counter()
        while running.poll() is None and not is_time(at, began, checkpoints):
            # Writing takes milliseconds: to meet it, the waiting must not sleep long.
            time.sleep(0.01 if at is not None else 0.0002)
        ended = running.poll() is not None
        running.kill()
        running.communicate()
        seconds = time.perf_counter() - began
        inside = bool(half_written(checkpoints))
        if not ended and (at is not None or inside):
            return Killed(seconds=seconds, checkpoint=newest(checkpoints), inside=inside)
        # It was done before its time, or the checkpoint was whole before the signal came.
        at = None if at is None else 0.8 * at
        shutil.rmtree(checkpoints.parent, ignore_errors=True)
        bundle.unlink(missing_ok=True)
    raise SystemExit(f"In {MOST_TRIES} runs no kill came at its instant.")


def is_time(at: float | None, began: float, checkpoints: Path) -> bool:
    if at is not None:
        return time.perf_counter() - began >= at
    # The first checkpoint is written before the first step: a later one has more to lose.
    return bool(half_written(checkpoints)) and len(finished(checkpoints)) > 1


def names(checkpoints: Path) -> list[str]:
    return os.listdir(checkpoints) if checkpoints.is_dir() else []


def half_written(checkpoints: Path) -> list[str]:
    return [name for name in names(checkpoints) if name.endswith(".tmp")]


def finished(checkpoints: Path) -> list[str]:
    return sorted(name for name in names(checkpoints) if CHECKPOINT.fullmatch(name))


def newest(checkpoints: Path) -> str:
    whole = finished(checkpoints)
    match = CHECKPOINT.fullmatch(whole[-1]) if whole else None
    if match is None:
        return "nothing"
    return f"epoch {int(match.group(1)) + 1}, step {int(match.group(2)) + 1}"


def resume(words: Sequence[str], folder: Path, bundle: Path) -> int:
    """Resume a run until it is done; return how often that took."""
    if bundle.is_file() and not finished(bundle.with_suffix(".training") / "checkpoints"):
        return 0  # all was done but for tidying up
    told = ""
    for count in range(1, MOST_RESUMES + 1):
        running = start([*words, "--resume"], folder)
        _, told = running.communicate()
        if not running.returncode and bundle.is_file():
            return count
    raise SystemExit(f"{' '.join(words)} --resume\n{told[-4000:]}")


def digest(bundle: Path) -> str:
    with zipfile.ZipFile(bundle) as archive:
        return hashlib.sha256(archive.read("weights.safetensors")).hexdigest()


if __name__ == "__main__":
    main()
