r"""Convolution in numbers: padding, stride, dilation, volumes and pooling, by loops and fast.

    y[i, j, k] = sum_{u, v, c}  x[s i + d u - p, s j + d v - p, c]  w[u, v, c, k]
    side of y  = floor((n + 2p - f) / s) + 1,   valid p = 0,   same p = (f - 1) / 2

Notes 4.1.2 to 4.3. Their stride example prints 83 for 88 and 127 for 117; their pooling example 6
for 2; the flipped filter they print is another one; an even f makes (f - 1) / 2 no whole number
("odd" in print). Their dilation d is 1: gaps between the filter's numbers are Yu & Koltun 2016.

The word is for cross-correlation. Convolution as mathematics has it flips the filter first, and
that alone is associative. Every form that computes it, and gradients by hand, are held against the
compiler's convolution in float64.

    python launch.py --experiment=convolution
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
from collections.abc import Iterator, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from ngjax import data
from ngjax.experiment import Experiment, Picture, Results, Text
from ngjax.notes.checks.convolution import FILTER, POOLED, WIDE
from ngjax.ops.convolve import (
    convolve,
    convolve_by_loops,
    output_size,
    pixel_use,
    same_padding,
    true_convolution,
)
from ngjax.ops.convolve_backward import convolve_backward
from ngjax.ops.convolve_forms import FORMS
from ngjax.ops.edges import SOBEL
from ngjax.ops.pool import average_pool, max_pool

STRIDED = ((91, 100, 88), (69, 91, 117), (44, 72, 74))
STRIDED_PRINT = ((91, 100, 83), (69, 91, 127), (44, 72, 74))
LARGEST, LARGEST_PRINT = ((9, 2), (6, 3)), ((9, 6), (6, 3))
SHAPES = {  # name -> H, W, f, C, F, stride, padding, dilation
    "valid": (8, 7, 3, 3, 4, 1, 0, 1),
    "same": (7, 8, 3, 2, 3, 1, 1, 1),
    "stride": (9, 10, 3, 3, 2, 2, 1, 1),
    "dilation": (9, 8, 3, 2, 3, 1, 2, 2),
    "one-by-one": (6, 5, 1, 8, 4, 1, 0, 1),
}
AGREE = 1e-10  # largest difference in float64, by the largest number


@dataclasses.dataclass(frozen=True)
class Config:
    """What may be turned."""

    photograph: str = "flower"  # what is convolved and pooled in the pictures
    size: int = 256  # pixels a side of it
    shapes: tuple[str, ...] = tuple(SHAPES)  # at which all forms are compared
    widest: int = 12  # largest side n at which the formula of the size is tried

    def __post_init__(self) -> None:
        """Refuse what there is not."""
        if self.photograph not in data.photograph_names():
            raise ValueError(f"photograph: choose from {', '.join(data.photograph_names())}")
        if not self.shapes or set(self.shapes) - SHAPES.keys():
            raise ValueError(f"shapes: choose from {', '.join(SHAPES)}")
        if self.size < 32 or self.widest < 1:
            raise ValueError("size: must be 32 or more, widest 1 or more")


def one(image: Any, kernel: Any, **how: Any) -> np.ndarray:
    """One image [H, W] with one filter [f, f] by the fast convolution, [H', W']."""
    x, w = np.float32(image)[None, :, :, None], np.float32(kernel)[:, :, None, None]
    return np.asarray(convolve(x, w, **{"padding": "VALID", **how}))[0, :, :, 0]


def compilers(x: Any, w: Any, stride: int, padding: int, dilation: int = 1) -> Any:
    """The same by the compiler's own convolution."""
    return lax.conv_general_dilated(
        x,
        w,
        (stride, stride),
        [(padding, padding)] * 2,
        rhs_dilation=(dilation, dilation),
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
    )


def sizes(widest: int) -> tuple[int, int]:
    """(settings at which the formula gives the compiler's side, settings tried)."""
    right = tried = 0
    sides = range(1, widest + 1)
    for n, f, p, s, d in itertools.product(sides, (1, 2, 3, 5), (0, 1, 2), (1, 2, 3), (1, 2)):
        if d * (f - 1) + 1 > n + 2 * p:
            continue
        x = jax.ShapeDtypeStruct((1, n, n, 1), "float32")
        w = jax.ShapeDtypeStruct((f, f, 1, 1), "float32")
        found = jax.eval_shape(lambda x, w, how=(s, p, d): compilers(x, w, *how), x, w)
        right, tried = right + (found.shape[1] == output_size(n, f, p, s, d)), tried + 1
    return right, tried


