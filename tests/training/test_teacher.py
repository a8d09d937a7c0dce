"""A network that learns from another network, beside its labels or in their place."""

import csv
from pathlib import Path

import pytest
import torch
from synthetic_films import HERE, recipe

from chexnet.models import DenseNet121, read_checkpoint, read_state
from chexnet.training import TrainConfig, TrainedModel, train
from chexnet.training import train as train_function
from chexnet.training.callbacks import read_metrics
from chexnet.training.losses import hint_loss, teacher_loss
from chexnet.training.module import CheXNetModule


def student(finished: TrainedModel, **changes) -> TrainConfig:
    return recipe(
        **{"teacher": str(finished.folder / "best.ckpt"), "teacher_weight": 1.0, "hint_weight": 1.0} | changes
    )


@pytest.fixture
def divided_films(films: Path) -> tuple[Path, Path]:
    """The films divided once, in two tables: as they are, and with training labels that say nothing."""
    tables = films.with_name("divided.csv"), films.with_name("random.csv")
    rows = list(csv.DictReader(films.open()))
    for table in tables:
        with table.open("w", newline="") as file:
            writer = csv.DictWriter(file, ["image", "patient", "split", "Pneumonia"])
            writer.writeheader()
            for index, row in enumerate(rows):
                train = index < 44
                label = index // 4 % 2 if train and table.stem == "random" else row["Pneumonia"]
                writer.writerow(row | {"split": "train" if train else "validation", "Pneumonia": label})
    return tables


@pytest.fixture
def no_export(monkeypatch):
    import sys

    monkeypatch.setattr(sys.modules["chexnet.training.run"], "_export", lambda *_: None)


def test_what_the_labels_do_not_say_is_learnt_from_the_teacher(divided_films, tmp_path, no_export):
    as_they_are, of_random_labels = divided_films
    teacher = train(as_they_are, tmp_path / "teacher", recipe(), HERE)
    from_teacher = train(of_random_labels, tmp_path / "taught", student(teacher), HERE)
    from_labels = train(of_random_labels, tmp_path / "untaught", recipe(), HERE)
    taught, untaught = (
        float(read_metrics(run.folder)[-1]["val_auroc"]) for run in (from_teacher, from_labels)
    )
    assert taught > 0.95
    assert untaught < taught


def test_a_hint_is_kept_for_resuming_and_is_no_part_of_the_network(films, finished, tmp_path, no_export):
    whole = train(films, tmp_path / "whole", student(finished), HERE)
    checkpoint = read_checkpoint(whole.folder / "last.ckpt")
    assert set(checkpoint.content["hint"]) == {"hint.weight"}
    assert set(checkpoint.state) == set(DenseNet121(1).state_dict())

    part = tmp_path / "part"
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(CheXNetModule, "on_validation_epoch_end", _stop_after(1))
        with pytest.raises(RuntimeError, match="cut off"):
            train(films, part, student(finished), HERE)
    train(films, part, student(finished), HERE)
    whole_state, part_state = (read_state(run / "last.ckpt") for run in (whole.folder, part))
    for key, value in whole_state.items():
        torch.testing.assert_close(part_state[key], value, rtol=0, atol=0)


def _stop_after(epochs):
    end = CheXNetModule.on_validation_epoch_end

    def on_validation_epoch_end(self):
        if self.current_epoch == epochs:
            raise RuntimeError("cut off")
        end(self)

    return on_validation_epoch_end


def test_the_record_names_the_teacher_and_what_it_was_trained_on(films, finished, tmp_path, no_export):
    import json

    run = train(films, tmp_path / "run", student(finished, max_epochs=1), HERE)
    held = json.loads((run.folder / "recipe.json").read_text())
    assert held["teacher"]["source"] == held["recipe"]["teacher"] == "best.ckpt"
    assert held["teacher"]["trained_on"]["train_ids_sha256"] == held["train_ids_sha256"]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"teacher": "nowhere.ckpt"}, "expected the best.ckpt of a finished run"),
        ({"task": "pathologies"}, "a run of the task pneumonia as teacher; expected pathologies"),
    ],
)
def test_a_teacher_that_cannot_teach_is_refused(films, finished, tmp_path, changes, reason):
    from synthetic_films import write_films

    from chexnet.paper import PATHOLOGIES

    table = write_films(tmp_path / "films", findings=PATHOLOGIES)
    with pytest.raises(ValueError, match=reason):
        train_function(table, tmp_path / "run", student(finished, **changes), HERE)


def test_weights_without_a_record_are_no_teacher(films, tmp_path):
    torch.save(DenseNet121(1).state_dict(), tmp_path / "plain.pth")
    with pytest.raises(ValueError, match=r"expected its best\.ckpt"):
        train(films, tmp_path / "run", recipe(teacher=str(tmp_path / "plain.pth")), HERE)


def test_the_teachers_loss_is_least_where_the_logits_are_its_own():
    opinion = torch.tensor([[-2.0, 0.5, 3.0]])
    logits = opinion.clone().requires_grad_()
    teacher_loss(logits, opinion).backward()
    torch.testing.assert_close(logits.grad, torch.zeros(1, 3), atol=1e-6, rtol=0)


def test_a_hint_looks_at_directions_and_not_at_sizes():
    features = torch.randn(2, 5, 3, 3, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(hint_loss(4 * features, features), torch.tensor(0.0), atol=1e-6, rtol=0)
    torch.testing.assert_close(hint_loss(-features, features), torch.tensor(2.0))
