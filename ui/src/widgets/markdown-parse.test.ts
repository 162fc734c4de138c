import { expect, test } from "vitest";
import { isSafeLink, parseMarkdown } from "./markdown-parse.ts";

test("the common blocks are read", () => {
  const kinds = parseMarkdown("# A\n\ntext **bold** `code`\nmore\n\n- one\n- two\n\n1. first\n\n> said\n\n---\n\n```\nx < y\n```").map((block) => block.kind);
  expect(kinds).toEqual(["heading", "paragraph", "list", "list", "quote", "rule", "code"]);
});

test("HTML stays text", () => {
  const [block] = parseMarkdown("<img src=x onerror=alert(1)>");
  expect(block).toEqual({ kind: "paragraph", content: [{ kind: "text", text: "<img src=x onerror=alert(1)>" }] });
});

test("only links to the web and to our own pages are links", () => {
  expect(["https://a.example", "http://a.example", "/d/host"].every(isSafeLink)).toBe(true);
  expect(["javascript:alert(1)", "data:text/html,x", "//evil.example", "/\\evil.example", "vbscript:x", " javascript:x"].some(isSafeLink)).toBe(false);
  const [block] = parseMarkdown("[click](javascript:alert(1))");
  expect(JSON.stringify(block)).not.toContain('"link"');
});

test("a long line of markup is read without running out of stack", () => {
  expect(() => parseMarkdown("**a** ".repeat(50_000))).not.toThrow();
});
