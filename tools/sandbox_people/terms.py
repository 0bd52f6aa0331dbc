"""The coded terms of the charts: LOINC, SNOMED CT, ICD-10-CM, RxNorm, CVX; units in UCUM."""

from dataclasses import dataclass

LOINC = "http://loinc.org"
SNOMED = "http://snomed.info/sct"
ICD10 = "http://hl7.org/fhir/sid/icd-10-cm"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
CVX = "http://hl7.org/fhir/sid/cvx"
UCUM = "http://unitsofmeasure.org"


@dataclass(frozen=True, slots=True)
class Measure:
    """A measurement, with the range of ordinary results of adults."""

    loinc: str
    display: str
    unit: str
    ucum: str
    decimals: int
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Diagnosis:
    snomed: str
    display: str
    icd10: str | None = None


@dataclass(frozen=True, slots=True)
class Drug:
    rxnorm: str
    display: str


VITAL_SIGNS = {
    "systolic": Measure("8480-6", "Systolic blood pressure", "mmHg", "mm[Hg]", 0),
    "diastolic": Measure("8462-4", "Diastolic blood pressure", "mmHg", "mm[Hg]", 0),
    "pulse": Measure("8867-4", "Heart rate", "beats/minute", "/min", 0, 60, 100),
    "breathing": Measure("9279-1", "Respiratory rate", "breaths/minute", "/min", 0, 12, 20),
    "temperature": Measure("8310-5", "Body temperature", "°C", "Cel", 1, 36.1, 37.8),
    "oxygen": Measure(
        "59408-5", "Oxygen saturation in Arterial blood by Pulse oximetry", "%", "%", 0, 95, 100
    ),
    "height": Measure("8302-2", "Body height", "cm", "cm", 1),
    "weight": Measure("29463-7", "Body weight", "kg", "kg", 1),
    "bmi": Measure("39156-5", "Body mass index (BMI) [Ratio]", "kg/m2", "kg/m2", 1),
    "head": Measure("9843-4", "Head Occipital-frontal circumference", "cm", "cm", 1),
}

