"""A network with fewer channels in some layers: the same layers by name, made again narrower.

Works on every functional network, because only the number of outputs of single layers is
edited and Keras computes all other shapes anew.
"""

from __future__ import annotations

from collections.abc import Mapping

import keras

from sightline.errors import ConfigError

_OUTPUTS: Mapping[type[keras.Layer], str] = {
    keras.layers.Conv2D: "filters",
    keras.layers.SeparableConv2D: "filters",
    keras.layers.Dense: "units",
}
"""Of each kind of layer that may be narrower, what holds the number of its outputs."""


def outputs_of(layer: keras.Layer) -> int | None:
    """Return how many outputs a layer has, of the kinds that may be narrower; else None."""
    name = _OUTPUTS.get(type(layer))
    return None if name is None else int(getattr(layer, name))


def narrow(model: keras.Model, widths: Mapping[str, int]) -> keras.Model:
    """Return the network with other numbers of outputs in some layers, and random weights.

    Args:
        model: Built by `models.build`.
        widths: Outputs by layer name.

    Raises:
        ConfigError: A layer is unknown, of another kind or would become wider, or layers that
            are added up no longer fit each other.
    """
    layers = {layer.name: layer for layer in model.layers}
    for name, width in widths.items():
        outputs = outputs_of(layers[name]) if name in layers else None
        if outputs is None or width > outputs:
            raise ConfigError(
                f"The width of {name} is {width}.",
                expected=f"a layer of {model.name} with fewer outputs than the "
                f"{outputs or 'convolutions and dense layers'} it has",
                code="bad_widths",
            )

    def again(layer: keras.Layer) -> keras.Layer:
        config = layer.get_config()
        if layer.name in widths:
            config[_OUTPUTS[type(layer)]] = widths[layer.name]
        if isinstance(layer, keras.layers.Reshape) and config["target_shape"][:-1] == (1, 1):
            config["target_shape"] = (1, 1, -1)  # of squeeze and excitation: as many as there are
        return type(layer).from_config(config)

    try:
        narrower = keras.models.clone_model(model, clone_function=again)
    except ValueError as error:
        raise ConfigError(
            f"The widths do not fit {model.name}: {str(error)[:300]}",
            expected="the same width for layers whose outputs are added or multiplied",
            code="bad_widths",
        ) from error
    return narrower
