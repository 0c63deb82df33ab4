"""XML as the wire writes it: names in their namespace, in the order in which they are given (mws 3 to 7)."""

from collections.abc import Iterable
from typing import Any

from lxml import etree

# A name with its text, or with what stands in it; None is left out.
Part = tuple[str, Any]


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
            child.text = (
                {True: "true", False: "false"}[value] if isinstance(value, bool) else _writable(str(value))
            )


def _writable(text: str) -> str:
    """A text without signs that no XML may hold."""
    return "".join(letter for letter in text if letter >= " " or letter in "\t\n\r")
