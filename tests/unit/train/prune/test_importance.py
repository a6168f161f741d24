"""What goes is what a measure says is least."""

from __future__ import annotations

from dataclasses import replace

import pytest


torch = pytest.importorskip("torch", reason="networks are torch")
pytest.importorskip("torch_pruning", reason="pruning needs torch-pruning")

from inkport.train.prune.apply import Pruning, prune_weights  # noqa: E402
from inkport.train.prune.importance import (  # noqa: E402
    Importance,
    gradients_on,
    reestimate_statistics,
)


def removed(weights, name, importance, ratio=0.5, **keys):
    pruning = Pruning(ratios={name: ratio}, importance=Importance(importance), multiple=1)
    return prune_weights(weights, pruning, **keys).provenance["prune"]["removed"][name]


def lowest(scores, count):
    return sorted(torch.argsort(scores)[:count].tolist())


@pytest.mark.parametrize(("importance", "power"), [("l1", 1), ("l2", 2)])
def test_magnitudes_are_those_of_the_layer_itself(parent, importance, power):
    scores = parent.tensors["cnn.2.body.0.0.weight"].abs().pow(power).sum(dim=(1, 2, 3))
    assert removed(parent, "residual.0.inner", importance) == lowest(scores, 6)


def test_scales_of_batch_norms(parent):
    assert removed(parent, "residual.0.inner", "bn-scale") == lowest(parent.tensors["cnn.2.body.0.1.weight"], 6)


@pytest.mark.parametrize("importance", ["group-l1", "group-l2"])
def test_a_channel_that_is_small_in_every_layer_goes_first(parent, importance):
    tensors = {name: tensor.clone() for name, tensor in parent.tensors.items()}
    for name in ("cnn.2.body.0.0.weight", "cnn.2.body.0.1.weight", "cnn.2.body.0.1.bias"):
        tensors[name][7] *= 1e-3
    tensors["cnn.2.body.1.0.weight"][:, 7] *= 1e-3
    small = replace(parent, tensors=tensors)
    assert removed(small, "residual.0.inner", importance, 1 / 12) == [7]


def test_taylor_is_weight_times_gradient_of_ctc_over_the_layers(parent, calibration):
    network = parent.network()
    for batch in calibration.batches():
        log_probs = network(calibration.images(batch)).log_softmax(dim=2).transpose(0, 1)
        torch.nn.functional.ctc_loss(log_probs, batch.targets, batch.widths // 4, batch.lengths).backward()
    own, reader = network.cnn[2].body[0][0].weight, network.cnn[2].body[1][0].weight
    scores = (own * own.grad).abs().sum(dim=(1, 2, 3)) + (reader * reader.grad).abs().sum(dim=(0, 2, 3))
    # Channels that ReLU always silences tie at 0; two more make the choice a real one.
    count = int((scores == 0).sum()) + 2
    assert removed(parent, "residual.0.inner", "taylor", count / 12, calibration=calibration) == lowest(scores, count)


def test_taylor_sees_through_large_weights_that_change_nothing(parent, calibration):
    tensors = {name: tensor.clone() for name, tensor in parent.tensors.items()}
    tensors["encoder.0.feed_in.0.weight"][3] = 50.0
    tensors["encoder.0.feed_in.2.weight"][:, 3] = 0.0
    unheard = replace(parent, tensors=tensors)
    found = removed(unheard, "encoder.0.feed_in", "taylor", calibration=calibration)
    assert 3 in found
    assert 3 not in removed(unheard, "encoder.0.feed_in", "group-l2")
    known = gradients_on(unheard.network(), calibration)
    assert removed(unheard, "encoder.0.feed_in", "taylor", calibration=calibration, gradients=known) == found


def test_taylor_judges_channels_that_the_training_head_reads_too(parent, calibration):
    found = removed(parent, "features", "taylor", 1 / 8, calibration=calibration)
    shortcut = {
        name: tensor * 100 if name.startswith("shortcut.") else tensor for name, tensor in parent.tensors.items()
    }
    assert found
    assert removed(replace(parent, tensors=shortcut), "features", "taylor", 1 / 8, calibration=calibration) == found


def test_heads_go_whole(parent):
    tensors = {name: tensor.clone() for name, tensor in parent.tensors.items()}
    for layer in ("query", "key", "value"):
        tensors[f"encoder.1.attention.{layer}.weight"][8:16] *= 1e-3
    tensors["encoder.1.attention.out.weight"][:, 8:16] *= 1e-3
    assert removed(replace(parent, tensors=tensors), "encoder.1.heads", "group-l2", 0.34) == [1]


def test_statistics_are_the_means_over_the_batches(parent, calibration):
    network = parent.network()
    reestimate_statistics(network, calibration)
    first, means, variances = network.cnn[0], [], []
    for batch in calibration.batches():
        with torch.no_grad():
            values = first[0](calibration.images(batch)).transpose(0, 1).flatten(1)
        means.append(values.mean(dim=1))
        variances.append(values.var(dim=1))
    torch.testing.assert_close(first[1].running_mean, torch.stack(means).mean(dim=0))
    torch.testing.assert_close(first[1].running_var, torch.stack(variances).mean(dim=0))
    assert first[1].momentum == 0.1
    again = parent.network()
    reestimate_statistics(again, calibration)
    state = network.state_dict()
    assert all(torch.equal(tensor, state[name]) for name, tensor in again.state_dict().items())
    trained = dict(parent.network().named_parameters())
    assert all(torch.equal(p, trained[name]) for name, p in network.named_parameters())
