r"""Batch normalisation: deep networks train at more learning rates; what it does at test time.

    mu = (1/m) sum z        sigma^2 = (1/m) sum (z - mu)^2
    z_norm = (z - mu) / sqrt(sigma^2 + epsilon)        z_tilde = gamma z_norm + beta

Notes 2.6; Ioffe & Szegedy 2015 (the print has "Loffe", "covariant shift", 1/n for 1/m, and says
that gamma and beta keep the units standardised: they set them free). Arms: with and without, deep
and shallow, at four learning rates. The black and the coloured cats of the notes are digits as
they are and digits whose pixels are darkened, brightened or inverted.

    python launch.py --experiment=batch_norm
    python launch.py --experiment=batch_norm --arms=norm-deep-0.1,plain-deep-0.1 --seeds=3
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ngjax import data, optim, supervised
from ngjax.experiment import Experiment, NotAsked, Picture, Results, Text
from ngjax.experiment.results import Arm
from ngjax.models.layers import BatchNorm
from ngjax.models.normalised_mlp import NormalisedMLP
from ngjax.train.settings import Run
from ngjax.types import AXIS, Array, Batch, Context, Task

RATES = ("0.01", "0.1", "0.3", "1")
DEPTHS = {"shallow": "2", "deep": "12"}
LEARNT = 0.9  # dev accuracy that counts as having learned
EXACT = 1e-9  # what float64 may be off
SIZES = (8, 16, 32, 64, 128, 256, 512)  # mini-batches whose noise is measured
DRAWS = 400  # mini-batches of each size
SHIFTS: Mapping[str, Callable[[np.ndarray], np.ndarray]] = {  # of grey levels, 0 to 255
    "as trained": lambda x: x,
    "darker": lambda x: 0.4 * x,
    "brighter": lambda x: x + 128.0,
    "inverted": lambda x: 255.0 - x,
}
LIGHTS = ("darker", "brighter")  # those that change a mean and a scale alone
SHOWN = 8  # digits a row


@dataclasses.dataclass(frozen=True)
class Config:
    """What may be turned."""

    depth: int = 12  # hidden layers
    units: int = 32  # of each hidden layer
    activation: str = "tanh"  # of the hidden layers
    normalise: bool = True  # batch normalisation before each activation
    momentum: float = 0.9  # weight of the past in the averages of mu and sigma^2
    data: data.Data = data.Data(name="digits")
    optimizer: optim.Optimizer = optim.Optimizer(rule="descent", learning_rate=0.1)
    run: Run = Run(epochs=25, batch_size=64)

    def __post_init__(self) -> None:
        """Refuse what no network can be."""
        if min(self.depth, self.units) < 1:
            raise ValueError(f"depth, units: must be 1 or more, got {self.depth}, {self.units}")


@functools.cache
def parts(config: Config) -> tuple[data.Dataset, NormalisedMLP]:
    """The set and the network of an arm."""
    held = data.load(config.data, kinds=("images",))
    sizes = (*[config.units] * config.depth, len(held.classes))
    return held, NormalisedMLP(
        sizes, config.activation, normalise=config.normalise, momentum=config.momentum
    )


def keywords(batch: Batch, context: Context) -> Mapping[str, Any]:
    """Mini-batches' own statistics in training; padded examples do not count in them."""
    return {"train": context.train, "mask": batch["mask"]}


def build(config: Config) -> Task:
    """The Task; the moving averages of mu and sigma^2 are its `extra`."""
    held, model = parts(config)
    network = supervised.linen(model, held, keywords)
    return supervised.task(
        held, network, config.optimizer, supervised.classify, evals=("train", "dev", "test")
    )


def scores(arm: Arm, images: np.ndarray, train: bool) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """The trained network on images of 0 to 255: (logits [B, K], scores and activations by layer).

    Args:
        arm: whose weights and moving averages.
        images: [B, H, W, C].
        train: normalise by the statistics of these images in place of the moving averages.
    """
    held, _ = parts(arm.config)
    numbers = supervised.scaling(held)
    x = np.float32((images - numbers["mu"]) / numbers["sigma"])
    call = _applied(arm.config, train)
    return jax.tree.map(np.asarray, call({"params": arm.params, **arm.state.extra}, x))


