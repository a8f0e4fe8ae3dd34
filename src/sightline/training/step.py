"""One step of gradient descent, and one of validation, as `tf.function`s.

Written through `strategy.run`, with the loss summed over images and divided by the global
batch, so that the same code runs on one CPU and under `tf.distribute`. Keras's `fit` is not
used, for three reasons: it cannot resume bit-identically (dropout seeds and shuffling
restart), it fails under `MultiWorkerMirroredStrategy` in Keras 3.15, and its in-place saves
lose the previous file on a full disk.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

from sightline.batches import Batch
from sightline.predictions import Task
from sightline.training.history import Tally
from sightline.training.recipe import Optimisation


@dataclass(frozen=True, kw_only=True)
class StepResult:
    """What one step gave.

    Attributes:
        loss: The batch's weighted mean loss: what the gradient is of.
        tally: Its counts.
    """

    loss: float
    tally: Tally


def make_optimizer(
    optimisation: Optimisation, variables: Sequence[keras.Variable]
) -> keras.optimizers.Optimizer:
    """Return the optimiser, built for `variables`; its rate is set before each step."""
    maker = _OPTIMIZERS[optimisation.optimizer]
    optimizer = maker(optimisation.learning_rate, optimisation.weight_decay or None)
    # Decay shrinks what multiplies; biases and the scales of normalisation are left alone.
    optimizer.exclude_from_weight_decay(var_list=[v for v in variables if len(v.shape) < 2])
    optimizer.build(variables)
    return optimizer


def _adam(rate: float, decay: float | None) -> keras.optimizers.Optimizer:
    return keras.optimizers.Adam(rate, weight_decay=decay)


def _adamw(rate: float, decay: float | None) -> keras.optimizers.Optimizer:
    return keras.optimizers.AdamW(rate, weight_decay=decay or 0.0)


def _sgd(rate: float, decay: float | None) -> keras.optimizers.Optimizer:
    return keras.optimizers.SGD(rate, momentum=0.9, nesterov=True, weight_decay=decay)


_OPTIMIZERS = {"adam": _adam, "adamw": _adamw, "sgd": _sgd}


class Stepper:
    """Runs training and validation steps of one model.

    Args:
        model: Built by `models.build`; gives probabilities and logits.
        optimizer: From `make_optimizer`.
        task: Softmax or sigmoid cross-entropy.
        label_smoothing: Share of each target spread over all classes.
    """

    def __init__(
        self,
        model: keras.Model,
        optimizer: keras.optimizers.Optimizer,
        *,
        task: Task,
        label_smoothing: float,
    ) -> None:
        self._model = model
        self._optimizer = optimizer
        self._task: Task = task
        self._smoothing = label_smoothing
        self._strategy = tf.distribute.get_strategy()
        self._seeds = [
            layer.seed_generator.state
            for layer in model._flatten_layers(include_self=False)
            if hasattr(layer, "seed_generator")
        ]
        pixels = tf.TensorSpec((None, *model.inputs[0].shape[1:]), model.inputs[0].dtype)
        targets = tf.TensorSpec((None, *model.output["logits"].shape[1:]), tf.float32)
        weights = tf.TensorSpec((None,), tf.float32)
        seeds = tf.TensorSpec((len(self._seeds), 2), tf.uint32)
        rate = tf.TensorSpec((), tf.float32)
        self._train = tf.function(
            self._train_step, input_signature=[pixels, targets, weights, rate, seeds]
        )
        self._evaluate = tf.function(self._evaluate_step, input_signature=[pixels, targets])

    def train(self, batch: Batch, *, rate: float, seed: Sequence[int]) -> StepResult:
        """Take one step.

        Args:
            batch: Pixels, targets and weights.
            rate: The learning rate.
            seed: What dropout's randomness comes from in this step: (seed, epoch, step).
        """
        loss, image_loss, probabilities = self._train(
            batch.pixels, batch.targets, batch.weights, rate, self._draw_seeds(seed)
        )
        return StepResult(
            loss=float(loss),
            tally=Tally.of(float(image_loss), probabilities.numpy(), batch.targets, self._task),
        )

    def evaluate(self, pixels: np.ndarray, targets: np.ndarray) -> Tally:
        """Return the tally of one batch in inference mode, without smoothing or weights."""
        loss, probabilities = self._evaluate(pixels, targets)
        return Tally.of(float(loss), probabilities.numpy(), targets, self._task)

    def _draw_seeds(self, seed: Sequence[int]) -> np.ndarray:
        sequence = np.random.SeedSequence(tuple(seed))
        return sequence.generate_state(2 * len(self._seeds)).reshape(-1, 2)

    def _train_step(
        self,
        pixels: tf.Tensor,
        targets: tf.Tensor,
        weights: tf.Tensor,
        rate: tf.Tensor,
        seeds: tf.Tensor,
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        for index, state in enumerate(self._seeds):
            state.assign(seeds[index])
        self._optimizer.learning_rate.assign(rate)
        return self._strategy.run(self._replica_step, args=(pixels, targets, weights))

    def _replica_step(
        self, pixels: tf.Tensor, targets: tf.Tensor, weights: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        with tf.GradientTape() as tape:
            outputs = self._model(pixels, training=True)
            losses = self._losses(self._smooth(targets), outputs["logits"])
            loss = tf.reduce_sum(losses * weights) / tf.reduce_sum(weights)
        variables = self._model.trainable_variables
        gradients = tape.gradient(loss, [variable.value for variable in variables])
        self._optimizer.apply(gradients, variables)
        return loss, tf.reduce_sum(losses), outputs["probabilities"]

    def _evaluate_step(self, pixels: tf.Tensor, targets: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        outputs = self._model(pixels, training=False)
        losses = self._losses(targets, outputs["logits"])
        return tf.reduce_sum(losses), outputs["probabilities"]

    def _smooth(self, targets: tf.Tensor) -> tf.Tensor:
        share = 1 / targets.shape[-1] if self._task == "multi_class" else 0.5
        return targets * (1 - self._smoothing) + self._smoothing * share

    def _losses(self, targets: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        if self._task == "multi_class":
            return tf.nn.softmax_cross_entropy_with_logits(targets, logits)
        return tf.reduce_sum(
            tf.nn.sigmoid_cross_entropy_with_logits(labels=targets, logits=logits), axis=-1
        )
