r"""Exponentially weighted averages of a real daily series: their window, and their first days.

    v_t = beta v_{t-1} + (1 - beta) theta_t,    v_0 = 0
    v_t = sum_k (1 - beta) beta^k theta_{t-k},    a window of about 1 / (1 - beta) days
    v_hat_t = v_t / (1 - beta^t)

Notes 2.4. theta is the price of a share on 1047 trading days (Google, 2004 to 2008, a sample that
travels inside Matplotlib), in place of the lectures' daily temperature; or the brightness of a
photograph from column to column. The print takes 0.98^10 for 0.98^50 and epsilon = 0.9 for 0.1,
says that the averages are off for large t (they are for small t), and writes bias correction as a
recursion, which diverges when it is fed its own values.

    python launch.py --experiment=moving_average
    python launch.py --experiment=moving_average --series=volume
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ngjax import data, optim
from ngjax.experiment import Experiment, NotAsked, Picture, Results, Text
from ngjax.optim import average

ONE_OVER_E = math.exp(-1)
SHOWN = 250  # days of the end that are drawn, about a year
FIRST = 100  # days of the start and of the weights that are drawn
SETTLED = 1e-4  # beta^T below which an average has forgotten its start
AGREE = 1e-10  # between the recursion and the weighted sum, as a share of the largest value


@dataclasses.dataclass(frozen=True)
class Config:
    """What may be turned."""

    series: Literal["price", "volume", "brightness"] = "price"  # what is averaged
    beta: float = 0.9  # weight of the past
    limit: int = 0  # days that are used, from the first; 0: all

    def __post_init__(self) -> None:
        """Refuse what no average can be."""
        if not 0 < self.beta < 1:
            raise ValueError(f"beta: must be in (0, 1), got {self.beta}")
        if self.limit < 0 or self.limit == 1:
            raise ValueError(f"limit: must be 0 or at least 2, got {self.limit}")


class Series(NamedTuple):
    """What is averaged.

    Attributes:
        theta: values in their order, float64 [T].
        name: what one value is, with its unit.
        place: what t counts.
        origin: where it comes from.
    """

    theta: np.ndarray
    name: str
    place: str
    origin: str


@functools.cache
def read(name: str) -> Series:
    """A real series from inside a dependency."""
    if name == "brightness":
        theta = np.float64(data.photograph("china")).mean(axis=(0, 2))  # [W]
        return Series(theta, "mean brightness", "column", "the photograph china of scikit-learn")
    from matplotlib import cbook

    table = np.load(cbook.get_sample_data("goog.npz", asfileobj=False))["price_data"]
    days = f"Google, {table['date'][0]} to {table['date'][-1]}; goog.npz of Matplotlib's samples"
    if name == "price":
        return Series(table["adj_close"], "price in dollars", "trading day", days)
    return Series(table["volume"] / 1e6, "million shares traded", "trading day", days)


def series(config: Config) -> Series:
    """The series, shortened as the config asks."""
    whole = read(config.series)
    return whole._replace(theta=whole.theta[: config.limit or None])


def run(config: Config, seed: int) -> dict[str, Any]:
    """The averages of the series and what can be measured of them; nothing is drawn by chance."""
    del seed
    theta, beta = series(config).theta, config.beta
    with jax.enable_x64(True):
        v, v_hat = (np.asarray(optim.ewa(theta, beta, mend)) for mend in (False, True))  # [T]
        impulses = optim.ewa(np.eye(len(theta)), beta)  # [T, T]: each day's share in each average
        weights = np.asarray(impulses[-1, ::-1])  # [T]
        fed_back = np.asarray(printed(theta, beta))  # [T]
    k = min(round(1 / (1 - beta)), len(theta) - 1)
    return {
        "v": v,
        "v_hat": v_hat,
        "fed_back": fed_back,
        "weights": weights,
        "window": weights.sum() / weights[0],  # days of equal weight with the same sum
        "weight_at_window": weights[k] / weights[0],
        "roughness": np.abs(np.diff(v_hat)).mean() / np.abs(np.diff(theta)).mean(),
        "delay": delay(theta, v_hat),
        "first": v[0] / theta[0],
        "last": v[-1] / v_hat[-1],
    }


def printed(theta: np.ndarray, beta: float) -> jax.Array:
    """The recursion as it is printed: corrected values are fed back, [T]."""

    def step(v: jax.Array, now: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        value, t = now
        v = average.corrected(average.average(v, value, beta), beta, t)
        return v, v

    t = jnp.arange(1, len(theta) + 1)
    return jax.lax.scan(step, jnp.zeros([]), (jnp.asarray(theta), t))[1]


def delay(theta: np.ndarray, v_hat: np.ndarray) -> int:
    """By how many values the average runs late: the shift at which it fits the series best."""
    longest = len(theta) // 4
    rest = v_hat[longest:]
    offs = [((rest - theta[longest - k : len(theta) - k]) ** 2).mean() for k in range(longest)]
    return int(np.argmin(offs))


def found(results: Results, name: str) -> dict[str, Any]:
    """All that the arm's run returned."""
    return dict(next(iter(results[name].found.values())))


