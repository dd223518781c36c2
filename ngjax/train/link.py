"""What processes of one run tell one another beside their sums: I am here, I leave, I am stuck.

A process that dies takes no leave. Without its part a sum never ends, and what JAX says of it comes
late and is long. So each process holds one TCP connection to process 0, which closes at once where
a process dies, and falls silent where it is stopped or its host is gone. Process 0 passes on what
it learns; every process then ends by itself, with one line and an exit code of its own.
"""

from __future__ import annotations

import faulthandler
import hmac
import os
import selectors
import socket
import sys
import threading
import time
from collections.abc import Callable

from ngjax.types import UserError

STUCK = 75  # exit code: no device call finished in time
LOST = 76  # exit code: another process is gone
BEAT = 2.0  # seconds between two signs of life
SILENCE = 20.0  # seconds without one after which a process counts as lost
HELLO = 17  # bytes of a newcomer's first word: the token, a space, its number
GRACE = 10.0  # seconds for what one process refused to be met by the others too
ON = "the same command on all of them goes on from the last save"

End = Callable[[str, int], None]


def end(line: str, code: int) -> None:
    """Leave at once with a line; the stacks of all threads before it, where they are asked for.

    Written to the descriptor: a thread that hangs may hold the stream.
    """
    if code == STUCK:
        faulthandler.dump_traceback(file=2, all_threads=True)
    fresh = "\n" if os.isatty(2) else ""  # there may be a progress bar
    os.write(2, f"{fresh}launch.py: {line}\n".encode())
    os._exit(code)


