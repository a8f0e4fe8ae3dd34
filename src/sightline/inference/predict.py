"""From image sources to predictions: decoding runs ahead in threads, the runtime follows.

Order is kept, memory is bounded by the chunk, and an image that cannot be decoded gives a
row with its error. Nothing here stops for a bad image.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from itertools import islice

import numpy as np

from sightline.errors import ConfigError, ImageError
from sightline.images import Limits, Preprocessing, Source, load
from sightline.inference.runner import Outputs, Runner
from sightline.machine import threads
from sightline.models.rules import Rules
from sightline.predictions import Predictions

_CHUNK_PIXELS = 32 * 224 * 224
_MOST_IN_CHUNK = 256
_AHEAD = 2
_PART = 4
"""Images that one thread takes at a time: handing over costs as much as a small image."""


def predict_stream(
    runner: Runner,
    sources: Iterable[Source],
    *,
    chunk: int | None = None,
    workers: int | None = None,
    limits: Limits | None = None,
    unsure_below: float | None = None,
) -> Generator[Predictions, None, None]:
    """Yield predictions for `sources` in order, `chunk` images at a time.

    Args:
        runner: The classifier.
        sources: Where the images come from; read lazily, a few chunks ahead.
        chunk: Images in one answer; by default 32 of 224 x 224 pixels, more of smaller ones.
        workers: Decoding threads; all cores by default.
        limits: What an image may cost.
        unsure_below: Confidence under which the answer is "unsure"; the runner's own rule
            by default.

    Raises:
        ConfigError: `chunk` is no number of images.
    """
    if chunk is None:
        chunk = _chunk(runner.preprocessing)
    if chunk < 1:
        raise ConfigError(f"chunk is {chunk}.", expected="1 or more images", code="out_of_range")
    limits = limits or Limits()
    rules = runner.rules
    if unsure_below is not None:
        rules = replace(rules, unsure_below=(unsure_below,))

    def decode(source: Source) -> np.ndarray | ImageError:
        try:
            return load(source, runner.preprocessing, limits=limits).pixels
        except ImageError as error:
            return error

    def decode_part(part: Sequence[Source]) -> list[np.ndarray | ImageError]:
        return [decode(source) for source in part]

    waiting: deque[tuple[list[str], list[Future[list[np.ndarray | ImageError]]]]] = deque()
    remaining = iter(sources)
    pool = ThreadPoolExecutor(workers or threads(), thread_name_prefix="decode")
    try:
        while True:
            while len(waiting) < _AHEAD and (batch := list(islice(remaining, chunk))):
                parts = [batch[at : at + _PART] for at in range(0, len(batch), _PART)]
                jobs = [pool.submit(decode_part, part) for part in parts]
                waiting.append(([source.name for source in batch], jobs))
            if not waiting:
                return
            names, jobs = waiting.popleft()
            yield _answer(runner, rules, names, [item for job in jobs for item in job.result()])
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def predict(
    runner: Runner,
    sources: Sequence[Source],
    *,
    limits: Limits | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Predictions:
    """Return the predictions for all `sources` as one record."""
    chunks = [_answer(runner, runner.rules, [], [])]
    done = 0
    with closing(predict_stream(runner, sources, limits=limits)) as stream:
        for chunk in stream:
            chunks.append(chunk)
            done += len(chunk)
            if progress is not None:
                progress(done, len(sources))
    return Predictions.concatenate(chunks)


def predictions_of(runner: Runner, names: Sequence[str], outputs: Outputs) -> Predictions:
    """Return what a runner gave for images as a record of answers.

    Args:
        runner: The classifier.
        names: Of the images.
        outputs: Of `runner.run`, aligned with them.
    """
    return _recorded(runner, runner.rules, names, outputs, errors={})


def _chunk(preprocessing: Preprocessing) -> int:
    """Return how many images the runtime gets at once: small ones cost more to hand over."""
    fitting = _CHUNK_PIXELS // (preprocessing.height * preprocessing.width)
    return min(max(fitting, 1), _MOST_IN_CHUNK)


def _answer(
    runner: Runner, rules: Rules, names: Sequence[str], decoded: list[np.ndarray | ImageError]
) -> Predictions:
    rows = [row for row, item in enumerate(decoded) if isinstance(item, np.ndarray)]
    nothing = np.empty((0, len(runner.classes)), np.float32)
    given = Outputs(probabilities=nothing, logits=nothing)
    if rows:
        given = runner.run(np.stack([item for item in decoded if isinstance(item, np.ndarray)]))

    def spread(values: np.ndarray) -> np.ndarray:
        whole = np.full((len(names), *values.shape[1:]), np.nan, np.float32)
        whole[rows] = values
        return whole

    outputs = Outputs(
        probabilities=spread(given.probabilities),
        logits=spread(given.logits),
        embedding=None if given.embedding is None else spread(given.embedding),
        distance=None if given.distance is None else spread(given.distance),
    )
    errors = {row: item for row, item in enumerate(decoded) if isinstance(item, ImageError)}
    return _recorded(runner, rules, names, outputs, errors=errors)


def _recorded(
    runner: Runner,
    rules: Rules,
    names: Sequence[str],
    outputs: Outputs,
    *,
    errors: Mapping[int, ImageError],
) -> Predictions:
    return Predictions(
        task=runner.task,
        classes=runner.classes,
        names=tuple(names),
        probabilities=outputs.probabilities,
        errors=errors,
        logits=outputs.logits,
        embeddings=outputs.embedding,
        distances=outputs.distance,
        threshold=rules.threshold(runner.classes),
        unsure_below=rules.limit(runner.classes),
        unlike_above=rules.unlike_above,
    )