def differences(name: str, seed: int) -> dict[str, tuple[float, ...]]:
    """Form -> largest difference from the compiler's y, dx and dw, by their largest numbers."""
    H, W, f, C, F, stride, padding, dilation = SHAPES[name]
    rng = np.random.default_rng(seed)
    x, w = rng.normal(size=(2, H, W, C)), rng.normal(size=(f, f, C, F))
    how = {"stride": stride, "padding": padding, "dilation": dilation}
    forms = {
        form: functools.partial(convolve, form=form, **how)
        for form in ("auto", *FORMS)
        if form != "matmul" or f == 1
    }
    forms["compiler"] = functools.partial(compilers, **how)

    def slopes(x: Any, w: Any, dy: Any) -> dict[str, Any]:
        pulled = {form: jax.vjp(rule, x, w) for form, rule in forms.items()}
        return {form: (y, *pull(dy)) for form, (y, pull) in pulled.items()}

    with jax.enable_x64(True):
        dy = rng.normal(size=jax.eval_shape(forms["compiler"], x, w).shape)
        found = jax.tree.map(np.asarray, jax.jit(slopes)(x, w, dy))
    loops = [[convolve_by_loops(image, w[..., k], **how) for k in range(F)] for image in x]
    y = np.moveaxis(np.array(loops), 1, -1)  # [B, H', W', F]
    found["loops"] = (y, *convolve_backward(dy, x, w, **how)[:2])
    right = found.pop("compiler")
    return {
        form: tuple(
            float(np.abs(ours - theirs).max() / np.abs(theirs).max())
            for ours, theirs in zip(parts, right, strict=True)
        )
        for form, parts in found.items()
    }


def association(seed: int) -> dict[str, float]:
    """How far (A * B) * C is from A * (B * C), with full padding, by its largest number."""
    rng = np.random.default_rng(seed)
    A, B, C = (rng.normal(size=(n, n)) for n in (5, 3, 3))
    gaps = {}
    for name, star in (("convolution", true_convolution), ("correlation", convolve_by_loops)):
        left = star(star(A, B, padding=2), C, padding=2)
        right = star(A, star(B, C, padding=2), padding=4)
        gaps[name] = float(np.abs(left - right).max() / np.abs(left).max())
    return gaps


def volume(image: np.ndarray, *channels: int) -> np.ndarray:
    """Vertical edges of a colour image [H, W, 3] in some of its channels, strength [H', W']."""
    kernel = np.zeros((3, 3, 3, 1), np.float32)
    kernel[:, :, channels, 0] = np.array(SOBEL)[:, :, None] / len(channels)
    return np.asarray(convolve(np.float32(image)[None], kernel, padding="VALID"))[0, :, :, 0]


def moved(image: np.ndarray, window: int) -> float:
    """How much pooled edges change as the image moves by a pixel, by their mean."""
    edges = jnp.abs(jnp.asarray(volume(image, 0, 1, 2)))[None, :, :, None]
    here, there = edges[:, :, 1:], edges[:, :, :-1]
    if window > 1:
        here, there = max_pool(here, window), max_pool(there, window)
    return float(jnp.abs(here - there).mean() / here.mean())


def run(config: Config, seed: int) -> Mapping[str, Any]:
    """All numbers of the topic; what is drawn at random hangs on the seed."""
    image = data.photograph(config.photograph, config.size) / 255
    rng = np.random.default_rng(seed)
    other = np.concatenate([image[:, :, :1], rng.random(image[:, :, 1:].shape)], axis=2)
    wide, kernel = np.array(WIDE, float), np.array(FILTER, float)
    right, tried = sizes(config.widest)
    nine = np.array(POOLED, float)
    places = []
    for place in range(4):  # the 9 at each place of its window
        nine[:2, :2] = np.roll([9, 1, 3, 2], place).reshape(2, 2)
        places.append(np.asarray(max_pool(jnp.float32(nine)[None, :, :, None]))[0, :, :, 0])
    maps = {f"p={p}": np.asarray(pixel_use(6, 3, padding=p)) for p in (0, 1, 2)}
    gaps = association(seed)
    mathematics = jax.scipy.signal.convolve2d(wide, kernel, mode="valid")
    return {
        "sizes/right": right,
        "sizes/tried": tried,
        "corner/valid": maps["p=0"][0, 0],
        "middle/valid": maps["p=0"][2, 3],
        "corner/same": maps["p=1"][0, 0],
        "associative/convolution": gaps["convolution"],
        "associative/correlation": gaps["correlation"],
        "flip/true": np.abs(true_convolution(wide, kernel) - mathematics).max(),
        "flip/plain": np.abs(convolve_by_loops(wide, kernel) - mathematics).max(),
        "red/alone": np.abs(volume(image, 0) - volume(other, 0)).max(),
        "red/among": np.abs(volume(image, 0, 1, 2) - volume(other, 0, 1, 2)).max(),
        "moved/edges": moved(image, 1),
        "moved/pooled": moved(image, 4),
        "maps": maps,
        "strided": (convolve_by_loops(wide, kernel, 2), one(wide, kernel, stride=2)),
        "pools": places,
        "forms": {name: differences(name, seed) for name in config.shapes},
    }


