r"""Neural style transfer: the pixels are learned, so that C keeps its content and takes S's style.

    J(G)      = alpha J_content(C, G) + beta sum_l lambda[l] J_style[l](S, G) + gamma J_variation(G)
    J_content = 1 / (4 n_H n_W n_C) sum (a_C - a_G)^2
    J_style   = 1 / (4 n_C^2 (n_H n_W)^2) sum (G_S - G_G)^2,      G_ij = v_i^T v_j

Notes 4.15 and 4.16; Gatys, Ecker & Bethge 2015. The print gives J_content alone, loses the equals
sign of G_ij and names VGG-10 for VGG-19. Here lambda[l] makes every layer count alike: a G that
wakes no unit costs 1/L a layer, and alpha is scaled so that it costs alpha. gamma takes the grain
out (Mahendran & Vedaldi 2015). The arms from noise weigh the content less: C and S contradict each
other, and at alpha = 2 it is J_content that keeps J from falling.

The network is frozen. By default its weights are random (He et al. 2016; Ustyuzhaninov et al.
2016), so nothing is downloaded; those of MobileNet v1 or VGG-19 give better pictures:

    python launch.py --experiment=style_transfer
    python launch.py --experiment=style_transfer --arms=from_content --content=a.jpg --style=b.jpg \
        --size=512 --network=mobilenet
    python launch.py --experiment=style_transfer --arms=from_content --network=vgg19 \
        --weights=imagenet-vgg-verydeep-19.mat
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Iterator, Mapping
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np

from ngjax import data, losses, optim, pretrained
from ngjax.experiment import Experiment, NotAsked, Picture, Results, Text
from ngjax.experiment.results import Arm
from ngjax.pretrained.perceptual import NETWORKS, PUBLISHED, Frozen
from ngjax.train.settings import Run
from ngjax.types import Array, Aux, Batch, Context, Params, Sum, Task

SMALLEST = 1e-12  # a picture that wakes no unit has nothing to divide by


@dataclasses.dataclass(frozen=True)
class Files:
    """Where files lie that are no pictures."""

    directory: str = ""  # holds the folder of published weights; empty: ngjax in the user's cache


@dataclasses.dataclass(frozen=True)
class Config:
    """What may be turned."""

    content: str = "china"  # C: a picture that comes along (china, flower), or a file
    style: str = ""  # S: alike; empty: scikit-image's ihc, or without it the other photograph
    size: int = 128  # pixels of the longer side of C and S at most; none is enlarged
    network: Literal["random", "mobilenet", "vgg19"] = "random"  # whose maps are compared
    weights: str = ""  # vgg19, mobilenet: a file, or timm/vgg19.tv_in1k; empty: the catalogue's
    pool: Literal["average", "max"] = "average"  # random, vgg19: between the blocks
    width: float = 0.5  # random: share of VGG-19's filters
    network_seed: int = 0  # random: draws the weights
    content_layer: str = "middle"  # a layer's name; or shallow, middle or deep
    style_layers: tuple[str, ...] = ()  # names; empty: five or so of the network
    start: Literal["content", "noise"] = "content"  # what G is before the first update
    alpha: float = 2.0  # weight of the content
    beta: float = 40.0  # weight of the style
    variation: float = 4.0  # gamma, weight of the steps from pixel to pixel
    frames: int = 24  # pictures that are kept on the way, for the GIF
    data: Files = Files()
    optimizer: optim.Optimizer = optim.Optimizer(rule="adam", learning_rate=0.03, schedule="cosine")
    run: Run = Run(steps=300, evaluate_every=150)

    def __post_init__(self) -> None:
        """Refuse what no picture can be."""
        for name in ("size", "frames"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: must be 1 or more, got {getattr(self, name)}")
        for name in ("alpha", "beta", "variation"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ValueError(f"{name}: must be >= 0, got {getattr(self, name)}")
        if not 0 < self.width < math.inf:
            raise ValueError(f"width: must be > 0, got {self.width}")


def frozen(config: Config) -> Frozen:
    """The network that the config names."""
    return pretrained.frozen(
        config.network,
        config.weights,
        pool=config.pool,
        width=config.width,
        seed=config.network_seed,
        directory=config.data.directory,
    )


def style_source(config: Config) -> str:
    """The style's name or file, whatever the config leaves open."""
    if config.style:
        return config.style
    if data.texture_names():
        return "ihc"
    return "china" if config.content == "flower" else "flower"


