"""The names of languages (BCP 47), for servers that send only the code: "es", "zh-Hant-TW"."""

from smartapp.record.codes import codings, concept_text, concept_words

# ISO 639: those that hospitals need interpreters for most often, and some more.
_NAMES = {
    "am": "Amharic", "ar": "Arabic", "ase": "American Sign Language", "bg": "Bulgarian",
    "bn": "Bengali", "bs": "Bosnian", "ca": "Catalan", "cs": "Czech", "cy": "Welsh",
    "da": "Danish", "de": "German", "el": "Greek", "en": "English", "es": "Spanish",
    "et": "Estonian", "fa": "Persian", "fi": "Finnish", "fil": "Filipino", "fr": "French",
    "ga": "Irish", "gu": "Gujarati", "he": "Hebrew", "hi": "Hindi", "hmn": "Hmong",
    "hr": "Croatian", "ht": "Haitian Creole", "hu": "Hungarian", "hy": "Armenian",
    "id": "Indonesian", "is": "Icelandic", "it": "Italian", "ja": "Japanese", "km": "Khmer",
    "ko": "Korean", "ku": "Kurdish", "lo": "Lao", "lt": "Lithuanian", "lv": "Latvian",
    "ml": "Malayalam", "my": "Burmese", "nb": "Norwegian", "ne": "Nepali", "nl": "Dutch",
    "no": "Norwegian", "nv": "Navajo", "pa": "Punjabi", "pl": "Polish", "ps": "Pashto",
    "pt": "Portuguese", "ro": "Romanian", "ru": "Russian", "sk": "Slovak", "sl": "Slovenian",
    "so": "Somali", "sq": "Albanian", "sr": "Serbian", "sv": "Swedish", "sw": "Swahili",
    "ta": "Tamil", "te": "Telugu", "th": "Thai", "ti": "Tigrinya", "tl": "Tagalog",
    "tr": "Turkish", "uk": "Ukrainian", "ur": "Urdu", "vi": "Vietnamese", "yi": "Yiddish",
    "yue": "Cantonese", "zh": "Chinese",
    "sgn": "Sign language", "asf": "Auslan", "bfi": "British Sign Language",
    "fsl": "French Sign Language", "gsg": "German Sign Language", "dse": "Dutch Sign Language",
    "jsl": "Japanese Sign Language",
    # ISO 639-2, which older servers send.
    "ara": "Arabic", "chi": "Chinese", "eng": "English", "fre": "French", "ger": "German",
    "hin": "Hindi", "ita": "Italian", "jpn": "Japanese", "kor": "Korean", "pol": "Polish",
    "por": "Portuguese", "rus": "Russian", "som": "Somali", "spa": "Spanish", "vie": "Vietnamese",
}  # fmt: skip


def language_text(concept: object) -> str:
    """Return the record's words for a language, else its name, with a code that says more: the
    region or the script ("Chinese, zh-Hant-TW")."""
    if words := concept_words(concept):
        # "Ga" is spoken in Ghana, and the code "ga" is Irish.
        return words if words.istitle() else _named(words) or words
    for _, code in codings(concept):
        if name := _named(code):
            return name
    return concept_text(concept)


def _named(code: str) -> str:
    """Return the name for a code; "" for anything else."""
    subtag, _, rest = code.replace("_", "-").partition("-")
    name = _NAMES.get(subtag.casefold(), "")
    return f"{name}, {code}" if name and rest else name