def found(results: Results) -> Mapping[str, Any]:
    """All that was computed under the first seed."""
    return next(iter(results.only.found.values()))


def size_formula(results: Results) -> tuple[bool, str]:
    """Notes 4.1.3: floor((n + 2p - f) / s) + 1 is the side; here, of every setting tried."""
    right, tried = results.only["sizes/right"], results.only["sizes/tried"]
    return right == tried > 0, f"{right:,.0f} of {tried:,.0f} sides are the compiler's"


def same_keeps(results: Results) -> tuple[bool, str]:
    """Notes 4.1.2: p = (f - 1) / 2 keeps the size for every odd f."""
    del results
    kept = {f: one(np.ones((11, 11)), np.ones((f, f)), padding=same_padding(f)) for f in (1, 3, 5)}
    told = ", ".join(f"f = {f}: {y.shape[0]}" for f, y in kept.items())
    return all(y.shape == (11, 11) for y in kept.values()), f"from 11, {told}"


def corners(results: Results) -> tuple[bool, str]:
    """Notes 4.1.2: a corner pixel is used once, one in the middle often; here 1 and f^2 = 9."""
    arm = results.only
    corner, middle, same = (arm[k] for k in ("corner/valid", "middle/valid", "corner/same"))
    told = f"corner {corner:.0f}, middle {middle:.0f}; padded by one, the corner {same:.0f}"
    return corner == 1 and middle == 9 and same > corner, told


def strided(results: Results) -> tuple[bool, str]:
    """Notes 4.1.3: the 7x7 example with stride 2 has 88 and 117 where 83 and 127 are printed."""
    loops, fast = found(results)["strided"]
    wrong = int((loops != STRIDED_PRINT).sum())
    told = f"{loops.astype(int).tolist()}, unlike the print at {wrong} of 9 places"
    return bool((loops == STRIDED).all() and (fast == STRIDED).all() and wrong == 2), told


def flipped(results: Results) -> tuple[bool, str]:
    """Notes 4.1.3: convolution as mathematics has it is the notes' one with the filter flipped."""
    true, plain = results.only["flip/true"], results.only["flip/plain"]
    told = f"{true:.0e} from it with the flip, {plain:.0f} without"
    return true < 1e-3 and plain > 1, told


def associative(results: Results) -> tuple[bool, str]:
    """Notes 4.1.3: (A * B) * C = A * (B * C), for true convolution; not for cross-correlation."""
    true, cross = (results.only[f"associative/{k}"] for k in ("convolution", "correlation"))
    return true < AGREE and cross > 0.01, f"convolution differs by {true:.0e}, other {cross:.2f}"


def one_channel(results: Results) -> tuple[bool, str]:
    """Notes 4.2: a filter whose other channels are zero looks at one channel alone."""
    alone, among = results.only["red/alone"], results.only["red/among"]
    told = f"other greens and blues change its answers by {alone:.1g}, of all three by {among:.2f}"
    return alone == 0 and among > 0.1, told


def volumes(results: Results) -> tuple[bool, str]:
    """Notes 4.2: n x n x n_c by n'_c filters f x f x n_c gives (n - f + 1)^2 x n'_c."""
    del results
    y = convolve(jnp.ones((1, 6, 6, 3)), jnp.ones((3, 3, 3, 2)), padding="VALID")[0]
    shape, products = y.shape, float(y[0, 0, 0])
    return shape == (4, 4, 2) and products == 27, f"{shape}, {products:.0f} products a number"


def pooled(results: Results) -> tuple[bool, str]:
    """Notes 4.3: the 4x4 example pools to [[9, 2], [6, 3]]; [[9, 6], [6, 3]] is printed."""
    y = np.asarray(max_pool(jnp.float32(POOLED)[None, :, :, None]))[0, :, :, 0]
    del results
    return bool((y == LARGEST).all() and (y != LARGEST_PRINT).any()), f"{y.astype(int).tolist()}"


def detection_survives(results: Results) -> tuple[bool, str]:
    """Notes 4.3: what is detected anywhere in a window is kept, so that pooled edges move less."""
    places, arm = found(results)["pools"], results.only
    kept = all((y == places[0]).all() and y[0, 0] == 9 for y in places)
    edges, after = arm["moved/edges"], arm["moved/pooled"]
    told = f"9 kept at all four places: {kept}; moved by a pixel, a photograph's edges change by "
    return kept and after < edges, f"{told}{edges:.0%}, pooled 4x4 by {after:.0%} of their mean"


