"""The first thing read: is it right, how surely, and what is its weak spot."""

from __future__ import annotations

from sightline.evaluation import Estimate
from sightline.reporting.facts import Facts
from sightline.reporting.page.blocks import Album, Block, Sentence, Stat, Stats
from sightline.reporting.page.charts import interval_bar
from sightline.reporting.page.markup import joined, name
from sightline.reporting.page.section import Section
from sightline.reporting.page.sentences import (
    between,
    counted,
    images,
    interval,
    share_of,
    value,
)


def _fill(facts: Facts, album: Album) -> tuple[Block, ...]:
    evaluation = facts.evaluation
    single = evaluation.task == "multi_class"
    figures: list[tuple[str, Estimate | None]] = [
        ("Accuracy" if single else "All labels right", evaluation.accuracy),
        ("Macro F1", evaluation.macro.f1),
        ("Balanced accuracy", evaluation.balanced_accuracy if single else None),
        ("Wrong decisions", evaluation.hamming_loss),
        *((f"Top-{k} accuracy", estimate) for k, estimate in evaluation.top_k.items()),
    ]
    stats = [
        Stat(label=label, value=value(one), interval=interval(one), bar=interval_bar(one))
        for label, one in figures
        if one is not None
    ][:4]
    return (
        Sentence(text=share_of(evaluation.accuracy, facts.part), tone="lead"),
        Stats(items=tuple(stats)),
        *_weakest(facts),
        *_silent(facts),
        *(Sentence(text=note, tone="note") for note in _notes(facts)),
    )


def _weakest(facts: Facts) -> tuple[Block, ...]:
    weakest = facts.evaluation.weakest_class
    if weakest is None or not weakest.f1.defined:
        return ()
    recall = weakest.recall
    words = [
        "The weakest class is ",
        name(weakest.name),
        f": F1 {value(weakest.f1)}, between {between(weakest.f1)}. "
        f"It is recognised in {value(recall)} of its {images(recall.n, facts.part)}",
    ]
    worst = next(
        (one for one in facts.evaluation.worst_confusions if one.truth == weakest.name), None
    )
    if worst is not None:
        times = counted(worst.count, "time")
        words += [", and most often taken for ", name(worst.answer), f" ({times})"]
    return (Sentence(text=joined([*words, "."])),)


def _silent(facts: Facts) -> tuple[Block, ...]:
    rules = facts.abstaining
    if rules is None or not rules.coverage.defined:
        return ()
    given = (
        counted(rules.coverage.n, "decision")
        if facts.evaluation.task == "multi_label"
        else (images(rules.coverage.n, facts.part))
    )
    words = (
        f"Every answer is judged here, also those that the model's rules withhold: by them it "
        f"answers {value(rules.coverage)} of {given}, {value(rules.accuracy)} of these rightly."
    )
    return (Sentence(text=words),)


def _notes(facts: Facts) -> tuple[str, ...]:
    notes = list(facts.notes)
    if facts.evaluation.failed:
        failed = facts.evaluation.failed
        verb = "is" if failed == 1 else "are"
        notes.insert(0, f"{images(failed, '')} could not be answered and {verb} in no figure.")
    if facts.part == "validation":
        notes.insert(0, "These images chose the model's settings, so the figures flatter it.")
    return tuple(notes)


SUMMARY = Section[Facts](id="summary", title="Summary", fill=_fill)
