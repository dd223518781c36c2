import numpy as np

from ngjax.report import figures as draw

SENTENCE = [("Teddy", "PER", ""), ("Roosevelt", "PER", ""), ("spoke", "", "B-LOC")]


def test_every_word_is_written_labelled_ones_coloured_mistakes_underlined():
    long = [(f"word{i}", "LOC" if i % 2 else "", "") for i in range(40)]
    figure = draw.tagged({"first": SENTENCE, "second": long}, ["LOC", "PER"])
    (ax,) = figure.axes
    written = [text.get_text() for text in ax.texts]
    assert sum(word in written for word, *_ in SENTENCE + long) == 43
    assert len(ax.patches) == 2 + 2 + 20 and len(ax.lines) == 1 and "B-LOC" in written
    rows = {round(text.get_position()[1], 3) for text in ax.texts}
    assert len(rows) > 5  # a long sentence goes on in the next line
    for text in ax.texts:
        end = text.get_position()[0] + text.get_window_extent().width / figure.dpi
        assert end <= figure.get_figwidth()


def test_rows_are_labelled_column_by_column():
    pictures = [np.zeros((3, 4), np.uint8), np.full((3, 2), 255, np.uint8)]
    truth = np.array([[1, 1, 2, 2], [3, 3, 0, 0]])  # behind the end of a row stand zeros
    figure = draw.labelled_rows(pictures, {"a": truth, "b": 0 * truth}, truth)
    (ax,) = figure.axes
    told = [text.get_text() for text in ax.texts]
    assert len(ax.images) == 2 and told.count("a") == 2 and told.count("0") == 6
    assert len({text.get_color() for text in ax.texts}) == 3  # names, right and wrong


def test_networks_are_rolled_out():
    picture = np.ones((4, 2))
    steps = [(picture, None), ("x", None), (None, "y")]
    figure = draw.unrolled({"first": steps, "second": steps[:1]})
    (ax,) = figure.axes
    assert len(ax.patches) == 4 + 2 and len(ax.images) == 2  # states, frames of pictures
    arrows = [text for text in ax.texts if getattr(text, "arrow_patch", None)]
    assert len(arrows) == 2 + 3 + 1  # from state to state, from inputs and to outputs
    assert {"first", "second", "x", "y"} <= {text.get_text() for text in ax.texts}