LABORATORY = {
    "hba1c": Measure("4548-4", "Hemoglobin A1c/Hemoglobin.total in Blood", "%", "%", 1, 4.0, 5.6),
    "glucose": Measure(
        "2345-7", "Glucose [Mass/volume] in Serum or Plasma", "mg/dL", "mg/dL", 0, 70, 99
    ),
    "home_glucose": Measure(
        "41653-7",
        "Glucose [Mass/volume] in Capillary blood by Glucometer",
        "mg/dL",
        "mg/dL",
        0,
        70,
        180,
    ),
    "creatinine": Measure(
        "2160-0", "Creatinine [Mass/volume] in Serum or Plasma", "mg/dL", "mg/dL", 2, 0.6, 1.2
    ),
    "egfr": Measure(
        "98979-8",
        "Glomerular filtration rate/1.73 sq M.predicted [Volume Rate/Area] in Serum, Plasma or "
        "Blood by Creatinine-based formula (CKD-EPI 2021)",
        "mL/min/1.73 m2",
        "mL/min/{1.73_m2}",
        0,
        60,
    ),
    "urea": Measure(
        "3094-0", "Urea nitrogen [Mass/volume] in Serum or Plasma", "mg/dL", "mg/dL", 0, 7, 20
    ),
    "sodium": Measure(
        "2951-2", "Sodium [Moles/volume] in Serum or Plasma", "mmol/L", "mmol/L", 0, 136, 145
    ),
    "potassium": Measure(
        "2823-3", "Potassium [Moles/volume] in Serum or Plasma", "mmol/L", "mmol/L", 1, 3.5, 5.1
    ),
    "calcium": Measure(
        "17861-6", "Calcium [Mass/volume] in Serum or Plasma", "mg/dL", "mg/dL", 1, 8.6, 10.3
    ),
    "phosphate": Measure(
        "2777-1", "Phosphate [Mass/volume] in Serum or Plasma", "mg/dL", "mg/dL", 1, 2.5, 4.5
    ),
    "urine_albumin": Measure(
        "9318-7", "Albumin/Creatinine [Mass Ratio] in Urine", "mg/g", "mg/g", 0, None, 30
    ),
    "cholesterol": Measure(
        "2093-3", "Cholesterol [Mass/volume] in Serum or Plasma", "mg/dL", "mg/dL", 0, None, 200
    ),
    "ldl": Measure(
        "13457-7",
        "Cholesterol in LDL [Mass/volume] in Serum or Plasma by calculation",
        "mg/dL",
        "mg/dL",
        0,
        None,
        130,
    ),
    "hdl": Measure(
        "2085-9", "Cholesterol in HDL [Mass/volume] in Serum or Plasma", "mg/dL", "mg/dL", 0, 40
    ),
    "triglycerides": Measure(
        "2571-8", "Triglyceride [Mass/volume] in Serum or Plasma", "mg/dL", "mg/dL", 0, None, 150
    ),
    "hemoglobin": Measure(
        "718-7", "Hemoglobin [Mass/volume] in Blood", "g/dL", "g/dL", 1, 12.0, 16.0
    ),
    "leukocytes": Measure(
        "6690-2",
        "Leukocytes [#/volume] in Blood by Automated count",
        "10*3/uL",
        "10*3/uL",
        1,
        4.0,
        11.0,
    ),
    "platelets": Measure(
        "777-3",
        "Platelets [#/volume] in Blood by Automated count",
        "10*3/uL",
        "10*3/uL",
        0,
        150,
        400,
    ),
    "ferritin": Measure(
        "2276-4", "Ferritin [Mass/volume] in Serum or Plasma", "ng/mL", "ng/mL", 0, 15, 200
    ),
    "tsh": Measure(
        "3016-3", "Thyrotropin [Units/volume] in Serum or Plasma", "mIU/L", "m[IU]/L", 2, 0.4, 4.5
    ),
    "free_t4": Measure(
        "3024-7",
        "Thyroxine (T4) free [Mass/volume] in Serum or Plasma",
        "ng/dL",
        "ng/dL",
        2,
        0.8,
        1.8,
    ),
    "alt": Measure(
        "1742-6",
        "Alanine aminotransferase [Enzymatic activity/volume] in Serum or Plasma",
        "U/L",
        "U/L",
        0,
        7,
        56,
    ),
    "bnp": Measure(
        "33762-6",
        "Natriuretic peptide.B prohormone N-Terminal [Mass/volume] in Serum or Plasma",
        "pg/mL",
        "pg/mL",
        0,
        None,
        300,
    ),
    "ca153": Measure(
        "6875-9", "Cancer Ag 15-3 [Units/volume] in Serum or Plasma", "U/mL", "U/mL", 1, None, 30
    ),
    "bilirubin": Measure(
        "1975-2", "Bilirubin.total [Mass/volume] in Serum or Plasma", "mg/dL", "mg/dL", 1, None, 12
    ),
    "crp": Measure(
        "1988-5", "C reactive protein [Mass/volume] in Serum or Plasma", "mg/L", "mg/L", 1, None, 5
    ),
}

SURVEYS = {
    "phq9": Measure(
        "44261-6",
        "Patient Health Questionnaire 9 item (PHQ-9) total score [Reported]",
        "{score}",
        "{score}",
        0,
        None,
        4,
    ),
}

MEASURES = {**VITAL_SIGNS, **LABORATORY, **SURVEYS}

