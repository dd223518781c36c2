r"""One by one convolution: across channels it is a dense layer at every pixel; on one, a factor.

    z[i, j, k] = sum_c x[i, j, c] w[c, k],   a = ReLU(z):   6x6x32 * (1x1x32) n'_c -> 6x6xn'_c

Notes 4.10 and the cost of 4.11; Lin, Chen & Yan 2013. The print has a 6x6x32 filter where the image
has that shape, and one 1x1x32 filter give 6x6x32: it gives 6x6x1, and 32 of them 6x6x32. Costs are
multiplications (the print: parameters, 192 million for 120).

On a photograph the filters are the main directions of its colours: how many channels can be shrunk
away is then the share of variance that comes back.

    python launch.py --experiment=one_by_one
    python launch.py --experiment=one_by_one --patch=3 --photograph=china
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np

from ngjax import data
from ngjax.experiment import Experiment, Picture, Results, Text
from ngjax.models.chain import Chain
from ngjax.models.layers import Conv, Dense
from ngjax.models.table import Row, format_table, layer_table
from ngjax.ops.activations import relu
from ngjax.ops.convolve import convolve, convolve_by_loops
from ngjax.types import Array

INCEPTION = (28, 28, 192)  # what notes 4.11 let 5x5 filters look at
MAPS, NARROW = 32, 16  # how many such filters, and the channels of the bottleneck before them
DIRECT, FIRST, SECOND = 120_422_400, 2_408_448, 10_035_200
AGREE = 1e-5  # of float32, by the largest number


@dataclasses.dataclass(frozen=True)
class Config:
    """What may be turned."""

    photograph: str = "flower"  # whose channels are shrunk
    size: int = 128  # pixels a side of it
    patch: int = 2  # pixels a side that become channels: 3 patch^2 of them

    def __post_init__(self) -> None:
        """Refuse what no picture can be."""
        if self.photograph not in data.photograph_names():
            raise ValueError(f"photograph: choose from {', '.join(data.photograph_names())}")
        if self.patch < 1 or self.size % self.patch:
            raise ValueError(f"patch: must divide size={self.size}, got {self.patch}")


def stacked(image: np.ndarray, patch: int) -> np.ndarray:
    """Every patch of an image [H, W, C] as one pixel of many channels, [H / p, W / p, p p C]."""
    H, W, C = image.shape
    tiles = image.reshape(H // patch, patch, W // patch, patch, C).swapaxes(1, 2)
    return tiles.reshape(H // patch, W // patch, -1)


def unstacked(volume: np.ndarray, patch: int) -> np.ndarray:
    """The image that `stacked` makes such a volume of."""
    H, W, channels = volume.shape
    tiles = volume.reshape(H, W, patch, patch, channels // patch**2).swapaxes(1, 2)
    return tiles.reshape(H * patch, W * patch, -1)


def one_by_one(x: Any, w: Any) -> Array:
    """A volume [H, W, C] by filters [C, F] of 1x1, [H, W, F]."""
    return convolve(jnp.float32(x)[None], jnp.float32(w)[None, None])[0]


def directions(volume: np.ndarray) -> np.ndarray:
    """The main directions of the channels, the widest first, [C, C]: columns of unit length."""
    flat = volume.reshape(-1, volume.shape[-1])
    return np.linalg.eigh(np.cov(flat.T))[1][:, ::-1]


def shrunk(volume: np.ndarray, channels: int) -> np.ndarray:
    """Through so few channels and back: two 1x1 convolutions, the second the first transposed."""
    mean = volume.mean(axis=(0, 1))
    w = directions(volume)[:, :channels]
    return np.asarray(one_by_one(one_by_one(volume - mean, w), w.T)) + mean


def table(*layers: Conv) -> list[Row]:
    """The layers in a row behind the volume of notes 4.11."""
    return layer_table(Chain(layers), INCEPTION)[1:]


def costs() -> dict[str, list[Row]]:
    """32 maps by 5x5 filters: straight, and through 16 channels."""
    return {
        "direct": table(Conv(MAPS, 5, use_bias=False)),
        "bottleneck": table(Conv(NARROW, 1, use_bias=False), Conv(MAPS, 5, use_bias=False)),
    }


def shape_of(filters: int) -> tuple[int, ...]:
    """What 1x1x32 filters make of 6x6x32."""
    return layer_table(Chain((Conv(filters, 1),)), (6, 6, 32))[1].shape


def pixelwise(seed: int) -> float:
    """How far 1x1x32 filters, place by place, are from one dense layer at every pixel; ReLU too."""
    rng = np.random.default_rng(seed)
    x, w = rng.normal(size=(6, 6, 32)), rng.normal(size=(1, 1, 32, 5))
    loops = np.stack([convolve_by_loops(x, w[..., k]) for k in range(5)], axis=-1)  # [6, 6, 5]
    params = {"kernel": jnp.float32(w[0, 0]), "bias": jnp.zeros(5)}
    dense = Dense(5).apply({"params": params}, jnp.float32(x).reshape(-1, 32)).reshape(6, 6, 5)
    return float(np.abs(np.maximum(loops, 0) - relu(dense)).max() / loops.max())


def mixing(seed: int) -> int:
    """How many of 36 pixels of the output change as one pixel of the input does."""
    rng = np.random.default_rng(seed)
    x, w = rng.normal(size=(6, 6, 32)), rng.normal(size=(32, 5))
    other = x.copy()
    other[2, 3] += 1
    return int((one_by_one(x, w) != one_by_one(other, w)).any(axis=-1).sum())


def run(config: Config, seed: int) -> Mapping[str, Any]:
    """All numbers of the topic; what is drawn at random hangs on the seed."""
    image = data.photograph(config.photograph, config.size) / 255
    volume = stacked(image, config.patch)
    spread = ((volume - volume.mean(axis=(0, 1))) ** 2).sum()
    channels = np.arange(1, volume.shape[-1] + 1)
    back = [shrunk(volume, count) for count in channels]
    kept = [float(1 - ((volume - b) ** 2).sum() / spread) for b in back]
    found = {name: sum(row.multiplications for row in rows) for name, rows in costs().items()}
    grey = image.mean(axis=2, keepdims=True)
    return {
        "multiplications/direct": found["direct"],
        "multiplications/bottleneck": found["bottleneck"],
        "pixelwise/off": pixelwise(seed),
        "pixelwise/changed": mixing(seed),
        "scaling/off": float(np.abs(one_by_one(grey, [[2.0]]) - 2 * np.float32(grey)).max()),
        "channels/all": len(channels),
        "channels/for 95 %": int(channels[np.array(kept) >= 0.95][0]),
        "variance/all channels": kept[-1],
        "kept": kept,
        "back": [np.clip(unstacked(b, config.patch), 0, 1) for b in back],
        "image": image,
    }


def found(results: Results) -> Mapping[str, Any]:
    """All that was computed under the first seed."""
    return next(iter(results.only.found.values()))


def only_scales(results: Results) -> tuple[bool, str]:
    """Notes 4.10: on one channel the filter [2] only doubles: [1, 2, 3] becomes [2, 4, 6]."""
    row = np.asarray(one_by_one(np.array([[[1], [2], [3]]]), [[2]]))[0, :, 0]
    off = results.only["scaling/off"]
    told = f"{row.astype(int).tolist()}; on a photograph {off:.0e} from twice its values"
    return bool((row == (2, 4, 6)).all() and off == 0), told


def filters_make_channels(results: Results) -> tuple[bool, str]:
    """Notes 4.10: 6x6x32 by n'_c filters 1x1x32 is 6x6xn'_c; for one the print has 6x6x32."""
    del results
    shapes = {filters: shape_of(filters) for filters in (1, 8, 32)}
    told = ", ".join(f"{n}: {shape}" for n, shape in shapes.items())
    return all(shape == (6, 6, n) for n, shape in shapes.items()), told


def dense_at_every_pixel(results: Results) -> tuple[bool, str]:
    """Notes 4.10: 32 products a pixel, then ReLU: the same dense layer at every pixel."""
    off, changed = results.only["pixelwise/off"], results.only["pixelwise/changed"]
    told = f"largest difference {off:.0e}; a changed pixel of 36 changes {changed:.0f}"
    return off < AGREE and changed == 1, told


def shrinks(results: Results) -> tuple[bool, str]:
    """1x1 filters shrink channels: under half of a photograph's keep 95 % of its variance."""
    few, every = results.only["channels/for 95 %"], results.only["channels/all"]
    whole = results.only["variance/all channels"]
    told = f"{few:.0f} of {every:.0f} channels keep 95 %, all of them {whole:.6f}"
    return 2 * few < every and whole > 1 - AGREE, told


