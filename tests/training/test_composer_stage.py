"""Training a composer: batches, a step, what is held out, resuming."""

from __future__ import annotations

import numpy as np
import pytest

from musika import backend, checkpoint
from musika.checkpoint.locate import list_checkpoints
from musika.cli import flags, train
from musika.composer import vocabulary as v
from musika.config import ComposerConfig, ComposerTrainConfig
from musika.errors import MusikaError, ScoreError, UsageError
from musika.training.setup.composer import hash_works, name_work, split_works
from musika.training.stages.composer import ComposerStage
from musika.training.stages.composer_batches import ComposerBatches
from tests.helpers.scores import make_small_work, write_midi_folder

SMALL = ComposerConfig(width=12, heads=3, layers=1, head_width=8, theme_notes=16, section_notes=40)
SIZES = {name: getattr(SMALL, name) for name in SMALL.to_dict()}
TRAIN = ComposerTrainConfig(bs=4, totsamples=8, lr=0.01, warmup=1, average_decay=0.5)


@pytest.fixture(scope="module")
def works():
    return [make_small_work(f"piece-{n}", bars=12, tonic=57 + n, seed=n) for n in range(3)]


@pytest.fixture(scope="module")
def midi(tmp_path_factory):
    return write_midi_folder(tmp_path_factory.mktemp("midi"))


def options(midi, save, **values) -> flags.TrainOptions:
    settings = {**SIZES, "bs": 2, "totsamples": 4, "epochs": 1}
    settings = {} if "load_path" in values else settings
    places = {"save_path": save, "log_path": save / "logs", "tensorboard": False, "gradio": False}
    given = {name: values.pop(name) for name in ("load_path",) if name in values}
    words = tuple(f"{name}={value}" for name, value in {"held_out": "work-c", **settings, **values}.items())
    return flags.TrainOptions(stage="composer", midi_path=midi, set=words, **places, **given)


def test_a_batch_is_a_function_of_its_position(works):
    batches = ComposerBatches(SMALL, TRAIN, works)
    again = ComposerBatches(SMALL, TRAIN, works)
    again.make(0)
    one, other, later = batches.make(8), again.make(8), batches.make(12)
    for name, array in one.items():
        assert np.array_equal(array, other[name]), name
    assert not np.array_equal(one["features"], later["features"])
    assert not np.array_equal(one["dropout"], later["dropout"])
    assert one["features"].shape == (4, SMALL.length, 24)


def test_examples_stay_within_the_vocabulary_and_fit_together(works):
    batches = ComposerBatches(SMALL, TRAIN, works)
    sizes = [*(size + 1 for size in v.FIELDS.values()), 100, *v.PLACES.values(), *v.CONDITIONS.values()]
    with_theme = 0
    for number in range(40):
        example = batches.make_example(number)
        used = example["weights"][:, 0] > 0
        assert used[: used.sum()].all()
        for column, size in enumerate(sizes):
            assert example["features"][:, column].min() >= 0 and example["features"][:, column].max() < size
        starts = np.nonzero(example["features"][used, 0] == v.START[0])[0]
        with_theme += len(starts) == 2
        inside = np.delete(np.arange(used.sum() - 1), starts[1:] - 1)
        followed = example["features"][inside + 1]
        np.testing.assert_array_equal(followed[:, :5], example["next_fields"][inside])
        np.testing.assert_array_equal(followed[:, 6:14], example["next_places"][inside])
    assert 10 < with_theme < 40


def test_measuring_gives_all_conditions_and_training_drops_some(works):
    batches = ComposerBatches(SMALL, TRAIN, works)
    full, dropped = batches.make(0, drops=False), batches.make(0)
    used = full["weights"][..., 0] > 0
    names = [name for name in v.CONDITIONS if name != "relation"]
    columns = [14 + list(v.CONDITIONS).index(name) for name in names]
    assert (full["features"][used][:, columns] > 0).all() and "dropout" not in full
    assert (dropped["features"][dropped["weights"][..., 0] > 0][:, columns] == 0).any()
    shares = np.unique(dropped["dropout"])
    np.testing.assert_allclose(shares, [0, 1.25])


