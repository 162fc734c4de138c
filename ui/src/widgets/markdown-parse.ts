export type Inline =
  | { kind: "text"; text: string }
  | { kind: "code"; text: string }
  | { kind: "strong"; content: Inline[] }
  | { kind: "emphasis"; content: Inline[] }
  | { kind: "link"; href: string; content: Inline[] };

export type Block =
  | { kind: "heading"; level: number; content: Inline[] }
  | { kind: "paragraph"; content: Inline[] }
  | { kind: "quote"; content: Inline[] }
  | { kind: "list"; ordered: boolean; items: Inline[][] }
  | { kind: "code"; text: string }
  | { kind: "rule" };

const ITEM = /^\s*(?:[-*+]|(\d+)[.)])\s+(.*)$/;

/** Reads headings, paragraphs, lists, quotes, code, rules, emphasis and links; everything else is text. */
export function parseMarkdown(text: string): Block[] {
  const blocks: Block[] = [];
  const lines = text.replace(/\r\n?/g, "\n").split("\n");
  let paragraph: string[] = [];
  const flush = () => {
    if (paragraph.length > 0) blocks.push({ kind: "paragraph", content: parseInline(paragraph.join(" ")) });
    paragraph = [];
  };
  for (let at = 0; at < lines.length; at += 1) {
    const line = lines[at] ?? "";
    const heading = /^(#{1,6})\s+(.*?)\s*#*$/.exec(line);
    if (line.trim().startsWith("```")) {
      flush();
      const code: string[] = [];
      for (at += 1; at < lines.length && !(lines[at] ?? "").trim().startsWith("```"); at += 1) code.push(lines[at] ?? "");
      blocks.push({ kind: "code", text: code.join("\n") });
    } else if (line.trim() === "") {
      flush();
    } else if (heading) {
      flush();
      blocks.push({ kind: "heading", level: heading[1]?.length ?? 1, content: parseInline(heading[2] ?? "") });
    } else if (/^\s*([-*_])(\s*\1){2,}\s*$/.test(line)) {
      flush();
      blocks.push({ kind: "rule" });
    } else if (ITEM.test(line)) {
      flush();
      const ordered = ITEM.exec(line)?.[1] !== undefined;
      const items: Inline[][] = [];
      for (; at < lines.length && ITEM.test(lines[at] ?? ""); at += 1) items.push(parseInline(ITEM.exec(lines[at] ?? "")?.[2] ?? ""));
      at -= 1;
      blocks.push({ kind: "list", ordered, items });
    } else if (line.startsWith(">")) {
      flush();
      const quoted: string[] = [];
      for (; at < lines.length && (lines[at] ?? "").startsWith(">"); at += 1) quoted.push((lines[at] ?? "").replace(/^>\s?/, ""));
      at -= 1;
      blocks.push({ kind: "quote", content: parseInline(quoted.join(" ")) });
    } else {
      paragraph.push(line.trim());
    }
  }
  flush();
  return blocks;
}

const INLINE = /`([^`]+)`|\*\*([^*]+)\*\*|__([^_]+)__|\*([^*\s][^*]*)\*|\b_([^_]+)_\b|\[([^\]]+)\]\(([^)\s]+)\)/g;
const DEEPEST = 8;

function parseInline(text: string, depth = 0): Inline[] {
  const content: Inline[] = [];
  let at = 0;
  for (const found of depth < DEEPEST ? text.matchAll(INLINE) : []) {
    if (found.index > at) content.push({ kind: "text", text: text.slice(at, found.index) });
    content.push(inlineOf(found, depth));
    at = found.index + found[0].length;
  }
  if (at < text.length) content.push({ kind: "text", text: text.slice(at) });
  return content;
}

function inlineOf(found: RegExpExecArray, depth: number): Inline {
  const [whole, code, strong, strongToo, emphasis, emphasisToo, label, href] = found;
  const inner = (part: string | undefined) => parseInline(part ?? "", depth + 1);
  if (code !== undefined) return { kind: "code", text: code };
  if (strong !== undefined || strongToo !== undefined) return { kind: "strong", content: inner(strong ?? strongToo) };
  if (emphasis !== undefined || emphasisToo !== undefined) return { kind: "emphasis", content: inner(emphasis ?? emphasisToo) };
  if (href !== undefined && isSafeLink(href)) return { kind: "link", href, content: inner(label) };
  return { kind: "text", text: whole };
}

/** Only the web and our own pages: no `javascript:`, no `data:`, no address of another host without its scheme. */
export function isSafeLink(href: string): boolean {
  return /^https?:\/\//i.test(href) || /^\/(?![/\\])/.test(href);
}
