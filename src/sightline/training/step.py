"""One step of gradient descent, and one of validation, as `tf.function`s.

Written through `strategy.run`, so that the same code runs on one device and, where model and
`Stepper` were made in its scope, under a `tf.distribute` strategy (tested with
`MirroredStrategy`). Every replica is given the global batch and takes its share; the loss is
summed over images and divided by the weight of the global batch, so gradients add up to those
of one device. Only batch normalisation differs: it sees a replica's share, and the replicas'
moving averages are averaged.

Keras's `fit` is not used, for three reasons: it cannot resume bit-identically (dropout seeds
and shuffling restart), it fails under `MultiWorkerMirroredStrategy` in Keras 3.15, and its
in-place saves lose the previous file on a full disk.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from sightline.batches import Batch
from sightline.models.parts import batch_normalization_layers
from sightline.predictions import Task
from sightline.training.history import Tally
from sightline.training.muon import Muon
from sightline.training.recipe import Distillation, Optimisation


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
    optimizer = _OPTIMIZERS[optimisation.optimizer](optimisation)
    # Decay shrinks what multiplies; biases and the scales of normalisation are left alone.
    optimizer.exclude_from_weight_decay(var_list=[v for v in variables if len(v.shape) < 2])
    optimizer.build(variables)
    return optimizer


def _adam(chosen: Optimisation) -> keras.optimizers.Optimizer:
    return keras.optimizers.Adam(chosen.learning_rate, weight_decay=chosen.weight_decay or None)


def _adamw(chosen: Optimisation) -> keras.optimizers.Optimizer:
    return keras.optimizers.AdamW(chosen.learning_rate, weight_decay=chosen.weight_decay)


def _sgd(chosen: Optimisation) -> keras.optimizers.Optimizer:
    return keras.optimizers.SGD(
        chosen.learning_rate,
        momentum=0.9,
        nesterov=True,
        weight_decay=chosen.weight_decay or None,
    )


def _muon(chosen: Optimisation) -> keras.optimizers.Optimizer:
    return Muon(
        chosen.learning_rate,
        weight_decay=chosen.weight_decay or None,
        precision=chosen.precision,
    )


_OPTIMIZERS = {"adam": _adam, "adamw": _adamw, "sgd": _sgd, "muon": _muon}


class Stepper:
    """Runs training and validation steps of one model.

    Args:
        model: Built by `models.build`; gives probabilities and logits.
        optimizer: From `make_optimizer`.
        task: Softmax or sigmoid cross-entropy.
        label_smoothing: Share of each target spread over all classes.
        distillation: How it learns from a teacher; every batch then needs `taught`.
    """

    def __init__(
        self,
        model: keras.Model,
        optimizer: keras.optimizers.Optimizer,
        *,
        task: Task,
        label_smoothing: float,
        distillation: Distillation | None = None,
    ) -> None:
        self._model = model
        self._optimizer = optimizer
        self._task: Task = task
        self._smoothing = label_smoothing
        self._distillation = distillation
        self._strategy = tf.distribute.get_strategy()
        self._seeds = [
            layer.seed_generator.state
            for layer in model._flatten_layers(include_self=False)
            if hasattr(layer, "seed_generator")
        ]
        self._averages = [
            variable
            for layer in batch_normalization_layers(model)
            if layer.trainable
            for variable in layer.non_trainable_variables
        ]
        pixels = tf.TensorSpec((None, *model.inputs[0].shape[1:]), model.inputs[0].dtype)
        targets = tf.TensorSpec((None, *model.output["logits"].shape[1:]), tf.float32)
        weights = tf.TensorSpec((None,), tf.float32)
        replicas = self._strategy.num_replicas_in_sync
        seeds = tf.TensorSpec((replicas, len(self._seeds), 2), tf.uint32)
        rate = tf.TensorSpec((), tf.float32)
        self._train = tf.function(
            self._train_step, input_signature=[pixels, targets, weights, targets, rate, seeds]
        )
        self._evaluate = tf.function(self._evaluate_step, input_signature=[pixels, targets])

    def train(self, batch: Batch, *, rate: float, seed: Sequence[int]) -> StepResult:
        """Take one step.

        Args:
            batch: Pixels, targets, weights and, for a distillation, what a teacher says.
            rate: The learning rate.
            seed: What dropout's randomness comes from in this step: (seed, epoch, step).
        """
        taught = batch.targets if self._distillation is None else batch.taught
        if taught is None:
            raise ValueError("a batch that no teacher has seen")
        loss, image_loss, probabilities = self._train(
            batch.pixels, batch.targets, batch.weights, taught, rate, self._draw_seeds(seed)
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
        shape = (self._strategy.num_replicas_in_sync, len(self._seeds), 2)
        return sequence.generate_state(int(np.prod(shape))).reshape(shape)

    def _train_step(
        self,
        pixels: tf.Tensor,
        targets: tf.Tensor,
        weights: tf.Tensor,
        taught: tf.Tensor,
        rate: tf.Tensor,
        seeds: tf.Tensor,
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        self._optimizer.learning_rate.assign(rate)
        arguments = (pixels, targets, weights, taught, seeds)
        given = self._strategy.run(self._replica_step, args=arguments)
        loss, image_loss, probabilities = given
        return self._sum(loss), self._sum(image_loss), self._rows(probabilities, weights)

    def _replica_step(
        self,
        pixels: tf.Tensor,
        targets: tf.Tensor,
        weights: tf.Tensor,
        taught: tf.Tensor,
        seeds: tf.Tensor,
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        for index, state in enumerate(self._seeds):
            state.assign(seeds[_replica(), index])
        total = tf.maximum(tf.reduce_sum(weights), keras.config.epsilon())
        rows, counted = self._share(weights)
        targets = tf.gather(targets, rows)
        with tf.GradientTape() as tape:
            outputs = self._model(tf.gather(pixels, rows), training=True)
            losses = self._losses(self._smooth(targets), outputs["logits"])
            if self._distillation is not None:
                losses = self._learned(losses, tf.gather(taught, rows), outputs["logits"])
            losses = losses * counted
            loss = tf.reduce_sum(losses * tf.gather(weights, rows)) / total
        variables = self._model.trainable_variables
        gradients = tape.gradient(loss, [variable.value for variable in variables])
        self._optimizer.apply(gradients, variables)
        self._average()
        return loss, tf.reduce_sum(losses), outputs["probabilities"]

    def _evaluate_step(self, pixels: tf.Tensor, targets: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        loss, probabilities = self._strategy.run(self._replica_evaluate, args=(pixels, targets))
        return self._sum(loss), self._rows(probabilities, targets)

    def _replica_evaluate(
        self, pixels: tf.Tensor, targets: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        rows, counted = self._share(targets)
        outputs = self._model(tf.gather(pixels, rows), training=False)
        losses = self._losses(tf.gather(targets, rows), outputs["logits"]) * counted
        return tf.reduce_sum(losses), outputs["probabilities"]

    def _share(self, batch: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Return this replica's rows of the global batch, and 1 for each that counts.

        Shares are of equal size; where the batch does not divide, rows from its beginning
        fill the last ones and count nothing.
        """
        replicas, size = self._strategy.num_replicas_in_sync, tf.shape(batch)[0]
        share = (size + replicas - 1) // replicas
        places = _replica() * share + tf.range(share)
        return places % size, tf.cast(places < size, tf.float32)

    def _sum(self, value: Any) -> tf.Tensor:
        return self._strategy.reduce(tf.distribute.ReduceOp.SUM, value, axis=None)

    def _rows(self, value: Any, batch: tf.Tensor) -> tf.Tensor:
        """Return the rows of all replicas in the order of the global batch."""
        if self._strategy.num_replicas_in_sync == 1:
            return value
        return self._strategy.gather(value, axis=0)[: tf.shape(batch)[0]]

    def _average(self) -> None:
        """Make the moving averages the same on every replica, as the other weights are."""
        if self._strategy.num_replicas_in_sync == 1:
            return
        for variable in self._averages:
            own = tf.convert_to_tensor(variable.value)
            mean = tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.MEAN, own)
            variable.assign(mean)

    def _smooth(self, targets: tf.Tensor) -> tf.Tensor:
        share = 1 / targets.shape[-1] if self._task == "multi_class" else 0.5
        return targets * (1 - self._smoothing) + self._smoothing * share

    def _losses(self, targets: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        if self._task == "multi_class":
            return tf.nn.softmax_cross_entropy_with_logits(targets, logits)
        return tf.reduce_sum(
            tf.nn.sigmoid_cross_entropy_with_logits(labels=targets, logits=logits), axis=-1
        )

    def _learned(self, losses: tf.Tensor, taught: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        """Return the loss of each image on its labels and on its teacher's answer.

        The divergence is taken times the square of the temperature, which keeps its gradient as
        large as it would be at temperature 1 (Hinton et al. 2015, section 2.1).
        """
        chosen = self._distillation
        if chosen is None:
            return losses
        teacher, student = taught / chosen.temperature, logits / chosen.temperature
        soft = tf.nn.softmax(teacher) if self._task == "multi_class" else tf.sigmoid(teacher)
        # Cross-entropy less the teacher's own entropy: 0 where both say the same.
        divergence = self._losses(soft, student) - self._losses(soft, teacher)
        return (1 - chosen.share) * losses + chosen.share * chosen.temperature**2 * divergence


def _replica() -> Any:
    return tf.distribute.get_replica_context().replica_id_in_sync_group
