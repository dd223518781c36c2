import numpy as np
import pytest

from ngjax.data.split import held_counts, hold_out, in_proportion
from ngjax.types import UserError

TARGETS = np.repeat([0, 1, 2], [50, 30, 21])


@pytest.mark.parametrize("amount", [0.2, 0.999, 1, 20, 101])
@pytest.mark.parametrize("seed", [0, 7, None])
def test_disjoint_covering_and_stratified(amount, seed):
    kept, held = hold_out(TARGETS, amount, seed)
    total = amount if amount >= 1 else round(amount * 101)
    assert len(held) == total
    np.testing.assert_array_equal(np.sort(np.concatenate([kept, held])), np.arange(101))
    for k, count in enumerate((50, 30, 21)):
        assert abs((TARGETS[held] == k).sum() - count * total / 101) < 1


def test_known_draw():
    """Pinned: the same examples on every machine and every NumPy."""
    kept, held = hold_out(np.array([0, 1] * 5), 4, seed=3)
    raw = [np.random.Philox(key=np.array([3, k], np.uint64)).random_raw(5) for k in (0, 1)]
    first = sorted(2 * i for i in np.argsort(raw[0])[:2])
    second = sorted(2 * i + 1 for i in np.argsort(raw[1])[:2])
    np.testing.assert_array_equal(held, sorted(first + second))
    np.testing.assert_array_equal(held, [2, 4, 7, 9])
    assert len(kept) == 6


def test_seed_changes_the_draw_and_nothing_else_does():
    first, again, other = (hold_out(TARGETS, 0.3, seed)[1] for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_every_example_is_held_out_equally_often():
    often = np.zeros(101)
    for seed in range(400):
        often[hold_out(TARGETS, 0.25, seed)[1]] += 1
    assert abs(often.mean() / 400 - 25 / 101) < 1e-3
    # binomial: 400 draws at about 1/4 spread by 8.7; 4.5 of those either way
    assert often.min() > 100 - 40
    assert often.max() < 100 + 40


def test_without_seed_the_first_of_each_class():
    np.testing.assert_array_equal(hold_out(np.array([0, 0, 0, 1, 1, 1]), 4, None)[1], [0, 1, 3, 4])


def test_answers_that_are_no_classes():
    kept, held = hold_out(np.linspace(0, 1, 10), 0.3, 0)
    assert (len(kept), len(held)) == (7, 3)
    assert hold_out(np.zeros((10, 4), int), 0.3, 0)[1].tolist() == held.tolist()


def test_more_than_there_is():
    with pytest.raises(ValueError, match="cannot hold out 7 of 6"):
        hold_out(np.zeros(6, int), 7, 0)


def test_largest_remainder_by_hand():
    np.testing.assert_array_equal(in_proportion(np.array([5, 3, 2]), 4), [2, 1, 1])  # 2, 1.2, .8
    np.testing.assert_array_equal(in_proportion(np.array([5, 3, 2]), 10), [5, 3, 2])


@pytest.mark.parametrize(
    ("size", "dev", "test", "has", "expected"),
    [
        (1000, None, None, {}, (200, 200)),  # notes 3.2: 60/20/20
        (1000, None, 0.0, {}, (300, 0)),  # 70/30
        (1000, 0, None, {}, (0, 300)),
        (209, None, None, {"has_test": True}, (42, 0)),  # 60/20/20 when the test set is there
        (1_000_000, None, 0.0, {}, (100_000, 0)),  # 90/10
        (1_000_000, None, None, {}, (50_000, 50_000)),
        (60_000, None, None, {"has_test": True}, (6_000, 0)),
        (1000, 0.1, 50, {}, (100, 50)),
        (1000, 0.1, 0.5, {"has_dev": True, "has_test": True}, (0, 0)),
        (1000, 0.0, 0.0, {}, (0, 0)),
    ],
)
def test_sizes_of_the_notes(size, dev, test, has, expected):
    assert held_counts(size, dev, test, **has) == expected


def test_nothing_left_to_train_on():
    with pytest.raises(UserError, match=r"--data\.dev.*6 dev and 4 test examples leave none of 10"):
        held_counts(10, 6, 0.4)
