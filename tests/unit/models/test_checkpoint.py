"""Hugging Face checkpoints against transformers' own answers, whatever the architecture."""

from __future__ import annotations

import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    BertConfig,
    DebertaV2Config,
    DistilBertConfig,
    ElectraConfig,
    GPT2Config,
    PretrainedConfig,
    RobertaConfig,
    XLNetConfig,
)

from models.bert_for_sequence_classification import BERTForSequenceClassification, bert_for_sequence_classification_base
from models.errors import ArchiveError, InvalidInstance, UnsupportedArchive
from models.loading import load_classifier

TOKENIZER = Path(__file__).parents[2] / "data" / "checkpoints" / "bert_pair"
SMALL = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24, "num_labels": 3}
LONG = "what time do you open on Sunday mornings in the old town near the station? " * 9
INSTANCES = [
    {"text": "good service"},
    {"text": "The parcel arrived late, and damaged!", "text_pair": "refund please"},
    {"text": ""},
    {"text": LONG},
    {"text": LONG, "text_pair": "naïve café — 日本語"},
]


SHALLOW = {"n_layer": 2, "n_head": 2, "num_labels": 3, "pad_token_id": 0}
DEBERTA = {"relative_attention": True, "pos_att_type": ["p2c", "c2p"], "position_buckets": 8, "pooler_hidden_size": 16}
DISTILBERT = {"dim": 16, "n_layers": 2, "n_heads": 2, "hidden_dim": 24, "num_labels": 4}
CONFIGURATIONS: dict[str, Callable[[int], PretrainedConfig]] = {
    "bert": lambda size: BertConfig(vocab_size=size, max_position_embeddings=64, **SMALL),
    "roberta": lambda size: RobertaConfig(vocab_size=size, max_position_embeddings=66, type_vocab_size=1, **SMALL),
    "deberta-v2": lambda size: DebertaV2Config(vocab_size=size, **DEBERTA, **SMALL),
    "electra": lambda size: ElectraConfig(vocab_size=size, embedding_size=8, max_position_embeddings=64, **SMALL),
    "gpt2": lambda size: GPT2Config(vocab_size=size, n_embd=16, n_positions=64, **SHALLOW),
    "xlnet": lambda size: XLNetConfig(vocab_size=size, d_model=16, d_inner=24, **SHALLOW),
    "distilbert": lambda size: DistilBertConfig(
        vocab_size=size, max_position_embeddings=64, problem_type="multi_label_classification", **DISTILBERT
    ),
}


@pytest.fixture
def checkpoint(tmp_path: Path) -> Callable[[str], Path]:
    def save(architecture: str) -> Path:
        tokenizer = AutoTokenizer.from_pretrained(TOKENIZER)
        torch.manual_seed(2)
        folder = tmp_path / architecture
        model = AutoModelForSequenceClassification.from_config(CONFIGURATIONS[architecture](len(tokenizer)))
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        return folder

    return save


