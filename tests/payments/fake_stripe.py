"""A server that speaks as much of Stripe's HTTP as the portal asks for, on 127.0.0.1, with faults on demand.

As the real one it answers a key that it knows with its first answer, refuses that key with another question, and
refuses what an intent's state does not allow.
"""

import hashlib
import hmac
import json
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl

WEBHOOK_SECRET = "whsec_of_the_tests"


@dataclass
class FakeStripe:
    """What the server knows, was asked, and how it misbehaves.

    `fault` is "" or: `down` (503, nothing done), `busy` (429), `lost` (done, and the connection is cut).
    """

    address: str = ""
    fault: str = ""
    refund_status: str = "succeeded"
    intents: dict[str, dict[str, Any]] = field(default_factory=dict)
    refunds: dict[str, dict[str, Any]] = field(default_factory=dict)
    answers: dict[str, tuple[tuple, tuple[int, dict]]] = field(default_factory=dict)
    asked: list[tuple[str, str, dict[str, str], str]] = field(default_factory=list)

    def answer(self, method: str, path: str, sent: dict[str, str], key: str) -> tuple[int, dict]:
        """The answer to one question; the same key gets the same one."""
        question = method, path, sorted(sent.items())
        if key and key in self.answers:
            first, answer = self.answers[key]
            if first != question:
                return 400, {"error": {"type": "idempotency_error", "message": "The same key, another question."}}
            return answer
        answer = self._new_answer(method, path.partition("?")[0].removeprefix("/v1/").split("/"), sent)
        if key:
            self.answers[key] = question, answer
        return answer

    def _new_answer(self, method: str, path: list[str], sent: dict[str, str]) -> tuple[int, dict]:
        match method, path:
            case "POST", ["payment_intents"]:
                return self._hold(sent)
            case "GET", ["payment_intents", name]:
                return 200, self.intents[name]
            case "POST", ["payment_intents", name, "capture"]:
                taken = int(sent["amount_to_capture"])
                return self._move(name, "succeeded", latest_charge=f"ch_{name}", amount_received=taken)
            case "POST", ["payment_intents", name, "cancel"]:
                return self._move(name, "canceled")
            case "GET", ["refunds"]:
                return 200, {"object": "list", "data": list(self.refunds.values()), "has_more": False}
            case "POST", ["refunds"]:
                name = f"re_{len(self.refunds) + 1}"
                of = {"charge": sent["charge"], "amount": int(sent["amount"])}
                says = {"status": self.refund_status, "metadata": {"key": sent["metadata[key]"]}}
                self.refunds[name] = {"id": name, "object": "refund"} | of | says
                return 200, self.refunds[name]
        return 404, {"error": {"type": "invalid_request_error", "message": "Unrecognized request URL"}}

    def _hold(self, sent: dict[str, str]) -> tuple[int, dict]:
        if sent["payment_method"] == "pm_card_chargeDeclined":
            return 402, {
                "error": {"type": "card_error", "code": "card_declined", "message": "Your card was declined."}
            }
        name = f"pi_{len(self.intents) + 1}"
        waits = sent["payment_method"] == "pm_konbini"
        self.intents[name] = {
            "id": name,
            "object": "payment_intent",
            "status": "processing" if waits else "requires_capture",
            "amount": int(sent["amount"]),
            "currency": sent["currency"],
            "amount_received": 0,
            "latest_charge": None,
            "metadata": {"key": sent["metadata[key]"]},
        }
        return 200, self.intents[name]

    def _move(self, name: str, status: str, **fields) -> tuple[int, dict]:
        intent = self.intents[name]
        if intent["status"] != "requires_capture":
            error = {"type": "invalid_request_error", "code": "payment_intent_unexpected_state", "message": "No."}
            return 400, {"error": error}
        self.intents[name] = intent | {"status": status} | fields
        return 200, self.intents[name]

    def forget_keys(self) -> None:
        """As the real one does after a day."""
        self.answers.clear()

    def event(
        self, kind: str, money: dict, *, number: str = "evt_1", at: float | None = None
    ) -> tuple[bytes, str]:
        """An event as Stripe sends it: the body and its signature."""
        body = json.dumps({"id": number, "object": "event", "type": kind, "data": {"object": money}}).encode()
        moment = int(time.time() if at is None else at)
        signed = hmac.new(WEBHOOK_SECRET.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
        return body, f"t={moment},v1={signed}"


class _Handler(BaseHTTPRequestHandler):
    stripe: FakeStripe

    def log_message(self, *args) -> None:
        """Say nothing."""

    def _take(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        sent = dict(parse_qsl(self.rfile.read(length).decode()))
        key = self.headers.get("Idempotency-Key", "") if self.command == "POST" else ""
        stripe = self.stripe
        stripe.asked.append((self.command, self.path, sent, key))
        if stripe.fault in {"down", "busy"}:
            status = 503 if stripe.fault == "down" else 429
            return self._say(status, {"error": {"type": "api_error", "message": "Try again later."}})
        status, answer = stripe.answer(self.command, self.path, sent, key)
        if stripe.fault == "lost":
            self.close_connection = True
            return self.connection.close()
        return self._say(status, answer)

    def _say(self, status: int, answer: dict) -> None:
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = _take  # noqa: N815 - the names that the server looks for


def serve() -> tuple[FakeStripe, ThreadingHTTPServer]:
    """Start the server on a free port; the caller shuts it down."""
    stripe = FakeStripe()
    handler = type("Handler", (_Handler,), {"stripe": stripe})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    stripe.address = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return stripe, server
