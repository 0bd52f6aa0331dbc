"""What a medication is called: by its author, by the Medication it refers to, by its ingredients.

"Could not be read" is not "does not name": the first is ours or the network's, the second the
EHR's.
"""

from typing import Any

from smartapp.record.amounts import ratio_text
from smartapp.record.codes import codings, concept_text, concept_words
from smartapp.record.elements import Resource, mapping, mappings
from smartapp.record.quantities import quantity_text
from smartapp.record.references import Related, display, resolve, target

NOT_READ = "Medication that could not be read"
NOT_NAMED = "Medication that the EHR does not name"


def medication_name(resource: Resource, related: Related) -> str:
    """Return the name of what a request, statement, dispense or administration is about."""
    concept, reference = _concept(resource), medication_reference(resource)
    medication = resolve(reference, resource, related)
    candidates = (
        concept_words(concept),
        display(reference),
        concept_words(medication.get("code")),
        ingredients_text(medication, related),
        concept_text(concept),
        concept_text(medication.get("code")),
    )
    unnamed = NOT_READ if target(reference) and not medication else NOT_NAMED
    return next(filter(None, candidates), unnamed)


def medication_codings(resource: Resource, related: Related) -> tuple[tuple[str, str], ...]:
    """Return (system, code) of what it is about, of the resource itself or of the Medication."""
    medication = resolve(medication_reference(resource), resource, related)
    return (*codings(_concept(resource)), *codings(medication.get("code")))


def medication_reference(resource: Resource) -> dict[str, Any]:
    # R5 has both forms in one CodeableReference.
    return mapping(resource.get("medicationReference")) or mapping(
        mapping(resource.get("medication")).get("reference")
    )


def _concept(resource: Resource) -> object:
    return resource.get("medicationCodeableConcept") or mapping(resource.get("medication")).get(
        "concept"
    )


def ingredients_text(medication: Resource, related: Related) -> str:
    """Return "Metformin 500 mg per tablet + Sitagliptin 50 mg per tablet"."""
    named = (
        _ingredient(one, medication, related) for one in mappings(medication.get("ingredient"))
    )
    return " + ".join(filter(None, named))


def _ingredient(ingredient: dict[str, Any], medication: Resource, related: Related) -> str:
    reference = ingredient.get("itemReference")
    other = resolve(reference, medication, related)
    name = (
        concept_text(ingredient.get("itemCodeableConcept"))
        or display(reference)
        or concept_text(other.get("code"))
    )
    strength = ratio_text(ingredient.get("strength")) or quantity_text(
        ingredient.get("strengthQuantity")
    )
    return f"{name} {strength}".rstrip() if name else ""
