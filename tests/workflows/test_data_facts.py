from __future__ import annotations

from pathlib import Path

import pytest

from sightline.dataset import Dataset, write_digits
from sightline.workflows.audit import audit
from sightline.workflows.data_facts import data_facts, features_of


@pytest.mark.train  # of the sample
def test_counts_are_those_of_the_data(tmp_path: Path) -> None:
    dataset = Dataset.open(write_digits(tmp_path / "digits", per_class=3))
    facts = data_facts(audit(dataset), dataset, data="some/digits", features="Mine.")
    assert (facts.title, facts.splits) == ("digits", {"undivided": 30})
    assert len(facts.counts or ()) == 10
    assert facts.doubts_by == "Mine."


def test_it_is_said_whose_features_they_are() -> None:
    assert "mobilenet_v2 with ImageNet" in features_of("mobilenet_v2")
    assert "sees fewer of them" in features_of("mine\n.sightline")
    assert "mine\\n.sightline" in features_of("mine\n.sightline")
