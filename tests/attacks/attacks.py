"""Attacks on an app of this kind, each with its defence. The tests cite the numbers."""

from collections.abc import Mapping

from smartapp.diagnosis.rules import RULES

ATTACKS: Mapping[str, str] = {
    "T1": "A launch that names a stranger as its EHR. `iss` is only looked up; nobody is asked.",
    "T2": "Somebody else's sign-in forced on a browser. `state` is in that browser, once.",
    "T3": "An answer of one EHR taken for another's. Own redirect URIs, `iss`, stored endpoint.",
    "T4": "A stolen code put into another browser's answer. PKCE, and the nonce in the id_token.",
    "T5": "An EHR or a middleman that takes PKCE away. No launch without S256.",
    "T6": "Metadata that turns evil. Hosts are pinned, a launch ends where it began, and the "
    "audience of assertions is never the document's to choose.",
    "T7": "An assertion used twice. A new `jti` for each request, five minutes at most.",
    "T8": "A token that chooses how it is judged. Fixed algorithms, the issuer's keys only.",
    "T9": "An id_token for somebody else, of somebody else, or of yesterday. Every claim checked.",
    "T10": "A token read from an address, a log, a page, a report or a database dump. It is in "
    "none of them.",
    "T11": "A token lured elsewhere by a link or a redirect. It goes below the FHIR base only.",
    "T12": "The app made to ask inside its own network. Addresses are checked at the moment of the "
    "connection, by the one client that there is.",
    "T13": "An address of ours that leads elsewhere. The way on is stored, never given.",
    "T14": "The app in a stranger's frame. Only the registration's own EHR may frame it.",
    "T15": "Markup in what the EHR says. Escaped everywhere, a strict policy, values by pattern.",
    "T16": "Messages between windows, forged or overheard. Exact origin and exact window.",
    "T17": "The wrong patient's record. Every answer is held against the launch's patient.",
    "T18": "The next person at a shared computer. Another person's launch closes the last one's.",
    "T19": "Somebody else's launch by its address. The address alone opens nothing.",
    "T20": "A refresh token used twice. One refresh at a time, over all processes.",
    "T21": "The database stolen. Tokens and keys are sealed, each for its own row.",
    "T22": RULES["T22"],
    "T23": "A private key shown by mistake. Public members only, by an allow-list.",
    "T24": "The public keys' address abused. Bytes in memory, without session or query.",
    "T25": "Documents that two readers read differently, or that never end. Strict, and capped.",
    "T26": "A token in the address of an introspection. By POST, unless the vendor knows only GET; "
    "and then no address is kept.",
    "T27": "More access than was asked for. Refused where we ask, said where the EHR gives it.",
    "T28": "Signing in with an access token. Nobody is believed without an id_token.",
    "T29": "Cookies read or planted in a frame. Secure, HttpOnly, partitioned.",
    "T30": "Floods of launches and callbacks. Limits for each address, and places that run out.",
    "T31": "Asking the sandbox who exists. One answer for an unknown client and a wrong secret.",
    "T32": "The sandbox left on. Deployment refuses it.",
    "T33": "A library's default. Algorithms are named, no check is switched off, one way out.",
    "T34": "Access that outlives its end. What is over is not shown once more.",
}
