import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.patches import FancyBboxPatch

from ngjax.report import figures
from ngjax.report.figures import PALETTE

NODES = {
    "a": ("a", "5", "dJ/da = 3"),
    "b": ("b", "3", "dJ/db = 6"),
    "c": ("c", "2"),
    "u": ("u = b c", "6", "dJ/du = 3"),
    "v": ("v = a + u", "11", "dJ/dv = 3"),
    "J": ("J = 3 v", "33", "dJ/dJ = 1"),
}
EDGES = {("b", "u"): "2", ("c", "u"): "", ("a", "v"): "1", ("u", "v"): "1", ("v", "J"): "3"}


def boxes(figure):
    """Name -> the box [left, bottom, right, top] in pixels that its title stands in."""
    figure.canvas.draw()
    (ax,) = figure.axes
    frames = [p.get_window_extent() for p in ax.patches if isinstance(p, FancyBboxPatch)]
    found = {}
    for text in ax.texts:
        if text.get_weight() == "bold":
            place = text.get_window_extent()
            inside = [f for f in frames if f.contains(*(place.p0 + place.p1) / 2)]
            (found[text.get_text()],) = inside
            assert inside[0].x0 <= place.x0 and place.x1 <= inside[0].x1, text.get_text()
    return found


DIAMOND = {name: (name, "1", "1") for name in "abcd"}
AROUND = {("a", "b"): "1", ("a", "c"): "1", ("b", "d"): "1", ("c", "d"): "1"}


@pytest.mark.parametrize(("nodes", "edges"), [(NODES, EDGES), (DIAMOND, AROUND)])
def test_a_node_stands_right_of_all_that_lead_to_it_and_no_box_upon_another(nodes, edges):
    found = boxes(figures.graph(nodes, edges))
    assert len(found) == len(nodes)
    for one, other in edges:
        assert found[nodes[one][0]].x1 < found[nodes[other][0]].x0
    frames = list(found.values())
    for i, one in enumerate(frames):
        assert not any(one.overlaps(other) for other in frames[:i])


def test_both_passes_are_written_in_their_colours_and_stay_inside_their_boxes():
    figure = figures.graph(NODES, EDGES, ("values", "slopes"))
    figure.canvas.draw()
    (ax,) = figure.axes
    hues = {t.get_text(): to_rgb(t.get_color()) for t in ax.texts if t.get_text()}
    assert hues["11"] == to_rgb(PALETTE[0]) and hues["dJ/dv = 3"] == to_rgb(PALETTE[1])
    assert hues["values"] == to_rgb(PALETTE[0]) and hues["slopes"] == to_rgb(PALETTE[1])
    wanted = {line for lines in NODES.values() for line in lines} | set(EDGES.values()) - {""}
    assert wanted <= set(hues)
    ends = [t.get_window_extent() for t in ax.texts if t.get_text()]
    assert min(e.x0 for e in ends) >= 0 and max(e.x1 for e in ends) <= figure.bbox.width


def test_what_sends_nothing_back_has_one_arrow():
    def arrows(figure):
        found = [t.arrow_patch for t in figure.axes[0].texts if not t.get_text()]
        return [to_rgb(patch.get_edgecolor()[:3]) for patch in found]

    hues = arrows(figures.graph(NODES, EDGES))
    assert hues.count(to_rgb(PALETTE[0])) == 5 and hues.count(to_rgb(PALETTE[1])) == 4


def test_edges_that_meet_in_a_node_arrive_side_by_side():
    nodes = {**{f"x{i}": (f"x{i}",) for i in range(4)}, "z": ("z",)}
    figure = figures.graph(nodes, {(f"x{i}", "z"): "" for i in range(4)})
    (ax,) = figure.axes
    tips = np.array([text.xy for text in ax.texts if text.get_text() == ""])
    assert np.ptp(tips[:, 0]) < 1e-9 and len(np.unique(tips[:, 1].round(6))) == 4


@pytest.mark.parametrize(
    ("edges", "message"),
    [
        ({("a", "b"): "", ("b", "a"): ""}, "cycle"),
        ({("a", "q"): ""}, "a -> q joins nodes that are not there"),
    ],
)
def test_what_is_no_graph_is_refused(edges, message):
    with pytest.raises(ValueError, match=message):
        figures.graph({"a": ("a",), "b": ("b",)}, edges)
