"""How a proof is told: what `export` and `verify` say of it."""

from __future__ import annotations

from sightline.reporting.comparison import verdict_line
from sightline.workflows.export import Proof


def proof_lines(proof: Proof) -> tuple[str, ...]:
    """Return what was found, in two or three lines."""
    found, comparison = proof.pixels, proof.comparison
    return (
        f"on {found.n} validation images: |Δp| up to {found.max_difference:.2g}, mean "
        f"{found.mean_difference:.2g}; the same answer for {found.agreement:.3f} of them",
        f"accuracy {comparison.before} before, {comparison.after} now. {verdict_line(comparison)}",
    )
