"""The Python reader of a bundle, one file without inkport, against inkport: the same bytes, labels and texts."""

from __future__ import annotations

import hashlib
import shutil
import sys
from importlib.util import module_from_spec, spec_from_file_location

import numpy as np
import pytest

from inkport.core.ctc import greedy
from inkport.core.image import load_pixels
from inkport.core.preprocess import normalise, prepare_bytes, to_bytes
from inkport.core.registry import open_session
from inkport.export.bundle.sources import write_python


FAULTS = {
    "no antialiasing": ("2 * max(source, target)", "2 * target", "tensor"),
    "half to even": ("(sums + 2 ** (WEIGHT_BITS - 1)) >> WEIGHT_BITS", "np.rint(sums / 2**WEIGHT_BITS)", "tensor"),
    "black padding": ("constant_values=background", "constant_values=0", "tensor"),
    "no EXIF": ("ImageOps.exif_transpose(opened)", "opened", "gray"),
    "black alpha": ('"RGBA", image.size, "white"', '"RGBA", image.size, "black"', "gray"),
    "BGR": ('image = image.convert("RGB")', 'image = Image.merge("RGB", image.convert("RGB").split()[::-1])', "gray"),
    "16 bits cut": ("(deep + 128) // 257", "deep // 256", "gray"),
    "blank last": ("logits.argmax(axis=1)", "(logits.argmax(axis=1) + 1) % logits.shape[1]", "ids"),
    "logits for probabilities": ("float(chances[frame, label])", "float(logits[frame, label])", "confidence"),
    "off by one label": ("self.symbols[label - 1]", "self.symbols[label % len(self.symbols)]", "text"),
    "bytes for code points": (
        '"".join(symbol.text for symbol in symbols)',
        '"".join(symbol.text for symbol in symbols).encode().decode("latin1")',
        "text",
    ),
}
"""What is in the file, what takes its place, and the stage that is then wrong."""
FIRST = {fault[-1]: name for name, fault in reversed(FAULTS.items())}
"""A fault for each stage, which is always tried; all of them take many seconds."""
OTHER_FAULTS = {
    "any width": ("max(content, narrowest)", "content", "tensor", "limits"),
    "too long is cut": ("padded > widest", "False", "tensor", "limits"),
    "by 256": ("np.float32(255)", "np.float32(256)", "tensor", "every-level"),
    "last label lost": ("logits.argmax(axis=1)", "logits[:, :-1].argmax(axis=1)", "ids", "every-label"),
    "softmax overflows": ("wide - wide.max(axis=1, keepdims=True)", "wide", "confidence", "every-label"),
    "warm softmax": ("wide = logits.astype(np.float64)", "wide = 0.98 * logits", "confidence", "every-label"),
    "latin letters only": (
        '"".join(symbol.text for symbol in symbols)',
        '"".join(chr(ord(symbol.text) & 255) for symbol in symbols)',
        "text",
        "every-label",
    ),
}
"""The same of faults that golden lines do not show, or as another stage, and which check of the file's own does."""
QUICK = ("too long is cut", "by 256", "warm softmax")
"""Those of them that are always tried: one for each check."""


@pytest.fixture(scope="module")
def folder(bundle, tmp_path_factory):
    out = tmp_path_factory.mktemp("bundle") / "python"
    out.mkdir()
    for part in ("model", "golden"):
        shutil.copytree(bundle / part, out / part)
    shutil.copyfile(bundle / "specification.txt", out / "specification.txt")
    write_python(out)
    return out


@pytest.fixture
def load(folder, tmp_path, monkeypatch):
    """Return what opens the bundle with its file, in which one piece may be another."""

    def load(right="", wrong=""):
        text = (folder / "inkport_reader.py").read_text(encoding="utf-8")
        assert not right or text.count(right) == 1, f"{right!r} stands {text.count(right)} times in the file"
        (tmp_path / "inkport_reader.py").write_text(text.replace(right, wrong) if right else text, encoding="utf-8")
        spec = spec_from_file_location("inkport_reader", tmp_path / "inkport_reader.py")
        module = module_from_spec(spec)
        monkeypatch.setitem(sys.modules, "inkport_reader", module)
        spec.loader.exec_module(module)
        return module

    return load


