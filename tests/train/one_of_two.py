"""One of two processes with two devices each: what it sees of the whole, saved for the test.

python one_of_two.py PORT PROCESS FILE
"""

import dataclasses
import sys

import jax
import numpy as np
from small import network

from ngjax.train import devices as dev
from ngjax.train.engine import fit
from ngjax.train.program import Program
from ngjax.train.settings import Run

RUN = Run(epochs=2, batch_size=64, evaluate_batch=52, dtype="float64", accumulate=2, patience=3)


def score(outputs, batch):
    return {"rows": float(len(outputs)), "order": float((batch["index"] * outputs[:, 0]).sum())}


def seen(devices):
    """Everything that must be whole on every process, as named arrays."""
    task = network(carry=True, norm=True, fetch=True, dropout=0.3)
    program = Program(dataclasses.replace(task, score=score), RUN, dev.select(devices))
    out = fit(program, 0)
    outputs, batch = program.predict(program.place(out.state), "dev")
    leaves = jax.tree.leaves((out.state, outputs, batch["index"], batch["mask"]))
    return {str(i): leaf for i, leaf in enumerate(leaves)} | out.metrics


def main(port, process, file):
    jax.config.update("jax_num_cpu_devices", 2)
    jax.distributed.initialize(
        f"127.0.0.1:{port}", 2, process, cluster_detection_method="deactivate"
    )
    found = seen(2)
    assert dev.agree(process, -process, 7) == (1, 0, 7)
    assert dev.alike(lambda: "the same") and not dev.alike(lambda: f"process {process}")
    assert dev.leads() == (process == 0) and len(dev.select(2)) == 4
    if process == 1:  # the other one is not asked
        program = Program(network(), RUN, dev.select(2)).here()
        program.predict(program.place(program.initial(0)), "dev")
    np.savez(file, **found)
    jax.distributed.shutdown()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