class Link:
    """The connections of this process; none where it is alone.

    Args:
        end: what to do with the last line and the exit code.
        silence: seconds after which a peer that says nothing is lost.
        grace: seconds that this process has to leave after one that left with an error.
    """

    def __init__(self, end: End = end, silence: float = SILENCE, grace: float = GRACE) -> None:
        self.process, self.count = 0, 1
        self._end, self._silence, self._grace = end, silence, grace
        self._peers: dict[int, socket.socket] = {}
        self._heard: dict[int, float] = {}  # process -> when it last gave a sign of life
        self._failed: tuple[int, str, float] | None = None  # who left, its code, by when to follow
        self._left = False
        self._selector = selectors.DefaultSelector()
        self._thread = threading.Thread(target=self._listen, name="link", daemon=True)

    def listen(self) -> socket.socket:
        """Process 0's open door, on a port that the system picks."""
        if socket.has_dualstack_ipv6():
            return socket.create_server(("", 0), family=socket.AF_INET6, dualstack_ipv6=True)
        return socket.create_server(("", 0))

    def accept(self, door: socket.socket, count: int, token: int, patience: float = 60.0) -> None:
        """Process 0: wait until every other process has come in.

        Raises:
            UserError: one did not.
        """
        until, peers = time.monotonic() + patience, {}
        with door:
            while len(peers) < count - 1:
                door.settimeout(max(until - time.monotonic(), 0.001))
                try:
                    peer, _ = door.accept()
                    peer.settimeout(5.0)
                    said, _, who = peer.recv(HELLO, socket.MSG_WAITALL).decode().partition(" ")
                except (OSError, UnicodeDecodeError):
                    if time.monotonic() < until:
                        continue  # a stranger, who said nothing
                    missing = sorted(set(range(1, count)) - set(peers))
                    for peer in peers.values():
                        peer.close()
                    raise UserError(f"--process_id: {missing} cannot reach process 0") from None
                if hmac.compare_digest(said, f"{token:010d}") and who.isdigit():
                    peers[int(who)] = peer
                else:
                    peer.close()
        self.watch(0, count, peers)

    def connect(
        self, host: str, port: int, process: int, count: int, token: int, patience: float = 30.0
    ) -> None:
        """Any other process: go in at process 0's door.

        Raises:
            UserError: it cannot be reached.
        """
        try:
            peer = socket.create_connection((host.strip("[]"), port), patience)
            peer.sendall(f"{token:010d} {process:06d}".encode())
        except OSError as error:
            raise UserError(f"--coordinator={host}: port {port}: {error.strerror}") from None
        self.watch(process, count, {0: peer})

    def watch(self, process: int, count: int, peers: dict[int, socket.socket]) -> None:
        """Listen to these peers from now on, in a thread of its own."""
        self.process, self.count, self._peers = process, count, peers
        for who, peer in peers.items():
            peer.settimeout(1.0)
            self._selector.register(peer, selectors.EVENT_READ, who)
        self._heard = dict.fromkeys(peers, time.monotonic())
        self._thread.start()

    def stuck(self, seconds: float) -> None:
        """The watchdog's word: end this process and all others, with their stacks."""
        line = f"process {self.process} of {self.count} is stuck"
        line = "stuck" if self.count == 1 else line
        self._all_end(f"{line}: no device call finished within {seconds:g} s; {ON}", STUCK)

    def leave(self, code: int, patience: float = 10.0) -> None:
        """Say goodbye and wait for the others: one that went first would take them with it.

        Not for long: they may be waiting for this one, in a step that it will never take.
        """
        if self.count == 1:
            return
        self._left = True
        self._tell(f"left {code}")
        leaving = threading.Thread(target=sys.modules["jax"].distributed.shutdown, daemon=True)
        leaving.start()
        leaving.join(patience)

    def close(self) -> None:
        """Listen no more."""
        self._left = True
        if self._thread.is_alive():
            self._thread.join()

    def explain(self, patience: float = 5.0) -> None:
        """An error of this process may be another one's death: let that be said instead."""
        if self.count > 1:
            time.sleep(patience)

    def _listen(self) -> None:
        said, beat, now = dict.fromkeys(self._peers, b""), 0.0, time.monotonic()
        sockets = list(self._peers.values())
        while not self._left:
            for key, _ in self._selector.select(BEAT / 4):
                said[key.data] = self._receive(key.data, key.fileobj, said[key.data])
            before, now = now, time.monotonic()
            if now - before > 2 * BEAT:  # all may have been stopped, as a scheduler does
                self._heard = dict.fromkeys(self._heard, now)
            if now - beat >= BEAT:
                beat = now
                self._tell("")
            self._judge(now)
        for peer in (*sockets, self._selector):
            peer.close()

    def _receive(self, who: int, peer: socket.socket, before: bytes) -> bytes:
        try:
            data = peer.recv(4096)
        except OSError:
            data = b""
        if not data:
            if not self._left and who in self._peers:
                self._lose(who, "was killed or crashed")
            return b""
        self._heard[who] = time.monotonic()
        *lines, rest = (before + data).split(b"\n")
        for line in lines:
            self._heed(who, *line.decode().split(" ", 2))
        return rest

    def _heed(self, who: int, word: str, code: str = "0", text: str = "") -> None:
        if word == "end":
            self._all_end(text, int(code))
        elif word == "left":
            self._selector.unregister(self._peers.pop(who))
            if code != "0" and not self._failed:
                self._failed = who, code, time.monotonic() + self._grace

    def _judge(self, now: float) -> None:
        for who in list(self._peers):
            if now - self._heard[who] > self._silence:
                self._lose(who, f"has been silent for {self._silence:g} s: stopped, or cut off")
        if self._failed and now > self._failed[2] and not self._left:
            who, code, _ = self._failed
            self._all_end(f"process {who} left with exit code {code}; its last line says why", LOST)

    def _lose(self, who: int, how: str) -> None:
        self._all_end(f"process {who} of {self.count} {how}; {ON}", LOST)

    def _all_end(self, line: str, code: int) -> None:
        self._tell(f"end {code} {line}")
        self._left = True
        self._end(line, code)

    def _tell(self, word: str) -> None:
        for peer in list(self._peers.values()):
            try:
                peer.sendall(f"{word}\n".encode())
            except OSError:
                continue  # it is gone, and its silence will tell
