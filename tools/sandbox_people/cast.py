"""The people of the sandbox and their stories. All of them are invented."""

# ruff: noqa: RUF001 (names are in the scripts that people write them in)

from collections.abc import Mapping
from datetime import date

from tools.sandbox_people import terms as t
from tools.sandbox_people.people import (
    Allergy,
    Guardian,
    HomeReadings,
    Name,
    Operation,
    Person,
    Prescription,
    Problem,
    Trend,
    Visits,
    steady,
)
from tools.sandbox_people.practice import FAMILY_DOCTOR, PEDIATRICIAN, SPECIALIST

NEVER_SMOKER = ("266919005", "Never smoked tobacco")
FORMER_SMOKER = ("8517006", "Ex-smoker")

PRESSURE = ("systolic", "diastolic")
VITALS = (*PRESSURE, "pulse", "breathing", "temperature", "oxygen", "height", "weight")
CHILD_VITALS = ("pulse", "breathing", "temperature", "oxygen", "height", "weight")
INFANT_VITALS = ("pulse", "breathing", "temperature", "height", "weight", "head")
BLOOD_COUNT = ("hemoglobin", "leukocytes", "platelets")
LIPIDS = ("cholesterol", "ldl", "hdl", "triglycerides")
KIDNEYS = ("creatinine", "egfr", "urea", "sodium", "potassium")

ORDINARY: Mapping[str, Trend] = {
    "systolic": steady(119, 4),
    "diastolic": steady(76, 3),
    "pulse": steady(71, 4),
    "breathing": steady(15, 1),
    "temperature": steady(36.7, 0.2),
    "oxygen": steady(98, 0.6),
    "hemoglobin": steady(13.9, 0.3),
    "leukocytes": steady(6.6, 0.9),
    "platelets": steady(245, 22),
    "ldl": steady(106, 7),
    "hdl": steady(54, 3),
    "triglycerides": steady(112, 14),
    "creatinine": steady(0.84, 0.05),
    "urea": steady(14, 2),
    "sodium": steady(140, 1.4),
    "potassium": steady(4.2, 0.2),
    "glucose": steady(88, 5),
    "alt": steady(22, 4),
    "tsh": steady(1.9, 0.3),
}


def _but(**trends: Trend) -> dict[str, Trend]:
    """Return ordinary values, except for these."""
    return {**ORDINARY, **trends}


DIABETES_AND_PRESSURE = Person(
    number=1001,
    name=Name("Lefèvre-Dvořák", ("Renée", "Zoë"), "Renée Zoë Lefèvre-Dvořák"),
    note="Type 2 diabetes brought under control: HbA1c from 9.4 to 6.7 % in five years",
    born=date(1962, 3, 14),
    gender="female",
    practitioner=FAMILY_DOCTOR,
    language=("fr", "French"),
    smoking=FORMER_SMOKER,
    everyday_seed=1,
    trends=_but(
        weight=Trend(
            {"2020-11-01": 94.5, "2022-06-01": 87, "2024-05-01": 79.6, "2026-10-01": 76.5}, 0.6
        ),
        height=steady(164.0, 0),
        systolic=Trend(
            {"2020-11-01": 158, "2021-10-01": 139, "2023-01-01": 131, "2026-10-01": 127}, 4
        ),
        diastolic=Trend({"2020-11-01": 96, "2021-10-01": 86, "2026-10-01": 78}, 3),
        hba1c=Trend(
            {
                "2020-11-01": 9.4,
                "2021-06-01": 8.1,
                "2022-06-01": 7.4,
                "2023-06-01": 7.6,
                "2024-06-01": 6.9,
                "2026-10-01": 6.7,
            },
            0.1,
        ),
        glucose=Trend({"2020-11-01": 216, "2022-01-01": 158, "2026-10-01": 127}, 9),
        ldl=Trend({"2020-11-01": 164, "2021-09-01": 98, "2026-10-01": 71}, 6),
        triglycerides=Trend({"2020-11-01": 248, "2023-01-01": 161, "2026-10-01": 132}, 12),
        urine_albumin=Trend({"2020-11-01": 62, "2022-11-01": 38, "2026-10-01": 21}, 4),
        creatinine=Trend({"2020-11-01": 0.8, "2026-10-01": 0.84}, 0.03),
    ),
    visits=(
        Visits(
            t.FOLLOW_UP,
            "2020-11-09",
            91,
            reason=t.DIABETES_2,
            vitals=VITALS,
            labs=("hba1c", "glucose", *KIDNEYS),
        ),
        Visits(
            t.CHECK_UP,
            "2021-02-16",
            364,
            vitals=PRESSURE,
            labs=(*LIPIDS, "urine_albumin", "alt", *BLOOD_COUNT),
        ),
    ),
    problems=(
        Problem(t.DIABETES_2, "2020-11-06"),
        Problem(t.HYPERTENSION, "2017-05-30"),
        Problem(t.HYPERLIPIDEMIA, "2018-02-12"),
        Problem(t.OBESITY, "2016-09-01", "2024-05-20"),
    ),
    prescriptions=(
        Prescription(
            t.METFORMIN,
            "2020-11-09",
            "1 tablet by mouth twice a day with meals",
            "2021-02-08",
            t.DIABETES_2,
        ),
        Prescription(
            t.METFORMIN_XR,
            "2021-02-08",
            "2 tablets by mouth once a day with dinner",
            None,
            t.DIABETES_2,
        ),
        Prescription(
            t.EMPAGLIFLOZIN, "2023-08-07", "1 tablet by mouth every morning", None, t.DIABETES_2
        ),
        Prescription(
            t.LISINOPRIL_10,
            "2017-05-30",
            "1 tablet by mouth once a day",
            "2021-02-16",
            t.HYPERTENSION,
        ),
        Prescription(
            t.LISINOPRIL_20, "2021-02-16", "1 tablet by mouth once a day", None, t.HYPERTENSION
        ),
        Prescription(
            t.ATORVASTATIN_20, "2021-02-16", "1 tablet by mouth at bedtime", None, t.HYPERLIPIDEMIA
        ),
    ),
    allergies=(Allergy(t.PENICILLIN_ALLERGY, "medication", "1989-06-02", t.HIVES),),
    operations=(Operation(t.COLONOSCOPY, "2022-05-12"),),
)

