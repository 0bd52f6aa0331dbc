"""Names of vital signs, habits and pregnancy by LOINC code (LOINC 2.80), for servers that send no
words with it. The names of laboratory tests are in `panels.py`, those of notes in `documents.py`.
"""

# Vital signs beside those of `kinds.py`, and what is measured with them.
VITAL_SIGNS = {
    "8478-0": "Mean blood pressure",
    "60985-9": "Central venous pressure",
    "9269-2": "Glasgow Coma Scale, total",
    "9267-6": "Glasgow Coma Scale, eyes",
    "9270-0": "Glasgow Coma Scale, verbal",
    "9268-4": "Glasgow Coma Scale, motor",
    "67775-7": "Level of responsiveness",
    "80288-4": "Level of consciousness",
    "3151-8": "Inhaled oxygen flow rate",
    "3150-0": "Inhaled oxygen concentration",
    "19935-6": "Peak expiratory flow",
    "8339-4": "Birth weight",
    "8280-0": "Waist circumference",
    "59576-9": "Body mass index percentile",
    "77606-2": "Weight for length percentile",
    "8289-1": "Head circumference percentile",
    "11881-0": "Fundal height",
    "55283-6": "Fetal heart rate",
}
# Pregnancy, smoking, alcohol, work, wishes for care.
HABITS = {
    "8665-2": "Last menstrual period",
    "82810-3": "Pregnancy status",
    "11778-8": "Estimated delivery date",
    "11779-6": "Estimated delivery date, from the last menstrual period",
    "11780-4": "Estimated delivery date, from ovulation",
    "63895-7": "Breastfeeding status",
    "11996-6": "Pregnancies",
    "11977-6": "Births",
    "86645-9": "Pregnancy intention, next year",
    "72166-2": "Tobacco smoking status",
    "39240-7": "Tobacco use status",
    "11367-0": "History of tobacco use",
    "88031-0": "Smokeless tobacco status",
    "11331-6": "History of alcohol use",
    "74013-4": "Alcoholic drinks per day",
    "68518-0": "How often a drink with alcohol",
    "11341-5": "History of occupation",
    "86188-0": "History of occupation industry",
    "95541-9": "Wishes for the experience of care",
    "75773-2": "Wishes for treatment",
}
NAMES = VITAL_SIGNS | HABITS
