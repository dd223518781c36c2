"""Figures: numbers and pictures in, a `matplotlib.figure.Figure` out; no topic known."""

from ngjax.report.figures.canvas import PALETTE, colours, save, style
from ngjax.report.figures.charts import bars, confusion, contour_paths, heatmap
from ngjax.report.figures.curves import curves, lines
from ngjax.report.figures.pictures import feature_maps, filters, image_grid, predictions
from ngjax.report.figures.scatter import points

__all__ = [
    "PALETTE",
    "bars",
    "colours",
    "confusion",
    "contour_paths",
    "curves",
    "feature_maps",
    "filters",
    "heatmap",
    "image_grid",
    "lines",
    "points",
    "predictions",
    "save",
    "style",
]
