"""What was demanded, and whether it holds."""

from __future__ import annotations

from sightline.reporting.facts import Facts
from sightline.reporting.page.blocks import Album, Sentence, Verdict, Verdicts
from sightline.reporting.page.section import Content, NotRun, Section
from sightline.reporting.page.sentences import counted

_WORDS = {True: ("good", "passed"), False: ("bad", "failed"), None: ("open", "undecided")}


def _fill(facts: Facts, album: Album) -> Content:
    asked = facts.requirements
    if not asked:
        return NotRun(
            reason='nothing was demanded; `sightline evaluate --require "accuracy >= 0.9"` does.'
        )
    held = sum(one.passed is True for one in asked)
    verdicts = []
    for one in asked:
        mark, word = _WORDS[one.passed]
        verdicts.append(Verdict(mark=mark, word=word, title=one.text, text=one.sentence))
    lead = f"{held} of {counted(len(asked), 'requirement')} met."
    return (Sentence(text=lead, tone="lead"), Verdicts(items=tuple(verdicts)))


REQUIREMENTS = Section[Facts](id="requirements", title="Requirements", fill=_fill)
