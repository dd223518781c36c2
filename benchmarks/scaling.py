"""How far data parallelism carries: a step on N devices, predicted from measured parts.

    t(N) = c + max(0, a(N) - h c)          c: compute of a step; h: the part of it that hides sums
    ring:   a(N) = 2 (N - 1) (b / N / w + l)      each of 2 (N - 1) turns sends one N-th of b bytes
    gather: a(N) =   (N - 1) (b / w + l)          every device gets the gradients of all others
    efficiency(N) = c / t(N)               each device keeps a batch of its own size

w is what a device sends in a second, l the latency of a turn. Within and between hosts: a sum of b
in each host over its fast link, then one N-th host's share of every device over the slow one.

    python -m benchmarks.scaling             the table of docs/scaling.md
    python -m benchmarks.scaling measure     1, 2, 4 processes on this machine, and the prediction

Sources: Patarasu & Yuan 2009 for the ring; Goyal et al. 2017 for what hides behind what.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

OVERLAP = 0.5  # the backward pass is 2/3 of a step; its last layers' gradients hide behind nothing


class Link(NamedTuple):
    """What a device can send to its neighbour: the vendors' peaks, one way."""

    bytes_per_second: float
    latency: float  # seconds of a turn; an order of magnitude
    source: str = ""


ETHERNET = Link(12.5e9, 20e-6, "100 Gb/s / 8")
NVLINK = Link(450e9, 3e-6, "NVIDIA H100 SXM: NVLink 900 GB/s, both ways together")
LINKS = {
    "100 Gb Ethernet": ETHERNET,
    "PCIe 4.0 x16": Link(31.5e9, 5e-6, "PCI-SIG: 16 GT/s x 16 lanes x 128/130 / 8"),
    "TPU v5p ICI, one link": Link(100e9, 1e-6, "Google Cloud: 1200 GB/s a chip, 6 links, 2 ways"),
    "NVLink 4": NVLINK,
}


class Network(NamedTuple):
    """What a network asks of a step."""

    parameters: int
    forward: float  # floating-point operations of one example, multiply and add counted apart

    def compute(self, batch: int, speed: float) -> float:
        """Seconds of a step on one device: forward, and backward at twice its cost."""
        return 3 * self.forward * batch / speed


NETWORKS = {"VGG-16": Network(138_357_544, 31e9), "ResNet-50": Network(25_557_032, 8.2e9)}


def ring(devices: int, size: float, link: Link) -> float:
    """Seconds of a ring all-reduce of `size` bytes."""
    return 2 * (devices - 1) * (size / devices / link.bytes_per_second + link.latency)


def gather(devices: int, size: float, link: Link) -> float:
    """Seconds until every device has what all have: how CPUs of several processes sum here."""
    return (devices - 1) * (size / link.bytes_per_second + link.latency)


