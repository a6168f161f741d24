from __future__ import annotations

import pytest


torch = pytest.importorskip("torch", reason="training needs torch")

from inkport.train.augment import augment  # noqa: E402
from inkport.train.draw import generators  # noqa: E402
from inkport.train.recipe import AugmentRecipe  # noqa: E402


OFF = AugmentRecipe(**dict.fromkeys(AugmentRecipe.__dataclass_fields__, 0))


def run(images, widths, recipe, seed=3, least=None):
    drawn = generators(torch.device("cpu"), seed)
    least = torch.zeros_like(widths) if least is None else least
    done = augment(images, widths, least, recipe, drawn, multiple=16)
    return done.images, done.widths


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
    shrink = AugmentRecipe(**(dict.fromkeys(AugmentRecipe.__dataclass_fields__, 0) | {"scale_x": 0.9}))
    squeezed = torch.stack([run(images, widths, shrink, seed=s)[1] for s in range(30)])
    kept = torch.stack([run(images, widths, shrink, seed=s, least=widths - 16)[1] for s in range(30)])
    assert (squeezed < widths - 16).any()
    assert (kept >= widths - 16).all()


def test_scaling_really_scales():
    image = torch.ones(1, 1, 48, 160)
    image[..., 80:84] = 0.0
    only_scale = AugmentRecipe(**(dict.fromkeys(AugmentRecipe.__dataclass_fields__, 0) | {"scale_x": 0.5}))
    for seed in range(10):
        drawn = generators(torch.device("cpu"), seed)
        scale = 1 + (2 * torch.rand(1, generator=drawn.host) - 1) * 0.5
        result, _ = run(image, torch.tensor([160]), only_scale, seed=seed)
        ink = 1 - result[0, 0].mean(dim=0)
        centre = (ink * (torch.arange(len(ink)) + 0.5)).sum() / ink.sum()
        assert abs(centre.item() - 82 * scale.item()) < 1.0


@pytest.mark.parametrize(
    "part",
    [
        "scale_y",
        "shear",
        "rotate",
        "shift",
        "elastic",
        "stroke",
        "contrast",
        "gamma",
        "shade",
        "noise",
        "blur",
        "mask",
        "perspective",
        "paper",
        "neighbours",
        "crop",
        "widen",
        "cut",
        "faint",
        "ruling",
    ],
)
def test_every_part_does_something(batch, part):
    images, widths = batch
    strength = {"mask": 1.0, "shear": 0.4, "elastic": 1.5, "widen": 0.6, "faint": 1.0}.get(part, 0.3)
    recipe = AugmentRecipe(**(dict.fromkeys(AugmentRecipe.__dataclass_fields__, 0) | {part: strength, "spans": 3}))
    changed = [run(images, widths, recipe, seed=s)[0][..., :192] for s in range(5)]
    assert any((x - images).abs().max() > 0.01 for x in changed)


def only(**parts):
    return AugmentRecipe(**(dict.fromkeys(AugmentRecipe.__dataclass_fields__, 0) | parts))


def test_views_share_their_geometry_and_differ_in_what_covers_them(batch):
    moving = {"scale_x": 0.3, "shear": 0.4, "rotate": 0.02, "elastic": 1.5, "perspective": 0.2}
    drawn = generators(torch.device("cpu"), 3)
    done = augment(*batch, torch.zeros(4), only(**moving), drawn, multiple=16, views=2)
    still = done.images
    assert len(still) == 8
    assert torch.equal(still[:4], still[4:])
    assert torch.equal(done.widths[:4], done.widths[4:])
    drawn = generators(torch.device("cpu"), 3)
    done = augment(*batch, torch.zeros(4), only(mask=1, spans=3, **moving), drawn, multiple=16, views=2)
    covered = (done.images != still).any(dim=(1, 2))
    assert covered.any(dim=1).all()
    assert not torch.equal(covered[:4], covered[4:])


def test_moved_lines_have_the_geometry_of_the_augmented_ones_and_nothing_else(batch):
    moving = {"scale_x": 0.3, "shear": 0.4, "rotate": 0.02, "elastic": 1.5, "perspective": 0.2}
    covering = {"stroke": 0.9, "contrast": 0.5, "gamma": 0.5, "shade": 0.2, "noise": 0.1, "blur": 0.9, "paper": 1.0}
    still, _ = run(*batch, only(**moving))
    drawn = generators(torch.device("cpu"), 3)
    recipe = only(mask=1, spans=3, neighbours=1.0, **covering, **moving)
    done = augment(*batch, torch.zeros(4), recipe, drawn, multiple=16, views=2)
    assert done.moved.shape == done.images.shape
    for view in done.moved.split(4):
        torch.testing.assert_close(view.clamp(1e-4, 1), still, atol=2e-5, rtol=0)
    assert (done.moved - done.images).abs().amax(dim=(1, 2, 3)).min() > 0.05


