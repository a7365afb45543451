import pytest

from myapp.imports import field_names, mapping
from myapp.imports.mapping import Field, Mapping

OLD_GOOGLE = (
    "Name|Given Name|Additional Name|Family Name|Yomi Name|Given Name Yomi|Birthday|Notes"
    "|E-mail 1 - Type|E-mail 1 - Value|E-mail 2 - Value|Phone 1 - Type|Phone 1 - Value"
    "|Organization 1 - Type|Organization 1 - Name|Organization 1 - Yomi Name"
    "|Organization 1 - Title"
)
OUTLOOK = (
    "First Name|Last Name|E-mail Address|E-mail Type|E-mail Display Name|E-mail 2 Address"
    "|Business Phone|Business Fax|Mobile Phone|Assistant's Phone|Company|Job Title|Notes"
    "|Manager's Name|Spouse|Business Street"
)


def suggested(names, rows=()):
    columns = names.split("|")
    found = mapping.suggest(columns, rows)
    assert set(found) == set(range(len(columns)))
    return {columns[i]: str(field) for i, field in found.items() if field is not Field.IGNORE}


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (
            OLD_GOOGLE,
            {
                "Given Name": "first_name",
                "Family Name": "last_name",
                "Notes": "notes",
                "E-mail 1 - Value": "email",
                "E-mail 2 - Value": "email",
                "Phone 1 - Value": "phone",
                "Organization 1 - Name": "organization",
            },
        ),
        (
            (
                "First Name|Last Name|Organization Name|Organization Title|E-mail 1 - Label"
                "|E-mail 1 - Value|Phone 1 - Label|Phone 1 - Value|Labels"
            ),
            {
                "First Name": "first_name",
                "Last Name": "last_name",
                "Organization Name": "organization",
                "E-mail 1 - Value": "email",
                "Phone 1 - Value": "phone",
            },
        ),
        (
            OUTLOOK,
            {
                "First Name": "first_name",
                "Last Name": "last_name",
                "E-mail Address": "email",
                "E-mail 2 Address": "email",
                "Business Phone": "phone",
                "Mobile Phone": "phone",
                "Company": "organization",
                "Notes": "notes",
            },
        ),
        (
            "First Name|Last Name|URL|Email Address|Company|Position|Connected On",
            {
                "First Name": "first_name",
                "Last Name": "last_name",
                "Email Address": "email",
                "Company": "organization",
            },
        ),
        (
            "Vorname|Name|Firma|E-Mail-Adresse|Telefonnummer|Bemerkungen",
            {
                "Vorname": "first_name",
                "Name": "last_name",
                "Firma": "organization",
                "E-Mail-Adresse": "email",
                "Telefonnummer": "phone",
                "Bemerkungen": "notes",
            },
        ),
        (
            "Prénom|Nom|Société|Courriel|Numéro de téléphone",
            {
                "Prénom": "first_name",
                "Nom": "last_name",
                "Société": "organization",
                "Courriel": "email",
                "Numéro de téléphone": "phone",
            },
        ),
        (
            "Nombre|Apellidos|Empresa|Correo electrónico|Móvil",
            {
                "Nombre": "first_name",
                "Apellidos": "last_name",
                "Empresa": "organization",
                "Correo electrónico": "email",
                "Móvil": "phone",
            },
        ),
        (
            "Voornaam|Achternaam|Bedrijf|E-mailadres|Telefoon",
            {
                "Voornaam": "first_name",
                "Achternaam": "last_name",
                "Bedrijf": "organization",
                "E-mailadres": "email",
                "Telefoon": "phone",
            },
        ),
        ("FULL_NAME|contact_email|MOBILE", {"FULL_NAME": "name", "contact_email": "email",
                                            "MOBILE": "phone"}),
        ("firstname|lastname|years|team|email", {"firstname": "first_name",
                                                 "lastname": "last_name", "email": "email"}),
        ("Email|Line|Reason", {"Email": "email"}),
    ],
)  # fmt: skip
def test_fields_are_found_by_name(names, expected):
    assert suggested(names) == expected


def test_fields_are_found_by_value():
    rows = [["ada@x.de", "+49 30 123456", "12.05.2020"], ["g@x.de", "(202) 555-0143", "1.2.2021"]]

    assert suggested("A|B|C", rows) == {"A": "email", "B": "phone"}


def test_a_name_that_its_values_belie_is_not_believed():
    rows = [["yes", "ada@x.de"], ["no", "g@x.de"], ["no", "a@x.de"]]

    assert suggested("Email|Address", rows) == {"Address": "email"}


def test_names_without_a_header_are_found():
    rows = [["John Doe", "John", "Doe", "j@x.de"], ["Jane Roe", "Jane", "Roe", "r@x.de"]]

    assert suggested("Column 1|Column 2|Column 3|Column 4", rows) == {
        "Column 2": "first_name",
        "Column 3": "last_name",
        "Column 4": "email",
    }
    assert suggested("Column 1|Column 2", [["Ada Lovelace", "a@x.de"]]) == {
        "Column 1": "name",
        "Column 2": "email",
    }


def test_a_mapping_goes_through_json():
    chosen = Mapping.of(["Mail", "Age"], {0: Field.EMAIL})

    assert Mapping.from_json(chosen.to_json()) == chosen
    with pytest.raises(ValueError, match="shoe"):
        Mapping.from_json({"columns": ["a"], "fields": ["shoe size"]})
    with pytest.raises(ValueError, match="2 columns"):
        Mapping.from_json({"columns": ["a", "b"], "fields": ["email"]})


def test_a_mapping_says_what_it_lacks():
    assert Mapping.of(["a"], {0: Field.EMAIL}).error() is None
    assert "Choose a column" in Mapping.of(["a"], {0: Field.NOTES}).error()
    twice = Mapping.of(["a", "b"], {0: Field.FIRST_NAME, 1: Field.FIRST_NAME})
    assert twice.error() == "Only one column can be “First name”; now it is a and b."
    assert Mapping.of(["a", "b"], {0: Field.PHONE, 1: Field.PHONE}).error() is None


def test_names_are_compared_without_case_accents_and_punctuation():
    for name in ("E-Mail 1 - Value", "email1Value", "E_MAIL 1 value", "é-mail 1 value"):
        assert field_names.field_of(name) is Field.EMAIL
