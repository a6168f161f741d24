from __future__ import annotations

from pathlib import Path

import pytest


torch = pytest.importorskip("torch", reason="networks are torch")

from inkport.core.errors import UsageError  # noqa: E402
from inkport.model.grow import grow_weights  # noqa: E402
from inkport.model.weights import Weights, count_parameters, load_weights  # noqa: E402


SHIPPED = Path(__file__).parents[3] / "model" / "shipped" / "convtext-tiny" / "weights.safetensors"


@pytest.fixture(scope="module")
def tiny() -> Weights:
    return load_weights(SHIPPED)


@pytest.fixture(scope="module")
def settings(tiny) -> dict[str, list[int]]:
    """Residual blocks of convtext-small, as many as those of the shipped convtext-tiny at least."""
    return {"blocks": [max(b) for b in zip((1, 2, 1), tiny.network().config.blocks, strict=True)]}


@pytest.fixture(scope="module")
def small(tiny, settings) -> Weights:
    return grow_weights(tiny, "convtext-small", settings=settings, version="7")


def test_the_cnn_reads_exactly_as_before_in_its_old_channels(tiny, small) -> None:
    images = torch.rand(1, 1, 48, 160)
    with torch.inference_mode():
        before, after = tiny.network().features(images), small.network().features(images)
    torch.testing.assert_close(after[:, :, : before.shape[2]], before, rtol=1e-4, atol=1e-4)
    assert after[:, :, before.shape[2] :].std() > 0, "new channels must carry something to learn from"


def test_logits_stay_close_and_fresh_weights_are_no_such_thing(tiny, small, settings) -> None:
    images = torch.rand(2, 1, 48, 320)
    with torch.inference_mode():
        before, after = tiny.network()(images), small.network()(images)
        other = grow_weights(tiny, "convtext-small", settings=settings, seed=2).network()(images)
    assert (after - before).norm() < 0.25 * before.norm()
    assert not torch.equal(other, after)


def test_it_is_the_named_network_with_its_lineage(tiny, small) -> None:
    assert count_parameters(small.network()) > 2 * count_parameters(tiny.network())
    assert (small.spec.name, small.spec.version, small.spec.charset) == ("convtext-small", "7", tiny.spec.charset)
    assert small.provenance["grow"]["from"] == "convtext-tiny"
    assert small.provenance["grow"]["provenance"] == tiny.provenance


def test_every_new_value_can_learn(small) -> None:
    network = small.network().train()
    for _ in range(2):  # what is silenced by a zero in front of it wakes after one step
        network.zero_grad()
        output = network.forward_train(torch.rand(4, 1, 48, 64))
        (output.logits.square().mean() + output.auxiliary["shortcut"].square().mean()).backward()
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.sub_(parameter.grad, alpha=1e-2)
    dead = [n for n, p in network.named_parameters() if not p.grad.abs().max() > 0 and "key.bias" not in n]
    assert not dead


def test_only_larger_networks_of_the_family(tiny, small) -> None:
    with pytest.raises(UsageError, match="smaller"):
        grow_weights(small, "convtext-tiny")
    with pytest.raises(UsageError, match="family"):
        grow_weights(tiny, "crnn")
    with pytest.raises(UsageError, match="heads of 48"):
        grow_weights(tiny, "convtext-base")
    with pytest.raises(UsageError, match="smaller") as caught:
        grow_weights(tiny, "convtext-tiny", settings={"blocks": [0, 1, 1]})
    assert "--set" in caught.value.remedy
    with pytest.raises(UsageError, match="3 taps"):
        grow_weights(tiny, "convtext-tiny", settings={"kernel": 3})


@pytest.mark.parametrize("settings", [{"blocks": [2, 2, 1]}, {"blocks": [3, 2, 2], "depth": 3}])
def test_settings_make_it_deeper_and_it_reads_exactly_as_before(tiny, settings) -> None:
    grown = grow_weights(tiny, "convtext-tiny", settings=settings)
    assert grown.config == {"height": 48, **settings}
    images = torch.rand(2, 1, 48, 320)
    with torch.inference_mode():
        before, after = tiny.network()(images), grown.network()(images)
    torch.testing.assert_close(after, before, rtol=1e-4, atol=1e-4)
    assert count_parameters(grown.network()) > count_parameters(tiny.network()) + 70_000


@pytest.mark.parametrize("settings", [{"classes": 300}, {"height": 64}, {"block_inner": [64, 96, 128]}])
def test_a_setting_that_growing_cannot_change_is_refused(tiny, settings) -> None:
    with pytest.raises(UsageError, match=f"{next(iter(settings))} cannot change while growing"):
        grow_weights(tiny, "convtext-small", settings=settings)
