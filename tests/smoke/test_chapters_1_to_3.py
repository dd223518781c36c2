"""Every experiment of chapters 1 to 3: its smoke run leaves the whole folder."""

from __future__ import annotations

import pytest
from running import check, topics


@pytest.mark.usefixtures("compiled_in_haste")
@pytest.mark.parametrize("name", topics("ch1_networks", "ch2_improving", "ch3_strategy"))
def test_smoke(name, tmp_path):
    check(name, tmp_path)
