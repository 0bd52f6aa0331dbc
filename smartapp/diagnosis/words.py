"""What an EHR's own words name. Nothing of ours is read this way."""

import re

# A person, and not the kind of an app, or whose it is: "Provider app is not active", "Developer
# account suspended".
_PERSON = (
    r"(?<!client )(?<!developer )(?<!service )(?<!api )"
    r"\b(user|account|practitioner|provider|clinician|portal)\b"
    r"(?! (app|facing|access token|session))"
)
# The app, or for whom it is switched on; and that it is not.
_APP = (
    r"(client|app(lication)?s?|(?<!self )registration|developer|integration|product|practice|"
    r"tenant|organi[sz]ation)"
)
_OFF = (
    r"((not|never) (yet )?(been )?(approved|active|activated|enabled|downloaded|installed|"
    r"provisioned|deployed|published|subscribed|live\b|(in|on) (the )?(white|allow).?list)|"
    r"inactive|\bdraft\b|(await|requir|need|pend)\w* (admin\w* )?approval|"
    r"(development|test) (mode|status)|disabled|locked|pending|suspended|deactivated|"
    r"not licen[sc]ed)"
)
# What an EHR's description may name.
_SUBJECTS = {
    "redirect_uri": r"redirect(?!ing|ed|s\b| loop)|callback|call back ur|"
    r"(reply|return) ?(url|uri|address)",
    "client_id": r"client[ _.-]?id(entifier)?\b|\bapp(lication)?[ _-]id\b|"
    r"(unknown|unregistered|unrecogni[sz]ed|terminated|no such|nonexistent)[ _-](client(?!_)|app)|"
    r"(client(?! assertion)|app(lication)?)\b[^.]{0,40}? (is |was )?(not|un|never|could not be) ?"
    r"(be )?(found|known|registered(?! for)|recogni[sz]ed|exist)|(an?)?(other|different) client|"
    r"no (client|app(lication)?) (with|found|registered)|invalid api ?key|"
    r"not issued to this client|(invalid|incorrect) client\b"
    r"(?! (or|and|credential|secret|auth|assertion|jwt|certificate|type))|\bclient mismatch|"
    r"\b(another|other|different|wrong) environment|\bused (only )?(from|in|at|against|with|by) "
    r"(the )?(sandbox|test|(non )?production)\b",
    "secret": r"secret(?! question)|basic auth|client password|"
    r"(invalid|wrong|bad|incorrect) password|\bpassword (is )?(invalid|wrong|incorrect)",
    "method": r"auth\w*[ _]method|method of auth|cannot authenticate with|"
    r"client is public|public client|\ba?symmetric (client )?auth|"
    r"secret (signed )?jwt|client_secret_jwt|"
    r"((not|un) ?(allowed|supported|permitted|enabled)|disabled)\b[^.]{0,30}"
    r"(private_key_jwt|client_secret|assertion)|"
    r"(private_key_jwt|client_secret_\w+|basic auth\w*)[^.]{0,30}"
    r"(not|un) ?(allowed|supported|permitted|enabled)",
    "certificate": r"client certificate|ssl certificate(?! problem)|mutual.tls|\bmtls\b|"
    r"tls_client_auth",
    "assertion": r"assertion|private_key_jwt|signed jwt|\bjwt\b|\bjti (too|must)",
    "authentication": r"authenticat|(?<!_)credentials",
    "code": r"(?<!error )(?<!status )\bcode\b(?!.?(verifier|challenge))",
    "dpop": r"\bdpop\b",
    "pushed": r"\bpushed authori[sz]ation",
    "pkce": r"pkce|\bS256\b|code.?verifier|code.?challenge|transform algorithm|proof key",
    "aud": r"\baud(ience)?s?\b|resource (server|principal)(?! (is|error|fail))|"
    r"\bservice not (found|enabled)",
    "keys": r"\bkid\b|\bjwks?(\b|_)|\bjku\b|web key|key set|key id|"
    r"(public|signing|matching|usable|suitable|verification|unknown) key|"
    r"(^\W*|\bthe )key (is |was )?not found|"
    r"\bkeys? (is |are )?not (yet )?(active|valid)|\bx5[ct]\b|thumbprint|"
    r"signature(?! (alg|required|missing))|"
    r"(jw[ts]|token|assertion|client)\b[^.]{0,20} (not (be )?verif|verif\w* failed)",
    # Not in a header that is repeated: `{kid=1, alg=RS384}`.
    "alg": r"\balg(orithm)?s?\b(?!=)|(?<!alg=)\b[RE]S(256|384|512)\b|\bkey (size|length)\b|"
    r"\b(EC|RSA|elliptic curve) keys? (is |are )?(not|un) ?(supported|allowed|accepted)",
    "claimed": r"\biss\b|issuer(?! certificate)|\bsub\b|subject(?! (alternative )?name)",
    "fetch": r"(fail|could not|unable|can ?not|error)\w* (to )?(be )?"
    r"(fetch|retriev|obtain|load|download|access|read|resolv|get|reach|connect|dereferenc)\w*|"
    r"(returned|answered|responded|status)( with)?:? (http )?[345]\d\d|\bhttp [345]\d\d|"
    r"time[sd]?.?out|unreachable|blocked|\bunavailable|"
    r"(while|when) (fetch|retriev|load|download|read|gett)ing|"
    r"(fetch|retriev|load|download)\w* (fail|error)|"
    r"\bjwks?\b[^.]{0,40} (redirect|certificate|https|json|html|too large|"
    r"(white|allow)\w* ?list)|content.type of jwks",
    "gateway": r"\bno api ?key\b|api ?key variable|subscription key|\bWAF\b|firewall",
    "sign_in": r"admin\w* (consent|approval) (is )?required|need admin\w* approval|multi.?factor|"
    r"\bMFA\b|(log|sign) ?in again|expired session|not consented|"
    r"(forgot\w*|change)( their)? password|mismatche?d? (identity|user)|(identity|user) mismatch|"
    r"(auth\w*|logged|signed)\b[^.]{0,40} (different|another) user\b|"
    r"already (authenticated|logged|signed)|(log|sign).?in failed|(logged|signed) (out|off)|"
    r"(authentication|(log|sign).?in)[ _](has )?expired|"
    r"\bcsrf\b|consent (is )?required|(page|form|request) (has )?expired|"
    r"user ?name or password|user credentials|"
    r"session (has |is )?(been )?(expired|terminated|timed out|inactive|not (active|found))|"
    r"password (has |is )?expired|verify your e.?mail",
    "network": r"handshake|certificat\w+ (chain|path)|PKIX|self.signed|unknown ?host|getaddrinfo|"
    r"\bENOTFOUND|\bECONN|\bETIMEDOUT|connection (refused|reset)|no route to|remote certificate|"
    r"certificate.verify|leaf.signature|(issuer|first) certificate|unknown authority|"
    r"(?<!client )(?<!ssl )certificate (has |is )?(expired|not trusted|untrusted)|"
    r"(name|host) (or service )?(is )?not known|no such host|\bdns (lookup|resolution|error)|"
    r"altnames|resolves to a private|host is known|nodename|name resolution|(ssl|tls) connection",
    "address": r"\bip[ -]?(address|range|restrict)|(your|source|remote|client) ip\b",
    "limit": r"too many (?!scopes|resources|active|(failed|invalid|incorrect) )|rate.?limit|quota|"
    r"throttl|slow.?down|over (rate|qps)",
    "body": r"in the body|request body|client_secret_post",
    "missing": r"missing|required|must (name|include|contain|be (present|sent|set))|\babsent|"
    r"\bno\b[^.]{0,40}\b(included|provided|present|supplied|given|sent|found)|\bno scopes?\b|"
    r"\bnot (provided|supplied|given|specified|sent|present)|(not be|is|was) (null|blank|empty)\b",
    "invalid": r"invalid|incorrect|mismatch|malformed|(not|non) match|not valid|unknown|"
    r"improperly|not (properly|correctly) (encoded|formed|formatted)|"
    r"not (be )?(found|known|registered|recogni[sz]ed)|not exist",
    "https": r"\bhttps\b(?!:)",
    "user": rf"{_PERSON}|\bproxy access|\bminors?\b|\bthis patient",
    # The person, or a rule about persons, and not the app.
    "person": rf"{_PERSON}([^.]|\.(?! )){{0,100}}?"
    r"(locked|disabled|inactive|suspended|deactivated|blocked|expired|pending|"
    r"not (active|activated|assigned|exist|linked|verified|fully set up))|"
    r"\bblocks? users\b|(?<!lifetime )\bpolic(y|ies)\b|conditional access|"
    r"\bdevice\b[^.]{0,20} not\b",
    "cookies": r"\bcookies?\b",
    # Something else of the app than itself is switched off.
    "browser_app": r"single page (app|client)|\bspa\b|\borigin header|cross origin request",
    "grant": r"grant[ _]type|retrieve service account|"
    r"not (allowed|permitted|authori[sz]ed)\b[^.]{0,40}\bgrant\b|"
    r"\bgrant (is )?not (allowed|permitted|supported|enabled|authori)|"
    r"\bflow\b[^.]{0,30}\b(not|disabled|unsupported)\b|"
    r"\b(not|disabled|unsupported)\b[^.]{0,30}\bflow\b|"
    r"response[ _]type",
    "refreshing": r"refresh tokens?\b|offline.access|\bonline_access",
    "token_over": r"\b(invalid|unknown|expired|revoked)[ _](refresh[ _])?token\b"
    r"(?![ _](req|end|typ))|"
    r"refresh[ _]token\b[^.]{0,30} used|token (family|reuse)|"
    r"consent\b[^.]{0,30} (withdrawn|revoked)|"
    r"\b(session|grant)\b[^.]{0,30} (ended|expired|not (active|found))|"
    r"no(t have an)? active session|"
    r"(access|authori[sz]ation)\b[^.]{0,20} (revoked|removed|withdrawn)|revoked access|"
    r"session (was |has been )?terminated|"
    r"(\b|_)token\b(?![ _](req|end|typ))[^.]{0,30}? "
    r"(expired|revoked|invalid|unknown|not (active|valid|found|recogni[sz]ed))",
    "tenant": r"(unknown|invalid|no such|wrong) (tenant|realm|practice|organi[sz]ation|project|"
    r"site)|(other|another|different) tenant|"
    r"\b(tenant|realm|practice|organi[sz]ation|project|membership)\b[^.]{0,40}? "
    r"(not (be )?(found|known|exist|registered)|unknown|mismatch|does not match|neither)|for realm|"
    # Nothing else of it: "The client of this practice is not valid".
    r"\b(tenant|realm|practice|organi[sz]ation)( id)?( [\w'\"-]*\d[\w'\"-]*)? "
    r"(is )?(not (valid|configured)|invalid|terminated)",
    # As SMART has them in two forms, with .read and with .rs.
    "form": r"(?<!/)\bv ?[12]\b(?![/:])|version [12]\b|scopes? (format|syntax)|granular|"
    r"(?<!oauth )\b[12]\.0\b|\b(use|write|expected)\b[^.]{0,20}\.(rs?|read|write|cruds?)\b",
    "length": r"\b(request|ur[il]|query|address|scopes?)\b[^.]{0,20}(?<!took)(?<!takes) too "
    r"(long|large)|exceed\w* ([\d,]+ (char|byte)|(the )?max\w* (length|size))|"
    r"\bscopes\b[^.]{0,20} too many|too many scopes",
    "repeated": r"\bduplicate|more than once",
    "jti": r"\bjti\b(?! (too|must))|replay|"
    r"already (been )?(used|seen|redeemed|consumed|exchanged|processed)|"
    r"used (before(?! ([\d[]|iat|nbf|its|it))|already|previously|more than)|\breused?\b",
    "clock": r"\bexp\b|\biat\b|\bnbf\b|clock|in (the )?(future|past)|lifetime|not yet valid|skew|"
    r"used before [\d[]|(valid(ity)?|expir\w+) (time|period)|time range|"
    r"(token|assertion|jwt) is not (yet )?active|"
    r"(?<!refresh )(?<!access )token (has |is )?expired|"
    r"\b(expir\w+|issued|valid\w*) .*too (far|long|old)|\bissued\b[^.]* ago\b",
    "lasts": r"life ?time\b[^.]{0,30}(exceed|too|max|limit|long|greater|more)|"
    r"(exceed\w*|max\w*|allowed)\b[^.]{0,30}life ?time|"
    r"\b(exp|expir\w+|valid\w*)\b[^.]{0,60}(too (far|long)|more than|exceeds)"
    r"(?![^.]* (ago|past)\b)",
    "expired": r"expired",
    "registration": r"registration",
    "credentials": r"(?<!_)credentials",
    "scope": r"scope|\b(patient|user|system)/[\w*]+\.",
    "standalone": r"\bstand.?alone\b|\b(launched|opened) from (inside |within )?(the|an) EHR|"
    r"EHR launch (is )?(required|only)",
    # The value that an EHR sends, and not the way to launch.
    "launch": r"\blaunch[ _](context|token|id|code|value|param\w*|options?|request)|"
    r"(?<!ehr )(?<!smart )(?<!standalone )\blaunch\b"
    r"(?!/| (from|(is )?(not |un)supported))",
    "patient": r"\b(no|missing|without)( \w+)? patients?\b(?!/)|invalid patient id|"
    r"requires (exactly )?one patient|patient (must be (selected|chosen)|selection|picker)\b|"
    r"\bpatient\b(?!/)[^.]{0,20} (not (be )?(selected|chosen|found|resolved|identified|in context)|"
    r"required|missing)",
    "refusal": r"\bcancel\w*|\bdeclin\w*|user denied",
    "approval": rf"\b{_APP}(\b[^.]{{0,60}}? |_)({_OFF}|not (yet )?(been )?authori[sz]ed)|"
    rf"^[: ]*{_OFF}|"
    rf"\b(disabled|locked|blocked|suspended|deleted|inactive|unauthori[sz]ed) {_APP}\b|"
    r"(client|app(lication)?)\b[^.]{0,20}\b(blocked|deleted|removed|revoked)|"
    r"not (allowed|permitted) (for|in|at|by) (this|the|your) (tenant|organi|practice|environment)|"
    r"may not (be )?(launch|use)|"
    r"\b(licen[sc]e|subscription(?! key)|trial( period)?|contract)\b[^.]{0,20}"
    r"(expired|ended|over\b|missing|required|not (active|valid|found))",
}
# Sentences of RFC 6749 §4.1.2.1 and §5.2 that servers send as they stand there: they name all that
# may be, and so nothing.
_OF_THE_STANDARD = re.compile(
    r"([^.]|\.(?! ))*(invalid, expired, revoked|unknown client, no client authentication|"
    r"missing a required parameter, includes|invalid, unknown, (or )?malformed|"
    r"client is not authori[sz]ed to (request|use)(?! ['\"`])|"
    r"authorization server denied the request)([^.]|\.(?! ))*",
    re.IGNORECASE,
)
# So Authlib names all that its endpoint takes, whichever failed; of an assertion it says more.
_TRIED = re.compile(
    r"cannot authenticate with methods: \[[^]]*client_secret_basic[^]]*\]", re.IGNORECASE
)
_QUERY = re.compile(r"(?<=\S)\?\S+=\S*")
_BETWEEN_WORDS = re.compile(r"(?<=[a-z])(?<!\bv[12]):(?=[a-z])", re.IGNORECASE)
_CONSTANT = re.compile(r"(?<=[A-Z])_(?=[A-Z])")
_NOT = re.compile(r"(?<!ca)n['\u2019]t\b|(?<=can)['\u2019]t\b", re.IGNORECASE)
_SCOPE = re.compile(
    r"\b(?:patient|user|system)/[\w*]+\.[\w*]+|\blaunch/\w+|"
    r"\b(?:offline_access|online_access|fhirUser|openid|profile)\b"
)
# A member of a request that is missing, by its own name; a word of everyday speech only where it
# is said of the word itself.
_MEMBER = re.compile(
    r"(?<!\bin )(?<!\bin the )\b[a-z]+(?:_[a-z]+)+\b|"
    r"\bcode\b(?= (?:is|was)? ?(?:missing|required))|"
    r"(?<=missing )code\b(?! )|(?<=parameter )code\b|"
    r"\b(?:code|grant|client|redirect|response) (?:verifier|challenge|type|id|uri)\b"
    r"(?: method)?|"
    r"\b(?:missing|without|no|parameter:?)(?: an?)?(?: required)?(?: param(?:eter)?s?:?)? ['\"`]?"
    r"(aud|launch|nonce|scope|state)\b(?! scope)|"
    r"(?:^|[.:;,] |\b(?:an?|the|param\w*|grant|launch) |['\"`])"
    r"(aud(?=ience)|aud|launch|nonce|(?<!launch )scope|state)(?:ience)?\b['\"`]?"
    r"(?: (?:parameter|param|value|code|context|token))?"
    r"(?: (?:is|was|must be|can ?not be)(?: an?)?)? "
    r"(?:required|missing|absent|not|null|blank|empty|present|sent)\b",
    re.IGNORECASE,
)
# RFC 7515 §4.1 and RFC 7519 §4.1, without alg and kid, which EHRs name for other reasons. A time
# that has to be in the future is there.
_PART_OF_ASSERTION = re.compile(
    r"\b(iss|sub|aud|exp|iat|nbf|jti|typ|jku|x5c|x5t)\b(?![^.]* in the (future|past)\b)"
)


