"""The tokenizers that AllenNLP 0.8 to 2.x and biome.text archives were trained with, token for token."""

from .bert import BertBasicTokenizer, WordPiece, bert_basic
from .character_tokenizer import CharacterTokenizer, byte_ids
from .configuration import Era, spacy_tokenizer, tokenizer, word_splitter
from .sentences import Sentencizer, rule_based_sentences
from .spacy_rules import SPACY_2_1, SPACY_2_2, SPACY_2_3, SPACY_3_0, SPACY_3_3, SpacyRules
from .spacy_tokenizer import SpacyTokenizer
from .token import NO_TEXT, Token, Tokenizer

__all__ = [
    "NO_TEXT",
    "SPACY_2_1",
    "SPACY_2_2",
    "SPACY_2_3",
    "SPACY_3_0",
    "SPACY_3_3",
    "BertBasicTokenizer",
    "CharacterTokenizer",
    "Era",
    "Sentencizer",
    "SpacyRules",
    "SpacyTokenizer",
    "Token",
    "Tokenizer",
    "WordPiece",
    "bert_basic",
    "byte_ids",
    "rule_based_sentences",
    "spacy_tokenizer",
    "tokenizer",
    "word_splitter",
]
