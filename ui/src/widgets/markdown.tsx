import type { ReactNode } from "react";
import { parseMarkdown, type Block, type Inline } from "./markdown-parse.ts";

/** Draws a safe subset of Markdown as elements. HTML in it stays text, links lead only to web addresses and pages here. */
export function Markdown({ text }: { text: string }): ReactNode {
  return <div className="markdown">{parseMarkdown(text).map(drawBlock)}</div>;
}

function drawBlock(block: Block, index: number): ReactNode {
  switch (block.kind) {
    case "heading": {
      const Heading = `h${Math.min(6, block.level + 2)}` as "h3";
      return <Heading key={index}>{block.content.map(drawInline)}</Heading>;
    }
    case "list": {
      const List = block.ordered ? "ol" : "ul";
      return (
        <List key={index}>
          {block.items.map((item, at) => (
            <li key={at}>{item.map(drawInline)}</li>
          ))}
        </List>
      );
    }
    case "code":
      return (
        <pre key={index} className="query-text">
          {block.text}
        </pre>
      );
    case "quote":
      return <blockquote key={index}>{block.content.map(drawInline)}</blockquote>;
    case "rule":
      return <hr key={index} />;
    default:
      return <p key={index}>{block.content.map(drawInline)}</p>;
  }
}

function drawInline(inline: Inline, index: number): ReactNode {
  switch (inline.kind) {
    case "strong":
      return <strong key={index}>{inline.content.map(drawInline)}</strong>;
    case "emphasis":
      return <em key={index}>{inline.content.map(drawInline)}</em>;
    case "code":
      return <code key={index}>{inline.text}</code>;
    case "link":
      return (
        <a key={index} href={inline.href} {...(/^https?:/.test(inline.href) ? { target: "_blank", rel: "noreferrer" } : {})}>
          {inline.content.map(drawInline)}
        </a>
      );
    default:
      return inline.text;
  }
}