@functools.cache
def _applied(config: Config, train: bool) -> Callable[..., Any]:
    model = parts(config)[1]

    def apply(variables: Any, x: Array) -> Any:
        if not train:
            return model.apply(variables, x)
        return model.apply(variables, x, train=True, mutable=["batch_stats"])[0]

    bound = jax.vmap(apply, in_axes=(None, 0), axis_name=AXIS)  # the axis of one device
    return jax.jit(lambda variables, x: jax.tree.map(lambda a: a[0], bound(variables, x[None])))


def accuracy(logits: np.ndarray, targets: np.ndarray) -> float:
    """The share of examples whose largest logit stands at the target."""
    return float((logits.argmax(-1) == targets).mean())


def one_by_one(arm: Arm) -> tuple[float, float]:
    """Test accuracy of single examples: by their own statistics, by the moving averages."""
    test = parts(arm.config)[0].test
    own = [scores(arm, image[None], train=True)[0][0] for image in test.inputs]
    moving = scores(arm, test.inputs, train=False)[0]
    return accuracy(np.stack(own), test.targets), accuracy(moving, test.targets)


def shifted(arm: Arm, change: Callable[[np.ndarray], np.ndarray], again: bool) -> float:
    """Test accuracy on changed images; `again`: statistics are taken anew from those images."""
    test = parts(arm.config)[0].test
    images = change(np.float64(test.inputs))
    return accuracy(scores(arm, images, train=again)[0], test.targets)


def first_scores(arm: Arm) -> np.ndarray:
    """z of the first layer over the training set, [m, n1]."""
    return scores(arm, np.float64(parts(arm.config)[0].train.inputs), train=False)[1]["z1"]


def noise(arm: Arm) -> np.ndarray:
    """Deviation of the mean of the first layer's z over mini-batches of each size: [sizes].

    In units of z's own deviation, averaged over units; drawn with replacement.
    """
    z, generator = first_scores(arm), np.random.default_rng(0)
    means = [z[generator.integers(len(z), size=(DRAWS, m))].mean(1).std(0) for m in SIZES]
    return np.array([(mean / z.std(0)).mean() for mean in means])


def slope(deviations: np.ndarray) -> float:
    """Of log deviation over log size."""
    return float(np.polyfit(np.log(SIZES), np.log(deviations), 1)[0])


def best(results: Results, norm: str, depth: str) -> Arm:
    """The arm of that kind with the highest dev accuracy, of those that ran."""
    arms = [arm for name, arm in results.items() if name.startswith(f"{norm}-{depth}-")]
    if not arms:
        raise NotAsked(f"no arm {norm}-{depth} was run")
    return max(arms, key=lambda arm: arm["dev/accuracy"])


def accuracies(results: Results) -> dict[str, dict[str, float]]:
    """Test accuracy by network and by light."""
    norm, plain = best(results, "norm", "deep"), best(results, "plain", "deep")
    kinds = {"plain": (plain, False), "norm": (norm, False), "norm, anew": (norm, True)}
    return {
        kind: {light: shifted(arm, change, again) for light, change in SHIFTS.items()}
        for kind, (arm, again) in kinds.items()
    }


def _normalised(z: np.ndarray, gamma: np.ndarray, beta: np.ndarray) -> np.ndarray:
    """z_tilde of a whole set of scores [m, C] by its own statistics, in float64."""
    layer, C = BatchNorm(parent=None), z.shape[1]
    with jax.enable_x64(True):
        stats = {"mean": jnp.zeros(C), "var": jnp.ones(C)}
        variables = {"params": {"scale": gamma, "bias": beta}, "batch_stats": stats}

        def apply(z: Array) -> Array:
            return layer.apply(variables, z, train=True, mutable=["batch_stats"])[0]

        return np.asarray(jax.jit(jax.vmap(apply, axis_name=AXIS))(z[None])[0])


def more_rates_work(results: Results) -> tuple[bool, str]:
    """Notes 2.6: with batch norm a deep network learns at more learning rates (dev over 90 %)."""
    good = {
        norm: [r for r in RATES if results[f"{norm}-deep-{r}"]["dev/accuracy"] > LEARNT]
        for norm in ("norm", "plain")
    }
    told = ", ".join(f"{norm} at {' '.join(rates) or 'none'}" for norm, rates in good.items())
    return len(good["norm"]) > len(good["plain"]), f"of the rates {' '.join(RATES)}: {told}"


