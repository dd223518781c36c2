"""From a network's answer at every frame to a transcript: connectionist temporal classification.

A network says at each frame which symbol it hears, or blank, which is symbol 0. A path of such
symbols is collapsed to a transcript by B: repeats become one, then blanks are left out,

    B(- c - a a - t t) = B(c c - a - t) = c a t,

and P(y | x) = sum of P(path | x) over all paths with B(path) = y (Graves et al. 2006).

Shapes: T frames, V symbols with the blank.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

BLANK = 0
Labels = tuple[int, ...]


def collapse(path: Sequence[int] | np.ndarray) -> Labels:
    """B(path): repeats become one, then blanks are left out.

    A blank between two equal symbols keeps both: B(a - a) = a a, but B(a a) = a.
    """
    path = np.asarray(path, int)
    new = np.diff(path, prepend=BLANK) != 0  # a blank in front changes nothing
    return tuple(int(k) for k in path[new & (path != BLANK)])


def greedy(log_probability: np.ndarray) -> Labels:
    """B(the likeliest symbol of each frame): the transcript of the best path, [T, V].

    The best path is often one of the best transcript's, but need not be (Graves et al. 2006).
    """
    return collapse(np.argmax(log_probability, axis=-1))


def prefix_beam(
    log_probability: np.ndarray, width: int, least: float = 0.0
) -> list[tuple[Labels, float]]:
    """The likeliest transcripts, summed over the paths of each (Graves 2006; Hannun et al. 2014).

    Frame by frame the `width` likeliest prefixes are kept, each with the probability of the paths
    that end in a blank and of those that end in its last symbol; only behind a blank does the same
    symbol begin anew. Without a limit it is exact.

    Args:
        log_probability: [T, V].
        width: prefixes that are kept.
        least: probability below which a symbol is passed over at a frame, for speed.

    Returns:
        (transcript, log P(transcript)), the likeliest first.
    """
    probability = np.exp(np.float64(log_probability))  # [T, V]
    beam: dict[Labels, tuple[float, float]] = {(): (1.0, 0.0)}  # ends in a blank, in its symbol
    scale = 0.0  # log of what the beam was divided by, against underflow
    for frame in probability:
        heard = np.flatnonzero(frame > min(least, frame.max() / 2))
        symbols = [(int(k), float(frame[k])) for k in heard]
        grown: dict[Labels, list[float]] = {}
        for prefix, (in_blank, in_symbol) in beam.items():
            both, last = in_blank + in_symbol, prefix[-1] if prefix else BLANK
            for k, p in symbols:
                if k == BLANK:
                    grown.setdefault(prefix, [0.0, 0.0])[0] += both * p
                elif k == last:
                    grown.setdefault(prefix, [0.0, 0.0])[1] += in_symbol * p
                    grown.setdefault((*prefix, k), [0.0, 0.0])[1] += in_blank * p
                else:
                    grown.setdefault((*prefix, k), [0.0, 0.0])[1] += both * p
        best = sorted(grown.items(), key=lambda item: (-sum(item[1]), item[0]))[:width]
        total = sum(best[0][1])
        scale += math.log(total)
        beam = {prefix: (b / total, s / total) for prefix, (b, s) in best}
    return [(prefix, scale + math.log(b + s)) for prefix, (b, s) in beam.items() if b + s > 0]