def test_more_spans_cover_more():
    images = torch.rand(32, 1, 48, 640)
    widths = torch.full((32,), 640)
    share = [(run(images, widths, only(mask=1, spans=n))[0] - images).abs().amax(dim=2).gt(0.01) for n in (3, 8)]
    assert share[0].float().mean() < share[1].float().mean() < 0.6


def marks(image):
    """Return the centres of the dark columns of one line, sub-pixel, one per mark."""
    ink = (1 - image).sum(dim=(0, 1))
    places = torch.arange(len(ink)) + 0.5
    edges = [i for i in range(1, len(ink)) if (ink[i] > 1) != (ink[i - 1] > 1)]
    spans = [slice(a, b) for a, b in zip(edges[::2], edges[1::2], strict=True)]
    return [((ink[s] * places[s]).sum() / ink[s].sum()).item() for s in spans]


def test_perspective_is_a_projection_that_keeps_both_ends():
    image = torch.ones(1, 1, 48, 640)
    for column in (4, 180, 330, 480, 632):
        image[..., column : column + 4] = 0.0
    moved = []
    for seed in range(6):
        result, widths = run(image, torch.tensor([640]), only(perspective=0.4), seed=seed)
        assert widths.tolist() == [640]
        first, a, b, c, last = marks(result[0])
        # The ends themselves stay; marks six columns from them move by at most as much again.
        assert (first, last) == pytest.approx((6, 634), abs=9)
        moved.append(abs(b - 332))
        # Projections keep the cross-ratio of four points of a line; affine maps and curves do not both move the middle.
        found = (b - first) * (last - a) / ((b - a) * (last - first))
        expected = (332 - 6) * (634 - 182) / ((332 - 182) * (634 - 6))
        assert found == pytest.approx(expected, rel=0.01)
        assert a < b < c
    assert max(moved) > 8


def test_perspective_makes_one_end_taller_than_the_other():
    image = torch.ones(1, 1, 48, 640)
    image[:, :, 16:32] = 0.0
    heights = [(1 - run(image, torch.tensor([640]), only(perspective=0.4), seed=s)[0])[0, 0].sum(0) for s in range(6)]
    for height in heights:
        ordered = height.sort().values
        assert torch.allclose(height, ordered, atol=0.1) or torch.allclose(height, ordered.flip(0), atol=0.1)
    assert max((h.max() / h.min()).item() for h in heights) > 1.3


def test_narrow_lines_on_a_wide_canvas_stay_finite():
    images, widths = torch.rand(2, 1, 48, 1024), torch.tensor([1024, 32])
    for seed in range(5):
        assert torch.isfinite(run(images, widths, only(perspective=0.9), seed=seed)[0]).all()


def test_old_paper_is_darker_but_ink_is_ink():
    images = torch.ones(8, 1, 48, 320)
    images[:, :, 20:28, 40:280] = 0.0
    result, _ = run(images, torch.full((8,), 320), only(paper=0.4))
    ink, paper = result[images == 0], result[images == 1]
    assert ink.max() < 1e-3
    assert 0.6 <= paper.min() < 0.9
    # Stains and grain: within a line the paper is not even.
    assert (result[:, 0, :16].amax(dim=(1, 2)) - result[:, 0, :16].amin(dim=(1, 2)) > 0.01).sum() >= 6


def test_neighbours_reach_in_from_above_or_below_only():
    torch.manual_seed(0)
    images = (torch.rand(8, 1, 48, 128) > 0.5).float()
    result, _ = run(images, torch.full((8,), 128), only(neighbours=1))
    result = result.round()
    assert torch.equal(result[:, :, 12:36], images[:, :, 12:36])
    assert (result <= images).all()
    above, below = (result[:, :, :12] != images[:, :, :12]).any(), (result[:, :, 36:] != images[:, :, 36:]).any()
    assert above
    assert below
    for index in range(8):
        other = images[index - 1, 0]
        reached = [
            r
            for r in range(1, 12)
            if torch.equal(result[index, 0, :r], torch.minimum(images[index, 0, :r], other[48 - r :]))
        ]
        hung = [
            r
            for r in range(1, 12)
            if torch.equal(result[index, 0, 48 - r :], torch.minimum(images[index, 0, 48 - r :], other[:r]))
        ]
        assert reached or hung


