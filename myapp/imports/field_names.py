"""The fields of a contact, and the names that files give to them.

Names are compared without case, accents and punctuation, so ``E-Mail 1 - Value``,
``email1Value`` and ``E_MAIL 1 value`` are one name. English, German, French, Spanish and
Dutch, and what Google, Outlook, Thunderbird, LinkedIn and Apple write.
"""

import re
import unicodedata
from collections.abc import Iterable
from enum import StrEnum
from functools import lru_cache


class Field(StrEnum):
    """What a column may be mapped to."""

    FIRST_NAME = "first_name"
    LAST_NAME = "last_name"
    NAME = "name"
    EMAIL = "email"
    PHONE = "phone"
    ORGANIZATION = "organization"
    NOTES = "notes"
    IGNORE = "ignore"

    @property
    def label(self) -> str:
        """The field's name for people.

        >>> Field.FIRST_NAME.label
        'First name'
        """
        return _LABELS.get(self, self.value.replace("_", " ").capitalize())


_LABELS = {Field.NAME: "Full name", Field.IGNORE: "Leave out"}

_EXACT: dict[Field, str] = {
    Field.FIRST_NAME: "first name|firstname|first|fname|given name|givenname|given|forename"
    "|christian name|contact first name|vorname|prenom|nombre de pila|primer nombre"
    "|voornaam|roepnaam",
    Field.LAST_NAME: "last name|lastname|last|lname|surname|sname|family name|familyname|sn"
    "|contact last name|nachname|familienname|zuname|nom de famille|nom famille|apellido"
    "|apellidos|primer apellido|achternaam|familienaam",
    Field.NAME: "name|full name|fullname|display name|displayname|contact name|contact|person"
    "|customer name|client name|main contact name|main contact|primary contact"
    "|primary contact name|contact person|contact full name|anzeigename"
    "|vollstandiger name|ansprechpartner|kontakt|nom complet|nombre completo|contacto"
    "|nombre y apellidos|volledige naam|naam|contactpersoon|weergavenaam|nom|nombre|cn",
    Field.ORGANIZATION: "company|company name|companyname|organization|organisation"
    "|organization name|organisation name|organization 1 name|organisation 1 name|org"
    "|org name|account|account name|business|business name|employer|firm|agency|agency name"
    "|parent agency|current company|firma|firmenname|unternehmen|arbeitgeber|societe"
    "|nom de la societe|entreprise|empresa|compania|organizacion|nombre de la empresa"
    "|bedrijf|bedrijfsnaam|organisatie|werkgever|institution",
    Field.NOTES: "notes|note|comments|comment|remarks|remark|memo|internal notes"
    "|bemerkung|bemerkungen|anmerkung|anmerkungen|notiz|notizen|kommentar|commentaire"
    "|commentaires|remarque|remarques|notas|nota|observaciones|comentarios|opmerking"
    "|opmerkingen|notitie|notities",
    Field.EMAIL: "email|mail|e mail|emails|primary email|secondary email|contact email"
    "|email address|mail address|adresse mail|adresse e mail|courriel|correo|correo electronico"
    "|e mail adresse|mailadresse|emailadresse|e mailadres|emailadres",
    Field.PHONE: "phone|telephone|tel|mobile|cell|phone number|telefon|telefonnummer|handy"
    "|handynummer|rufnummer|mobiltelefon|mobilnummer|festnetz|portable|numero de telephone"
    "|telefono|movil|celular|telefoon|telefoonnummer|mobiel|gsm",
}
_FIELDS = {name: field for field, names in _EXACT.items() for name in names.split("|")}
_RANKS = {name: place for names in _EXACT.values() for place, name in enumerate(names.split("|"))}

