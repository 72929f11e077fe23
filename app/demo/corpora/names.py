"""Surnames, first names and places shared by the data sets. Many are ordinary words too, as real ones are."""

from app.demo.corpora.rows import words

SURNAMES = words("""
Abbott, Adeyemi, Ahmed, Alder, Anand, Ashworth, Baker, Banerjee, Barber, Barker, Beckett, Bell, Bianchi, Bishop,
Blackwood, Bolton, Bowen, Brannigan, Brook, Butcher, Byrne, Calloway, Carlisle, Carter, Castellano, Chandler, Chen,
Clarke, Cole, Conti, Cook, Cooper, Corrigan, Crane, Dacosta, Dawes, Delgado, Desai, Dobson, Doyle, Draper, Drummond,
Eaton, Ellery, Emerson, Esposito, Fairfax, Farmer, Farrell, Ferreira, Finch, Fisher, Fletcher, Foley, Fox, Frost,
Gallagher, Gardener, Garland, Ghosh, Gill, Glover, Greco, Greenwood, Gupta, Haddad, Hale, Hammond, Harper, Hartley,
Hassan, Hawkins, Hayward, Heath, Holloway, Hoskins, Hughes, Hunter, Ingram, Ivanov, Jansen, Jarvis, Joiner, Kapoor,
Kaur, Keating, Kendrick, Khan, Kirby, Knight, Kowalski, Lambert, Larsen, Law, Leigh, Lindqvist, Lowell, Maddox, Malik,
Marchetti, Marlow, Marsh, Mason, McBride, McKenna, Mehta, Mercer, Miller, Moreau, Moreno, Mullen, Murdoch, Nakamura,
Nash, Nguyen, Nolan, Norris, Novak, Oakley, Okafor, Osei, Osborne, Page, Painter, Palmer, Parrish, Patel, Pemberton,
Pereira, Petrov, Plumber, Porter, Prentice, Pryce, Quigley, Quinn, Rahman, Ramsey, Reyes, Ricci, Rivers, Romano, Rowe,
Rutter, Saddler, Sands, Sawyer, Schmidt, Shah, Sharma, Shepherd, Silva, Singh, Skinner, Slater, Smith, Sommers, Stone,
Sutherland, Swift, Tailor, Tanaka, Taylor, Thatcher, Thorne, Tiller, Tran, Turner, Underwood, Vance, Varga, Vaughan,
Wainwright, Walker, Warden, Watts, Weaver, Webb, Wells, Whitaker, Wilde, Winters, Wong, Woodward, Wright, Yilmaz,
Yorke, Zamora, Zhang
""")

FIRST_NAMES = words("""
Ada, Aisha, Alan, Amir, Anna, Bella, Ben, Carla, Chloe, Daisy, Dan, Dave, Dina, Ella, Emma, Farah, Frank, George, Gina,
Grace, Gus, Hana, Harry, Ines, Ivy, Jack, Jade, Joe, Jules, Kate, Kim, Leo, Lily, Lola, Lucy, Luigi, Maria, Marco, Max,
Mei, Mia, Nadia, Ned, Nina, Olga, Omar, Pam, Pete, Priya, Rosa, Ruth, Sal, Sam, Sofia, Steve, Tess, Tom, Tony, Vera,
Wendy, Yuki, Zara, Zoe
""")

PLACES = words("""
Abbey, Albion, Ashford, Avon, Bankside, Bayview, Beacon, Bridge, Bridgeton, Broadway, Brookfield, Canal, Castle,
Cathedral, Chapel, Churchill, City, Cliffside, Coastal, Corner, County, Court Road, Crossroads, Crown, Dockside,
Downtown, Eastgate, Elm Street, Fairview, Ferry Lane, Garden Square, Grange, Greenfield, Grove, Harbour, Harbourside,
Hawthorn, High Street, Highland, Hill Top, Hilltop, Hospital Road, Hotel Street, Inn Lane, Island, Jubilee, Kingsway,
Lakeside, Lighthouse, Lodge Road, London Road, Lower Town, Maple, Market, Market Square, Meadow, Metro, Mill Lane,
Millbrook, Moorland, New Street, Newbridge, North End, Northgate, Northside, Oak Tree, Oakfield, Old Bakery, Old Mill,
Old School, Old Town, Orchard, Park, Parkside, Pier, Quayside, Railway, Ridgeway, Riverside, Rosewood, Royal,
School Lane, Seaview, Silver Street, Southbank, Southgate, Spring, Springfield, Station, Station Road, Summit, Theatre,
Townside, Union, University, Upper Mill, Valley, Victoria, Village, Waterside, West End, Westgate, Westwood, White Hart,
Willow, Windmill, Woodland
""")

CITIES = words("""
Ashcombe, Barrowick, Bellmere, Brackenford, Caldbeck, Carrowmoor, Castlebury, Cloverleigh, Coldwater, Cranleigh Bay,
Darrowby, Dunmarsh, Eastmarsh, Eldergate, Fairhaven, Fernhollow, Foxbridge, Glenmorrow, Graywick, Greyport, Halverton,
Harrowfield, Hartsbridge, Hollinworth, Ivybridge Cross, Kestrelton, Kingsmere, Lakenford, Larkhill, Linton Vale,
Longmarsh, Maplewick, Marlowe Bay, Millhaven, New Carrick, North Tarn, Oakhampton, Penhollow, Port Ellery, Quarrybank,
Ravensmouth, Redcliffe, Rookhaven, Saint Aldwyn, Saltmarsh, Silverdale, South Tarn, Stonebridge, Thornbury Moor,
Underhill, Wexley, Whitcombe, Wildmere, Winterbourne, Yarrowby
""")
