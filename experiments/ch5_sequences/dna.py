r"""DNA: which sequences begin a gene? All leave-one-out networks are trained in one program.

    z = mean over members of network([x<1>, ..., x<57>]),    x<t> one-hot in {a, c, g, t}

Notes 5 name DNA analysis among the sequence tasks. A promoter of E. coli is where copying begins:
before it stand two motifs, TTGACA about 35 letters ahead and TATAAT about 10. The set of Towell,
Shavlik & Noordewier 1990 has 106 sequences, too few for a test set: each is judged by networks
that were trained on the other 105. The default set is drawn by a fixed seed, the motifs kept about
as often as Harley & Reynolds 1987 counted. The settings were chosen on other sequences drawn so:
of three perceptrons and four CNNs the one that erred least, 11.7 % of 2,000 (the best perceptron
22.8 %), before the real ones were asked: 9 of 106 wrong, as many by the perceptrons, 16 by one CNN
alone (seed 0, 147 s on half a core). The published network by backpropagation has 8. Asked a second
time, both kinds averaged, as was written down before (`--arms=mixed`): 6, within chance of 9.

    python launch.py --experiment=dna
    python launch.py --experiment=dna --data.name=dna_promoters --data_dir=DIRECTORY
    python launch.py --experiment=dna --mode=predict --input=tactagcaatacgcttgcgttcggtggttaa...
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from scipy.special import softmax

from ngjax import cross_validation, data, losses, metrics, optim
from ngjax.data.series import promoters
from ngjax.experiment import Answer, Experiment, Learned, NotAsked, Picture, Results, Text
from ngjax.experiment.naming_lines import name_lines
from ngjax.experiment.results import Arm
from ngjax.models.many_to_one import Recurrent
from ngjax.models.mlp import MLP
from ngjax.models.motif import MotifCNN
from ngjax.train.settings import Run
from ngjax.types import Array, Aux, Batch, Context, Params, Sum, Task, UserError

A = len(promoters.LETTERS)
SHOWN = 6  # motifs in the report
SUREST = 8  # mistakes of an arm in the report
FIRST = -promoters.START  # number of the first letter; copying begins at 0 here, +1 in biology
BOXES = {"-35": (-39, -29), "-10": (-15, -6)}  # where the two motifs may stand, by that number
PUBLISHED = {  # wrong of 106, leave one out (Towell, Shavlik & Noordewier 1990)
    "KBANN": 4,
    "backpropagation": 8,
    "O'Neill": 12,
    "nearest neighbour": 13,
    "ID3": 19,
}


@dataclasses.dataclass(frozen=True)
class Config:
    """What may be turned."""

    network: Literal["mlp", "cnn", "gru", "mixed"] = "cnn"  # what reads; mixed: cnn and mlp
    members: int = 10  # networks of a kind that are averaged; each starts elsewhere
    width: int = 16  # mlp: hidden units; cnn: filters; gru: units of a direction
    window: int = 8  # cnn: letters that a filter sees
    stretch: int = 4  # cnn: places of which the best is kept
    folds: int = 0  # parts that are left out by turns; 0: as many as sequences, leave one out
    together: int = 8  # folds computed side by side; 0: all, for accelerators
    data: data.Data = data.Data(name="drawn_promoters")
    optimizer: optim.Optimizer = optim.Optimizer(rule="adam", learning_rate=1e-2, weight_decay=0.5)
    run: Run = Run(steps=100, batch_size=0, evaluate_every=100)

    def __post_init__(self) -> None:
        """Refuse what no network can be."""
        for name in ("members", "width", "window", "stretch"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: must be 1 or more, got {getattr(self, name)}")
        if self.folds < 0 or self.folds == 1 or self.together < 0:
            raise ValueError("folds: must be 0, or 2 and more; together: 0 or more")


class Held(NamedTuple):
    """The sequences and who judges them."""

    inputs: np.ndarray  # uint8 [m, T]
    targets: np.ndarray  # int32 [m]
    dealt: cross_validation.Folds
    notes: str


def held(config: Config) -> Held:
    """The set of a config."""
    return _held(config.data, config.folds)


@functools.lru_cache(maxsize=2)
def _held(which: data.Data, folds: int) -> Held:
    found = data.load(which, kinds=("dna",))
    parts = [part for part in (found.train, found.dev, found.test) if len(part)]
    inputs = np.concatenate([part.inputs for part in parts])
    targets = np.concatenate([part.targets for part in parts])
    dealt = cross_validation.folds(targets, folds or len(targets), which.split_seed)
    return Held(inputs, targets, dealt, f"{found.origin}; {len(targets)} sequences")


def network(config: Config) -> nn.Module:
    """One member of a kind: one-hot letters [B, T, 4] -> (logits [B, 2], activations)."""
    classes = len(promoters.CLASSES)
    if config.network == "mlp":
        return MLP((config.width, classes))
    if config.network == "cnn":
        return MotifCNN(classes, config.window, config.width, config.stretch)
    return Recurrent(classes, "gru", config.width, bidirectional=True, pooling="max")


def kinds(config: Config) -> dict[str, Config]:
    """The kinds of a mixed ensemble, each with the config of its own; no others have kinds."""
    mixed = ("cnn", "mlp") if config.network == "mixed" else ()
    return {kind: dataclasses.replace(config, network=kind) for kind in mixed}


def started(config: Config, key: Array, T: int) -> Params:
    """Parameters of every member, [M, ...]; of a mixed ensemble by kind."""
    if own := kinds(config):
        keys = jax.random.split(key, len(own))
        return {
            kind: started(one, key, T) for (kind, one), key in zip(own.items(), keys, strict=True)
        }
    x, model = jnp.zeros((1, T, A)), network(config)
    more = (jnp.ones((1, T)),) if config.network == "gru" else ()
    keys = jax.random.split(key, config.members)
    return jax.vmap(lambda key: model.init(key, x, *more)["params"])(keys)


def answers(config: Config, params: Params, x: Array) -> Array:
    """Logits of every member [M, B, 2] for x [B, T, 4]; M counts the members of all kinds."""
    if own := kinds(config):
        return jnp.concatenate([answers(one, params[kind], x) for kind, one in own.items()])
    model = network(config)
    more = (jnp.ones(x.shape[:2]),) if config.network == "gru" else ()  # no padding

    def one(params: Params) -> Array:
        return model.apply({"params": params}, x, *more)[0]

    return jax.vmap(one)(params)


def agreed(z: Array) -> Array:
    """Logits [B, K] of the members' mean probability, z [M, B, K]."""
    return jax.nn.logsumexp(jax.nn.log_softmax(z), axis=0) - jnp.log(float(len(z)))


