"""Figures: numbers and pictures in, a `matplotlib.figure.Figure` out; no topic known."""

from ngjax.report.figures.canvas import DPI, PALETTE, as_png, colours, save, style
from ngjax.report.figures.charts import bars, confusion, contour_paths, grouped, heatmap
from ngjax.report.figures.curves import curves, lines
from ngjax.report.figures.graph import graph
from ngjax.report.figures.logo import logos
from ngjax.report.figures.marked import boxes_grid, points_grid
from ngjax.report.figures.pictures import feature_maps, filters, image_grid, predictions
from ngjax.report.figures.raster import gif, png
from ngjax.report.figures.scatter import boundaries, points
from ngjax.report.figures.sounds import Heard, transcripts
from ngjax.report.figures.strips import labelled_rows
from ngjax.report.figures.tagged import tagged
from ngjax.report.figures.trials import samples, trials
from ngjax.report.figures.unrolled import unrolled

__all__ = [
    "DPI",
    "PALETTE",
    "Heard",
    "as_png",
    "bars",
    "boundaries",
    "boxes_grid",
    "colours",
    "confusion",
    "contour_paths",
    "curves",
    "feature_maps",
    "filters",
    "gif",
    "graph",
    "grouped",
    "heatmap",
    "image_grid",
    "labelled_rows",
    "lines",
    "logos",
    "png",
    "points",
    "points_grid",
    "predictions",
    "samples",
    "save",
    "style",
    "tagged",
    "transcripts",
    "trials",
    "unrolled",
]
