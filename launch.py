"""Launch an experiment of the notes.

    python launch.py                                  the catalogue
    python launch.py --experiment=lenet               run it
    python launch.py --experiment=lenet --help        every knob of it
    python launch.py --experiment=lenet --mode=search --search="optimizer.learning_rate=log(1e-4,1)"
    python launch.py --ledger                         what the notes print, and what is right
    python launch.py --index                          the notes' index: where each term is

Exit codes: 0 done, 1 a claim failed under --strict, 2 a mistake on the command line or in a file,
3 the loss became NaN or infinite, 75 no device call came back within --watchdog, 76 another process
of the run was lost, 130 and 143 stopped by Ctrl-C or SIGTERM with the run saved. After 75, 76, 130
and 143 the same command goes on.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from absl import app, flags, logging

from ngjax import config as cfg
from ngjax.types import UserError

FLAGS = flags.FLAGS
BEFORE = set(FLAGS)  # absl's own: v, verbosity, log_dir, pdb, help ...

flags.DEFINE_string("experiment", None, "which experiment; without it: the catalogue")
flags.DEFINE_list("arms", [], "which arms to run, by name; all where none is said")
flags.DEFINE_integer("seed", 0, "the first seed: initial weights, batch order, every draw", 0)
flags.DEFINE_integer("seeds", 1, "with how many seeds every arm is run", 1)
flags.DEFINE_boolean("strict", False, "exit with 1 where a claim of the notes does not hold")
flags.DEFINE_string("workdir", None, "the run folder; default runs/<experiment>")
flags.DEFINE_string("data_dir", None, "where data sets are found, and downloads go")
flags.DEFINE_string("devices", None, "how many; on a CPU, so many host devices; auto: if quicker")
flags.DEFINE_string("coordinator", None, "host:port of process 0 of several; auto: ask SLURM ...")
flags.DEFINE_integer("num_processes", None, "of how many processes, mostly one a host", 1)
flags.DEFINE_integer("process_id", None, "which of them this is; 0 writes the run folder", 0)
flags.DEFINE_float("watchdog", 600.0, "seconds a device call may take; 0: any time", 0)
flags.DEFINE_boolean("smoke", False, "a run of seconds that only shows that everything works")
MODES = ["train", "eval", "predict", "sample", "search", "table"]
MEANING = "eval, predict and sample: ask saved weights; search: tune; table: layers and their cost"
flags.DEFINE_enum("mode", "train", MODES, MEANING)
flags.DEFINE_string("input", None, "image, folder or text for predict; the beginning of a sample")
flags.DEFINE_string("search", "", "what to search: KNOB=log(1e-4,1) KNOB=int(50,100) ...")
flags.DEFINE_integer("trials", 32, "how many trials a search makes", 1)
flags.DEFINE_enum("strategy", "random", ["random", "grid", "coarse_to_fine", "optuna"], "of search")
FORMS = ["auto", "sequential", "map", "vmap", "devices"]
flags.DEFINE_enum("population", "auto", FORMS, "how trials of one compilation share the machine")
flags.DEFINE_boolean("ledger", False, "print the notes' checkable claims, ours and the verdicts")
flags.DEFINE_boolean("index", False, "print the notes' index: each term's topics and functions")
flags.DEFINE_string("cache_dir", "~/.cache/ngjax/compiled", "compiled programs; empty: keep none")
flags.DEFINE_boolean("deterministic", False, "GPUs too give the same bits each time, slower")

flags.DEFINE_integer("profile", 0, "how many device calls to record in the run folder's profile", 0)

OWN = tuple(name for name in FLAGS if name not in BEFORE)
SEARCH = ("search", "trials", "strategy", "population")
MODE_OF = {**dict.fromkeys(SEARCH, "search"), "profile": "train"}  # flags of one mode alone
HELP = ("--help", "-help", "--helpfull", "--helpshort", "-h", "-?")


class KnobParser(flags.ArgumentParser):
    """A knob's text to its annotated type, refused in the words of `config.parse`."""

    def __init__(self, annotation: Any) -> None:
        self.annotation = annotation

    def parse(self, argument: Any) -> Any:
        """Absl's way in."""
        return cfg.parse(self.annotation, argument)


class SwitchParser(flags.BooleanParser):
    """True or false, refused in a line."""

    def parse(self, argument: Any) -> Any:
        """Absl's way in."""
        return cfg.parse(bool, argument) if isinstance(argument, str) else super().parse(argument)


class KnobSerializer(flags.ArgumentSerializer):
    """A knob's value back to text, for --flagfile."""

    def serialize(self, value: Any) -> str:
        """Absl's way out."""
        return cfg.write(value)


def define_knobs(config: Any) -> None:
    """One native absl flag for every knob of the experiment."""
    for knob in cfg.knobs(config):
        if knob.annotation is bool:
            flags.DEFINE_boolean(knob.path, knob.default, knob.help)
            FLAGS[knob.path].parser = SwitchParser()
        else:
            parser = KnobParser(knob.annotation)
            flags.DEFINE(parser, knob.path, knob.default, knob.help, serializer=KnobSerializer())


