"""The characters that spaCy's English rules tell apart, for each version.

Source: spacy/lang/char_classes.py of spaCy 2.1.0 to 3.3. Code points are written in hexadecimal,
`a-b` for a range. Which letters are upper or lower case is Unicode's business: all blocks named here
are older than the oldest Unicode that a supported Python knows, so they are the same everywhere.
"""

# ruff: noqa: RUF001  (look-alike characters are what this is about)

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass


def code_points(ranges: str) -> frozenset[str]:
    """The characters of space-separated hexadecimal code points and ranges of them."""
    characters: set[str] = set()
    for first, last in _runs(ranges):
        characters.update(map(chr, range(first, last + 1)))
    return frozenset(characters)


def _runs(ranges: str) -> Iterator[tuple[int, int]]:
    for item in ranges.split():
        first, _, last = item.partition("-")
        yield int(first, 16), int(last or first, 16)


def in_class(characters: Iterable[str]) -> str:
    """What stands for these characters between the brackets of a regular expression's character class."""
    runs: list[list[int]] = []
    for point in sorted(map(ord, characters)):
        if runs and runs[-1][1] == point - 1:
            runs[-1][1] = point
        else:
            runs.append([point, point])
    return _class_of(runs)


def ranges_in_class(ranges: str) -> str:
    """The same of code points and ranges of them; whole scripts are not spelled out."""
    return _class_of(_runs(ranges))


def _class_of(runs: Iterable[Sequence[int]]) -> str:
    return "".join(
        re.escape(chr(first)) if first == last else f"{re.escape(chr(first))}-{re.escape(chr(last))}"
        for first, last in runs
    )


@dataclass(frozen=True)
class Alphabet:
    """Character-class contents: letters, and which of them may count as lower or upper case.

    Letters of scripts without case count as both.
    """

    letters: str
    lower: str
    upper: str


def alphabet(cased: frozenset[str], caseless: str) -> Alphabet:
    """Of letters, and of what stands for those without case in a character class."""
    # spaCy lists two characters outside their Unicode category: U+0294 as lower case and the unassigned
    # U+03A2, which lies within its range of Greek capitals.
    lower = {letter for letter in cased if unicodedata.category(letter) == "Ll"} | {"\u0294"}
    upper = {letter for letter in cased if unicodedata.category(letter) == "Lu"} | {"\u03a2"}
    return Alphabet(
        letters=in_class(cased | upper) + caseless,
        lower=in_class(lower) + caseless,
        upper=in_class(upper) + caseless,
    )


_LATIN = code_points(
    "41-5A 61-7A C0-D6 D8-F6 F8-1BF 1C4-2AF 1D00-1D25 1D6B-1D77 1D79-1D9A 1E00-1EFF 2C60-2C7B 2C7E-2C7F "
    "A722-A76F A771-A787 A78B-A78E A790-A7B9 A7FA AB30-AB5A AB60-AB64 FF21-FF3A FF41-FF5A"
)
_GREEK = code_points("386 388-38A 38C 38E-38F 391-3A1 3A3-3A9 3AC-3AF 3B1-3C9 3CC-3CE")
_CYRILLIC = code_points(
    "401 404 406-407 410-44F 451 454 456-457 490-491 496-497 4A2-4A3 4AE-4AF 4BA-4BB 4D8-4D9 4E8-4E9"
)
_MACEDONIAN = code_points("400 403 405 408-40A 40C-40D 450 453 455 458-45A 45C-45D")
_CASED = _LATIN | _GREEK | _CYRILLIC

