"""Numbers as a reader wants them: as many digits as they are worth."""

from __future__ import annotations

import math


def short(value: float | None) -> str:
    """Four significant digits, no trailing zeros, a true minus sign; an em dash for None.

    1797 -> "1797", 0.97222 -> "0.9722", 1234567 -> "1.235e6", 1e-05 -> "1e-5".
    """
    if value is None:
        return "—"
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if value == 0:
        return "0"
    if float(value).is_integer() and abs(value) < 1e6:
        return f"{value:.0f}".replace("-", "−")
    if 1e-4 <= abs(value) < 1e6:
        decimals = max(0, 3 - math.floor(math.log10(abs(value))))
        return _trim(f"{value:.{decimals}f}")
    mantissa, exponent = f"{value:.3e}".split("e")
    return f"{_trim(mantissa)}e{int(exponent)}".replace("-", "−")


def with_spread(mean: float, spread: float) -> str:
    """`mean ± spread`: the spread to two digits, the mean to the same place; no spread, no sign.

    (0.97222, 0.0031) -> "0.9722 ± 0.0031", (0.97222, 0) -> "0.9722".
    """
    if not math.isfinite(spread) or not math.isfinite(mean) or spread <= 1e-9 * abs(mean):
        return short(mean)
    if not 1e-4 <= max(abs(mean), spread) < 1e6:
        return f"{short(mean)} ± {short(float(f'{spread:.1e}'))}"
    decimals = min(8, max(0, 1 - math.floor(math.log10(spread))))
    return f"{mean:.{decimals}f} ± {spread:.{decimals}f}".replace("-", "−")


def duration(seconds: float) -> str:
    """Wall time in the units one would say: 0.42 s, 12.3 s, 3 min 20 s, 2 h 5 min."""
    if seconds < 9.995:
        return f"{seconds:.2f} s"
    if seconds < 99.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min"


def rate(per_second: float | None) -> str:
    """Examples per second to three digits: 812, 12,300, 1,230,000; an em dash for None."""
    if per_second is None or not math.isfinite(per_second) or per_second <= 0:
        return "—"
    return f"{float(f'{per_second:.2e}'):,.{0 if per_second >= 99.5 else 1}f}"


def _trim(digits: str) -> str:
    digits = digits.rstrip("0").rstrip(".") if "." in digits else digits
    return digits.replace("-", "−")
