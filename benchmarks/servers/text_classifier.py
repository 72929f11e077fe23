"""A checkpoint as its users run it: transformers' tokenizer and model, a padded batch at a time."""

from __future__ import annotations

import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

MAX_BATCH = 32
WINDOW_S = 0.005
"""How long a batch waits for company: what the batching servers' own guides set, a few milliseconds."""


class TextClassifier:
    def __init__(self, path: str, threads: int) -> None:
        torch.set_num_threads(threads)
        self.tokenizer = AutoTokenizer.from_pretrained(path)
        self.model = AutoModelForSequenceClassification.from_pretrained(path).eval()

    def predict(self, texts: list[str]) -> list[dict[str, object]]:
        return self.answers(self.tokenizer(texts, padding=True, truncation=True, return_tensors="pt"))

    @torch.inference_mode()
    def answers(self, encoded: dict[str, torch.Tensor]) -> list[dict[str, object]]:
        """`encoded` is (batch, length) each."""
        scores, indices = self.model(**encoded).logits.softmax(dim=-1).max(dim=-1)  # (batch,) each
        names = self.model.config.id2label
        return [
            {"label": names[index], "score": score}
            for index, score in zip(indices.tolist(), scores.tolist(), strict=True)
        ]
