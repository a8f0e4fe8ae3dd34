"""Weights by name: out of a model, and back in without believing anything.

A name is `LAYER/VARIABLE` (`Conv1/kernel`), unique in a model and the same in every
process. Files are read by `models.weight_files`; this module knows arrays only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import keras
import numpy as np

from sightline.errors import ModelError

_SHOWN = 5


def named_weights(model: keras.Model) -> dict[str, np.ndarray]:
    """Return every weight by name: trained, moving averages and temperature.

    States of random number generators are not weights and are left out.
    """
    variables = layer_variables(model.layers)
    return {name: np.array(variable.numpy()) for name, variable in variables.items()}


def layer_variables(layers: Iterable[keras.Layer]) -> dict[str, keras.Variable]:
    """Return the weights of `layers` by name, in their order."""
    return {
        f"{layer.name}/{variable.name}": variable for layer in layers for variable in layer.weights
    }


def assign_weights(model: keras.Model, weights: Mapping[str, np.ndarray]) -> None:
    """Set every weight of `model`, or none of them.

    Args:
        model: The model to change.
        weights: What `named_weights` gave for a model of the same architecture.

    Raises:
        ModelError: A tensor is missing or too many, has another shape or dtype, or holds NaN
            or infinity; each is named with what was expected and found. `model` is untouched.
    """
    assign_variables(model, layer_variables(model.layers), weights)


def assign_variables(
    model: keras.Model,
    variables: Mapping[str, keras.Variable],
    weights: Mapping[str, np.ndarray],
) -> None:
    """Set some weights of `model`, exactly those of `variables` (see `assign_weights`)."""
    missing = [name for name in variables if name not in weights]
    if missing:
        raise _refusal(f"lack {listed(missing)}", "missing_weight", "a tensor for every weight")
    extra = [name for name in weights if name not in variables]
    if extra:
        raise _refusal(f"also hold {listed(extra)}", "extra_weight", "no other tensors")
    for name, variable in variables.items():
        _check_one(name, variable, weights[name])
    for name, variable in variables.items():
        variable.assign(weights[name])
    for layer in model.layers:
        # Normalization computes with copies of its weights, made here.
        if isinstance(layer, keras.layers.Normalization):
            layer.finalize_state()


def _check_one(name: str, variable: keras.Variable, value: np.ndarray) -> None:
    shape = tuple(variable.shape)
    if value.shape != shape:
        raise _refusal(
            f"hold {name} of shape {value.shape}", "weight_shape", f"{name} of shape {shape}"
        )
    if str(value.dtype) != variable.dtype:
        raise _refusal(
            f"hold {name} as {value.dtype}", "weight_dtype", f"{name} as {variable.dtype}"
        )
    wrong = value.size - int(np.count_nonzero(np.isfinite(value.astype(np.float32, copy=False))))
    if wrong:
        raise _refusal(
            f"hold {name} with {wrong} of {value.size} values NaN or infinite",
            "non_finite_weight",
            "finite weights",
        )


def _refusal(what: str, code: str, expected: str) -> ModelError:
    return ModelError(
        f"The weights do not fit the network: they {what}.",
        expected=expected,
        fix="use weights of the same backbone, options and number of classes",
        code=code,
    )


def listed(names: Sequence[str]) -> str:
    """Return the first few of `names` for a message, and how many more there are."""
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
