"""What other EHRs do in their own way, and how each habit is had here, by number.

Most are faults, that is `fault=…` or `--quirk`; some belong to a whole set of rules or to a world.
"""

QUIRKS = {
    "Q1": ("expires_in is left out", "`token-no-expires-in`"),
    "Q2": ("expires_in is a string", "`token-expires-in-text`"),
    "Q3": ("token_type is lower case", "`token-type-lowercase`"),
    "Q4": ("scopes come back as patient/", "`token-scope-degenerate`"),
    "Q5": ("members nobody knows stand in the answer", "`token-extra-members`"),
    "Q6": ("a refresh names no refresh token", "`refresh-returns-none`"),
    "Q7": ("refresh tokens rotate", "`refresh-rotates`"),
    "Q8": ("a rotated refresh token that comes again ends its family", "`refresh-rotates`"),
    "Q9": ("the context changes on refresh", "`refresh-context-changes`"),
    "Q10": ("the issuer ends with a slash", "`id-token-issuer-slash`"),
    "Q11": ("the issuer is another than in discovery", "`id-token-second-issuer`"),
    "Q12": ("a new key is published late", "`id-token-late-key`"),
    "Q13": ("the key set may not be cached", "`--world preview`"),
    "Q14": ("a refresh has to name its scope", "`refresh-needs-scope`, `--profile athena`"),
    "Q15": ("introspection by GET alone", "`introspect-get-only`"),
    "Q16": ("the audience of assertions is the issuer", "`--profile bcp`"),
    "Q17": ("assertions live for five minutes at most", "`--profile strict`, `--profile bcp`"),
    "Q18": ("the answer names its issuer (RFC 9207)", "`--profile bcp`; promised in `--world bcp`"),
    "Q19": ("the answer names another issuer", "`authorize-iss-wrong`"),
    "Q20": ("the answer names no issuer though one is promised", "`authorize-iss-missing`"),
    "Q21": ("error_uri is a URN, without a description", "`authorize-error-uri`"),
    "Q22": ("the authorize pages refuse frames", "`authorize-popup-only`"),
    "Q23": ("the EHR tells a framed app of another patient", "`frame-patient-changes`"),
    "Q24": ("a key stands twice in the JSON", "`token-duplicate-keys`"),
    "Q25": ("the id_token has the algorithm none", "`id-token-alg-none`"),
    "Q26": ("the id_token is signed by HMAC with the public key", "`id-token-hs256`"),
    "Q27": ("the id_token is made for another client", "`id-token-wrong-audience`"),
    "Q28": ("the id_token has the nonce of another launch", "`id-token-wrong-nonce`"),
    "Q29": ("the id_token is expired", "`id-token-expired`"),
}
