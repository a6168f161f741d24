from __future__ import annotations

import pytest


torch = pytest.importorskip("torch", reason="training needs torch")

from inkport.train.augment import augment  # noqa: E402
from inkport.train.recipe import AugmentRecipe  # noqa: E402


OFF = AugmentRecipe(**dict.fromkeys(AugmentRecipe.__dataclass_fields__, 0.0))


def run(images, widths, recipe, seed=3, least=None):
    generator = torch.Generator().manual_seed(seed)
    least = torch.zeros_like(widths) if least is None else least
    return augment(images, widths, least, recipe, generator, multiple=16)


@pytest.fixture
def batch():
    images = torch.rand(4, 1, 48, 192, generator=torch.Generator().manual_seed(1))
    widths = torch.tensor([192, 160, 96, 64])
    for image, width in zip(images, widths, strict=True):
        image[..., width:] = 1.0
    return images, widths


def test_switched_off_it_changes_nothing(batch):
    images, widths = batch
    result, new_widths = run(images, widths, OFF)
    assert torch.equal(new_widths, widths)
    torch.testing.assert_close(result[..., :192], images.clamp(1e-4, 1), atol=2e-5, rtol=0)


def test_same_generator_same_result_other_seed_other_result(batch):
    first, again, other = (run(*batch, AugmentRecipe(), seed=s)[0] for s in (3, 3, 4))
    assert torch.equal(first, again)
    assert first.shape != other.shape or not torch.equal(first, other)


def test_result_stays_an_image_with_allowed_widths(batch):
    for seed in range(20):
        result, widths = run(*batch, AugmentRecipe(), seed=seed)
        assert torch.isfinite(result).all()
        assert 0 <= result.min() <= result.max() <= 1
        assert (widths % 16 == 0).all()
        assert widths.max() <= result.shape[3]


def test_a_line_keeps_the_columns_that_ctc_needs(batch):
    images, widths = batch
    shrink = AugmentRecipe(**(dict.fromkeys(AugmentRecipe.__dataclass_fields__, 0.0) | {"scale_x": 0.9}))
    squeezed = torch.stack([run(images, widths, shrink, seed=s)[1] for s in range(30)])
    kept = torch.stack([run(images, widths, shrink, seed=s, least=widths - 16)[1] for s in range(30)])
    assert (squeezed < widths - 16).any()
    assert (kept >= widths - 16).all()


def test_scaling_really_scales():
    image = torch.ones(1, 1, 48, 160)
    image[..., 80:84] = 0.0
    only_scale = AugmentRecipe(**(dict.fromkeys(AugmentRecipe.__dataclass_fields__, 0.0) | {"scale_x": 0.5}))
    for seed in range(10):
        generator = torch.Generator().manual_seed(seed)
        scale = 1 + (2 * torch.rand(1, generator=generator) - 1) * 0.5
        result, _ = run(image, torch.tensor([160]), only_scale, seed=seed)
        ink = 1 - result[0, 0].mean(dim=0)
        centre = (ink * (torch.arange(len(ink)) + 0.5)).sum() / ink.sum()
        assert abs(centre.item() - 82 * scale.item()) < 1.0


@pytest.mark.parametrize("part", ["stroke", "contrast", "gamma", "shade", "noise", "blur", "mask", "elastic", "shear"])
def test_every_part_does_something(batch, part):
    images, widths = batch
    strength = {"mask": 1.0, "shear": 0.4, "elastic": 1.5}.get(part, 0.3)
    recipe = AugmentRecipe(**(dict.fromkeys(AugmentRecipe.__dataclass_fields__, 0.0) | {part: strength}))
    changed = [run(images, widths, recipe, seed=s)[0][..., :192] for s in range(5)]
    assert any((x - images).abs().max() > 0.01 for x in changed)