def pictures(config: Config) -> tuple[np.ndarray, np.ndarray]:
    """(C, S), uint8 [H, W, 3]."""
    C = data.picture(config.content, size=config.size, flag="content")
    return C, data.picture(style_source(config), size=config.size, flag="style")


def layers(config: Config, network: Frozen) -> tuple[str, tuple[str, ...]]:
    """(layer of the content, layers of the style), each of which fits its picture.

    Raises:
        UserError: no such layer; a picture smaller than what one unit of a layer sees.
    """
    of_style, of_content = NETWORKS[config.network]
    content = of_content.get(config.content_layer, config.content_layer)
    style = config.style_layers or of_style
    C, S = pictures(config)
    network.fits(content, C, f"--content={config.content}", "content_layer")
    for name in style:
        network.fits(name, S, f"--style={style_source(config)}", "style_layers")
    return content, style


def unit(pixels: np.ndarray) -> Array:
    """Bytes [H, W, 3] to a batch of one with pixels 0 ... 1."""
    return jnp.asarray(pixels[None] / np.float32(255))  # [1, H, W, 3]


def singles(tree: Any) -> Any:
    """Every leaf in float32 on the host: the engine lays it out in the precision of the run."""
    return jax.tree.map(lambda leaf: np.asarray(leaf, np.float32), tree)


def shown(pixels: Any) -> Any:
    """Pixels that were learned as bytes: what is outside 0 ... 1 is cut off."""
    return jnp.round(255 * jnp.clip(pixels, 0, 1)).astype(jnp.uint8)


@functools.lru_cache(maxsize=4)
def maps_of(config: Config) -> tuple[dict[str, Array], dict[str, Array]]:
    """All maps of C and of S; asked with `KNOBS_OF_A_RUN`."""
    network = frozen(config)
    see = jax.jit(network.maps)
    C, S = (see(network.variables, unit(pixels)) for pixels in pictures(config))
    return singles((C, S))


def targets(config: Config) -> dict[str, Any]:
    """What a step reads: network, maps of C, style matrices of S, and what each is divided by."""
    network = frozen(config)
    content, style = layers(config, network)
    of_C, of_S = maps_of(dataclasses.replace(config, **KNOBS_OF_A_RUN))
    matrices = {name: losses.style_matrix(of_S[name]) for name in style}
    asleep = losses.content_cost(of_C[content], jnp.zeros_like(of_C[content]))[0]
    found = {
        "variables": network.variables,
        "content": of_C[content],
        "content_scale": 1 / jnp.maximum(asleep, SMALLEST),
        "style": matrices,
        "lambda": {
            name: 1 / (len(style) * jnp.maximum(losses.style_distance(G, 0 * G)[0], SMALLEST))
            for name, G in matrices.items()
        },
    }
    return singles(found)


KNOBS_OF_A_RUN = {  # the maps of C and S do not depend on them: arms share these
    name: getattr(Config(), name)
    for name in (
        *("content_layer", "style_layers", "start", "alpha", "beta", "variation", "frames"),
        *("optimizer", "run"),
    )
}


def costs(
    network: Frozen, content: str, constants: Mapping[str, Any], x: Array
) -> tuple[Array, Array]:
    """(J_content, sum_l lambda[l] J_style[l]) of a picture x [1, H, W, 3], scaled."""
    a = network.maps(constants["variables"], x)
    J_content = losses.content_cost(constants["content"], a[content])[0]
    J_style = sum(
        constants["lambda"][name] * losses.style_distance(of_S, losses.style_matrix(a[name]))[0]
        for name, of_S in constants["style"].items()
    )
    return constants["content_scale"] * J_content, J_style


def moments(config: Config) -> np.ndarray:
    """Updates before which a picture is kept: the first, then ever fewer."""
    steps = config.run.steps or config.run.epochs
    count = min(config.frames, steps)
    return np.unique(np.round(np.linspace(0, 1, count) ** 2 * (steps - 1)).astype(np.int32))


