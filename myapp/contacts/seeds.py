"""The development seeds: 200 contacts in 20 organizations, the same every time. Private to the context."""

from collections.abc import Iterator

ORGANIZATIONS = (
    "Analytical Engines Ltd", "Bletchley Works", "Cambridge Instruments", "Delft Dynamics",
    "Edinburgh Optics", "Fjord Shipping", "Göttingen Press", "Harbour Textiles", "Ibsen Publishing",
    "Jura Watches", "Kestrel Aviation", "Lisbon Ceramics", "Malmö Robotics", "Northwind Traders",
    "Orkney Energy", "Porto Foods", "Quimper Paper", "Rotterdam Cranes", "Skagen Studios",
    "Trondheim Labs",
)  # fmt: skip
FIRST_NAMES = (
    "Ada", "Alan", "Barbara", "Carol", "Dorothy", "Edsger", "Emmy", "Frances", "Grace", "Hedy",
    "Ida", "Jean", "Katherine", "Lise", "Margaret", "Niklaus", "Olga", "Radia", "Sophie", "Tim",
)  # fmt: skip
LAST_NAMES = (
    "Adler", "Baker", "Castro", "Dahl", "Eriksen", "Fischer", "Garnier", "Hughes", "Ivanova",
    "Jansen",
)  # fmt: skip
COUNT = 200


def contacts() -> Iterator[dict[str, str]]:
    """Yield the attributes of each seeded contact."""
    for number in range(COUNT):
        first = FIRST_NAMES[number % len(FIRST_NAMES)]
        last = LAST_NAMES[(number // len(FIRST_NAMES)) % len(LAST_NAMES)]
        yield {
            "first_name": first,
            "last_name": last,
            "email": f"{first}.{last}@example.com".lower(),
            "phone": f"+44 20 7946 {number:04d}",
            "organization_name": ORGANIZATIONS[number % len(ORGANIZATIONS)],
        }
