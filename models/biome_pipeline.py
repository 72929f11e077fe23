"""A biome.text 1.0 - 3.3 archive -> its classifier."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from torch import Tensor

from models.allennlp_compat import CnnEncoder, Params, Vocabulary
from models.archive import Archive
from models.archive_classifier import ArchiveClassifier
from models.biome_tokenizer import build_tokenizer
from models.classification_head import ClassificationHead
from models.classifier import LabelSet, Source
from models.component_configuration import Seq2SeqEncoderConfiguration
from models.document_classification import DocumentClassification
from models.errors import BrokenArchive
from models.head_reader import HeadReader
from models.indexers import Characters
from models.input_featurizer import InputFeaturizer
from models.model_backbone import ModelBackbone
from models.pipeline_config import PipelineConfiguration, pipeline_configuration
from models.pipeline_features import build_embedder, build_feature_indexers
from models.pipeline_model import PipelineModel
from models.record_classification import RecordClassification
from models.record_pair_classification import RecordPairClassification
from models.relation_classification import RelationClassification
from models.requirements import Requirements, requirements_for
from models.task_head import TaskHead
from models.text_classification import TextClassification
from models.text_field_embedder import CharacterEncoder
from models.text_input import TextIndexer
from models.vocabulary import vocabulary_from_files
from models.weights import load_weights

HEADS = (
    DocumentClassification,
    RecordClassification,
    RecordPairClassification,
    RelationClassification,
    TextClassification,
)
for _head in HEADS:
    _head.register()

TRAINING_ONLY = ("initializer",)
"""What a head's options say about a start that the weights of the archive replace."""


def is_pipeline(config: Mapping[str, Any]) -> bool:
    model = config.get("model")
    return isinstance(model, dict) and str(model.get("type")).rpartition(".")[2] == "PipelineModel"


def build_pipeline(archive: Archive) -> ArchiveClassifier:
    """The classifier that an opened archive describes, with its weights.

    Raises BrokenArchive for weights that do not fit, ValueError or ConfigurationError for what is not implemented.
    """
    section = archive.config["model"].get("config")
    if not isinstance(section, dict):
        raise BrokenArchive(archive.name, "config.json", "has no section 'model.config'")
    config = pipeline_configuration(section)
    head_options = {name: value for name, value in config.head.items() if name not in TRAINING_ONLY}
    config = replace(config, head=head_options)
    model = build_model(config, vocabulary_from_files(archive.vocabulary))
    load_weights(archive.name, model, renamed_weights(archive.weights, config.version.renamed))
    head = model.head
    classifier = ArchiveClassifier(
        reader=HeadReader(head),
        indexer=head.backbone.featurizer.indexer,
        model=model,
        label_set=LabelSet(tuple(head.labels), head.last_layer),
        source=Source("biome.text", config.version.versions, config.head_type),
        requirements=_requirements(head),
        multilabel=head.multilabel,
    )
    classifier.configuration = section
    return classifier


def build_model(config: PipelineConfiguration, vocabulary: Vocabulary) -> PipelineModel:
    """The pipeline's model, untrained, over a vocabulary that may be an archive's."""
    version = config.version
    tokenizer = build_tokenizer(config.tokenizer, version)
    indexer = TextIndexer(build_feature_indexers(config, vocabulary))
    backbone = ModelBackbone(
        vocabulary,
        InputFeaturizer(tokenizer, indexer, refuses_empty=version.refuses_empty),
        build_embedder(config, vocabulary),
        Seq2SeqEncoderConfiguration(**config.encoder) if config.encoder else None,
    )
    head = TaskHead.by_name(config.head_type).from_params(Params(dict(config.head)), backbone=backbone)
    assert isinstance(head, ClassificationHead)
    if type(head) is DocumentClassification:
        head.input_name = version.document_input
    if version.pools_over_padding:
        _pool_over_padding(head)
    return PipelineModel(config.name, head)


def _pool_over_padding(head: ClassificationHead) -> None:
    """Tells the CNNs how far an instance is padded when alone."""
    indexer = head.backbone.featurizer.indexer
    head.pools_over_padding = True
    head.least_tokens = indexer.min_length
    for name, module in head.named_modules():
        if isinstance(module, CharacterEncoder):
            characters = indexer.indexers[name.rpartition("token_embedder_")[2]]
            assert isinstance(characters, Characters)
            module.min_padding_length = characters.min_characters


def renamed_weights(weights: Mapping[str, Tensor], renamed: Mapping[str, str]) -> dict[str, Tensor]:
    """The weights by the names that the head's modules have here."""

    def name_here(name: str) -> str:
        model, module, rest = (*name.split(".", 2), "", "")[:3]
        return ".".join([model, renamed[module], rest]) if module in renamed else name

    return {name_here(name): tensor for name, tensor in weights.items()}


def _requirements(head: ClassificationHead) -> Requirements:
    over_tokens, over_texts = head.encoders()
    needs = requirements_for(head, over_tokens, over_texts)
    # AllenNLP's character indexer gives a text without tokens a tensor of too few dimensions.
    words = int(any(isinstance(module, CharacterEncoder) for module in head.modules()))
    # A mask does not tell a text without tokens from padding, and the CNN of 1.0 pools over the former only.
    told_apart = not (head.pools_over_padding and any(isinstance(encoder, CnnEncoder) for encoder in over_texts))
    return replace(needs, words=max(needs.words, words), padding_safe=needs.padding_safe and told_apart)
