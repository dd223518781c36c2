"""Measure training of the same work by ngjax and its peers.

    python -m benchmarks.run --peers_python=PYTHON --data_dir=DATA --out=NAME.json
    python -m benchmarks.run --quick --workloads=mlp,lenet        # does it run?

PYTHON is an interpreter that has the extra `benchmarks`; ngjax runs in this one. Contestants are
processes. All are compiled and warm before the first is measured; then one runs at a time, in an
order shuffled every round, and a slice in which others used the machine is measured again. What
OUT already holds is kept, a workload measured anew takes its old one's place: a stopped command
goes on with --resume.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import datetime
import json
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks import machine, table, timing
from benchmarks.workloads import ACCELERATOR, GROWTH, WORKLOADS, Workload, data_set, named

TRIES = 6  # of a slice that others disturb
AT_ONCE = 2  # workers that compile at the same time
FILES = {"barnes": "sklearn", "exact": "sklearn"}  # prefix -> worker, where they differ


class Worker:
    """A contestant's process."""

    def __init__(self, name: str, contestant: str, asked: argparse.Namespace) -> None:
        """Start it; it compiles at once."""
        prefix = contestant.partition("-")[0]
        module = f"benchmarks.workers.{FILES.get(prefix, prefix)}_worker"
        own = prefix == "ngjax"
        self.log = tempfile.TemporaryFile("w+")  # noqa: SIM115
        self.process = subprocess.Popen(
            [sys.executable if own else asked.peers_python, "-m", module, name, contestant],
            cwd=machine.ROOT,
            env={**os.environ, "BENCHMARK_DATA": str(asked.data_dir or "")},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
        )
        self.facts: dict[str, Any] = {}

    def answer(self) -> dict[str, Any]:
        """The next line.

        Raises:
            RuntimeError: the worker died; with its last words.
        """
        line = self.process.stdout.readline()
        if not line:
            self.log.seek(0)
            words = [line for line in self.log.read().splitlines() if line.strip()]
            raise RuntimeError(words[-1] if words else f"ended with {self.process.wait()}")
        return json.loads(line)

    def measure(self, seconds: float) -> dict[str, Any]:
        """One slice."""
        self.process.stdin.write(json.dumps({"seconds": seconds}) + "\n")
        self.process.stdin.flush()
        return self.answer()

    def end(self) -> None:
        """Let it go."""
        self.process.kill()
        self.process.wait()
        for file in (self.process.stdin, self.process.stdout, self.log):
            file.close()


def contestants(workload: Workload, asked: argparse.Namespace) -> Iterator[str]:
    """Who takes part, of those that are asked for."""
    house = ["ngjax", *(["ngjax-2"] if workload.two_devices else [])]
    for name in (*house, *workload.contestants):
        if not asked.contestants or name in asked.contestants:
            devices = name.partition("-")[2] or "1"
            if not name.startswith("ngjax") or devices in asked.devices:
                yield name


def measured(name: str, asked: argparse.Namespace) -> dict[str, Any]:
    """A workload by everyone."""
    workload, told = named(name), {}
    workers: dict[str, Worker] = {}

    def started(contestant: str) -> None:
        workers[contestant] = worker = Worker(name, contestant, asked)
        worker.facts = worker.answer()

    try:
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            waiting = {pool.submit(started, one): one for one in contestants(workload, asked)}
            for done in concurrent.futures.as_completed(waiting):
                contestant = waiting[done]
                told[contestant] = {"rounds": {}, "remarks": []}
                if error := done.exception():
                    told[contestant]["remarks"].append(f"left out: {error}")
                    workers.pop(contestant).end()
        for contestant, worker in workers.items():
            told[contestant] |= worker.facts
            told[contestant]["remarks"] += doubts(workload, worker.facts)
        rounds(workload, workers, told, asked)
    finally:
        for worker in workers.values():
            worker.end()
    found = {"rounds": asked.rounds, "command": asked.command, "date": now(), "contestants": told}
    found["ratios"] = {peer: ratio._asdict() for peer, ratio in table.compared(found).items()}
    return found


def doubts(workload: Workload, facts: dict[str, Any]) -> list[str]:
    """Whether a contestant does the work that all do."""
    more, losses = facts["parameters"] - workload.parameters, facts["losses"]
    found = []
    if not 0 <= more <= workload.spare:
        found.append(f"{facts['parameters']:,} parameters, not {workload.parameters:,}")
    if not workload.job and not losses[-1] < losses[0]:
        found.append(f"the loss did not fall: {losses[0]:.3f} to {losses[-1]:.3f}")
    return found


