import type { EditorProps } from "./editor-props.ts";

/** Stands in while the editor is on its way, and can already be typed into. */
export function PlainEditor({ value, label, onChange, onRun }: EditorProps) {
  return (
    <textarea
      className="plain-editor"
      aria-label={label}
      rows={1}
      spellCheck={false}
      value={value}
      onChange={(event) => onChange(event.target.value)}
      onKeyDown={(event) => {
        if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey || event.shiftKey)) return;
        event.preventDefault();
        onRun();
      }}
    />
  );
}