HEART_FAILURE = Person(
    number=1002,
    name=Name("Волков", ("Николай", "Сергеевич"), "Николай Сергеевич Волков", "Nikolai Volkov"),
    note="Heart failure after an infarction: daily weights at home, one admission, recovery",
    born=date(1951, 8, 22),
    gender="male",
    practitioner=SPECIALIST,
    language=("ru", "Russian"),
    smoking=FORMER_SMOKER,
    everyday_seed=21,
    trends=_but(
        weight=Trend(
            {
                "2021-09-01": 88,
                "2024-01-01": 86,
                "2025-11-20": 87,
                "2025-12-11": 94.2,
                "2025-12-20": 85.4,
                "2026-10-30": 84,
            },
            0.35,
        ),
        height=steady(178.0, 0),
        systolic=Trend({"2021-09-01": 142, "2022-06-01": 124, "2026-10-01": 112}, 4),
        diastolic=Trend({"2021-09-01": 88, "2022-06-01": 76, "2026-10-01": 68}, 3),
        pulse=Trend({"2021-09-01": 88, "2022-03-01": 70, "2025-12-11": 104, "2026-01-10": 66}, 4),
        oxygen=Trend({"2021-09-01": 96, "2025-11-20": 96, "2025-12-11": 89, "2025-12-20": 96}, 0.7),
        bnp=Trend(
            {
                "2021-09-20": 2850,
                "2022-06-01": 1240,
                "2025-10-01": 980,
                "2025-12-11": 6420,
                "2026-02-01": 1350,
                "2026-10-01": 760,
            },
            70,
        ),
        potassium=Trend({"2021-09-01": 4.3, "2026-10-01": 4.8}, 0.2),
        creatinine=Trend({"2021-09-01": 1.12, "2025-12-11": 1.62, "2026-02-01": 1.3}, 0.05),
        ldl=Trend({"2021-09-01": 148, "2022-03-01": 66, "2026-10-01": 58}, 5),
        hemoglobin=steady(13.6, 0.3),
    ),
    visits=(
        Visits(
            t.HOSPITAL,
            "2021-09-20",
            reason=t.INFARCTION,
            vitals=VITALS,
            setting="IMP",
            nights=6,
            labs=(*KIDNEYS, *LIPIDS, *BLOOD_COUNT, "bnp"),
        ),
        Visits(
            t.FOLLOW_UP,
            "2021-10-18",
            84,
            reason=t.HEART_FAILURE,
            vitals=VITALS,
            labs=(*KIDNEYS, "bnp"),
        ),
        Visits(t.CHECK_UP, "2022-09-12", 364, vitals=PRESSURE, labs=(*LIPIDS, *BLOOD_COUNT)),
        Visits(
            t.HOSPITAL,
            "2025-12-11",
            reason=t.HEART_FAILURE,
            vitals=VITALS,
            setting="IMP",
            nights=7,
            labs=(*KIDNEYS, *BLOOD_COUNT, "bnp"),
        ),
    ),
    problems=(
        Problem(t.INFARCTION, "2021-09-20", "2021-12-01"),
        Problem(t.HEART_FAILURE, "2021-09-27"),
        Problem(t.ATRIAL_FIBRILLATION, "2022-04-05"),
        Problem(t.HYPERTENSION, "2009-03-10"),
        Problem(t.HYPERLIPIDEMIA, "2009-03-10"),
    ),
    prescriptions=(
        Prescription(
            t.CARVEDILOL,
            "2021-09-27",
            "1 tablet by mouth twice a day with food",
            None,
            t.HEART_FAILURE,
        ),
        Prescription(
            t.LISINOPRIL_20,
            "2021-09-27",
            "1 tablet by mouth once a day",
            "2022-03-14",
            t.HEART_FAILURE,
        ),
        Prescription(
            t.SACUBITRIL, "2022-03-16", "1 tablet by mouth twice a day", None, t.HEART_FAILURE
        ),
        Prescription(
            t.SPIRONOLACTONE, "2021-10-18", "1 tablet by mouth every morning", None, t.HEART_FAILURE
        ),
        Prescription(
            t.FUROSEMIDE,
            "2021-09-27",
            "1 tablet by mouth every morning; 2 tablets when weight rises 2 kg in 3 days",
            None,
            t.HEART_FAILURE,
        ),
        Prescription(
            t.APIXABAN, "2022-04-05", "1 tablet by mouth twice a day", None, t.ATRIAL_FIBRILLATION
        ),
        Prescription(
            t.ASPIRIN, "2021-09-20", "1 tablet by mouth once a day", "2022-09-20", t.INFARCTION
        ),
        Prescription(
            t.ATORVASTATIN_80, "2021-09-20", "1 tablet by mouth at bedtime", None, t.INFARCTION
        ),
    ),
    home=(
        HomeReadings("weight", "2025-11-01", "2025-12-10", 1, (7,)),
        HomeReadings("weight", "2025-12-19", "2026-10-30", 1, (7,)),
    ),
    operations=(Operation(t.CORONARY_INTERVENTION, "2021-09-20"),),
)

