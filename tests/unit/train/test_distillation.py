from __future__ import annotations

import json
import shutil
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest


torch = pytest.importorskip("torch", reason="training needs torch")

from inkport.core.attribution import told_in  # noqa: E402
from inkport.core.charset import Charset  # noqa: E402
from inkport.core.ctc import greedy  # noqa: E402
from inkport.core.errors import CheckpointError, LineDataError, RecipeError, SpecMismatchError  # noqa: E402
from inkport.core.files import sha256_file  # noqa: E402
from inkport.core.preprocess import PreprocessSpec  # noqa: E402
from inkport.model.weights import load_weights, save_weights  # noqa: E402
from inkport.train.objectives import Step, ctc_loss  # noqa: E402
from inkport.train.prepare import prepare_data  # noqa: E402
from inkport.train.teacher import Readings  # noqa: E402


ALL = "frame = 0.5\nsequence = 0.5\nfeature = 0.5"


@pytest.fixture
def unlabelled(tmp_path, other_lines):
    folder = tmp_path / "bare"
    folder.mkdir()
    for index in range(1, 4):
        shutil.copy(other_lines / f"line{index}.png", folder / f"line{index}.png")
    return 'unlabelled = ["bare"]'


def test_only_the_student_and_the_projection_learn(make_recipe, make_trainer):
    run = make_trainer(make_recipe(ALL))
    objective = run.objectives["distil"]
    teacher = objective._teacher[0]
    before = [p.detach().clone() for p in teacher.parameters()]
    statistics = [b.clone() for b in teacher.buffers()]
    projection = objective.projection.weight.detach().clone()
    run._update(run.lines.batch(range(6)))
    assert all(p.grad is None for p in teacher.parameters())
    assert all(torch.equal(a, b) for a, b in zip(before, teacher.parameters(), strict=True))
    assert all(torch.equal(a, b) for a, b in zip(statistics, teacher.buffers(), strict=True))
    assert not teacher.training
    assert not torch.equal(projection, objective.projection.weight)
    assert objective.projection.weight.shape == (32, 24)
    assert all(p.grad is not None for p in run.network.parameters())


@pytest.mark.parametrize("part", ["frame", "sequence", "feature"])
def test_each_part_alone_reaches_the_student_without_any_transcription(make_recipe, make_trainer, part):
    run = make_trainer(make_recipe(f"ctc = 0\n{part} = 1"))
    head = run.network.cnn[0][0].weight.detach().clone()
    run.run()
    assert not torch.equal(head, run.network.cnn[0][0].weight)
    labels = run.lines.labels
    run.lines.labels = [np.ones(1, dtype=np.int64)] * len(labels)
    again = make_trainer(make_recipe(f"ctc = 0\n{part} = 1"), "again")
    again.lines.labels = run.lines.labels
    again.run()
    torch.testing.assert_close(again.network.head.weight, run.network.head.weight, atol=0, rtol=0)


def test_weights_sum_to_what_the_parts_give(make_recipe, make_trainer):
    def loss(distil, name):
        run = make_trainer(make_recipe(distil), name)
        return float(run._update(run.lines.batch(range(6))))

    base = loss("", "ctc")
    parts = {part: loss(f"{part} = 1", part) - base for part in ("frame", "sequence", "feature")}
    assert all(value > 0 for value in parts.values())
    total = loss("ctc = 0.25\nframe = 0.5\nsequence = 2\nfeature = 3", "all")
    expected = 0.25 * base + 0.5 * parts["frame"] + 2 * parts["sequence"] + 3 * parts["feature"]
    assert total == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(("settings", "window"), [("", 2), ("window = 0", 0), ('frames = "all"', None)])
