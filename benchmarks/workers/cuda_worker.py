"""PyTorch on an accelerator: ResNet-50, bfloat16 by autocast, channels last, eager or compiled.

On a machine without one the same on the CPU, to see that it runs.
"""

from __future__ import annotations

import itertools

import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812

from benchmarks.workers.serve import Made, main
from benchmarks.workloads import RATE, Workload

STAGES = ((3, 64), (4, 128), (6, 256), (3, 512))  # blocks, filters


def normalised(before: int, after: int, side: int, stride: int = 1) -> list[nn.Module]:
    convolution = nn.Conv2d(before, after, side, stride, (side - 1) // 2, bias=False)
    return [convolution, nn.BatchNorm2d(after)]


class Bottleneck(nn.Module):
    """1x1, 3x3, 1x1 and the shortcut, by a 1x1 where shapes differ; the stride is at the 3x3."""

    def __init__(self, before: int, filters: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            *normalised(before, filters, 1),
            nn.ReLU(),
            *normalised(filters, filters, 3, stride),
            nn.ReLU(),
            *normalised(filters, 4 * filters, 1),
        )
        other = before != 4 * filters or stride > 1
        self.short = nn.Sequential(*normalised(before, 4 * filters, 1, stride) if other else ())

    def forward(self, a):
        return F.relu(self.body(a) + self.short(a))


def network(classes: int) -> nn.Module:
    layers, before = [*normalised(3, 64, 7, 2), nn.ReLU(), nn.MaxPool2d(3, 2, 1)], 64
    for stage, (blocks, filters) in enumerate(STAGES):
        for block in range(blocks):
            layers.append(Bottleneck(before, filters, 2 if stage and not block else 1))
            before = 4 * filters
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(before, classes))


def build(workload: Workload, contestant: str) -> Made:
    torch.manual_seed(0)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    size, classes = workload.batch, workload.classes
    shape = (2 * size, workload.shape[2], *workload.shape[:2])
    x = torch.randn(shape, device=device).to(memory_format=torch.channels_last)
    y = torch.randint(classes, (len(x),), device=device)
    stream = itertools.cycle([(x[:size], y[:size]), (x[size:], y[size:])])
    model = network(classes).to(device, memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(model.parameters(), lr=RATE, fused=True)
    call = torch.compile(model) if contestant.endswith("compile") else model

    def step() -> torch.Tensor:
        images, targets = next(stream)
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast(device, torch.bfloat16):
            loss = F.cross_entropy(call(images), targets)
        loss.backward()
        optimizer.step()
        return loss

    def chunk() -> float:
        return [step() for _ in range(workload.chunk)][-1].item()  # waits for the device

    parameters = sum(p.numel() for p in model.parameters())
    return Made(chunk, parameters, {"versions": {"torch": torch.__version__}, "device": device})


if __name__ == "__main__":
    main(build)