KIDNEY_DISEASE = Person(
    number=1003,
    name=Name("Παπαδοπούλου", ("Ελένη",), "Ελένη Παπαδοπούλου", "Eleni Papadopoulou"),
    note="Chronic kidney disease: eGFR falling from 58 to 24 over seven years, with anemia",
    born=date(1948, 12, 5),
    gender="female",
    practitioner=SPECIALIST,
    language=("el", "Greek"),
    smoking=NEVER_SMOKER,
    everyday_seed=3,
    trends=_but(
        weight=Trend({"2019-10-01": 71, "2026-10-01": 66}, 0.5),
        height=steady(158.0, 0),
        systolic=Trend({"2019-10-01": 151, "2021-01-01": 138, "2026-10-01": 134}, 5),
        diastolic=Trend({"2019-10-01": 88, "2026-10-01": 74}, 3),
        creatinine=Trend(
            {"2019-10-01": 1.02, "2022-01-01": 1.23, "2024-06-01": 1.6, "2026-10-01": 2.07}, 0.03
        ),
        urea=Trend({"2019-10-01": 22, "2026-10-01": 51}, 2),
        potassium=Trend({"2019-10-01": 4.5, "2025-06-01": 5.4, "2026-10-01": 5.0}, 0.15),
        phosphate=Trend({"2019-10-01": 3.6, "2026-10-01": 4.9}, 0.2),
        calcium=Trend({"2019-10-01": 9.4, "2026-10-01": 8.8}, 0.1),
        hemoglobin=Trend({"2019-10-01": 12.6, "2024-08-01": 9.4, "2025-06-01": 10.9}, 0.2),
        ferritin=Trend({"2019-10-01": 88, "2026-10-01": 164}, 12),
        urine_albumin=Trend({"2019-10-01": 180, "2024-06-01": 540, "2026-10-01": 430}, 25),
    ),
    visits=(
        Visits(
            t.FOLLOW_UP,
            "2019-10-14",
            91,
            reason=t.CKD_3,
            vitals=VITALS,
            labs=(*KIDNEYS, "calcium", "phosphate", *BLOOD_COUNT, "urine_albumin"),
        ),
        Visits(t.CHECK_UP, "2020-04-06", 364, vitals=PRESSURE, labs=("ferritin", *LIPIDS)),
    ),
    problems=(
        Problem(t.CKD_3, "2019-10-14", "2025-01-20"),
        Problem(t.CKD_4, "2025-01-20"),
        Problem(t.ANEMIA, "2024-08-05"),
        Problem(t.HYPERTENSION, "2004-02-02"),
    ),
    prescriptions=(
        Prescription(
            t.LOSARTAN, "2019-10-14", "1 tablet by mouth once a day", None, t.HYPERTENSION
        ),
        Prescription(
            t.HYDROCHLOROTHIAZIDE,
            "2012-06-01",
            "1 tablet by mouth every morning",
            "2023-07-10",
            t.HYPERTENSION,
        ),
        Prescription(
            t.AMLODIPINE, "2020-10-12", "1 tablet by mouth once a day", None, t.HYPERTENSION
        ),
        Prescription(t.EPOETIN, "2024-08-12", "1 mL under the skin once a week", None, t.ANEMIA),
        Prescription(t.ATORVASTATIN_20, "2020-04-06", "1 tablet by mouth at bedtime"),
    ),
    allergies=(Allergy(t.SHELLFISH_ALLERGY, "food", "1971-07-20", t.HIVES, "moderate"),),
)

NEW_MOTHER = Person(
    number=1004,
    name=Name("العلوي", ("فاطمة", "الزهراء"), "فاطمة الزهراء العلوي", "Fatima Alaoui"),
    note="Gave birth after gestational diabetes; acts for her child, too",
    born=date(1992, 5, 17),
    gender="female",
    practitioner=FAMILY_DOCTOR,
    language=("ar", "Arabic"),
    smoking=NEVER_SMOKER,
    everyday_seed=4,
    trends=_but(
        weight=Trend(
            {
                "2021-01-01": 62,
                "2026-01-15": 64,
                "2026-10-01": 77.5,
                "2026-10-10": 71,
                "2026-10-28": 69.5,
            },
            0.3,
        ),
        height=steady(166.0, 0),
        systolic=Trend(
            {"2021-01-01": 112, "2026-08-01": 116, "2026-10-05": 128, "2026-10-28": 118}, 3
        ),
        diastolic=Trend({"2021-01-01": 70, "2026-10-05": 82, "2026-10-28": 74}, 3),
        pulse=Trend({"2021-01-01": 70, "2026-09-01": 86, "2026-10-28": 74}, 3),
        glucose=Trend({"2021-01-01": 84, "2026-06-20": 118, "2026-07-20": 96, "2026-10-28": 88}, 3),
        home_glucose=Trend({"2026-06-26": 112, "2026-07-20": 96, "2026-10-08": 90}, 5),
        hba1c=steady(5.4, 0.1),
        hemoglobin=Trend(
            {
                "2021-01-01": 13.2,
                "2026-02-01": 12.6,
                "2026-07-01": 10.8,
                "2026-10-11": 9.8,
                "2026-10-28": 10.7,
            },
            0.1,
        ),
        ferritin=Trend({"2021-01-01": 42, "2026-07-01": 11, "2026-10-28": 19}, 1),
    ),
    visits=(
        Visits(
            t.CHECK_UP,
            "2021-03-15",
            364,
            until="2025-12-01",
            vitals=VITALS,
            labs=(*BLOOD_COUNT, "glucose"),
        ),
        Visits(
            t.PRENATAL,
            "2026-02-23",
            28,
            until="2026-08-30",
            reason=t.PREGNANCY,
            vitals=(*PRESSURE, "pulse", "height", "weight"),
            labs=("hemoglobin", "glucose"),
        ),
        Visits(
            t.PRENATAL,
            "2026-09-07",
            7,
            until="2026-10-05",
            reason=t.PREGNANCY,
            vitals=(*PRESSURE, "pulse", "weight"),
            labs=("glucose",),
        ),
        Visits(
            t.HOSPITAL,
            "2026-10-09",
            reason=t.PREGNANCY,
            vitals=(*PRESSURE, "pulse", "temperature"),
            labs=(*BLOOD_COUNT, "glucose"),
            setting="IMP",
            nights=2,
        ),
        Visits(t.POSTNATAL, "2026-10-28", vitals=VITALS, labs=(*BLOOD_COUNT, "ferritin", "hba1c")),
    ),
    problems=(
        Problem(t.PREGNANCY, "2026-02-23", "2026-10-09"),
        Problem(t.GESTATIONAL_DIABETES, "2026-06-22", "2026-10-09"),
        Problem(t.IRON_DEFICIENCY, "2026-07-14"),
    ),
    prescriptions=(
        Prescription(
            t.FERROUS_SULFATE,
            "2026-07-14",
            "1 tablet by mouth every other day, with orange juice",
            None,
            t.IRON_DEFICIENCY,
        ),
        Prescription(
            t.ACETAMINOPHEN,
            "2026-10-11",
            "1 to 2 tablets by mouth every 6 hours",
            None,
            as_needed=True,
        ),
    ),
    home=(HomeReadings("home_glucose", "2026-06-26", "2026-10-08", 1, (7,)),),
    operations=(Operation(t.DELIVERY, "2026-10-09"),),
)

