"""Facts become one HTML file that needs nothing else: no network, no scripts to be read."""

from sightline.reporting.page.render import names_wanted, render_page
from sightline.reporting.page.section import NotRun, Page, Section
from sightline.reporting.page.table import AUDIT, REPORT

__all__ = ["AUDIT", "REPORT", "NotRun", "Page", "Section", "names_wanted", "render_page"]
