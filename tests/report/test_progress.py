"""The progress of a run: a bar on a terminal of 80 columns, plain lines in a pipe."""

import io

from ngjax.report.progress import Progress

VALUES = {"train/loss": 1.3212, "dev/loss": 1.557, "train/accuracy": 0.5955, "dev/accuracy": 0.542}


class Terminal(io.StringIO):
    def isatty(self):
        return True


def drawn(monkeypatch, stream):
    monkeypatch.setattr("sys.stderr", stream)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm")
    with Progress("language_model lstm seed 0") as progress:
        progress.update(1, 1848, {})
        progress.update(924, 1848, VALUES)
        progress.update(1848, 1848, VALUES)
    return stream.getvalue()


def test_a_terminal_shows_count_rate_and_time_left_before_values(monkeypatch):
    shown = drawn(monkeypatch, Terminal())
    last = next(line for line in reversed(shown.splitlines()) if "1848/1848" in line)
    assert "steps/s" in last
    assert ":" in last.partition("steps/s")[2]  # h:mm:ss left


def test_a_pipe_gets_plain_lines(monkeypatch):
    lines = drawn(monkeypatch, io.StringIO()).splitlines()
    assert lines[0].startswith("language_model lstm seed 0: step 1/1848")
    assert "step 1848/1848" in lines[-1] and "dev/loss 1.557" in lines[-1]
    assert "\x1b" not in "".join(lines)