def test_every_golden_line_is_read_as_by_inkport(load, folder, model):
    reader = load()
    recogniser = reader.Recogniser(folder)
    files = list(folder.glob("golden/*/line.*"))
    assert len(files) >= 18
    with open_session(model, runtime="onnxruntime") as session:
        for file in files:
            gray = to_bytes(load_pixels(file))
            assert np.array_equal(reader.load_gray(file), gray)
            tensor = prepare_bytes(gray, model.spec.preprocess)
            assert np.array_equal(recogniser.prepare(gray), tensor[0, 0])
            wanted = greedy(session.run(normalise(tensor, model.spec.preprocess))[0], model.spec.charset)
            found = recogniser.read(file)
            assert found.text == wanted.text
            assert [(s.text, s.first_frame, s.last_frame) for s in found.symbols] == [
                (e.symbol, e.first_frame, e.last_frame) for e in wanted.emissions
            ]
            expected = [e.confidence for e in wanted.emissions]
            assert [s.confidence for s in found.symbols] == pytest.approx(expected, abs=1e-5)


def test_tensors_of_noise_are_equal_to_the_byte(load, folder, model, rng):
    recogniser = load().Recogniser(folder)
    for size in ((48, 300), (47, 90), (9, 31), (200, 2200), (411, 97), (31, 1024)):
        noise = rng.integers(0, 256, size, dtype=np.uint8)
        assert np.array_equal(recogniser.prepare(noise), prepare_bytes(noise, model.spec.preprocess)[0, 0])


def test_the_file_needs_nothing_of_inkport_and_prints_a_line(load, folder, capsys, monkeypatch):
    reader = load()
    assert "import inkport" not in (folder / "inkport_reader.py").read_text(encoding="utf-8")
    monkeypatch.setattr(reader, "__file__", str(folder / "inkport_reader.py"))
    file = folder / "golden" / "plain" / "line.png"
    assert reader.main([str(file)]) == 0
    assert reader.main(["--self-test"]) == 0
    text = (file.parent / "text.txt").read_text(encoding="utf-8")
    assert capsys.readouterr().out == f"{file}\t{text}\nall stages are right\n"


@pytest.mark.parametrize(
    "name", [name if name in FIRST.values() else pytest.param(name, marks=pytest.mark.slow) for name in FAULTS]
)
def test_the_self_test_names_the_stage(load, folder, name):
    right, wrong, stage = FAULTS[name]
    fault = load(right, wrong).Recogniser(folder).self_test()
    assert fault.stage == stage
    assert (folder / "golden" / fault.line).is_dir()
    assert fault.detail


@pytest.mark.parametrize(
    "name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in OTHER_FAULTS]
)
@pytest.mark.filterwarnings("ignore:overflow encountered", "ignore:invalid value encountered")
def test_what_the_self_test_makes_shows_faults_of_other_kinds(load, folder, name):
    right, wrong, stage, line = OTHER_FAULTS[name]
    fault = load(right, wrong).Recogniser(folder).self_test()
    assert (fault.stage, fault.line) == (stage, line)
    assert fault.detail


@pytest.mark.parametrize("name", ["specification.txt", "model/model.onnx"])
def test_golden_values_of_another_model_or_specification_are_refused(load, folder, tmp_path, name):
    other = tmp_path / "other"
    shutil.copytree(folder, other)
    with (other / name).open("ab") as file:
        file.write(b"# more\n" if name.endswith(".txt") else b"\xfa\x7f\x01x")
    fault = load().Recogniser(other).self_test()
    assert (fault.stage, fault.line) == ("bundle", name)
    assert hashlib.sha256((other / name).read_bytes()).hexdigest()[:12] in fault.detail


def test_what_is_not_understood_is_refused(load, folder, tmp_path):
    reader = load()
    text = (folder / "specification.txt").read_text(encoding="utf-8")
    for change in (("format = 1", "format = 2"), ("triangle-v2", "triangle-v1")):
        (tmp_path / "specification.txt").write_text(text.replace(*change), encoding="utf-8")
        with pytest.raises(reader.Error, match=change[1].split()[-1]):
            reader.Recogniser(tmp_path)
    with pytest.raises(reader.Error, match="cut it"):
        reader.Recogniser(folder).prepare(np.full((48, 4000), 255, np.uint8))
