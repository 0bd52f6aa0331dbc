"""Another author's script: open-epic unchanged, with its own scopes. It prints JSON at the end."""

import json
import sys

from open_epic.auth import SmartAuthFlow
from open_epic.client import FHIRClient
from open_epic.config import OrgConfig
from open_epic.oidc import decode_id_token

org = OrgConfig(name="Sandbox", **json.loads(sys.argv[1]))
flow = SmartAuthFlow(org)
tokens = flow.login(open_browser=False, timeout=60)
with FHIRClient(org, tokens) as client:
    patient = client.get_resource("Patient", client.patient_id)
    conditions = list(client.clinical.conditions())
told = {
    "patient": tokens.patient_id,
    "scope": tokens.scope,
    "user": decode_id_token(tokens.id_token)["fhirUser"],
    "read": patient.id,
    "conditions": len(conditions),
    "refreshed": flow.refresh(tokens).access_token != tokens.access_token,
}
sys.stdout.write(json.dumps(told))
