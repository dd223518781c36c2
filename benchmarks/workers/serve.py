"""What every worker does: build, compile, say what it is, then measure when it is told to.

Lines of JSON: out comes one that tells the parameters and the losses; for every line {"seconds": s}
that comes in, one with what `timing.clock` found goes out. An empty line ends it.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import sys
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from benchmarks import timing
from benchmarks.workloads import Workload, named

CHUNKS = 8  # after which the loss must have fallen
PATIENCE = 20.0  # seconds that these may take


class Made(NamedTuple):
    """A contestant, ready to be compiled."""

    chunk: Callable[[], float]  # `workload.chunk` steps, or the whole job -> its last loss
    parameters: int
    facts: dict[str, Any]  # versions; "tell": a function of what it found, called in the end


def main(build: Callable[[Workload, str], Made]) -> None:
    """Serve a contestant; its name and its workload's stand on the command line."""
    out = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what a framework prints is no answer
    with contextlib.suppress(OSError):
        os.nice(-10)
    workload, contestant = named(sys.argv[1]), sys.argv[2]
    begun = time.perf_counter()
    made = build(workload, contestant)
    built = time.perf_counter()
    losses = [made.chunk()]
    compiled = time.perf_counter()
    while not workload.job and len(losses) < CHUNKS and time.perf_counter() - compiled < PATIENCE:
        losses.append(made.chunk())
    told = {
        "parameters": made.parameters,
        "losses": losses,
        "build_seconds": built - begun,
        "compile_seconds": compiled - built,  # the first chunk: compilation and its steps
        **made.facts,
    }
    print(json.dumps(told), file=out)
    for line in sys.stdin:
        if not line.strip():
            break
        found = timing.clock(made.chunk, json.loads(line)["seconds"])
        found["peak_bytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        print(json.dumps(found), file=out)
