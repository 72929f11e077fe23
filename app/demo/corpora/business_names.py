"""A business name -> what the business does.

The misleading part is deliberate: surnames that are trades ("Baker & Cole Solicitors"), places that are
businesses ("Old Bakery Day Nursery"), cue words that several categories share ("Studio", "Clinic", "House").
"""

from __future__ import annotations

import random

from app.demo.corpora.names import FIRST_NAMES, PLACES, SURNAMES
from app.demo.corpora.noise import noisy
from app.demo.corpora.rows import Row, Split, draw_distinct, generator, held_out, words
from app.demo.corpora.training_cues import TRAINING_CUES

CUES = {
    "food": """
        Pizzeria, Trattoria, Bistro, Cafe, Coffee House, Coffee Roasters, Tea Rooms, Diner, Grill, Bakery, Patisserie,
        Brasserie, Kebab House, Noodle Bar, Sushi Bar, Curry House, Steakhouse, Chippy, Fish and Chips, Burger Shack,
        Taqueria, Tapas Bar, Kitchen, Catering, Deli, Sandwich Bar, Gelato, Creamery, Juice Bar, Smokehouse,
        Rotisserie, Canteen, Ristorante, Tandoori, Ramen, Pancake House, Wine Bar, Eatery, Carvery, Dumpling House,
        Restaurant, Dining Room, Pie Shop, Soup Kitchen, Bagels
    """,
    "legal": """
        Solicitors, Law, Legal, Attorneys, Barristers, Chambers, Law Group, Notaries, Conveyancing, Law Firm, Legal
        Services, Legal Advisers, Advocates, Litigation, Family Law, Immigration Lawyers, Injury Lawyers, LLP, Probate
        Services, Law Practice, Wills and Trusts, Employment Law, Patent Attorneys, Mediation, Tribunal Advice, Notary
        Public, Legal Aid Centre, Counsel, Law Partners, Divorce Lawyers, Licensing Lawyers, Tenancy Advice
    """,
    "medical": """
        Dental Practice, Dental Care, Dentists, Orthodontics, Medical Centre, Surgery, Health Centre, Clinic,
        Physiotherapy, Chiropractic, Podiatry, Optometrists, Eye Care, Hearing Centre, Pharmacy, Chemist, Walk-in
        Clinic, Family Doctors, GP Practice, Osteopathy, Psychotherapy, Counselling, Dermatology, Fertility Clinic,
        Sports Injury Clinic, Speech Therapy, Acupuncture, Home Nursing, Hospice, Maternity Care, Foot Clinic, Smile
        Studio, Physio, Implant Centre, Sleep Clinic, Radiology, Cardiology, Paediatrics
    """,
    "trade": """
        Plumbing, Plumbing and Heating, Electrical, Electricians, Builders, Roofing, Joinery, Carpentry, Plastering,
        Painting and Decorating, Flooring, Tiling, Landscaping, Paving, Scaffolding, Glazing, Drainage, Damp Proofing,
        Loft Conversions, Kitchens and Bathrooms, Boiler Repairs, Locksmiths, Fencing, Bricklaying, Stonemasons,
        Insulation, Tree Surgeons, Driveways, Guttering, Gas Services, Construction, Property Maintenance, Handyman,
        Renovations, Welding, Double Glazing, Garage Doors, Groundworks
    """,
    "retail": """
        Books, Bookshop, Hardware, Furniture, Carpets, Shoes, Menswear, Boutique, Jewellers, Gifts, Florist, Flowers,
        Toys, Cycles, Electronics, Antiques, Stationers, Supermarket, Mini Market, Convenience Store, Off Licence,
        Butchers, Greengrocers, Fishmongers, Outfitters, Fabrics, Homeware, Vintage Clothing, Pet Supplies, Garden
        Centre, Newsagents, Mobile Phones, Records, Lighting, Curtains and Blinds, Bridal Wear, Department Store,
        General Store, Farm Shop, Hotel Linen Supplies, Guest House Furnishings, Cheese Shop, Charity Shop
    """,
    "leisure": """
        Gym, Fitness, Leisure Centre, Sports Club, Bowling, Bowling Alley, Golf Club, Tennis Club, Cinema, Theatre,
        Museum, Art Gallery, Escape Rooms, Climbing Centre, Trampoline Park, Soft Play, Swimming Pool, Yoga, Pilates,
        Snooker Club, Arcade, Comedy Club, Nightclub, Karaoke Lounge, Sailing Club, Riding Stables, Karting, Laser
        Tag, Zoo, Adventure Park, Skate Park, Boxing Club, Ice Rink, Football Club, Dance Studio, Bingo Hall,
        Paintball, Camping and Kayaking Tours
    """,
    "education": """
        Primary School, Day Nursery, Nursery School, Academy, College, Grammar School, Montessori, Preschool, Language
        School, Tuition, Tutors, Driving School, Music School, Music Lessons, Drama School, Training Centre, Learning
        Centre, Sixth Form, Playgroup, Kindergarten, Maths Tuition, Study Centre, Coding School, Adult Education,
        Business School, Exam Preparation, English Lessons, Art Classes, Swim School, Infant School, Piano Lessons,
        After School Club, Forest School, First Aid Training
    """,
    "transport": """
        Taxis, Cabs, Private Hire, Minicabs, Couriers, Haulage, Removals, Logistics, Coaches, Coach Travel, Van Hire,
        Car Rental, Garage, Auto Repairs, Motors, MOT Centre, Tyres, Car Wash, Breakdown Recovery, Freight, Airport
        Transfers, Chauffeurs, Man and Van, Storage and Removals, Parcel Delivery, Shipping, Vehicle Hire, Bus
        Company, Bodyworks, Exhausts, Car Sales, Truck Repairs, Ferries, Motorcycles, Fleet Services
    """,
    "beauty": """
        Hair, Hairdressers, Hair Salon, Barbers, Barbershop, Nails, Nail Bar, Beauty, Beauty Salon, Spa, Day Spa,
        Tanning, Tanning Studio, Skin Clinic, Aesthetics, Brows and Lashes, Lash Lounge, Waxing, Massage, Tattoo
        Studio, Make-up Studio, Hair Design, Gents Hairdressing, Blow Dry Bar, Facials, Piercing, Hair Extensions,
        Cosmetic Studio, Lash Bar, Cuts, Grooming Lounge, Threading, Nail Art, Wellness Spa, Beauty Rooms
    """,
    "technology": """
        Software, Web Design, IT Support, Computers, Computer Repairs, Digital, Systems, Data Recovery, Hosting,
        Networks, Cyber Security, Apps, Tech Solutions, Analytics, Robotics, Cloud Services, Phone Repairs, Telecoms,
        Broadband, Databases, Web Development, Game Studio, Electronics Design, Automation, Technologies,
        Laboratories, Digital Agency, 3D Printing, Printer Repairs, IT Consultants, Software House, Server Rentals
    """,
}

