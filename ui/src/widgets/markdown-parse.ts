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

const INLINE = /`([^`]+)`|\*\*([^*]+)\*\*|__([^_]+)__|\*([^*\s][^*]*)\*|\b_([^_]+)_\b|\[([^\]]+)\]\(([^)\s]+)\)/;
const DEEPEST = 8;

function parseInline(text: string, depth = 0): Inline[] {
  const found = depth < DEEPEST ? INLINE.exec(text) : null;
  if (!found) return text === "" ? [] : [{ kind: "text", text }];
  const [whole, code, strong, strongToo, emphasis, emphasisToo, label, href] = found;
  const inner = (part: string | undefined) => parseInline(part ?? "", depth + 1);
  let inline: Inline;
  if (code !== undefined) inline = { kind: "code", text: code };
  else if (strong !== undefined || strongToo !== undefined) inline = { kind: "strong", content: inner(strong ?? strongToo) };
  else if (emphasis !== undefined || emphasisToo !== undefined) inline = { kind: "emphasis", content: inner(emphasis ?? emphasisToo) };
  else if (href !== undefined && isSafeLink(href)) inline = { kind: "link", href, content: inner(label) };
  else inline = { kind: "text", text: whole };
  const before = text.slice(0, found.index);
  return [...(before === "" ? [] : [{ kind: "text" as const, text: before }]), inline, ...parseInline(text.slice(found.index + whole.length), depth)];
}

/** Only the web and our own pages: no `javascript:`, no `data:`, no address of another host without its scheme. */
export function isSafeLink(href: string): boolean {
  return /^https?:\/\//i.test(href) || /^\/(?![/\\])/.test(href);
}
