"""Bit-identical training on one machine type: an explicit, process-wide choice.

Not switched on by importing or fitting anything: a library must not alter its host program.
The command line does it in its own process.
"""

from __future__ import annotations

import tensorflow as tf


def make_deterministic() -> None:
    """Make TensorFlow's operations give the same bits each time, about 1.2 times slower."""
    tf.config.experimental.enable_op_determinism()