def build(config: Config) -> Task:
    """The Task: the pixels are the parameters, and a step reads no batch."""
    network, constants, kept = frozen(config), targets(config), jnp.asarray(moments(config))
    content_layer, C = layers(config, network)[0], pictures(config)[0]

    def init(key: Array) -> tuple[Params, Any]:
        x = unit(C)[0] if config.start == "content" else jax.random.uniform(key, C.shape)
        return {"pixels": x}, {"frames": jnp.zeros((len(kept), *C.shape), jnp.uint8)}

    def loss(params: Params, extra: Any, batch: Batch, context: Context) -> tuple[Sum, Aux]:
        del batch
        x, one = params["pixels"][None], jnp.ones(())  # [1, H, W, 3]
        content, style = costs(network, content_layer, context.constants, x)
        variation = losses.total_variation(x)[0]
        weight = context.hyper
        J = weight["alpha"] * content + weight["beta"] * style + weight["variation"] * variation
        place = jnp.searchsorted(kept, context.step)
        now = (kept[place] == context.step) & context.train
        frame = jnp.where(now, shown(x[0]), extra["frames"][place])
        told = {"content": (content, one), "style": (style, one), "variation": (variation, one)}
        return (J, one), Aux({"frames": extra["frames"].at[place].set(frame)}, told)

    return Task(
        init=init,
        loss=loss,
        tx=optim.make(config.optimizer),
        hyper=optim.hyper(config.optimizer)
        | {name: getattr(config, name) for name in ("alpha", "beta", "variation")},
        constants=constants,
    )


def result(arm: Arm) -> np.ndarray:
    """G as it is written, uint8 [H, W, 3]."""
    return np.asarray(shown(arm.params["pixels"]))


def measured(arm: Arm, pixels: np.ndarray) -> tuple[float, float]:
    """(J_content, J_style) of a picture of bytes, as the arm weighs its layers."""
    network = frozen(arm.config)
    content = layers(arm.config, network)[0]
    of = jax.jit(lambda constants, x: costs(network, content, constants, x))
    content_cost, style_cost = of(targets(arm.config), unit(pixels))
    return float(content_cost), float(style_cost)


def stylised(results: Results) -> dict[str, Arm]:
    """The arms that take a style."""
    if found := {name: arm for name, arm in results.items() if arm.config.beta}:
        return found
    raise NotAsked("no arm with a style was run")


def total_falls(results: Results) -> tuple[bool, str]:
    """Notes 4.15, C + S = G: J goes down on the pixels, to half of its start in each arm."""
    ends = {name: arm.history("train/loss")[1][[0, -1]] for name, arm in results.items()}
    told = ", ".join(f"{name} {first:.4g} to {last:.4g}" for name, (first, last) in ends.items())
    return all(last < first / 2 for first, last in ends.values()), f"J: {told}"


def from_noise_a_hundredth(results: Results) -> tuple[bool, str]:
    """From noise, at alpha = 0.1, J falls to a hundredth in 300 updates (Gatys et al. 2015)."""
    arm = results["from_noise"]
    steps, J = arm.history("train/loss")
    if len(J) < 300 or steps[299] != 300:
        raise NotAsked("it is asked of the costs of 300 updates")
    fall = J[0] / J[299]
    return bool(fall >= 100), f"J {J[0]:.4g} to {J[299]:.4g}, {fall:.0f}-fold"


def style_is_taken(results: Results) -> tuple[bool, str]:
    """Notes 4.16: G_ij measures style: G, as written, ends below a tenth of C's distance to S."""
    shares = {}
    for name, arm in stylised(results).items():
        own = measured(arm, pictures(arm.config)[0])[1]
        shares[name] = measured(arm, result(arm))[1] / max(own, SMALLEST)
    told = ", ".join(f"{name} {share:.4f}" for name, share in shares.items())
    return max(shares.values()) < 0.1, f"J_style of G over that of C: {told}"


def shallow_keeps_pixels(results: Results) -> tuple[bool, str]:
    """Notes 4.15.1: early layers see edges, deep ones more: from them C's pixels return less."""
    off, sees = {}, {}
    for name in ("content_shallow", "content_deep"):
        arm = results[name]
        C = pictures(arm.config)[0].astype(float)
        off[name] = float(np.abs(result(arm) - C).mean())
        network = frozen(arm.config)
        sees[name] = network.sees[layers(arm.config, network)[0]]
    told = ", ".join(f"{name} ({sees[name]} pixels a unit) {off[name]:.1f}" for name in off)
    shallow, deep = off.values()
    return shallow < deep and min(sees.values()) < max(sees.values()), f"levels off of 255: {told}"


