"""HTR-VT's positions and norms, and the CRNN's view of paper, against formulas of their own."""

from __future__ import annotations

import math

import pytest


torch = pytest.importorskip("torch", reason="networks are torch")

import torch.nn.functional as F  # noqa: E402

from inkport.model.htr_vt import sinusoid_positions, standardise  # noqa: E402


def test_positions_are_sines_and_cosines_of_the_column():
    table = sinusoid_positions(5, 16)
    for column in range(5):
        for i in range(4):
            angle = column / 10000 ** (i / 4)
            assert table[column, i].item() == pytest.approx(math.sin(angle), abs=1e-6)
            assert table[column, 4 + i].item() == pytest.approx(math.cos(angle), abs=1e-6)
    # There is one row of patches only, number 0.
    assert torch.equal(table[:, 8:], torch.tensor([0.0] * 4 + [1.0] * 4).expand(5, 8))


def test_a_longer_table_starts_with_the_shorter_one():
    assert torch.equal(sinusoid_positions(512, 32)[:128], sinusoid_positions(128, 32))


def test_positions_are_counted_but_never_learned(make_toy):
    network = make_toy("htr-vt").network()
    frozen = [name for name, parameter in network.named_parameters() if not parameter.requires_grad]
    assert frozen == ["positions"]


def test_a_line_beyond_the_table_is_an_error_and_a_longer_table_reads_it(make_toy):
    images = torch.rand(1, 1, 64, 96)
    short = make_toy("htr-vt").network(frames=16)
    with pytest.raises(RuntimeError, match="must match"):
        short(images)
    with torch.inference_mode():
        full, longer = (make_toy("htr-vt").network(frames=frames)(images) for frames in (24, 40))
    torch.testing.assert_close(full, longer)


def test_standardising_is_a_layer_norm_without_parameters():
    x = torch.rand(3, 7, 5) * 4 + 2
    torch.testing.assert_close(standardise(x, (1, 2)), F.layer_norm(x, (7, 5)))


def test_brightness_and_contrast_of_an_image_change_nothing_for_htr_vt(make_toy):
    network = make_toy("htr-vt").network()
    images = torch.rand(1, 1, 64, 64)
    with torch.inference_mode():
        torch.testing.assert_close(network(images * 0.5 + 0.2), network(images), atol=1e-3, rtol=0)


def test_the_border_of_an_image_is_paper_for_the_crnn(make_toy):
    network = make_toy("crnn").network()
    stem = []
    network.cnn[1].register_forward_hook(lambda _module, _inputs, output: stem.append(output))
    image = torch.rand(1, 1, 32, 48)
    with torch.inference_mode():
        network(image)
        network(F.pad(image, (8, 8), value=1.0))
    torch.testing.assert_close(stem[1][:, :, :, 4:-4], stem[0])
