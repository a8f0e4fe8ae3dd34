"""What a page says, as data: everything that it shows and its JSON holds, no pictures.

Each part is optional. Whoever computes one fills its field with the plain records below, and
its section appears; a field that is None has a section that says why (`Facts.reasons`, or the
section's own words). Names of images and classes are raw here; the page and the JSON make
them printable.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from sightline.auditing import NotRun, Suspicion
from sightline.dataset import Finding
from sightline.evaluation import Estimate, Evaluation, Mistake
from sightline.files import printable
from sightline.reporting.card import Card
from sightline.reporting.plain import plain

UNDIVIDED = "undivided"
"""Stands for the split of an image that has none."""


@dataclass(frozen=True, kw_only=True)
class Requirement:
    """One thing that was demanded of the model, and whether it holds.

    Attributes:
        text: As it was written, for example `"recall[shoes] >= 0.9"`.
        passed: The verdict; None where the data does not suffice to give one.
        sentence: Why, in words, with the figure.
    """

    text: str
    passed: bool | None
    sentence: str


@dataclass(frozen=True, kw_only=True)
class ClassCount:
    """How many images of each split have a class.

    Attributes:
        name: The class.
        images: From split, or `UNDIVIDED`, to number.
    """

    name: str
    images: Mapping[str, int]


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where an image stands in the data, for images that a finding concerns.

    Attributes:
        labels: What it is labelled.
        split: Its split, or `UNDIVIDED`.
    """

    labels: tuple[str, ...]
    split: str


@dataclass(frozen=True, kw_only=True)
class Cell:
    """Some images of one cell of the confusion matrix.

    Attributes:
        truth: The class that they have.
        answer: The class that they were given.
        count: How many there are.
        names: Some of them; of mistakes the surest first, of right answers the least sure.
    """

    truth: str
    answer: str
    count: int
    names: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Curve:
    """A line, with a band where limits are known.

    Attributes:
        name: What the legend says.
        x: Finite, in drawing order.
        y: One for each x; NaN breaks the line.
        low: Lower limits, one for each x; empty for none.
        high: Upper limits.
        n: Images that it stands on.
        area: The area under it, where that is a figure of interest.
    """

    name: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()
    n: int | None = None
    area: Estimate | None = None


@dataclass(frozen=True, kw_only=True)
class Bin:
    """Answers of similar confidence.

    Attributes:
        low: From this confidence on.
        high: To this one.
        confidence: Their mean confidence.
        accuracy: The share that is right; its n is their number.
    """

    low: float
    high: float
    confidence: float
    accuracy: Estimate


@dataclass(frozen=True, kw_only=True)
class Reliability:
    """How far confidence can be taken at its word.

    Attributes:
        name: For example `"before calibration"`.
        ece: Expected calibration error.
        bins: In order of confidence; empty bins may be left out.
    """

    name: str
    ece: Estimate
    bins: tuple[Bin, ...]


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """Reliability, usually before and after temperature scaling.

    Attributes:
        diagrams: One, or before and after.
        temperatures: What logits are divided by: one, or one for each label; empty where nothing
            was fitted.
        fitted_on: The part that the temperature was fitted on, for example `"validation"`.
    """

    diagrams: tuple[Reliability, ...]
    temperatures: tuple[float, ...] = ()
    fitted_on: str = ""


@dataclass(frozen=True, kw_only=True)
class Thresholds:
    """From which probability on a class is given, where it is not simply the most probable one.

    Attributes:
        values: From class to probability.
        promise: What they promise and on what grounds; empty for the usual 0.5.
    """

    values: Mapping[str, float]
    promise: str = ""


@dataclass(frozen=True, kw_only=True)
class Abstaining:
    """The rules by which the model says "unsure" or "nothing I know", and what they cost.

    Attributes:
        rules: From what is said instead of an answer, for example `"unsure"`, to when it is said.
        coverage: Share of images answered.
        accuracy: Accuracy on those that are answered.
        outside: Share of images from elsewhere that are refused; None where none were tried.
    """

    rules: Mapping[str, str]
    coverage: Estimate
    accuracy: Estimate
    outside: Estimate | None = None


@dataclass(frozen=True, kw_only=True)
class Sets:
    """Sets of classes that hold the right one as often as promised.

    Attributes:
        promised: How often.
        reached: How often they do on the judged images.
        size: Mean number of classes in a set.
        empty: Share of sets without a class.
    """

    promised: float
    reached: Estimate
    size: float
    empty: Estimate


@dataclass(frozen=True, kw_only=True)
class SliceRow:
    """Accuracy on a part of the images.

    Attributes:
        column: What they are divided by, for example `"camera"`.
        value: Which part, for example `"north"`.
        accuracy: Its n is the number of images.
        difference: To all other images; None where it cannot be told.
        flagged: Whether it is worse than the others by more than chance explains.
    """

    column: str
    value: str
    accuracy: Estimate
    difference: Estimate | None = None
    flagged: bool = False


@dataclass(frozen=True, kw_only=True)
class Stress:
    """Accuracy while images get worse in one way.

    Attributes:
        name: For example `"blur"`.
        levels: What was done, the mildest first, in the unit of `unit`.
        accuracy: On the images as they are, then one for each level.
        falls: For each level whether the accuracy is lower by more than chance explains; empty
            where that was not asked.
        unit: For example `"sigma in pixels"`.
    """

    name: str
    levels: tuple[float, ...]
    accuracy: tuple[Estimate, ...]
    falls: tuple[bool, ...] = ()
    unit: str = "level"