_HEBREW = ranges_in_class("591-5F4 FB1D-FB4F")
_PERSIAN = ranges_in_class(
    "620-64A 66E-6D5 6E5-6FF 750-77F 8A0-8BD FB50-FBB1 FBD3-FD3D FD50-FDC7 FDF0-FDFB FE70-FEFC 1EE00-1EEBB"
)
_BENGALI = ranges_in_class("980-9FF")
_SINHALA = ranges_in_class("D85-D96 D9A-DB1 DB3-DBB DBD DC0-DC6")
_HINDI = ranges_in_class("900-97F")
_TAMIL_TELUGU_KANNADA = ranges_in_class("B80-CFF")
_SINHALA_BLOCK = ranges_in_class("D80-DFF")
_HANGUL = ranges_in_class("1100-11FF AC00-D7AF")
_CJK = ranges_in_class(
    "2E80-2FDF 2FF0-303F 31C0-31EF 3200-4DBF 4E00-9FFF F900-FAFF FE30-FE4F 1F200-1F2FF 20000-2A6DF 2A700-2EBEF "
    "2F800-2FA1F"
)
_ETHIOPIC = ranges_in_class("1200-137F")
_KANA = ranges_in_class("3040-30FF")

_CASELESS_2_1 = _HEBREW + _PERSIAN + _BENGALI + _SINHALA
_CASELESS_2_2 = _CASELESS_2_1 + _HINDI + _TAMIL_TELUGU_KANNADA + _SINHALA_BLOCK + _HANGUL + _CJK
_CASELESS_2_3 = _CASELESS_2_2 + _ETHIOPIC

ALPHABET_2_1 = alphabet(_CASED, _CASELESS_2_1)
ALPHABET_2_2 = alphabet(_CASED, _CASELESS_2_2)
ALPHABET_2_3 = alphabet(_CASED | _MACEDONIAN, _CASELESS_2_3)
ALPHABET_3_3 = alphabet(_CASED | _MACEDONIAN, _CASELESS_2_3 + _KANA)

PUNCTUATION_2_1 = "…,:;!?¿؟¡()[]{}<>_#*&。？！，、；：～·।،؛٪"
PUNCTUATION_2_2 = PUNCTUATION_2_1 + "\u06d4"
QUOTES = "'\"”“`‘´’‚,„»«「」『』（）〔〕【】《》〈〉"

CURRENCIES_2_1 = ("$", "£", "€", "¥", "฿", "US$", "C$", "A$", "₽", "﷼", "₴")
CURRENCIES_3_0 = (*CURRENCIES_2_1, *"₠₡₢₣₤₥₦₧₨₩₪₫₭₮₯₰₱₲₳₵₶₷₸₹₺₻₼₾₿")

HYPHENS = ("-", "–", "—", "--", "---", "——", "~")

_UNITS = (
    "km km² km³ m m² m³ dm dm² dm³ cm cm² cm³ mm mm² mm³ ha µm nm yd in ft kg g mg µg t lb oz m/s km/h kmh mph "
    "hPa Pa mbar mb MB kb KB gb GB tb TB T G M K % "
    "км км² км³ м м² м³ дм дм² дм³ см см² см³ мм мм² мм³ нм кг г мг м/с км/ч кПа Па мбар "
    # The last one is a slip of spaCy's list, which runs two units together.
    "Кб КБ кб Мб МБ мб Гб ГБ гб Тб ТБ тбكم "
    "كم كم² كم³ م م² م³ سم سم² سم³ مم مم² مم³ غرام جرام جم كغ ملغ كوب اكواب"
)
UNITS = tuple(_UNITS.split())