def parse(argv: Sequence[str]) -> list[str]:
    """Read the command line; absl calls this. What it refuses ends the program with 2."""
    try:
        argv = FLAGS.read_flags_from_files(list(argv), force_gnu=True)
        asked = [word for word in argv[1:] if word in HELP]
        _define_for(argv)
        stray = FLAGS([word for word in argv if word not in HELP])[1:]
        if stray:
            raise UserError(f"{stray[0]}: a stray word; a flag is written --name=value")
    except flags.UnrecognizedFlagError as error:
        near = cfg.nearest(error.flagname, FLAGS)
        _exit(f"--{error.flagname}: no such flag{near}", 2)
    except (flags.Error, UserError, UnicodeDecodeError) as error:
        _exit(" ".join(str(error).split()), 2)
    return [argv[0], *asked]


def _define_for(argv: Sequence[str]) -> None:
    """Find --experiment, the last one, among words not parsed yet, and define its knobs."""
    value = None
    for here, word in enumerate(argv):
        name, equals, after = word.partition("=")
        if name in ("--experiment", "-experiment"):
            value = after if equals else "".join(argv[here + 1 : here + 2])
    if value is not None:
        from ngjax.experiment.catalogue import load

        define_knobs(load(value).config)


def main(argv: Sequence[str]) -> None:
    """Do what the flags say; every ending has its exit code."""
    from ngjax.train.link import Link
    from ngjax.train.record import NotFinite
    from ngjax.train.signals import Interrupted

    link = Link()
    if not FLAGS["verbosity"].present:  # what JAX tells of backends that are not there is noise
        logging.set_verbosity(logging.WARNING)
    try:
        code = _do(link, asks_help=len(argv) > 1)
    except UserError as error:
        _exit(str(error), 2, link)
    except NotFinite as error:
        _exit(f"{FLAGS.experiment}: {error}; try a smaller --optimizer.learning_rate", 3, link)
    except Interrupted as stop:
        _exit(f"{stop}; the same command goes on from there", stop.exit_code, link)
    except BrokenPipeError:  # who read our output has read enough
        os._exit(0)
    except OSError as error:
        _exit(f"{error.filename or FLAGS.workdir}: {error.strerror or error}", 2, link)
    except KeyboardInterrupt:
        _exit("stopped; what was saved before is whole, and the same command goes on", 130, link)
    except Exception:
        link.explain()
        raise
    link.leave(code)
    sys.exit(code)


def _do(link: Any, asks_help: bool) -> int:
    from ngjax.experiment import console

    if FLAGS.index:
        return console.print_index()
    if FLAGS.ledger:
        _start_jax(link)
        return console.print_ledger()
    if asks_help:
        return console.print_help(__doc__, [FLAGS[name] for name in OWN], FLAGS.experiment)
    if not FLAGS.experiment:
        return console.print_catalogue()
    for name, mode in MODE_OF.items():
        if FLAGS[name].present and FLAGS.mode != mode:
            raise UserError(f"--{name}: belongs to --mode={mode}")
    from ngjax.experiment import plan, runner

    request = _request(plan, link)
    _start_jax(link, *plan.devices_at_start(request))
    if FLAGS.mode == "search":
        from ngjax.experiment import searching

        return searching.launch(request, *(FLAGS[name].value for name in SEARCH))
    if FLAGS.mode == "table":
        return console.print_table(*plan.configs(request))
    if FLAGS.mode in ("predict", "sample"):
        from ngjax.experiment import predicting

        told = predicting.ask(FLAGS.mode, request, FLAGS.input)
        return 0 if link.process else console.print_lines(told)
    made = plan.plan(request)
    if FLAGS.mode == "eval":
        found = runner.evaluate(made)
        return 0 if link.process else console.print_evaluation(found)
    summary = plan.finished(made)
    if summary and not link.process:
        return console.print_finished(summary, made, FLAGS.strict)
    summary = summary or runner.run(made)
    return 0 if link.process else console.print_results(summary, made.folder, FLAGS.strict)


def _start_jax(link: Any, *devices: int | None) -> None:
    from ngjax.train import machine

    place = (FLAGS.coordinator, FLAGS.num_processes, FLAGS.process_id)
    machine.prepare(link, place, FLAGS.cache_dir, FLAGS.deterministic, *devices)


def _request(plan: Any, link: Any) -> Any:
    from ngjax.experiment import device_count
    from ngjax.train.watchdog import Watchdog

    knobs = [name for name in FLAGS if name not in BEFORE and name not in OWN]
    typed = [f"{name}={cfg.write(FLAGS[name].value)}" for name in knobs if FLAGS[name].present]
    if FLAGS.data_dir is not None:
        if "data.directory" not in knobs:
            raise UserError(f"--data_dir: {FLAGS.experiment} reads no data set; leave it out")
        typed.append(f"data.directory={FLAGS.data_dir}")
    return plan.Request(
        name=FLAGS.experiment,
        overrides=tuple(typed),
        arms=tuple(FLAGS.arms),
        seed=FLAGS.seed,
        seeds=FLAGS.seeds,
        devices=device_count.read(FLAGS.devices),
        workdir=Path(FLAGS.workdir) if FLAGS.workdir else None,
        smoke=FLAGS.smoke,
        command=tuple(sys.argv),
        watch=Watchdog(FLAGS.watchdog, link.stuck),
        profile=FLAGS.profile,
    )


def _exit(line: str, code: int, link: Any = None) -> None:
    print(f"launch.py: {line}", file=sys.stderr, flush=True)
    sys.stdout.flush()
    if link:
        link.leave(code)
    os._exit(code)  # at once: libraries with threads add tracebacks to an ordinary exit


if __name__ == "__main__":
    app.run(main, flags_parser=parse)