NEWBORN = Person(
    number=1005,
    name=Name("العلوي", ("نور",), "نور العلوي", "Nour Alaoui"),
    note="A birth and the first weeks: jaundice that passed, weight regained; mother is proxy",
    born=date(2026, 10, 9),
    gender="male",
    practitioner=PEDIATRICIAN,
    language=("ar", "Arabic"),
    everyday_seed=5,
    trends={
        "pulse": steady(138, 6),
        "breathing": steady(42, 3),
        "temperature": steady(36.9, 0.2),
        "oxygen": steady(98, 0.6),
        "weight": Trend(
            {"2026-10-09": 3.46, "2026-10-12": 3.2, "2026-10-20": 3.5, "2026-10-30": 3.9}
        ),
        "height": Trend({"2026-10-09": 50.5, "2026-10-30": 52.4}),
        "head": Trend({"2026-10-09": 34.6, "2026-10-30": 35.9}),
        "bilirubin": Trend(
            {
                "2026-10-10": 7.2,
                "2026-10-12": 14.1,
                "2026-10-14": 12.6,
                "2026-10-19": 8.0,
                "2026-10-23": 3.4,
            }
        ),
    },
    visits=(
        Visits(t.HOSPITAL, "2026-10-09", vitals=INFANT_VITALS, setting="IMP", nights=2),
        Visits(
            t.CHECK_UP,
            "2026-10-12",
            2,
            until="2026-10-14",
            reason=t.NEONATAL_JAUNDICE,
            vitals=("temperature", "weight"),
            labs=("bilirubin",),
        ),
        Visits(
            t.HOME_VISIT,
            "2026-10-19",
            4,
            until="2026-10-23",
            reason=t.NEONATAL_JAUNDICE,
            vitals=("temperature", "weight"),
            labs=("bilirubin",),
            setting="HH",
        ),
        Visits(t.CHECK_UP, "2026-10-30", vitals=INFANT_VITALS),
    ),
    problems=(Problem(t.NEONATAL_JAUNDICE, "2026-10-12", "2026-10-23"),),
    guardians=(
        Guardian(
            Name("العلوي", ("فاطمة", "الزهراء"), "فاطمة الزهراء العلوي", "Fatima Alaoui"),
            "mother",
            "female",
            "a-1.E-1004",
        ),
    ),
)

ASTHMA_CHILD = Person(
    number=1006,
    name=Name("王", ("小明",), "王小明", "Xiaoming Wang"),
    note="Asthma since the age of four: growth curves, flare-ups in autumn, inhalers",
    born=date(2017, 2, 11),
    gender="male",
    practitioner=PEDIATRICIAN,
    language=("zh", "Chinese"),
    everyday_seed=6,
    height_percentile=0.62,
    weight_percentile=0.48,
    trends={
        "pulse": Trend({"2017-02-11": 132, "2019-02-11": 108, "2026-10-01": 86}, 4),
        "breathing": Trend({"2017-02-11": 38, "2019-02-11": 26, "2026-10-01": 19}, 1),
        "temperature": steady(36.8, 0.2),
        "oxygen": Trend(
            {
                "2017-02-11": 98,
                "2021-10-05": 91,
                "2021-12-01": 98,
                "2023-09-15": 98,
                "2023-10-04": 92,
                "2023-11-01": 98,
            },
            0.4,
        ),
        "systolic": Trend({"2020-02-11": 92, "2026-10-01": 102}, 3),
        "diastolic": Trend({"2020-02-11": 54, "2026-10-01": 62}, 3),
        "hemoglobin": steady(12.7, 0.2),
        "leukocytes": steady(7.4, 0.6),
        "platelets": steady(288, 20),
    },
    visits=(
        Visits(t.CHECK_UP, "2017-02-15", 61, until="2018-02-28", vitals=INFANT_VITALS),
        Visits(t.CHECK_UP, "2018-05-14", 182, until="2020-02-01", vitals=CHILD_VITALS),
        Visits(t.CHECK_UP, "2020-02-12", 364, vitals=(*PRESSURE, *CHILD_VITALS)),
        Visits(
            t.EMERGENCY,
            "2021-10-05",
            reason=t.CHILDHOOD_ASTHMA,
            setting="EMER",
            vitals=("pulse", "breathing", "oxygen", "temperature"),
            labs=BLOOD_COUNT,
        ),
        Visits(t.FOLLOW_UP, "2021-11-02", 121, reason=t.CHILDHOOD_ASTHMA, vitals=CHILD_VITALS),
        Visits(
            t.EMERGENCY,
            "2023-10-04",
            reason=t.CHILDHOOD_ASTHMA,
            setting="EMER",
            vitals=("pulse", "breathing", "oxygen", "temperature"),
            labs=BLOOD_COUNT,
        ),
    ),
    problems=(
        Problem(t.CHILDHOOD_ASTHMA, "2021-10-05"),
        Problem(t.ATOPIC_DERMATITIS, "2017-08-20", "2020-03-01"),
        Problem(t.HAY_FEVER, "2022-04-14"),
    ),
    prescriptions=(
        Prescription(
            t.ALBUTEROL,
            "2021-10-05",
            "2 puffs with a spacer every 4 hours when wheezing",
            None,
            t.CHILDHOOD_ASTHMA,
            as_needed=True,
        ),
        Prescription(
            t.FLUTICASONE,
            "2021-11-02",
            "2 puffs with a spacer twice a day",
            None,
            t.CHILDHOOD_ASTHMA,
        ),
        Prescription(
            t.CETIRIZINE,
            "2022-04-14",
            "Half a tablet by mouth at bedtime in spring",
            "2025-06-30",
            t.HAY_FEVER,
        ),
    ),
    allergies=(Allergy(t.PEANUT_ALLERGY, "food", "2018-06-09", t.ANAPHYLAXIS, "severe", "high"),),
    guardians=(Guardian(Name("李", ("丽",), "李丽", "Li Li"), "mother", "female"),),
)

