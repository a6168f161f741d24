from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest


torch = pytest.importorskip("torch", reason="networks are torch")

from inkport.core.charset import Charset  # noqa: E402
from inkport.core.ctc import greedy  # noqa: E402
from inkport.core.errors import SpecMismatchError  # noqa: E402
from inkport.core.spec import RecogniserSpec  # noqa: E402
from inkport.model.grow import extend_weights, extended_charset  # noqa: E402
from inkport.model.weights import Weights, deploy_tensors  # noqa: E402
from inkport.model.zoo import find  # noqa: E402


OLD = Charset(tuple(" zyxab"))
"""Not sorted, so that sorting would show."""


def weights_of(toy):
    spec = RecogniserSpec(
        name=toy.name, version="1", preprocess=toy.preprocess, charset=OLD, stride=find(toy.name).stride
    )
    config = {"height": toy.preprocess.height, **toy.overrides}
    tensors = deploy_tensors(toy.network(OLD.size))
    return Weights(spec=spec, config=config, provenance={}, tensors=tensors)


def images(toy, rng, n=3):
    shape = (n, 1, toy.preprocess.height, 128)
    return torch.from_numpy(rng.random(shape, dtype=np.float32))


def test_old_symbols_keep_their_labels_and_new_ones_follow_by_code_point():
    assert extended_charset(OLD, ["bqa z", "éc"]).symbols == (*" zyxab", "c", "q", "é")
    assert extended_charset(OLD, ["abba"]) is OLD
    assert extended_charset(OLD, ["e\N{COMBINING ACUTE ACCENT}\t"]).symbols == (*OLD.symbols, "é")


@torch.inference_mode()
def test_old_rows_stay_bit_for_bit_old_logits_up_to_rounding_and_the_text_stays(toy, rng):
    weights = weights_of(toy)
    extended = extend_weights(weights, extended_charset(OLD, ["éqà"]))
    batch = images(toy, rng)
    before, after = weights.network()(batch).numpy(), extended.network()(batch).numpy()
    assert after.shape[2] == before.shape[2] + 3
    cut = {name: t[: len(weights.tensors[name])] if t.ndim else t for name, t in extended.tensors.items()}
    again = replace(weights, tensors=cut).network()(batch).numpy()
    np.testing.assert_array_equal(again, before)
    if toy.name == "htr-vt":  # standardises logits over all classes: their order is what stays
        np.testing.assert_array_equal(np.argsort(after[..., : OLD.size]), np.argsort(before))
    else:  # a product with a matrix of another shape is summed in another order
        np.testing.assert_allclose(after[..., : OLD.size], before, atol=1e-6)
    for old, new in zip(before, after, strict=True):
        assert greedy(new, extended.spec.charset).text == greedy(old, OLD).text


@torch.inference_mode()
def test_a_new_symbol_starts_with_the_mean_logit_and_a_bounded_probability(make_toy, rng):
    toy = make_toy("convtext-tiny")
    weights = weights_of(toy)
    weights.tensors["head.weight"] *= 20  # confident, so that the bound is not met by uniformity
    extended = extend_weights(weights, extended_charset(OLD, ["éq"]))
    logits = extended.network()(images(toy, rng)).double()
    mean = logits[..., 1 : OLD.size].mean(dim=2)
    torch.testing.assert_close(logits[..., OLD.size], mean, atol=1e-4, rtol=1e-4)
    assert (logits.softmax(dim=2)[..., OLD.size :] <= 1 / (extended.spec.charset.size - 1)).all()


def test_both_heads_grow_and_new_symbols_can_be_learned(make_toy, rng):
    toy = make_toy("convtext-tiny")
    extended = extend_weights(weights_of(toy), extended_charset(OLD, ["é"]))
    network = extended.network()
    optimiser = torch.optim.SGD(network.parameters(), lr=0.05)
    batch, label = images(toy, rng, n=1), OLD.size
    for _ in range(30):
        output = network.forward_train(batch)
        logits = torch.stack([output.logits, output.auxiliary["shortcut"]])
        loss = -logits.log_softmax(dim=3)[..., label].mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert (network.forward_train(batch).logits.argmax(dim=2) == label).float().mean() > 0.9
    assert (network.forward_train(batch).auxiliary["shortcut"].argmax(dim=2) == label).float().mean() > 0.9


def test_a_charset_in_another_order_is_refused(make_toy):
    with pytest.raises(SpecMismatchError, match="does not start with"):
        extend_weights(weights_of(make_toy("convtext-tiny")), Charset(tuple(" abxyzé")))