def deep_trains_easily(results: Results) -> tuple[bool, str]:
    """Notes 2.6: deep networks train more easily: lower train loss on average over the rates.

    Not at every rate: where the plain network trains well, it may end lower.
    """
    ends = {
        norm: [results[f"{norm}-deep-{rate}"]["train/loss"] for rate in RATES]
        for norm in ("norm", "plain")
    }
    rows = zip(RATES, ends["norm"], ends["plain"], strict=True)
    told = ", ".join(f"{a:.3f} and {b:.3f} at {rate}" for rate, a, b in rows)
    return sum(ends["norm"]) < sum(ends["plain"]), f"train loss with and without: {told}"


def moving_averages_at_test_time(results: Results) -> tuple[bool, str]:
    """Notes 2.6: single test examples need the moving averages: by their own they all look alike.

    A mini-batch of one has z = mu, so z_norm is zero and the answer is the same for all.
    """
    arm = best(results, "norm", "deep")
    own, moving = one_by_one(arm)
    chance = 2 / len(parts(arm.config)[0].classes)
    told = f"test accuracy {own:.3f} by their own statistics, {moving:.3f} by the moving averages"
    return own < chance and moving > LEARNT, told


def undone_by_gamma_and_beta(results: Results) -> tuple[bool, str]:
    """Notes 2.6: gamma = sqrt(sigma^2 + epsilon) and beta = mu make it the identity, exactly."""
    z = np.float64(first_scores(best(results, "norm", "deep")))
    layer = BatchNorm(parent=None)
    gamma, beta = np.sqrt(z.var(0) + layer.epsilon), z.mean(0)
    off = np.abs(_normalised(z, gamma, beta) - z).max()
    return bool(off < EXACT), f"largest |z_tilde - z| {off:.1e} on the scores of the first layer"


def bias_is_redundant(results: Results) -> tuple[bool, str]:
    """Notes 2.6: b[l] is taken away by the mean: any b, the same outputs (1e-6), and db = 0."""
    config = best(results, "norm", "deep").config
    held, model = parts(config)
    model = model.clone(use_bias=True)
    x = supervised.scaled(held, "train")[:64]
    targets = held.train.targets[:64]
    with jax.enable_x64(True):
        variables = jax.jit(model.init)(jax.random.key(0), x)

        def loss(params: Any, x: Array) -> tuple[Array, Array]:
            held = {**variables, "params": params}
            z, _ = model.apply(held, x, train=True, mutable=["batch_stats"])[0]
            return -jax.nn.log_softmax(z)[jnp.arange(len(targets)), targets].mean(), z

        call = jax.vmap(jax.grad(loss, has_aux=True), (None, 0), axis_name=AXIS)
        slope, before = jax.jit(call)(variables["params"], x[None])
        hidden = [f"dense{layer}" for layer in range(1, config.depth + 1)]
        moved = dict(variables["params"])
        for name in hidden:
            moved[name] = {**moved[name], "bias": moved[name]["bias"] + 3.0}
        _, after = jax.jit(call)(moved, x[None])
        off = float(jnp.abs(after - before).max())
        db = max(float(jnp.abs(slope[name]["bias"]).max()) for name in hidden)
        dW = max(float(jnp.abs(slope[name]["kernel"]).max()) for name in hidden)
    told = f"outputs move by {off:.1e} when b grows by 3; largest |db| {db:.1e}, |dW| {dW:.1e}"
    return off < 1e-6 and db < EXACT, told


def units_are_set_free(results: Results) -> tuple[bool, str]:
    """Notes 2.6, corrected: trained, gamma and beta are no longer 1 and 0 (0.01 off, or more)."""
    params = best(results, "norm", "deep").params
    norms = [layer for name, layer in params.items() if name.startswith("norm")]
    gamma = np.concatenate([layer["scale"] for layer in norms])
    beta = np.concatenate([layer["bias"] for layer in norms])
    told = (
        f"gamma {gamma.min():.2f} to {gamma.max():.2f}, beta {beta.min():.2f} to {beta.max():.2f}"
    )
    return bool(np.abs(gamma - 1).max() > 0.01 and np.abs(beta).max() > 0.01), told


def shift_is_undone(results: Results) -> tuple[bool, str]:
    """Notes 2.6: other light shifts the hidden values; statistics taken anew undo it (within 1 %).

    The moving averages cannot know of it: by them light costs accuracy, as it does without
    batch norm. Inversion is no shift of a mean or a scale, and stays.
    """
    table = accuracies(results)
    frozen, anew, plain = table["norm"], table["norm, anew"], table["plain"]
    undone = all(abs(anew[light] - anew["as trained"]) < 0.01 for light in LIGHTS)
    lost = min(frozen[light] for light in LIGHTS) < frozen["as trained"] - 0.05
    stays = anew["inverted"] < frozen["as trained"] - 0.05
    told = "; ".join(
        f"{light} {frozen[light]:.3f} by moving averages, {anew[light]:.3f} anew, "
        f"{plain[light]:.3f} without batch norm"
        for light in SHIFTS
    )
    return undone and lost and stays, f"test accuracy {told}"