NEW_CUES = {
    "lodging": "Hotel, Hotel, Hotel, Hotel, Guest House, Guest House, Guest House, Inn, Inn, Hostel, Lodge, B&B",
    "finance": """
        Accountants, Accountants, Accountants, Insurance, Insurance, Insurance, Mortgages, Mortgages, Bookkeeping, Bank,
        Financial Advisers, Tax Accountants
    """,
}
"""Categories that are taught to a trained classifier later; a word listed twice is twice as common."""

HINTS = {
    "food": "Golden, Spice, Little, Hungry, Smoky, Olive, Basil, Red Lantern, Rustic, Salt and",
    "legal": "Justice, Trusted, Chartered, First, Equity",
    "medical": "Caring, Bright Smile, Wellbeing, Family, Healing",
    "trade": "Reliable, Apex, Rapid, All Seasons, Premier, ProFix",
    "retail": "Discount, Bargain, The Little, Vintage, Treasure, Quality",
    "leisure": "Active, Fun, Power, Adventure, All Star, Champion",
    "education": "Little Stars, Bright Sparks, Happy Days, First Steps, Rainbow, Scholars",
    "transport": "Swift, Express, A1, Speedy, Direct, 24-hour",
    "beauty": "Glow, Bliss, Pure, Velvet, Gorgeous, Polished",
    "technology": "Pixel, Quantum, Byte, Cloud, Smart, Nova",
    "lodging": "The Grand, Cosy, Sea View, The Old, Golden, Starlight",
    "finance": "Secure, Sterling, Prudent, First, Trusted, Beacon",
}

