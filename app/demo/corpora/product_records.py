"""A product record with several fields -> its department; and two of them -> which one is dearer.

Any field may be missing, titles may be bare model names, brands sell in several departments. The price follows
the kind of product, the quality words and the brand, so that two records without prices can be compared.
"""

from __future__ import annotations

import random
from typing import NamedTuple

from app.demo.corpora.noise import noisy
from app.demo.corpora.rows import Row, Split, draw_distinct, generator, held_out, words

DEPARTMENTS = {
    "kitchen": """
        kettle 30, toaster 35, frying pan 28, blender 55, coffee machine 140, knife set 60, cutting board 15, saucepan
        30, stand mixer 220, baking tray 12, teapot 22, food processor 110, microwave 90, dinner plates 40, wine
        glasses 25, storage jars 18, slow cooker 50, kitchen scales 20, whisk 8, espresso cups 16
    """,
    "audio": """
        headphones 70, earbuds 60, bluetooth speaker 50, soundbar 160, turntable 190, amplifier 240, microphone 80,
        karaoke machine 75, radio 35, subwoofer 180, studio monitors 260, record player 120, headset 45, speaker cable
        10, portable speaker 40, hifi system 230
    """,
    "garden": """
        lawn mower 180, hose 25, garden spade 22, hedge trimmer 80, barbecue 150, plant pots 15, garden bench 120,
        watering can 14, wheelbarrow 55, patio heater 130, bird feeder 12, greenhouse 250, secateurs 18, leaf blower
        90, flower seeds 4, compost bin 45, parasol 60, rake 16
    """,
    "toys": """
        puzzle 12, board game 25, building blocks 30, doll 20, toy train 35, teddy bear 18, remote control car 45,
        kite 15, play tent 40, modelling clay 8, scooter 50, marble run 28, doll house 75, craft kit 14, water pistol
        10, card game 9, rocking horse 85
    """,
    "clothing": """
        t-shirt 15, jeans 45, wool jumper 55, rain jacket 80, dress 50, socks 8, winter coat 130, belt 20, shirt 35,
        trousers 40, scarf 18, gloves 16, pyjamas 28, skirt 32, cardigan 45, hoodie 38, leggings 22, waistcoat 48
    """,
    "sports": """
        yoga mat 22, dumbbells 45, tennis racket 70, football 20, running shoes 85, cycling helmet 50, rowing machine
        250, swimming goggles 14, skipping rope 9, golf clubs 240, treadmill 270, shin pads 16, basketball 22, hiking
        poles 40, boxing gloves 38, bike light 18, camping tent 140, sleeping bag 55
    """,
    "office": """
        desk lamp 35, office chair 150, notebook 6, ballpoint pens 5, printer 120, stapler 9, desk organiser 16,
        filing cabinet 130, whiteboard 45, shredder 60, monitor stand 32, standing desk 260, label maker 40, envelopes
        7, calculator 14, laptop sleeve 22, paper trimmer 28, mouse mat 8
    """,
    "pets": """
        dog bed 40, cat litter 10, aquarium 110, dog lead 14, scratching post 35, bird cage 60, hamster wheel 12, cat
        food 16, dog treats 6, pet carrier 38, fish tank filter 28, chew toy 7, dog coat 24, automatic feeder 70,
        rabbit hutch 120, grooming brush 11, cat flap 26
    """,
    "beauty": """
        shampoo 7, face cream 22, perfume 60, lipstick 14, nail polish 8, hair dryer 45, make-up brushes 20, bath
        salts 9, electric shaver 75, hair straightener 65, body lotion 10, mascara 13, sun cream 12, electric
        toothbrush 55, soap bars 6, beard oil 15, face mask 11, mirror with light 34
    """,
    "tools": """
        cordless drill 95, hammer 16, screwdriver set 24, circular saw 130, tape measure 8, spirit level 18, tool box
        35, sander 60, ladder 85, socket set 55, paint roller 10, work bench 110, pliers 12, glue gun 20, angle
        grinder 70, heat gun 42, safety goggles 9, screws 5
    """,
}
FACTS = {
    "kitchen": """
        dishwasher safe, for gas and induction hobs, keeps food warm, easy to wash, non-stick, for six people, heats
        quickly, ideal for baking, holds 1.5 litres, steel blades
    """,
    "audio": """
        deep bass, noise cancelling, 20 hours of play, crystal clear sound, stereo pair, wireless pairing, with volume
        control, for music and calls, 40 watts, low distortion
    """,
    "garden": """
        weatherproof, for lawns and borders, rust free, for patios, makes pruning easy, for plants and shrubs, folds
        for winter storage, outdoor use, for heavy soil, all summer long
    """,
    "toys": """
        ages 3 and up, hours of fun, for the whole family, safe for toddlers, 100 parts, birthday present, sparks
        imagination, for two to six players, soft and cuddly, no batteries needed
    """,
    "clothing": """
        machine wash at 30, slim fit, organic cotton, with two pockets, regular fit, breathable lining, long sleeves,
        in sizes S to XL, elastic waist, brushed fabric
    """,
    "sports": """
        for training at home, anti-slip grip, for beginners and clubs, match size, breathable, sweat resistant, for
        indoor and outdoor use, adjustable resistance, competition approved, for trail and track
    """,
    "office": """
        for home and work, A4 size, adjustable height, pack of ten, keeps papers tidy, smooth writing, for letters,
        swivels, with lumbar support, for desks and shelves
    """,
    "pets": """
        for small breeds, chew resistant, vet approved, washable cover, for puppies and kittens, no grain added, keeps
        fur shiny, for indoor cats, with water bowl, easy to clean out
    """,
    "beauty": """
        for sensitive skin, vegan, with aloe vera, long lasting, fragrance free, for dry hair, dermatologist tested,
        gentle every day, travel size, with vitamin E
    """,
    "tools": """
        for wood and metal, soft grip handle, with carry case, two batteries included, hardened steel, for DIY jobs,
        quick change chuck, heavy duty, precise cutting, for trade use
    """,
}
BUDGET = words("Aldine, Calder, Dunmore, Glasby, Hexa, Kestra, Nordhus, Pellow, Sable, Wexford")
MIDDLE = words("Alvera, Corvo, Elowen, Halden, Juno, Lomond, Oakline, Quillon, Tamsin, Yarrow")
LUXURY = words("Barrow & Pike, Brightwell, Fennick, Ironvale, Marlo, Orbis, Rostova, Umbra, Vantor, Zephra")
BRANDS = {brand: factor for brands, factor in ((BUDGET, 0.6), (MIDDLE, 1.0), (LUXURY, 1.8)) for brand in brands}
QUALITY = {
    "value": 0.5, "basic": 0.55, "refurbished": 0.6, "mini": 0.7, "compact": 0.8, "everyday": 0.9, "new": 1.0,
    "classic": 1.0, "large": 1.3, "smart": 1.5, "deluxe": 1.7, "handmade": 1.7, "premium": 1.8, "limited edition": 1.9,
    "professional": 2.0, "luxury": 2.3,
}  # fmt: skip
"""Brands and quality words, each with the factor that it puts on a price."""
COLOURS = words("black, white, red, navy, olive, grey, cream, teal, silver, pink")
NEUTRAL_FACTS = words("""
two-year guarantee, gift boxed, new design, free returns, made from recycled materials, a customer favourite, while
stocks last, light and strong, now in more colours, easy to use, everything included, made to last
""")
PRICED = ("kitchen", "audio", "garden", "sports", "tools")
"""The departments of `product_prices`: few enough for every product to be seen at many prices."""
BRAND = held_out(BRANDS, 5)
LABEL_NOISE = 0.01
PRICE_NOISE = 0.08
SIMILAR, DEARER = 1.3, 2.0
"""Price ratios: `similar_price` below the first, one is dearer above the second; between, no pair is made."""


