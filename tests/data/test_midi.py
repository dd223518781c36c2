"""A MIDI file is read back byte by byte, by a reader that knows the standard and not the writer."""

from __future__ import annotations

import struct

import pytest

from ngjax.data.sound.midi import TICKS, midi, variable_length


def read_back(content):
    """(ticks of a quarter, microseconds of a quarter, [(tick, "on"/"off", pitch)], last tick)."""
    name, length, form, tracks, ticks = struct.unpack(">4sIHHH", content[:14])
    assert (name, length, form, tracks) == (b"MThd", 6, 0, 1)
    name, length = struct.unpack(">4sI", content[14:22])
    assert name == b"MTrk" and len(content) == 22 + length
    data, place, now, events, tempo = content[22:], 0, 0, [], None
    while place < len(data):
        wait = 0
        while True:
            wait = wait * 128 + (data[place] & 127)
            place += 1
            if data[place - 1] < 128:
                break
        now += wait
        status = data[place]
        if status == 0xFF:
            kind, size = data[place + 1], data[place + 2]
            if kind == 0x51:
                tempo = int.from_bytes(data[place + 3 : place + 3 + size], "big")
            if kind == 0x2F:
                assert place + 3 == len(data)
                return ticks, tempo, events, now
            place += 3 + size
        else:
            pitch, velocity = data[place + 1], data[place + 2]
            assert pitch < 128 and velocity < 128
            events.append((now, {0x90: "on", 0x80: "off"}[status], pitch))
            place += 3
    raise AssertionError("the track has no end")


def test_notes_are_struck_held_and_let_go():
    content = midi([[60, 64], [60], [], [62], []], tempo=120)
    ticks, tempo, events, last = read_back(content)
    assert (ticks, tempo) == (TICKS, 500_000)
    q = TICKS
    assert events == [
        (0, "on", 60),
        (0, "on", 64),
        (q, "off", 64),  # 60 is held
        (2 * q, "off", 60),
        (3 * q, "on", 62),
        (4 * q, "off", 62),
    ]
    assert last == 5 * q  # the silence at the end counts


def test_a_short_file_by_hand():
    content = midi([[60]], tempo=60, quarters=0.5)
    head = b"MThd\0\0\0\6\0\0\0\1\x01\xe0"
    track = (
        b"\0\xff\x51\3\x0f\x42\x40" + b"\0\x90\x3c\x48" + b"\x81\x70\x80\x3c\0" + b"\0\xff\x2f\0"
    )
    assert content == head + b"MTrk" + struct.pack(">I", len(track)) + track


@pytest.mark.parametrize(
    ("number", "written"),  # the standard's own examples
    [
        (0, "00"),
        (0x40, "40"),
        (0x7F, "7f"),
        (0x80, "8100"),
        (0x2000, "c000"),
        (0x3FFF, "ff7f"),
        (0x1FFFFF, "ffff7f"),
        (0x0FFFFFFF, "ffffff7f"),
    ],
)
def test_numbers_of_variable_length(number, written):
    assert variable_length(number).hex() == written


def test_nothing_is_a_file_too():
    assert read_back(midi([]))[2:] == ([], 0)


def test_a_pitch_that_is_none_should_fail():
    with pytest.raises(ValueError, match="must be 0 to 127"):
        midi([[60], [128]])
