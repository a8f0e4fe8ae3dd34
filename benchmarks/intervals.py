"""Do 95 % intervals hold the truth in 95 of 100 samples? A Markdown table of how often they do.

Wilson's interval is enumerated exactly. The others are simulated: a classifier whose true figures
are known from 200,000 images judges many small samples.

    python benchmarks/intervals.py --samples 400
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from sightline.evaluation import Evaluation, evaluate, wilson
from sightline.evaluation.reliability import bin_numbers
from sightline.predictions import Predictions

WHOLE = 200_000
LARGEST_GROUP = 10
FIGURES: Mapping[str, Callable[[Evaluation], object]] = {
    "accuracy": lambda one: one.accuracy,
    "balanced accuracy": lambda one: one.balanced_accuracy,
    "macro F1": lambda one: one.macro.f1,
    "weighted F1": lambda one: one.weighted.f1,
    "Matthews": lambda one: one.matthews,
    "kappa": lambda one: one.kappa,
    "log loss": lambda one: one.log_loss,
    "Brier": lambda one: one.probabilistic.brier,
    "ECE": lambda one: one.probabilistic.calibration_error,
    "ROC AUC": lambda one: one.probabilistic.roc_auc,
    "average precision": lambda one: one.probabilistic.average_precision,
    "rarest class: recall": lambda one: one.per_class[-1].recall,
    "rarest class: F1": lambda one: one.per_class[-1].f1,
    "rarest class: ROC AUC": lambda one: list(one.probabilistic.classes.values())[-1].roc_auc,
}


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where samples come from: classes, their shares, and how images hang together.

    Attributes:
        classes: How many.
        skewed: Whether their shares fall, to a tenth of the first.
        correlation: Of the scores of images of one group; None for images on their own.
    """

    classes: int
    skewed: bool
    correlation: float | None = None

    @property
    def shares(self) -> np.ndarray:
        falling = np.geomspace(1, 0.1 if self.skewed else 1, self.classes)
        return falling / falling.sum()

    def draw(self, n: int, random: np.random.Generator) -> tuple[Predictions, list, list | None]:
        """Draw n images, or about n in whole groups of one class, 1 to 10 images in each."""
        sizes = np.ones(n, int)
        if self.correlation is not None:
            sizes = random.integers(1, LARGEST_GROUP + 1, math.ceil(n / (LARGEST_GROUP + 1) * 2))
        group = np.repeat(np.arange(len(sizes)), sizes)
        truth = random.choice(self.classes, len(sizes), p=self.shares)[group]
        shared = self.correlation or 0.0
        noise = random.normal(size=(len(sizes), self.classes))[group] * math.sqrt(shared)
        noise += random.normal(size=(len(group), self.classes)) * math.sqrt(1 - shared)
        # Too sure by a third, as networks are.
        scores = 1.5 * (2 * noise + 4.5 * np.eye(self.classes)[truth])
        weights = np.exp(scores - scores.max(axis=1, keepdims=True))
        names = tuple(map(str, range(len(truth))))
        predictions = Predictions(
            task="multi_class",
            classes=tuple(map(str, range(self.classes))),
            names=names,
            probabilities=(weights / weights.sum(axis=1, keepdims=True)).astype(np.float32),
        )
        labels = [(str(column),) for column in truth]
        return predictions, labels, None if self.correlation is None else group.tolist()

    def true_figures(self, sizes: list[int]) -> Mapping[str, Mapping[int, float]]:
        predictions, labels, _ = self.draw(WHOLE, np.random.default_rng(99))
        whole = evaluate(predictions, labels)
        true = {name: dict.fromkeys(sizes, of(whole).value) for name, of in FIGURES.items()}
        confidence = predictions.confidence.astype(np.float64)
        right = predictions.chosen[range(len(labels)), [int(one) for (one,) in labels]]
        # The calibration error is one of bins, and small samples have fewer of them.
        for n in sizes:
            bins = bin_numbers(confidence, max(1, min(15, n // 10)))
            gaps = np.bincount(bins, weights=confidence - right)
            true["ECE"][n] = float(np.abs(gaps).sum() / len(right))
        return true


def covered(source: Source, sizes: list[int], samples: int) -> Iterator[tuple[str, int, float]]:
    """Yield how often each figure's interval held the truth, by figure and n."""
    true = source.true_figures(sizes)
    for n in sizes:
        held: dict[str, list[bool]] = {name: [] for name in FIGURES}
        for sample in range(samples):
            predictions, labels, groups = source.draw(n, np.random.default_rng([n, sample]))
            found = evaluate(predictions, labels, groups=groups, seed=sample)
            for name, of in FIGURES.items():
                one = of(found)
                if one.defined:
                    held[name].append(one.low <= true[name][n] <= one.high)
        for name, values in held.items():
            yield name, n, float(np.mean(values)) if values else math.nan


def enumerated() -> dict[int, tuple[float, float]]:
    """Return the mean and the least coverage of Wilson's interval over p, by n."""
    shares = np.linspace(0.005, 0.995, 199)
    found = {}
    for n in (10, 20, 40, 100, 200, 1000):
        limits = [wilson(hits, n) for hits in range(n + 1)]
        low, high = (np.array([getattr(one, side) for one in limits]) for side in ("low", "high"))
        hits = np.arange(n + 1)
        ways = np.array(
            [math.lgamma(n + 1) - math.lgamma(h + 1) - math.lgamma(n - h + 1) for h in hits]
        )
        chances = np.exp(
            ways + hits * np.log(shares)[:, None] + (n - hits) * np.log1p(-shares)[:, None]
        )
        inside = (low <= shares[:, None]) & (shares[:, None] <= high)
        coverage = (chances * inside).sum(axis=1)
        found[n] = (float(coverage.mean()), float(coverage.min()))
    return found


def table(sources: Mapping[str, Source], sizes: list[int], samples: int) -> str:
    """Return a row for each figure, a column for each source and n."""
    results = {
        (name, title, n): share
        for title, source in sources.items()
        for name, n, share in covered(source, sizes, samples)
    }
    heads = [f"{title}, n {n}" for title in sources for n in sizes]
    lines = [f"| | {' | '.join(heads)} |", "|---" * (len(heads) + 1) + "|"]
    for name in FIGURES:
        cells = [f"{100 * results[name, title, n]:.0f}" for title in sources for n in sizes]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=400)
    parser.add_argument("--sizes", type=int, nargs="+", default=[40, 200, 1000])
    parser.add_argument("--only", choices=("wilson", "single", "groups"))
    arguments = parser.parse_args()
    if arguments.only in (None, "wilson"):
        print("| n | mean coverage of Wilson's interval, % | least |\n|---|---|---|")
        for n, (mean, least) in enumerated().items():
            print(f"| {n} | {100 * mean:.1f} | {100 * least:.1f} |")
    if arguments.only in (None, "single"):
        single = {
            f"{classes} classes{', skewed' if skewed else ''}": Source(
                classes=classes, skewed=skewed
            )
            for classes in (2, 10)
            for skewed in (False, True)
        }
        print("\n" + table(single, arguments.sizes, arguments.samples))
    if arguments.only in (None, "groups"):
        groups = {
            f"correlation {correlation}": Source(classes=2, skewed=True, correlation=correlation)
            for correlation in (0.0, 0.3, 0.8)
        }
        print("\n" + table(groups, arguments.sizes, arguments.samples))


if __name__ == "__main__":
    main()
