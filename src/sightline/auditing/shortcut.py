"""Can the label be told without looking at the picture? Then a model may learn to tell it so.

For each trait (`traits`) a naive Bayes classifier over its codes, all classes equally likely
beforehand, answers for images that it has not seen: five folds, stratified, near duplicates and
named groups together. Judged by balanced accuracy, against chance: over all classes, and for each
class against the rest, since one class saved in another way is drowned in an average over ten.

A finding needs two things: that the excess over chance is beyond luck, with all the looks that
were taken counted (Bonferroni, Dunn 1961), and that it is large, for what photos show also shapes
their size and border (the sky around ships). Measured on sets without known shortcuts (clothing,
hand signs, 10,000 of CIFAR-10; ten classes each), the highest balanced accuracy over all classes,
and of one against the rest: size 0.16 and 0.66, size of the file 0.17 and 0.76, border 0.21 and
0.69; compression, camera and date at chance.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from sightline.auditing.check import Check, Evidence
from sightline.auditing.traits import TRAITS, Trait, codes, column_traits
from sightline.dataset import Finding

_FOLDS = 5
_DEPENDENCE = 1 + _FOLDS / (_FOLDS - 1)
"""What the folds' common images add to the variance of their mean."""
_LEAST_IMAGES = 20
"""Groups of images that a class needs to be judged."""
_DOUBT = 0.05
_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """A balanced accuracy.

    Args:
        value: The mean of the classes' recalls.
        error: Its standard error, of recalls pulled a little towards a half (Agresti and Coull
            1998), so that it is not zero where all is right, and widened because the folds learn
            from the same images (Nadeau and Bengio 2003).
        n: Images it was measured on.
        chance: What guessing gives.
    """

    value: float
    error: float
    n: int
    chance: float

    def limits(self, doubt: float) -> tuple[float, float]:
        """Return the interval that misses the truth with probability `doubt`, half on each side."""
        half = NormalDist().inv_cdf(1 - doubt / 2) * self.error
        return max(0.0, self.value - half), min(1.0, self.value + half)

    def is_large(self, *, looks: int, skill: float) -> bool:
        """Return whether it exceeds chance by `skill`, beyond luck in one of so many looks."""
        low, _ = self.limits(2 * _DOUBT / looks)
        return low > self.chance and self.value - self.chance > skill * (1 - self.chance)

    def __str__(self) -> str:
        """Return for example `0.93 (0.91-0.95, n=2000), chance 0.10`."""
        low, high = self.limits(_DOUBT)
        low, high = math.floor(low * 100) / 100, math.ceil(high * 100) / 100
        return f"{self.value:.2f} ({low:.2f}-{high:.2f}, n={self.n}), chance {self.chance:.2f}"


@dataclass(frozen=True, kw_only=True)
class Trial:
    """What a trait is tried on, the same for all.

    Args:
        labels: int (n,): the class of each image.
        folds: int (n,): which fifth of the images each belongs to.
        weights: float (n,): the share of a group that an image is; near copies are one piece of
            evidence together.
    """

    labels: np.ndarray
    folds: np.ndarray
    weights: np.ndarray


def find_shortcuts(evidence: Evidence) -> Iterator[Finding]:
    """Yield a finding for each trait that tells the classes, or one of them, from the others."""
    names, chosen, trial = _trial(evidence)
    pairs = [evidence.pairs[place] for place in chosen]
    traits = (*TRAITS.values(), *column_traits(pairs))
    tried = [(trait, codes(pairs, trait)) for trait in traits]
    tried = [each for each in tried if (each[1] != each[1][0]).any()]
    looks = len(tried) * (1 + (len(names) if len(names) > 2 else 0))
    for trait, values in tried:
        whole, single = scores(values, trial)
        if whole.is_large(looks=looks, skill=trait.skill):
            yield _finding(trait, f"{trait.words} alone gives {whole}, as balanced accuracy.")
            continue
        for label, score in zip(names, single, strict=False):
            if score.is_large(looks=looks, skill=trait.skill):
                yield _finding(
                    trait,
                    f"{trait.words} alone tells class {label!r} from the others: {score}, as "
                    "balanced accuracy.",
                )


def _finding(trait: Trait, message: str) -> Finding:
    severity, fix = trait.severity, trait.fix
    return Finding(check=SHORTCUT.name, severity=severity, message=message, fix=fix)


