"""Do calibrated probabilities, limits, sets and "unlike" hold what they promise, on clothing?

    python benchmarks/deciding.py MODEL [--resplits 300]

MODEL is a bundle trained on the clothing photos. Its answers to all photos that neither trained nor
chose it are computed once; on each of many random halvings, one half calibrates and the other
judges. For "unlike the training data", photos of other things are asked too.
"""

from __future__ import annotations

import argparse
import io
import os
import tarfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from sightline.dataset import Dataset
from sightline.errors import CheckFailedError
from sightline.evaluation import paired_gain
from sightline.evaluation.abstaining import limit_for_coverage, limit_for_error
from sightline.evaluation.calibration import fit_temperature, probabilities_of
from sightline.evaluation.conformal import least_probability
from sightline.evaluation.counts import log_losses
from sightline.images import FileSource, Source, as_source
from sightline.inference import LiteRTRunner, predict
from sightline.models.bundle import Bundle, read_bundle
from sightline.models.familiarity import unlike_limit

SHARED = Path(os.environ.get("SIGHTLINE_SHARED", "../shared")).resolve()
DATA = SHARED / "data"
STRANGERS = 300


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("--resplits", type=int, default=300)
    arguments = parser.parse_args()
    bundle = read_bundle(arguments.model)
    bundle = replace(bundle, rules=replace(bundle.rules, unsure_below=(), unlike_above=None))
    runner = LiteRTRunner(bundle)
    answers, truth = held_out_answers(bundle, runner)
    halves = list(halvings(len(truth), arguments.resplits))
    print(f"{len(truth)} photos that neither trained nor chose the model; {len(halves)} halvings")
    judge_temperature(answers.logits, truth, halves)
    judge_sets(answers.probabilities, truth, halves)
    judge_limits(answers.confidence, (answers.chosen == truth).all(axis=1), halves)
    judge_unlike(runner, answers.distances, halves)


def held_out_answers(bundle: Bundle, runner: LiteRTRunner):
    """Return the predictions for test and calibrating photos, and their labels as a matrix."""
    held_out = {row.digest for row in bundle.record() if row.split == "test" or row.calibrates}
    photos = Dataset.from_folder(DATA / "clothing")
    rows = [
        row
        for row, content in zip(photos.rows, photos.contents(), strict=True)
        if content.digest in held_out
    ]
    answers = predict(runner, [row.source for row in rows])
    names = np.array(bundle.classes)
    return answers, np.array([names == row.labels[0] for row in rows])


