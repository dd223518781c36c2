import dataclasses
import re
import sys

import pytest

from ngjax.data import Data
from ngjax.data.catalogue import ENTRIES, entry, names
from ngjax.data.images import cifar
from ngjax.types import UserError


def test_names_are_distinct_and_found():
    assert len(set(names())) == len(ENTRIES)
    for name in names():
        assert entry(name).name == name
        assert entry(name.replace("_", "-")).name == name


@pytest.mark.parametrize(
    ("typed", "meant"), [("fashion_mnits", "fashion_mnist"), ("digit", "digits")]
)
def test_unknown_name_is_answered_with_the_nearest(typed, meant):
    with pytest.raises(UserError, match=f"did you mean {meant}") as caught:
        entry(typed)
    assert all(name in str(caught.value) for name in names())
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("item", ENTRIES, ids=lambda item: item.name)
def test_entry_is_complete(item):
    assert re.fullmatch("[a-z0-9_]+", item.name)
    assert item.title
    assert item.home
    assert item.licence
    for file in (*item.files, *item.instead):
        assert re.fullmatch("[0-9a-f]{64}", file.sha256)
        assert file.size > 0
        assert all(url.endswith("/" + file.name) for url in file.urls)
        assert not file.name.startswith(("/", "."))


def test_known_sums():
    """As published: TensorFlow Datasets for MNIST, the authors' pages for the sizes."""
    sums = {file.name: file.sha256[:8] for file in entry("mnist").files}
    assert list(sums.values()) == ["440fcabf", "3552534a", "8d422c7b", "f7ae60f9"]
    (archive,) = entry("cifar10").files
    assert archive.size == 170_052_171
    assert entry("cifar10").instead[0].size == 10_000 * 3073
    assert set(entry("cifar10").refused) == {"cifar-10-python.tar.gz", "cifar-10-batches-py"}
    assert "pickle" in cifar.REFUSED


def test_a_lossy_copy_is_told_of_wherever_the_split_is(monkeypatch):
    assert "lossy" in entry("cifar10_jpeg").caveat and "lossy" in entry("cifar10_jpeg").title
    assert not entry("cifar10").caveat
    home = sys.modules["ngjax.data.load"]
    spoilt = dataclasses.replace(entry("digits"), caveat="a lossy copy")
    read = home.read.__wrapped__  # what was read before is kept by the cache
    before = read(Data()).notes
    monkeypatch.setattr(home, "entry", lambda name: spoilt)
    assert read(Data()).notes == f"{before}; a lossy copy"
