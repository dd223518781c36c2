"""Slices of time that other processes left alone, and ratios that are paired by round."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

MOST_STOLEN = 0.06  # cores that others may use in a slice that counts
WARM = 0.15  # share of a slice that runs before the clock does
TICK = os.sysconf("SC_CLK_TCK")


class Quartiles(NamedTuple):
    """The median and what lies around it."""

    low: float
    median: float
    high: float


def busy(stat: str) -> float:
    """Core-seconds that all processes have used, from the text of /proc/stat.

    user + nice + system + irq + softirq + steal; guests are already in user, idle and iowait are
    none.
    """
    fields = [int(field) for field in stat.splitlines()[0].split()[1:]]
    user, nice, system, _, _, irq, softirq, steal = fields[:8]
    return (user + nice + system + irq + softirq + steal) / TICK


def stolen(all_used: float, own: float, seconds: float) -> float:
    """Cores that others used on average; clocks tick in hundredths, so it may be below zero."""
    return (all_used - own) / seconds


def disturbed(cores: float) -> bool:
    """Whether a slice in which others used so many cores must be measured again."""
    return cores > MOST_STOLEN


def quartiles(values: Sequence[float]) -> Quartiles:
    """Inclusive quartiles; of one value, itself."""
    if len(values) == 1:
        return Quartiles(*values * 3) if isinstance(values, tuple) else quartiles(tuple(values))
    return Quartiles(*statistics.quantiles(values, n=4, method="inclusive"))


def ratios(rates: Mapping[int, float], baseline: Mapping[int, float]) -> Quartiles:
    """Median and quartiles over rounds of rate / baseline of the same round.

    Raises:
        ValueError: they have no round in common.
    """
    common = sorted(rates.keys() & baseline.keys())
    if not common:
        raise ValueError("no round in which both were measured")
    return quartiles([rates[r] / baseline[r] for r in common])


def clock(call: Callable[[], Any], seconds: float) -> dict[str, Any]:
    """Call for a time, the first share untimed; with no time: once, timed.

    Returns:
        "each": median seconds of a call, "calls", "stolen": cores that others used meanwhile.
    """
    end = time.perf_counter() + WARM * seconds
    while time.perf_counter() < end:
        call()
    before, own, begun, each = _busy_now(), _own(), time.perf_counter(), []
    while not each or time.perf_counter() - begun < (1 - WARM) * seconds:
        start = time.perf_counter()
        call()
        each.append(time.perf_counter() - start)
    wall = time.perf_counter() - begun
    cores = stolen(_busy_now() - before, _own() - own, wall)
    return {"each": statistics.median(each), "calls": len(each), "stolen": cores}


def _busy_now() -> float:
    stat = Path("/proc/stat")
    return busy(stat.read_text()) if stat.exists() else _own()


def _own() -> float:
    return time.process_time()
