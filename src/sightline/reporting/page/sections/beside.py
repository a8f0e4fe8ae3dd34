"""What the second picture of a pair is, where galleries have heatmaps."""

from __future__ import annotations

from sightline.reporting.page.blocks import Gallery

_METHODS = {"grad_cam": "Grad-CAM", "integrated_gradients": "integrated gradients"}


def beside(gallery: Gallery, method: str) -> str:
    """Return the sentence on a gallery's heatmaps, with a space before it; empty without any.

    Args:
        gallery: With its pictures.
        method: What drew them; empty where that is not known.
    """
    if not any(picture.overlay for picture in gallery.pictures):
        return ""
    by = f" ({_METHODS.get(method, method)})" if method else ""
    return f" Beside an image, bright: what of it speaks for the model's own answer{by}."
