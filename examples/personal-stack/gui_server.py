"""A GUI server: keeps the conversations of people and asks the LLM server. What browsers report goes to /error.

    python3 gui_server.py [PORT] [LLM_SERVER_URL]
"""

import sys

from prometheus_client import Counter, Gauge
from telemetry import call, serve

SESSIONS = Gauge("gui_active_sessions", "People who are here now.")
ERRORS = Counter("gui_frontend_errors", "What browsers reported.", ["page"])
PAGES = ("/chat", "/settings")
LLM = sys.argv[2] if len(sys.argv) > 2 else "http://127.0.0.1:8702"

sessions = {}


def chat(body):
    talk = sessions.setdefault(body["session"], [])
    SESSIONS.set(len(sessions))
    answer = call("llm-server", f"{LLM}/complete", {"prompt": body["text"]})["text"]
    talk.append((body["text"], answer))
    return {"text": answer, "turns": len(talk)}


def error(body):
    # A label takes known pages only: what a browser sends may be anything.
    ERRORS.labels(body["page"] if body["page"] in PAGES else "other").inc()
    return {}


def leave(body):
    sessions.pop(body["session"], None)
    SESSIONS.set(len(sessions))
    return {}


if __name__ == "__main__":
    serve(int(sys.argv[1]) if len(sys.argv) > 1 else 8703, {"/chat": chat, "/error": error, "/leave": leave})
