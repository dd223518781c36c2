"""Notes 4.1 to 4.3: filters, padding, stride, volumes, pooling."""

from __future__ import annotations

import functools
from types import MappingProxyType
from typing import Any

import jax
import numpy as np

from ngjax.notes.walk import walk
from ngjax.ops.convolve import (
    convolve,
    convolve_by_loops,
    output_size,
    pixel_use,
    same_padding,
    true_convolution,
    window,
)
from ngjax.ops.convolve_forms import FORMS
from ngjax.ops.edges import HORIZONTAL, SCHARR, SOBEL, VERTICAL
from ngjax.ops.pool import max_pool
from ngjax.optim import Optimizer

IMAGE = (
    (3, 0, 1, 2, 7, 4),
    (1, 5, 8, 9, 3, 1),
    (2, 7, 2, 5, 1, 3),
    (0, 1, 3, 1, 7, 8),
    (4, 2, 1, 6, 2, 8),
    (2, 4, 5, 2, 3, 9),
)
WIDE = (
    (2, 3, 7, 4, 6, 2, 9),
    (6, 6, 9, 8, 7, 4, 3),
    (3, 4, 8, 3, 8, 9, 7),
    (7, 8, 3, 6, 6, 3, 4),
    (4, 2, 1, 8, 3, 4, 6),
    (3, 2, 4, 1, 9, 8, 3),
    (0, 1, 3, 9, 2, 1, 4),
)
FILTER = ((3, 4, 4), (1, 0, 2), (-1, 0, 3))
POOLED = ((1, 3, 2, 1), (2, 9, 1, 1), (1, 3, 2, 3), (5, 6, 1, 2))


def _convolve(image: Any, kernel: Any, **how: Any) -> jax.Array:
    """One image [H, W] with one filter [f, f]."""
    x, w = np.array(image, float), np.array(kernel, float)
    how = {"padding": "VALID", **how}
    return convolve(x[None, :, :, None], w[:, :, None, None], **how)[0, :, :, 0]


def _by_loops(image: Any, kernel: Any, **how: Any) -> np.ndarray:
    return convolve_by_loops(np.array(image), np.array(kernel), **how)


def _every_form(image: Any, kernel: Any, stride: int) -> Any:
    """The notes' sums, where every form of the compiled convolution gives the same."""
    loops = _by_loops(image, kernel, stride=stride)
    forms = FORMS.keys() - {"matmul"}  # which is for 1x1 filters
    same = [_convolve(image, kernel, stride=stride, form=form) == loops for form in forms]
    return loops if np.all(same) else None


def _orientations() -> Any:
    bright_left = np.repeat([[10, 10, 10, 0, 0, 0]], 6, axis=0)
    return {
        "T": np.array_equal(HORIZONTAL, np.transpose(VERTICAL)),
        "v": _by_loops(bright_left, VERTICAL).max(),
        "h": abs(_by_loops(bright_left, HORIZONTAL)).max(),
    }


def _weights_of_edges() -> Any:
    """The answer to an edge of height one, and to no edge."""
    edge, flat = np.repeat([[1, 1, 0]], 3, axis=0), np.ones((3, 3), int)
    answers = [_by_loops(edge, kernel)[0, 0] for kernel in (SOBEL, SCHARR)]
    return [*answers, max(abs(_by_loops(flat, kernel)[0, 0]) for kernel in (SOBEL, SCHARR))]


def _learnt() -> bool:
    """Whether nine numbers that imitate Sobel's answers become Sobel's filter."""
    images = np.random.default_rng(0).normal(size=(8, 10, 10, 1))
    sobel = np.array(SOBEL, float)[:, :, None, None]
    wanted = convolve(images, sobel, padding="VALID")

    def cost(kernel: jax.Array) -> jax.Array:
        return ((convolve(images, kernel, padding="VALID") - wanted) ** 2).mean()

    slope = jax.grad(cost)
    kernels = walk(Optimizer(learning_rate=0.2), lambda w, _: slope(w), np.zeros((3, 3, 1, 1)), 200)
    return bool(abs(kernels[-1] - sobel).max() < 1e-3)


def _uses() -> Any:
    """How often a corner and a middle pixel of 6x6 are read by a 3x3 filter."""
    reads = pixel_use(6, 3)
    return [reads[0, 0], reads[2, 3]]


def _half_padding(f: int) -> float:
    """Zeros a side that keep the size: half of both ends together."""
    side = window(11, f, 1, "SAME")
    return (side.low + side.high) / 2


