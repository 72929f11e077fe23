"""BERTForSequenceClassification: a linear layer over pooled BERT, as lucid's class of that name, on torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, cast

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

from models.bert_encoder import pooled, runs_packed

Reduction = Literal["none", "mean", "sum"]
Texts = str | Sequence[str]


class BERTForSequenceClassification(nn.Module):
    """Scores `num_labels` labels of a text, or of a pair of texts told apart by their token types.

    Weight names are those of transformers' BertForSequenceClassification (`bert.*`, `classifier.*`). Dropout is
    `config.classifier_dropout`, else `config.hidden_dropout_prob`.

    Raises ValueError for a configuration without pooling: there is nothing to classify.
    """

    def __init__(self, config: BertConfig, num_labels: int = 2) -> None:
        super().__init__()
        if not getattr(config, "add_pooling_layer", True):
            raise ValueError("the configuration has no pooling layer (add_pooling_layer is false); it is needed here")
        dropout = config.classifier_dropout
        self.config = config
        self.num_labels = num_labels
        self.bert = BertModel(config, add_pooling_layer=True)
        self.dropout = nn.Dropout(config.hidden_dropout_prob if dropout is None else dropout)
        self.classifier = nn.Linear(config.hidden_size, num_labels)

    def encode(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        position_ids: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
    ) -> Tensor:
        """What the classifier sees: (batch, length) ids or (batch, length, hidden) embeddings -> (batch, hidden)."""
        plain = position_ids is None and inputs_embeds is None and not self.training
        if plain and input_ids is not None and attention_mask is not None and runs_packed(self.config):
            return pooled(self.bert, input_ids, attention_mask, token_type_ids)
        output = self.bert(
            input_ids=input_ids,
            attention_mask=attention_mask,
            token_type_ids=token_type_ids,
            position_ids=position_ids,
            inputs_embeds=inputs_embeds,
        )
        return cast(Tensor, self.dropout(output.pooler_output))

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        position_ids: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
    ) -> Tensor:
        """Logits: (batch, length) ids or (batch, length, hidden) embeddings -> (batch, num_labels)."""
        encoded = self.encode(input_ids, attention_mask, token_type_ids, position_ids, inputs_embeds)
        logits: Tensor = self.classifier(encoded)
        return logits

    def get_loss(
        self,
        labels: Tensor,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        position_ids: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        *,
        reduction: Reduction = "mean",
    ) -> Tensor:
        """Cross entropy of (batch,) label indices: a number, or (batch,) with `reduction="none"`."""
        logits = self(input_ids, attention_mask, token_type_ids, position_ids, inputs_embeds)
        return functional.cross_entropy(logits, labels.long(), reduction=reduction)

    def predict_labels(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        position_ids: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
    ) -> Tensor:
        """The index of the best label: (batch,)."""
        logits: Tensor = self(input_ids, attention_mask, token_type_ids, position_ids, inputs_embeds)
        return logits.argmax(dim=-1)

    def predict_proba(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        position_ids: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
    ) -> Tensor:
        """Softmax over the labels: (batch, num_labels)."""
        logits: Tensor = self(input_ids, attention_mask, token_type_ids, position_ids, inputs_embeds)
        return logits.softmax(dim=-1)

    def get_accuracy(
        self,
        labels: Tensor,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        position_ids: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
    ) -> Tensor:
        """The share of (batch,) label indices that are predicted: a number."""
        predicted = self.predict_labels(input_ids, attention_mask, token_type_ids, position_ids, inputs_embeds)
        return (predicted == labels).float().mean()

    def get_loss_from_text(
        self,
        tokenizer: PreTrainedTokenizerFast,
        text_a: Texts,
        text_b: Texts | None = None,
        labels: int | Sequence[int] | Tensor = 0,
        *,
        device: torch.device | str = "cpu",
        reduction: Reduction = "mean",
    ) -> Tensor:
        """Cross entropy of texts (or pairs). One label stands for all of them."""
        inputs = self._tokenized(tokenizer, text_a, text_b, device)
        wanted = torch.as_tensor(labels, device=device).expand(inputs["input_ids"].size(0))
        return self.get_loss(wanted, **inputs, reduction=reduction)

    def predict_labels_from_text(
        self,
        tokenizer: PreTrainedTokenizerFast,
        text_a: Texts,
        text_b: Texts | None = None,
        *,
        device: torch.device | str = "cpu",
    ) -> Tensor:
        """The index of the best label of each text or pair: (batch,)."""
        return self.predict_labels(**self._tokenized(tokenizer, text_a, text_b, device))

    def predict_proba_from_text(
        self,
        tokenizer: PreTrainedTokenizerFast,
        text_a: Texts,
        text_b: Texts | None = None,
        *,
        device: torch.device | str = "cpu",
    ) -> Tensor:
        """Softmax over the labels of each text or pair: (batch, num_labels)."""
        return self.predict_proba(**self._tokenized(tokenizer, text_a, text_b, device))

    def _tokenized(
        self, tokenizer: PreTrainedTokenizerFast, text_a: Texts, text_b: Texts | None, device: torch.device | str
    ) -> dict[str, Tensor]:
        """`input_ids`, `attention_mask` and `token_type_ids`, each (batch, length), cut to BERT's positions."""
        first = [text_a] if isinstance(text_a, str) else list(text_a)
        second = [text_b] if isinstance(text_b, str) else text_b and list(text_b)
        limit = min(tokenizer.model_max_length, self.config.max_position_embeddings)
        encoded = tokenizer(first, second, padding=True, truncation=True, max_length=limit, return_tensors="pt")
        names = ("input_ids", "attention_mask", "token_type_ids")
        return {name: encoded[name].to(device) for name in names if name in encoded}


def bert_for_sequence_classification_base(num_labels: int = 2) -> BERTForSequenceClassification:
    """BERT-base (12 layers, 768 wide, 12 heads; Devlin et al., 2019) with an untrained classifier."""
    return BERTForSequenceClassification(BertConfig(), num_labels)
