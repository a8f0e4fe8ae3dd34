"""Graphs of fewer bits, layer by layer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from sightline.conversion import to_litert
from sightline.errors import ModelError
from sightline.exporting.kernels import least_error
from sightline.exporting.litert_kernels import prepared
from sightline.exporting.quantizing import (
    layers,
    tensor_statistics,
    to_dynamic,
    to_float16,
    to_int8,
)
from sightline.exporting.tflite_file import read_graph, written
from sightline.exporting.tuning import Rounding, Tuning
from sightline.inference.litert import LiteRTModel
from sightline.models import Architecture
from sightline.models.build import build

SIDE = 64


def network(backbone: str, **options: Any) -> keras.Model:
    """Return a network whose normalisation has seen data: without it, values explode."""
    keras.utils.set_random_seed(0)
    size = {"classes": 5, "height": SIDE, "width": SIDE}
    model = build(Architecture(backbone=backbone, **size, **options))
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.5
    for seed in range(6):
        model(images(8, seed, model.input_shape[-1]), training=True)
    return model


def images(count: int, seed: int = 0, channels: int = 3) -> np.ndarray:
    """Return smooth pictures, as photos are, and not noise."""
    rng = np.random.default_rng(seed)
    coarse = rng.uniform(0, 255, (count, 4, 4, channels))
    return np.clip(coarse.repeat(SIDE // 4, 1).repeat(SIDE // 4, 2), 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def graph() -> Any:
    return to_litert(network("mobilenet_v2", options={"alpha": 0.35}))


def types(content: bytes) -> Mapping[str, list[list[str]]]:
    """Return, for each kind of operation, the types of its inputs."""
    interpreter = Interpreter(model_content=content)
    tensors = {one["index"]: one["dtype"].__name__ for one in interpreter.get_tensor_details()}
    found: dict[str, list[list[str]]] = {}
    for operation in interpreter._get_ops_details():
        own = [tensors[index] for index in operation["inputs"] if index in tensors]
        found.setdefault(operation["op_name"], []).append(own)
    return found


@dataclass(frozen=True)
class Kernel:
    """Of a convolution: its weights, (channels, others), the steps of their grid, its bias."""

    channels: np.ndarray
    steps: np.ndarray
    constants: np.ndarray


def kernels(content: bytes) -> Iterator[Kernel]:
    interpreter = Interpreter(model_content=content)
    interpreter.allocate_tensors()
    tensors = {one["index"]: one for one in interpreter.get_tensor_details()}
    for operation in interpreter._get_ops_details():
        axis = {"CONV_2D": 0, "DEPTHWISE_CONV_2D": 3}.get(operation["op_name"])
        if axis is not None:
            _, index, bias, *_ = operation["inputs"]
            channels = np.moveaxis(interpreter.get_tensor(index), axis, 0)
            steps_of_bias = tensors[bias]["quantization_parameters"]["scales"]
            yield Kernel(
                channels=channels.reshape(len(channels), -1).copy(),
                steps=tensors[index]["quantization_parameters"]["scales"],
                constants=interpreter.get_tensor(bias)
                * (steps_of_bias if len(steps_of_bias) else 1),
            )


def test_only_what_lies_between_the_scaling_and_the_end_has_fewer_bits(graph: Any) -> None:
    found = layers(graph.content, graph.outputs)
    inner = [layer for layer in found if not layer.after]
    assert inner[0].kind == "CONV_2D" and "scaling" not in " ".join(one.name for one in found)
    assert {"CONV_2D", "DEPTHWISE_CONV_2D", "ADD"} == {layer.kind for layer in inner}
    assert graph.outputs["embedding"] in [layer.name for layer in found if layer.after]


def test_ranges_are_what_the_graph_gives(graph: Any) -> None:
    (image,) = images(1, 1)
    logits = LiteRTModel(graph.content, graph.outputs).run(image[None])["logits"]
    found = tensor_statistics(graph.content, [image])[graph.outputs["logits"]]
    assert (found.low, found.high) == pytest.approx((logits.min(), logits.max()), abs=1e-5)
    assert found.means == pytest.approx(logits[0], abs=1e-5)
    with pytest.raises(ValueError, match="no samples"):
        tensor_statistics(graph.content, [])


def test_int8_computes_in_eight_bits_but_for_its_ends(graph: Any) -> None:
    ranges = tensor_statistics(graph.content, images(20))
    content = to_int8(graph.content, graph.outputs, ranges)
    assert len(content) < 0.45 * len(graph.content)
    found = types(content)
    for kind in ("CONV_2D", "DEPTHWISE_CONV_2D"):
        assert all(own[:2] == ["int8", "int8"] for own in found[kind]), kind
    assert found["SOFTMAX"] == [["float32"]]
    assert found["FULLY_CONNECTED"][0][:2] == ["float32", "int8"]
    pixels = images(40, seed=9)
    given, source = (
        LiteRTModel(one, graph.outputs).run(pixels) for one in (content, graph.content)
    )
    spread = source["logits"].std()
    assert np.abs(given["logits"] - source["logits"]).mean() < 0.1 * spread
    assert np.abs(given["probabilities"].sum(axis=1) - 1).max() < 1e-5


def test_a_channel_of_zeros_leaves_the_others_their_grid(graph: Any) -> None:
    """Steps of zero are refused by the fast kernels, and the whole layer is then slow."""
    kernel = next(kernels(graph.content)).channels
    dead = kernel[1].tobytes()
    content = graph.content.replace(dead, bytes(len(dead)))
    steps = next(
        kernels(to_int8(content, graph.outputs, tensor_statistics(content, images(12))))
    ).steps
    limits = least_error(np.delete(kernel, 1, axis=0), bits=8)
    np.testing.assert_allclose(np.delete(steps, 1), limits / 127, rtol=1e-5)
    assert steps[1] > 0


def test_biases_make_up_for_what_8_bits_add(graph: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """In every layer on average over images, so that the embedding is nearer, too."""
    pixels = images(40, seed=9)
    statistics = tensor_statistics(graph.content, images(40))

    def error() -> np.ndarray:
        given, wanted = (
            LiteRTModel(one, graph.outputs).run(pixels)["embedding"]
            for one in (to_int8(graph.content, graph.outputs, statistics), graph.content)
        )
        return given - wanted

    corrected = error()
    monkeypatch.setattr("sightline.exporting.kernels.constant_error", lambda *_: 0)
    plain = error()
    assert np.abs(corrected.mean(axis=0)).mean() < 0.6 * np.abs(plain.mean(axis=0)).mean()
    assert np.sqrt((corrected**2).mean()) < np.sqrt((plain**2).mean())


def test_biases_make_up_for_rounded_kernels_in_dynamic_too(graph: Any) -> None:
    pixels = images(40, seed=9)
    shown = tensor_statistics(graph.content, images(40))
    wanted, plain, corrected = (
        LiteRTModel(one, graph.outputs).run(pixels)["embedding"]
        for one in (
            graph.content,
            to_dynamic(graph.content, graph.outputs),
            to_dynamic(graph.content, graph.outputs, shown),
        )
    )
    before, after = (np.abs((one - wanted).mean(axis=0)).mean() for one in (plain, corrected))
    assert after < 0.6 * before


def test_biases_take_no_more_room(graph: Any) -> None:
    statistics = tensor_statistics(graph.content, images(12))
    made = prepared(graph.content, _inner(graph), statistics, "octav")
    assert len(made) < 1.001 * len(graph.content)


@pytest.mark.parametrize("shared", ["tensor", "buffer"])
def test_a_bias_that_layers_share_is_changed_in_one_of_them(graph: Any, shared: str) -> None:
    first, second, *_ = _inner(graph)
    model = read_graph(graph.content)
    tensors = model.subgraphs[0].tensors
    makers = {tensors[one.outputs[0]].name.decode(): one for one in model.subgraphs[0].operators}
    ours, other = (makers[name].inputs[2] for name in (first, second))
    assert tensors[ours].shape == tensors[other].shape
    if shared == "tensor":
        makers[second].inputs[2] = ours
    else:
        tensors[other].buffer = tensors[ours].buffer
    content = written(model)
    statistics = tensor_statistics(content, images(12))
    changed = prepared(content, {first}, statistics, "minmax")
    before, after = (list(kernels(one)) for one in (content, changed))
    assert (before[0].constants != after[0].constants).any()
    assert (before[1].constants == after[1].constants).all()


def _inner(graph: Any) -> list[str]:
    found = layers(graph.content, graph.outputs)
    return [one.name for one in found if one.weighted and not one.after]


def test_a_channel_of_zeros_keeps_its_constant(graph: Any) -> None:
    kernel = next(kernels(graph.content)).channels
    dead = kernel[1].tobytes()
    content = graph.content.replace(dead, bytes(len(dead)))
    name = layers(content, graph.outputs)[0].name
    model = read_graph(content)
    places = {one.name.decode(): number for number, one in enumerate(model.subgraphs[0].tensors)}
    (first,) = (one for one in model.subgraphs[0].operators if one.outputs[0] == places[name])
    bias = model.buffers[model.subgraphs[0].tensors[first.inputs[2]].buffer]
    values = bias.data.view(np.float32).copy()
    values[1] = 2.5
    bias.data = values.view(np.uint8)
    content = written(model)
    made = to_int8(content, graph.outputs, tensor_statistics(content, images(12)))
    assert next(kernels(made)).constants[1] == pytest.approx(2.5, abs=1e-3)


@pytest.mark.parametrize("rounding", ["octav", "minmax"])
def test_kernels_are_cut_along_their_channels(graph: Any, rounding: Rounding) -> None:
    """Those of depthwise convolutions have their channels last, all others first."""
    ranges = tensor_statistics(graph.content, images(12))
    made = kernels(to_int8(graph.content, graph.outputs, ranges, Tuning(rounding=rounding)))
    for own, given in zip(kernels(graph.content), made, strict=True):
        limits = np.abs(own.channels).max(axis=1)
        if rounding == "octav":
            limits = least_error(own.channels, bits=8)
        np.testing.assert_allclose(given.steps, limits / 127, rtol=1e-5)


def test_a_layer_left_in_float_is_in_float_and_takes_its_error_away(graph: Any) -> None:
    ranges = tensor_statistics(graph.content, images(20))
    inner = tuple(one.name for one in layers(graph.content, graph.outputs) if not one.after)
    kept = to_int8(graph.content, graph.outputs, ranges, Tuning(in_float=inner))
    assert "int8" not in {kind for own in types(kept)["CONV_2D"] for kind in own}
    one = to_int8(graph.content, graph.outputs, ranges, Tuning(in_float=inner[:1]))
    assert [own[:2] for own in types(one)["CONV_2D"]].count(["float32", "float32"]) == 1
    with_first = to_int8(graph.content, graph.outputs, ranges)
    assert len(one) > len(with_first)


def test_the_kernels_of_float16_and_dynamic_are_smaller_and_the_answers_near(graph: Any) -> None:
    pixels = images(20, seed=5)
    source = LiteRTModel(graph.content, graph.outputs).run(pixels)["logits"]
    for make, most, error in ((to_float16, 0.7, 0.01), (to_dynamic, 0.5, 0.2)):
        content = make(graph.content, graph.outputs)
        assert len(content) < most * len(graph.content)
        given = LiteRTModel(content, graph.outputs).run(pixels)["logits"]
        assert np.abs(given - source).max() < error * source.std()
    kernels = types(to_float16(graph.content, graph.outputs))
    assert {own[1] for own in kernels["DEPTHWISE_CONV_2D"]} == {"float32"}


KINDS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "both views": ("small_cnn", {"tta": "flip"}),
    "grey": ("mobilenet_v2", {"channels": 1, "options": {"alpha": 0.35}}),
    "labels": ("small_cnn", {"task": "multi_label"}),
    "squeeze and excitation": ("efficientnet_b0", {}),
    "swapped channels": ("resnet50", {}),
}


@pytest.mark.parametrize("name", KINDS)
def test_other_networks_have_eight_bits_too(name: str) -> None:
    backbone, options = KINDS[name]
    graph = to_litert(network(backbone, **options))
    channels = options.get("channels", 3)
    ranges = tensor_statistics(graph.content, images(8, channels=channels))
    content = to_int8(graph.content, graph.outputs, ranges)
    # Random weights are chaotic: how near the answers are is told by networks that were trained.
    given = LiteRTModel(content, graph.outputs).run(images(2, seed=3, channels=channels))
    assert all(np.isfinite(values).all() for values in given.values())
    convolutions = types(content)["CONV_2D"]
    assert sum(own[:2] == ["int8", "int8"] for own in convolutions) == len(convolutions)


def test_what_is_no_graph_is_refused() -> None:
    with pytest.raises(ModelError, match="cannot be quantised"):
        to_float16(b"no graph", {})
