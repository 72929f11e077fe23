"""Token indexers of BERT and its relatives: one text as word pieces, in one sequence or folded into several."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from models.errors import InvalidInstance
from models.indexers import Columns, Indexer, mask_of, pad, pad_nested
from models.tokenization import Token, WordPiece
from models.transformer_tokenizer import TransformerTokenizer, WordPieces
from models.vocabulary import whole_words


class BertPieces(Indexer):
    """`bert-pretrained` of AllenNLP 0.8 - 0.9: the word pieces of each token between [CLS] and [SEP].

    A text of more than `max_pieces` keeps the whole tokens that fit. Each [SEP] inside the text begins a new type.
    """

    def __init__(
        self,
        pieces: Mapping[str, int],
        do_lowercase: bool = True,
        never_lowercase: Sequence[str] | None = None,
        max_pieces: int = 512,
        type_vocabulary: int = 2,
        positions: int = 512,
        token_min_padding_length: int = 0,
    ) -> None:
        self._vocabulary = pieces
        self._word_piece = WordPiece(pieces)
        self._lowercase = do_lowercase
        special = ("[UNK]", "[SEP]", "[PAD]", "[CLS]", "[MASK]")
        self._never_lowercase = frozenset(special if never_lowercase is None else never_lowercase)
        self._first, self._last = pieces["[CLS]"], pieces["[SEP]"]
        self._room = max_pieces - 2
        self._types = type_vocabulary
        self._positions = positions
        self.min_length = token_min_padding_length

    def index(self, tokens: Sequence[Token]) -> Columns:
        texts: list[str] = []
        cut = False
        for token in tokens:
            pieces = self._word_piece.tokenize(self._cased(token.text))
            if len(texts) + len(pieces) > self._room:
                cut = True
                break
            texts += pieces
        ids = [self._vocabulary[piece] for piece in texts]
        type_ids = self._type_ids(ids)
        if len(ids) + 2 > self._positions:
            limit = self._positions - 2
            raise InvalidInstance(f"the text has {len(ids)} word pieces; this BERT takes {limit}. Send a shorter text.")
        if type_ids[-1] >= self._types:
            raise InvalidInstance(f"the text holds [SEP] more often than this BERT tells apart ({self._types - 1}).")
        return {
            "ids": [self._first, *ids, self._last],
            "type_ids": type_ids,
            "texts": ["[CLS]", *texts, "[SEP]"],
            "cut": cut,
        }

    def _cased(self, word: str) -> str:
        return word.lower() if self._lowercase and word not in self._never_lowercase else word

    def _type_ids(self, ids: Sequence[int]) -> list[int]:
        """One type per piece, [CLS] and [SEP] taking those of their neighbours."""
        types, current = [0], 0
        for piece in ids:
            types.append(current)
            current += piece == self._last
        return [*types, types[-1]]

    def length(self, columns: Columns) -> int:
        return len(columns["ids"])

    def stack(self, texts: Sequence[Columns], width: int) -> dict[str, Tensor]:
        return {name: pad([text[name] for text in texts], width) for name in ("ids", "type_ids")}

    def words(self) -> Sequence[str]:
        return whole_words(self._vocabulary)


class TransformerPieces(Indexer):
    """`pretrained_transformer`: ids that the tokenizer has already looked up; long texts folded to `max_length`.

    `index` takes the WordPieces of one text.
    """

    def __init__(self, tokenizer: TransformerTokenizer, max_length: int | None, positions: int | None) -> None:
        self._tokenizer = tokenizer
        self._max_length = max_length
        self._positions = positions

    def index(self, tokens: Any) -> Columns:
        return {"words": len(tokens.ids), **self._folded(tokens)}

    def _folded(self, pieces: WordPieces) -> dict[str, Any]:
        if self._max_length is not None:
            if len(pieces.ids) == self._tokenizer.added_length:
                raise InvalidInstance("the text has no word pieces. Send a text with at least one word.")
            pieces = self._tokenizer.fold(pieces, self._max_length)
        elif self._positions is not None and len(pieces.ids) > self._positions:
            given, limit = len(pieces.ids), self._positions
            raise InvalidInstance(
                f"the text has {given} word pieces; this transformer takes {limit}. Send a shorter one."
            )
        return {"token_ids": pieces.ids, "type_ids": pieces.type_ids}

    def length(self, columns: Columns) -> int:
        return len(columns["token_ids"])

    def vectors(self, columns: Columns) -> int:
        words: int = columns["words"]
        return words

    def stack(self, texts: Sequence[Columns], width: int) -> dict[str, Tensor]:
        words = [text["words"] for text in texts]
        tensors = {"mask": mask_of(words, max(words)), **self._stack_pieces(texts, width)}
        if self._max_length is not None:
            tensors["segment_concat_mask"] = mask_of([self.length(text) for text in texts], width)
        return tensors

    def _stack_pieces(self, texts: Sequence[Columns], width: int) -> dict[str, Tensor]:
        return {
            "token_ids": pad([text["token_ids"] for text in texts], width, self._tokenizer.padding_id),
            "type_ids": pad([text["type_ids"] for text in texts], width),
        }

    def words(self) -> Sequence[str]:
        return self._tokenizer.words()

    def empty(self) -> Columns:
        if self._max_length is None:
            return {"words": 0, "token_ids": [], "type_ids": []}
        # Folded sequences are unfolded by where their special tokens are, so that padding needs some too.
        start, _, end = self._tokenizer.split("")
        ids = [*start.ids, self._tokenizer.padding_id, *end.ids]
        return {"words": 0, "token_ids": ids, "type_ids": [0] * len(ids)}


class MismatchedPieces(TransformerPieces):
    """`pretrained_transformer_mismatched`: tokens of another tokenizer, each split into pieces by itself."""

    def index(self, tokens: Any) -> Columns:
        pieces, offsets = self._tokenizer.tokenize_words([token.text for token in tokens])
        return {
            "words": len(tokens),
            "pieces": len(pieces.ids),
            "offsets": offsets,
            **self._folded(pieces),
        }

    def stack(self, texts: Sequence[Columns], width: int) -> dict[str, Tensor]:
        words = max(text["words"] for text in texts)
        pieces = [text["pieces"] for text in texts]
        tensors = super().stack(texts, width)
        tensors["wordpiece_mask"] = mask_of(pieces, max(pieces))
        tensors["offsets"] = pad_nested([text["offsets"] for text in texts], words, 2)
        return tensors

    def empty(self) -> Columns:
        return {**super().empty(), "pieces": 0, "offsets": []}
