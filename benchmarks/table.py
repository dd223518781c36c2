"""The results as a table: what was reached, beside what was to be.

python -m benchmarks.table benchmarks/results/cpu.json        the table of the README
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.timing import Quartiles, ratios
from benchmarks.workloads import named, of_the_data, products

HOUSE, EAGER = ("ngjax", "ngjax-2"), ("torch", "torch-fused")
COLUMNS = {  # peers of the README's table
    "torch": "PyTorch eager",
    "torch-compile": "torch.compile",
    "keras-jax": "Keras on JAX",
    "flax": "flax loop",
    "barnes-hut": "Barnes-Hut",
    "exact": "exact",
}


def rates(found: Mapping[str, Any]) -> dict[str, dict[int, float]]:
    """Contestant -> round -> examples (of a job: jobs) a second."""
    return {
        name: {int(r): one["rate"] for r, one in told["rounds"].items()}
        for name, told in found["contestants"].items()
        if told.get("rounds")
    }


def better(rates: Mapping[str, Mapping[int, float]], names: tuple[str, ...]) -> str | None:
    """Of these, the one whose median rate is the highest."""
    there = [name for name in names if name in rates]
    return max(there, key=lambda name: _median(rates[name]), default=None)


def compared(found: Mapping[str, Any]) -> dict[str, Quartiles]:
    """The best setting of ngjax against every peer; "torch" is the better of its two Adams."""
    every = rates(found)
    house, eager = better(every, HOUSE), better(every, EAGER)
    if house is None:
        return {}
    against = {name: name for name in every if name not in (*HOUSE, *EAGER)}
    against |= {"torch": eager} if eager else {}
    return {name: ratios(every[house], every[peer]) for name, peer in against.items()}


def rows(results: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """(workload, examples a second, % of the product's peak, peer, ratio, quartiles, bar)."""
    made = []
    for name, found in results["workloads"].items():
        every, workload = rates(found), named(name)
        house, bars = better(every, HOUSE), dict(workload.bars)
        speed = _median(every[house]) if house else 0.0
        unit = f"{1 / speed:.2f} s" if workload.job and speed else f"{speed:,.0f}/s"
        head = (name, unit, _share(results, name, speed), house or "-")
        for peer, ratio in sorted(compared(found).items(), key=lambda item: item[0] not in bars):
            bar = bars.get(peer)
            verdict = "" if bar is None else f"{bar} {'yes' if ratio.median >= bar else 'NO'}"
            around = f"{ratio.low:.2f}-{ratio.high:.2f}"
            made.append((*head, peer, f"{ratio.median:.2f}", around, verdict))
            head = ("", "", "", "")
    return made


def _share(results: Mapping[str, Any], name: str, speed: float) -> str:
    """Multiply-adds of a step, forward and both gradients, over the measured peak."""
    peak, workload = results.get("matrix_peak"), named(name)
    flops = 2 * (3 * products(workload) - of_the_data(workload)) * speed
    return f"{100 * flops / peak:.0f} %" if peak and flops else ""


def show(results: Mapping[str, Any]) -> None:
    """Print it."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title="ngjax over its peers, medians of ratios paired by round")
    heads = ("workload", "ngjax", "of peak", "setting", "over", "ratio", "quartiles", "bar")
    for head in heads:
        table.add_column(head, justify="right" if head in ("ngjax", "ratio") else "left")
    for row in rows(results):
        table.add_row(*row)
    console = Console(width=100)
    console.print(table)
    for line in remarks(results):
        console.print(line)


def markdown(results: Mapping[str, Any]) -> list[str]:
    """The README's table: a ratio a peer, bold where its bar is reached."""
    there = {peer for found in results["workloads"].values() for peer in compared(found)}
    columns = {peer: title for peer, title in COLUMNS.items() if peer in there}
    lines = [
        " | ".join(["| workload", "ngjax", "of peak", *columns.values(), "bars |"]),
        "|---" * (4 + len(columns)) + "|",
    ]
    for name, found in results["workloads"].items():
        every, workload = rates(found), named(name)
        house, bars, ratio = better(every, HOUSE), dict(workload.bars), compared(found)
        if house is None:
            continue
        speed = _median(every[house])
        unit = f"{1 / speed:.2f} s" if workload.job else f"{speed:,.0f}/s"
        cells = []
        for peer in columns:
            told = f"{ratio[peer].median:.2f}" if peer in ratio else "-"
            reached = peer in ratio and peer in bars and ratio[peer].median >= bars[peer]
            cells.append(f"**{told}**" if reached else told)
        asked = ", ".join(f"{bar}" for bar in bars.values())
        on_two = " on two devices" if house.endswith("-2") else ""
        row = [f"| `{name}`{on_two}", unit, _share(results, name, speed) or "-", *cells]
        lines.append(" | ".join([*row, f"{asked} |"]))
    return lines


def remarks(results: Mapping[str, Any]) -> list[str]:
    """What stands in no row: peak, start-up, growth, what is not as it should be."""
    lines = []
    if peak := results.get("matrix_peak"):
        lines.append(f"the best product of matrices: {peak / 1e9:,.0f} GFLOP/s")
    if peak := results.get("torch_peak"):
        lines.append(f"the same by PyTorch: {peak / 1e9:,.0f} GFLOP/s")
    if start := results.get("start"):
        lines.append(
            f"LeNet from process start to first step: {start['cold_seconds']:.1f} s cold, "
            f"{start['warm_seconds']:.1f} s with cached programs"
        )
    for name, rate in results.get("growth", {}).items():
        lines.append(f"MLP, {name}: {rate:,.0f} examples/s")
    for name, found in results["workloads"].items():
        for contestant, told in found["contestants"].items():
            lines += [f"{name}, {contestant}: {what}" for what in told.get("remarks", ())]
    return lines


def _median(by_round: Mapping[int, float]) -> float:
    values = sorted(by_round.values())
    middle = len(values) // 2
    return values[middle] if len(values) % 2 else (values[middle - 1] + values[middle]) / 2


if __name__ == "__main__":
    print("\n".join(markdown(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))))
