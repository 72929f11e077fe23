"""A message to a shop's support desk -> what the customer wants."""

from __future__ import annotations

import random

from app.demo.corpora.noise import abbreviated, noisy
from app.demo.corpora.rows import Row, Split, draw_distinct, generator, held_out

REQUESTS = {
    "refund": """
        I want my money back for {item}| can you refund {item}| please refund me for order {order}| when will I get
        the refund for {item}| I sent {item} back {when} and still have not been paid back| you charged me twice for
        {item}| I would like a refund, {problem}| the refund for order {order} has not arrived| {problem}, I want a
        full refund| money for {item} is still not in my account| reimburse me for {item} please| how long does a
        refund take| I returned {item} so where is my money
    """,
    "delivery": """
        where is my order| where is order {order}| {item} has not arrived yet| my parcel was due {when} and is not
        here| when will {item} be delivered| the tracking for {order} has not moved since {when}| is my package lost|
        the courier says delivered but I have nothing| how long does shipping take to {city}| my delivery is late| can
        you tell me when order {order} will ship| still waiting for {item}| no sign of {item}, ordered {when}
    """,
    "cancel": """
        please cancel order {order}| I want to cancel {item}| cancel my order, I changed my mind| I ordered {item} by
        mistake| stop order {order} before it ships| can I still cancel {item}| do not send {item}, I no longer need
        it| I clicked twice, remove one {item}| how do I cancel an order| call off the delivery of {item}| I don't
        want {item} any more, please don't ship it| end my subscription please
    """,
    "change_address": """
        I moved, please send {item} to my new address| can I change the delivery address of {order}| wrong postcode on
        order {order}| please deliver {item} to my office instead| I typed the wrong street for order {order}| update
        my address to {city}| send it to {city} and not to the old flat| the house number on {order} is wrong| how do
        I change where {item} is sent| we live in {city} now, update our details| ship {item} to my neighbour
    """,
    "login": """
        I can't log in| I forgot my password| the reset link does not work| my account is locked| the site says wrong
        password but it is right| I never get the confirmation email| how do I reset my password| can't sign in since
        {when}| two factor code is not arriving| my login stopped working {when}| the app keeps logging me out| I lost
        access to my account| it will not accept my user name
    """,
    "invoice": """
        I need an invoice for order {order}| please send the receipt for {item}| the invoice for {order} has the wrong
        name| can I get a VAT receipt| where do I find my bill| my company needs an invoice for {item}| the receipt is
        missing| please put our tax number on the invoice for {order}| send me a copy of the bill from {when}|
        accounts department needs paperwork for {item}| invoice amount for {order} is wrong
    """,
    "damaged": """
        {item} arrived broken| {problem}| {item} came with a crack| the box was crushed and {item} is damaged| {item}
        stopped working {when}| parts of {item} are missing| {item} does not turn on| you sent the wrong colour of
        {item}| I got the wrong size| {item} fell apart after a day| the screen of {item} is scratched| order {order}
        came in pieces| I received something else instead of {item}| {item} is faulty, can I have a replacement
    """,
    "product_question": """
        does {item} come in another colour| is {item} in stock| what size is {item}| how heavy is {item}| will you get
        {item} again| is {item} suitable for children| does {item} have a guarantee| what is {item} made of| does
        {item} work with batteries| can {item} be washed| do you sell spare parts for {item}| how do I set up {item}|
        is {item} cheaper in your {city} shop| which is better for beginners, {item} or {item2}
    """,
}
ITEMS = """
    the kettle| a pair of boots| the blue jacket| my headphones| the desk lamp| the garden chair| a coffee grinder|
    the toaster| the phone case| two pillows| the rucksack| my new watch| the board game| the printer| a frying pan|
    the tent| the rug| the speaker| running shoes| the bookcase| the hair dryer| the drill| a dog bed| the bike light|
    the mirror| the cutlery set| the tablet| the raincoat| the vacuum cleaner| the pushchair
"""
PROBLEMS = """
    it is not what I ordered| it is much smaller than shown| the zip is broken| it smells burnt| one leg is missing|
    it leaks| the colour is wrong| it does not fit| the lid is cracked| it makes a horrible noise| the battery does
    not charge
"""
WHENS = """
    yesterday| last week| on Monday| two weeks ago| on the 3rd| this morning| last month| on Friday| ten days ago|
    in May
"""
CONTEXTS = "I bought {item} {when}.| About order {order}:| I am in {city}.| Ordered {when}."
OPENINGS = "Hi,| Hello,| Hi there,| Good morning,| Hey| Dear team,| hello support,| Hi all -| Sorry to bother you,"
CLOSINGS = """
    thanks| Thanks!| please help| regards| asap please| thank you very much| this is urgent| cheers| Many thanks,
    {name}
"""
NAMES = "Sam| Priya| Mrs Cole| J. Novak| Tom| Aisha| Leo| R. Finch"
TOWNS = "Millhaven| Greyport| Stonebridge| Fairhaven| Wexley| Larkhill| Redcliffe"
LABEL_NOISE = 0.01


def phrases(text: str) -> list[str]:
    return [" ".join(part.split()) for part in text.split("|")]


REQUEST = {label: held_out(phrases(text), 6) for label, text in REQUESTS.items()}
ITEM = held_out(phrases(ITEMS), 5)


def support_message(label: str, split: Split, rng: random.Random) -> str:
    slots = {
        "item": rng.choice(ITEM[split]),
        "item2": rng.choice(ITEM[split]),
        "order": rng.choice(["#", "", "no. ", "A-"]) + str(rng.randrange(10_000, 99_999)),
        "problem": rng.choice(phrases(PROBLEMS)),
        "when": rng.choice(phrases(WHENS)),
        "city": rng.choice(phrases(TOWNS)),
        "name": rng.choice(phrases(NAMES)),
    }
    body = rng.choice(REQUEST[label][split])
    if rng.random() < 0.25:
        body = f"{rng.choice(phrases(CONTEXTS))} {body}"
    if rng.random() < 0.4:
        body = f"{rng.choice(phrases(OPENINGS))} {body}"
    body += rng.choice(["", "", ".", "?", "!", "??", "..."])
    if rng.random() < 0.35:
        body = f"{body} {rng.choice(phrases(CLOSINGS))}"
    message = body.format(**slots)
    return noisy(abbreviated(message, rng, 0.05), rng, 0.15)


def support_messages(seed: int) -> dict[str, list[Row]]:
    rng = generator(seed)
    labels = list(REQUESTS)

    def draw(split: Split) -> Row:
        label = rng.choice(labels)
        text = support_message(label, split, rng)
        return {"text": text, "label": rng.choice(labels) if rng.random() < LABEL_NOISE else label}

    counts: dict[Split, int] = {"train": 1600, "validation": 400}
    return {"support_messages": draw_distinct(counts, draw, key=lambda row: row["text"])}
