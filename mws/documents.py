"""XML as the wire writes it: names in their namespace, in the order in which they are given (mws 3 to 7)."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from lxml import etree

# A name with its text, or with what stands in it; None is left out.
Part = tuple[str, Any]


# Signs that no XML may hold.
_UNWRITABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def moment(value: datetime) -> str:
    """A moment as the sections for feeds and reports write it."""
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S+00:00")


def document(root: str, namespace: str, parts: Iterable[Part]) -> bytes:
    """A whole document."""
    element = etree.Element(f"{{{namespace}}}{root}", nsmap={None: namespace})
    _fill(element, namespace, parts)
    return etree.tostring(element, xml_declaration=True, encoding="UTF-8")


def _fill(element: etree._Element, namespace: str, parts: Iterable[Part]) -> None:
    for name, value in parts:
        if value is None:
            continue
        child = etree.SubElement(element, f"{{{namespace}}}{name}")
        if isinstance(value, list | tuple):
            _fill(child, namespace, value)
        else:
            written = {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value)
            child.text = _UNWRITABLE.sub("", written)
