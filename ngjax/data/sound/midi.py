"""Standard MIDI Files: what was composed, for any player to play.

A file is a header and a track of events; an event is the ticks since the one before, and what
happens. Numbers have their most significant byte first (MIDI Manufacturers Association 1996,
"Standard MIDI Files 1.0").
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence

TICKS = 480  # of a quarter note
TEMPO = 80  # quarter notes a minute
VELOCITY = 72  # how hard a key is struck, 1 to 127
_ON, _OFF = 0x90, 0x80  # of channel 1
_SET_TEMPO, _END = b"\xff\x51\x03", b"\xff\x2f\x00"


def midi(steps: Sequence[Iterable[int]], *, tempo: float = TEMPO, quarters: float = 1.0) -> bytes:
    """A Standard MIDI File of format 0: one track, one channel, a piano.

    A pitch that sounds in steps on end is held, not struck anew.

    Args:
        steps: the MIDI pitches, 0 to 127, that sound at every step; none: silence.
        tempo: quarter notes a minute.
        quarters: how long a step is.

    Raises:
        ValueError: a pitch outside 0 to 127.
    """
    length, waited = round(TICKS * quarters), 0
    track = bytearray(_event(0, _SET_TEMPO + round(60e6 / tempo).to_bytes(3)))
    sounding: set[int] = set()
    for pitches in (*steps, ()):
        now = set(pitches)
        if not now <= set(range(128)):
            raise ValueError(f"pitches {sorted(now)}: must be 0 to 127")
        changes = [(_OFF, pitch, 0) for pitch in sorted(sounding - now)]
        changes += [(_ON, pitch, VELOCITY) for pitch in sorted(now - sounding)]
        for change in changes:
            track += _event(waited, bytes(change))
            waited = 0
        waited += length
        sounding = now
    track += _event(waited - length, _END)  # the last turn let go of all, and is no step
    header = struct.pack(">HHH", 0, 1, TICKS)  # format, tracks, ticks of a quarter note
    return _chunk(b"MThd", header) + _chunk(b"MTrk", bytes(track))


def variable_length(number: int) -> bytes:
    """Seven bits a byte, all but the last byte with the eighth bit set."""
    made = [number & 0x7F]
    while number := number >> 7:
        made.insert(0, number & 0x7F | 0x80)
    return bytes(made)


def _event(ticks: int, what: bytes) -> bytes:
    return variable_length(ticks) + what


def _chunk(name: bytes, content: bytes) -> bytes:
    return name + struct.pack(">I", len(content)) + content
