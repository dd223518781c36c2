"""PyTorch's recurrent layers: values and gradients, float64. Run as a script to write the npz."""

from __future__ import annotations

import pathlib

import numpy as np

T, B, D, N = 5, 3, 3, 4
LENGTHS = (5, 3, 2)  # of the padded batch, longest first as PyTorch packs them


def compute() -> dict[str, np.ndarray]:
    """One layer of RNN, GRU and LSTM, and two layers of LSTM over a padded batch."""
    import torch

    generator = np.random.default_rng(5)
    results = {}
    cases = {"rnn": (torch.nn.RNN, 1), "gru": (torch.nn.GRU, 1), "lstm": (torch.nn.LSTM, 1)}
    cases["padded"] = (torch.nn.LSTM, 2)
    for name, (module, layers) in cases.items():
        network = module(D, N, layers, dtype=torch.float64)
        for parameter in network.parameters():
            drawn = generator.normal(0, 0.5, tuple(parameter.shape))
            parameter.data = torch.from_numpy(drawn)
        found = _run(torch, network, layers, generator, padded=name == "padded")
        results.update({f"{name}/{key}": value for key, value in found.items()})
    return results


def _run(torch, network, layers, generator, padded):
    def draw(*shape):
        return torch.from_numpy(generator.normal(size=shape)).requires_grad_()

    x, state = draw(T, B, D), [draw(layers, B, N)]
    if isinstance(network, torch.nn.LSTM):
        state.append(draw(layers, B, N))  # (h, c)
    sequence, pack = x, torch.nn.utils.rnn
    if padded:
        sequence = pack.pack_padded_sequence(x, LENGTHS)
    a, last = network(sequence, tuple(state) if len(state) == 2 else state[0])
    if padded:
        a, _ = pack.pad_packed_sequence(a)
    last = last if isinstance(last, tuple) else (last,)
    weight = torch.from_numpy(generator.normal(size=(T, B, N)))
    loss = (a * weight).sum() + sum((s * s).sum() for s in last)
    loss.backward()
    found = {"x": x, "a": a, "weight": weight, "x_grad": x.grad}
    for letter, before, after in zip("hc", state, last, strict=False):
        found |= {f"{letter}0": before, f"{letter}T": after, f"{letter}0_grad": before.grad}
    for name, parameter in network.named_parameters():
        found |= {name: parameter, f"{name}_grad": parameter.grad}
    return {key: value.detach().numpy() for key, value in found.items()}


if __name__ == "__main__":
    np.savez_compressed(pathlib.Path(__file__).with_suffix(".npz"), **compute())
