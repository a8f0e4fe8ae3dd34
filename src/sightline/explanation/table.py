"""The table of methods. A new one is one file and one record here."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec

from sightline.errors import unknown_name
from sightline.explanation.method import Method
from sightline.models.options import Option


def explanation_method(name: str) -> Method:
    """Return a method.

    Raises:
        ConfigError: There is none of that name; the nearest name is suggested.
    """
    if name not in METHODS:
        raise unknown_name("method", name, METHODS)
    return METHODS[name]


def default_method() -> str:
    """Return Grad-CAM where TensorFlow is installed, else what needs none."""
    installed = all(find_spec(package) is not None for package in ("keras", "tensorflow"))
    return "grad_cam" if installed else "occlusion"


def _table(*methods: Method) -> Mapping[str, Method]:
    table = {method.name: method for method in methods}
    if len(table) != len(methods):
        raise ValueError("two methods have one name")
    return table


_GRAD_CAM = Method(
    name="grad_cam",
    title="Grad-CAM",
    summary="Which places of the last convolutional map raise the class's logit.",
    function="sightline.explanation.grad_cam:grad_cam",
    needs_gradients=True,
    signed=False,
    source="Selvaraju et al. 2017, Grad-CAM, arXiv:1610.02391",
)

_INTEGRATED_GRADIENTS = Method(
    name="integrated_gradients",
    title="Integrated gradients",
    summary="What each pixel adds to the logit on the way from a baseline to the image.",
    function="sightline.explanation.integrated_gradients:integrated_gradients",
    needs_gradients=True,
    signed=True,
    options={
        "steps": Option(default=64, low=1, high=4096, meaning="Points on the way."),
        "baseline": Option(
            default="blurred",
            choices=("black", "blurred", "mean"),
            meaning="Where the way begins: black, the image blurred, or its mean colour.",
        ),
    },
    source="Sundararajan et al. 2017, Axiomatic Attribution for Deep Networks, arXiv:1703.01365",
)

_OCCLUSION = Method(
    name="occlusion",
    title="Occlusion",
    summary="How much less the model says the class when a patch is covered, place by place.",
    function="sightline.explanation.occlusion:occlusion",
    needs_gradients=False,
    signed=True,
    options={
        "patch": Option(
            default=0, high=4096, meaning="Side of the patch in pixels; 0: a fifth of the image's."
        ),
        "stride": Option(
            default=0, high=4096, meaning="Pixels from patch to patch; 0: half a patch."
        ),
        "fill": Option(
            default="mean",
            choices=("black", "blurred", "mean"),
            meaning="What the patch shows: the image's mean colour, black, or the image blurred.",
        ),
    },
    source="Zeiler and Fergus 2014, Visualizing and Understanding Convolutional Networks, "
    "arXiv:1311.2901",
)

METHODS: Mapping[str, Method] = _table(_GRAD_CAM, _INTEGRATED_GRADIENTS, _OCCLUSION)
