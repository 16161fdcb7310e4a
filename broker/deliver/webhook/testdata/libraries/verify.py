"""Verifies the requests of stdin with PyPI's standardwebhooks, and reads those that are
CloudEvents with both of cloudevents' interfaces."""

import json
import sys

from cloudevents.core.bindings.http import HTTPMessage, from_http_event
from cloudevents.core.formats.json import JSONFormat
from cloudevents.v1.http import from_http
from standardwebhooks import Webhook, WebhookVerificationError

given = json.load(sys.stdin)
events = []
for request in given["requests"]:
    header, body = request["header"], request["body"]
    for secret in given["secrets"]:
        Webhook(secret).verify(body, header)
    for secret, text in ((given["wrong"], body), (given["secrets"][0], body + " ")):
        try:
            Webhook(secret).verify(text, header)
        except WebhookVerificationError:
            continue
        raise SystemExit("a wrong signature passed")
    if "ce-id" in header or header["content-type"].startswith("application/cloudevents"):
        one = from_http(header, body.encode())
        other = from_http_event(HTTPMessage(headers=header, body=body.encode()), JSONFormat())
        seen = other.get_attributes()
        for name in ("id", "source", "type", "time"):
            if str(one[name]).replace(" ", "T").replace("+00:00", "Z")[:19] != str(seen[name]).replace(" ", "T").replace("+00:00", "Z")[:19]:
                raise SystemExit(f"{name}: {one[name]} and {seen[name]}")
        events.append({"id": seen["id"], "source": seen["source"], "type": seen["type"], "subject": seen["subject"], "data": other.get_data()})
print(json.dumps(events))
