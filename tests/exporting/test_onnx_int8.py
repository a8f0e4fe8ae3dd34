"""Eight bits in an ONNX graph: which values occur, how kernels are cut, what stays in float."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from functools import cache

import numpy as np
import onnx
import pytest

from sightline.exporting import FORMATS
from sightline.exporting.kernels import least_error, prepare, rounded
from sightline.exporting.onnx import float_graph
from sightline.exporting.onnx_int8 import (
    Tunable,
    layers,
    tensor_statistics,
    to_int8,
)
from sightline.exporting.onnx_kernels import layers_of
from sightline.exporting.tuning import Statistics, TensorStatistics, Tuning
from sightline.inference.onnx import OnnxModel

from .small import pictures, small_bundle

ENDS = ("embedding", "logits")
INT8 = FORMATS["onnx"].precisions["int8"]


@cache
def content() -> bytes:
    graph: bytes = float_graph(small_bundle("three classes"), INT8.outputs).SerializeToString()
    return graph


def graph() -> onnx.ModelProto:
    return onnx.load_model_from_string(content())


@cache
def statistics() -> Statistics:
    return tensor_statistics(graph(), pictures(small_bundle("three classes"), 12))


def kinds(model: onnx.ModelProto) -> Counter[bool]:
    """Return how many convolutions have kernels of 8 bits, and how many do not."""
    makers = {output: node for node in model.graph.node for output in node.output}
    return Counter(node.input[1] in makers for node in model.graph.node if node.op_type == "Conv")


def test_ranges_are_what_the_graph_gives() -> None:
    pixels = pictures(small_bundle("three classes"), 1)
    found = tensor_statistics(graph(), pixels)
    given = OnnxModel(content(), {"logits": "logits"}).run(pixels)["logits"]
    logits = found["logits"]
    assert (logits.low, logits.high) == pytest.approx((given.min(), given.max()), abs=1e-5)
    assert logits.means == pytest.approx(given[0], abs=1e-5)
    given_by = {name for node in graph().graph.node for name in node.output}
    assert len(found) > len(layers(graph())) and set(found) <= given_by
    with pytest.raises(ValueError, match="no samples"):
        tensor_statistics(graph(), [])


def test_ranges_of_another_graph_are_refused() -> None:
    with pytest.raises(ValueError, match="statistics of another graph"):
        to_int8(graph(), {"logits": statistics()["logits"]}, Tuning())


def test_a_layer_left_in_float_is_in_float() -> None:
    found = layers(graph())
    usual = kinds(to_int8(graph(), statistics(), Tuning()))
    weighted = [layer.name for layer in found if layer.weighted]
    assert usual == {True: len(weighted), False: 1}, "the first convolution alone stays"
    one = kinds(to_int8(graph(), statistics(), Tuning(in_float=(weighted[0],))))
    assert one == {True: len(weighted) - 1, False: 2}
    none = kinds(to_int8(graph(), statistics(), Tuning(in_float=tuple(one.name for one in found))))
    assert none == {False: len(weighted) + 1}


def test_what_the_graph_gives_does_not_end_where_ranges_do() -> None:
    """Else all images that are certain enough would look alike."""
    narrow = {
        name: replace(one, low=0.5 * one.low, high=0.5 * one.high)
        for name, one in statistics().items()
    }
    wide = {**narrow, **{name: statistics()[name] for name in statistics() if name not in ENDS}}
    pixels = pictures(small_bundle("three classes"), 12)
    names = {"embedding": "embedding", "logits": "logits"}
    given, same = (
        OnnxModel(to_int8(graph(), one, Tuning()).SerializeToString(), names).run(pixels)
        for one in (wide, statistics())
    )
    for name in names:
        assert given[name] == pytest.approx(same[name], abs=1e-6), name


def test_the_last_weights_have_8_bits_all_the_same() -> None:
    found = to_int8(graph(), statistics(), Tuning()).graph
    (last,) = (node for node in found.node if "logits" in node.output)
    (widen,) = (node for node in found.node if last.input[1] in node.output)
    assert widen.op_type == "DequantizeLinear"
    kernel = next(tensor for tensor in found.initializer if tensor.name == widen.input[0])
    assert kernel.data_type == onnx.TensorProto.INT8
    assert np.abs(onnx.numpy_helper.to_array(kernel).astype(int)).max() == 127


def test_no_cpu_overflows() -> None:
    """Two products of a pixel value of 8 bits and a weight fit into 16 bits."""
    found = to_int8(graph(), statistics(), Tuning())
    kernels = [
        onnx.numpy_helper.to_array(tensor).astype(int)
        for tensor in found.graph.initializer
        if tensor.data_type == onnx.TensorProto.INT8 and len(tensor.dims) == 4
    ]
    assert kernels
    for kernel in kernels:
        assert 2 * 255 * np.abs(kernel).max() < 2**15
    assert max(np.abs(kernel).max() for kernel in kernels) > 48, "most of what fits is used"


def grouped(channels: int, multiplier: int) -> onnx.ModelProto:
    """Return a graph with a convolution whose every sum is as large as 8 bits let it be."""
    rng = np.random.default_rng(5)
    shape = (channels * multiplier, 1, 5, 5)
    weights = {
        "first": np.full((channels, 3, 1, 1), 1 / 3, np.float32),
        "grouped": rng.choice([0.99, 1.0], shape).astype(np.float32),
        "last": rng.normal(0, 1, (shape[0], 3)).astype(np.float32),
    }
    make = onnx.helper.make_node
    nodes = [
        make("Cast", ["pixels"], ["values"], name="cast", to=onnx.TensorProto.FLOAT),
        make("Transpose", ["values"], ["planes"], name="planes", perm=[0, 3, 1, 2]),
        make("Conv", ["planes", "first"], ["a"], name="first"),
        make("Conv", ["a", "grouped"], ["b"], name="grouped", group=channels),
        make("ReduceMean", ["b"], ["embedding"], name="mean", axes=[2, 3], keepdims=0),
        make("MatMul", ["embedding", "last"], ["logits"], name="last"),
    ]
    value, kind = onnx.helper.make_tensor_value_info, onnx.TensorProto.FLOAT
    own = onnx.helper.make_graph(
        nodes,
        "grouped",
        [value("pixels", onnx.TensorProto.UINT8, ["n", 12, 12, 3])],
        [value("embedding", kind, ["n", shape[0]]), value("logits", kind, ["n", 3])],
        [onnx.numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    return onnx.helper.make_model(own, opset_imports=[onnx.helper.make_opsetid("", 17)])


@pytest.mark.parametrize(("multiplier", "largest"), [(1, 127), (2, 64)])
def test_depthwise_kernels_have_all_8_bits_and_do_not_overflow(
    multiplier: int, largest: int
) -> None:
    """Those of several kernels for a channel are computed as other convolutions are."""
    shown = np.full((1, 12, 12, 3), 255, np.uint8)
    source = grouped(16, multiplier)
    rounded = to_int8(grouped(16, multiplier), tensor_statistics(source, [shown[0]]), Tuning())
    kernels = [
        onnx.numpy_helper.to_array(tensor).astype(int)
        for tensor in rounded.graph.initializer
        if tensor.data_type == onnx.TensorProto.INT8 and len(tensor.dims) == 4
    ]
    assert [np.abs(kernel).max() for kernel in kernels] == [pytest.approx(largest, abs=1)]
    names = {"embedding": "embedding"}
    given, wanted = (
        OnnxModel(one.SerializeToString(), names).run(shown)["embedding"]
        for one in (rounded, source)
    )
    assert given == pytest.approx(wanted, rel=0.02)


def test_layers_are_called_as_in_their_network() -> None:
    titles = [layer.title for layer in layers(graph()) if layer.weighted]
    assert titles and not any(":" in title or "Conv__" in title for title in titles)


def test_a_graph_is_tuned_without_being_changed() -> None:
    bundle = small_bundle("three classes")
    shown, pixels = pictures(bundle, 40), pictures(bundle, 40, seed=9)
    tunable = Tunable(bundle, INT8)
    source = tunable.logits(pixels)
    assert source == pytest.approx(
        OnnxModel(content(), {"logits": "logits"}).run(pixels)["logits"], abs=1e-5
    )
    rounded = tunable.logits(pixels, Tuning(statistics=tunable.statistics(shown)))
    assert 0 < np.abs(rounded - source).mean() < 0.1 * source.std()
    assert (tunable.logits(pixels) == source).all()


def test_every_kernel_is_cut_along_its_channels() -> None:
    """A transposed `Gemm` has its channels first, a `MatMul` last, a convolution first."""
    rng = np.random.default_rng(3)
    wide = rng.standard_t(2, (6, 500)).astype(np.float32)
    made = {
        "Conv": wide.reshape(6, 5, 10, 10),
        "MatMul": np.ascontiguousarray(wide.T),
        "Gemm": wide,
    }
    for kind, values in made.items():
        words = {"transB": 1} if kind == "Gemm" else {}
        node = onnx.helper.make_node(kind, ["x", "w"], ["y"], name=kind, **words)
        own = onnx.helper.make_graph([node], "g", [], [], [tensor("w", values)])
        means = np.full(5 if kind == "Conv" else 500, 2.0)
        shown = {"x": TensorStatistics(low=0, high=4, means=means, sizes=(10, 10))}
        prepare(layers_of(own, ()), shown, "octav")
        arrays = {one.name: onnx.numpy_helper.to_array(one) for one in own.initializer}
        cut = arrays["w"].T if kind == "MatMul" else arrays["w"].reshape(6, -1)
        assert np.abs(cut).max(axis=1) == pytest.approx(least_error(wide, bits=7)), kind
        if kind == "MatMul":  # has no bias
            assert list(node.input) == ["x", "w"]
            continue
        error = (rounded(cut, levels=64) - wide).sum(axis=1)
        assert arrays[own.node[0].input[2]] == pytest.approx(-2 * error, rel=1e-3), kind


@pytest.mark.parametrize("own", ["constant", "computed", "scaled"])
def test_a_bias_is_changed_where_it_is_one(own: str) -> None:
    make = onnx.helper.make_node
    nodes = [make("Relu", ["z"], ["computed"], name="relu")]
    words = {"beta": 2.0} if own == "scaled" else {}
    bias = "computed" if own == "computed" else "constant"
    nodes += [make("Gemm", ["x", "w", bias], ["y"], name="gemm", transB=1, **words)]
    weights = [tensor("w", np.eye(3)), tensor("constant", np.ones(3))]
    (layer,) = layers_of(onnx.helper.make_graph(nodes, "g", [], [], weights), ())
    assert layer.biased == (own == "constant")
    shown = {"x": TensorStatistics(low=0, high=4, means=np.ones(3))}
    prepare([layer], shown, "minmax")
    assert (layer.node.input[2] != bias) == (own == "constant")
    if layer.biased:
        assert layer.bias.tolist() == [1, 1, 1]


def test_a_kernel_that_a_layer_in_float_has_too_is_left_alone() -> None:
    make = onnx.helper.make_node
    nodes = [make("MatMul", [name, "w"], [f"{name}/y"], name=name) for name in ("a", "b")]
    graph = onnx.helper.make_graph(nodes, "g", [], [], [tensor("w", np.eye(3))])
    assert len(layers_of(graph, ())) == 2 and layers_of(graph, ("a",)) == []


def tensor(name: str, values: np.ndarray) -> onnx.TensorProto:
    return onnx.numpy_helper.from_array(values.astype(np.float32), name)


def test_a_layer_alone_has_8_bits_together_with_its_activation() -> None:
    """Else it is charged for values that its activation cuts off."""
    found = layers(graph())
    joined = [layer for layer in found if layer.joined]
    kinds_of = {layer.name: layer.kind for layer in found}
    assert joined and {kinds_of[name] for one in joined for name in one.joined} <= {"Relu", "Clip"}