CANCER_SURVIVOR = Person(
    number=1007,
    name=Name("山田", ("花子",), "山田 花子", "Hanako Yamada", "やまだ はなこ"),
    note="Breast cancer five years ago: treatment, tumor marker, blood counts that recovered",
    born=date(1971, 9, 30),
    gender="female",
    practitioner=SPECIALIST,
    language=("ja", "Japanese"),
    smoking=NEVER_SMOKER,
    everyday_seed=7,
    trends=_but(
        weight=Trend({"2020-01-01": 54, "2021-11-01": 49, "2023-06-01": 53.5}, 0.4),
        height=steady(157.0, 0),
        ca153=Trend({"2020-01-01": 18, "2021-05-17": 61, "2021-12-01": 24, "2026-10-01": 16}, 1.2),
        leukocytes=Trend(
            {
                "2020-01-01": 6.1,
                "2021-06-10": 5.9,
                "2021-09-01": 2.3,
                "2021-11-01": 2.6,
                "2022-04-01": 4.9,
                "2026-10-01": 5.6,
            },
            0.2,
        ),
        hemoglobin=Trend(
            {"2020-01-01": 13.2, "2021-06-10": 12.9, "2021-10-01": 9.7, "2022-06-01": 12.4}, 0.2
        ),
        platelets=Trend(
            {"2020-01-01": 238, "2021-06-10": 240, "2021-09-15": 112, "2022-04-01": 221}, 8
        ),
        ldl=Trend({"2020-01-01": 118, "2026-10-01": 134}, 5),
        calcium=steady(9.4, 0.1),
    ),
    visits=(
        Visits(t.CHECK_UP, "2020-02-03", 364, vitals=VITALS, labs=(*BLOOD_COUNT, *LIPIDS, "tsh")),
        Visits(
            t.HOSPITAL,
            "2021-05-31",
            reason=t.BREAST_CANCER,
            vitals=VITALS,
            labs=(*BLOOD_COUNT, "ca153", "alt", *KIDNEYS),
            setting="IMP",
            nights=3,
        ),
        Visits(
            t.FOLLOW_UP,
            "2021-06-28",
            21,
            until="2021-11-30",
            reason=t.BREAST_CANCER,
            vitals=(*PRESSURE, "pulse", "temperature", "weight"),
            labs=(*BLOOD_COUNT, "alt", "creatinine"),
        ),
        Visits(
            t.FOLLOW_UP,
            "2022-01-10",
            91,
            reason=t.BREAST_CANCER,
            vitals=VITALS,
            labs=(*BLOOD_COUNT, "ca153", "alt", "calcium"),
        ),
    ),
    problems=(
        Problem(t.BREAST_CANCER, "2021-05-17", "2022-01-10", status="remission"),
        Problem(t.ANEMIA, "2021-09-06", "2022-06-13"),
        Problem(t.HAY_FEVER, "1985-04-01", status="inactive"),
    ),
    prescriptions=(
        Prescription(
            t.TAMOXIFEN,
            "2022-01-10",
            "2 tablets by mouth once a day",
            "2024-10-07",
            t.BREAST_CANCER,
        ),
        Prescription(
            t.LETROZOLE, "2024-10-07", "1 tablet by mouth once a day", None, t.BREAST_CANCER
        ),
    ),
    allergies=(Allergy(t.FISH_ALLERGY, "food", "1994-11-02", t.NAUSEA),),
    operations=(Operation(t.LUMPECTOMY, "2021-06-01"), Operation(t.COLONOSCOPY, "2024-11-18")),
)

