"""Two records of businesses -> one business entered twice, or two businesses.

A true duplicate went through two hands: typos, abbreviations, missing fields, another phone format. The
negatives are the ones that cost people money: another branch of a chain, a neighbour at one address, a
namesake in the same town. `keep` says which record of a duplicate is the better one (fewer faults), which is
what a person who merges the two decides next.
"""

from __future__ import annotations

import random

from app.demo.corpora.business_names import CUES, SURNAME
from app.demo.corpora.names import CITIES, FIRST_NAMES, PLACES
from app.demo.corpora.noise import abbreviated, recased, with_typo
from app.demo.corpora.rows import Row, Split, draw_distinct, generator, held_out, words

FIELDS = ("name", "street", "city", "phone")
STREETS = words("""
Abbey Road, Alma Street, Beech Avenue, Bridge Street, Canal Street, Cedar Avenue, Chapel Lane, Church Street, Clarence
Square, Commercial Road, Duke Street, Elm Avenue, Field Lane, George Street, Grange Road, Green Lane, Harbour Road,
Hazel Avenue, High Street, Holly Lane, King Street, Kings Avenue, Lime Avenue, London Road, Long Lane, Low Road,
Manor Road, Maple Avenue, Market Square, Mill Road, New Street, North Road, North Street, Oak Avenue, Orchard Street,
Park Avenue, Park Lane, Park Road, Priory Lane, Quay Street, Queen Street, Regent Square, River Street, Rose Lane,
Saint John Street, Saint Mary Road, School Lane, Silver Street, South Street, Spring Avenue, Station Road, Stone Lane,
Swan Square, Temple Road, The Avenue, Tower Street, Union Road, Victoria Road, Vine Street, Walnut Lane, West Street,
Wharf Road, Willow Avenue, Wood Street, York Road
""")
STREET = held_out(STREETS, 4)
CITY = held_out(CITIES, 4)
CUE_WORDS = [cue for text in CUES.values() for cue in words(text)]
LABEL_NOISE = 0.01
Record = dict[str, str]


def business(split: Split, rng: random.Random) -> Record:
    surname, other = rng.choice(SURNAME[split]), rng.choice(SURNAME[split])
    name = rng.choice(
        [surname, surname, f"{surname} and {other}", f"{rng.choice(FIRST_NAMES)} {surname}", rng.choice(PLACES)]
    )
    suffix = rng.choice(["", "", "", " Limited", " and Sons", " Services", " and Company"])
    return {"name": f"{name} {rng.choice(CUE_WORDS)}{suffix}", **address(split, rng), "phone": phone(rng)}


def address(split: Split, rng: random.Random) -> Record:
    return {"street": f"{rng.randrange(1, 199)} {rng.choice(STREET[split])}", "city": rng.choice(CITY[split])}


def phone(rng: random.Random) -> str:
    return f"0{rng.randrange(1200, 1999)} {rng.randrange(100_000, 999_999)}"


def retyped(record: Record, faults: int, rng: random.Random) -> Record:
    """The record as another hand would have entered it, with that many faults."""
    record = dict(record)
    for _ in range(faults):
        fault = rng.choice([misspell, shorten, shorten, drop, shout, reformat_phone, reorder])
        fault(record, rng)
    return record


def misspell(record: Record, rng: random.Random) -> None:
    field = rng.choice(["name", "street", "city"])
    record[field] = with_typo(record[field], rng)


def shorten(record: Record, rng: random.Random) -> None:
    for field in ("name", "street"):
        record[field] = abbreviated(record[field], rng, 0.8)


def drop(record: Record, rng: random.Random) -> None:
    record[rng.choice(["street", "phone", "phone", "city"])] = ""


def shout(record: Record, rng: random.Random) -> None:
    for field in FIELDS[:3]:
        record[field] = recased(record[field], rng)


def reformat_phone(record: Record, rng: random.Random) -> None:
    digits = "".join(char for char in record["phone"] if char.isdigit())
    if digits:
        area, rest = digits[:5], digits[5:]
        record["phone"] = rng.choice([digits, f"({area}) {rest}", f"{area}-{rest}", f"+44 {area[1:]} {rest}"])


def reorder(record: Record, rng: random.Random) -> None:
    parts = record["name"].split()
    if len(parts) > 2:
        record["name"] = f"{' '.join(parts[1:])}, {parts[0]}" if rng.random() < 0.5 else " ".join(parts[:-1])


def other_branch(record: Record, split: Split, rng: random.Random) -> Record:
    return {**record, **address(split, rng), "phone": phone(rng)}


def neighbour(record: Record, split: Split, rng: random.Random) -> Record:
    return {**business(split, rng), "street": record["street"], "city": record["city"]}


def namesake(record: Record, split: Split, rng: random.Random) -> Record:
    other = business(split, rng)
    name = f"{record['name'].split()[0]} {rng.choice(CUE_WORDS)}"
    return {**other, "name": name, "city": record["city"]}


def stranger(_record: Record, split: Split, rng: random.Random) -> Record:
    return business(split, rng)


def pair(split: Split, rng: random.Random) -> Row:
    original = business(split, rng)
    if rng.random() < 0.5:
        few, many = sorted(rng.sample(range(6), 2))
        faults = [few, many] if rng.random() < 0.5 else [many, few]
        first, second = (retyped(original, count, rng) for count in faults)
        row = {"record1": first, "record2": second, "label": "duplicate"}
        row["keep"] = "record1" if faults[0] < faults[1] else "record2"
    else:
        other = rng.choice([other_branch, neighbour, namesake, stranger])(original, split, rng)
        records = [retyped(record, rng.randrange(4), rng) for record in (original, other)]
        rng.shuffle(records)
        row = {"record1": records[0], "record2": records[1], "label": "not_duplicate"}
    if rng.random() < LABEL_NOISE:
        row = {**row, "label": "not_duplicate" if row["label"] == "duplicate" else "duplicate"}
    return row


def duplicate_records(seed: int) -> dict[str, list[Row]]:
    rng = generator(seed)
    counts: dict[Split, int] = {"train": 2600, "validation": 600}
    rows = draw_distinct(
        counts, lambda split: pair(split, rng), key=lambda row: sorted(map(str, (row["record1"], row["record2"])))
    )
    return {"duplicate_records": rows}
