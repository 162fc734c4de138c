"""An LLM server: answers with what the memory server knows. The model is a stand-in that repeats; put yours in its place.

    python3 llm_server.py [PORT] [MEMORY_SERVER_URL]
"""

import sys

from prometheus_client import Counter
from telemetry import HITS, MISSES, call, serve

TOKENS = Counter("llm_tokens", "Tokens read and written.", ["direction", "model"])
MODEL = "parrot-1"
MEMORY = sys.argv[2] if len(sys.argv) > 2 else "http://127.0.0.1:8701"

answers = {}


def complete(body):
    prompt = body["prompt"]
    TOKENS.labels("input", MODEL).inc(len(prompt.split()))
    if prompt in answers:
        HITS.inc()
    else:
        MISSES.inc()
        known = call("memory-server", f"{MEMORY}/recall", {"key": prompt})["text"]
        answers[prompt] = f"I remember: {known}" if known else f"You said: {prompt}"
        call("memory-server", f"{MEMORY}/remember", {"key": prompt, "text": answers[prompt]})
    TOKENS.labels("output", MODEL).inc(len(answers[prompt].split()))
    return {"text": answers[prompt]}


if __name__ == "__main__":
    serve(int(sys.argv[1]) if len(sys.argv) > 1 else 8702, {"/complete": complete})