SYMBOLS = ranges_in_class(
    # Unicode 11's category "Symbol, other" without the few that came later.
    "A6 A9 AE B0 482 58D-58E 60E-60F 6DE 6E9 6FD-6FE 7F6 9FA B70 BF3-BF8 BFA C7F D4F D79 F01-F03 F13 F15-F17 "
    "F1A-F1F F34 F36 F38 FBE-FC5 FC7-FCC FCE-FCF FD5-FD8 109E-109F 1390-1399 1940 19DE-19FF 1B61-1B6A 1B74-1B7C "
    "2100-2101 2103-2106 2108-2109 2114 2116-2117 211E-2123 2125 2127 2129 212E 213A-213B 214A 214C-214D 214F "
    "218A-218B 2195-2199 219C-219F 21A1-21A2 21A4-21A5 21A7-21AD 21AF-21CD 21D0-21D1 21D3 21D5-21F3 2300-2307 "
    "230C-231F 2322-2328 232B-237B 237D-239A 23B4-23DB 23E2-2426 2440-244A 249C-24E9 2500-25B6 25B8-25C0 25C2-25F7 "
    "2600-266E 2670-2767 2794-27BF 2800-28FF 2B00-2B2F 2B45-2B46 2B4D-2B73 2B76-2B95 2B98-2BC8 2BCA-2BFE 2CE5-2CEA "
    "2E80-2E99 2E9B-2EF3 2F00-2FD5 2FF0-2FFB 3004 3012-3013 3020 3036-3037 303E-303F 3190-3191 3196-319F 31C0-31E3 "
    "3200-321E 322A-3247 3250 3260-327F 328A-32B0 32C0-32FE 3300-33FF 4DC0-4DFF A490-A4C6 A828-A82B A836-A837 A839 "
    "AA77-AA79 FDFD FFE4 FFE8 FFED-FFEE FFFC-FFFD 10137-1013F 10179-10189 1018C-1018E 10190-1019B 101A0 "
    "101D0-101FC 10877-10878 10AC8 "
    "1173F 16B3C-16B3F 16B45 1BC9C 1D000-1D0F5 1D100-1D126 1D129-1D164 1D16A-1D16C 1D183-1D184 "
    "1D18C-1D1A9 1D1AE-1D1E8 1D200-1D241 1D245 1D300-1D356 1D800-1D9FF 1DA37-1DA3A 1DA6D-1DA74 1DA76-1DA83 "
    "1DA85-1DA86 1ECAC 1F000-1F02B 1F030-1F093 1F0A0-1F0AE 1F0B1-1F0BF 1F0C1-1F0CF 1F0D1-1F0F5 1F110-1F16B "
    "1F170-1F1AC 1F1E6-1F202 1F210-1F23B 1F240-1F248 1F250-1F251 1F260-1F265 1F300-1F3FA 1F400-1F6D4 1F6E0-1F6EC "
    "1F6F0-1F6F9 1F700-1F773 1F780-1F7D8 1F800-1F80B 1F810-1F847 1F850-1F859 1F860-1F887 1F890-1F8AD 1F900-1F90B "
    "1F910-1F93E 1F940-1F970 1F973-1F976 1F97A 1F97C-1F9A2 1F9B0-1F9B9 1F9C0-1F9C2 1F9D0-1F9FF 1FA60-1FA6D"
)

SENTENCE_ENDS_2_1 = frozenset(".!?")
SENTENCE_ENDS_2_2 = code_points(
    "21 2E 3F 589 61F 6D4 700-702 7F9 964-965 104A-104B 1362 1367-1368 166E 1735-1736 1803 1809 1944-1945 1AA8-1AAB "
    "1B5A-1B5B 1B5E-1B5F 1C3B-1C3C 1C7E-1C7F 203C-203D 2047-2049 2E2E 2E3C A4FF A60E-A60F A6F3 A6F7 A876-A877 "
    "A8CE-A8CF A92F A9C8-A9C9 AA5D-AA5F AAF0-AAF1 ABEB FE52 FE56-FE57 FF01 FF0E FF1F 10A56-10A57 11047-11048 "
    "110BE-110C1 11141-11143 111C5-111C6 111CD 111DE-111DF 11238-11239 1123B-1123C 112A9 1144B-1144C 115C2-115C3 "
    "115C9-115D7 11641-11642 1173C-1173E 11A42-11A43 11A9B-11A9C 11C41-11C42 16A6E-16A6F 16AF5 16B37-16B38 16B44 "
    "1BC9F 1DA88"
)
SENTENCE_ENDS_3_0 = SENTENCE_ENDS_2_2 | code_points("3002 FF61")
SENTENCE_ENDS_2_3 = SENTENCE_ENDS_3_0 | frozenset(":;")
"""2.3.5 to 2.3.9; neither 2.3.0 nor 3.x ends sentences at colons and semicolons."""