def scores(values: np.ndarray, trial: Trial) -> tuple[Score, tuple[Score, ...]]:
    """Return how well codes tell all classes apart, and each class from the rest.

    Args:
        values: int (n, columns), from 0 on.
        trial: Labels from 0 on, folds and weights.

    Returns:
        The score over all classes, and one for each class; none for two classes, which would be
        the same.
    """
    classes = int(trial.labels.max()) + 1
    hits, claimed, claims = np.zeros((3, classes))
    for rows, own, rest in _likelihoods(values, trial, classes):
        labels, weights, each = trial.labels[rows], trial.weights[rows], np.arange(len(rows))
        # Ties, as between codes that were never seen, go to no class but are shared among them.
        best = own == own.max(axis=1, keepdims=True)
        right = best[each, labels] / best.sum(axis=1)
        hits += np.bincount(labels, right * weights, classes)
        claim = (np.sign(own - rest) + 1) / 2 * weights[:, None]
        claimed += np.bincount(labels, claim[each, labels], classes)
        claims += claim.sum(axis=0)
    groups = np.bincount(trial.labels, trial.weights, classes)
    others = groups.sum() - groups
    count = len(values)
    single = (
        _score([inside, outside], [group, other], count)
        for inside, outside, group, other in zip(
            claimed / groups, 1 - (claims - claimed) / others, groups, others, strict=True
        )
    )
    return _score(hits / groups, groups, count), tuple(single) if classes > 2 else ()


def _score(recalls: Iterable[float], groups: Iterable[float], n: int) -> Score:
    """Return the mean of recalls, each measured on so many independent groups."""
    values, variance = [], 0.0
    for recall, size in zip(recalls, groups, strict=True):
        values.append(float(recall))
        pulled = (float(recall) * float(size) + 2) / (float(size) + 4)
        variance += pulled * (1 - pulled) / (float(size) + 4)
    return Score(
        value=sum(values) / len(values),
        error=math.sqrt(_DEPENDENCE * variance) / len(values),
        n=n,
        chance=1 / len(values),
    )


def _likelihoods(
    values: np.ndarray, trial: Trial, classes: int
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Yield rows, log P(codes | class) and log P(codes | another class), float (rows, classes).

    Estimated on the other folds, with one piece of evidence added for each class and column, spread
    as the code is in all images (an m-estimate, Cestnik 1990). In blocks, to bound the memory.
    """
    logs = []
    for column in values.T:
        kinds = int(column.max()) + 1
        place = (trial.folds * classes + trial.labels) * kinds + column
        counts = np.bincount(place, trial.weights, _FOLDS * classes * kinds)
        counts = counts.reshape(_FOLDS, classes, kinds)
        seen = counts.sum(0) - counts
        others = seen.sum(1, keepdims=True) - seen
        spread = np.bincount(column, minlength=kinds) / len(column)
        with np.errstate(divide="ignore"):  # codes between which no image lies
            logs.append(
                [np.log((c + spread) / (c.sum(2, keepdims=True) + 1)) for c in (seen, others)]
            )
    for rows in np.array_split(np.arange(len(values)), -(-len(values) * classes // _BLOCK)):
        own, rest = np.zeros((2, len(rows), classes))
        for (mine, others), column in zip(logs, values[rows].T, strict=True):
            own += mine[trial.folds[rows], :, column]
            rest += others[trial.folds[rows], :, column]
        yield rows, own, rest


def _trial(evidence: Evidence) -> tuple[tuple[str, ...], np.ndarray, Trial]:
    """Return the classes that can be judged, the places of their images, and the trial."""
    keys = np.array(evidence.groups.keys)
    labels = np.array([row.labels[0] if row.labels else "" for row, _ in evidence.pairs])
    usable = np.array([content.ok for _, content in evidence.pairs], bool)
    names = tuple(
        name
        for name in evidence.dataset.classes
        if len(set(keys[usable & (labels == name)])) >= _LEAST_IMAGES
    )
    chosen = np.flatnonzero(usable & np.isin(labels, names))
    if len(names) < 2:
        nothing = np.zeros(0, np.int64)
        return names, chosen, Trial(labels=nothing, folds=nothing, weights=np.zeros(0))
    numbers = np.searchsorted(names, labels[chosen])
    _, first, group, sizes = np.unique(
        keys[chosen], return_index=True, return_inverse=True, return_counts=True
    )
    folds = _folds(numbers[first])
    return names, chosen, Trial(labels=numbers, folds=folds[group], weights=1 / sizes[group])


def _folds(labels: np.ndarray) -> np.ndarray:
    """Return the fold of each group: those of one class are dealt out in random order."""
    order = np.random.default_rng(0).permutation(len(labels))
    order = order[np.argsort(labels[order], kind="stable")]
    folds = np.empty(len(labels), np.int64)
    folds[order] = np.arange(len(labels)) % _FOLDS
    return folds


def _obstacle(evidence: Evidence) -> str:
    if evidence.dataset.task != "multi_class":
        return "asks for one label for each image"
    names, _, _ = _trial(evidence)
    return "" if len(names) > 1 else f"needs two classes of {_LEAST_IMAGES} different images"


SHORTCUT = Check(
    name="shortcut",
    title="labels that can be told without the picture",
    find=find_shortcuts,
    obstacle=_obstacle,
)
