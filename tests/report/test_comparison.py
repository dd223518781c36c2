import math

from ngjax.report.comparison import compare
from ngjax.report.results import Seed, Side


def arm(name, **metrics):
    return Side(name, (), {0: Seed(metrics, 10, 2.0, 1234.0)})


def test_arms_are_rows_with_the_objective_first():
    table = compare([arm("GD", loss=0.5, f1=0.25), arm("Adam", loss=0.25, f1=0.125)], ("f1", "min"))
    assert table.header == ["", "f1", "loss", "time", "examples/s"]
    assert table.rows == [
        ["GD", "0.25", "0.5", "2.00 s", "1,230"],
        ["Adam", "0.125", "0.25", "2.00 s", "1,230"],
    ]
    assert table.best == (1, 1)
    assert table.note == "In bold: the lowest f1."


def test_a_table_too_wide_is_turned_and_keeps_its_best():
    metrics = {f"dev/a_long_name_{i}": i / 8 for i in range(6)}
    arms = [arm("GD", **metrics), arm("Adam", **{**metrics, "dev/a_long_name_1": 0.5})]
    table = compare(arms, ("dev/a_long_name_1", "max"))
    assert table.header == ["", "GD", "Adam"]
    assert table.rows[0] == ["dev/a_long_name_1", "0.125", "0.5"]
    assert table.best == (0, 2)
    assert [row[0] for row in table.rows[-2:]] == ["time", "examples/s"]


def test_what_an_arm_lacks_is_a_dash_and_a_lost_arm_is_never_best():
    table = compare(
        [arm("a", loss=math.nan), arm("b", loss=3.0), arm("c", f1=1.0)], ("loss", "min")
    )
    assert [row[1] for row in table.rows] == ["NaN", "3", "—"]
    assert table.best == (1, 1)


def test_one_arm_has_no_best_and_arms_that_train_nothing_no_speed():
    table = compare([Side("iou", (), {0: Seed({"iou": 0.5}, seconds=0.1)})], ("iou", "max"))
    assert table.header == ["", "iou", "time"]
    assert table.best is None
    assert table.note == ""


def test_the_note_counts_the_seeds():
    two = Side("a", (), {0: Seed({"f1": 0.5}), 1: Seed({"f1": 0.7})})
    assert compare([two]).note.startswith("Mean ± sample standard deviation over 2 seeds")
    assert "1 to 2 seeds" in compare([two, arm("b", f1=0.1)]).note
    assert compare([two]).rows[0][1] == "0.60 ± 0.14"