def halvings(n: int, count: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    for seed in range(count):
        order = np.random.default_rng(seed).permutation(n)
        yield order[: n // 2], order[n // 2 :]


def judge_temperature(logits, truth, halves) -> None:
    before, after, images, runs, fitted = [], [], [], [], []
    for run, (calibrates, judges) in enumerate(halves[:20]):
        temperature = fit_temperature(logits[calibrates], truth[calibrates], task="multi_class")
        fitted.append(float(temperature))
        for losses, value in ((before, 1.0), (after, temperature)):
            probabilities = probabilities_of(logits[judges], value, task="multi_class")
            losses.append(log_losses(probabilities, truth[judges], task="multi_class"))
        images.extend(judges.tolist())
        runs.extend([run] * len(judges))
    before, after = np.concatenate(before), np.concatenate(after)
    gain = paired_gain(after, before, images=images, runs=runs)
    print(f"temperature {np.mean(fitted):.3f} ({min(fitted):.3f}-{max(fitted):.3f} in 20 halvings)")
    print(f"log loss {before.mean():.4f} before, {after.mean():.4f} after; less by {gain}")


def judge_sets(probabilities, truth, halves) -> None:
    print("sets: promised, mean coverage, its spread (and in theory), mean size, empty")
    for coverage in (0.8, 0.9, 0.95):
        reached, sizes, empty = [], [], []
        for calibrates, judges in halves:
            limit = least_probability(probabilities[calibrates], truth[calibrates], coverage)
            inside = probabilities[judges] >= np.float32(limit)
            reached.append(inside[truth[judges]].mean())
            sizes.append(inside.sum(axis=1).mean())
            empty.append((inside.sum(axis=1) == 0).mean())
        n, m = len(calibrates), len(judges)
        place = np.floor((n + 1) * (1 - coverage) + 1e-9)
        mean = 1 - place / (n + 1)
        # Beta-binomial: the limit's own spread, and that of the images that judge.
        spread = np.sqrt(mean * (1 - mean) * (n + 1 + m) / (m * (n + 2)))
        print(
            f"  {coverage}: {np.mean(reached):.4f}, {np.std(reached):.4f} ({spread:.4f}), "
            f"{np.mean(sizes):.2f}, {np.mean(empty):.3f}"
        )


def judge_limits(confidence, right, halves) -> None:
    for share in (0.05, 0.1):
        wrong, covered, refused = [], [], 0
        for calibrates, judges in halves:
            try:
                limit = limit_for_error(confidence[calibrates], right[calibrates], share)
            except CheckFailedError:
                refused += 1
                continue
            given = confidence[judges] >= np.float32(limit.unsure_below)
            wrong.append((~right[judges][given]).mean())
            covered.append(given.mean())
        print(
            f"--max-error {share}: refused in {refused}; else answered {np.mean(covered):.3f}, "
            f"wrong of them {np.mean(wrong):.4f}, more than promised in "
            f"{np.mean(np.array(wrong) > share):.3f} (halves judge, so chance adds to it)"
        )
    covered = []
    for calibrates, judges in halves:
        limit = limit_for_coverage(confidence[calibrates], right[calibrates], 0.9)
        covered.append((confidence[judges] >= np.float32(limit.unsure_below)).mean())
    print(f"--coverage 0.9: answered {np.mean(covered):.4f}")


def judge_unlike(runner: LiteRTRunner, distances, halves) -> None:
    alarms, promised, limits = [], [], []
    for calibrates, judges in halves:
        found = unlike_limit(distances[calibrates])
        if found is None:
            raise SystemExit("too few photos for a limit")
        limits.append(found[0])
        promised.append(found[1])
        alarms.append((distances[judges] > found[0]).mean())
    print(
        f"unlike: promised {np.mean(promised):.4f}, of clothing test photos {np.mean(alarms):.4f}"
    )
    for name, sources in strangers().items():
        far = predict(runner, sources).distances
        found = np.mean([(far > limit).mean() for limit in limits])
        pairs = (far[:, None] > distances).mean()
        print(f"  {name}: {len(far)} images, called unlike {found:.3f}, farther in {pairs:.4f}")


def strangers() -> dict[str, list[Source]]:
    """Return pictures of other things by what they show."""
    random = np.random.default_rng(0)
    signs = sorted((DATA / "sign_digits").glob("*/*/*"))
    chosen = random.choice(len(signs), min(STRANGERS, len(signs)), replace=False)
    cifar = []
    with tarfile.open(DATA / "cifar10.tar.xz") as archive:
        for member in archive:
            if member.isfile() and random.random() < 0.05 and len(cifar) < STRANGERS:
                stream = archive.extractfile(member) or io.BytesIO()
                cifar.append(as_source(stream.read()))
    noise = random.integers(0, 256, (30, 200, 200, 3), np.uint8)
    flat = [np.full((200, 200, 3), level, np.uint8) for level in range(0, 256, 25)]
    return {
        "hand signs": [FileSource(signs[i], signs[i].name) for i in chosen],
        "CIFAR-10": cifar,
        "street, animals": [
            FileSource(path, path.name) for path in sorted((DATA / "photos").glob("*.jpg"))
        ],
        "noise and plain": [as_source(pixels) for pixels in [*noise, *flat]],
    }


if __name__ == "__main__":
    main()