def test_the_frames_of_the_recipe_are_compared_and_padding_is_not(make_recipe, make_trainer, settings, window):
    run = make_trainer(make_recipe(f"ctc = 0\nframe = 1\ntemperature = 2\n{settings}"))
    batch = run.lines.batch(range(6))
    images = batch.images.float() / 255
    seen = Step(images=images, moved=images, frames=batch.widths // 4, batch=batch)
    output = run.network.forward_train(seen.images)
    teacher, bf16 = run.objectives["distil"]._teacher[0], run.recipe.optim.bf16
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=bf16):
        labels = teacher(seen.images).argmax(2)
        theirs = (teacher(seen.images).float() / 2).log_softmax(2)
    ours, terms = (output.logits.float() / 2).log_softmax(2), []
    for line, frames in enumerate(seen.frames.tolist()):
        symbols = [t for t in range(frames) if labels[line, t] != 0]
        near = [t for t in range(frames) if window is None or any(abs(t - s) <= window for s in symbols)]
        terms += [(theirs[line, t].exp() * (theirs[line, t] - ours[line, t])).sum() for t in near]
    assert 0 < len(terms) < seen.frames.max() * 6
    found = run.objectives["distil"](output, seen)
    torch.testing.assert_close(found, 4 * torch.stack(terms).mean(), rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("part", ["frame", "feature"])
def test_the_teacher_sees_the_students_image_or_that_which_is_only_moved(make_recipe, make_trainer, part):
    runs = {view: make_trainer(make_recipe(f'ctc = 0\n{part} = 1\nview = "{view}"')) for view in ("student", "moved")}

    def loss(view, seen):
        network = runs[view].network.eval()
        return runs[view].objectives["distil"](network.forward_train(seen.images), seen).item()

    seen = runs["moved"]._augmented(runs["moved"].lines.batch(range(6)), 1)
    assert not torch.equal(seen.images, seen.moved)
    same = replace(seen, moved=seen.images)
    assert loss("student", seen) == loss("student", same) == loss("moved", same)
    assert loss("moved", seen) != loss("student", seen)


def test_readings_are_those_of_the_clean_lines_and_are_kept(make_recipe, make_trainer, tmp_path):
    run = make_trainer(make_recipe("sequence = 1"))
    teacher = load_weights(tmp_path / "teacher.safetensors").network()
    charset, readings = run.data.spec.charset, run.objectives["distil"].readings
    assert sorted(readings.labels) == list(range(6))
    for index, image in enumerate(run.lines.images):
        with torch.inference_mode():
            logits = teacher(torch.from_numpy(image[None, None]).float() / 255)
        assert charset.decode(readings.labels[index]) == " ".join(greedy(logits[0].numpy(), charset).text.split())
    assert any(readings.labels.values())
    kept = tmp_path / "run" / "teacher-readings.json"
    changed = json.loads(kept.read_text())
    changed["texts"]["0"] = "abc"
    kept.write_text(json.dumps(changed))
    assert charset.decode(make_trainer(make_recipe("sequence = 1")).objectives["distil"].readings.labels[0]) == "abc"
    assert (
        make_trainer(make_recipe("sequence = 1", steps=3)).objectives["distil"].readings.labels[0] == readings.labels[0]
    )


def test_lines_that_the_teacher_reads_as_empty_teach_no_emptiness(make_recipe, make_trainer, save_toy, toy_config):
    logits = torch.randn(3, 9, 4)
    frames, lengths = torch.tensor([9, 8, 9]), torch.tensor([2, 0, 1])
    targets = torch.tensor([1, 2, 3])
    rows = [0, 2]
    assert ctc_loss(logits, frames, targets, lengths) == ctc_loss(logits[rows], frames[rows], targets, lengths[rows])
    assert ctc_loss(logits, frames, targets[:0], lengths * 0) == 0
    save_toy("teacher.safetensors", config=toy_config, blank=1e4)
    run = make_trainer(make_recipe("ctc = 0\nsequence = 1"))
    assert run.objectives["distil"].readings.empty == 6
    assert float(run._update(run.lines.batch(range(6)))) == 0
    run.run()
    provenance = load_weights(run.out / "last.safetensors").provenance
    assert provenance["distil"]["readings"] == {"count": 6, "empty": 6}


def test_unlabelled_lines_teach_through_the_teacher_alone(make_recipe, make_trainer, unlabelled, tmp_path):
    run = make_trainer(make_recipe("sequence = 1\nframe = 1", data=unlabelled, steps=6))
    assert (len(run.lines), run.lines.unlabelled) == (9, 3)
    batch = run.lines.batch([7, 2, 8])
    assert batch.lengths.tolist() == [0, len("bad deed"), 0]
    alone = run.lines.batch([2])
    logits = torch.randn(3, 40, 8)
    ours = ctc_loss(logits, torch.tensor([40, 40, 40]), batch.targets, batch.lengths)
    assert ours == ctc_loss(logits[1:2], torch.tensor([40]), alone.targets, alone.lengths)
    assert set(run.objectives["distil"].readings.labels) == set(range(9))
    run.run()
    lineage = load_weights(run.out / "last.safetensors").provenance["distil"]
    assert lineage["teacher"]["sha256"] == sha256_file(tmp_path / "teacher.safetensors")
    assert lineage["unlabelled_lines"]["count"] == 3


def test_unlabelled_lines_are_not_looked_up_nor_shared(make_recipe, unlabelled, tmp_path, lines_folder, other_lines):
    with pytest.raises(RecipeError, match="teach nothing without a teacher"):
        make_recipe("", data=unlabelled)
    for image, role, name in ((lines_folder / "line5.png", "train", "line5"), (other_lines / "line0.png", "val", "v")):
        shutil.copy(image, tmp_path / "bare" / "z.png")
        both = rf"1 line is in both {role} and unlabelled, for example '{name}\.png' .*'z\.png'"
        with pytest.raises(LineDataError, match=both):
            prepare_data(make_recipe("frame = 1", data=unlabelled), tmp_path)
    (tmp_path / "bare" / "z.png").write_bytes(b"damaged")
    with pytest.raises(LineDataError, match=r"z\.png: bad-image"):
        prepare_data(make_recipe("frame = 1", data=unlabelled), tmp_path)


@pytest.mark.parametrize(
    ("teacher", "message"),
    [
        ({"charset": Charset(tuple(" abcdef"))}, "symbols that only one of them has: ['f', 'é']"),
        ({"charset": Charset(tuple("abcdeé "))}, "charset"),
        ({"preprocess": PreprocessSpec(max_width=1024)}, "reads images made by"),
        ({"name": "crnn", "stride": 8, "config": {"height": 48}}, "every 8 columns, the student convtext-tiny every 4"),
    ],
)
def test_a_teacher_that_does_not_fit_is_refused(make_recipe, save_toy, tmp_path, teacher, message):
    made = make_recipe("frame = 1")
    save_toy("teacher.safetensors", **teacher)
    with pytest.raises(SpecMismatchError) as caught:
        prepare_data(made, tmp_path)
    assert message in str(caught.value)


def test_a_teacher_of_another_network_teaches(make_recipe, make_trainer, save_toy, toy_config):
    made = make_recipe(ALL)
    save_toy(
        "teacher.safetensors", name="convtext-small", config=toy_config | {"blocks": [1, 2, 1], "dim": 40, "depth": 2}
    )
    run = make_trainer(made)
    run.run()
    assert run.objectives["distil"].projection.weight.shape == (40, 24)
    assert load_weights(run.out / "last.safetensors").provenance["distil"]["teacher"]["name"] == "convtext-small"


def test_several_teachers_speak_with_one_voice(make_recipe, make_trainer, save_toy, toy_config, tmp_path):
    files = [tmp_path / "teacher.safetensors", save_toy("second.safetensors", seed=5, config=toy_config | {"depth": 2})]
    run = make_trainer(make_recipe('more = ["second.safetensors"]\nframe = 1\nframes = "all"\nctc = 0'))
    batch = run.lines.batch(np.arange(2), np.array([-1, -1]))
    seen = run._augmented(batch, 1)
    with torch.inference_mode():
        output = run.network.forward_train(seen.images)
        with torch.autocast("cpu", torch.bfloat16, enabled=run.recipe.optim.bf16):
            heard = [load_weights(file).network().eval()(seen.images).float() for file in files]
        # The geometric mean of their probabilities, made one by another route.
        product = torch.sqrt(heard[0].softmax(2) * heard[1].softmax(2))
        voice = product / product.sum(2, keepdim=True)
        gap = (voice * (voice.log() - output.logits.float().log_softmax(2))).sum(2)
        inside = torch.arange(gap.shape[1]) < seen.frames[:, None]
        loss = run.objectives["distil"](output, seen)
    assert loss.item() == pytest.approx(gap[inside].mean().item(), rel=1e-3)
    run.run()
    told = load_weights(run.out / "last.safetensors").provenance["distil"]
    assert [told["teacher"]["sha256"], told["more"][0]["sha256"]] == [sha256_file(file) for file in files]


def test_further_teachers_must_fit_and_bind_the_checkpoint(make_recipe, make_trainer, save_toy, toy_config, tmp_path):
    save_toy("second.safetensors", seed=5, config=toy_config)
    made = make_recipe('more = ["second.safetensors"]\nframe = 1')
    make_trainer(made).run()
    save_toy("second.safetensors", seed=6, config=toy_config)
    with pytest.raises(CheckpointError, match="another recipe or teacher"):
        make_trainer(made)
    save_toy("second.safetensors", charset=Charset(tuple(" abcdef")))
    with pytest.raises(SpecMismatchError, match="symbols that only one of them has"):
        prepare_data(made, tmp_path)


def test_weights_hold_nothing_of_the_projection(make_recipe, make_trainer):
    plain, taught = make_trainer(make_recipe(""), "plain"), make_trainer(make_recipe(ALL), "taught")
    for run in (plain, taught):
        run.run()
    names = [set(load_weights(run.out / "last.safetensors").tensors) for run in (plain, taught)]
    assert names[0] == names[1]
    assert plain.objectives.keys() == {"ctc"}


def test_a_resumed_run_is_the_uninterrupted_one(make_recipe, make_trainer, tmp_path, unlabelled):
    made = make_recipe(ALL, data=unlabelled, steps=8)
    whole = make_trainer(made, "whole")
    whole.run()
    part = make_trainer(made, "part")
    update = part._update

    def stop_in_the_fifth(batch):
        if part.step == 5:
            raise KeyboardInterrupt
        return update(batch)

    part._update = stop_in_the_fifth
    with pytest.raises(KeyboardInterrupt):
        part.run()
    resumed = make_trainer(made, "part")
    assert resumed.step == 4
    resumed.run()
    for name in ("last.safetensors", "checkpoint.safetensors"):
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "part" / name).read_bytes(), name


