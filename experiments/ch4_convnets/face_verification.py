r"""Face verification: is this the claimed person? Answered for people never seen in training.

    the same person  where  d(x1, x2) = ||f(x1) - f(x2)||^2 < tau
    J = sum max(||f(A) - f(P)||^2 - ||f(A) - f(N)||^2 + alpha, 0)

Notes 4.14 and 4.14.1; Schroff, Kalenichenko & Philbin 2015. f is a small inception network whose
output has length one. Triplets are chosen in batches of P people x `each` photographs: the hardest
(Hermans et al. 2017) or the semi-hard (Schroff et al.). Arm `classification` learns a softmax over
the training people instead and takes f before it; --encoding.learns=both learns both. Step 3 of the
print has a product and no N, step 4 no maximum (`ngjax.losses.triplet`).

tau is set on the dev people and judged on the test people; same and different pairs weigh alike.
The distance of raw pixels is judged beside it in the same way. By default the people are digits,
every way up another one: fifteen to learn, four for tau, six to be told apart.

    python launch.py --experiment=face_verification

The ORL faces, 24 people to learn, 6 for tau, 10 for the test; --data.split_seed=1 to 4 are others:

    python launch.py --experiment=face_verification --data.name=orl_faces --data_dir=DIRECTORY \
        --data.split_seed=0 --arms=semi-hard --encoding.network=mobilenet --encoding.size=300 \
        --encoding.most=112 --run.batch_size=96 --run.steps=40 --optimizer.learning_rate=1e-4 \
        --warp.flip=true

Few people suffice for a linear encoding that starts from Fisher's discriminant
(`ngjax.ops.fisher`), of what MobileNet's first five blocks see, or, without published weights (arm
`edges`), of edges by angle and place (notes 4.1.1). Five splits, pairs of unseen people: mobilenet
0.964 +- 0.010, edges 0.935 +- 0.013, raw pixels 0.855 +- 0.027. Blocks, grid and shrinkage were
chosen on other splits, 10 to 21, of the same 40 people.

Who in a folder is one of those enrolled in another (a folder or an image a person):

    python launch.py --experiment=face_recognition --mode=predict --input=ENROLLED:OTHERS
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np

from ngjax import data, metric_learning, optim
from ngjax.experiment import Experiment, Picture, Results, Text, encoding
from ngjax.experiment.encoding import Encoding
from ngjax.experiment.results import Arm
from ngjax.metric_learning import Lesson
from ngjax.models.facenet import FaceNet
from ngjax.models.table import format_table, layer_table
from ngjax.strategy import verification
from ngjax.train.settings import Run
from ngjax.types import Task

FALSE_ACCEPT = 0.01
SHOWN = 12  # pairs of a kind in a picture
BINS = 30


ENCODING, WARP = Encoding(), data.Warp()


@dataclasses.dataclass(frozen=True)
class Config:
    """What may be turned."""

    encoding: Encoding = ENCODING  # the network, and what it is learned from
    warp: data.Warp = WARP  # how training photographs are changed
    data: data.Data = data.Data(name="turned_digits", split_seed=1)
    optimizer: optim.Optimizer = optim.Optimizer(rule="adam", learning_rate=3e-3, schedule="cosine")
    run: Run = Run(steps=300, batch_size=60, evaluate_every=100)


class Judged(NamedTuple):
    """Pairs of test people, and the threshold that other people set."""

    d: np.ndarray  # [n]
    same: np.ndarray  # bool [n]
    i: np.ndarray  # [n], into all photographs
    j: np.ndarray
    tau: float


def judge(d: np.ndarray, who: np.ndarray, tests: np.ndarray) -> Judged:
    """Pairs of the test people, and tau of the others; where there are no others, their own.

    Args:
        d: distances of all photographs [m, m].
        who: is on each [m].
        tests: bool [m].
    """
    chosen, own = [], np.flatnonzero(tests)
    for members in (own if tests.all() else np.flatnonzero(~tests), own):
        i, j, same = verification.pairs(who[members])
        chosen.append((d[members[i], members[j]], same, members[i], members[j]))
    tau = verification.choose_threshold(verification.roc(*chosen[0][:2]))
    return Judged(*chosen[1], tau)


def told(judged: Judged) -> dict[str, float]:
    """The metrics of these pairs."""
    curve = verification.roc(judged.d, judged.same)
    return {
        "verification": verification.accuracy_at(judged.d, judged.same, judged.tau),
        "equal_error": verification.equal_error(curve),
        "true_accept": verification.true_accept_at(curve, FALSE_ACCEPT),
    }


def score(
    asked: Lesson, f: np.ndarray, who: np.ndarray, pixels: np.ndarray, tests: np.ndarray
) -> Mapping[str, float]:
    """Of the encoding, and of raw pixels beside it."""
    own = told(judge(metric_learning.distances(f, asked), who, tests))
    raw = told(judge(metric_learning.pixel_distances(pixels), who, tests))
    return own | {f"pixel_{name}": value for name, value in raw.items()}


def build(config: Config) -> Task:
    """The Task."""
    return encoding.task(
        config.encoding,
        people(config),
        config.data,
        config.optimizer,
        config.warp,
        functools.partial(score, config.encoding.lesson),
    )


def people(config: Config) -> data.Dataset:
    """The set, split by person, brought to size."""
    return encoding.people(config.encoding, config.data)


def network(config: Config) -> tuple[FaceNet, tuple[int, ...]]:
    """The encoding and the shape of a photograph."""
    held = people(config)
    return encoding.network(config.encoding, held), held.train.inputs.shape[1:]


def pixels_are_poor(results: Results) -> tuple[bool, str]:
    """Notes 4.14: the distance of raw pixels does poorly; an encoding does better.

    Read from the equal error rate on the test people, of the paper's own way to choose triplets.
    """
    arm = results["semi-hard"]
    pixels, learned = arm["test/pixel_equal_error"], arm["test/equal_error"]
    return learned < pixels, f"equal error {pixels:.3f} of pixels, {learned:.3f} of arm {arm.name}"


def mining_learns(results: Results) -> tuple[bool, str]:
    """Schroff et al. 2015: semi-hard triplets keep training from collapse to one point.

    The hardest may collapse; what is chosen semi-hard must verify no worse on the test people.
    """
    semi, hard = (results[name]["test/verification"] for name in ("semi-hard", "batch-hard"))
    return semi >= hard, f"verification {semi:.3f} semi-hard, {hard:.3f} batch-hard"


def encodings_have_length_one(results: Results) -> tuple[bool, str]:
    """Notes 4.14.1 print an encoding that is not of length one; FaceNet's are, to rounding."""
    f, _ = best(results).predict("test")
    off = float(np.abs(np.linalg.norm(np.float64(f), axis=1) - 1).max())
    return off < 1e-5, f"largest difference from one {off:.2g}"


