"""AllenNLP 0.8 - 0.9's BertForClassification: a linear layer over BERT's pooled first position."""

import json
from typing import Any, cast

from torch import Tensor, nn
from transformers import BertConfig, BertModel

from models import hub
from models.allennlp_compat import (
    CategoricalAccuracy,
    InitializerApplicator,
    Model,
    RegularizerApplicator,
    TextFieldTensors,
    Vocabulary,
)
from models.bert_encoder import pooled, runs_packed
from models.pooled import Pooled


def bert_from_hub(name: str) -> BertModel:
    """BERT of the named configuration, untrained: the archive holds the weights. Raises models.hub.NotInHub.

    pytorch_pretrained_bert's configurations lack the keys that came later; their defaults are what it did.
    """
    config = json.loads(hub.config_file(name).read_text(encoding="utf-8"))
    return BertModel(BertConfig.from_dict(config))


@Model.register("bert_for_classification")
class BertForClassification(Pooled, Model):
    """Scores the labels of one text of word pieces.

    `index` is the name of the word piece indexer. Each model has a BERT of its own (AllenNLP 0.9 shared one
    between all models of the same `bert_model` name, and the last one loaded won).
    """

    def __init__(
        self,
        vocab: Vocabulary,
        bert_model: str | BertModel,
        dropout: float = 0.0,
        num_labels: int | None = None,
        index: str = "bert",
        label_namespace: str = "labels",
        trainable: bool = True,
        initializer: InitializerApplicator = InitializerApplicator(),  # noqa: B008  (stateless)
        regularizer: RegularizerApplicator | None = None,
    ) -> None:
        super().__init__(vocab, regularizer)
        self.bert_model = bert_from_hub(bert_model) if isinstance(bert_model, str) else bert_model
        for parameter in self.bert_model.parameters():
            parameter.requires_grad = trainable
        self._index = index
        self._label_namespace = label_namespace
        self._dropout = nn.Dropout(dropout)
        self._num_labels = num_labels or vocab.get_vocab_size(namespace=label_namespace)
        self._classification_layer = nn.Linear(self.bert_model.config.hidden_size, self._num_labels)
        self._accuracy = CategoricalAccuracy()
        self._loss = nn.CrossEntropyLoss()
        initializer(self)

    def pool(self, tokens: TextFieldTensors) -> Tensor:
        """BERT's pooled output: (batch, pieces) ids -> (batch, hidden_size)."""
        pieces = tokens[self._index]
        # (batch, pieces); a piece whose id is that of padding is not attended to, wherever it stands
        mask = (pieces["ids"] != 0).long()
        if not self.training and runs_packed(self.bert_model.config):
            return pooled(self.bert_model, pieces["ids"], mask, pieces["type_ids"])
        output = self.bert_model(input_ids=pieces["ids"], token_type_ids=pieces["type_ids"], attention_mask=mask)
        return cast(Tensor, self._dropout(output.pooler_output))

    def forward(self, tokens: TextFieldTensors, label: Tensor | None = None) -> dict[str, Tensor]:
        """(batch, pieces) ids and (batch,) label indices.

        Gives `logits` and `probs` (batch, num_labels), with labels also `loss`.
        """
        logits = self._classification_layer(self.encode(tokens))
        output = {"logits": logits, "probs": logits.softmax(dim=-1)}
        if label is not None:
            output["loss"] = self._loss(logits, label.long().view(-1))
            self._accuracy(logits, label)
        return output

    def decode(self, output_dict: dict[str, Any]) -> dict[str, Any]:
        """Adds the best `label` of each instance; its index as a string where the vocabulary has no such label."""
        names = self.vocab.get_index_to_token_vocabulary(self._label_namespace)
        best = output_dict["probs"].argmax(dim=-1).tolist()
        output_dict["label"] = [names.get(index, str(index)) for index in best]
        return output_dict

    make_output_human_readable = decode
    """The name that AllenNLP 2 calls `decode` by."""

    def get_metrics(self, reset: bool = False) -> dict[str, float]:
        return {"accuracy": self._accuracy.get_metric(reset)}
