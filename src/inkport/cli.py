"""The command line. Commands are named as strings, so that ``inkport --help`` imports none of them.

Exit codes: 0 all well; 1 a target regressed or a stage failed; 2 the request or its data is wrong, or its result
cannot be written; 3 a requested runtime or target is not available here; 70 a fault of inkport's own, which asks to be
reported; 130 interrupted. ``inkport.core.errors`` has them.
"""

from __future__ import annotations

import keyword
import sys
from collections.abc import Iterator

from cyclopts import App
from cyclopts.argument import Argument

from inkport import __version__
from inkport.commands._options import EVERY_OPTION, SHARED, name_no_command
from inkport.commands._renamed import modernise
from inkport.core.children import end_cleanly_when_told
from inkport.core.program import run_program
from inkport.core.scratch import sweep_temporary
from inkport.core.verbosity import take_verbosity


GROUPS = {
    "diagnose": "Find out where and why a port reads differently.",
    "train": "Train, adapt, compare, average and grow weights.",
    "data": "Make, convert and measure line sets.",
}
"""Commands that only hold others."""
COMMANDS = {
    "read": "Print the text of line images.",
    "verify": "Prove that ports of a model read the same text, and measure how fast.",
    "compare": "Show what changed between two reports, and fail on regressions.",
    "bench": "Measure speed in depth: scenarios, widths, cold start, memory, drift.",
    "diagnose operators": "Find the first operator where two targets diverge, and extract it.",
    "diagnose invariance": "Check invariance: batch, order, padding, threads and repetition change no text.",
    "diagnose flips": "Forecast flips: how many lines a port will read differently, from a few.",
    "kit": "Pack a model with everything that proves a port, run it anywhere, and judge the result.",
    "runtimes": "List what can run here, and why the rest cannot.",
    "export": "Make artifacts (ONNX, int8, OpenVINO) from trained weights.",
    "push": "Publish an artifact on the Hugging Face hub, with a card.",
    "bundle": "Write all that an application needs of a model into one folder.",
    "import": "Bring a recogniser that inkport did not train, as an ONNX file.",
    "quantize": "Make int8 artifacts, find the operators that int8 harms, and correct the bias of the blank.",
    "compress": "Make smaller and faster models by a recipe, and find those worth having.",
    "prune": "Remove channels, heads, hidden units and blocks from trained weights.",
    "train run": "Train a recogniser from a recipe.",
    "train finder": "Train a line finder on pages whose lines are known.",
    "train adapt": "Adapt a recogniser to one writer with few lines, and measure how much that helps.",
    "train ablate": "Train a recipe's variants with several seeds and compare them with intervals.",
    "train average": "Average the weights of several rounds of training.",
    "train grow": "Grow weights into a larger network, as the start of a training.",
    "data import": "Convert a published data set, in its official layout, into a line set.",
    "data synth": "Render lines of text in handwriting fonts, to train on and to test with.",
    "data pages": "Make a page set of pages with files of ALTO or PAGE.",
    "data frames": "Measure which lines have too few frames at candidate heights and strides.",
    "data widths": "Choose the widths to compile for devices that run fixed shapes only.",
    "lm": "Build a character language model, choose its weights, measure its gain and cost.",
}
"""Commands and their summaries; ``group name`` lives in ``inkport.commands.group.name``, see ``place_of``."""


def place_of(command: str) -> str:
    """Return where a command is, as MODULE:FUNCTION; a name that is a keyword of Python ends in an underscore there."""
    words = [f"{word}_" if keyword.iskeyword(word) else word for word in command.split()]
    return f"inkport.commands.{'.'.join(words)}:{words[-1]}"


app = App(
    name="inkport",
    version=__version__,
    default_parameter=EVERY_OPTION,
    # It would end the process in silence.
    suppress_keyboard_interrupt=False,
    help="Port a handwriting recogniser to every device, and prove that it still reads the same text.",
)
for _group, _summary in GROUPS.items():
    app.command(App(name=_group, help=_summary))
for _command, _summary in COMMANDS.items():
    *_words, _name = _command.split()
    (app[_words[0]] if _words else app).command(place_of(_command), name=_name, help=_summary)
for _names, _summary in SHARED.items():
    app.command(name_no_command, name=_names, help=_summary, group="Shared options, where a command names them")
app.register_install_completion_command(help="Let the shell complete commands and options: bash, zsh or fish.")


def every_command(under: App = app, words: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], App]]:
    """Yield every command that does something, with the words that call it; each is imported for it."""
    if words and under.default_command is not None:
        yield words, under
    for name in under:
        if not name.startswith("-"):
            yield from every_command(under[name], (*words, name))


def arguments_of(*words: str) -> tuple[Argument, ...]:
    """Return what the command that ``words`` call takes: its arguments and its options, shared ones among them."""
    command = app
    for word in words:
        command = command[word]
    found = command.assemble_argument_collection(default_parameter=app.default_parameter)
    return tuple(argument for argument in found if not argument.children)


def options_of(*words: str) -> dict[str, Argument]:
    """Return the options of a command by name."""
    return {argument.name: argument for argument in arguments_of(*words) if not argument.field_info.is_positional}


def main() -> None:
    """Run the command line and exit with its code."""
    end_cleanly_when_told()
    sweep_temporary()
    sys.exit(run_program(app, modernise(take_verbosity(sys.argv[1:]))))
