"""PyTorch: eager with either Adam, or torch.compile; the same networks in its own layout."""

from __future__ import annotations

import itertools

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812

from benchmarks.workers.serve import Made, main
from benchmarks.workloads import CHANNELS, RATE, TRIALS, Workload, drawn


class Block(nn.Module):
    """Two 3x3 convolutions and a shortcut without parameters."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.stride = after // before
        self.conv1 = nn.Conv2d(before, after, 3, self.stride, 1, bias=False)
        self.conv2 = nn.Conv2d(after, after, 3, 1, 1, bias=False)
        self.bn1, self.bn2 = nn.BatchNorm2d(after), nn.BatchNorm2d(after)

    def forward(self, a):
        z = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(a)))))
        if self.stride > 1:
            more = z.shape[1] - a.shape[1]
            a = F.pad(a[:, :, ::2, ::2], (0, 0, 0, 0, more // 2, more - more // 2))
        return F.relu(z + a)


class Language(nn.Module):
    """Word vectors, a recurrent stack whose state is carried on, softmax."""

    def __init__(self, cell: str, words: int, features: int, width: int, depth: int) -> None:
        super().__init__()
        self.embed = nn.Embedding(words, features)
        kind = {"lstm": nn.LSTM, "gru": nn.GRU}[cell]
        self.stack = kind(features, width, depth, batch_first=True)
        self.softmax = nn.Linear(width, words)

    def forward(self, ids, state):
        a, state = self.stack(self.embed(ids), state)
        return self.softmax(a), state


def network(workload: Workload) -> nn.Module:
    kind, K = workload.kind, workload.classes
    if kind in ("lstm", "gru"):
        sizes = {"lstm": (200, 200, 2), "gru": (64, 256, 1)}[kind]
        return Language(kind, K, *sizes)
    flat = [nn.Flatten()]
    if kind == "lenet":
        return nn.Sequential(
            *(nn.Conv2d(1, 6, 5), nn.Tanh(), nn.AvgPool2d(2)),
            *(nn.Conv2d(6, 16, 5), nn.Tanh(), nn.AvgPool2d(2)),
            *(nn.Flatten(), nn.Linear(400, 120), nn.Tanh(), nn.Linear(120, 84), nn.Tanh()),
            nn.Linear(84, K),
        )
    if kind == "resnet20":
        widths = [16] * 4 + [32] * 3 + [64] * 3
        start = [nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU()]
        blocks = [Block(a, b) for a, b in itertools.pairwise(widths)]
        return nn.Sequential(*start, *blocks, nn.AdaptiveAvgPool2d(1), *flat, nn.Linear(64, K))
    if kind == "vgg":
        layers = []
        for place, (a, b) in enumerate(itertools.pairwise((3, *CHANNELS))):
            layers += [nn.Conv2d(a, b, 3, 1, 1), nn.ReLU()]
            layers += [nn.MaxPool2d(2)] if place % 2 else []
        units = 4 * 4 * CHANNELS[-1]
        return nn.Sequential(*layers, *flat, nn.Linear(units, 128), nn.ReLU(), nn.Linear(128, K))
    sizes = (784, *(workload.hidden if kind in ("mlp", "search") else ()), K)
    layers = [part for a, b in itertools.pairwise(sizes) for part in (nn.Linear(a, b), nn.ReLU())]
    return nn.Sequential(*flat, *layers[:-1])


def trainer(workload: Workload, contestant: str, rate: float, batches: list) -> tuple:
    """(chunk, parameters) of a network made anew."""
    torch.manual_seed(0)
    model = network(workload)
    fused = True if contestant == "torch-fused" else None
    optimizer = torch.optim.Adam(model.parameters(), lr=rate, fused=fused)
    call = torch.compile(model) if contestant == "torch-compile" else model
    recurrent, held = workload.kind in ("lstm", "gru"), [None]
    stream = itertools.cycle(batches)

    def step() -> float:
        x, y = next(stream)
        optimizer.zero_grad(set_to_none=True)
        if recurrent:
            z, state = call(x, held[0])
            held[0] = tuple(s.detach() for s in state) if type(state) is tuple else state.detach()
            z, y = z.flatten(0, 1), y.flatten()
        else:
            z = call(x)
        loss = F.cross_entropy(z, y)
        loss.backward()
        optimizer.step()
        return loss.item()

    def chunk() -> float:
        return [step() for _ in range(workload.chunk)][-1]

    return chunk, sum(p.numel() for p in model.parameters())


def build(workload: Workload, contestant: str) -> Made:
    x, y = drawn(workload)
    x = x if x.ndim == 2 else np.ascontiguousarray(x.transpose(0, 3, 1, 2))
    size, x, y = workload.batch, torch.from_numpy(x).long() if x.ndim == 2 else x, y
    x, y = torch.as_tensor(x), torch.from_numpy(y).long()
    batches = [(x[i : i + size], y[i : i + size]) for i in range(0, len(x), size)]
    facts = {"versions": {"torch": torch.__version__}, "threads": torch.get_num_threads()}
    chunk, parameters = trainer(workload, contestant, RATE, batches)
    if workload.kind != "search":
        return Made(chunk, parameters, facts)

    def job() -> float:
        rates = np.geomspace(1e-4, 1e-2, TRIALS)
        return min(trainer(workload, contestant, float(rate), batches)[0]() for rate in rates)

    return Made(job, parameters, facts)


if __name__ == "__main__":
    main(build)