def forms_agree(results: Results) -> tuple[bool, str]:
    """Loops and every fast form give the compiler's convolution and gradients, to 1e-10."""
    off, where = max(
        (max(parts), f"{form} at {shape}")
        for values in results.only.found.values()
        for shape, forms in values["forms"].items()
        for form, parts in forms.items()
    )
    return off < AGREE, f"largest difference {off:.0e}, by {where}"


def by_hand(results: Results) -> tuple[bool, str]:
    """dx and dw by hand, place by place, are what differentiation gives, to 1e-10."""
    tables = [v["loops"] for all_ in results.only.found.values() for v in all_["forms"].values()]
    off = max(max(parts[1:]) for parts in tables)
    return off < AGREE, f"largest difference {off:.0e} over {len(tables)} shapes"


def figures(results: Results) -> Iterator[Picture]:
    """Who reads which pixel, what stride, dilation, channels and pooling do to a photograph."""
    from ngjax.report import figures as draw

    config = results.only.config
    image = data.photograph(config.photograph, config.size) / 255
    for how, padding in (("valid", 0), ("same", 1)):
        names = [str(place) for place in range(1, 7)]
        yield Picture(
            f"reads-{how}",
            f"How often a 3x3 filter reads each pixel of a 6x6 image, {how}: p = {padding}.",
            draw.heatmap(found(results)["maps"][f"p={padding}"], names, names, "row", "column"),
        )
    taps = [np.pad(pixel_use(2 * d + 1, 3, dilation=d), 3 - d) for d in (1, 2, 3)]
    yield Picture(
        "dilation",
        "The pixels that one output of a 3x3 filter reads: nine, whatever the dilation.",
        draw.image_grid(taps, [f"d = {d}" for d in (1, 2, 3)], columns=3, ink=True),
    )
    grey = image.mean(axis=2)
    steps = [np.abs(one(grey, SOBEL, stride=s)) for s in (1, 2, 4, 8)]
    yield Picture(
        "stride",
        "Vertical edges with strides of 1, 2, 4 and 8: the same filter at fewer places.",
        draw.image_grid(
            [np.clip(y / np.percentile(steps[0], 99), 0, 1) for y in steps],
            [f"{len(y)} x {len(y)}" for y in steps],
            columns=4,
        ),
    )
    edges = [np.abs(volume(image, *channels)) for channels in ((0,), (1,), (2,), (0, 1, 2))]
    yield Picture(
        "channels",
        "One filter as deep as the image: zero but in red, in green, in blue; all three.",
        draw.image_grid(
            [image, *(np.clip(y / np.percentile(edges[0], 99), 0, 1) for y in edges)],
            [config.photograph, "red", "green", "blue", "all"],
            columns=5,
        ),
    )
    windows = jnp.float32(image)[None]
    yield Picture(
        "pooling",
        "The largest and the mean number of every window of 8x8, each channel by itself.",
        draw.image_grid(
            [image, np.asarray(max_pool(windows, 8))[0], np.asarray(average_pool(windows, 8))[0]],
            [config.photograph, "max", "average"],
            columns=3,
        ),
    )


def texts(results: Results) -> Iterator[Text]:
    """Loops, forms and gradients by hand against the compiler; who reads which pixel."""
    rows = [f"{'shape':14}{'form':12}{'y':>8}{'dx':>10}{'dw':>10}"]
    for name, forms in found(results)["forms"].items():
        for form, off in forms.items():
            rows.append(f"{name:14}{form:12}" + "".join(f"{value:10.0e}" for value in off))
    yield Text("Largest difference from the compiler's, by its largest number", "\n".join(rows))
    rows = []
    for name, uses in found(results)["maps"].items():
        rows += ["", name, *("".join(f"{count:4.0f}" for count in row) for row in uses)]
    yield Text("How often a 3x3 filter reads each pixel of 6x6", "\n".join(rows[1:]))


EXPERIMENT = Experiment(
    notes="4.1-4.3",
    config=Config(),
    run=run,
    objective=("sizes/right", "max"),
    smoke=("shapes=same", "widest=4", "size=32"),
    claims={
        "stride-floor": size_formula,
        "same-padding": same_keeps,
        "corner-pixel-use": corners,
        "strided-example": strided,
        "crosscorr-vs-conv": flipped,
        "conv-associative": associative,
        "single-channel-filter": one_channel,
        "conv-volume-size": volumes,
        "maxpool-example": pooled,
        "maxpool-keeps-detection": detection_survives,
        "forms-agree": forms_agree,
        "backward-by-hand": by_hand,
    },
    figures=figures,
    texts=texts,
    terms=(
        "padding",
        "strided convolutions",
        "convolution operation",
        "convolution over volume",
        "convolution implementation",
        "pooling layers",
        "max pooling",
    ),
)
