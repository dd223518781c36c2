import io

import pytest
from rich.console import Console

from ngjax.report import terminal
from ngjax.report.results import Claim, Seed, Side
from ngjax.report.terminal import Line


def said(say, *args, width=80, terminal=False, encoding="utf-8"):
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding=encoding)
    colours = "standard" if terminal else None
    console = Console(
        file=file, width=width, force_terminal=terminal, color_system=colours, highlight=False
    )
    say(*args, console=console)
    file.flush()
    return raw.getvalue().decode(encoding)


ARMS = [
    Side(
        name,
        (),
        {s: Seed({"dev/accuracy": a + s / 100, "dev/loss": 1 - a}, 5, 1.0) for s in (0, 1)},
    )
    for name, a in [("gradient descent", 0.9), ("momentum [old]", 0.95), ("Adam", 0.97)]
]
CLAIMS = [
    Claim("a", "Adam is faster than gradient descent by a margin that is not small at all.", True),
    Claim("b", "Momentum [always] helps.", False, "0.9 < 0.95"),
    Claim("c", "Decay helps.", None, "one arm only"),
]


def test_results_are_plain_words_in_a_pipe():
    lines = said(terminal.results, ARMS, CLAIMS, ("dev/accuracy", "max")).splitlines()
    assert lines == [
        "                     dev/accuracy  dev/loss    time",
        "gradient descent  0.9050 ± 0.0071       0.1  2.00 s",
        "momentum [old]    0.9550 ± 0.0071      0.05  2.00 s",
        "Adam              0.9750 ± 0.0071      0.03  2.00 s",
        "",
        "Mean ± sample standard deviation over 2 seeds; time is of all seeds together. In",
        "bold: the highest dev/accuracy.",
        "",
        "holds          Adam is faster than gradient descent by a margin that is not",
        "               small at all.",
        "does not hold  Momentum [always] helps.",
        "               0.9 < 0.95",
        "not asked      Decay helps.",
        "               one arm only",
    ]


@pytest.mark.parametrize("width", [30, 48, 80, 200])
def test_a_narrow_console_cuts_no_number_short(width):
    text = said(terminal.results, ARMS, [], ("dev/accuracy", "max"), width=width)
    assert "…" not in text
    for word in ("0.9050 ± 0.0071", "0.9550 ± 0.0071", "0.9750 ± 0.0071", "0.05", "momentum [old]"):
        assert word in text
    assert all(len(line) <= max(width, 33) for line in text.splitlines())


def test_a_terminal_gets_bold_for_the_best_and_colour_for_verdicts():
    text = said(terminal.results, ARMS, CLAIMS, ("dev/accuracy", "max"), terminal=True)
    assert "\x1b[1m  0.9750 ± 0.0071\x1b[0m" in text
    assert text.count("\x1b[1m") == 1
    assert "\x1b[32mholds" in text
    assert "\x1b[1;31mdoes not hold" in text


def test_an_old_encoding_is_no_reason_to_fail():
    text = said(terminal.results, ARMS, CLAIMS, None, encoding="ascii")
    assert "0.9750 +- 0.0071" in text


def test_the_catalogue_fits_eighty_columns():
    chapters = {
        "Neural networks": [
            Line(
                "logistic_regression",
                "1.2",
                "one neuron learns cat from non-cat, and its "
                "hand-written gradient is that of autodiff",
            ),
        ],
        "Convolutional networks": [Line("resnet", "4.9", "shortcuts [identity] let depth help")],
    }
    usage = ["python launch.py --experiment=resnet", "python launch.py --experiment=resnet --help"]
    lines = said(terminal.catalogue, chapters, usage).splitlines()
    assert lines == [
        "Neural networks",
        "  logistic_regression  1.2  one neuron learns cat from non-cat, and its",
        "                            hand-written gradient is that of autodiff",
        "",
        "Convolutional networks",
        "  resnet               4.9  shortcuts [identity] let depth help",
        "",
        *usage,
    ]


def test_an_empty_catalogue_still_says_how_to_run():
    assert said(terminal.catalogue, {}, ["python launch.py"]) == "python launch.py\n"