def _flipped() -> np.ndarray:
    """A filter laid over a single bright pixel leaves its own mirror image."""
    pixel = np.zeros((5, 5), int)
    pixel[2, 2] = 1
    return _by_loops(pixel, FILTER)


def _against_mathematics() -> Any:
    image, kernel = np.array(WIDE, float), np.array(FILTER, float)
    mathematics = jax.scipy.signal.convolve2d(image, kernel, mode="valid")
    return {
        "flip_equal": np.allclose(true_convolution(image, kernel), mathematics),
        "plain_equal": np.allclose(convolve_by_loops(image, kernel), mathematics),
    }


def _associative() -> Any:
    generator = np.random.default_rng(0)
    A, B, C = (generator.normal(size=(n, n)) for n in (5, 3, 3))

    def holds(star: Any) -> bool:
        full = lambda a, b: star(a, b, padding=len(b) - 1)  # noqa: E731
        return np.allclose(full(full(A, B), C), full(A, full(B, C)))

    return {"conv": holds(true_convolution), "xcorr": holds(convolve_by_loops)}


def _volume_shape(n: int, f: int, channels: int, filters: int) -> tuple[int, ...]:
    x, w = np.ones((1, n, n, channels)), np.ones((f, f, channels, filters))
    return jax.eval_shape(lambda: convolve(x, w, padding="VALID")).shape[1:]


def _red_alone() -> float:
    """How much green and blue change what a filter of red gives."""
    generator = np.random.default_rng(0)
    image, kernel = generator.normal(size=(6, 6, 3)), np.zeros((3, 3, 3))
    kernel[:, :, 0] = VERTICAL
    other = np.concatenate([image[:, :, :1], generator.normal(size=(6, 6, 2))], axis=2)
    return abs(convolve_by_loops(image, kernel) - convolve_by_loops(other, kernel)).max()


def _pool(image: Any) -> np.ndarray:
    return np.asarray(max_pool(np.array(image, float)[None, :, :, None])[0, :, :, 0])


def _anywhere() -> bool:
    """The 9 at each place of its window, the other numbers of the window moving round."""
    results = []
    for place in range(4):
        image = np.array(POOLED)
        image[:2, :2] = np.roll([9, 1, 3, 2], place).reshape(2, 2)
        results.append(_pool(image))
    return all((result == results[0]).all() and result[0, 0] == 9 for result in results)


CHECKS = MappingProxyType(
    {
        "edge-first-element": lambda: _by_loops(IMAGE, VERTICAL)[0, 0],
        # the filter's zeros, counted by a filter of ones where they are
        "edge-zero-terms": lambda: _by_loops(np.ones((3, 3), int), np.equal(VERTICAL, 0) * 1)[0, 0],
        "edge-4x4-output": lambda: _every_form(IMAGE, VERTICAL, 1),
        "edge-shift-count": lambda: output_size(6, 3) - 1,
        "horizontal-filter": _orientations,
        "sobel-scharr": _weights_of_edges,
        "learned-filter": _learnt,
        "valid-size": lambda: output_size(6, 3),
        "padded-size": lambda: _convolve(IMAGE, VERTICAL, padding=1).shape,
        "same-padding": lambda: [output_size(11, f, same_padding(f)) for f in (1, 3, 5, 7)],
        "even-filter-half-padding": lambda: _half_padding(4),
        "corner-pixel-use": _uses,
        "shrinking-without-padding": lambda: functools.reduce(
            lambda n, _: output_size(n, 3), range(5), 32
        ),
        "strided-example": lambda: _every_form(WIDE, FILTER, 2),
        "strided-size": lambda: output_size(7, 3, 0, 2),
        "stride-floor": lambda: output_size(6, 3, 0, 2),
        "flip-matrix": _flipped,
        "crosscorr-vs-conv": _against_mathematics,
        "conv-associative": _associative,
        "conv-volume-size": lambda: _volume_shape(6, 3, 3, 2),
        "conv-volume-formula": lambda: _volume_shape(6, 3, 3, 2),
        "single-channel-filter": _red_alone,
        "conv-layer-size": lambda: [
            output_size(39, 3, 0, 1),
            output_size(37, 3, 0, 1),
            output_size(37, 5, 0, 2),
        ],
        "maxpool-example": lambda: _pool(POOLED),
        "maxpool-upper-right": lambda: _pool(POOLED)[0, 1],
        "maxpool-hyper": lambda: len(_pool(POOLED)),
        "maxpool-keeps-detection": _anywhere,
    }
)
