"""What processes tell one another, over the loopback within one process; and what clusters say."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import threading
import time

import pytest

from ngjax.train import hosts
from ngjax.train.link import LOST, STUCK, Link
from ngjax.train.watchdog import Watchdog
from ngjax.types import UserError

TOKEN = 12345


class Ended:
    """Takes the place of the end of a process."""

    def __init__(self):
        self.came, self.said = threading.Event(), None

    def __call__(self, line, code):
        if not self.came.is_set():
            self.said = line, code
            self.came.set()

    def wait(self):
        assert self.came.wait(20), "nothing was said"
        return self.said


@contextlib.contextmanager
def linked(count, **settings):
    """Links of all processes of a run, and how each of them ended."""
    ends = [Ended() for _ in range(count)]
    links = [Link(end, **settings) for end in ends]
    door = links[0].listen()
    port = door.getsockname()[1]
    first = threading.Thread(target=links[0].accept, args=(door, count, TOKEN))
    first.start()
    for process in range(1, count):
        links[process].connect("127.0.0.1", port, process, count, TOKEN)
    first.join(20)
    try:
        yield links, ends
    finally:
        for link in links:
            link.close()


@pytest.mark.parametrize("lost", [0, 1, 2])
def test_all_learn_at_once_who_is_lost(lost):
    start = time.monotonic()
    with linked(3) as (links, ends):
        links[lost].close()  # no goodbye: what the system does for a process that is killed
        for process, end in enumerate(ends):
            if process != lost:
                line, code = end.wait()
                assert code == LOST
                assert line.startswith(f"process {lost} of 3 was killed or crashed; the same")
    assert time.monotonic() - start < 10


def test_a_stopped_process_is_lost_when_it_was_silent_too_long():
    ended = Ended()
    link = Link(ended, silence=1.0)
    door = link.listen()
    where = ("127.0.0.1", door.getsockname()[1])
    with socket.create_connection(where) as stranger, socket.create_connection(where) as stopped:
        stranger.sendall(b"GET / HTTP/1.1\r\n\r\n")
        stopped.sendall(f"{TOKEN:010d} {1:06d}".encode())
        link.accept(door, 2, TOKEN)
        line, code = ended.wait()
        link.close()
    assert code == LOST and "process 1 of 2 has been silent for 1 s" in line


def test_who_gives_signs_of_life_is_not_lost():
    with linked(2, silence=4.0) as (_, ends):
        assert not ends[0].came.wait(6) and not ends[1].came.is_set()


@pytest.mark.parametrize("count", [2, 3])
def test_one_that_leaves_with_an_error_takes_along_those_that_do_not_follow(count):
    with linked(count, grace=0.5) as (links, ends):
        links[1]._tell("left 2")
        links[1].close()
        line, code = ends[0].wait()
        assert code == LOST and line == "process 1 left with exit code 2; its last line says why"
        assert count == 2 or ends[2].wait() == (line, LOST)


def test_those_that_have_done_their_work_leave_in_any_order():
    with linked(3, grace=0.5) as (links, ends):
        for link in links:
            link._tell("left 0")
        links[0].close()  # without a word, as a process ends
        time.sleep(1.5)
        assert not any(end.came.is_set() for end in ends)


def test_one_stuck_process_ends_all_as_stuck():
    with linked(3) as (links, ends):
        links[2].stuck(60)
        for end in ends:
            line, code = end.wait()
            assert code == STUCK and line.startswith("process 2 of 3 is stuck: no device call")


def test_a_process_that_never_comes_is_named():
    link = Link()
    with pytest.raises(UserError, match=r"\[1, 2\] cannot reach process 0"):
        link.accept(link.listen(), 3, TOKEN, patience=0.2)
    with (
        socket.socket() as closed,
        pytest.raises(UserError, match=r"--coordinator=127\.0\.0\.1: port"),
    ):
        closed.bind(("127.0.0.1", 0))
        Link().connect("127.0.0.1", closed.getsockname()[1], 1, 2, TOKEN)


def test_the_watchdog_counts_from_call_to_call_and_lets_compilation_pass():
    told = []
    watch = Watchdog(1.2, told.append, compiling=60)
    with watch:
        time.sleep(2.0)  # the first call compiles
        for _ in range(4):
            watch.finished()
            time.sleep(0.5)
        assert not told
        time.sleep(2.5)
    assert told == [1.2]
    with Watchdog(0.0, told.append, compiling=0.0), Watchdog(0.3, told.append, compiling=0.0):
        pass
    time.sleep(1.0)
    assert told == [1.2]


def test_time_in_which_the_process_itself_was_stopped_does_not_count(monkeypatch):
    clock, told = [100.0], []
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    with Watchdog(3.0, told.append, compiling=0):
        clock[0] += 1000  # Ctrl-Z, a walk, fg
        time.sleep(1.2)
        assert not told
        clock[0] += 4
        time.sleep(1.2)
    assert told == [3.0]


def test_a_process_alone_ends_with_its_stacks():
    code = "import time; from ngjax.train.watchdog import Watchdog as W\n"
    code += "with W(0.5, compiling=0):\n    time.sleep(60)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == STUCK and "most recent call first" in done.stderr
    assert done.stderr.splitlines()[-1].startswith("launch.py: stuck: no device call finished")


SLURM = {
    "SLURM_JOB_ID": "4099",
    "SLURM_STEP_NODELIST": "node[007-015],other",
    "SLURM_NTASKS": "16",
    "SLURM_PROCID": "9",
    "SLURM_LOCALID": "1",
}
OPEN_MPI = {
    "OMPI_MCA_orte_hnp_uri": "1531576320.0;tcp://10.96.0.1,10.148.0.1:34911",
    "OMPI_COMM_WORLD_SIZE": "4",
    "OMPI_COMM_WORLD_RANK": "3",
    "OMPI_COMM_WORLD_LOCAL_RANK": "3",
}


@pytest.fixture
def environment(monkeypatch):
    for name in (*SLURM, *OPEN_MPI, "KUBERNETES_SERVICE_HOST", "JAX_COORDINATOR_PORT"):
        monkeypatch.delenv(name, raising=False)
    return lambda said: [monkeypatch.setenv(*pair) for pair in said.items()]


def test_what_a_launcher_says_of_a_task(environment):
    environment(SLURM)
    place = hosts.detect()
    assert place == hosts.Place("node007:61443", 16, 9, 1)  # port 61440 + 4099 % 4096
    assert list(place.accelerators(None)) == [1] and list(place.accelerators(4)) == [4, 5, 6, 7]
    environment({"SLURM_NTASKS": "1", "SLURM_PROCID": "0"})
    assert hosts.detect() is None  # an interactive shell of one task runs alone
    environment(OPEN_MPI)
    assert hosts.detect()[1:] == (4, 3, 3) and hosts.detect().coordinator.startswith("10.96.0.1:")
    with pytest.raises(UserError, match="--num_processes: --coordinator=auto finds it"):
        hosts.detect(num_processes=4)


def test_where_no_launcher_is_known_nothing_is_guessed(environment):
    with pytest.raises(UserError, match="start it by srun or mpirun, or write host:port"):
        hosts.detect()
    environment({"KUBERNETES_SERVICE_HOST": "10.0.0.1"})
    with pytest.raises(UserError, match=r"--coordinator=auto: "):
        hosts.detect()
    environment({**SLURM, "SLURM_NTASKS": "many"})
    with pytest.raises(UserError, match="--coordinator=auto: invalid literal"):
        hosts.detect()


def test_every_accelerator_of_a_host_where_one_process_has_it_alone():
    assert hosts.Place("h:1", 2, 1).accelerators(None) is None
    assert list(hosts.Place("h:1", 2, 1).accelerators(2)) == [0, 1]
