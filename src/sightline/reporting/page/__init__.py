"""Facts become one HTML file that needs nothing else: no network, no scripts to be read."""

from sightline.reporting.page.render import names_wanted, render_page
from sightline.reporting.page.section import NotRun, Section
from sightline.reporting.page.table import SECTIONS

__all__ = ["SECTIONS", "NotRun", "Section", "names_wanted", "render_page"]
