"""The model of many devices, by numbers worked by hand; the page shows what the command prints."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import scaling

PAGE = Path(__file__).resolve().parents[1] / "docs" / "scaling.md"
LINK = scaling.Link(1e9, 1e-3)


def test_a_ring_sends_nearly_twice_the_gradients_whatever_its_length():
    # 4 devices, 8 GB: 6 turns of 2 GB each, 2 s and 1 ms a turn.
    assert scaling.ring(4, 8e9, LINK) == pytest.approx(12.006)
    assert scaling.ring(2, 8e9, LINK) == pytest.approx(8.002)
    assert scaling.ring(1, 8e9, LINK) == 0
    # 1,000 devices: 1,998 turns of 8 MB, 15.984 s, and 1.998 s of latency.
    assert scaling.ring(1000, 8e9, LINK) == pytest.approx(17.982)


def test_a_gather_sends_all_of_it_to_all():
    assert scaling.gather(4, 8e9, LINK) == pytest.approx(3 * 8.001)
    assert scaling.gather(1, 8e9, LINK) == 0


def test_hosts_sum_within_and_then_between():
    fast, slow = scaling.Link(4e9, 0.0), scaling.Link(1e9, 0.0)
    # 2 devices a host: 2 turns of 4 GB at 4 GB/s; 2 hosts: 2 turns of 4 GB at 1 GB/s.
    assert scaling.hierarchy(4, 8e9, 2, fast, slow) == pytest.approx(2 + 8)
    assert scaling.hierarchy(2, 8e9, 2, fast, slow) == pytest.approx(2)
    with pytest.raises(ValueError, match="5 devices do not fill hosts of 2"):
        scaling.hierarchy(5, 8e9, 2, fast, slow)


def test_sums_hide_behind_half_of_the_compute_and_no_more():
    assert scaling.step(2.0, 0.9) == 2.0
    assert scaling.step(2.0, 1.5) == 2.5
    assert scaling.step(2.0, 1.5, overlap=0.0) == 3.5
    assert scaling.on_cores(3.0, 4, 2) == 6.0 and scaling.on_cores(3.0, 1, 2) == 3.0


def test_a_row_of_the_table_by_hand():
    # VGG-16, 64 examples, 100 TFLOP/s: 59.52 ms; over Ethernet 8 devices send 7/4 of 553.4 MB in
    # 77.5 ms and wait 14 times 20 us; of 77.8 ms, 29.8 hide: 59.5 of 107.5 ms are work.
    rows = {row[:2]: row[2:] for row in scaling.table()}
    assert rows["VGG-16", "100 Gb Ethernet"][0] == "55 %"
    halves = {row[:2]: row[2:] for row in scaling.table(each=2)}
    assert halves["VGG-16", "100 Gb Ethernet"][0] == "87 %"  # 38.7 ms, + 0.3, - 29.8


def test_the_page_shows_what_the_command_prints():
    assert scaling.markdown(scaling.table()) in PAGE.read_text()


def test_a_prediction_of_four_processes_is_made_of_what_one_and_two_were_seen_to_do():
    sums = {"small": 0.5e-3, "large": 17.277216e-3}  # half a ms, and 1 GB/s
    size, arrays = dict.fromkeys(scaling.LOADS, 2e6), dict.fromkeys(scaling.LOADS, 2)
    steps = {1: 0.010, 2: 0.013, 4: 0.040}
    shared = {"sums": sums, "bytes": size, "arrays": arrays}
    seen = {n: {"steps": dict.fromkeys(scaling.LOADS, s), **shared} for n, s in steps.items()}
    _, one, two, four, *_ = scaling.compare(seen, cores=2)
    assert one[3:] == ("10.00 ms", "10.00 ms", "100 %", "+0 %")
    assert two[3:] == ("13.00 ms", "13.00 ms", "77 %", "+0 %")  # 10 + (2 + 2 / 2)
    assert four[3:] == ("38.00 ms", "40.00 ms", "50 %", "-5 %")  # 2 (10 + 3 (2 + 2 / 2))
