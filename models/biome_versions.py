"""What differs between biome.text 1.0 and 3.3, in one table.

An archive does not say which version wrote it; its configuration does, by the options that it has:

    version    tokenizer section has                         head section may have
    1.0        lang                                          tokens_pooler, sentences_*
    2.0, 2.1   lang, remove_space_tokens and others          tokens_pooler, sentences_*
    2.2        lang, remove_space_tokens and others          token_pooler, sentence_*
    3.0        spacy_model, max_sequence_length              token_pooler, sentence_*
    3.1 - 3.3  truncate_input, spacy_model                   token_pooler, sentence_*

A 2.x archive whose head has none of these options is taken for 2.2: what 2.0 and 2.1 do otherwise there is to refuse
texts that 2.2 answers, or to name an input differently.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from models.tokenization import SPACY_2_2, SPACY_2_3, SPACY_3_0, SpacyRules

logger = logging.getLogger(__name__)

PLURAL_NAMES = {
    "tokens_pooler": "token_pooler",
    "sentences_encoder": "sentence_encoder",
    "sentences_pooler": "sentence_pooler",
}
"""Head options, and the modules in the weights, as they were called until 2.1 and from 2.2 on."""

NEW_IN_2 = {"remove_space_tokens", "use_spacy_tokens", "use_transformers"}
"""Tokenizer options that 1.0 does not have."""


@dataclass(frozen=True)
class BiomeVersion:
    """How the pipelines of one version family behave."""

    versions: str
    spacy: SpacyRules = field(repr=False)
    document_input: str = "text"
    """What DocumentClassification calls its input."""
    truncates_input: bool = False
    """Whether `truncate_input` cuts an input before it is segmented, or `max_sequence_length` each sentence and key."""
    cleans_before_word_pieces: bool = False
    """Whether cleaning and segmentation also come before a transformers tokenizer."""
    pads_characters: bool = True
    """Whether short words are padded to the widest window of the character CNN."""
    refuses_empty: bool = True
    """Whether inputs without text or of a wrong type are refused, instead of turned into strings."""
    pools_over_padding: bool = False
    """Whether a CNN pools over the padding of an instance (AllenNLP 1.0), or over its tokens only."""
    renamed: Mapping[str, str] = field(default_factory=dict)
    """Names in the archive -> names here, of head options and of the head's modules in the weights."""


V1_0 = BiomeVersion(
    versions="1.0",
    spacy=SPACY_2_2,
    document_input="document",
    pads_characters=False,
    refuses_empty=False,
    pools_over_padding=True,
    renamed=PLURAL_NAMES,
)
V2_2 = BiomeVersion(versions="2.0 - 2.2", spacy=SPACY_2_3)
V2_0 = replace(V2_2, pads_characters=False, renamed=PLURAL_NAMES)
V3_0 = BiomeVersion(versions="3.0 - 3.3", spacy=SPACY_3_0)
V3_1 = replace(V3_0, truncates_input=True, cleans_before_word_pieces=True)


def version_of(tokenizer: Mapping[str, Any], head: Iterable[str]) -> BiomeVersion:
    """The version family that wrote a `tokenizer` section and the options of a `head` section."""
    if "truncate_input" in tokenizer:
        return V3_1
    if "spacy_model" in tokenizer:
        return V3_0
    if NEW_IN_2 & tokenizer.keys():
        return V2_0 if PLURAL_NAMES.keys() & set(head) else V2_2
    if "lang" in tokenizer:
        return V1_0
    logger.warning("nothing in the configuration tells the version of biome.text; it is read as one of 3.3")
    return V3_1
