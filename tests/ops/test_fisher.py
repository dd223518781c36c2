from __future__ import annotations

import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from ngjax.ops import fisher as room
from ngjax.ops.fisher import fisher


@pytest.fixture
def people():
    """Four people, nine photographs each, five features of very unlike spread."""
    generator = np.random.default_rng(0)
    who = np.repeat(np.arange(4), 9)
    middles = generator.normal(size=(4, 5))
    within = generator.normal(size=(36, 5)) @ generator.normal(size=(5, 5))
    return middles[who] + within, who


def test_what_differs_within_a_person_becomes_a_sphere(people, monkeypatch):
    monkeypatch.setattr(room, "SHRINK", 0.0)
    a, who = people
    kernel, bias = fisher(a, who, 5)
    z = a @ kernel + bias
    np.testing.assert_allclose(z.mean(0), 0, atol=1e-12)
    S = sum(np.cov(z[who == k].T, bias=True) for k in range(4)) / 4
    np.testing.assert_allclose(S, S[0, 0] * np.eye(5), atol=1e-10 * S[0, 0])


def test_distances_are_those_of_scikit_learns_whitening(people, monkeypatch):
    """Its discriminant keeps K - 1 directions; between people's means they hold all distance."""
    monkeypatch.setattr(room, "SHRINK", 0.0)
    a, who = people
    kernel, bias = fisher(a, who, 5)
    theirs = LinearDiscriminantAnalysis(solver="svd").fit(a, who).transform(a)

    def apart(z):
        middles = np.stack([z[who == k].mean(0) for k in range(4)])
        return np.linalg.norm(middles[:, None] - middles[None], axis=-1)

    ours, want = apart(a @ kernel + bias), apart(theirs)
    np.testing.assert_allclose(ours / ours.max(), want / want.max(), rtol=1e-8, atol=1e-12)


def test_shrinking_leads_to_the_principal_directions(people, monkeypatch):
    monkeypatch.setattr(room, "SHRINK", 1.0)
    a, who = people
    kernel, _ = fisher(a, who, 5)
    np.testing.assert_allclose(kernel @ kernel.T, (kernel @ kernel.T)[0, 0] * np.eye(5), atol=1e-10)


def test_columns_beyond_the_directions_that_there_are_are_zero(people):
    a, who = people
    kernel, bias = fisher(a, who, 8)
    assert kernel.shape == (5, 8) and bias.shape == (8,)
    assert (kernel[:, 5:] == 0).all() and (np.abs(kernel[:, :5]).sum(0) > 0).all()