DIABETES_2 = Diagnosis("44054006", "Type 2 diabetes mellitus", "E11.9")
DIABETES_1 = Diagnosis("46635009", "Type 1 diabetes mellitus", "E10.9")
HYPERTENSION = Diagnosis("59621000", "Essential hypertension", "I10")
HYPERLIPIDEMIA = Diagnosis("55822004", "Hyperlipidemia", "E78.5")
HEART_FAILURE = Diagnosis("88805009", "Chronic congestive heart failure", "I50.9")
ATRIAL_FIBRILLATION = Diagnosis("49436004", "Atrial fibrillation", "I48.91")
INFARCTION = Diagnosis("22298006", "Myocardial infarction", "I21.9")
CKD_3 = Diagnosis("433144002", "Chronic kidney disease stage 3", "N18.30")
CKD_4 = Diagnosis("431857002", "Chronic kidney disease stage 4", "N18.4")
ANEMIA = Diagnosis("271737000", "Anemia", "D64.9")
IRON_DEFICIENCY = Diagnosis("87522002", "Iron deficiency anemia", "D50.9")
PREGNANCY = Diagnosis("72892002", "Normal pregnancy", "Z34.90")
GESTATIONAL_DIABETES = Diagnosis("11687002", "Gestational diabetes mellitus", "O24.419")
NEONATAL_JAUNDICE = Diagnosis("387712008", "Neonatal jaundice", "P59.9")
CHILDHOOD_ASTHMA = Diagnosis("233678006", "Childhood asthma", "J45.909")
ATOPIC_DERMATITIS = Diagnosis("24079001", "Atopic dermatitis", "L20.9")
HAY_FEVER = Diagnosis("367498001", "Seasonal allergic rhinitis", "J30.2")
BREAST_CANCER = Diagnosis("254837009", "Malignant neoplasm of breast", "C50.919")
HYPOTHYROIDISM = Diagnosis("40930008", "Hypothyroidism", "E03.9")
MIGRAINE = Diagnosis("37796009", "Migraine", "G43.909")
ALZHEIMER = Diagnosis("26929004", "Alzheimer's disease", "G30.9")
KNEE_OSTEOARTHRITIS = Diagnosis("239873007", "Osteoarthritis of knee", "M17.9")
DEPRESSION = Diagnosis("370143000", "Major depressive disorder", "F32.9")
RHEUMATOID_ARTHRITIS = Diagnosis("69896004", "Rheumatoid arthritis", "M06.9")
REFLUX = Diagnosis("235595009", "Gastroesophageal reflux disease", "K21.9")
PREDIABETES = Diagnosis("714628002", "Prediabetes", "R73.03")
OBESITY = Diagnosis("162864005", "Body mass index 30+ - obesity", "E66.9")
SLEEP_APNEA = Diagnosis("78275009", "Obstructive sleep apnea syndrome", "G47.33")
COPD = Diagnosis("13645005", "Chronic obstructive pulmonary disease", "J44.9")

