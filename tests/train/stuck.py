"""launch.py, but that the second process falls asleep before its third device call."""

import sys
import time

from absl import app

import launch
from ngjax.train.program import Program

CALLS = []


def sleepy(program, *arguments, awake=Program.train):
    CALLS.append(arguments)
    if len(CALLS) == 3:
        time.sleep(300)
    return awake(program, *arguments)


if __name__ == "__main__":
    if "--process_id=1" in sys.argv:
        Program.train = sleepy
    app.run(launch.main, flags_parser=launch.parse)