class Product(NamedTuple):
    department: str
    record: Row


def products_of(department: str) -> list[tuple[str, float]]:
    return [(name, float(price)) for name, price in (entry.rsplit(" ", 1) for entry in words(DEPARTMENTS[department]))]


def product(department: str, split: Split, rng: random.Random) -> Product:
    name, base = rng.choice(products_of(department))
    brand, quality = rng.choice(BRAND[split]), rng.choice(list(QUALITY))
    model = f"{rng.choice('ABDEHKLMRSTX')}{rng.choice('ACEGLRSX')}-{rng.randrange(10, 990)}"
    title = rng.choice(
        [
            f"{quality} {name}",
            f"{name}, {quality}",
            f"{brand} {quality} {name} {rng.choice(COLOURS)}",
            f"{name} {model} {quality}",
            f"{rng.choice(COLOURS)} {name} ({quality})",
        ]
    )
    facts = rng.sample(words(FACTS[department]), rng.randrange(0, 3)) + rng.sample(NEUTRAL_FACTS, rng.randrange(0, 3))
    rng.shuffle(facts)
    price = base * BRANDS[brand] * QUALITY[quality] * rng.lognormvariate(0, PRICE_NOISE)
    record = {"title": title, "brand": brand, "description": ", ".join(facts), "price": f"{price:.2f}"}
    return Product(department, record)