@pytest.mark.backend
def test_a_few_steps_lower_the_loss_and_padding_has_no_part_in_it(works):
    stage = ComposerStage(SMALL, TRAIN, works, works[:1])
    state = stage.init_state(0)
    before = stage.measure(state)
    losses = []
    for step in range(12):
        state, scalars = stage.step(state, stage.make_batch(4 * step))
        losses.append(float(backend.to_numpy(scalars["loss"])))
    assert losses[-1] < losses[0] - 1
    after = stage.measure(state)
    assert after["nats_per_note"] < before["nats_per_note"] - 1
    assert before["nats_per_note"] == pytest.approx(np.log(list(v.FIELDS.values())).sum(), abs=0.5)
    batch = stage.make_batch(0)
    spoiled = {name: array.copy() for name, array in batch.items()}
    for name in ("features", "next_fields", "next_places"):
        spoiled[name][batch["weights"][..., 0] == 0] = 1
    _, one = stage.step(state, batch)
    _, other = stage.step(state, spoiled)
    assert float(backend.to_numpy(one["loss"])) == pytest.approx(float(backend.to_numpy(other["loss"])), abs=1e-5)


def test_movements_of_a_work_stay_together(works):
    names = ("beeth-moon_1", "beeth-moon_2", "haydn-27-i-allegro", "haydn-27-ii-menuet", "chpn-p4", "chpn-p40")
    pieces = [make_small_work(name, bars=4) for name in names]
    assert name_work(pieces[0]) == name_work(pieces[1]) and name_work(pieces[2]) == name_work(pieces[3])
    assert name_work(pieces[4]) != name_work(pieces[5])
    rest, held_out = split_works(pieces, "moon, chpn-p4")
    assert [work.name for work in held_out] == ["beeth-moon_1", "beeth-moon_2", "chpn-p4"]
    assert len(rest) == 3
    chosen, others = ({name_work(work) for work in part} for part in split_works(pieces, ""))
    assert not chosen & others
    rest, held_out = split_works(pieces, "", valid=pieces[:1])
    assert [work.name for work in rest] == list(names[2:]) and held_out == pieces[:1]
    with pytest.raises(UsageError, match="no MIDI file has 'bach'"):
        split_works(pieces, "bach")
    with pytest.raises(UsageError, match="nothing left"):
        split_works(pieces, "beeth,haydn,chpn")
    assert hash_works(rest, held_out) != hash_works(pieces, [])


def test_a_run_goes_on_bit_for_bit(midi, tmp_path):
    assert train.run(options(midi, tmp_path / "whole", epochs=2)) == 0
    assert train.run(options(midi, tmp_path / "part")) == 0
    (part,) = (tmp_path / "part").glob("composer-*")
    assert train.run(options(midi, tmp_path / "part", load_path=part, epochs=2)) == 0  # its settings are the run's
    assert [path.name for path in list_checkpoints(part)] == ["000000004", "000000008"]
    (whole,) = (tmp_path / "whole").glob("composer-*")
    once, twice = (checkpoint.read(run / "000000008", "state") for run in (whole, part))
    assert once.keys() == twice.keys()
    for name in once:
        assert once[name].tobytes() == twice[name].tobytes(), name
    info = checkpoint.read_config(whole / "000000008")
    assert info["kind"] == "composer" and info["config"] == SMALL.to_dict()
    assert info["trained"]["names"] == ["work-a", "work-b"] and info["training"]["figures"]["nats_per_note"] > 0


def test_other_works_are_fine_tuned_and_other_sizes_refused(midi, tmp_path, capsys):
    assert train.run(options(midi, tmp_path)) == 0
    (run,) = tmp_path.glob("composer-*")
    assert train.run(options(midi, tmp_path / "b", load_path=run, held_out="work-b", totsamples=2, bs=2, epochs=1)) == 0
    assert "are fine-tuned" in capsys.readouterr().out
    with pytest.raises(UsageError, match="width 24 contradicts"):
        train.run(options(midi, tmp_path / "c", load_path=run, width=24))


def test_what_cannot_be_learned_from_is_refused(midi, tmp_path, shipped):
    bad = tmp_path / "bad"
    bad.mkdir()
    (bad / "text.mid").write_bytes(b"no MIDI at all")
    with pytest.raises(ScoreError, match="can be used"):
        train.run(options(bad, tmp_path))
    with pytest.raises(MusikaError, match="--midi_path"):
        train.run(flags.TrainOptions(stage="composer"))
    with pytest.raises(MusikaError, match="train it with stage gan"):
        train.run(options(midi, tmp_path, load_path=shipped / "open"))
    with pytest.raises(ScoreError, match="no folder"):
        train.run(options(tmp_path / "nowhere", tmp_path))