# Words that make a column say something about an address, not the address itself.
_ASIDES = frozenset(
    [
        "type",
        "label",
        "format",
        "status",
        "verified",
        "opt",
        "optin",
        "optout",
        "consent",
        "count",
        "id",
        "num",
        "sent",
        "date",
        "domain",
        "display",
        "name",
        "names",
        "title",
        "description",
        "bounced",
        "yomi",
        "phonetic",
        "ext",
        "extension",
        "provider",
        "code",
        "language",
        "country",
        "typ",
        "art",
        "bezeichnung",
    ]
)
# Words that make an address somebody else's.
_OTHERS = frozenset(
    [
        "senior",
        "worker",
        "assistant",
        "assistants",
        "assistent",
        "spouse",
        "manager",
        "managers",
        "referred",
        "emergency",
        "partner",
        "supervisor",
        "owner",
        "parent",
        "sender",
        "recruiter",
    ]
)
_EMAIL_WORDS = frozenset(
    [
        "email",
        "emails",
        "mail",
        "courriel",
        "correo",
        "emailadresse",
        "mailadresse",
        "emailadres",
        "mailadres",
    ]
)
_EMAIL_ASIDES = _ASIDES - {"country", "code"} | frozenset({"mailing", "subject", "list", "city"})
_PHONE_WORDS = frozenset(
    [
        "phone",
        "phones",
        "telephone",
        "tel",
        "mobile",
        "cell",
        "cellphone",
        "telefon",
        "telefonnummer",
        "handy",
        "handynummer",
        "mobil",
        "mobiltelefon",
        "mobilnummer",
        "rufnummer",
        "festnetz",
        "portable",
        "telefono",
        "movil",
        "celular",
        "telefoon",
        "telefoonnummer",
        "mobiel",
        "gsm",
        "telefoonnr",
    ]
)
_PHONE_ASIDES = _ASIDES - {"country"} | frozenset(
    ["fax", "telefax", "pager", "telex", "tty", "radio", "isdn", "callback"]
)


def normal(name: str) -> str:
    """Reduce a column's name to its words.

    >>> normal("E-Mail 1 - Value"), normal("MainContactName"), normal("Prénom")
    ('e mail 1 value', 'main contact name', 'prenom')
    """
    split = re.sub(r"(?<=[a-z\d])(?=[A-Z])|(?<=[a-zA-Z])(?=\d)", " ", name)
    plain = unicodedata.normalize("NFKD", split.replace("ß", "ss"))
    letters = "".join(char for char in plain if not unicodedata.combining(char))
    return " ".join(re.findall(r"[^\W_]+", letters.casefold()))


@lru_cache(maxsize=4096)
def field_of(name: str) -> Field | None:
    """Return the field that a column of this name most likely holds, or None.

    >>> field_of("Primary Email"), field_of("E-mail 1 - Label"), field_of("Assistant's Phone")
    (<Field.EMAIL: 'email'>, None, None)
    """
    if len(name) > 100:
        return None
    words = normal(name)
    if known := _FIELDS.get(words) or _FIELDS.get(words.replace(" ", "")):
        return known
    tokens = words.replace("e mail", "email").split()
    if len(tokens) > 6:
        return None
    return _address(tokens)


def rank(name: str) -> int:
    """Say how sure a known name is: 0 is the surest of its field."""
    words = normal(name)
    for candidate in (words, words.replace(" ", "")):
        if candidate in _RANKS:
            return _RANKS[candidate]
    return len(_RANKS)


def known_count(names: Iterable[str]) -> int:
    """Count the names that are known."""
    return sum(1 for name in names if field_of(name))


def is_foreign(name: str) -> bool:
    """Tell whether a name speaks of somebody else than the contact, or of an address' kind."""
    tokens = set(normal(name).replace("e mail", "email").split())
    return bool(tokens & (_OTHERS | _ASIDES | {"fax", "telefax", "pager", "tty"}))


def _address(tokens: list[str]) -> Field | None:
    words = set(tokens)
    if words & _OTHERS:
        return None
    if words & _EMAIL_WORDS and not words & _EMAIL_ASIDES:
        return Field.EMAIL
    if words & _PHONE_WORDS and not words & _PHONE_ASIDES:
        return Field.PHONE
    return None
