"""What the three servers tell Watchfire: the usual names for requests, caches and calls between processes.

Needs `prometheus_client` (pip install prometheus-client). Copy this file beside your own server, or take the names.
"""

import json
import time
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from prometheus_client import CONTENT_TYPE_LATEST, Counter, Histogram, generate_latest

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

REQUESTS = Counter("http_requests", "Requests by path and answer.", ["handler", "method", "code"])
DURATION = Histogram("http_request_duration_seconds", "From arrival to answer.", ["handler"], buckets=SECONDS)
CALLS = Counter("ipc_requests", "Calls to other servers.", ["peer", "outcome"])
CALL_DURATION = Histogram("ipc_request_duration_seconds", "How long those calls take.", ["peer"], buckets=SECONDS)
HITS = Counter("cache_hits", "Look-ups that the cache answered.")
MISSES = Counter("cache_misses", "Look-ups that it did not.")


def call(peer, url, body=None):
    """Asks another server, and counts it: JSON in, JSON out."""
    data = None if body is None else json.dumps(body).encode()
    outcome = "error"
    try:
        with CALL_DURATION.labels(peer).time():
            with urllib.request.urlopen(urllib.request.Request(url, data), timeout=10) as answer:
                result = json.load(answer)
        outcome = "success"
        return result
    finally:
        CALLS.labels(peer, outcome).inc()


def serve(port, routes):
    """Answers `routes` (path to a function from JSON to JSON) and `/metrics`, on loopback, until it is ended."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            if self.path == "/metrics":
                self.answer(200, generate_latest(), CONTENT_TYPE_LATEST)
            else:
                self.handle_route(None)

        def do_POST(self):
            self.handle_route(json.loads(self.rfile.read(int(self.headers.get("content-length", 0))) or "null"))

        def handle_route(self, body):
            handler = self.path if self.path in routes else "other"
            began, code = time.monotonic(), 500
            try:
                if handler == "other":
                    code, answer = 404, {"error": f"nothing at {self.path}"}
                else:
                    answer, code = routes[handler](body), 200
            except urllib.error.URLError as error:
                code, answer = 502, {"error": str(error)}
            except Exception as error:  # A server that is watched tells of its errors instead of ending.
                answer = {"error": str(error)}
            # Counted before it is answered, so that whoever has the answer finds it counted.
            REQUESTS.labels(handler, self.command, str(code)).inc()
            DURATION.labels(handler).observe(time.monotonic() - began)
            self.answer(code, json.dumps(answer).encode(), "application/json")

        def answer(self, code, body, content_type):
            self.send_response(code)
            self.send_header("content-type", content_type)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()