THYROID_AND_MIGRAINE = Person(
    number=1008,
    name=Name("शर्मा", ("दिव्या",), "दिव्या शर्मा", "Divya Sharma"),
    note="Hypothyroidism found late: TSH from 18 to 2; migraine and iron deficiency",
    born=date(1988, 1, 23),
    gender="female",
    practitioner=FAMILY_DOCTOR,
    language=("hi", "Hindi"),
    smoking=NEVER_SMOKER,
    everyday_seed=8,
    trends=_but(
        weight=Trend({"2020-01-01": 61, "2022-09-01": 70, "2024-01-01": 63}, 0.4),
        height=steady(160.0, 0),
        pulse=Trend({"2020-01-01": 68, "2022-09-01": 56, "2023-06-01": 70}, 3),
        tsh=Trend(
            {"2020-01-01": 4.4, "2022-09-12": 18.2, "2023-03-01": 6.1, "2023-09-01": 2.4}, 0.2
        ),
        free_t4=Trend({"2020-01-01": 1.0, "2022-09-12": 0.52, "2023-06-01": 1.2}, 0.04),
        hemoglobin=Trend({"2020-01-01": 12.4, "2022-09-12": 10.6, "2023-09-01": 12.8}, 0.2),
        ferritin=Trend({"2020-01-01": 24, "2022-09-12": 6, "2023-09-01": 41}, 2),
    ),
    visits=(
        Visits(
            t.CHECK_UP,
            "2020-03-09",
            364,
            until="2022-04-01",
            vitals=VITALS,
            labs=(*BLOOD_COUNT, "tsh"),
        ),
        Visits(
            t.SYMPTOM,
            "2022-09-12",
            vitals=VITALS,
            labs=("tsh", "free_t4", "ferritin", *BLOOD_COUNT, "glucose"),
        ),
        Visits(
            t.FOLLOW_UP,
            "2022-10-24",
            63,
            until="2023-12-01",
            reason=t.HYPOTHYROIDISM,
            vitals=(*PRESSURE, "pulse", "weight"),
            labs=("tsh", "free_t4", "hemoglobin", "ferritin"),
        ),
        Visits(
            t.FOLLOW_UP,
            "2024-03-04",
            182,
            reason=t.HYPOTHYROIDISM,
            vitals=VITALS,
            labs=("tsh", "free_t4", *BLOOD_COUNT),
        ),
    ),
    problems=(
        Problem(t.HYPOTHYROIDISM, "2022-09-14"),
        Problem(t.IRON_DEFICIENCY, "2022-09-14", "2023-09-11"),
        Problem(t.MIGRAINE, "2006-10-01"),
    ),
    prescriptions=(
        Prescription(
            t.LEVOTHYROXINE,
            "2022-09-14",
            "1 tablet by mouth every morning, half an hour before breakfast",
            None,
            t.HYPOTHYROIDISM,
        ),
        Prescription(
            t.FERROUS_SULFATE,
            "2022-09-14",
            "1 tablet by mouth every other day",
            "2023-09-11",
            t.IRON_DEFICIENCY,
        ),
        Prescription(
            t.SUMATRIPTAN,
            "2019-05-06",
            "1 tablet by mouth at the first sign of a migraine, at most 2 a day",
            None,
            t.MIGRAINE,
            as_needed=True,
        ),
    ),
)

GLUCOSE_DIARY = Person(
    number=1009,
    name=Name("김", ("민준",), "김민준", "Minjun Kim"),
    note="Type 1 diabetes and a very long chart: four glucose readings a day, over 2,000 results",
    born=date(1997, 6, 8),
    gender="male",
    practitioner=SPECIALIST,
    language=("ko", "Korean"),
    smoking=NEVER_SMOKER,
    everyday_seed=9,
    trends=_but(
        weight=Trend({"2019-01-01": 66, "2026-10-01": 71}, 0.5),
        height=steady(175.0, 0),
        hba1c=Trend(
            {"2019-01-01": 8.6, "2021-01-01": 7.7, "2023-01-01": 7.9, "2026-10-01": 6.9}, 0.15
        ),
        home_glucose=Trend({"2025-09-01": 168, "2026-10-30": 138}, 44),
        glucose=Trend({"2022-08-18": 152, "2022-08-19": 41, "2022-08-22": 148}, 6),
        urine_albumin=steady(12, 3),
    ),
    visits=(
        Visits(
            t.FOLLOW_UP,
            "2019-01-14",
            91,
            reason=t.DIABETES_1,
            vitals=VITALS,
            labs=("hba1c", "glucose", *KIDNEYS),
        ),
        Visits(
            t.CHECK_UP,
            "2019-07-08",
            364,
            vitals=PRESSURE,
            labs=(*LIPIDS, "urine_albumin", "tsh", *BLOOD_COUNT),
        ),
        Visits(
            t.EMERGENCY,
            "2022-08-19",
            reason=t.DIABETES_1,
            vitals=VITALS,
            setting="EMER",
            labs=("glucose", *KIDNEYS),
        ),
    ),
    problems=(Problem(t.DIABETES_1, "2008-11-03"),),
    prescriptions=(
        Prescription(
            t.INSULIN_GLARGINE,
            "2018-02-05",
            "22 units under the skin at bedtime",
            None,
            t.DIABETES_1,
        ),
        Prescription(
            t.INSULIN_LISPRO,
            "2018-02-05",
            "1 unit for every 9 g of carbohydrate under the skin before meals",
            None,
            t.DIABETES_1,
        ),
    ),
    home=(HomeReadings("home_glucose", "2025-10-01", "2026-10-30", 1, (7, 12, 18, 22)),),
)

VERY_OLD = Person(
    number=1010,
    name=Name("כהן", ("דוד",), "דוד כהן", "David Cohen"),
    note="Alzheimer's disease at a great age, cared for by his daughter; weight slowly falling",
    born=date(1933, 4, 2),
    gender="male",
    practitioner=FAMILY_DOCTOR,
    language=("he", "Hebrew"),
    smoking=FORMER_SMOKER,
    everyday_seed=24,
    trends=_but(
        weight=Trend({"2018-01-01": 78, "2022-01-01": 74, "2026-10-01": 64.5}, 0.4),
        height=Trend({"2018-01-01": 171, "2026-10-01": 168}),
        systolic=Trend({"2018-01-01": 146, "2026-10-01": 136}, 6),
        diastolic=steady(72, 4),
        oxygen=steady(96, 0.8),
        creatinine=Trend({"2018-01-01": 1.12, "2026-10-01": 1.34}, 0.04),
        hemoglobin=Trend({"2018-01-01": 13.4, "2026-10-01": 11.9}, 0.2),
    ),
    visits=(
        Visits(
            t.CHECK_UP,
            "2018-02-06",
            182,
            until="2024-12-01",
            vitals=VITALS,
            labs=(*KIDNEYS, *BLOOD_COUNT),
        ),
        Visits(
            t.HOME_VISIT,
            "2025-01-20",
            63,
            vitals=(*PRESSURE, "pulse", "oxygen", "weight"),
            reason=t.ALZHEIMER,
            labs=("creatinine", "egfr", "hemoglobin"),
            setting="HH",
        ),
    ),
    problems=(
        Problem(t.ALZHEIMER, "2021-06-08"),
        Problem(t.KNEE_OSTEOARTHRITIS, "2006-01-15"),
        Problem(t.HYPERTENSION, "1991-10-01"),
        Problem(t.CKD_3, "2022-09-05"),
    ),
    prescriptions=(
        Prescription(t.DONEPEZIL, "2021-06-08", "1 tablet by mouth at bedtime", None, t.ALZHEIMER),
        Prescription(
            t.AMLODIPINE, "2001-03-05", "1 tablet by mouth once a day", None, t.HYPERTENSION
        ),
        Prescription(
            t.ACETAMINOPHEN,
            "2012-05-01",
            "1 tablet by mouth every 6 hours, at most 4 a day",
            None,
            t.KNEE_OSTEOARTHRITIS,
            as_needed=True,
        ),
        Prescription(
            t.HYDROCHLOROTHIAZIDE,
            "1995-01-09",
            "1 tablet by mouth every morning",
            "2022-09-05",
            t.HYPERTENSION,
        ),
    ),
    guardians=(Guardian(Name("לוי", ("מרים",), "מרים לוי", "Miriam Levy"), "daughter", "female"),),
)

