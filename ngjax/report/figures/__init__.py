"""Figures: numbers and pictures in, a `matplotlib.figure.Figure` out; no topic known."""

from ngjax.report.figures.canvas import PALETTE, colours, save, style
from ngjax.report.figures.charts import bars, confusion, contour_paths, heatmap
from ngjax.report.figures.curves import curves, lines
from ngjax.report.figures.graph import graph
from ngjax.report.figures.pictures import filters, image_grid
from ngjax.report.figures.scatter import boundaries, points
from ngjax.report.figures.trials import samples, trials

__all__ = [
    "PALETTE",
    "bars",
    "boundaries",
    "colours",
    "confusion",
    "contour_paths",
    "curves",
    "filters",
    "graph",
    "heatmap",
    "image_grid",
    "lines",
    "points",
    "samples",
    "save",
    "style",
    "trials",
]
