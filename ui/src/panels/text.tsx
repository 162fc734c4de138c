import { useMemo } from "react";
import { interpolate, type VariableValues } from "../dashboard/interpolate.ts";
import { Markdown } from "../widgets/markdown.tsx";

/** A text panel. Markdown becomes elements; HTML is shown as the text it is, because a dashboard is not trusted. */
export default function TextPanel({ options, variables }: { options: Record<string, unknown>; variables: VariableValues }) {
  const content = typeof options["content"] === "string" ? options["content"] : "";
  const text = useMemo(() => interpolate(content, variables), [content, variables]);
  if (options["mode"] === "markdown" || options["mode"] === undefined) return <Markdown text={text} />;
  return (
    <div className="markdown">
      {options["mode"] === "html" ? <p className="note">This panel is written in HTML, which is shown as text.</p> : null}
      <pre className="query-text">{text}</pre>
    </div>
  );
}