JOINTS_AND_MOOD = Person(
    number=1011,
    name=Name("Ødegård", ("Sam",), "Sam Ødegård"),
    note="Rheumatoid arthritis and depression, both better: CRP and PHQ-9 fall together",
    born=date(1994, 11, 19),
    gender="other",
    practitioner=FAMILY_DOCTOR,
    language=("nb", "Norwegian Bokmål"),
    smoking=NEVER_SMOKER,
    everyday_seed=11,
    trends=_but(
        weight=Trend({"2021-01-01": 68, "2022-06-01": 74, "2026-10-01": 70}, 0.5),
        height=steady(172.0, 0),
        crp=Trend({"2021-01-01": 3, "2021-10-04": 42, "2022-06-01": 14, "2023-06-01": 4}, 0.8),
        phq9=Trend({"2021-10-04": 17, "2022-06-01": 11, "2023-06-01": 5, "2026-10-01": 3}, 0.8),
    ),
    visits=(
        Visits(t.SYMPTOM, "2021-10-04", vitals=VITALS, labs=("crp", "alt", *BLOOD_COUNT, "phq9")),
        Visits(
            t.FOLLOW_UP,
            "2021-11-15",
            84,
            reason=t.RHEUMATOID_ARTHRITIS,
            vitals=VITALS,
            labs=("crp", "alt", *BLOOD_COUNT, "creatinine", "phq9"),
        ),
    ),
    problems=(
        Problem(t.RHEUMATOID_ARTHRITIS, "2021-10-18"),
        Problem(t.DEPRESSION, "2021-10-04", "2024-02-19", status="remission"),
        Problem(t.REFLUX, "2022-02-07"),
    ),
    prescriptions=(
        Prescription(
            t.METHOTREXATE,
            "2021-10-18",
            "6 tablets by mouth once a WEEK, on Mondays",
            None,
            t.RHEUMATOID_ARTHRITIS,
        ),
        Prescription(
            t.HYDROXYCHLOROQUINE,
            "2022-02-07",
            "1 tablet by mouth twice a day",
            None,
            t.RHEUMATOID_ARTHRITIS,
        ),
        Prescription(
            t.PREDNISONE,
            "2021-10-18",
            "2 tablets by mouth every morning, then less",
            "2022-03-01",
            t.RHEUMATOID_ARTHRITIS,
        ),
        Prescription(
            t.SERTRALINE, "2021-10-11", "1 tablet by mouth once a day", "2024-08-05", t.DEPRESSION
        ),
        Prescription(
            t.OMEPRAZOLE, "2022-02-07", "1 capsule by mouth before breakfast", None, t.REFLUX
        ),
    ),
)

MANY_ALLERGIES = Person(
    number=1012,
    name=Name("O’Connor-Nguyễn", ("Thảo", "Siobhán"), "Thảo Siobhán O’Connor-Nguyễn"),
    note="Many allergies, two of them dangerous; sex recorded as unknown",
    born=date(2001, 7, 27),
    gender="unknown",
    practitioner=FAMILY_DOCTOR,
    language=("vi", "Vietnamese"),
    smoking=NEVER_SMOKER,
    everyday_seed=12,
    trends=_but(weight=Trend({"2021-01-01": 55, "2026-10-01": 57}, 0.4), height=steady(163.0, 0)),
    visits=(
        Visits(
            t.CHECK_UP, "2021-08-16", 364, vitals=VITALS, labs=(*BLOOD_COUNT, "glucose", *LIPIDS)
        ),
        Visits(
            t.EMERGENCY,
            "2023-05-12",
            reason=t.ANAPHYLAXIS,
            vitals=(*PRESSURE, "pulse", "oxygen"),
            setting="EMER",
        ),
    ),
    problems=(
        Problem(t.HAY_FEVER, "2012-05-02"),
        Problem(t.CHILDHOOD_ASTHMA, "2007-10-09", "2019-01-01"),
        Problem(t.REFLUX, "2024-08-12", verification="provisional"),
    ),
    prescriptions=(
        Prescription(
            t.EPINEPHRINE,
            "2023-05-12",
            "1 injection into the outer thigh in anaphylaxis, then call 911",
            None,
            t.ANAPHYLAXIS,
            as_needed=True,
        ),
        Prescription(t.CETIRIZINE, "2021-08-16", "1 tablet by mouth once a day", None, t.HAY_FEVER),
    ),
    allergies=(
        Allergy(t.PEANUT_ALLERGY, "food", "2004-02-10", t.ANAPHYLAXIS, "severe", "high"),
        Allergy(t.PENICILLIN_ALLERGY, "medication", "2009-11-23", t.ANAPHYLAXIS, "severe", "high"),
        Allergy(t.SHELLFISH_ALLERGY, "food", "2016-08-14", t.HIVES, "moderate"),
        Allergy(t.FISH_ALLERGY, "food", "2016-08-14", t.NAUSEA),
    ),
)