@pytest.mark.parametrize("architecture", CONFIGURATIONS)
def test_logits_are_transformers_own(checkpoint: Callable[[str], Path], architecture: str) -> None:
    folder = checkpoint(architecture)
    classifier = load_classifier(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    original = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    features = [classifier.featurize(instance) for instance in INSTANCES]
    batches = [features] if classifier.padding_safe else [[one] for one in features]
    with torch.inference_mode():
        vectors = torch.cat([classifier.encode(classifier.collate(batch)) for batch in batches])
        logits = classifier.label_set.head(vectors)
        for row, instance in enumerate(INSTANCES):
            encoded = tokenizer(*instance.values(), truncation=True, return_tensors="pt")
            if architecture in {"roberta", "distilbert"}:
                del encoded["token_type_ids"]
            assert torch.allclose(logits[row], original(**encoded).logits[0], atol=1e-5)
    assert classifier.multilabel is (architecture == "distilbert")
    assert classifier.padding_safe is (architecture != "xlnet")
    assert [one.truncated for one in features] == [(), (), (), ("text",), ("text", "text_pair")]


def test_a_packed_checkpoint_is_the_same(checkpoint: Callable[[str], Path], tmp_path: Path) -> None:
    folder = checkpoint("bert")
    path = tmp_path / "packed.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        tar.add(folder, arcname="bert")
    unpacked, packed = load_classifier(folder), load_classifier(path)
    features = [unpacked.featurize(instance) for instance in INSTANCES]
    batch = unpacked.collate(features)
    assert torch.equal(unpacked.encode(batch), packed.encode(packed.collate(features)))


@pytest.mark.parametrize("instance", [{"foo": "x"}, {"text": 7}, {"text_pair": "x"}, {"text": "a", "text_pair": None}])
def test_wrong_instances_are_refused(checkpoint: Callable[[str], Path], instance: dict[str, object]) -> None:
    with pytest.raises(InvalidInstance, match="text"):
        load_classifier(checkpoint("bert")).featurize(instance)


def test_what_is_no_classifier_is_refused(checkpoint: Callable[[str], Path]) -> None:
    folder = checkpoint("bert")
    config = BertConfig.from_pretrained(folder)
    config.architectures = ["BertForMaskedLM"]
    config.save_pretrained(folder)
    with pytest.raises(UnsupportedArchive, match="BertForMaskedLM"):
        load_classifier(folder)
    config.architectures, config.problem_type = ["BertForSequenceClassification"], "regression"
    config.save_pretrained(folder)
    with pytest.raises(UnsupportedArchive, match="regression"):
        load_classifier(folder)
    (folder / "model.safetensors").write_bytes(b"no")
    with pytest.raises(ArchiveError, match=r"model\.safetensors"):
        load_classifier(folder)


def test_the_class_has_what_its_original_has() -> None:
    tokenizer = AutoTokenizer.from_pretrained(TOKENIZER)
    torch.manual_seed(0)
    model = BERTForSequenceClassification(BertConfig(vocab_size=len(tokenizer), **SMALL), num_labels=3).eval()
    encoded = tokenizer(["good service", "refund please"], padding=True, return_tensors="pt")
    labels = torch.tensor([0, 2])
    logits = model(**encoded)
    assert logits.shape == (2, 3)
    assert torch.equal(model.predict_proba(**encoded), logits.softmax(-1))
    assert torch.equal(model.predict_labels(**encoded), logits.argmax(-1))
    assert model.get_accuracy(logits.argmax(-1), **encoded) == 1
    assert model.get_loss(labels, **encoded, reduction="none").shape == (2,)
    loss = model.get_loss(labels, **encoded)
    from_text = model.get_loss_from_text(tokenizer, ["good service", "refund please"], labels=labels)
    assert torch.allclose(loss, from_text)
    embeddings = model.bert.embeddings.word_embeddings(encoded["input_ids"])
    by_embedding = model(inputs_embeds=embeddings, attention_mask=encoded["attention_mask"])
    assert torch.allclose(by_embedding, logits, atol=1e-6)


def test_one_text_a_pair_and_a_list_are_taken() -> None:
    tokenizer = AutoTokenizer.from_pretrained(TOKENIZER)
    model = BERTForSequenceClassification(BertConfig(vocab_size=len(tokenizer), **SMALL)).eval()
    assert model.predict_proba_from_text(tokenizer, "good service").shape == (1, 2)
    one = model.predict_proba_from_text(tokenizer, "good service", "refund please")
    many = model.predict_proba_from_text(tokenizer, ["good service", "a"], ["refund please", "b"])
    assert torch.allclose(one, many[:1], atol=1e-6)
    assert not torch.allclose(one, model.predict_proba_from_text(tokenizer, "good service refund please"), atol=1e-6)
    assert model.predict_labels_from_text(tokenizer, ["a", "b", "c"]).shape == (3,)
    assert model.get_loss_from_text(tokenizer, "a").requires_grad


def test_pooling_and_dropout_come_from_the_configuration() -> None:
    config = BertConfig(hidden_dropout_prob=0.3, **SMALL)
    assert BERTForSequenceClassification(config).dropout.p == 0.3
    config.classifier_dropout = 0.0
    assert BERTForSequenceClassification(config).dropout.p == 0.0
    config.add_pooling_layer = False
    with pytest.raises(ValueError, match="pooling"):
        BERTForSequenceClassification(config)


def test_the_base_factory_builds_bert_base() -> None:
    with torch.device("meta"):
        model = bert_for_sequence_classification_base(5)
    assert model.classifier.out_features == 5
    assert sum(parameter.numel() for parameter in model.bert.parameters()) == 109_482_240
