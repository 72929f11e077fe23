"""The chunks that spaCy's English tokenizer splits by table: contractions, abbreviations, emoticons.

Source: the tables of spacy/lang/tokenizer_exceptions.py and spacy/lang/en/tokenizer_exceptions.py,
spaCy 2.1.9 to 3.3, restated. In the tables a `|` stands between two pieces; where a line has a colon, every
word before it takes every ending after it.
"""

# ruff: noqa: RUF001  (look-alike characters are what this is about)

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

SpecialCases = Mapping[str, tuple[str, ...]]
"""A chunk -> its pieces, which joined give the chunk."""

# Lower case here; each word also occurs with a capital.
_CONTRACTIONS = """
i:                         'm m 'm|a m|a 'll 'll|'ve ll|ve 'd d 'd|'ve d|ve 've ve
you they:                  'll ll 'll|'ve ll|ve 'd d 'd|'ve d|ve 've ve 're re
he:                        'll 'll|'ve ll|ve 'd d 'd|'ve d|ve 's s
she:                       'll 'll|'ve ll|ve 'd 'd|'ve d|ve 's s
it:                        'll ll 'll|'ve ll|ve 'd d 'd|'ve d|ve 's
we:                        'll 'll|'ve ll|ve 'd d 'd|'ve d|ve 've ve 're
who:                       's s 'll ll 'll|'ve ll|ve 're 've ve 'd d 'd|'ve d|ve
what when where why there: 's s 'll ll 'll|'ve ll|ve 're re 've ve 'd d 'd|'ve d|ve
that:                      's s 'll ll 'll|'ve ll|ve 're re 've ve 'd d 'd|'ve d|ve
how:                       's s 'll ll 'll|'ve ll|ve 're re 've ve 'd d 'd|'ve d|ve 'd|'y
ca do does did had may need ought sha wo: n't nt n't|'ve nt|ve
could might must should would: n't nt n't|'ve nt|ve 've ve
ai are is was were have has dare: n't nt
not:                       've ve
can:                       not
gon:                       na
got:                       ta
let:                       's
"""
_DEMONSTRATIVES = "this these those: 's s 'll ll 'll|'ve ll|ve 're re 've ve 'd d 'd|'ve d|ve"

_TIMES = "1 2 3 4 5 6 7 8 9 10 11 12: a.m. am p.m. pm"

_CUT_SHORT = "doin goin havin lovin nothin nuthin ol somethin"

_LETTERS = "abcdefghijklmnopqrstuvwxyzäöü"

_WORDS = r"""
' '' — \t \n \") <space> C++ and/or w/o y'|all y|all
cause 'cause em 'em ll 'll nuff 'nuff 'S 's ‘S ‘s 're 'd 'Cause 'cos 'Cos 'coz 'Coz 'cuz 'Cuz 'bout
ma'am Ma'am o'clock O'clock
Mt. Ak. Ala. Apr. Ariz. Ark. Aug. Calif. Colo. Conn. Dec. Del. Feb. Fla. Ga. Ia. Id. Ill. Ind. Jan. Jul. Jun. Kan.
Kans. Ky. La. Mar. Mass. May. Mich. Minn. Miss. N.C. N.D. N.H. N.J. N.M. N.Y. Neb. Nebr. Nev. Nov. Oct. Okla. Ore.
Pa. S.C. Sep. Sept. Tenn. Va. Wash. Wis.
a.m. Adm. Bros. co. Co. Corp. D.C. Dr. e.g. E.g. E.G. Gen. Gov. i.e. I.e. I.E. Inc. Jr. Ltd. Md. Messrs. Mo. Mont.
Mr. Mrs. Ms. p.m. Ph.D. Prof. Rep. Rev. Sen. St. vs. v.s.
"""

_EMOTICONS = r"""
:) :-) :)) :-)) :))) :-))) (: (-: =) (= ") :] :-] [: [-: :o) (o: :} :-} 8) 8-) (-8 ;) ;-) (; (-;
:( :-( :(( :-(( :((( :-((( ): )-: =( >:( :') :'-) :'( :'-( :/ :-/ =/ =| :| :-|
:1 :P :-P :p :-p :O :-O :o :-o :0 :-0 :() >:o :* :-* :3 :-3 =3 :> :-> :X :-X :x :-x :D :-D ;D ;-D =D
xD XD xDD XDD 8D 8-D ^_^ ^__^ ^___^ >.< >.> <.< ._. ;_; -_- -__- v.v V.V v_v V_V
o_o o_O O_o O_O 0_o o_0 0_0 o.O O.o O.O o.o 0.0 o.0 0.o @_@ <3 <33 <333 </3
(^_^) (-_-) (._.) (>_<) (*_*) (¬_¬) ಠ_ಠ ಠ︵ಠ (ಠ_ಠ) ¯\(ツ)/¯ (╯°□°）╯︵┻━┻ ><(((*>
"""


def _capitalized(word: str) -> str:
    return word[0].upper() + word[1:]


def _inflected(table: str) -> Iterator[str]:
    for line in table.strip().splitlines():
        words, _, endings = line.partition(":")
        for word in words.split():
            for ending in endings.split():
                yield f"{word}|{ending}"
                yield f"{_capitalized(word)}|{ending}"


def _cut_short() -> Iterator[str]:
    for word in _CUT_SHORT.split():
        for form in (word, _capitalized(word)):
            yield form
            yield f"{form}'"


def _table(entries: Iterable[str]) -> SpecialCases:
    # An emoticon may hold a bar of its own, always at its end.
    cases = [tuple(entry.split("|")) if "|" in entry.rstrip("|") else (entry,) for entry in entries]
    cases += [tuple(piece.replace("'", "’") for piece in pieces) for pieces in cases]
    return {"".join(pieces): pieces for pieces in cases}


ENGLISH_2_1 = _table(
    [
        *_inflected(_CONTRACTIONS),
        *_inflected(_TIMES),
        *_cut_short(),
        *(f"{letter}." for letter in _LETTERS),
        *_WORDS.split(),
        *_EMOTICONS.split(),
    ]
)

_ADDED_2_3 = _table([*_inflected(_DEMONSTRATIVES), "c'm|on", "C'm|on", "[=", "=]", "]=", "=["])
_ADDED_3_3 = _table(f"°|{unit}|." for unit in "cfkCFK")


def _without(cases: SpecialCases, *removed: str) -> SpecialCases:
    return {chunk: pieces for chunk, pieces in cases.items() if chunk not in removed}


ENGLISH_2_3 = _without({**ENGLISH_2_1, **_ADDED_2_3}, "cause")
ENGLISH_3_0 = _without(ENGLISH_2_3, '")')
ENGLISH_3_3 = _without({**ENGLISH_3_0, **_ADDED_3_3}, "May.")
