"""The figure of clips: what is written over spectrogram and answers."""

import numpy as np

from ngjax.ops.mel import centres
from ngjax.report import figures as draw


def test_words_stand_over_their_spans_and_symbols_over_their_spikes(tmp_path):
    features = np.random.default_rng(0).normal(size=(100, 12))
    answers = np.full((25, 3), 0.01)
    answers[:, 0] = 0.98
    answers[[4, 15], 1] = 0.9
    answers[10, 2] = 0.2  # too faint to be named
    clip = draw.Heard(features, answers, 1.0, "heard: one one", [(0.1, 0.3, "one")], wrong=True)
    figure = draw.transcripts([clip, clip], ["one", "two"], centres(12, 8000))
    assert len(figure.axes) == 4
    top, below = figure.axes[:2]
    assert top.get_title(loc="left") == "heard: one one"
    assert [t.get_text() for t in top.texts] == ["one"] and top.texts[0].get_position()[0] == 0.2
    assert [t.get_text() for t in below.texts] == ["one", "one"]
    at = [round(float(t.get_position()[0]), 3) for t in below.texts]
    assert at == [4.5 / 25, 15.5 / 25] and below.get_xlim() == (0, 1)
    again = draw.transcripts([clip, clip], ["one", "two"], centres(12, 8000))
    path = draw.save(figure, tmp_path / "a.png", dpi=40)
    assert path.read_bytes() == draw.as_png(again, dpi=40)