METFORMIN = Drug("861007", "metformin hydrochloride 500 MG Oral Tablet")
METFORMIN_XR = Drug("860975", "24 HR metformin hydrochloride 500 MG Extended Release Oral Tablet")
EMPAGLIFLOZIN = Drug("1545658", "empagliflozin 10 MG Oral Tablet")
LIRAGLUTIDE = Drug("897122", "3 ML liraglutide 6 MG/ML Pen Injector")
INSULIN_GLARGINE = Drug("847230", "3 ML insulin glargine 100 UNT/ML Pen Injector")
INSULIN_LISPRO = Drug("865098", "insulin lispro 100 UNT/ML Injectable Solution [Humalog]")
LISINOPRIL_10 = Drug("314076", "lisinopril 10 MG Oral Tablet")
LISINOPRIL_20 = Drug("314077", "lisinopril 20 MG Oral Tablet")
LOSARTAN = Drug("979492", "losartan potassium 50 MG Oral Tablet")
AMLODIPINE = Drug("197361", "amlodipine 5 MG Oral Tablet")
HYDROCHLOROTHIAZIDE = Drug("310798", "hydrochlorothiazide 25 MG Oral Tablet")
ATORVASTATIN_20 = Drug("617310", "atorvastatin 20 MG Oral Tablet")
ATORVASTATIN_80 = Drug("259255", "atorvastatin 80 MG Oral Tablet")
CARVEDILOL = Drug("200032", "carvedilol 12.5 MG Oral Tablet")
FUROSEMIDE = Drug("313988", "furosemide 40 MG Oral Tablet")
SPIRONOLACTONE = Drug("313096", "spironolactone 25 MG Oral Tablet")
SACUBITRIL = Drug("1656351", "sacubitril 49 MG / valsartan 51 MG Oral Tablet [Entresto]")
APIXABAN = Drug("1364445", "apixaban 5 MG Oral Tablet")
ASPIRIN = Drug("243670", "aspirin 81 MG Oral Tablet")
EPOETIN = Drug("205923", "1 ML epoetin alfa 4000 UNT/ML Injection [Epogen]")
FERROUS_SULFATE = Drug("310325", "ferrous sulfate 325 MG Oral Tablet")
ALBUTEROL = Drug("745752", "200 ACTUAT albuterol 0.09 MG/ACTUAT Metered Dose Inhaler [ProAir]")
FLUTICASONE = Drug(
    "895996", "120 ACTUAT fluticasone propionate 0.044 MG/ACTUAT Metered Dose Inhaler [Flovent]"
)
FLUTICASONE_SALMETEROL = Drug(
    "896209",
    "60 ACTUAT fluticasone propionate 0.25 MG/ACTUAT / salmeterol 0.05 MG/ACTUAT "
    "Dry Powder Inhaler",
)
CETIRIZINE = Drug("1014678", "cetirizine hydrochloride 10 MG Oral Tablet")
TAMOXIFEN = Drug("198240", "tamoxifen 10 MG Oral Tablet")
LETROZOLE = Drug("200064", "letrozole 2.5 MG Oral Tablet")
LEVOTHYROXINE = Drug("966222", "levothyroxine sodium 0.075 MG Oral Tablet")
SUMATRIPTAN = Drug("313161", "sumatriptan 50 MG Oral Tablet")
DONEPEZIL = Drug("997223", "donepezil hydrochloride 10 MG Oral Tablet")
ACETAMINOPHEN = Drug("198440", "acetaminophen 500 MG Oral Tablet")
SERTRALINE = Drug("312938", "sertraline 100 MG Oral Tablet")
METHOTREXATE = Drug("105585", "methotrexate 2.5 MG Oral Tablet")
HYDROXYCHLOROQUINE = Drug("979092", "hydroxychloroquine sulfate 200 MG Oral Tablet")
PREDNISONE = Drug("312617", "prednisone 5 MG Oral Tablet")
OMEPRAZOLE = Drug("198051", "omeprazole 20 MG Delayed Release Oral Capsule")
EPINEPHRINE = Drug("1870230", "0.3 ML epinephrine 1 MG/ML Auto-Injector")

PENICILLIN_ALLERGY = Diagnosis("91936005", "Allergy to penicillin")
PEANUT_ALLERGY = Diagnosis("91935009", "Allergy to peanut")
FISH_ALLERGY = Diagnosis("417532002", "Allergy to fish")
SHELLFISH_ALLERGY = Diagnosis("300913006", "Allergy to shellfish")
HIVES = Diagnosis("126485001", "Urticaria")
ANAPHYLAXIS = Diagnosis("39579001", "Anaphylaxis")
WHEEZING = Diagnosis("56018004", "Wheezing")
NAUSEA = Diagnosis("422587007", "Nausea")

CHECK_UP = Diagnosis("185349003", "Encounter for check up")
FOLLOW_UP = Diagnosis("390906007", "Follow-up encounter")
SYMPTOM = Diagnosis("185345009", "Encounter for symptom")
EMERGENCY = Diagnosis("50849002", "Emergency room admission")
HOSPITAL = Diagnosis("32485007", "Hospital admission")
HOME_VISIT = Diagnosis("439708006", "Home visit")
PRENATAL = Diagnosis("424619006", "Prenatal visit")
POSTNATAL = Diagnosis("169762003", "Postnatal visit")

LUMPECTOMY = Diagnosis("392021009", "Lumpectomy of breast")
CORONARY_INTERVENTION = Diagnosis("415070008", "Percutaneous coronary intervention")
DELIVERY = Diagnosis("177184002", "Normal delivery procedure")
COLONOSCOPY = Diagnosis("73761001", "Colonoscopy")
