"""Mistakes of applications, planted in a copy of the header: the self-test names the stage of each."""

from __future__ import annotations

import shutil

import pytest


PROBABILITY = "static_cast<float>(std::exp(static_cast<double>(row[label]) - peak) / sum)"
FAULTS = {
    "no-antialiasing": ("2 * std::max(n, m)", "2 * m", "tensor"),
    "half-to-even": (
        "(sum + (1u << (kWeightBits - 1))) >> kWeightBits",
        "(sum + (1u << (kWeightBits - 1)) - ((sum & 4095u) == 1024u)) >> kWeightBits",
        "tensor",
    ),
    "black-padding": ("static_cast<std::uint8_t>(spec.background)", "std::uint8_t{0}", "tensor"),
    "width-cut": ("(2 * w * spec.height + h) / (2 * h)", "w * spec.height / h", "tensor"),
    "no-exif": ("return turn(gray, orientation);", "return gray;", "gray"),
    "mirrored-exif": ("orientation == 6 || orientation == 7", "orientation == 6", "gray"),
    "black-alpha": ("value * alpha + 255 * (255 - alpha) + 128", "value * alpha + 128", "gray"),
    "bgr": ("luma(p[0], p[1], p[2])", "luma(p[2], p[1], p[0])", "gray"),
    "mean-of-channels": ("(r * 19595 + g * 38470 + b * 7471 + 32768) >> 16", "(r + g + b) / 3", "gray"),
    "16-bits-cut": ("(deep + 128u) / 257u", "deep >> 8", "gray"),
    "blank-last": (
        "std::max_element(row, row + classes) - row",
        "(std::max_element(row, row + classes) - row + 1) % classes",
        "ids",
    ),
    "repeats-kept": ("path[t] != path[t - 1]", "true", "ids"),
    "logits-for-probabilities": (PROBABILITY, "row[label] + 0 * static_cast<float>(sum)", "confidence"),
    "softmax-twice": (
        PROBABILITY,
        "static_cast<float>(std::exp(std::exp(double(row[label]) - peak) / sum) / (std::exp(1.0) + classes - 1))",
        "confidence",
    ),
    "last-frame-only": ("std::max(symbol.confidence, chance)", "chance", "confidence"),
    "off-by-one-label": ("spec.symbols[path[t] - 1]", "spec.symbols[path[t] % spec.symbols.size()]", "text"),
    "off-by-one-symbol": (
        "detail::append_utf8(text, spec.symbols[label - 1])",
        "detail::append_utf8(text, spec.symbols[label % spec.symbols.size()])",
        "text",
    ),
    "bytes-for-code-points": ("if (c < 0x80) return put(c);", "return put(c & 0xFF);", "text"),
}
"""Name: what is in the header, what takes its place where the fault is asked for, and the stage that is then wrong."""
PLANTED = """
inline bool planted(const char* name) {
  const char* fault = std::getenv("FAULT");
  return fault && !std::strcmp(fault, name);
}
namespace inkport {
"""


def with_faults(header):
    """Return the header with every fault in it, each only where the variable FAULT names it."""
    for name, (right, wrong, _) in FAULTS.items():
        assert header.count(right) == 1, f"{name}: {right!r} stands {header.count(right)} times in inkport.hpp"
        if right.endswith(";"):
            header = header.replace(right, f'if (planted("{name}")) {{ {wrong} }} else {{ {right} }}')
        else:
            header = header.replace(right, f'(planted("{name}") ? ({wrong}) : ({right}))')
    return header.replace("namespace inkport {\n", PLANTED, 1)


@pytest.fixture(scope="module")
def faulty(bundle, compile_sample, tmp_path_factory):
    folder = tmp_path_factory.mktemp("faulty")
    (folder / "inkport.hpp").write_text(with_faults((bundle / "include" / "inkport.hpp").read_text()))
    (folder / "inkport").mkdir()
    shutil.copy2(bundle / "include" / "inkport" / "onnxruntime.hpp", folder / "inkport")
    assert compile_sample(folder / "read", "-w", first=folder).wait() == 0
    return folder / "read"


def test_without_a_fault_the_copy_is_right(faulty, bundle, run_sample):
    assert run_sample(faulty, "--self-test", bundle)[0] == 0


@pytest.mark.parametrize("fault", FAULTS)
def test_the_self_test_names_the_stage(faulty, bundle, run_sample, fault):
    code, said, _ = run_sample(faulty, "--self-test", bundle, fault=fault)
    stage, line, detail = said.rstrip("\n").split("\t")
    assert (code, stage) == (1, FAULTS[fault][2])
    assert (bundle / "golden" / line).is_dir()
    assert detail