def hierarchy(devices: int, size: float, host: int, fast: Link, slow: Link) -> float:
    """Seconds of a sum within full hosts and then between them, all devices of one sharing `slow`.

    Raises:
        ValueError: a host that is not full.
    """
    if devices <= host:
        return ring(devices, size, fast)
    if devices % host:
        raise ValueError(f"{devices} devices do not fill hosts of {host}")
    return ring(host, size, fast) + ring(devices // host, size, slow)


def step(compute: float, sums: float, overlap: float = OVERLAP) -> float:
    """Seconds of a step whose sums hide behind a part of its compute."""
    return compute + max(0.0, sums - overlap * compute)


def on_cores(seconds: float, processes: int, cores: int) -> float:
    """What takes `seconds` on a core of its own, where processes outnumber cores."""
    return seconds * max(1.0, processes / cores)


def table(
    speed: float = 100e12, batch: int = 64, each: int = 4, devices: tuple[int, ...] = (8, 64, 512)
) -> list[tuple[str, ...]]:
    """Efficiency in per cent, a row for each network and link.

    Args:
        speed: operations per second that a device reaches in these networks.
        batch: examples of a device.
        each: bytes of a gradient; 4: float32, 2: bfloat16.
        devices: how many.
    """
    rows: list[tuple[str, ...]] = [("network", "link", *(f"{n} devices" for n in devices))]
    for name, network in NETWORKS.items():
        compute, size = network.compute(batch, speed), each * network.parameters
        ways = {label: [ring(n, size, link) for n in devices] for label, link in LINKS.items()}
        ways["NVLink 4 in hosts of 8, Ethernet between"] = [
            hierarchy(n, size, 8, NVLINK, ETHERNET) for n in devices
        ]
        for label, sums in ways.items():
            found = [f"{100 * compute / step(compute, s):.0f} %" for s in sums]
            rows.append((name, label, *found))
    return rows


def markdown(rows: list[tuple[str, ...]]) -> str:
    """The rows as a table of a page."""
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([lines[0], "|---" * len(rows[0]) + "|", *lines[1:]])


# What follows measures: N processes of one device, each held to one core.

LOADS = {  # experiment and its knobs; 64 examples a process
    "lenet": ("lenet", "1998", ()),
    "mlp-1024": ("optimizers", "momentum", ("hidden=1024,1024",)),
}
SMALL, LARGE = 1 << 12, 1 << 24  # bytes that latency and bandwidth show on
SHORT, LONG = 5, 45  # steps of two device calls; what a step costs is the difference
WHOLE = ("run.steps=60", "run.evaluate_every=60", "run.save_every=60")  # no call is cut


def worker(port: int, processes: int, process: int) -> dict[str, Any]:
    """Seconds of a step of each load, and of a sum of each size, in one of N processes."""
    os.sched_setaffinity(0, {process % os.cpu_count()})
    import jax
    import numpy as np

    from ngjax.experiment import plan
    from ngjax.train import devices as dev
    from ngjax.train import hosts
    from ngjax.train.link import Link as Peers

    jax.config.update("jax_num_cpu_devices", 1)
    link = Peers()
    hosts.join(link, f"127.0.0.1:{port}", processes, process, 1)
    found: dict[str, Any] = {"steps": {}, "sums": {}, "bytes": {}, "arrays": {}}
    for load, (name, arm, overrides) in LOADS.items():
        knobs = (*overrides, *WHOLE, f"run.batch_size={64 * processes}")
        asked = plan.Request(name, knobs, (arm,), devices=1, workdir=Path("/nonexistent"))
        program = plan.plan(asked).programs[arm]
        state, feed = program.place(program.initial(0)), program.feed(0)
        slots = dev.put(feed.slots(), program.devices)
        took: dict[int, list[float]] = {SHORT: [], LONG: []}
        for _ in range(4):
            for steps, seconds in took.items():
                stretch = feed.stretch(0, steps)
                start = time.perf_counter()
                state, _ = program.train(state, slots, stretch)
                seconds.append(time.perf_counter() - start)
        found["steps"][load] = (min(took[LONG]) - min(took[SHORT])) / (LONG - SHORT)
        leaves = jax.tree.leaves(program.fetch(state).params)
        found["bytes"][load] = sum(leaf.nbytes for leaf in leaves)
        found["arrays"][load] = len(leaves)
        feed.close()
    devices = dev.select(1)
    total = dev.parallel(dev.device_sum, devices, 0)
    for name, size in {"small": SMALL, "large": LARGE}.items():
        held, seconds = dev.replicate(np.ones(size // 4, np.float32), devices), []
        for _ in range(30):
            start = time.perf_counter()
            jax.block_until_ready(total(held))
            seconds.append(time.perf_counter() - start)
        found["sums"][name] = min(seconds)
    dev.agree(0)
    link.leave(0)
    return found


def measured(processes: int) -> dict[str, Any]:
    """What the first of N processes saw."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "benchmarks.scaling", "worker", str(port), str(processes)]
    running = [
        subprocess.Popen([*command, str(i)], stdout=subprocess.PIPE, text=True)
        for i in range(processes)
    ]
    said = [process.communicate()[0] for process in running]
    return json.loads(said[0].splitlines()[-1])


def compare(seen: dict[int, dict[str, Any]], cores: int) -> list[tuple[str, ...]]:
    """Predicted and measured seconds of a step; one and two processes give the parts of the model.

    Sums of two processes are fitted: a turn's latency on a small array, which every array of a step
    pays, and the bandwidth on a large one. Nothing of four goes into their prediction.
    """
    one = seen[1]
    sums = seen[2]["sums"]
    latency = sums["small"]
    link = Link(LARGE / max(sums["large"] - latency, 1e-9), latency)
    rows: list[tuple[str, ...]] = [
        ("load", "gradients", "processes", "predicted", "measured", "efficiency", "off by")
    ]
    for load in LOADS:
        compute, size = one["steps"][load], one["bytes"][load]
        for n in sorted(seen):
            together = gather(n, size, link._replace(latency=latency * one["arrays"][load]))
            said = on_cores(compute + together, n, cores)
            was = seen[n]["steps"][load]
            per_core = on_cores(compute, n, cores) / was
            milli = (f"{1e3 * said:.2f} ms", f"{1e3 * was:.2f} ms")
            off = f"{100 * (said / was - 1):+.0f} %"
            rows.append(
                (load, f"{size / 1e6:.2f} MB", f"{n}", *milli, f"{100 * per_core:.0f} %", off)
            )
    rows.append(("loopback", f"{link.bytes_per_second / 1e9:.2f} GB/s", "2", "", "", "", ""))
    rows.append(("latency", f"{1e6 * link.latency:.0f} us", "2", "", "", "", ""))
    return rows


def main(words: list[str]) -> None:
    """As the words say."""
    if words[:1] == ["worker"]:
        print(json.dumps(worker(*map(int, words[1:]))), flush=True)
        os._exit(0)
    if words == ["measure"]:
        print(markdown(compare({n: measured(n) for n in (1, 2, 4)}, os.cpu_count() or 1)))
    elif words:
        sys.exit("python -m benchmarks.scaling [measure]")
    else:
        print(markdown(table()))


if __name__ == "__main__":
    main(sys.argv[1:])