def hidden_kind(record: Row, rng: random.Random) -> Row:
    """The title as a bare model name, as many feeds have it: the other fields must do."""
    model = f"{record['brand']} {rng.choice('ABDEHKLMRSTX')}{rng.choice('ACEGLRSX')}-{rng.randrange(10, 990)}"
    return {**record, "title": f"{model} {rng.choice(COLOURS)}"}


def as_entered(record: Row, rng: random.Random) -> Row:
    """Noise in the texts, fields left empty, prices in several notations."""
    entered = {
        **record,
        "title": noisy(record["title"], rng, 0.12),
        "description": noisy(record["description"], rng, 0.08),
    }
    entered["price"] = rng.choice(["{}", "{}", "£{}", "{} GBP", "EUR {}"]).format(record["price"])
    for name in ("brand", "price", "description"):
        if rng.random() < 0.08:
            entered[name] = ""
    return entered


def product_records(seed: int) -> dict[str, list[Row]]:
    rng = generator(seed)
    labels = list(DEPARTMENTS)

    def draw(split: Split) -> Row:
        department = rng.choice(labels)
        record = product(department, split, rng).record
        if rng.random() < 0.15 and any(fact in record["description"] for fact in words(FACTS[department])):
            record = hidden_kind(record, rng)
        label = rng.choice(labels) if rng.random() < LABEL_NOISE else department
        return {"record": as_entered(record, rng), "label": label}

    counts: dict[Split, int] = {"train": 2000, "validation": 500}
    return {"product_records": draw_distinct(counts, draw, key=lambda row: row["record"])}


def compared(first: Row, second: Row) -> str | None:
    ratio = float(first["price"]) / float(second["price"])
    if max(ratio, 1 / ratio) < SIMILAR:
        return "similar_price"
    if max(ratio, 1 / ratio) < DEARER:
        return None
    return "first_dearer" if ratio > 1 else "second_dearer"


def product_prices(seed: int) -> dict[str, list[Row]]:
    """Two records without their prices -> similar_price, first_dearer or second_dearer; a half of them similar."""
    rng = generator(seed)

    def draw(split: Split) -> Row:
        wanted = rng.choice(["similar_price", "similar_price", "first_dearer", "second_dearer"])
        while True:
            pair = [product(rng.choice(PRICED), split, rng).record for _ in range(2)]
            if compared(*pair) == wanted:
                break
        record1, record2 = (
            {key: value for key, value in as_entered(one, rng).items() if key != "price"} for one in pair
        )
        return {"record1": record1, "record2": record2, "label": wanted}

    counts: dict[Split, int] = {"train": 2200, "validation": 450}
    rows = draw_distinct(counts, draw, key=lambda row: sorted(map(str, (row["record1"], row["record2"]))))
    return {"product_prices": rows}
