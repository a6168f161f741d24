"""The command line. Commands are named as strings, so that ``inkport --help`` imports none of them.

Exit codes: 0 all well; 1 a target regressed or a stage failed; 2 the request or its data is wrong, or its result
cannot be written; 3 a requested runtime or target is not available here; 70 a fault of inkport's own, which asks to be
reported; 130 interrupted. ``inkport.core.errors`` has them.
"""

from __future__ import annotations

import keyword
import sys

from cyclopts import App

from inkport import __version__
from inkport.commands._options import EVERY_OPTION
from inkport.core.children import end_cleanly_when_told
from inkport.core.program import run_program
from inkport.core.scratch import sweep_temporary


COMMANDS = {
    "verify": "Prove that ports of a model read the same text, and measure how fast.",
    "compare": "Show what changed between two reports, and fail on regressions.",
    "margins": "Predict from a few lines how many a port will read differently.",
    "metamorphic": "Check that batch, order, padding, threads and repetition change no text.",
    "kit": "Lock a model with its proof into one archive, run it anywhere, and judge the results.",
    "bench": "Measure targets deeply: scenarios, widths, cold start, memory, drift.",
    "buckets": "Choose the widths to compile for devices that run fixed shapes only.",
    "debug": "Find the first operator where two targets part, and cut it out.",
    "read": "Print the text of line images.",
    "lm": "Build a character language model, choose its weights, measure its gain and cost.",
    "runtimes": "List what can run here, and why the rest cannot.",
    "export": "Make artifacts (ONNX, int8, OpenVINO) from trained weights.",
    "import": "Bring a recogniser that inkport did not train, as an ONNX file.",
    "quantise": "Make int8 artifacts, find the operators that do harm, and undo what can be undone.",
    "average": "Average the weights of several rounds of training.",
    "grow": "Grow weights into a larger network, as the start of a training.",
    "train": "Train a recogniser from a recipe.",
    "prune": "Remove channels, heads, hidden units and blocks from trained weights.",
    "ablate": "Train a recipe's variants with several seeds and compare them with intervals.",
    "adapt": "Adapt a recogniser to one hand with few of its lines, and measure what that brings.",
    "compress": "Make smaller and faster models by a recipe, and find those worth having.",
    "dataset": "Turn a data set of the literature, in its official layout, into a line set.",
    "synth": "Render lines of text in handwriting fonts, to train on and to test with.",
    "frames": "Measure which lines have too few frames at candidate heights and strides.",
}
"""Commands and their summaries; ``name`` lives in ``inkport.commands.name``, see ``place_of``."""


def place_of(command: str) -> str:
    """Return where a command is, as MODULE:FUNCTION; a name that is a keyword of Python ends in an underscore there."""
    name = f"{command}_" if keyword.iskeyword(command) else command
    return f"inkport.commands.{name}:{name}"


app = App(
    name="inkport",
    version=__version__,
    default_parameter=EVERY_OPTION,
    # It would end the process in silence.
    suppress_keyboard_interrupt=False,
    help="Port a handwriting recogniser to every device, and prove that it still reads the same text.",
)
for _name, _summary in COMMANDS.items():
    app.command(place_of(_name), name=_name, help=_summary)


def main() -> None:
    """Run the command line and exit with its code."""
    end_cleanly_when_told()
    sweep_temporary()
    sys.exit(run_program(app, sys.argv[1:]))
