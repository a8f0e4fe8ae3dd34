"""From a dataset's images to the batches of a training step: cache, order, augment, mix, stream.

NumPy and OpenCV, no TensorFlow. All of it is a function of (seed, epoch, step, content), so
that a resumed run, another host or another number of threads sees the same batches. What
needs OpenCV (`augmenting`, `mixing`, `stream`) is imported by name: reading a model must not.
"""

from sightline.batches.augmentation import PRESETS, Augmentation
from sightline.batches.balance import ClassWeight, class_weights, image_weights
from sightline.batches.batch import Batch, Examples, Rows
from sightline.batches.cache import ArrayCache, CachedRows
from sightline.batches.kinds import cached_pixels, decoder, feature_kind, pixel_kind
from sightline.batches.order import batch_indices, epoch_order, steps_per_epoch
from sightline.batches.randomness import digest_keys
from sightline.batches.shard import RowKind

__all__ = [
    "PRESETS",
    "ArrayCache",
    "Augmentation",
    "Batch",
    "CachedRows",
    "ClassWeight",
    "Examples",
    "RowKind",
    "Rows",
    "batch_indices",
    "cached_pixels",
    "class_weights",
    "decoder",
    "digest_keys",
    "epoch_order",
    "feature_kind",
    "image_weights",
    "pixel_kind",
    "steps_per_epoch",
]
