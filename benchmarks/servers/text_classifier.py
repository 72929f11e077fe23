"""A checkpoint as its users run it: transformers' tokenizer and model, a padded batch at a time."""

from __future__ import annotations

import torch
from asked import MODEL, THREADS
from transformers import AutoModelForSequenceClassification, AutoTokenizer


class TextClassifier:
    def __init__(self) -> None:
        torch.set_num_threads(THREADS)
        self.tokenizer = AutoTokenizer.from_pretrained(MODEL)
        self.model = AutoModelForSequenceClassification.from_pretrained(MODEL).eval()

    @torch.inference_mode()
    def predict(self, texts: list[str]) -> list[dict[str, object]]:
        encoded = self.tokenizer(texts, padding=True, truncation=True, return_tensors="pt")  # (batch, length) each
        scores, indices = self.model(**encoded).logits.softmax(dim=-1).max(dim=-1)  # (batch,) each
        names = self.model.config.id2label
        return [
            {"label": names[index], "score": score}
            for index, score in zip(indices.tolist(), scores.tolist(), strict=True)
        ]
