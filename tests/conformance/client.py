"""What the app has to do as a SMART client, numbered, in our own words."""

from smartapp.diagnosis.rules import RULES

# Those of `RULES` are told to administrators, too.
_SENTENCES = RULES | {
    "C5": "No two authorization servers share an issuer unnoticed.",
    "C6": "What vendors disagree about is a setting of the registration, preset per vendor.",
    "C8": "iss is compared as an address: host, port, trailing slash; aud is as the EHR writes it.",
    "C11": "Relative endpoints are resolved against the FHIR base and must be https.",
    "C13": "What discovery lists as supported never decides; the registration does.",
    "C16": "Epic's client id header on metadata; no fall-back to the CapabilityStatement.",
    "C17": "What an EHR does not announce is explained to the administrator.",
    "C21": "A launch works in a tab and in a frame.",
    "C23": "Each visit is a new transaction.",
    "C32": "state: 256 random bits, used once, bound to the browser.",
    "C34": "A nonce wherever openid is asked for.",
    "C35": "openid fhirUser where identity is needed; never max_age.",
    "C36": "launch in an EHR launch, launch/patient standalone, in lower case.",
    "C42": "302 or 303, no-referrer and no-store on every step.",
    "C54": "After a launch only our own pages are gone to.",
    "C55": "A callback ends in a 303 to a clean address.",
    "C68": "The assertion's typ can be the newer one.",
    "C70": "Nothing secret in logs, reports, lists or error pages.",
    "C83": "What was not granted is said instead of tried.",
    "C84": "Tokens are opaque.",
    "C85": "Tokens stay on the server, sealed and bound to their row.",
    "C86": "Unknown members are kept within bounds and shown.",
    "C87": "Duplicate JSON keys are refused; a state in the body counts for nothing.",
    "C88": "authorization_details are shown only.",
    "C94": "Who signed in is issuer and sub, nothing else.",
    "C96": "A proxy is not the patient: both are shown.",
    "C100": "The launch context is read beside the tokens, never out of one.",
    "C103": "fhirContext by its rules; bad entries are skipped and noted.",
    "C104": "The patient banner is always there.",
    "C105": "An unknown intent leads to the default view.",
    "C106": "The EHR's looks are taken over where they are safe and readable.",
    "C107": "tenant is shown as text.",
    "C108": "athenahealth's practice goes with searches.",
    "C109": "Members of one vendor are shown in general.",
    "C111": "Every value is escaped; no token is shown.",
    "C120": "A refresh has its grant type, its token, and the same authentication.",
    "C122": "A new refresh token replaces the old one; none keeps it.",
    "C123": "One refresh at a time, across processes.",
    "C127": "How long a refresh token lives unused is known, and said.",
    "C129": "online_access may end at any moment.",
    "C131": "athenahealth's introspection by GET, with care.",
    "C132": "What introspection says is compared, and is never the only guard.",
    "C133": "Disconnecting revokes at the EHR and deletes here, whatever the EHR answers.",
    "C134": "The EHR's own sign-in can be left too.",
    "C135": "Logging out clears the session and its tokens; a revoked grant is noticed.",
    "C145": "2-legged: client_credentials with its scope, kept until it expires.",
    "C146": "2-legged requests never carry a person's scopes.",
    "C152": "Nothing navigates the frame's top.",
    "C154": "Each launch has an address of its own and keeps its patient.",
    "C155": "The address alone is no authority.",
    "C156": "patientContextChanged locks the page.",
    "C157": "Messages to the EHR around the app.",
    "C158": "A page that has grown old says so.",
    "C159": "Every form of a launch is about that launch alone.",
    "C160": "Back shows nothing after the end.",
    "C161": "App State.",
    "C162": "User-access brands: read with their ETag, searched, and no permission to connect.",
    "C163": "athenahealth's own button for patients.",
}
REQUIREMENTS = {
    number: _SENTENCES[number]
    for number in sorted(_SENTENCES, key=lambda number: int(number[1:]))
    if number[0] == "C"
}

NOT_BUILT = {
    "C157": "Not built: an optional feature of one vendor; the app has nothing to tell its frame.",
    "C161": "Not built: experimental in SMART 2.2, and the app keeps no state of its own.",
    "C163": "Not built: the button's page and its rules could not be seen.",
}
"""Numbers without a test, each with its reason; nothing else may be missing."""
