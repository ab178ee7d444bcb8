"""A stand-in for OpenAI on the loopback: answers a turn with "pong" and remembers who asked. The same that
tests/support/backend.rs is to the tests, for programs that Rust does not start."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

# The words of the original: people search for them.
NO_BEARER = "Missing bearer or basic authentication in header"


class Backend:
    """Listens from birth until the process ends. `seen` holds every request: method, path, bearer, status."""

    def __init__(self):
        self.seen = []
        handler = type("Bound", (Handler,), {"seen": self.seen})
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        server.daemon_threads = True
        self.url = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, daemon=True).start()

    def turns(self):
        """The bearer of every request for an answer; `None` is the bug."""
        return [request["bearer"] for request in self.seen if request["turn"]]

    def arguments(self):
        """What sends codex here."""
        return [
            "-c",
            f'openai_base_url="{self.url}/v1"',
            "-c",
            f'chatgpt_base_url="{self.url}/backend-api"',
        ]

    def environment(self):
        """What keeps codex on this machine: the stand-in is its proxy too, and refuses."""
        proxies = {name: self.url for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")}
        proxies |= {name.lower(): value for name, value in proxies.items()}
        there = f"{self.url}/oauth/token"
        return proxies | {
            "NO_PROXY": "127.0.0.1,localhost",
            "no_proxy": "127.0.0.1,localhost",
            "CODEX_REFRESH_TOKEN_URL_OVERRIDE": there,
        }


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    seen = []

    def log_message(self, *_):
        """Says nothing: `seen` is the log."""

    def do_GET(self):
        if (self.headers.get("Upgrade") or "").lower() == "websocket":
            return self.answer(426, error("websockets are not spoken here"))
        if self.route() == "/v1/models":
            return self.answer(200, {"object": "list", "data": [], "models": []})
        if self.route() == "/backend-api/wham/accounts/check":
            # Without it codex 0.169 does not say which login it holds, and OpenClaw 2026.9.6 does not go on.
            place = {"workspace_backend_origin": "https://chatgpt.com", "account_routing_override": "us"}
            return self.answer(200, {"accounts": [{"id": self.headers.get("ChatGPT-Account-Id")} | place]})
        return self.answer(404, error("nothing is here"))

    def do_CONNECT(self):
        self.answer(403, error("nothing leaves this machine"))

    def do_POST(self):
        self.read_body()
        if self.route() != "/v1/responses":
            return self.answer(404, error("nothing is here"))
        if self.bearer() is None:
            return self.answer(401, error(NO_BEARER), turn=True)
        return self.answer(200, pong(), "text/event-stream", turn=True)

    def route(self):
        return self.path.split("?")[0]

    def bearer(self):
        scheme, _, token = (self.headers.get("Authorization") or "").partition(" ")
        return token.strip() or None if scheme == "Bearer" else None

    def read_body(self):
        # Unread bytes at closing time would reach the client as a reset instead of the answer.
        if "chunked" not in (self.headers.get("Transfer-Encoding") or "").lower():
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            return
        while size := int(self.rfile.readline().split(b";")[0] or b"0", 16):
            self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()

    def answer(self, status, body, kind="application/json", turn=False):
        bearer = self.bearer()
        self.seen.append(
            {"method": self.command, "path": self.route(), "bearer": bearer, "status": status, "turn": turn}
        )
        data = (body if isinstance(body, str) else json.dumps(body)).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Connection", "close")
        self.close_connection = True
        try:
            self.end_headers()
            self.wfile.write(data)
        except ConnectionError:
            # Whoever asked did not wait for the answer.
            pass


def error(message):
    return {"error": {"message": message, "type": "invalid_request_error", "code": None}}


def pong():
    """The shortest turn codex takes for a whole one."""
    content = [{"type": "output_text", "text": "pong", "annotations": []}]
    item = {"type": "message", "id": "msg_1", "role": "assistant", "content": content}
    usage = {
        "input_tokens": 1,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": 1,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 2,
    }
    events = [
        {"type": "response.created", "response": {"id": "resp_1"}},
        {"type": "response.output_item.done", "output_index": 0, "item": item},
        {"type": "response.completed", "response": {"id": "resp_1", "usage": usage}},
    ]
    return "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events)