def build(config: Config) -> Task:
    """The Task: folds times members, side by side."""
    found = held(config)
    T = found.inputs.shape[1]

    def init(key: Array) -> tuple[Params, Any]:
        return started(config, key, T), {}

    def logits(params: Params, batch: Batch) -> Array:
        dtype = jax.tree.leaves(params)[0].dtype
        return answers(config, params, jax.nn.one_hot(batch["inputs"], A, dtype=dtype))

    def loss(params: Params, extra: Any, batch: Batch, context: Context) -> tuple[Sum, Aux]:
        """In training each member by itself, in evaluation what they agree on."""
        z, targets, mask = logits(params, batch), batch["targets"], batch["mask"]
        both = agreed(z)
        if context.train:
            each = jax.vmap(losses.cross_entropy, in_axes=(0, None))(z, targets)  # [M, B]
            cost = metrics.summed(each.mean(axis=0), mask)
        else:
            cost = metrics.summed(losses.cross_entropy(both, targets), mask)
        return cost, Aux(extra, {"accuracy": metrics.accuracy(both, targets, mask)})

    split = data.Split(found.inputs, found.targets)
    task = Task(
        init=init,
        loss=loss,
        tx=optim.make(config.optimizer),
        hyper=optim.hyper(config.optimizer),
        train=data.resident(split, prefix="all"),
        constants={"all": {"inputs": found.inputs, "targets": found.targets}},
        predict=lambda params, extra, batch, context: agreed(logits(params, batch)),
    )
    return cross_validation.cross_validated(task, found.dealt, together=config.together)


def shares(arm: Arm) -> np.ndarray:
    """P(promoter) of every sequence by the networks that left it out, [m]."""
    found = held(arm.config)
    return softmax(found.dealt.gathered(np.float64(arm.predict("test")[0])), axis=1)[:, 1]


def errors(arm: Arm) -> int:
    """Sequences taken for what they are not."""
    return round((1 - arm["test/accuracy"]) * len(held(arm.config).targets))


@functools.lru_cache(maxsize=4)
def looked_at(arm: Arm) -> np.ndarray:
    """What speaks for a promoter, float64 [T, 4]: mean slope of z_1 - z_0 at the true promoters.

    Over all folds and members; a letter's weight is beside the mean of the four at its place,
    which one-hot inputs cannot tell from a bias.
    """
    found, config = held(arm.config), arm.config
    x = jax.nn.one_hot(found.inputs[found.targets == 1], A)

    @jax.jit
    def slope(params: Params) -> Array:
        def evidence(x: Array) -> Array:
            z = jax.lax.map(lambda p: answers(config, p, x).mean(axis=(0, 1)), params)  # [F, 2]
            return (z[:, 1] - z[:, 0]).mean()

        return jax.grad(evidence)(x).sum(axis=0)  # [T, 4]

    weights = np.float64(slope(arm.params))
    return weights - weights.mean(axis=1, keepdims=True)


def motifs(arm: Arm) -> dict[str, np.ndarray]:
    """The filters of the first fold's first member that speak most for a promoter [h, 4]."""
    params = jax.tree.map(lambda leaf: np.float64(leaf[0, 0]), arm.params)
    kernel, W = params["motifs"], params["softmax"]["kernel"]
    F = kernel.shape[-1]
    says = (W[:, 1] - W[:, 0]).reshape(-1, F)  # [S, F]
    best = np.argsort(-says.max(axis=0))[:SHOWN]
    found = {}
    for n, k in enumerate(best, 1):
        place = FIRST + int(says[:, k].argmax()) * arm.config.stretch
        centred = kernel[..., k] - kernel[..., k].mean(axis=1, keepdims=True)
        found[f"{n}: from {place} to {place + arm.config.stretch - 1}"] = np.maximum(centred, 0)
    return found