def long_enough(results: Results) -> None:
    """Refuses to judge an end that the start still shows in."""
    for name, arm in results.items():
        if arm.config.beta ** len(series(arm.config).theta) > SETTLED:
            raise NotAsked(f"the series is too short to forget its start at beta {name}")


def recursion_is_a_weighted_sum(results: Results) -> tuple[bool, str]:
    """Notes 2.4: unrolled, v_t is the sum of (1 - beta) beta^k theta_{t-k}: .1, .09, .081 ..."""
    worst = 0.0
    for name, arm in results.items():
        theta, beta = series(arm.config).theta, arm.config.beta
        shares = (1 - beta) * beta ** np.arange(len(theta))
        sums = np.convolve(theta, shares)[: len(theta)]
        worst = max(worst, np.abs(found(results, name)["v"] - sums).max() / np.abs(theta).max())
    return bool(worst < AGREE), f"largest difference {worst:.1e} of the largest value"


def window(results: Results) -> tuple[bool, str]:
    """Notes 2.4: an average looks back over about 1 / (1 - beta) values; here within one."""
    long_enough(results)
    wanted = {name: 1 / (1 - arm.config.beta) for name, arm in results.items()}
    told = ", ".join(f"{results[n]['window']:.1f} for {w:.0f}" for n, w in wanted.items())
    holds = all(abs(results[n]["window"] - w) < 1 for n, w in wanted.items())
    return holds, f"values of the newest's weight that would sum to the same: {told}"


def one_over_e_at_ten(results: Results) -> tuple[bool, str]:
    """Notes 2.4: 0.9^10 is about 1/e; within 0.02, read from the weight of ten days ago."""
    weight = results["0.9"]["weight_at_window"]
    return abs(weight - ONE_OVER_E) < 0.02, f"0.9^10 = {weight:.4f}, 1/e = {ONE_OVER_E:.4f}"


def one_over_e_at_fifty(results: Results) -> tuple[bool, str]:
    """Notes 2.4, corrected: it is 0.98^50 that is about 1/e (within 0.02), not 0.98^10."""
    fifty = results["0.98"]["weight_at_window"]
    weights = found(results, "0.98")["weights"]
    ten = weights[10] / weights[0]
    told = f"0.98^50 = {fifty:.4f}, 0.98^10 = {ten:.4f}, 1/e = {ONE_OVER_E:.4f}"
    return bool(abs(fifty - ONE_OVER_E) < 0.02 < abs(ten - ONE_OVER_E)), told


def limit_of_epsilon(results: Results) -> tuple[bool, str]:
    """Notes 2.4, corrected: with epsilon = 1 - beta, (1 - eps)^(1/eps) nears 1/e as eps falls."""
    near = [results[name]["weight_at_window"] for name in ("0.5", "0.9", "0.98")]
    gaps = [abs(weight - ONE_OVER_E) for weight in near]
    told = ", ".join(f"{weight:.4f}" for weight in near)
    told += f" for eps = .5, .1, .02; 1/e = {ONE_OVER_E:.4f}"
    return gaps == sorted(gaps, reverse=True), told


def bias_is_at_the_start(results: Results) -> tuple[bool, str]:
    """Notes 2.4, corrected: v is too small for small t (by 1 - beta^t), right for large t."""
    long_enough(results)
    holds, told = True, []
    for name, arm in results.items():
        first, last = arm["first"], arm["last"]
        holds &= abs(first - (1 - arm.config.beta)) < 1e-9 and abs(last - 1) < SETTLED
        told.append(f"beta {name}: {first:.2f} of v_hat at first, {last:.6f} in the end")
    return bool(holds), "; ".join(told)


