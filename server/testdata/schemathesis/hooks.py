"""What the description can only say in words: bounds of times, which JSON Schema can't compare, parameters that need one another or
can't stand together, and streams that exist.

Times that a request asks for are made short, so that a run ends; those beyond their bounds are left out of what counts
as valid."""

import re

import schemathesis

UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1, "m": 60, "h": 3600}
DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ns|us|µs|ms|s|m|h)")
FROM = re.compile(r"live|earliest|last:[0-9]+|since:[0-9T:.Z+ -]+")
MOST = {"ttl": 24 * 3600, "for": 31 * 24 * 3600}


def duration(text):
    """Seconds, or None for what is no duration."""
    if not isinstance(text, str) or not re.fullmatch(f"({DURATION.pattern})+", text, re.ASCII):
        return None
    return sum(float(n) * UNITS[unit] for n, unit in DURATION.findall(text))


@schemathesis.hook
def filter_query(ctx, query):
    """Of a parameter that stands twice the first one counts, as nearly everywhere, so that the others may be anything."""
    lists = ("stream", "sent", "subject", "event")
    return all(name in lists or not isinstance(value, (list, dict)) for name, value in (query or {}).items())


@schemathesis.hook
def before_call(ctx, case, kwargs):
    query, body = case.query, case.body
    if isinstance(query, dict):
        if query.get("wait") == "" or duration(query.get("wait")) is not None:
            query["wait"] = "50ms"
            query.setdefault("cursor", "x")
        if query.get("snapshot") == "1" and FROM.fullmatch(str(query.get("from", ""))):
            del query["from"]
        if re.fullmatch(r"\d{1,3}x\d{1,4}@[0-9.]{1,8}(?:ms|s|m)", str(query.get("probe", "")), re.ASCII):
            query["probe"] = "2x10@10ms"
        if case.path == "/decisions":
            query.setdefault("user", "fuzzer")
            if "offset" in query:
                query.setdefault("partition", 0)
                query.setdefault("topic", "order-topic")
    if isinstance(body, dict):
        if body.get("stream") and isinstance(body["stream"], str):
            body["stream"] = "orders"
        for key, most in MOST.items():
            seconds = duration(body.get(key))
            if seconds is not None and not 1e-3 <= seconds <= most:
                body[key] = "1h"