@dataclass(frozen=True, kw_only=True)
class Look:
    """One time that the part was judged.

    Attributes:
        when: ISO 8601.
        command: What was run.
    """

    when: str
    command: str


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """What must be the same for the figures to be the same.

    Attributes:
        hashes: From what it is of (`"model"`, `"data"`, `"answers"`) to its SHA-256.
        seeds: From what it decides to the seed.
        trained_with: Versions and machine of the training.
        judged_with: Versions and machine of this judgement.
    """

    hashes: Mapping[str, str] = field(default_factory=dict)
    seeds: Mapping[str, int] = field(default_factory=dict)
    trained_with: Mapping[str, Any] = field(default_factory=dict)
    judged_with: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Training:
    """How the model came to be.

    Attributes:
        recipe: `Recipe.to_json()`.
        history: One row for each epoch: `epoch`, `accuracy`, `loss`, `validation_accuracy`, ...
        head: What choosing the head's penalty gave, as the bundle has it.
    """

    recipe: Mapping[str, Any]
    history: tuple[Mapping[str, float], ...] = ()
    head: Mapping[str, Any] | None = None


@dataclass(frozen=True, kw_only=True)
class DataFacts:
    """All that is said of images and their labels, whether or not a model was judged on them.

    Attributes:
        title: What the page is called; usually the model's name, or the data's.
        data: The data as it was given; empty where unknown.
        created: When, ISO 8601; empty where it shall not matter.
        notes: Sentences on what was left out or is unusual.
        reasons: From a section's id to why its part is missing, in place of its usual words.
        splits: Images by split, or `UNDIVIDED`.
        counts: Images by class and split.
        findings: What the audit says; empty where it found nothing.
        not_run: The checks of the audit that could not run.
        places: Where the images that findings and doubts concern stand, by their names.
        doubts: Labels that are probably wrong, the most doubtful first.
        doubts_by: Whose features the doubts come from, in a sentence.
        heatmaps: The method that drew the heatmaps beside images; empty where there are none.
    """

    title: str
    data: str = ""
    created: str = ""
    notes: tuple[str, ...] = ()
    reasons: Mapping[str, str] = field(default_factory=dict)
    splits: Mapping[str, int] | None = None
    counts: tuple[ClassCount, ...] | None = None
    findings: tuple[Finding, ...] | None = None
    not_run: tuple[NotRun, ...] = ()
    places: Mapping[str, Place] = field(default_factory=dict)
    doubts: tuple[Suspicion, ...] | None = None
    doubts_by: str = ""
    heatmaps: str = ""

    @property
    def about(self) -> tuple[tuple[str, str], ...]:
        """What stands under the title: names and values, some of them empty."""
        return (("Data", self.data), ("Made", self.created))

    def to_json(self) -> dict[str, Any]:
        """Return everything as JSON (`reporting/schemas/audit.json`)."""
        splits, counts = self.splits or {}, self.counts or ()
        return {
            "schema": "audit",
            "schema_version": "1.2",
            "data": printable(self.data),
            "images": sum(splits.values()),
            "classes": plain({one.name: sum(one.images.values()) for one in counts}),
            "splits": plain(splits),
            "counts": plain(counts),
            "findings": plain(self.findings or ()),
            "not_run": plain(self.not_run),
            "doubtful_labels": plain(self.doubts or ()),
        }


@dataclass(frozen=True, kw_only=True)
class Facts(DataFacts):
    """All that a report says of a model, with what is known of its data.

    Attributes:
        model: The model file as it was given; empty where there is none.
        part: Which images were judged: `"test"`, `"validation"`, `"new"`, or empty.
        evaluation: The figures.
        requirements: What was demanded.
        card: What the model is for.
        training: The recipe and its course.
        cells: Images in the cells of the confusion matrix.
        mistakes: The surest mistakes.
        calibration: Whether confidence can be believed.
        thresholds: From which probability on classes are given; None gives the most probable one.
        sets: What conformal sets of classes hold; None where they are not defined.
        roc: For each class true positive rate (y) over false positive rate (x).
        precision_recall: For each class precision (y) over recall (x).
        risk_coverage: The share of mistakes (y) among the surest share of images (x).
        abstaining: When the model does not answer.
        slices: Accuracy by parts of the data.
        stress: Accuracy on worse images.
        looks: When this part was judged, this time included.
        provenance: Hashes, seeds and versions.
    """

    model: str = ""
    part: str = ""
    evaluation: Evaluation
    requirements: tuple[Requirement, ...] | None = None
    card: Card | None = None
    training: Training | None = None
    cells: tuple[Cell, ...] | None = None
    mistakes: tuple[Mistake, ...] | None = None
    calibration: Calibration | None = None
    thresholds: Thresholds | None = None
    sets: tuple[Sets, ...] | None = None
    roc: tuple[Curve, ...] | None = None
    precision_recall: tuple[Curve, ...] | None = None
    risk_coverage: Curve | None = None
    abstaining: Abstaining | None = None
    slices: tuple[SliceRow, ...] | None = None
    stress: tuple[Stress, ...] | None = None
    looks: tuple[Look, ...] | None = None
    provenance: Provenance | None = None

    @property
    def about(self) -> tuple[tuple[str, str], ...]:
        """What stands under the title."""
        data, made = super().about
        return (("Model", self.model), data, ("Judged on", self.part), made)

    def to_json(self) -> dict[str, Any]:
        """Return everything as JSON (`reporting/schemas/report.json`).

        NaN becomes null, names become printable, and a part that is missing is null.
        """
        facts = {item.name: plain(getattr(self, item.name)) for item in fields(self)}
        return {"schema": "report", "schema_version": "1.1", **facts}
