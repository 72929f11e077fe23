"""Further words that tell what a business does, in training only.

They make the vocabulary as broad as that of a real register. None is a word of the categories that are taught later.
"""

TRAINING_CUES = {
    "food": """
        Crêperie, Waffles, Doughnuts, Chicken Shop, Fried Chicken, Pasta, Pizza, Pizza Oven, Salad Bar, Soup Bar,
        Oyster Bar, Seafood, Barbecue, Cantina, Tearoom, Espresso Bar, Bubble Tea, Ice Cream Parlour, Cake Shop,
        Cupcakes, Chocolatier, Falafel, Shawarma, Meze, Dim Sum, Wok, Curry, Bakehouse, Breakfast Bar, Gastropub,
        Pub, Tavern, Cider Bar, Taproom, Brewery, Burritos, Takeaway, Rice Bowls, Roast Dinners, Vegan Food
    """,
    "legal": """
        Lawyers, Legal Practice, Law Chambers, Law Office, Property Lawyers, Criminal Defence, Civil Litigation,
        Legal Counsel, Contract Lawyers, Arbitration, Commissioner for Oaths, Copyright Law, Trade Mark Attorneys,
        Custody Lawyers, Will Writers, Accident Claims, Injury Claims, Court Services, Legal Translation, Rights
        Advice, Planning Lawyers, Asylum Advice, Paralegals, Bailiffs, Process Servers, Legal Clinic
    """,
    "medical": """
        Dental Surgery, Dentistry, Medical Practice, Opticians, Eye Clinic, Eye Hospital, Hospital, Nursing, Care
        Agency, Ambulance, Vaccinations, Allergy Clinic, Blood Tests, Heart Clinic, Back Clinic, Spine Clinic, Joint
        Pain Clinic, Cancer Care, Midwives, Midwifery, Psychology, Psychiatry, Rehabilitation, Dieticians,
        Nutrition, Hearing Aids, Audiology, Braces, Endodontics, Neurology, Urology, Oncology, Pathology, Surgeons,
        Vaccination Centre, Therapy, Occupational Therapy, Veterinary Clinic, Vets
    """,
    "trade": """
        Plumbers, Heating, Heating Engineers, Gas Engineers, Roofers, Carpenters, Painters, Decorators, Tilers,
        Floor Sanding, Wallpapering, Rewiring, Solar Panels, Windows, Doors, Conservatories, Extensions, Demolition,
        Excavation, Concrete, Asphalt, Skips, Pest Control, Chimney Sweeps, Aerials, Alarms, Shopfitting, Cladding,
        Rendering, Pointing, Blacksmiths, Ironworks, Sheds, Decking, Ponds, Lawn Care, Hedge Trimming, Building
        Services, Air Conditioning, Underfloor Heating
    """,
    "retail": """
        Clothes, Clothing, Fashions, Knitwear, Wool Shop, Hats, Handbags, Watches, Gift Shop, Cards, Toy Shop,
        Games, Comics, Bike Shop, Sports Goods, Camping Shop, Fishing Tackle, Guns and Ammo, Musical Instruments,
        Pianos, Paints, Tools, Ironmongers, Timber, Beds, Sofas, Rugs, Lamps, Pottery, Glassware, Kitchenware,
        Groceries, Sweet Shop, Health Foods, Wines, Market Stall, Pound Shop, Second-hand Books, Aquarium Shop,
        Pets, Plants, Nursery Plants, Uniforms, School Uniforms
    """,
    "leisure": """
        Gymnastics, Health Club, Crossfit, Martial Arts, Karate, Judo, Fencing Club, Cricket Club, Rugby Club,
        Rowing Club, Hockey Club, Netball Club, Archery, Squash, Badminton, Table Tennis, Surfing, Canoe Club,
        Diving, Angling, Casino, Billiards, Darts, Opera, Playhouse, Circus, Aquarium, Safari Park, Theme Park,
        Water Park, Mini Golf, Crazy Golf, Zip Wires, Skydiving, Gliding, Film Club, Music Venue, Jazz Club,
        Ballroom, Disco, Picture House
    """,
    "education": """
        School, Schools, High School, Junior School, Secondary School, Community College, University, Institute,
        Nursery, Creche, Childminders, Childcare, Toddlers, Pupils, Lessons, Classes, Evening Classes, Courses,
        Teaching, Teachers, Science Tuition, Reading Lessons, Spelling Club, French Lessons, Spanish Lessons, Guitar
        Lessons, Violin Lessons, Singing Lessons, Ballet School, Art School, Cookery School, Film School, Flying
        School, Sailing School, Apprenticeships, Diplomas, Homework Club, Chess School, Revision
    """,
    "transport": """
        Taxi, Cars, Airport Cars, Limousines, Minibuses, Buses, Trams, Railways, Lorries, Lorry Hire, Trucks,
        Trucking, Vans, Transport, Couriers Express, Deliveries, Dispatch, Movers, House Moves, Warehousing, Cargo,
        Air Freight, Containers, Harbour Boats, Boat Hire, Car Hire, Bike Hire, Scooters, Parking, Car Park,
        Valeting, Windscreens, Car Batteries, Brakes, Clutches, Gearboxes, Panel Beaters, Car Parts, Motorhomes,
        Petrol Station, Towing
    """,
    "beauty": """
        Hairstyling, Stylists, Haircuts, Hair and Beauty, Unisex Salon, Salon, Barber Shop, Manicures, Pedicures,
        Gel Nails, Eyelashes, Eyebrows, Microblading, Spray Tans, Sunbeds, Skincare, Skin Care, Laser Hair Removal,
        Electrolysis, Body Wraps, Sauna, Steam Rooms, Hot Stones, Reflexology, Aromatherapy, Perfumery, Cosmetics,
        Make-up Artists, Bridal Hair, Braiding, Wigs, Colourists, Shaves, Beard Trims, Tattoos, Body Art, Botox,
        Fillers
    """,
    "technology": """
        Computing, Computer Services, Laptops, Laptop Repairs, Websites, Internet, Wi-Fi, Fibre Networks, Cables,
        Servers, Data Centre, Data, Data Science, Machine Learning, Programmers, Programming, Developers, App
        Development, Mobile Apps, Games Development, Electronics Repairs, Microchips, Semiconductors, Sensors,
        Drones, Satellites, Radio Systems, CCTV Systems, Security Software, Encryption, Backups, Tech Support,
        Helpdesk, Virtual Reality, Animation, Search Optimisation, Online Marketing, Printers
    """,
}