JUST_ARRIVED = Person(
    number=1013,
    name=Name("Adébáyọ̀", ("Ngozi",), "Ngozi Adébáyọ̀"),
    note="An empty chart: a name and a date of birth, nothing else",
    born=date(1999, 12, 31),
    gender=None,
)

DECEASED = Person(
    number=1014,
    name=Name("Großmann", ("Jürgen",), "Jürgen Großmann"),
    note="Died in March 2026 after years of chronic lung disease",
    born=date(1940, 1, 9),
    gender="male",
    practitioner=SPECIALIST,
    died="2026-03-18",
    language=("de", "German"),
    smoking=FORMER_SMOKER,
    everyday_seed=22,
    trends=_but(
        weight=Trend({"2018-01-01": 76, "2024-01-01": 66, "2026-03-01": 54}, 0.4),
        height=steady(176.0, 0),
        oxygen=Trend({"2018-01-01": 94, "2024-01-01": 91, "2026-03-10": 85}, 0.8),
        breathing=Trend({"2018-01-01": 18, "2026-03-10": 28}, 1),
        pulse=Trend({"2018-01-01": 80, "2026-03-10": 104}, 4),
        crp=Trend({"2018-01-01": 4, "2025-12-01": 9, "2026-03-10": 86}, 2),
    ),
    visits=(
        Visits(
            t.FOLLOW_UP,
            "2018-03-05",
            121,
            until="2026-02-20",
            reason=t.COPD,
            vitals=VITALS,
            labs=(*BLOOD_COUNT, "crp"),
        ),
        Visits(
            t.HOSPITAL,
            "2026-03-09",
            reason=t.COPD,
            vitals=VITALS,
            setting="IMP",
            nights=8,
            labs=(*BLOOD_COUNT, *KIDNEYS, "crp"),
        ),
    ),
    problems=(Problem(t.COPD, "2008-05-19"), Problem(t.HYPERTENSION, "2001-11-05")),
    prescriptions=(
        Prescription(
            t.FLUTICASONE_SALMETEROL, "2014-02-03", "1 breath twice a day", "2026-03-18", t.COPD
        ),
        Prescription(
            t.ALBUTEROL,
            "2008-05-19",
            "2 puffs every 4 hours when short of breath",
            "2026-03-18",
            t.COPD,
            as_needed=True,
        ),
        Prescription(
            t.AMLODIPINE, "2001-11-05", "1 tablet by mouth once a day", "2026-03-18", t.HYPERTENSION
        ),
    ),
)

LOSING_WEIGHT = Person(
    number=1015,
    name=Name("ใจดี", ("สมชาย",), "สมชาย ใจดี", "Somchai Jaidee"),
    note="Obesity, prediabetes and sleep apnea: 21 kg lost in two years, pressure back to normal",
    born=date(1975, 10, 3),
    gender="male",
    practitioner=FAMILY_DOCTOR,
    language=("th", "Thai"),
    smoking=NEVER_SMOKER,
    everyday_seed=15,
    trends=_but(
        weight=Trend(
            {"2020-06-01": 104, "2024-08-01": 112, "2025-08-01": 98, "2026-10-01": 91}, 0.5
        ),
        height=steady(174.0, 0),
        systolic=Trend({"2020-06-01": 136, "2024-08-01": 149, "2026-10-01": 121}, 4),
        diastolic=Trend({"2020-06-01": 86, "2024-08-01": 94, "2026-10-01": 76}, 3),
        hba1c=Trend({"2020-06-01": 5.8, "2024-08-01": 6.3, "2026-10-01": 5.5}, 0.06),
        glucose=Trend({"2020-06-01": 104, "2024-08-01": 119, "2026-10-01": 93}, 4),
        triglycerides=Trend({"2020-06-01": 190, "2024-08-01": 231, "2026-10-01": 124}, 11),
        hdl=Trend({"2020-06-01": 37, "2026-10-01": 46}, 1.5),
        alt=Trend({"2020-06-01": 58, "2024-08-01": 74, "2026-10-01": 31}, 4),
    ),
    visits=(
        Visits(
            t.CHECK_UP,
            "2020-06-15",
            364,
            until="2024-07-01",
            vitals=VITALS,
            labs=("hba1c", "glucose", *LIPIDS, "alt", *KIDNEYS),
        ),
        Visits(
            t.FOLLOW_UP,
            "2024-08-12",
            84,
            reason=t.OBESITY,
            vitals=VITALS,
            labs=("hba1c", "glucose", *LIPIDS, "alt"),
        ),
    ),
    problems=(
        Problem(t.OBESITY, "2016-04-11"),
        Problem(t.PREDIABETES, "2020-06-17", "2026-06-15"),
        Problem(t.SLEEP_APNEA, "2023-01-30"),
        Problem(t.HYPERTENSION, "2024-08-12"),
    ),
    prescriptions=(
        Prescription(
            t.LIRAGLUTIDE, "2024-08-12", "3 mg under the skin once a day", None, t.OBESITY
        ),
        Prescription(
            t.LISINOPRIL_10,
            "2024-08-12",
            "1 tablet by mouth once a day",
            "2026-04-20",
            t.HYPERTENSION,
        ),
    ),
    allergies=(Allergy(t.SHELLFISH_ALLERGY, "food", "1990-03-03", t.WHEEZING, "moderate", "high"),),
)

CAST = (
    DIABETES_AND_PRESSURE,
    HEART_FAILURE,
    KIDNEY_DISEASE,
    NEW_MOTHER,
    NEWBORN,
    ASTHMA_CHILD,
    CANCER_SURVIVOR,
    THYROID_AND_MIGRAINE,
    GLUCOSE_DIARY,
    VERY_OLD,
    JOINTS_AND_MOOD,
    MANY_ALLERGIES,
    JUST_ARRIVED,
    DECEASED,
    LOSING_WEIGHT,
)