def rounds(
    workload: Workload, workers: dict[str, Worker], told: dict[str, Any], asked: argparse.Namespace
) -> None:
    """Everyone once a round, in an order drawn for it."""
    for number in range(asked.rounds):
        order = sorted(workers)
        random.Random(f"{asked.seed} {workload.kind} {number}").shuffle(order)
        for contestant in order:
            if contestant == "exact" and number:  # half a minute a time
                continue
            seconds = 0.0 if workload.job else asked.seconds
            slices = [workers[contestant].measure(seconds)]
            while timing.disturbed(slices[-1]["stolen"]) and len(slices) < asked.tries:
                slices.append(workers[contestant].measure(seconds))
            best = min(slices, key=lambda one: one["stolen"])
            done = 1 if workload.job else workload.chunk * workload.batch
            best["rate"], best["tries"] = done / best["each"], len(slices)
            told[contestant]["rounds"][number] = best
            if timing.disturbed(best["stolen"]):
                told[contestant]["remarks"].append(
                    f"round {number}: others used {best['stolen']:.2f} cores"
                )


def growth(asked: argparse.Namespace) -> dict[str, float]:
    """ngjax alone on the MLP of other sizes: examples a second."""
    found = {}
    for name, workload in GROWTH.items():
        worker = Worker(name, "ngjax", asked)
        try:
            worker.answer()
            each = worker.measure(asked.seconds)["each"]
        finally:
            worker.end()
        found[name] = workload.chunk * workload.batch / each
    return found


def now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def parse(argv: list[str] | None = None) -> argparse.Namespace:
    """The command line; words that stand for lists are parted by commas."""
    words = lambda text: [word for word in text.split(",") if word]  # noqa: E731
    parser = argparse.ArgumentParser(
        "python -m benchmarks.run", allow_abbrev=False, description=__doc__.partition("\n")[0]
    )
    parser.add_argument("--workloads", type=words, default=list(WORKLOADS), help="which rows")
    parser.add_argument("--contestants", type=words, default=[], help="who; none said: all")
    parser.add_argument("--devices", type=words, default=["1", "2"], help="of ngjax, to try")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.5, help="of a slice")
    parser.add_argument("--seed", type=int, default=0, help="of the order")
    parser.add_argument("--out", type=Path, help="JSON file, kept and added to")
    parser.add_argument("--peers_python", default=sys.executable, help="interpreter of the peers")
    parser.add_argument("--data_dir", type=Path, help="holds ptb and tinyshakespeare")
    parser.add_argument("--resume", action="store_true", help="leave out what OUT has")
    parser.add_argument("--quick", action="store_true", help="one round of short slices")
    parser.add_argument("--peak", type=words, default=["float32", "1024"], help="of which product")
    parser.add_argument("--facts", action=argparse.BooleanOptionalAction, default=True)
    asked = parser.parse_args(argv)
    for name in asked.workloads:
        if name not in {**WORKLOADS, **ACCELERATOR}:
            parser.error(f"--workloads: {name} is none of {', '.join(WORKLOADS)}")
    if asked.rounds < 1:
        parser.error("--rounds: must be 1 or more")
    asked.data_dir = asked.data_dir.resolve() if asked.data_dir else None
    asked.command = " ".join(["python -m benchmarks.run", *(argv or sys.argv[1:])])
    asked.tries = TRIES
    if asked.quick:
        asked.rounds, asked.seconds, asked.tries = 1, 0.3, 1
    return asked


def main(argv: list[str] | None = None) -> int:
    """Measure, write after every workload, print the table."""
    asked = parse(argv)
    results: dict[str, Any] = {"workloads": {}}
    if asked.out and asked.out.exists():
        results = json.loads(asked.out.read_text(encoding="utf-8"))
    results |= {"machine": machine.about(), "date": now()}
    for name in asked.workloads:
        if asked.resume and name in results["workloads"]:
            continue
        if data_set(named(name)) and not asked.data_dir:
            print(f"{name}: left out, it reads {data_set(named(name))[0]}; give --data_dir")
            continue
        print(f"{now()} {name}", file=sys.stderr, flush=True)
        results["workloads"][name] = measured(name, asked)
        write(asked.out, results)
    if asked.facts:
        if not (asked.resume and "matrix_peak" in results):
            command = [sys.executable, "-m", "benchmarks.machine", *asked.peak]
            results["matrix_peak"] = float(subprocess.check_output(command, cwd=machine.ROOT))
            if asked.peak[0] == "float32":
                results["torch_peak"] = machine.torch_peak(asked.peers_python, int(asked.peak[1]))
        if not asked.quick and not (asked.resume and "growth" in results):
            results |= {"start": machine.first_step(), "growth": growth(asked)}
        write(asked.out, results)
    table.show(results)
    return 0


def write(out: Path | None, results: dict[str, Any]) -> None:
    """The file whole or as it was."""
    if out:
        out.parent.mkdir(parents=True, exist_ok=True)
        part = out.with_suffix(".part")
        part.write_text(json.dumps(results, indent=1, allow_nan=False) + "\n", encoding="utf-8")
        part.replace(out)


if __name__ == "__main__":
    sys.exit(main())
