"""Nothing heavy is imported before it is used, and what runs on a device needs no torch."""

from __future__ import annotations

import json
from importlib.metadata import entry_points

import pytest

from inkport.core.runtime import Runtime


SDKS = (
    *("torch", "safetensors", "onnx", "onnxscript", "onnxruntime", "openvino", "coremltools", "pyarrow", "fontTools"),
    "huggingface_hub",
)
NEED_TORCH = ("inkport.model.", "inkport.train.", "inkport.export.from_torch.")
FOLDERS = {"src", "model", "train", "export", "runtimes", "benchmarks"}
TORCH_FREE_ALL_THE_SAME = ("inkport.model.runtime",)

BLOCK = """
import sys
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in BLOCKED:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
BLOCKED = set(sys.argv[1].split(","))
sys.meta_path.insert(0, Blocker())
"""

LOADED = f"""
import sys
print(*sorted({{name.partition(".")[0] for name in sys.modules}} & {{"numpy", "PIL", *{SDKS!r}}}))
"""


def modules(tracked):
    names = []
    for path in tracked:
        if path.suffix != ".py" or path.parts[0] not in FOLDERS:
            continue
        parts = path.with_suffix("").parts
        parts = parts[1:] if parts[0] == "src" else ("inkport", *parts)
        names.append(".".join(parts[:-1] if parts[-1] == "__init__" else parts))
    return [name for name in names if name != "inkport.__main__"]


def test_what_needs_no_torch_imports_without_any_sdk(tracked, python):
    light = [n for n in modules(tracked) if not n.startswith(NEED_TORCH) or n in TORCH_FREE_ALL_THE_SAME]
    assert len(light) > 30
    code = BLOCK + (
        "import importlib, json\nfailed = {}\n"
        "for name in sys.argv[2:]:\n"
        "    try:\n        importlib.import_module(name)\n"
        "    except Exception as error:\n        failed[name] = repr(error)\n"
        "print(json.dumps(failed))"
    )
    assert json.loads(python(code, ",".join(SDKS), *light)) == {}


def test_every_runtime_answers_without_its_sdk(python):
    code = BLOCK + (
        "from inkport.core.registry import probe, runtime_names\n"
        "for name in runtime_names():\n"
        "    found = probe(name)\n"
        "    print(name, found.ok or bool(found.reason and found.remedy), 'raised' in found.reason)"
    )
    answers = [line.split() for line in python(code, ",".join(SDKS)).splitlines()]
    assert len(answers) >= 3
    assert all(answer[1:] == ["True", "False"] for answer in answers), answers


def test_importing_inkport_loads_nothing_heavy(python):
    assert python("import inkport" + LOADED) == "\n"


def test_help_loads_nothing_heavy(python):
    code = (
        "import sys\nsys.argv = ['inkport', '--help']\nfrom inkport.cli import main\n"
        "try:\n    main()\nexcept SystemExit as done:\n    assert not done.code, done.code"
    )
    assert python(code + LOADED).splitlines()[-1] == ""


@pytest.mark.parametrize("point", entry_points(group="inkport.runtimes"), ids=lambda point: point.name)
def test_every_registered_runtime_is_one(point):
    runtime = point.load()()
    assert isinstance(runtime, Runtime)
    assert runtime.name == point.name