def test_a_line_alone_has_no_neighbour(batch):
    images, widths = batch[0][:1], batch[1][:1]
    assert torch.equal(run(images, widths, only(neighbours=1))[0], run(images, widths, OFF)[0])


def test_a_quarter_of_the_batches_is_widened_by_up_to_what_the_recipe_says():
    images, widths = torch.ones(8, 1, 48, 320), torch.full((8,), 320)
    found = torch.stack([run(images, widths, only(widen=0.6), seed=s)[1] for s in range(200)])
    wide = (found > 320).any(dim=1)
    assert 0.15 < wide.float().mean() < 0.35
    assert (found[~wide] == 320).all()
    assert found.min() == 320
    assert 500 <= found.max() <= 320 * 1.6


def test_a_clipped_end_loses_columns_and_what_is_left_stays():
    # Every column has a gray of its own, so that each one that is left says where it came from.
    images = (torch.arange(320) / 400).expand(64, 1, 48, 320).contiguous()
    result, widths = run(images, torch.full((64,), 320), only(cut=0.5))
    first = (result[:, 0, 24, 0] * 400).round()
    assert set((first > 0).tolist()) == {True, False}
    assert first.max() <= 12
    for row, start, width in zip(result[:, 0, 24], first, widths, strict=True):
        content = int((row < 0.9999).sum())
        assert 320 - 24 <= content <= 320
        assert width == -(-content // 16) * 16
        # Half a column at most: what is cut is no whole number of columns.
        wanted = (start + torch.arange(content - 1)) / 400
        torch.testing.assert_close(row[: content - 1], wanted, atol=1.1 / 400, rtol=0)
        assert (row[content:] == 1).all()


def test_faint_ink_is_near_its_paper_and_fainter_ink_stays():
    images = torch.full((64, 1, 48, 320), 0.9)
    images[:, :, 20:28, 40:280] = torch.linspace(0.1, 0.88, 64).view(-1, 1, 1, 1)
    result, _ = run(images, torch.full((64,), 320), only(faint=1))
    before, after = 0.9 - images[:, 0, 24, 100], result[:, 0, 0, 0] - result[:, 0, 24, 100]
    torch.testing.assert_close(result[:, 0, 0, 0], torch.full((64,), 0.9), atol=1e-4, rtol=0)
    assert (after <= before + 1e-5).all()
    assert (after <= 0.3 + 1e-5).all()
    assert (after >= torch.minimum(before, torch.tensor(0.08)) - 1e-5).all()
    assert after.std() > 0.03


def rulings(seeds=16):
    images = torch.ones(16, 1, 48, 640)
    widths = torch.full((16,), 640)
    return torch.cat([1 - run(images, widths, only(ruling=1), seed=s)[0][:, 0] for s in range(seeds)])


def test_rulings_are_dotted_dashed_whole_and_squared():
    kinds = {"dotted": 0, "dashed": 0, "whole": 0, "squared": 0}
    for dark in rulings():
        on = dark > 0.04
        # Slopes move a ruling by up to six rows from end to end: short pieces are level.
        piece = on[:, 200:264]
        lit = piece[piece.any(dim=1)].float().mean(dim=1)
        if on.all(dim=0).any():
            # Upright strokes reach from top to bottom: squares.
            kinds["squared"] += 1
        elif lit.max() > 0.97:
            kinds["whole"] += 1
        else:
            runs = (on[:, 1:] & ~on[:, :-1]).sum(dim=1)
            length = on.sum(dim=1)[runs > 0] / runs[runs > 0]
            kinds["dotted" if length.max() < 5 else "dashed"] += 1
    assert min(kinds.values()) >= 30, kinds


def test_rulings_never_hide_ink_and_stay_light():
    images = torch.ones(32, 1, 48, 320)
    images[:, :, 10:40, 50:54] = 0.0
    result, _ = run(images, torch.full((32,), 320), only(ruling=1))
    assert (result[images == 0] < 1e-3).all()
    assert result[images == 1].min() >= 0.5 - 1e-5
    assert ((result < 0.97) & (images == 1)).flatten(1).any(dim=1).all()


def test_every_fifth_line_may_be_ruled():
    ruled = torch.stack(
        [(run(torch.ones(64, 1, 48, 64), torch.full((64,), 64), only(ruling=0.2), seed=s)[0] < 0.97) for s in range(6)]
    )
    assert 0.1 < ruled.flatten(2).any(dim=2).float().mean() < 0.3