def inside(arm: Arm) -> dict[str, float]:
    """Box -> how much more its places weigh than those outside both boxes."""
    weight = np.abs(looked_at(arm)).sum(axis=1)  # [T]
    number = FIRST + np.arange(len(weight))
    within = {name: (number >= a) & (number <= b) for name, (a, b) in BOXES.items()}
    outside = weight[~np.logical_or.reduce(list(within.values()))].mean()
    return {name: float(weight[mask].mean() / outside) for name, mask in within.items()}


def as_published(results: Results) -> tuple[bool, str]:
    """Towell et al. 1990: a network by backpropagation takes 8 of 106 sequences for others."""
    arm = results["cnn"]
    if arm.config.data.name != "dna_promoters" or arm.config.folds:
        raise NotAsked("needs --data.name=dna_promoters, each sequence left out once")
    told = ", ".join(f"{name} {errors(one)}" for name, one in results.items())
    return errors(arm) <= PUBLISHED["backpropagation"], f"wrong of 106: {told}"


def boxes_are_found(results: Results) -> tuple[bool, str]:
    """Notes 5: a network finds in DNA what matters: the two boxes weigh more than other places."""
    found = inside(results["cnn"])
    told = ", ".join(f"{name}: {value:.1f}" for name, value in found.items())
    return min(found.values()) > 1.5, f"mean weight of a place beside that elsewhere: {told}"


def figures(results: Results) -> Iterator[Picture]:
    """Errors beside the published ones, where each arm looks, the motifs of the CNN."""
    from ngjax.report import figures as draw

    wrong = {name: float(errors(arm)) for name, arm in results.items()}
    real = results.only.config.data.name == "dna_promoters"
    told = {f"{name} (1990)": float(value) for name, value in PUBLISHED.items()} if real else {}
    yield Picture(
        "errors",
        f"Wrong of {len(held(results.only.config).targets)}, each judged by networks that had not "
        "seen it.",
        draw.bars(
            {**wrong, **told}, xlabel="sequences taken wrongly", best=min(wrong, key=wrong.get)
        ),
    )
    yield Picture(
        "looked-at",
        "What speaks for a promoter: letters above the line, against it below; shaded where the "
        "two motifs, TTGACA and TATAAT, may stand. Copying begins at 0.",
        draw.logos(
            {f"arm {name}": looked_at(arm) for name, arm in results.items()},
            promoters.LETTERS,
            first=FIRST,
            spans=BOXES,
            ylabel="slope of z",
        ),
    )
    if "cnn" in results:
        yield Picture(
            "motifs",
            "Filters of one network that speak most for a promoter, with the places of their first "
            "letter where they do.",
            draw.logos(motifs(results["cnn"]), promoters.LETTERS, ylabel="weight", columns=3),
        )


def texts(results: Results) -> Iterator[Text]:
    """Which sequences were taken for what they are not, by arm."""
    found = held(results.only.config)
    for name, arm in results.items():
        share = shares(arm)
        wrong = np.flatnonzero((share > 0.5) != (found.targets == 1))
        surest = wrong[np.argsort(-np.abs(share[wrong] - 0.5), kind="stable")][:SUREST]
        rows = [
            f"{i:4}  {promoters.CLASSES[found.targets[i]]:9}{share[i]:6.2f}  "
            f"{''.join(promoters.LETTERS[k] for k in found.inputs[i])}"
            for i in surest
        ]
        head = "number, class, P(promoter), letters"
        title = f"Arm {name}: the surest of {len(wrong)} mistakes in {len(share)}"
        yield Text(title, "\n".join([head, *rows]) if rows else "none")
    yield Text("Data", found.notes)


def answer(learned: Learned, source: str) -> Answer:
    """Whether 57 letters are a promoter, or every line of a file; all folds' networks agree."""
    T = held(learned.config).inputs.shape[1]

    def encode(line: str) -> np.ndarray:
        letters = data.letters_of(line)
        if len(letters) != T:
            raise UserError(f"{len(letters)} letters; give {T}, {promoters.START} before the start")
        return letters

    return name_lines(learned, source, encode=encode, inputs=np.stack, classes=promoters.CLASSES)


EXPERIMENT = Experiment(
    notes="5",
    config=Config(),
    build=build,
    objective=("train/loss", "min"),
    arms={
        "cnn": ("network=cnn",),
        "mlp": ("network=mlp",),
        "single": ("network=cnn", "members=1"),
        "gru": ("network=gru", "members=2"),
        "mixed": ("network=mixed",),
    },
    smoke=("run.steps=2", "width=2", "folds=2", "run.evaluate_every=2"),
    claims={"towell-1990": as_published, "boxes-are-found": boxes_are_found},
    figures=figures,
    texts=texts,
    predict=answer,
)
