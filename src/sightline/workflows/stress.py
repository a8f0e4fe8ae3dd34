"""`stress`: how much worse photos may become before the answers do.

The same held-out images are made worse by degrees and asked about again. What each image's
answer became is compared with its own clean answer, so that a fall is told from chance.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

from sightline.dataset import Content, Row
from sightline.errors import ConfigError, ImageError
from sightline.evaluation.stress import Stressed, Worse, judge_stress
from sightline.files import sha256_bytes
from sightline.images import ArraySource, load_upright, preprocess_pixels
from sightline.images.stress import STRESSES, Stress
from sightline.inference import Runner, predict
from sightline.machine import threads
from sightline.predictions import Predictions

_AT_ONCE = 4
"""Images for each thread that wait, in all their versions, for the runtime."""


Labelled = tuple[Row, Content]
"""An image with its labels and its content."""


def sample_images(images: Sequence[Labelled], *, most: int, seed: int = 0) -> tuple[Labelled, ...]:
    """Return at most `most` images, of each class in proportion, drawn by seed and content.

    Args:
        images: Rows with their content.
        most: How many.
        seed: Another one draws another sample.

    Raises:
        ConfigError: `most` is below 1.
    """
    if most < 1:
        raise ConfigError(
            f"A sample of {most} images.", expected="1 image or more", code="out_of_range"
        )
    strata: dict[tuple[str, ...], list[tuple[str, int]]] = {}
    for place, (row, content) in enumerate(images):
        drawn = sha256_bytes(f"{seed} {content.digest}".encode())
        strata.setdefault(row.labels, []).append((drawn, place))
    # Each stratum's images spread evenly over (0, 1): the first so many of all are a fair share.
    ranked = [
        ((rank + 0.5) / len(stratum), drawn, place)
        for stratum in strata.values()
        for rank, (drawn, place) in enumerate(sorted(stratum))
    ]
    chosen = sorted(place for _, _, place in sorted(ranked)[:most])
    return tuple(images[place] for place in chosen)


def stress_images(
    runner: Runner,
    images: Sequence[Labelled],
    *,
    stresses: Mapping[str, Stress] = STRESSES,
    progress: Callable[[int, int], None] | None = None,
) -> Stressed:
    """Ask a model about images made worse, and compare with its answers to the clean ones.

    Args:
        runner: The model.
        images: Labelled rows with their content; all their classes known to the model.
        stresses: The ways to be worse.
        progress: Called with (done, total) images.
    """
    steps = [(stress, level) for stress in stresses.values() for level in stress.levels]
    at_once = _AT_ONCE * threads()
    parts: list[list[Predictions]] = []
    kept: list[Row] = []
    with ThreadPoolExecutor(threads(), thread_name_prefix="stress") as pool:
        for start in range(0, len(images), at_once):
            part = images[start : start + at_once]
            versions = pool.map(lambda image: _versions(runner, image, steps), part)
            made = [
                (row, sources)
                for (row, _), sources in zip(part, versions, strict=True)
                if sources is not None
            ]
            kept += [row for row, _ in made]
            parts.append(_answers(runner, [sources for _, sources in made], 1 + len(steps)))
            if progress is not None:
                progress(start + len(part), len(images))
    clean, *answers = (Predictions.concatenate(chunks) for chunks in zip(*parts, strict=True))
    left = iter(answers)
    return judge_stress(
        clean,
        [
            Worse(
                name=stress.name,
                unit=stress.unit,
                levels=stress.levels,
                answers=tuple(islice(left, len(stress.levels))),
            )
            for stress in stresses.values()
        ],
        [row.labels for row in kept],
        groups=[row.group for row in kept],
        failed=len(images) - len(kept),
    )


def _versions(
    runner: Runner, image: Labelled, steps: Sequence[tuple[Stress, float]]
) -> list[ArraySource] | None:
    """Return the model's input for an image as it is and for each step; None if undecodable."""
    row, content = image
    try:
        picture = load_upright(row.source, runner.preprocessing)
    except ImageError:
        return None
    key = int(content.digest[:16], 16)
    pictures = [picture, *(stress.apply(picture, level, key) for stress, level in steps)]
    return [ArraySource(preprocess_pixels(one, runner.preprocessing), row.name) for one in pictures]


def _answers(
    runner: Runner, images: Sequence[Sequence[ArraySource]], versions: int
) -> list[Predictions]:
    """Return one record for each version, of the images in order."""
    every = predict(runner, [source for sources in images for source in sources])
    return [every[version::versions] for version in range(versions)]
