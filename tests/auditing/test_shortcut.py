from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score
from sklearn.naive_bayes import CategoricalNB

from sightline.auditing import audit
from sightline.auditing.check import Evidence
from sightline.auditing.shortcut import Score, Trial, find_shortcuts, scores
from sightline.auditing.traits import TRAITS, Trait, codes
from sightline.dataset import Content, Dataset, Finding, Row
from sightline.images import BytesSource, ImageHeader, Look, Trace

NAMES = tuple("abcdefghij")


def content(
    number: int,
    rng: np.random.Generator,
    *,
    digest: str = "",
    size: tuple[int, int] = (400, 300),
    trace: Trace | None = None,
    border: int | None = None,
) -> Content:
    """Return what was read of an image: nothing in it depends on a label unless it is asked."""
    sides = rng.integers(0, 256, 12) if border is None else np.full(12, border)
    return Content(
        digest=digest or f"{number:08x}",
        size=int(rng.integers(20_000, 60_000)),
        header=ImageHeader(
            format="JPEG", width=size[0], height=size[1], frames=1, mode="RGB", orientation=1
        ),
        perceptual_hash=rng.bytes(32),
        look=Look(
            brightness=120.0,
            contrast=50.0,
            sharpness=0.4,
            border=sides.astype(np.uint8).tobytes(),
        ),
        trace=trace,
    )


def evidence(contents: list[Content], labels: list[str], *, per_class: int = 0) -> Evidence:
    rows = tuple(
        Row(source=BytesSource(b"", f"{label}/{i * 7919 % 10007}.jpg"), labels=(label,))
        for i, label in enumerate(labels)
    )
    dataset = Dataset(rows=rows, classes=tuple(sorted(set(labels))))
    return Evidence(dataset=dataset, contents=contents)


def labels_of(count: int, classes: int) -> list[str]:
    return [NAMES[i % classes] for i in range(count)]


def found(contents: list[Content], labels: list[str]) -> list[Finding]:
    return list(find_shortcuts(evidence(contents, labels)))


@pytest.mark.parametrize("seed", range(12))
def test_what_has_nothing_to_do_with_labels_is_no_shortcut(seed: int):
    rng = np.random.default_rng(seed)
    cameras = [Trace(camera=str(rng.integers(0, 4)), taken="") for _ in range(400)]
    contents = [content(i, rng, trace=cameras[i]) for i in range(400)]
    assert found(contents, labels_of(400, 4)) == []


def test_a_camera_for_each_class():
    rng = np.random.default_rng(0)
    labels = labels_of(400, 10)
    contents = [
        content(i, rng, trace=Trace(camera=label if rng.random() < 0.9 else "other"))
        for i, label in enumerate(labels)
    ]
    (only,) = found(contents, labels)
    assert only.severity == "warning" and only.check == "shortcut"
    # nine tenths are known, and the others are shared among ten classes
    assert only.message.startswith("The camera model alone gives 0.9")
    assert "n=400), chance 0.10" in only.message


def test_a_column_of_the_manifest_that_gives_the_class_away():
    rng = np.random.default_rng(0)
    labels = labels_of(300, 3)
    plain = evidence([content(i, rng) for i in range(300)], labels)
    columns = [
        {"site": "north" if label == "a" else "south", "year": f"{rng.integers(2000, 2009)}"}
        for label in labels
    ]
    rows = tuple(
        replace(row, extra=extra) for row, extra in zip(plain.dataset.rows, columns, strict=True)
    )
    asked = replace(plain, dataset=replace(plain.dataset, rows=rows))
    (finding,) = find_shortcuts(asked)
    assert finding.message.startswith("The manifest's column 'site' alone gives 0.67")
    assert "nothing, if it is the label" in finding.fix


def test_one_class_saved_in_another_way_is_not_drowned_by_nine():
    rng = np.random.default_rng(1)
    labels = labels_of(600, 10)
    tables = {label: Trace(tables="aaaaaaaa", quality=75) for label in NAMES}
    tables["d"] = Trace(tables="bbbbbbbb", quality=95)
    contents = [content(i, rng, trace=tables[label]) for i, label in enumerate(labels)]
    (only,) = found(contents, labels)
    assert "The JPEG compression alone tells class 'd' from the others: 1.00" in only.message
    assert "chance 0.50" in only.message


@pytest.mark.parametrize(
    ("trait", "made"),
    [
        ("width and height", {"size": (500, 500)}),
        ("colour of the border", {"border": 255}),
        ("date taken", {"trace": Trace(taken="2024-05-06T12:00:00")}),
    ],
)
def test_other_ways_to_tell_a_class(trait: str, made: dict):
    rng = np.random.default_rng(2)
    labels = labels_of(300, 3)
    contents = [content(i, rng, **(made if label == "b" else {})) for i, label in enumerate(labels)]
    (only,) = found(contents, labels)
    assert trait in only.message
    # A date tells all three classes from the rest a little: that is said of all of them.
    assert "'b'" in only.message or "date" in trait


