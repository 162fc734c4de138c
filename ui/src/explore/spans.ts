import type { ErrorSpan } from "../api/errors.ts";

/** A stretch of a JavaScript string. */
export interface TextSpan {
  start: number;
  end: number;
}

/** Turns a span of UTF-8 bytes into one of the string's own units, inside the string and never empty where it can be. */
export function toTextSpan(text: string, span: ErrorSpan): TextSpan {
  const start = unitAt(text, span.start);
  const end = Math.max(unitAt(text, span.end), Math.min(text.length, start + 1));
  return { start, end };
}

function unitAt(text: string, bytes: number): number {
  let seen = 0;
  let unit = 0;
  for (const character of text) {
    if (seen >= bytes) break;
    const code = character.codePointAt(0) ?? 0;
    seen += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    unit += character.length;
  }
  return unit;
}