SHARED_CUES = {
    "Studio": "beauty, leisure, technology",
    "Centre": "medical, education, leisure",
    "Rooms": "food, beauty",
    "House": "food, retail",
    "Consulting": "technology, legal",
    "Group": "legal, technology, trade",
    "Hire": "transport, trade",
    "Supplies": "retail, trade",
    "Workshop": "trade, transport, education",
    "Lounge": "beauty, food, leisure",
}
"""Words that tell too little: such a name can only be guessed, as in any real register of businesses."""

SUFFIXES = words("Ltd, Limited, and Sons, & Co, and Company, Services, Group, UK, (2019) Ltd, plc")
SURNAME = held_out(SURNAMES, 4)
PLACE = held_out(PLACES, 4)
FIRST = held_out(FIRST_NAMES, 4)
CUE = {label: held_out(words(text), 9) for label, text in CUES.items()}
for label, text in TRAINING_CUES.items():
    CUE[label]["train"] += words(text)
CUE |= {label: {"train": words(text), "validation": words(text)} for label, text in NEW_CUES.items()}
LABEL_NOISE = 0.01


def business_name(label: str, split: Split, rng: random.Random) -> str:
    surname, place, first = (rng.choice(pool[split]) for pool in (SURNAME, PLACE, FIRST))
    hint = rng.choice(words(HINTS[label]))
    shared = [cue for cue, labels in SHARED_CUES.items() if label in words(labels)]
    cue = rng.choice(shared) if shared and rng.random() < 0.03 else rng.choice(CUE[label][split])
    name = rng.choice(
        [
            f"{surname} {cue}",
            f"{surname} and {rng.choice(SURNAME[split])} {cue}",
            f"{surname} & {rng.choice(SURNAME[split])} {cue}",
            f"{surname}'s {cue}",
            f"{place} {cue}",
            f"{place} {cue}",
            f"The {place} {cue}",
            f"{first}'s {cue}",
            f"{first} {surname} {cue}",
            f"{hint} {cue}",
            f"{hint} {cue} {place}",
            f"{cue} of {place}",
            f"{cue} by {first}",
            f"{place} {surname} {cue}",
            f"{cue}, {place}",
            f"{first[0]}. {surname} {cue}",
        ]
    )
    if rng.random() < 0.18:
        name = f"{name} {rng.choice(SUFFIXES)}"
    return noisy(name, rng, 0.09)


def rows_of(labels: list[str], per_label: dict[Split, int], seed: int, seen: set[str] | None = None) -> list[Row]:
    rng = generator(seed)
    counts: dict[Split, int] = {split: count * len(labels) for split, count in per_label.items()}
    turn = iter(range(10**9))

    def draw(split: Split) -> Row:
        label = labels[next(turn) % len(labels)]
        wrong = len(labels) > 2 and rng.random() < LABEL_NOISE
        return {"text": business_name(label, split, rng), "label": rng.choice(labels) if wrong else label}

    return draw_distinct(counts, draw, key=lambda row: row["text"], seen=seen)


def business_names(seed: int) -> dict[str, list[Row]]:
    """`business_names`, and the two further categories that are taught later, `business_names.new_labels`."""
    seen: set[str] = set()
    new = rows_of(list(NEW_CUES), {"train": 60, "validation": 100}, seed + 1, seen)
    known = rows_of(list(CUES), {"train": 900, "validation": 60}, seed, seen)
    return {"business_names": known, "business_names.new_labels": new}
