"""The tokenizer of a checkpoint: one text or a pair to word pieces."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from transformers import AutoTokenizer, PretrainedConfig

from models import hub
from models.remembered_pieces import Pieces, RememberedPieces, words_stand_alone
from models.transformer_tokenizer import LONG_TEXT, encoding_of
from models.vocabulary import whole_words


class PairTokenizer:
    """One text or a pair -> word pieces with special tokens, cut longest first as transformers does.

    The truncation is set once: the Rust tokenizer is then safe from any thread.
    """

    def __init__(self, folder: Path, config: PretrainedConfig) -> None:
        # Without the configuration transformers guesses the kind of tokenizer from the folder's name.
        tokenizer = AutoTokenizer.from_pretrained(
            folder, config=config, local_files_only=True, trust_remote_code=False, use_fast=True
        )
        if not tokenizer.is_fast:
            raise ValueError("its tokenizer has no fast version; save it with its tokenizer.json")
        self.padding_id: int = tokenizer.pad_token_id or 0
        self.gives_types = "token_type_ids" in tokenizer.model_input_names
        limit = min(tokenizer.model_max_length, hub.positions_of(config) or tokenizer.model_max_length)
        self.rust = tokenizer._tokenizer
        self.rust.no_padding()
        self.rust.no_truncation()
        self._remembered = RememberedPieces(self.rust, limit) if words_stand_alone(self.rust) else None
        if limit < UNLIMITED:
            self.rust.enable_truncation(limit, direction=tokenizer.truncation_side)

    def words(self) -> list[str]:
        """The pieces that are whole words, by id."""
        return whole_words(self.rust.get_vocab())

    def tokenize(self, text: str, pair: str | None) -> Pieces:
        short = len(text) + len(pair or "") < LONG_TEXT
        if short and self._remembered and (pieces := self._remembered.of(text, pair)):
            return pieces
        encoding = self.encoding(text, pair)
        return Pieces(encoding.ids, encoding.type_ids, cut=bool(encoding.overflowing))

    def encoding(self, text: str, pair: str | None) -> Any:
        """The same as a tokenizers.Encoding, which also knows where in the texts each piece is from."""
        return encoding_of(self.rust, text, pair)


UNLIMITED = 1_000_000
"""transformers writes a huge number where a tokenizer has no limit."""