def without_code(error: str, said: str) -> str:
    """Return a description without the error's own code, which some servers write at its beginning
    once more: "Invalid client: client is invalid"."""
    code = error.replace("_", "[ _-]?")
    return re.sub(rf"^\W*{code}(?:\W*$|\s*[:.;,-]\s+)", "", said, flags=re.IGNORECASE)


def without_what_was_tried(said: str) -> str:
    """Return what is said to a client that sent its secret as Basic, without a list of ways to
    authenticate that has this one: it is taken, and failed."""
    return _TRIED.sub("", said)


def subjects_of(said: str) -> frozenset[str]:
    """Return what a description names. What a server adds to a sentence of the standard counts.

    `re` compiles these patterns at the first use and remembers them. At each start of a server or
    command it took a tenth of the time.
    """
    said = _OF_THE_STANDARD.sub("", _as_words(said))
    return frozenset(name for name, one in _SUBJECTS.items() if re.search(one, said, re.IGNORECASE))


def scopes_of(said: str) -> set[str]:
    return set(_SCOPE.findall(said))


def members_of(said: str) -> list[str]:
    """Return the members of a request that are named as missing, each once."""
    found = _MEMBER.finditer(_as_words(said))
    named = (one[one.lastindex or 0].lower().replace(" ", "_") for one in found)
    return list(dict.fromkeys(named))


def parts_of_assertion(said: str) -> list[str]:
    """Return the members of an assertion's header and claims that are named, each once."""
    return list(dict.fromkeys(one[1] for one in _PART_OF_ASSERTION.finditer(said)))


def _as_words(said: str) -> str:
    """Return a text with blanks between its words: a URN has hyphens and colons there, and a name
    as ERR_JWKS_TIMEOUT has lines. The query of an address says who asked, not what is wrong."""
    said = _QUERY.sub("", _NOT.sub(" not", said.replace("-", " ")))
    return _CONSTANT.sub(" ", _BETWEEN_WORDS.sub(" ", said))