def test_two_classes_are_judged_once():
    rng = np.random.default_rng(3)
    labels = labels_of(200, 2)
    contents = [
        content(i, rng, trace=Trace(camera="x" if label == "a" else "y"))
        for i, label in enumerate(labels)
    ]
    (only,) = found(contents, labels)
    assert "alone gives 1.00" in only.message and "chance 0.50" in only.message


def test_copies_of_one_image_are_one_piece_of_evidence():
    """Sixty copies of one image of a class, taken by a camera of its own, teach nothing."""
    rng = np.random.default_rng(4)
    labels = labels_of(120, 2)
    contents = [content(i, rng, trace=Trace(camera=str(i % 4 // 2))) for i in range(120)]
    copy = content(999, rng, trace=Trace(camera="rare"))
    contents += [copy] * 60
    labels += ["a"] * 60
    assert found(contents, labels) == []


def test_numbers_in_names_are_a_note_only():
    rng = np.random.default_rng(5)
    rows = tuple(
        Row(source=BytesSource(b"", f"{label}/IMG_{i:04}.jpg"), labels=(label,))
        for i, label in enumerate(["a"] * 100 + ["b"] * 100 + ["c"] * 100)
    )
    contents = [content(i, rng) for i in range(300)]
    dataset = Dataset(rows=rows, classes=("a", "b", "c"))
    (only,) = find_shortcuts(Evidence(dataset=dataset, contents=contents))
    assert only.severity == "info" and "number in the file's name" in only.message


def test_too_few_images_or_many_labels_are_listed_as_not_run():
    rng = np.random.default_rng(6)
    labels = labels_of(30, 2)
    few = evidence([content(i, rng) for i in range(30)], labels)
    skipped = {one.check: one.reason for one in audit(few.dataset, few.contents).not_run}
    assert skipped["shortcut"] == "needs two classes of 20 different images"
    rows = (Row(source=BytesSource(b"", "x.jpg"), labels=("a", "b")),)
    many = Dataset(rows=rows, classes=("a", "b"), task="multi_label")
    skipped = {one.check: one.reason for one in audit(many, [content(0, rng)]).not_run}
    assert skipped["shortcut"] == "asks for one label for each image"


def random_trial(rng: np.random.Generator, count: int, classes: int) -> Trial:
    labels = rng.permutation(np.arange(count) % classes)
    return Trial(labels=labels, folds=np.arange(count) % 5, weights=np.ones(count))


def test_scores_agree_with_scikit_learn():
    rng = np.random.default_rng(7)
    trial = random_trial(rng, 500, 3)
    # The codes know something of the labels.
    values = np.stack([(trial.labels + rng.integers(0, 4, 500)) % 5, rng.integers(0, 3, 500)], 1)
    whole, _ = scores(values, trial)
    answers = np.zeros(500, int)
    for fold in range(5):
        inside = trial.folds == fold
        bayes = CategoricalNB(alpha=0.2, fit_prior=False, min_categories=[5, 3])
        bayes.fit(values[~inside], trial.labels[~inside])
        answers[inside] = bayes.predict(values[inside])
    # Another smoothing: a few images near a tie fall otherwise.
    assert whole.value == pytest.approx(balanced_accuracy_score(trial.labels, answers), abs=0.02)
    assert whole.n == 500 and whole.chance == pytest.approx(1 / 3)


def test_luck_alone_passes_the_limit_as_rarely_as_promised():
    """One in twenty in a single look; none of 300 seeds in a look corrected for 50."""
    rng = np.random.default_rng(8)
    above, corrected = 0, 0
    for _ in range(300):
        trial = random_trial(rng, 300, 3)
        whole, _ = scores(rng.integers(0, 16, (300, 1)), trial)
        above += whole.limits(0.1)[0] > whole.chance
        corrected += whole.is_large(looks=50, skill=0.0)
    assert above <= 25  # 15 expected; 25 and more have a chance under 1 % at the promised rate
    assert corrected <= 1


def test_a_score_says_what_it_is():
    score = Score(value=0.934, error=0.01, n=2000, chance=0.1)
    assert str(score) == "0.93 (0.91-0.96, n=2000), chance 0.10"


def test_codes_keep_few_values_apart_and_bin_many():
    def one(value):
        return (Row(source=BytesSource(b"", "x"), labels=()), value)

    trait = Trait(words="", fix="", columns=(lambda pair: pair[1],))
    few = codes([one(v) for v in (3.0, 1.0, 3.0, None, 2.0)], trait)[:, 0]
    assert few[0] == few[2] and len(set(few.tolist())) == 4
    many = codes([one(float(v)) for v in range(1600)], trait)[:, 0]
    assert np.bincount(many).max() <= 101 and (np.diff(many) >= 0).all()
    words = codes([one(v) for v in ("x", "y", "x", None)], trait)[:, 0]
    assert words[0] == words[2] and len(set(words.tolist())) == 3


def test_every_trait_copes_with_images_that_could_not_be_read():
    rng = np.random.default_rng(9)
    row = Row(source=BytesSource(b"", "a/1.jpg"), labels=("a",))
    for trait in TRAITS.values():
        made = codes([(row, Content(digest="", size=0)), (row, content(0, rng))], trait)
        assert made.shape == (2, len(trait.columns)) and made.min() >= 0