def noise_falls(results: Results) -> tuple[bool, str]:
    """Notes 2.6: larger mini-batches, less noise: the mean's deviation falls as 1 / sqrt(m).

    Slope -1/2 of its logarithm, within 0.05.
    """
    found = slope(noise(best(results, "norm", "deep")))
    return abs(found + 0.5) < 0.05, f"slope {found:.3f} over m = {SIZES[0]} ... {SIZES[-1]}"


def figures(results: Results) -> Iterator[Picture]:
    """Rates that work, the shift, the noise."""
    from ngjax.report import figures as draw

    norm = best(results, "norm", "deep")
    kinds = [(n, d) for n in ("norm", "plain") for d in DEPTHS]
    yield Picture(
        "rates",
        f"Dev accuracy by learning rate, {DEPTHS['shallow']} hidden layers and {DEPTHS['deep']}.",
        draw.lines(
            [float(rate) for rate in RATES],
            {
                f"{n} {d}": [results[f"{n}-{d}-{r}"]["dev/accuracy"] for r in RATES]
                for n, d in kinds
            },
            xlabel="learning rate",
            ylabel="dev accuracy",
            log_x=True,
        ),
    )
    images = np.float64(parts(norm.config)[0].test.inputs[:SHOWN])
    rows = np.concatenate([change(images) for change in SHIFTS.values()])
    titles = [light if i == 0 else "" for light in SHIFTS for i in range(len(images))]
    yield Picture(
        "light",
        "Test digits as they are, darker, brighter and inverted.",
        draw.image_grid(rows / rows.max(), titles, columns=len(images)),
    )
    table = accuracies(results)
    yield Picture(
        "shift",
        "Test accuracy in other light; 'anew': statistics are taken from those very digits.",
        draw.bars(
            {f"{light}: {kind}": table[kind][light] for light in SHIFTS for kind in table},
            xlabel="test accuracy",
        ),
    )
    found = noise(norm)
    yield Picture(
        "noise",
        "The noise in mu falls with the size of the mini-batch, as 1 / sqrt(m).",
        draw.lines(
            SIZES,
            {"measured": found, "1 / sqrt(m)": 1 / np.sqrt(SIZES)},
            xlabel="mini-batch size m",
            ylabel="deviation of mu, in units of z's",
            log_x=True,
            log_y=True,
        ),
    )


def texts(results: Results) -> Iterator[Text]:
    """Accuracy in other light, and the data."""
    table = accuracies(results)
    rows = [f"{'':14}" + "".join(f"{light:>12}" for light in SHIFTS)]
    for kind, found in table.items():
        rows.append(f"{kind:14}" + "".join(f"{found[light]:12.4f}" for light in SHIFTS))
    yield Text("Test accuracy in other light", "\n".join(rows))
    yield Text("Data", parts(results.only.config)[0].notes)


def _arm(norm: bool, depth: str, rate: str) -> tuple[str, ...]:
    return (f"normalise={str(norm).lower()}", f"depth={depth}", f"optimizer.learning_rate={rate}")


EXPERIMENT = Experiment(
    notes="2.6",
    config=Config(),
    build=build,
    objective=("dev/accuracy", "max"),
    arms={
        f"{name}-{kind}-{rate}": _arm(norm, depth, rate)
        for name, norm in (("norm", True), ("plain", False))
        for kind, depth in DEPTHS.items()
        for rate in RATES
    },
    smoke=("run.steps=3", "units=8", "data.limit=300"),
    claims={
        "norm-widens-the-rates": more_rates_work,
        "norm-trains-deep-networks": deep_trains_easily,
        "bn-test-time-ewa": moving_averages_at_test_time,
        "bn-identity": undone_by_gamma_and_beta,
        "bn-bias-redundant": bias_is_redundant,
        "bn-units-standardised": units_are_set_free,
        "bn-covariate-shift": shift_is_undone,
        "bn-noise-regularises": noise_falls,
    },
    figures=figures,
    texts=texts,
    terms=("batch normalization",),
)