def test_a_checkpoint_is_bound_to_its_teacher(make_recipe, make_trainer, save_toy, toy_config):
    made = make_recipe("frame = 1")
    make_trainer(made).run()
    save_toy("teacher.safetensors", seed=9, config=toy_config)
    with pytest.raises(CheckpointError, match="another recipe or teacher"):
        make_trainer(made)


def test_what_a_teacher_descends_from_is_said_of_its_student(make_recipe, make_trainer, tmp_path):
    teacher = load_weights(tmp_path / "teacher.safetensors")
    credited = replace(teacher, provenance={"start": {"attribution": "Descends from A."}})
    save_weights(tmp_path / "teacher.safetensors", credited)
    make_trainer(make_recipe("frame = 1")).run()
    assert told_in(load_weights(tmp_path / "run/last.safetensors").provenance, "attribution") == "Descends from A."


def test_a_student_with_fewer_symbols_takes_the_others_from_its_teacher(make_recipe, save_toy, tmp_path):
    save_toy("start.safetensors", charset=Charset(tuple(" abcd")))
    data = prepare_data(make_recipe("frame = 1", top='charset = "teacher"'), tmp_path)
    assert data.spec.charset.symbols == tuple(" abcdeé")
    few = load_weights(tmp_path / "start.safetensors").tensors["head.weight"]
    assert torch.equal(data.start.tensors["head.weight"][: len(few)], few)