def on_the_way(arms: Mapping[str, Arm]) -> list[np.ndarray]:
    """The pictures that were kept, arms side by side, and the last ones."""
    films = [[*arm.state.extra["frames"], result(arm)] for arm in arms.values()]
    count = max(map(len, films))
    return [
        np.concatenate([film[min(i, len(film) - 1)] for film in films], axis=1)
        for i in range(count)
    ]


def figures(results: Results) -> Iterator[Picture]:
    """C, S and G of every arm, how J fell, G on its way."""
    from ngjax.report import figures as draw

    C, S = pictures(results.only.config)
    yield Picture(
        "pictures",
        "The content C, the style S, and what became of the pixels in each arm.",
        draw.image_grid(
            [C, S, *(result(arm) for arm in results.values())],
            ["C", "S", *(name.replace("_", " ") for name in results)],
            columns=3 if len(results) > 2 else 2 + len(results),
        ),
    )
    J = {name: arm.history("train/loss") for name, arm in results.items()}
    if len({tuple(steps) for steps, _ in J.values()}) == 1:
        yield Picture(
            "cost",
            "J as the pixels are learned, every arm with its own weights.",
            draw.lines(
                next(iter(J.values()))[0],
                {name: values for name, (_, values) in J.items()},
                xlabel="update",
                ylabel="J",
                log_y=True,
            ),
        )
    taken = stylised(results)
    yield Picture("progress", f"On the way: {', '.join(taken)}.", draw.gif(on_the_way(taken)))
    for name, arm in taken.items():
        yield Picture(f"result-{name}", f"G of arm {name}, pixel by pixel.", draw.png(result(arm)))


def texts(results: Results) -> Iterator[Text]:
    """Which pictures, which layers, what they see, and where the costs ended."""
    config = results.only.config
    network = frozen(config)
    C, S = pictures(config)
    sides = [f"{pixels.shape[1]} x {pixels.shape[0]}" for pixels in (C, S)]
    content, style = layers(config, network)
    lines = [
        f"C: {config.content}, {sides[0]} pixels",
        f"S: {style_source(config)}, {sides[1]} pixels",
        f"network: {config.network}, its weights "
        + ("drawn" if config.network == "random" else config.weights or PUBLISHED),
        "",
        "layer          a unit sees   compared",
    ]
    for name in dict.fromkeys((*style, content)):
        use = " and ".join(["style"] * (name in style) + ["content"] * (name == content))
        lines.append(f"{name:15}{network.sees[name]:11}   {use}")
    yield Text("What is compared", "\n".join(lines))
    rows = [f"{'arm':18}{'J_content':>12}{'J_style':>12}   G as written"]
    for name, arm in {"C itself": results.only, **results}.items():
        pixels = C if name == "C itself" else result(arm)
        rows.append(f"{name:18}" + "".join(f"{cost:12.5f}" for cost in measured(arm, pixels)))
    yield Text("Where the costs ended", "\n".join(rows))


NOISE, ALONE = ("start=noise", "alpha=0.1"), ("start=noise", "beta=0", "variation=0")

EXPERIMENT = Experiment(
    notes="4.15, 4.16",
    config=Config(),
    build=build,
    objective=("train/loss", "min"),
    arms={
        "from_content": (),
        "from_noise": NOISE,
        "lbfgs": (*NOISE, "optimizer.rule=lbfgs", "optimizer.schedule=constant"),
        "content_shallow": ("content_layer=shallow", *ALONE),
        "content_deep": ("content_layer=deep", *ALONE),
    },
    smoke=("run.steps=3", "width=0.0625"),
    claims={
        "nst-c-plus-s": total_falls,
        "from-noise-a-hundredth": from_noise_a_hundredth,
        "style-is-taken": style_is_taken,
        "shallow-vs-deep-features": shallow_keeps_pixels,
    },
    figures=figures,
    texts=texts,
    terms=(
        "neural style transfer",
        "content image",
        "style image",
        "generated image",
        "style matrix",
        "Gram matrix",
        "transfer learning",
    ),
)
