"""What the sources say to people: texts marked for translation, Japanese that no mark covers, sentences in pieces."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from django.template.base import Lexer, TokenType
from django.utils.translation.template import templatize

from sellercentral.bootstrap import ROOT

# Folders whose texts people read. `tests` and `bench` speak to nobody.
ROOMS = (
    "accounts",
    "cancellations",
    "events",
    "messaging",
    "metrics",
    "feeds",
    "reports",
    "orders",
    "payments",
    "sellercentral",
    "shipments",
    "spapi",
    "mws",
)
MARKS = {"gettext", "gettext_lazy", "ngettext", "ngettext_lazy", "pgettext", "pgettext_lazy", "_"}
# Kana, kanji, and signs of Japanese writing; not the dot of lists (・), nor the mark of a postal code (〒).
JAPANESE = re.compile(r"[\u3001-\u3011\u3041-\u30fa\u30fc-\u30ff\u3400-\u9fff\uff01-\uff9f]")
_STRING = r"""(u?(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"))"""
_MARKED = re.compile(rf"(?:gettext|_)\(\s*{_STRING}\s*[,)]|ngettext\(\s*{_STRING},")


def templates() -> list[Path]:
    """Every template of the project, mails and the admin's own included."""
    return sorted(path for path in (ROOT / "templates").rglob("*") if path.suffix in {".html", ".txt"})


def modules() -> list[Path]:
    """Every module that runs in the portal; migrations repeat what models say."""
    found = (path for room in ROOMS for path in (ROOT / room).rglob("*.py"))
    return sorted(path for path in found if "migrations" not in path.parts)


def texts_of_template(path: Path) -> set[str]:
    """The texts that a template marks for translation."""
    code = templatize(path.read_text(encoding="utf-8"))
    return {ast.literal_eval(found[1] or found[2]) for found in _MARKED.finditer(code)}


def texts_of_module(path: Path) -> set[str]:
    """The texts that a module marks for translation."""
    texts = set()
    for call in _marks(ast.parse(path.read_text(encoding="utf-8"))):
        arguments = call.args[1:] if name_of(call).startswith("pgettext") else call.args
        if arguments and isinstance(arguments[0], ast.Constant) and isinstance(arguments[0].value, str):
            texts.add(arguments[0].value)
    return texts


def name_of(call: ast.AST) -> str:
    """The plain name of what is called."""
    function = getattr(call, "func", None)
    return getattr(function, "id", "") or getattr(function, "attr", "")


def _is_mark(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and name_of(node) in MARKS


def _marks(tree: ast.AST) -> Iterator[ast.Call]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call) and _is_mark(node))


# --- Japanese that no mark covers ---------------------------------------------------------------------------


def unmarked_in_template(path: Path) -> list[str]:
    """Japanese that a template writes in every language."""
    found, inside = [], ""
    for token in Lexer(path.read_text(encoding="utf-8")).tokenize():
        word = token.contents.split(" ")[0] if token.token_type == TokenType.BLOCK else ""
        if inside:
            inside = "" if word == f"end{inside}" else inside
        elif word in {"blocktranslate", "blocktrans", "comment"}:
            inside = word
        elif token.token_type == TokenType.TEXT:
            found += [line.strip() for line in token.contents.splitlines() if JAPANESE.search(line)]
    return found


def unmarked_in_module(path: Path) -> list[str]:
    """Japanese in a module that is neither marked nor a docstring."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    fine = {id(node) for call in _marks(tree) for node in ast.walk(call)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            fine.add(id(node.value))
    return [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and id(node) not in fine
        and isinstance(node.value, str)
        and JAPANESE.search(node.value)
    ]


# --- sentences in pieces ------------------------------------------------------------------------------------

_SPOKEN = re.compile(r"(?:translate|trans) (['\"])(?P<text>.*?)\1")
_MADE_APART = re.compile(r" as(?:var)? \w+")
_BLOCKS = {"blocktranslate", "blocktrans"}
# Tags that write nothing themselves: what stands before them stands beside what comes after them.
_THROUGH = {"if", "endif", "for", "endfor", "with", "endwith"}
_ENDS, _BEGINS = tuple("。：）)、・"), tuple("（(：・")


def pieces_in_template(path: Path) -> list[str]:
    """Places where a translated text stands directly beside another one, or beside a value.

    Each text must be whole, since the order of words differs from language to language. Whole sentences may follow
    each other, a colon parts label and value, and brackets hold a remark; a page's title may end with a number.
    """
    found = []
    before = None
    for piece in _pieces(path):
        if before and piece and "text" in {before[0], piece[0]}:
            left, right = before[1], piece[1]
            parted = (before[0] == "text" and left.endswith(_ENDS)) or (
                piece[0] == "text" and right.startswith(_BEGINS)
            )
            if not parted and not right.endswith(".number"):
                found.append(f"{left} | {right}")
        before = piece
    return found


def _pieces(path: Path) -> Iterator[tuple[str, str] | None]:
    """The texts and values of a template in their order; None for what parts them."""
    inside, block, quiet = "", "", False
    for token in Lexer(path.read_text(encoding="utf-8")).tokenize():
        word = token.contents.split(" ")[0] if token.token_type == TokenType.BLOCK else ""
        if inside:
            if word == f"end{inside}":
                if block and not quiet:
                    yield "text", block.strip()
                inside = ""
            elif inside in _BLOCKS and token.token_type != TokenType.BLOCK:
                block += token.contents
        elif word in _BLOCKS | {"comment"}:
            inside, block, quiet = word, "", bool(_MADE_APART.search(token.contents))
        elif token.token_type == TokenType.VAR:
            yield "value", token.contents
        elif spoken := _SPOKEN.match(token.contents):
            if not _MADE_APART.search(token.contents):
                yield "text", spoken["text"]
        elif token.token_type == TokenType.TEXT:
            if token.contents.strip() or ("\n" in token.contents and path.suffix == ".txt"):
                yield None
        elif token.token_type == TokenType.BLOCK and word not in _THROUGH:
            yield None


def pieces_in_module(path: Path) -> list[str]:
    """Places where a module adds a translated text to something, or marks a text that it has just made."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            glued = _is_mark(node.left) or _is_mark(node.right)
        elif isinstance(node, ast.JoinedStr):
            parts = [part.value for part in node.values if isinstance(part, ast.FormattedValue)]
            glued = any(_is_mark(part) for part in parts)
        elif _is_mark(node):
            assert isinstance(node, ast.Call)
            glued = any(isinstance(argument, ast.JoinedStr | ast.BinOp) for argument in node.args)
        elif isinstance(node, ast.Call) and name_of(node) == "join" and node.args:
            glued = isinstance(node.args[0], ast.List | ast.Tuple) and any(map(_is_mark, node.args[0].elts))
        else:
            continue
        if glued:
            found.append(f"line {node.lineno}: {ast.unparse(node)[:80]}")
    return found
