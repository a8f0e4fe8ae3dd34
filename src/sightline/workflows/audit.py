"""`audit`: what makes data untrustworthy, labels included where a network can look at them.

A model that was trained on the labels has learned their errors too. So only its features are
taken, and each image is judged by a fit to the others (`auditing.out_of_sample`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import numpy as np

from sightline import __version__
from sightline.auditing import Findings, Suspicion, doubtful_labels
from sightline.auditing import audit as run_checks
from sightline.auditing.features import principal_components, square_roots
from sightline.auditing.label_error import NOT_JUDGED
from sightline.auditing.out_of_sample import out_of_sample
from sightline.batches import ArrayCache
from sightline.dataset import Content, Dataset, content_groups
from sightline.errors import DataError, MachineError, SightlineError
from sightline.files import (
    cache_directory,
    canonical_json,
    load_attribute,
    printable,
    sha256_bytes,
    write_bytes,
)
from sightline.images import Preprocessing
from sightline.inference.features import FeatureGraph
from sightline.models import BACKBONES, Architecture
from sightline.models.imagenet import imagenet_file
from sightline.predictions import Predictions
from sightline.workflows.predict import is_ready_made, open_bundle

Stage = Callable[[str], AbstractContextManager[Callable[[int, int], None]]]
"""Shows how far a named piece of work has come, while it is entered."""


@dataclass(frozen=True, kw_only=True)
class Audited:
    """What an audit gives.

    Attributes:
        findings: What the checks found, and those that were not run.
        contents: Of the images, aligned with the dataset's rows.
        predictions: What the images are by the others, out of sample; None without a network.
    """

    findings: Findings
    contents: tuple[Content, ...]
    predictions: Predictions | None = None

    def doubtful(self, dataset: Dataset, *, least: float = 0.5) -> tuple[Suspicion, ...]:
        """Return the labels that are wrong with at least a given probability, worst first.

        Args:
            dataset: What was audited.
            least: 0 returns every label that was judged.
        """
        if self.predictions is None or dataset.task != "multi_class":
            return ()
        labels = [row.labels[0] for row in dataset.rows]
        return doubtful_labels(self.predictions, labels, least=least)


def audit(
    dataset: Dataset,
    contents: Sequence[Content] | None = None,
    *,
    graph: FeatureGraph | None = None,
    stage: Stage | None = None,
) -> Audited:
    """Look at data, and with a network also at what its images show.

    Args:
        dataset: The images.
        contents: What `dataset.contents()` gave, if it was called before; else it is called now.
        graph: Of `feature_graph`; without one, the checks that need it are listed as not run.
        stage: Is told how far the work has come.

    Raises:
        ImageError: An image can no longer be decoded.
    """
    if stage is None:
        stage = _untold
    if contents is None:
        with stage("Reading images") as progress:
            contents = dataset.contents(progress=progress)
    predictions = None
    if graph is not None:
        with stage("Computing features") as progress:
            predictions = predict_labels(dataset, contents, graph, progress=progress)
    findings = run_checks(dataset, contents, predictions=predictions)
    return Audited(findings=findings, contents=tuple(contents), predictions=predictions)


def _untold(label: str) -> AbstractContextManager[Callable[[int, int], None]]:
    return nullcontext(lambda done, total: None)


def feature_graph(name: str) -> FeatureGraph:
    """Return what makes features: of a bundle, or of a backbone with ImageNet weights.

    A backbone needs TensorFlow the first time, to be converted; later runs need none.

    Args:
        name: The path of a bundle, or the name of a backbone.

    Raises:
        ModelError: There is neither, or the bundle cannot be used.
        ConfigError, MachineError: The ImageNet weights cannot be had.
    """
    if is_ready_made(name):
        return _backbone(name)
    bundle = open_bundle(name, else_name_of="a backbone with ImageNet weights")
    return FeatureGraph(bundle.twin(), bundle.twin_outputs["embedding"], bundle.preprocessing)


def predict_labels(
    dataset: Dataset,
    contents: Sequence[Content],
    graph: FeatureGraph,
    *,
    cache: ArrayCache | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Predictions:
    """Return what each image is, by a fit to the features and labels of the others.

    Args:
        dataset: The images.
        contents: Aligned with its rows.
        graph: What makes features.
        cache: Where features are kept; the user's cache by default.
        progress: Called with (done, total) images.

    Returns:
        One row for each image: probabilities out of sample (for multi-label data no more than how
        frequent each label is), and embeddings, the principal components of the features.
        An image that cannot be read, or whose class has too few others, has an error.
    """
    cache = cache or ArrayCache(cache_directory() / "arrays")
    rows = np.array([row for row, content in enumerate(contents) if content.ok], np.int64)
    found = graph.features(
        [dataset.rows[row].source for row in rows],
        [contents[row].digest for row in rows],
        cache,
        progress=progress,
    )
    components = principal_components(
        lambda chosen: square_roots(found[chosen][:, 0]), np.arange(len(rows))
    )
    probabilities = np.tile(dataset.label_matrix().mean(axis=0), (len(dataset), 1))
    if dataset.task == "multi_class":
        groups = content_groups(contents, [row.group for row in dataset.rows]).keys
        probabilities[rows] = out_of_sample(
            components,
            dataset.label_indices()[rows],
            [groups[row] for row in rows.tolist()],
            classes=len(dataset.classes),
        )
    errors: dict[int, SightlineError] = {
        row: content.error for row, content in enumerate(contents) if content.error is not None
    }
    unjudged = rows[np.isnan(probabilities[rows]).any(axis=1)]
    errors |= {int(row): _not_judged(dataset.rows[row].labels) for row in unjudged}
    failed = list(errors)
    embeddings = components
    if len(rows) < len(dataset):  # a copy of 100,000 rows takes 200 MB
        embeddings = np.full((len(dataset), components.shape[1]), np.nan, np.float32)
        embeddings[rows] = components
    probabilities[failed], embeddings[failed] = np.nan, np.nan
    return Predictions(
        task=dataset.task,
        classes=dataset.classes,
        names=dataset.names,
        probabilities=probabilities,
        errors=errors,
        embeddings=embeddings,
    )


def _backbone(name: str) -> FeatureGraph:
    height, width = BACKBONES[name].default_size
    architecture = Architecture(backbone=name, classes=2, height=height, width=width)
    weights = sha256_bytes(imagenet_file(architecture).path.read_bytes())
    key = canonical_json([__version__, architecture.to_json(), weights])
    path = cache_directory() / "graphs" / f"{sha256_bytes(key.encode())}.tflite"
    if path.is_file():
        content = path.read_bytes()
    else:
        content = load_attribute("sightline.training.features:imagenet_graph")(architecture)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_bytes(path, content)
        except (MachineError, OSError):
            pass  # a cache that cannot be written is no reason to fail
    return FeatureGraph(content, "Identity", Preprocessing(height=height, width=width))


def _not_judged(labels: Sequence[str]) -> DataError:
    return DataError(
        f"The label {', '.join(map(printable, labels))} has too few images to judge it by others.",
        expected="images of the class that are no copies of this one",
        code=NOT_JUDGED,
    )
