"""The panels in which laboratory tests are read together, and the common names of the tests.

Names are assigned by LOINC code only, because a possibly wrong name is worse than a long one.
LOINC's own name stays available, one click away.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

from smartapp.record.observations import Reading

OTHER = "Other tests"
# A shorter name is the laboratory's own word for its test and is kept.
LONG_NAME = 25

# For each panel one test per line: its common name, and its LOINC codes (LOINC 2.80). A test with *
# keeps its own name, which says what it is an estimate for.
_PANELS = {
    "Glucose and diabetes": """
        HbA1c: 4548-4 17856-6 59261-8 4549-2 62388-4 71875-9
        Glucose: 2345-7 14749-6 2339-0 15074-8
        Glucose, fasting: 1558-6 14771-0 76629-5
        Glucose, capillary: 41653-7 14743-9 32016-8
        Glucose, point of care: 2340-8
    """,
    "Kidney and electrolytes": """
        Creatinine: 2160-0 14682-9 38483-4
        eGFR: 98979-8 62238-1 33914-3 69405-9 77147-7
        eGFR, cystatin C: 50210-4
        eGFR, creatinine and cystatin C: 98980-6
        *: 48642-3 48643-1 88293-6 88294-4 50044-7
        Urea: 22664-7
        Urea nitrogen (BUN): 3094-0 6299-2 14937-7
        Sodium: 2951-2 2947-0
        Potassium: 2823-3 6298-4
        Chloride: 2075-0 2069-3
        Bicarbonate: 1963-8 1959-6
        CO₂, total: 2028-9
        Anion gap: 33037-3 1863-0 10466-1
        Calcium: 17861-6 2000-8
        Calcium, ionized: 1995-0 1994-3
        Phosphate: 2777-1 14879-1
        Magnesium: 19123-9 2601-3
        Urate: 3084-1 14933-6
        Osmolality: 2692-2
        Albumin/creatinine ratio, urine: 9318-7 14959-1 32294-1 13705-9
        Albumin, urine: 14957-5 1754-1
        Protein/creatinine ratio, urine: 2890-2 13801-6
    """,
    "Liver and pancreas": """
        ALT: 1742-6 1743-4 1744-2
        AST: 1920-8 30239-8
        ALP: 6768-6
        GGT: 2324-2
        Bilirubin, total: 1975-2 14631-6
        Bilirubin, direct: 1968-7 14629-0
        Bilirubin, indirect: 1971-1
        Albumin: 1751-7 61151-7 2862-1
        Protein, total: 2885-2
        Globulin: 10834-0 2336-6
        Lipase: 3040-3
        Amylase: 1798-8
        Ammonia: 16362-6 22763-7
    """,
    "Blood count": """
        Hemoglobin: 718-7 20509-6 30313-1 30350-3 59260-0
        Hematocrit: 4544-3 20570-8 48703-3 31100-1
        Red cells: 789-8 26453-1
        MCV: 787-2 30428-7
        MCH: 785-6 28539-5
        MCHC: 786-4 28540-3
        RDW: 788-0 30385-9 21000-5
        White cells: 6690-2 26464-8 804-5
        Neutrophils: 751-8 26499-4 753-4
        Lymphocytes: 731-0 26474-7 732-8
        Monocytes: 742-7 26484-6 743-5
        Eosinophils: 711-2 26449-9 712-0
        Basophils: 704-7 26444-0 705-4
        Neutrophils, %: 770-8 26511-6
        Lymphocytes, %: 736-9 26478-8
        Monocytes, %: 5905-5 26485-3
        Eosinophils, %: 713-8 26450-7
        Basophils, %: 706-2 30180-4
        Platelets: 777-3 26515-7 778-1
        Reticulocytes, %: 17849-1 4679-7
    """,
    "Inflammation and infection": """
        CRP: 1988-5
        CRP, high sensitivity: 30522-7
        ESR: 4537-7 30341-2
        Procalcitonin: 33959-8 75241-0
        Lactate: 2524-7 32693-4 2518-9 19239-3
    """,
    "Lipids": """
        Cholesterol, total: 2093-3 14647-2
        HDL cholesterol: 2085-9 14646-4
        LDL cholesterol: 13457-7 18262-6 2089-1 39469-2 22748-8
        Non-HDL cholesterol: 43396-1 70204-3
        Triglycerides: 2571-8 14927-8
        Lipoprotein(a): 10835-7 43583-4
        Apolipoprotein B: 1884-6
    """,
    "Heart and muscle": """
        Troponin I: 10839-9 42757-5
        Troponin I, high sensitivity: 89579-7
        Troponin T: 6598-7
        Troponin T, high sensitivity: 67151-1
        BNP: 30934-4 42637-9
        NT-proBNP: 33762-6 83107-3 83108-1
        CK: 2157-6
        CK-MB: 13969-1
        LDH: 2532-0 14804-9
    """,
    "Clotting": """
        INR: 6301-6 34714-6 38875-1
        Prothrombin time: 5902-2
        aPTT: 3173-2 14979-9
        Fibrinogen: 3255-7
        D-dimer (FEU): 48065-7
        D-dimer (DDU): 48066-5
    """,
    "Thyroid": """
        TSH: 3016-3 11580-8 11579-0
        Free T4: 3024-7 14920-3
        Free T3: 3051-0 14928-6
        T3, total: 3053-6
        T4, total: 3026-2
    """,
    "Iron and vitamins": """
        Ferritin: 2276-4 20567-4
        Iron: 2498-4 14798-3
        Iron-binding capacity (TIBC): 2500-7
        Transferrin: 3034-6
        Transferrin saturation: 2502-3
        Vitamin B12: 2132-9
        Folate: 2284-8
        Vitamin D (25-OH): 62292-8
    """,
    "Blood gases": """
        pH, arterial: 2744-1
        pCO₂, arterial: 2019-8
        pO₂, arterial: 2703-7
        Bicarbonate, arterial: 1960-4
        Base excess, arterial: 1925-7
    """,
    "Tumor markers": """
        PSA: 2857-1
        CEA: 2039-6
        CA 15-3: 6875-9
        CA 125: 10334-1
        CA 19-9: 24108-3
        AFP: 1834-1
    """,
    "Drug levels": """
        Digoxin: 10535-3
        Lithium: 14334-7 3719-2
        Vancomycin, trough: 4092-3
        Phenytoin: 3968-5
        Valproate: 4086-5
        Carbamazepine: 3432-2
        Tacrolimus: 11253-2
    """,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Place:
    """The place of a test; `name` is its common name, "" if this app has none."""

    panel: str
    rank: int
    name: str = ""


_UNKNOWN = Place(OTHER, len(_PANELS) * 100)


def _places() -> dict[str, Place]:
    found: dict[str, Place] = {}
    for number, (panel, lines) in enumerate(_PANELS.items()):
        for line, test in enumerate(filter(None, map(str.strip, lines.splitlines()))):
            name, _, codes = test.rpartition(": ")
            place = Place(panel, number * 100 + line, name.strip("*"))
            found |= dict.fromkeys(codes.split(), place)
    return found


PLACES = _places()


_NAMED = {place.name.casefold(): place for place in PLACES.values() if place.name}
# Words of these names that do not tell tests apart, and two names of one test.
_OF_SEVERAL = frozenset({"cells", "cholesterol", "free", "total", "urine", "vitamin", "arterial"})
_ONE_TEST = frozenset({"bicarbonate", "co₂, total"})
_WORD = re.compile(r"[^\W_]+")


def with_codes_of_its_name(reading: Reading) -> Reading:
    """Return the reading; if it has the common name of one test and the LOINC code of another one,
    without that code, and it says so: sodium's history must not contain a "Potassium"."""
    if (named := _NAMED.get(reading.name.casefold())) is None:
        return reading
    coded = place_of(reading)
    if not coded.name or _may_be_one(named.name, coded.name):
        return reading
    codes = tuple(pair for pair in reading.codes if PLACES.get(pair[1]) != coded)
    remark = f"Its code says “{coded.name}”."
    return reading._replace(codes=codes, marks=reading.marks.with_remarks(remark))


@lru_cache(maxsize=500)
def _may_be_one(one: str, other: str) -> bool:
    names = (one.casefold(), other.casefold())
    first, second = (set(_WORD.findall(name)) - _OF_SEVERAL for name in names)
    return bool(first & second) or _ONE_TEST.issuperset(names)


def place_of(reading: Reading) -> Place:
    return next((PLACES[code] for code in reading.loinc if code in PLACES), _UNKNOWN)


def common_name(reading: Reading) -> str:
    """Return the common name of the test: the laboratory's own word if it is short, else that of
    its LOINC code, else the name as it was sent."""
    name = reading.name
    is_code = name.removeprefix("LOINC ") in reading.loinc
    if len(name) < LONG_NAME and "[" not in name and not is_code:
        return name
    return place_of(reading).name or name