def best(results: Results) -> Arm:
    """The arm that verifies the dev people best."""
    return max(results.values(), key=lambda arm: arm["dev/verification"])


def tested(arm: Arm) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """(encodings, who, photographs, tests) of dev and test people, under the first seed."""
    f, batch = arm.predict("test")
    return np.float64(f), batch["targets"], batch["inputs"], batch["judged"] > 0


def figures(results: Results) -> Iterator[Picture]:
    """ROC curves, distances, a map of the test people, pairs."""
    from ngjax.report import figures as draw

    rates = np.linspace(0, 0.5, 201)
    arm = best(results)
    curves = {}
    for name, each in results.items():
        f, who, pixels, tests = tested(each)
        curves[name] = judge(metric_learning.distances(f, each.config.encoding.lesson), who, tests)
    curves["pixels"] = judge(metric_learning.pixel_distances(pixels), who, tests)
    yield Picture(
        "roc",
        "Pairs of test people: the share of same pairs accepted by the share of different pairs "
        "accepted wrongly, over all thresholds.",
        draw.lines(
            rates,
            {name: accepted(judged, rates) for name, judged in curves.items()},
            xlabel="different pairs accepted (false accept)",
            ylabel="same pairs accepted (true accept)",
        ),
    )
    judged = curves[arm.name]
    for name, shown in ((arm.name, judged), ("pixels", curves["pixels"])):
        edges = np.linspace(0, float(np.quantile(shown.d, 0.995)), BINS + 1)
        kinds = {"same person": shown.same, "different people": ~shown.same}
        shares = {
            kind: np.histogram(shown.d[which], edges)[0] / which.sum()
            for kind, which in kinds.items()
        }
        yield Picture(
            f"distances-{name}",
            f"Distances of pairs of test people ({name}), and the threshold of the dev people.",
            draw.lines(
                (edges[:-1] + edges[1:]) / 2,
                shares,
                xlabel="distance of a pair",
                ylabel="share of the pairs",
                title=f"{name}: tau = {shown.tau:.3g}",
            ),
        )
    f, who, pixels, tests = tested(arm)
    names = people(arm.config).classes
    yield Picture(
        "map",
        f"The encodings of the test people (arm {arm.name}) on their two main directions, a "
        "colour a person.",
        draw.points(
            main_directions(f[tests]),
            who[tests] - who[tests].min(),
            [names[k] for k in np.unique(who[tests])],
        ),
    )
    shown, titles, wrong = gallery(judged, pixels)
    yield Picture(
        "pairs",
        f"Pairs of test people, their distances (arm {arm.name}, tau = {judged.tau:.2f}): first "
        "the worst and the best of one person, then those of two; mistakes are framed.",
        draw.image_grid(shown, titles, wrong=wrong, columns=6),
    )


