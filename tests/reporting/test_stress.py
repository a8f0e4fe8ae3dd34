from __future__ import annotations

from sightline.evaluation import Estimate
from sightline.evaluation.stress import StressCurve, Stressed, StressPoint
from sightline.reporting.stress import stress_lines


def point(level: float, accuracy: float, change: float, p: float) -> StressPoint:
    return StressPoint(
        level=level,
        accuracy=Estimate(value=accuracy, low=0.1, high=0.9, n=200),
        change=Estimate(value=change, low=-0.9, high=0.1, n=200),
        p_value=p,
        adjusted=p,
    )


STRESSED = Stressed(
    clean=Estimate(value=0.88, low=0.827, high=0.918, n=200),
    failed=3,
    curves=(
        StressCurve(
            name="blur",
            unit="spread in % of the shorter side",
            points=(point(0.5, 0.87, -0.01, 1.0), point(1, 0.6, -0.28, 0.001)),
        ),
        StressCurve(name="jpeg", unit="quality", points=(point(50, 0.88, 0.0, 1.0),)),
    ),
)


def test_the_curves_are_a_table_and_say_where_answers_begin_to_fall() -> None:
    assert stress_lines(STRESSED) == (
        "Clean: 0.880 (0.82-0.92, n=200); 3 more cannot be decoded and are in no figure",
        "",
        "blur  0.5: 0.870  1: 0.600*",
        "jpeg  50: 0.880",
        "* worse than clean beyond chance (paired; corrected for 3 looks)",
        "",
        "      first fall   level",
        "blur  -0.280 at 1  spread in % of the shorter side",
        "jpeg  none         quality",
    )
