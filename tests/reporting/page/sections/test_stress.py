from __future__ import annotations

from sightline.evaluation import wilson
from sightline.reporting.facts import Stress
from sightline.reporting.page import render_page

from ..reading import Reader
from ..samples import some_facts


def words(*falls: bool) -> str:
    curve = Stress(
        name="jpeg",
        levels=(50.0, 5.0),
        accuracy=(wilson(9, 10), wilson(9, 10), wilson(2, 10)),
        falls=falls,
        unit="quality",
    )
    reader = Reader(render_page(some_facts(stress=(curve,))))
    assert reader.faults == []
    return reader.words


def test_the_axis_names_the_levels_from_the_image_as_it_is_on() -> None:
    found = words(False, True)
    assert "as it is505quality" in found
    assert "The same 10 test images" in found
    assert "From 0.900 to 0.200 at 5. Worse than chance explains: at 5." in found


def test_a_fall_within_chance_is_called_so_only_where_it_was_asked() -> None:
    assert "No step is worse than chance explains." in words(False, False)
    assert "chance explains" not in words()