def accepted(judged: Judged, rates: np.ndarray) -> np.ndarray:
    """The true-accept rate at false-accept rates, the better where a step is."""
    curve = verification.roc(judged.d, judged.same)
    at = np.searchsorted(curve.false_accept, rates, "right") - 1
    return curve.true_accept[at]


def main_directions(f: np.ndarray) -> np.ndarray:
    """The first two principal components, [m, D] to [m, 2]."""
    off = f - f.mean(0)
    return off @ np.linalg.svd(off, full_matrices=False)[2][:2].T


def gallery(judged: Judged, pixels: np.ndarray) -> tuple[np.ndarray, list[str], np.ndarray]:
    """Half of the pairs of a kind the hardest, half the easiest: pictures, titles, mistakes."""
    picked = []
    for kind, sign in ((judged.same, -1), (~judged.same, 1)):
        members = np.flatnonzero(kind)
        order = members[np.argsort(sign * judged.d[members], kind="stable")]
        half = min(SHOWN // 2, len(order) // 2)
        picked += [*order[:half], *order[len(order) - half :]]
    images = np.concatenate([pixels[judged.i[picked]], pixels[judged.j[picked]]], axis=2)
    d, same = judged.d[picked], judged.same[picked]
    titles = [f"{'same' if s else 'two'} {x:.2f}" for s, x in zip(same, d, strict=True)]
    return images, titles, (d <= judged.tau) != same


def texts(results: Results) -> Iterator[Text]:
    """Every arm beside pixels, the layers, the people."""
    lines = [f"{'':16}{'accuracy':>10}{'equal error':>13}{'true accept at 1 %':>20}"]
    rows = {name: (arm, "") for name, arm in results.items()}
    rows["pixels"] = (results.only, "pixel_")
    for name, (arm, kind) in rows.items():
        told = [arm[f"test/{kind}{m}"] for m in ("verification", "equal_error", "true_accept")]
        lines.append(f"{name:16}{told[0]:10.3f}{told[1]:13.3f}{told[2]:20.3f}")
    yield Text("Pairs of test people, threshold of the dev people", "\n".join(lines))
    config = results.only.config
    yield Text("Layers of the encoding", format_table(layer_table(*network(config))))
    yield Text("Data", people(config).notes)


EXPERIMENT = Experiment(
    notes="4.14, 4.14.1",
    config=Config(),
    build=build,
    objective=("dev/verification", "max"),
    arms={
        "batch-hard": (),
        "semi-hard": ("encoding.learns=semi-hard",),
        "classification": ("encoding.learns=classification",),
        "edges": ("encoding.network=edges", "encoding.learns=semi-hard"),
    },
    smoke=(
        "run.steps=2",
        "encoding.modules=1",
        "data.limit=40",
        "encoding.width=0.1",
        "encoding.least=8",
        "encoding.size=8",
        "run.batch_size=16",
    ),
    claims={
        "pixel-distance-poor": pixels_are_poor,
        "semi-hard-mining": mining_learns,
        "facenet-source": encodings_have_length_one,
    },
    figures=figures,
    texts=texts,
    network=network,
    terms=("face verification",),
)
