"""Reads pairs of JSON and XML, by Python's own parsers, and compares them.

It knows the mapping from the documentation alone. It prints how many pairs agree.
"""
import base64
import json
import re
import sys
import xml.etree.ElementTree as ElementTree

NIL = "{http://www.w3.org/2001/XMLSchema-instance}nil"


class Number(str):
    """A number, as it is written."""


class Pairs(list):
    """An object, with keys that may come twice."""


def units(text):
    """The string as UTF-16, since JSON can have half of a surrogate pair alone."""
    return text.encode("utf-16-le", "surrogatepass")


def plain(element, text):
    if element.get("escaped") == "true":
        text = re.sub(r"\\u([0-9a-fA-F]{4})", lambda m: chr(int(m.group(1), 16)), text)
    return units(text)


def key(element):
    return units(element.tag) if element.get("key") is None else plain(element, element.get("key"))


def agree(value, element):
    children, text = list(element), element.text or ""
    if isinstance(value, Pairs):
        return text == "" and len(value) == len(children) and all(
            units(k) == key(c) and agree(v, c) for (k, v), c in zip(value, children))
    if isinstance(value, list):
        return text == "" and len(value) == len(children) and all(
            c.tag == "item" and c.get("key") is None and agree(v, c) for v, c in zip(value, children))
    if children:
        return False
    if value is None:
        return element.get(NIL) == "true" and text == ""
    if element.get(NIL) is not None:
        return False
    if isinstance(value, bool):
        return text == ("true" if value else "false")
    if isinstance(value, Number):
        return text == value
    return plain(element, text) == units(value)


agreed = 0
for line in open(sys.argv[1]):
    source, document = (base64.b64decode(part) for part in line.split())
    value = json.loads(source.decode(), parse_int=Number, parse_float=Number, object_pairs_hook=Pairs)
    root = ElementTree.fromstring(document)
    if not agree(value, root[0]):
        sys.exit("%r becomes %r" % (source, document))
    agreed += 1
print(agreed)
