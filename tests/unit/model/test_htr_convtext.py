"""The published network, part by part, against the counts and the formulas that describe it."""

from __future__ import annotations

import pytest


torch = pytest.importorskip("torch", reason="networks are torch")

import torch.nn.functional as F  # noqa: E402

from inkport.model.htr_convtext import (  # noqa: E402  # noqa: E402
    HtrConvTextConfig,
    MobileViT,
    PublishedConvModule,
    RelativeAttention,
    fold,
    unfold,
)
from inkport.model.resnet import SpanMask  # noqa: E402
from inkport.model.weights import count_parameters  # noqa: E402
from inkport.model.zoo import build  # noqa: E402


@pytest.fixture(scope="module")
def published():
    with torch.device("meta"):
        return build("convtext", 80, {})


def counts(modules):
    return [round(count_parameters(module) / 1e6, 3) for module in modules]


def test_parts_have_the_published_counts(published):
    backbone = published.backbone
    assert counts(backbone.stages) == [0.607, 2.100, 8.394]
    assert counts(backbone.refine) == [0.381, 1.515, 6.044]
    assert round(count_parameters(backbone) / 1e6, 2) == 19.04
    blocks = [*published.before, *published.within, *published.after]
    assert counts(blocks) == [5.789] * 8
    assert [len(part) for part in (published.before, published.within, published.after)] == [3, 4, 1]
    assert counts([published.down, published.up, published.head]) == [0.264, 0.263, 0.041]


def test_parts_of_a_block_have_the_published_counts(published):
    attention, feed, conv, _ = (branch.inner for branch in published.within[0])
    projections = [attention.query, attention.key, attention.value]
    assert sum(count_parameters(linear) for linear in projections) == 787_968
    assert counts([attention.out, feed, conv]) == [0.263, 2.100, 0.530]
    assert attention.bias.shape == (255, 8)


def test_options_change_what_they_name_and_nothing_else(published):
    with torch.device("meta"):
        fused = build("convtext", 80, {"fusion": True})
        masked = build("convtext", 80, {"mask_ratio": 0.4})
    joins = sum(2 * c * c * 9 + 2 * c for c in (128, 256, 512))
    assert count_parameters(fused) - count_parameters(published) == joins
    assert count_parameters(masked) - count_parameters(published) == 512


def test_drop_path_rises_linearly(published):
    blocks = [*published.before, *published.within, *published.after]
    assert [block[0].drop_path for block in blocks] == pytest.approx([0.1 * i / 7 for i in range(8)])


def test_the_context_module_reads_where_the_option_says(make_toy):
    images = torch.rand(1, 1, 64, 32)
    at_encoder = make_toy("convtext").network()
    at_features = make_toy("convtext").network(context_tap="features")
    with torch.inference_mode():
        output = at_encoder.forward_train(images)
        torch.testing.assert_close(at_encoder.head(output.context), output.logits)
        torch.testing.assert_close(at_features.forward_train(images).context, at_features.backbone(images))


def test_a_patch_place_sees_only_its_own_place():
    x = torch.arange(2 * 3 * 4 * 6.0).reshape(2, 3, 4, 6)
    patches = unfold(x)
    assert patches.shape == (8, 3, 2, 3)
    for place, (row, column) in enumerate([(0, 0), (0, 1), (1, 0), (1, 1)]):
        assert torch.equal(patches[2 * place : 2 * place + 2], x[:, :, row::2, column::2])
    assert torch.equal(fold(patches, 2, 3, 2), x)


def test_without_fusion_nothing_leads_around_a_mobilevit_block():
    torch.manual_seed(0)
    x = torch.rand(1, 8, 4, 8)
    for fusion, silent in ((False, True), (True, False)):
        block = MobileViT(8, 2, 4, fusion=fusion).eval()
        torch.nn.init.zeros_(block.project[0].weight)
        with torch.inference_mode():
            assert (block(x).abs().sum() == 0) == silent


def test_the_position_bias_is_looked_up_by_clamped_distance():
    config = HtrConvTextConfig(classes=5, dim=32, head_dim=8, positions=3)
    torch.manual_seed(1)
    attention = RelativeAttention(config).eval()
    torch.nn.init.normal_(attention.bias)
    scores = torch.randn(2, 4, 6, 6)
    wanted = scores.clone()
    for i in range(6):
        for j in range(6):
            wanted[:, :, i, j] += attention.bias[max(-2, min(2, j - i)) + 2]
    with torch.inference_mode():
        torch.testing.assert_close(attention.attend(scores), torch.softmax(wanted, dim=-1))


def test_the_convolution_module_normalises_over_channels_and_time_together():
    torch.manual_seed(2)
    module = PublishedConvModule(6, 7)
    torch.nn.init.normal_(module.norm.weight)
    x = torch.randn(2, 9, 6)
    y = F.silu(x @ module.inner.weight.T + module.inner.bias)
    padded = F.pad(y, (0, 0, 3, 3))
    taps = module.depthwise.weight[:, 0].T
    y = torch.stack([(padded[:, t : t + 7] * taps).sum(1) for t in range(9)], dim=1) + module.depthwise.bias
    mean, var = y.mean((1, 2), keepdim=True), y.var((1, 2), unbiased=False, keepdim=True)
    y = F.silu((y - mean) / (var + 1e-5).sqrt() * module.norm.weight + module.norm.bias)
    torch.testing.assert_close(module(x), y @ module.out.weight.T + module.out.bias)


def test_a_block_normalises_after_each_sum_and_halves_the_feed_forwards(make_toy):
    block = make_toy("convtext").network().within[0]
    x = torch.randn(2, 8, 32)
    wanted = x
    with torch.inference_mode():
        for branch, weight in zip(block, (1, 0.5, 1, 0.5), strict=True):
            wanted = branch.norm(wanted + weight * branch.scale * branch.inner(wanted))
        torch.testing.assert_close(block(x), wanted)


def test_frames_are_repeated_before_or_after_the_linear_layer_alike(make_toy):
    up = make_toy("convtext").network().up
    x = torch.randn(2, 5, 32)
    published = up.linear(F.interpolate(x.transpose(1, 2), size=10, mode="nearest").transpose(1, 2))
    torch.testing.assert_close(up(x), published)


def test_span_masks_are_spans_of_the_token_in_training_only():
    torch.manual_seed(4)
    mask = SpanMask(4, 0.4, 8)
    x = torch.randn(50, 128, 4)
    assert mask.eval()(x) is x
    y = mask.train()(x)
    hidden = (y != x).any(dim=2)
    assert torch.equal(y[hidden].unique(dim=0), mask.token[None])
    # Six spans of 8 that may overlap.
    assert int(hidden.sum(1).max()) <= 48
    assert 0.28 < hidden.float().mean() < 0.38
    for line in hidden:
        runs = "".join("x" if frame else " " for frame in line).split()
        assert min(map(len, runs)) >= 8
    assert len({tuple(line.tolist()) for line in hidden}) > 40