def straight(results: Results) -> tuple[bool, str]:
    """Notes 4.11: 5x5 filters from 192 to 32 maps cost 120 million multiplications (print: 192)."""
    direct = results.only["multiplications/direct"]
    return direct == DIRECT, f"{direct:,.0f} multiplications"


def through_a_bottleneck(results: Results) -> tuple[bool, str]:
    """Notes 4.11: through 16 channels they cost 2.4 and 10 million, a tenth of it together."""
    first, second = (row.multiplications for row in costs()["bottleneck"])
    total, direct = (results.only[f"multiplications/{k}"] for k in ("bottleneck", "direct"))
    told = f"{first:,} + {second:,} = {total:,.0f}, {total / direct:.1%} of {direct:,.0f}"
    return (first, second, total) == (FIRST, SECOND, FIRST + SECOND), told


def figures(results: Results) -> Iterator[Picture]:
    """A photograph through few channels, and what a bottleneck saves."""
    from ngjax.report import figures as draw

    held = found(results)
    every = len(held["kept"])
    shown = sorted({c for c in (1, 2, 3, 6) if c < every})
    yield Picture(
        "shrunk",
        f"A photograph whose patches are {every} channels, brought to fewer by 1x1 filters and "
        "back by as many: channels left, and variance kept.",
        draw.image_grid(
            [held["image"], *(held["back"][c - 1] for c in shown)],
            [f"{every} channels", *(f"{c}: {held['kept'][c - 1]:.1%}" for c in shown)],
            columns=5,
        ),
    )
    yield Picture(
        "variance",
        "The share of the photograph's variance that comes back, by channels left.",
        draw.lines(
            np.arange(1, every + 1),
            {"kept": held["kept"]},
            xlabel="channels",
            ylabel="share of the variance",
        ),
    )
    narrow, wide = costs()["bottleneck"]
    yield Picture(
        "cost",
        "Multiplications for 28x28x192 to 28x28x32 by 5x5 filters: straight, and through 16 "
        "channels.",
        draw.bars(
            {
                "5x5, straight": results.only["multiplications/direct"] / 1e6,
                "1x1 to 16 channels": narrow.multiplications / 1e6,
                "5x5 behind it": wide.multiplications / 1e6,
                "both": results.only["multiplications/bottleneck"] / 1e6,
            },
            xlabel="million multiplications",
        ),
    )


def texts(results: Results) -> Iterator[Text]:
    """The cost tables of both ways."""
    del results
    names = {"direct": ("5x5",), "bottleneck": ("1x1", "5x5")}
    for way, rows in costs().items():
        named = [dataclasses.replace(r, name=n) for r, n in zip(rows, names[way], strict=True)]
        yield Text(f"Cost, {way}", format_table([Row("input", INCEPTION, 0), *named]))


EXPERIMENT = Experiment(
    notes="4.10, 4.11",
    config=Config(),
    run=run,
    objective=("multiplications/bottleneck", "min"),
    smoke=("size=32",),
    claims={
        "one-by-one-scalar": only_scales,
        "one-by-one-volume": filters_make_channels,
        "one-by-one-is-pixelwise-fc": dense_at_every_pixel,
        "one-by-one-shrinks-channels": shrinks,
        "inception-cost-120M": straight,
        "inception-total-12M": through_a_bottleneck,
    },
    figures=figures,
    texts=texts,
    terms=("one by one convolution",),
)