def never_fed_back(results: Results) -> tuple[bool, str]:
    """Notes 2.4, corrected: v_hat stays within the series; fed back as printed, v overshoots it."""
    holds, told = True, []
    for name, arm in results.items():
        theta, values = series(arm.config).theta, found(results, name)
        lowest, highest = np.minimum.accumulate(theta), np.maximum.accumulate(theta)
        slack = 1e-9 * theta.max()
        inside = (values["v_hat"] >= lowest - slack) & (values["v_hat"] <= highest + slack)
        most = (values["fed_back"] / highest).max()
        holds &= inside.all() and most > 1
        told.append(f"{most:.3g} (beta {name})")
    return bool(holds), f"as printed, up to so many times the highest value yet: {', '.join(told)}"


def longer_is_smoother_and_later(results: Results) -> tuple[bool, str]:
    """A larger beta gives a smoother average, and one that follows later."""
    names = ("0.5", "0.9", "0.98")
    rough = [results[name]["roughness"] for name in names]
    late = [results[name]["delay"] for name in names]
    pairs = ", ".join(f"{r:.2f} and {d:.0f}" for r, d in zip(rough, late, strict=True))
    holds = rough == sorted(rough, reverse=True) and late == sorted(late) and late[0] < late[-1]
    told = f"change from value to value as a share of the series' own, and delay: {pairs}"
    return holds, f"{told} (beta .5, .9, .98)"


def figures(results: Results) -> Iterator[Picture]:
    """The averages, their first days, their weights."""
    from ngjax.report import figures as draw

    held = series(results.only.config)
    shown = {name: found(results, name) for name in results}
    t = np.arange(1, len(held.theta) + 1)
    yield Picture(
        "averages",
        "The end of the series and its averages: a larger beta is smoother, and later.",
        draw.lines(
            t[-SHOWN:],
            {
                "theta": held.theta[-SHOWN:],
                **{f"beta {name}": each["v_hat"][-SHOWN:] for name, each in shown.items()},
            },
            xlabel=held.place,
            ylabel=held.name,
        ),
    )
    name, slowest = max(shown.items(), key=lambda item: results[item[0]].config.beta)
    first = slice(0, FIRST)
    yield Picture(
        "first-days",
        f"The first days at beta {name}: v starts at zero and is too small, v_hat is not.",
        draw.lines(
            t[first],
            {
                "theta": held.theta[first],
                **{key: slowest[key][first] for key in ("v", "v_hat")},
            },
            xlabel=held.place,
            ylabel=held.name,
        ),
    )
    ages = np.arange(min(FIRST, len(held.theta)))
    shares = {f"beta {n}": s["weights"][ages] / s["weights"][0] for n, s in shown.items()}
    yield Picture(
        "weights",
        "What a value counts as it ages: it is down to 1/e after about 1 / (1 - beta).",
        draw.lines(
            ages,
            {**shares, "1/e": np.full(len(ages), ONE_OVER_E)},
            xlabel=f"age, in {held.place}s",
            ylabel="share of the newest's weight",
        ),
    )


def texts(results: Results) -> Iterator[Text]:
    """The first values by hand's arithmetic, and where the series comes from."""
    held = series(results.only.config)
    head = "".join(f"{f'v ({name})':>14}{f'v_hat ({name})':>14}" for name in results)
    rows = [f"{'t':>5}{'theta':>12}{head}"]
    shown = {name: found(results, name) for name in results}
    for t in (0, 1, 2, 4, 9, 19, 49, 99, len(held.theta) - 1):
        if t < len(held.theta):
            cells = "".join(f"{s['v'][t]:14.3f}{s['v_hat'][t]:14.3f}" for s in shown.values())
            rows.append(f"{t + 1:5}{held.theta[t]:12.3f}{cells}")
    yield Text("Averages", "\n".join(rows))
    yield Text("Data", f"{held.name} by {held.place}: {held.origin}")


EXPERIMENT = Experiment(
    notes="2.4",
    config=Config(),
    run=run,
    arms={"0.5": ("beta=0.5",), "0.9": ("beta=0.9",), "0.98": ("beta=0.98",)},
    smoke=("limit=120",),
    claims={
        "ewa-recursion": recursion_is_a_weighted_sum,
        "ewa-window": window,
        "ewa-0.9-10": one_over_e_at_ten,
        "ewa-0.98": one_over_e_at_fifty,
        "ewa-epsilon": limit_of_epsilon,
        "bias-correction-when": bias_is_at_the_start,
        "bias-correction-formula": never_fed_back,
        "longer-window-smoother-and-later": longer_is_smoother_and_later,
    },
    figures=figures,
    texts=texts,
    terms=("exponentially weighted averages",),
)