def test_the_charset_may_be_the_teachers(make_recipe, tmp_path, lines_folder):
    few = tmp_path / "few"
    few.mkdir()
    for suffix in (".png", ".gt.txt"):
        shutil.copy(lines_folder / f"line0{suffix}", few / f"few{suffix}")
    with pytest.raises(SpecMismatchError, match="charset"):
        prepare_data(make_recipe("frame = 1", train="few"), tmp_path)
    data = prepare_data(make_recipe("frame = 1", train="few", top='charset = "teacher"'), tmp_path)
    assert data.spec.charset.symbols == tuple(" abcdeé")


@pytest.mark.parametrize(
    ("distil", "message"),
    [
        ("ctc = 0", "one of them above 0"),
        ("frame = -1", "at least 0"),
        ("frame = 1\ntemperature = 0", "temperature must be above 0"),
        ('sequence = 1\nview = "moved"', "neither frames nor features are compared"),
        ("frame = 1\nwindow = -1", "window within 0.."),
        ('frame = 1\nframes = "none"', "one of window, all"),
        ("fram = 1", "did you mean 'frame'"),
    ],
)
def test_wrong_settings_are_refused(make_recipe, distil, message):
    with pytest.raises(RecipeError) as caught:
        make_recipe(distil)
    assert message in str(caught.value)


def test_two_lines_in_one_image_are_read_as_two_with_a_space_between():
    readings = Readings({0: [2, 3], 1: [4], 2: []}, space=1)
    batch = SimpleNamespace(indices=torch.tensor([0, 0, 2, 1, 2]), partners=torch.tensor([-1, 1, 1, 2, -1]))
    targets, lengths = readings.targets(batch)
    assert lengths.tolist() == [2, 4, 1, 1, 0]
    assert targets.tolist() == [2, 3, 2, 3, 1, 4, 4, 4]


def test_joined_lines_are_taught_too(make_recipe, make_trainer):
    made = make_recipe("ctc = 0\nsequence = 1\nframe = 1\n[augment]\njoin = 0.9", steps=4)
    run = make_trainer(made)
    joined = [int(i) for step in range(4) for i in run.sampler.partners(step) if i >= 0]
    assert joined
    assert set(joined) <= set(run.objectives["distil"].readings.labels)
    run.run()
