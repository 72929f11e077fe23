"""Ids -> vectors: AllenNLP's text field embedder and character encoder, for any number of leading dimensions.

Registered in place of the originals (`basic`, `character_encoding`), same parameters and weight names.
"""

from typing import Any

import torch
from torch import Tensor, nn

from models.allennlp_compat import (
    BasicTextFieldEmbedder,
    Embedding,
    TextFieldEmbedder,
    TextFieldTensors,
    TimeDistributed,
    TokenCharactersEncoder,
    TokenEmbedder,
)
from models.cnn import ExtentCnnEncoder, run_seq2vec
from models.known_words import reader_of
from models.recurrent import FinalState
from models.scripted import scripted


@TokenEmbedder.register("character_encoding", exist_ok=True)
class CharacterEncoder(TokenCharactersEncoder):
    """One vector per token from its characters."""

    min_padding_length: int | None = None
    """Set for AllenNLP 0.9 archives, whose CNN pools over a word as padded in its instance (models/cnn.py): to the
    longest word of the instance, and at least to this."""

    def forward(self, token_characters: Tensor, longest_word: Tensor | None = None) -> Tensor:
        """(batch, [texts,] tokens, characters) -> (batch, [texts,] tokens, output_dim).

        `longest_word` is the length (batch,) to which the words of each instance are padded when it is alone.
        """
        leading = token_characters.shape[:-1]
        # (words, characters)
        words = token_characters.flatten(end_dim=-2)
        if self._looks_up(words):
            reader = reader_of(self)
            encoded = reader.words.vectors(words, lambda some: reader.precise._encode(some).to(self._dtype))
        else:
            encoded = self._encode(words, self._extent(token_characters, longest_word))
        # (batch, [texts,] tokens, output_dim)
        return self._dropout(encoded).view(*leading, -1)

    def _encode(self, words: Tensor, extent: Tensor | None = None) -> Tensor:
        """(words, characters) -> (words, output_dim)."""
        # (words, characters, embedding_dim)
        embedded = self._embedding._module(words)
        return run_seq2vec(self._encoder._module, embedded, words != 0, extent)

    @property
    def _dtype(self) -> torch.dtype:
        return next(self.parameters()).dtype

    def _looks_up(self, words: Tensor) -> bool:
        """Not where a word's vector depends on more than the word, as that of a convolution over padding does, nor
        where gradients are wanted, nor on a GPU, which encodes sooner than we look up."""
        kinds = (FinalState, ExtentCnnEncoder) if self.min_padding_length is None else FinalState
        of_words_alone = isinstance(self._encoder._module, kinds) and not self.training
        return of_words_alone and not torch.is_grad_enabled() and not words.is_cuda and words.numel() > 0

    def _extent(self, token_characters: Tensor, longest_word: Tensor | None) -> Tensor | None:
        if self.min_padding_length is None:
            return None
        return _extents(token_characters, longest_word, self.min_padding_length)


def longest_words(token_characters: Tensor) -> Tensor:
    """(batch, [texts,] tokens, characters) -> (batch,)."""
    return (token_characters != 0).sum(dim=-1).flatten(start_dim=1).amax(dim=1)


@scripted
def _extents(token_characters: Tensor, longest_word: Tensor | None, least: int) -> Tensor:
    """(batch, [texts,] tokens, characters), (batch,) -> (batch * words,): to how much each word is padded."""
    if longest_word is None:
        longest_word = longest_words(token_characters)
    words_per_instance = token_characters[0].numel() // token_characters.size(-1)
    return longest_word.clamp(min=least).repeat_interleave(words_per_instance)


def _looked_up(embedding: Embedding, ids: Tensor) -> Tensor:
    """(batch, [texts,] tokens) -> (batch, [texts,] tokens, output_dim). Where nothing but rows of a table are wanted,
    torch finds them for any number of dimensions."""
    plain = embedding._projection is None and embedding.max_norm is None and not embedding.training
    vectors: Tensor = nn.functional.embedding(ids, embedding.weight) if plain else embedding(ids)
    return vectors


EMBEDDED = "embedded"
"""A text field may bring its vectors along under this name (twice), in place of what its ids would be embedded as."""


@TextFieldEmbedder.register("basic", exist_ok=True)
class AnyDepthTextFieldEmbedder(BasicTextFieldEmbedder):
    """Concatenates what its token embedders give, in the sorted order of their names."""

    def forward(self, text_field_input: TextFieldTensors, num_wrapping_dims: int = 0, **kwargs: Any) -> Tensor:
        """(batch, [texts,] tokens, ...) per indexer -> (batch, [texts,] tokens, output_dim)."""
        if EMBEDDED in text_field_input:
            return text_field_input[EMBEDDED][EMBEDDED]
        vectors = []
        characters, longest_word = self._characters(text_field_input)
        for name in self._ordered_embedder_keys:
            embedder = getattr(self, f"token_embedder_{name}")
            tensors = text_field_input[name]
            if isinstance(embedder, CharacterEncoder):
                vectors.append(embedder(characters[name], longest_word))
            elif isinstance(embedder, Embedding):
                vectors.append(_looked_up(embedder, next(iter(tensors.values()))))
            else:
                for _ in range(num_wrapping_dims):
                    embedder = TimeDistributed(embedder)
                vectors.append(embedder(**tensors))
        return torch.cat(vectors, dim=-1) if len(vectors) > 1 else vectors[0]

    def _characters(self, text_field_input: TextFieldTensors) -> tuple[dict[str, Tensor], Tensor | None]:
        """The tensors of the character indexers, as wide as the widest, and the longest word (batch,) in any of them.

        AllenNLP 0.9 pads the words of all character indexers to one length.
        """
        tensors = {
            name: next(iter(text_field_input[name].values()))
            for name in self._ordered_embedder_keys
            if isinstance(getattr(self, f"token_embedder_{name}"), CharacterEncoder)
        }
        if len(tensors) < 2:
            return tensors, None
        width = max(tensor.size(-1) for tensor in tensors.values())
        padded = {name: nn.functional.pad(tensor, (0, width - tensor.size(-1))) for name, tensor in tensors.items()}
        return padded, torch.stack([longest_words(tensor) for tensor in padded.values()]).amax(dim=0)


def embedded_indexers(model: nn.Module) -> dict[str, nn.Module]:
    """The token embedders of a model, by the name of the indexer that each takes."""
    return {
        name: getattr(module, f"token_embedder_{name}")
        for module in model.modules()
        if isinstance(module, BasicTextFieldEmbedder)
        for name in module._ordered_embedder_keys
    }
