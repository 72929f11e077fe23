"""What archives may hold that the recorded ones do not, and what cannot be exported."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from torch import Tensor

from models.archive import archive_checksum
from models.errors import BrokenArchive, NotExportable
from models.export import export
from models.head_tensors import BIAS, WEIGHT, appends_in_place, head_tensors, with_head_tensors
from models.loading import load_classifier
from tests.oracle.oracles import CARRIED
from tests.unit.models.archives import CONFIG, VOCABULARY, WEIGHTS, members, packed, serialized
from tests.unit.models.biome.pipelines import archive as biome_archive
from tests.unit.models.biome.pipelines import pipeline
from tests.unit.models.test_checkpoint import CONFIGURATIONS, INSTANCES, checkpoint

__all__ = ["checkpoint"]

NEW = ("third", "fourth")


def widened(path: Path, new: tuple[str, ...] = NEW) -> tuple[tuple[str, ...], dict[str, Tensor]]:
    own = load_classifier(path).label_set
    torch.manual_seed(5)
    rows = {
        name: torch.cat([tensor, torch.randn(len(new), *tensor.shape[1:])])
        for name, tensor in head_tensors(own.head).items()
    }
    return own.labels + new, rows


def exported(path: Path, target: Path, new: tuple[str, ...] = NEW) -> dict[str, bytes]:
    """The files of an archive with random rows for new labels, once those came back from it."""
    labels, rows = widened(path, new)
    export(path, target, labels, rows)
    found = load_classifier(target).label_set
    assert found.labels == labels
    assert all(torch.equal(tensor, rows[name]) for name, tensor in head_tensors(found.head).items())
    return contents(target)


def contents(path: Path) -> dict[str, bytes]:
    with tarfile.open(path) as tar:
        return {info.name: data.read() for info in tar if (data := tar.extractfile(info))}


def small(folder: Path, **parts: Any) -> Path:
    return packed(folder / "small.tar.gz", members(**parts))


def refuses(path: Path, target: Path, why: str, new: tuple[str, ...] = NEW) -> None:
    labels, rows = widened(path, new)
    with pytest.raises(NotExportable, match=why):
        export(path, target, labels, rows)
    assert not target.exists()
    assert [file.name for file in target.parent.iterdir() if file.name.startswith(".")] == []


def test_every_other_member_is_copied(tmp_path):
    more = {"files_to_archive.json": b"{}", "fta/model.vectors": b"\0\1", "notes": b"", "vocabulary/.lock": b""}
    path = small(tmp_path, **more)
    files = exported(path, tmp_path / "out.tar.gz")
    assert {name: data for name, data in files.items() if name in more} == more
    assert files["config.json"] == contents(path)["config.json"]
    assert files["vocabulary/labels.txt"] == b"pos\nneg\nthird\nfourth\n"


def test_a_version_without_new_labels_is_the_archive_itself(tmp_path):
    path = small(tmp_path)
    own = load_classifier(path).label_set
    export(path, tmp_path / "out.tar.gz", own.labels, head_tensors(own.head))
    assert contents(tmp_path / "out.tar.gz") == contents(path)


def test_an_unpacked_archive_is_packed(tmp_path):
    folder = tmp_path / "small"
    with tarfile.open(small(tmp_path, **{"fta/model.vectors": b"\0", "files_to_archive.json": b"{}"})) as tar:
        tar.extractall(folder, filter="data")
    (folder / "notes.txt").write_text("not part of an archive")
    files = exported(folder, tmp_path / "out.tar.gz")
    assert files.keys() == {"config.json", "weights.th", "fta/model.vectors", "files_to_archive.json", *VOCABULARY}


def test_labels_that_the_configuration_counts(tmp_path):
    config = deepcopy(CONFIG)
    config["model"]["num_labels"] = 2
    files = exported(small(tmp_path, config=config), tmp_path / "out.tar.gz")
    config["model"]["num_labels"] = 4
    assert json.loads(files["config.json"]) == config


def test_labels_that_are_numbers_get_names(tmp_path):
    config = deepcopy(CONFIG)
    config["model"]["num_labels"] = 2
    unnamed = {name: data for name, data in VOCABULARY.items() if name != "vocabulary/labels.txt"}
    files = exported(small(tmp_path, config=config, vocabulary=unnamed), tmp_path / "out.tar.gz")
    assert files["vocabulary/labels.txt"] == b"0\n1\nthird\nfourth\n"


def test_labels_of_a_padded_namespace(tmp_path):
    config = deepcopy(CONFIG)
    config["model"]["label_namespace"] = "intents"
    vocabulary = {**VOCABULARY, "vocabulary/intents.txt": b"@@UNKNOWN@@\npos\nneg"}
    weights = {**WEIGHTS, "_classification_layer.weight": torch.eye(4, 3), "_classification_layer.bias": torch.ones(4)}
    path = small(tmp_path, config=config, vocabulary=vocabulary, weights=weights)
    files = exported(path, tmp_path / "out.tar.gz")
    assert files["vocabulary/intents.txt"] == b"@@UNKNOWN@@\npos\nneg\nthird\nfourth\n"
    assert files["vocabulary/labels.txt"] == VOCABULARY["vocabulary/labels.txt"]


def test_labels_beyond_the_rows_leave_no_place(tmp_path):
    config = deepcopy(CONFIG)
    config["model"]["num_labels"] = 2
    vocabulary = {**VOCABULARY, "vocabulary/labels.txt": b"pos\nneg\nmaybe\n"}
    path = small(tmp_path, config=config, vocabulary=vocabulary)
    refuses(path, tmp_path / "out.tar.gz", "no rows for")
    exported(path, tmp_path / "out.tar.gz", ("maybe", "other"))


@pytest.mark.parametrize("label", ["late\r", "@@NEWLINE@@"])
def test_labels_that_a_vocabulary_file_cannot_hold(tmp_path, label):
    config = {
        "dataset_reader": {"type": "text_classification_json", "token_indexers": {"tokens": {"type": "single_id"}}},
        "model": {
            "type": "basic_classifier",
            "text_field_embedder": {"token_embedders": {"tokens": {"type": "embedding", "embedding_dim": 3}}},
            "seq2vec_encoder": {"type": "boe", "embedding_dim": 3},
        },
        "data_loader": {},
    }
    refuses(small(tmp_path, config=config), tmp_path / "out.tar.gz", "cannot hold", (label,))


def test_rows_of_another_head_are_refused(tmp_path):
    path = small(tmp_path)
    labels, rows = widened(path)
    changed = {**rows, WEIGHT: rows[WEIGHT] + 1}
    narrow = {**rows, WEIGHT: rows[WEIGHT][:, :2]}
    for tensors, why in ((changed, "changes the rows"), (narrow, "rows of shape"), ({}, "this head has bias, weight")):
        with pytest.raises(NotExportable, match=why):
            export(path, tmp_path / "out.tar.gz", labels, tensors)
    with pytest.raises(NotExportable, match="other labels"):
        export(path, tmp_path / "out.tar.gz", ["neg", "pos", *NEW], rows)
    assert not (tmp_path / "out.tar.gz").exists()


def test_half_precision_stays_unless_it_would_round_the_new_rows(tmp_path):
    half = {name: tensor.half() for name, tensor in WEIGHTS.items()}
    path = small(tmp_path, weights=half)
    exported(path, tmp_path / "out.tar.gz")
    labels, rows = widened(path)
    export(path, tmp_path / "out.tar.gz", labels, {name: tensor.half().float() for name, tensor in rows.items()})
    state = torch.load(io.BytesIO(contents(tmp_path / "out.tar.gz")["weights.th"]), weights_only=True)
    assert {tensor.dtype for tensor in state.values()} == {torch.float16}


BIMPM = CARRIED / "biome_biome_bimpm_cnn.tar.gz"


def bimpm(folder: Path, **feedforward: Any) -> Path:
    files = contents(BIMPM)
    config = json.loads(files["config.json"])
    config["model"]["classifier_feedforward"] |= feedforward
    return packed(folder / "bimpm.tar.gz", {**files, "config.json": json.dumps(config).encode()})


def test_an_activation_behind_the_last_layer_is_refused(tmp_path):
    path = bimpm(tmp_path, activations=["relu", "tanh"])
    head = load_classifier(path).label_set.head
    assert not appends_in_place(head)
    labels, rows = widened(path)
    refuses(path, tmp_path / "out.tar.gz", "applies an activation")
    wide = with_head_tensors(head, rows)
    vectors = torch.randn(5, rows[WEIGHT].size(1))
    assert torch.equal(wide(vectors)[:, :2], head(vectors))
    assert torch.allclose(wide(vectors)[:, 2:], vectors @ rows[WEIGHT][2:].T + rows[BIAS][2:], atol=1e-6)
    again = head_tensors(wide)
    assert all(torch.equal(again[name], rows[name]) for name in rows)
    assert len(labels) == len(rows[WEIGHT])


def test_one_number_for_all_layers_of_a_feed_forward_becomes_a_list(tmp_path):
    files = contents(BIMPM)
    state = torch.load(io.BytesIO(files["weights.th"]), weights_only=True)
    for name, rows in (("0.weight", (2, 20)), ("0.bias", (2,)), ("1.weight", (2, 2)), ("1.bias", (2,))):
        state[f"classifier_feedforward._linear_layers.{name}"] = torch.randn(*rows)
    config = json.loads(files["config.json"])
    config["model"]["classifier_feedforward"]["hidden_dims"] = 2
    whole = {**files, "config.json": json.dumps(config).encode(), "weights.th": serialized(state)}
    path = packed(tmp_path / "bimpm.tar.gz", whole)
    changed = json.loads(exported(path, tmp_path / "out.tar.gz")["config.json"])
    assert changed["model"]["classifier_feedforward"]["hidden_dims"] == [2, 4]


@pytest.mark.parametrize("weights", [None, "None", [1.0, 2.0, 0.5], {"yes": 1.0, "no": 2.0, "maybe": 0.5}])
@pytest.mark.parametrize("version", ["1.0", "2.2", "3.0", "3.3"])
def test_pipelines_of_every_version(tmp_path, version, weights):
    head = {"type": "TextClassification", "label_weights": None if weights == "None" else weights}
    config = pipeline(head, version=version)
    said = {**config, "head": {**config["head"], "label_weights": weights}}
    files = exported(biome_archive(tmp_path, config, said), tmp_path / "out.tar.gz")
    written = json.loads(files["config.json"])["model"]["config"]["head"]
    assert written["labels"] == ["yes", "no", "maybe", *NEW]
    assert files["vocabulary/gold_labels.txt"] == b"yes\nno\nmaybe\nthird\nfourth\n"
    if isinstance(weights, list):
        assert written["label_weights"] == [*weights, 1.0, 1.0]
    elif isinstance(weights, dict):
        assert written["label_weights"] == {**weights, "third": 1.0, "fourth": 1.0}
    else:
        assert written["label_weights"] == weights
    state = torch.load(io.BytesIO(files["weights.th"]), weights_only=True)
    assert ("_head._loss.weight" in state) is isinstance(weights, list | dict)
    if "_head._loss.weight" in state:
        assert state["_head._loss.weight"].tolist() == [1.0, 2.0, 0.5, 1.0, 1.0]


@pytest.mark.parametrize("architecture", sorted(CONFIGURATIONS.keys() - {"gpt2"}))
def test_transformers_opens_exported_checkpoints(checkpoint: Callable[[str], Path], tmp_path, architecture):
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    folder = checkpoint(architecture)
    labels, rows = widened(folder)
    export(folder, tmp_path / "out.tar.gz", labels, rows)
    with tarfile.open(tmp_path / "out.tar.gz") as tar:
        tar.extractall(tmp_path / "out", filter="data")
    model, loading = AutoModelForSequenceClassification.from_pretrained(tmp_path / "out", output_loading_info=True)
    assert not any(loading.values())
    assert model.config.id2label == dict(enumerate(labels))
    assert model.config.label2id == {label: index for index, label in enumerate(labels)}
    ours = load_classifier(folder)
    head = with_head_tensors(ours.label_set.head, rows)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "out")
    for instance in INSTANCES[:2]:
        encoded = tokenizer(*instance.values(), truncation=True, return_tensors="pt")
        if architecture in {"roberta", "distilbert"}:
            del encoded["token_type_ids"]
        with torch.inference_mode():
            expected = head(ours.encode(ours.collate([ours.featurize(instance)])))
            assert torch.allclose(model.eval()(**encoded).logits, expected, atol=1e-5)
    old, new = folder, tmp_path / "out"
    same = {file.name for file in old.iterdir() if (new / file.name).read_bytes() == file.read_bytes()}
    assert {file.name for file in old.iterdir()} - same == {"config.json", "model.safetensors"}


def test_pickled_checkpoints_stay_pickled_and_have_their_weights_once(checkpoint: Callable[[str], Path], tmp_path):
    folder = checkpoint("bert")
    state = safetensors.torch.load_file(folder / "model.safetensors")
    torch.save(state, folder / "pytorch_model.bin")
    assert {"model.safetensors", "pytorch_model.bin"} & exported(folder, tmp_path / "a.tar.gz").keys() == {
        "model.safetensors"
    }
    with tarfile.open(tmp_path / "both.tar.gz", "w:gz") as tar:
        tar.add(folder, arcname=".")
    both = exported(tmp_path / "both.tar.gz", tmp_path / "both_out.tar.gz")
    assert [name for name in both if name.endswith((".bin", ".safetensors"))] == ["./model.safetensors"]
    (folder / "model.safetensors").unlink()
    assert "pytorch_model.bin" in exported(folder, tmp_path / "b.tar.gz")
    with tarfile.open(tmp_path / "packed.tar.gz", "w:gz") as tar:
        tar.add(folder, arcname="in")
    assert {name.split("/")[0] for name in exported(tmp_path / "packed.tar.gz", tmp_path / "c.tar.gz")} == {"in"}


def test_a_layer_without_a_bias_takes_rows_without_one(checkpoint: Callable[[str], Path], tmp_path):
    folder = checkpoint("gpt2")
    exported(folder, tmp_path / "out.tar.gz")
    labels, rows = widened(folder)
    with pytest.raises(NotExportable, match="without a bias"):
        export(folder, tmp_path / "new.tar.gz", labels, {**rows, BIAS: torch.tensor([0.0, 0.0, 0.0, 1.0, 2.0])})
    assert not (tmp_path / "new.tar.gz").exists()


def test_what_cannot_be_opened_is_not_exported(tmp_path):
    path = small(tmp_path)
    labels, rows = widened(path)
    path.write_bytes(path.read_bytes()[:-200])
    (tmp_path / "out.tar.gz").write_text("before")
    with pytest.raises(BrokenArchive):
        export(path, tmp_path / "out.tar.gz", labels, rows)
    assert (tmp_path / "out.tar.gz").read_text() == "before"


def test_a_checksum_is_of_what_is_in_an_archive(tmp_path):
    path = small(tmp_path)
    assert len(archive_checksum(path)) == 64
    folder = tmp_path / "folder"
    with tarfile.open(path) as tar:
        tar.extractall(folder, filter="data")
    before = archive_checksum(folder)
    (folder / "notes.txt").write_text("not part of it")
    assert archive_checksum(folder) == before
    (folder / "vocabulary" / "labels.txt").write_text("neg\npos\n")
    assert archive_checksum(folder) != before
