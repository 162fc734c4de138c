import { autocompletion, closeBrackets, closeBracketsKeymap, closeCompletion, completionKeymap } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { bracketMatching, HighlightStyle, syntaxHighlighting } from "@codemirror/language";
import { setDiagnostics } from "@codemirror/lint";
import { EditorState, Prec } from "@codemirror/state";
import { EditorView, highlightSpecialChars, keymap, placeholder } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { PromQLExtension } from "@prometheus-io/codemirror-promql";
import { useEffect, useRef } from "react";
import { CompletionClient } from "./completion-client.ts";
import type { EditorProps } from "./editor-props.ts";

/** Colours come from the page's tokens, which reach into the shadow root. */
const highlighting = HighlightStyle.define([
  { tag: tags.keyword, color: "var(--code-keyword)" },
  { tag: tags.operator, color: "var(--text-soft)" },
  { tag: tags.function(tags.variableName), color: "var(--code-function)" },
  { tag: tags.labelName, color: "var(--code-label)" },
  { tag: tags.string, color: "var(--code-string)" },
  { tag: tags.number, color: "var(--code-number)" },
  { tag: tags.modifier, color: "var(--code-keyword)" },
  { tag: tags.comment, color: "var(--text-faint)", fontStyle: "italic" },
  { tag: tags.invalid, color: "var(--bad)" },
]);

const look = EditorView.theme({
  "&": { fontSize: "0.8125rem", color: "var(--text)", backgroundColor: "transparent" },
  "&.cm-focused": { outline: "none" },
  ".cm-scroller": { fontFamily: "var(--mono)", lineHeight: "1.6" },
  ".cm-content": { padding: "6px 0", caretColor: "var(--text)" },
  ".cm-line": { padding: "0 10px" },
  ".cm-placeholder": { color: "var(--text-faint)" },
  ".cm-cursor": { borderLeftColor: "var(--text)" },
  ".cm-selectionBackground, &.cm-focused .cm-selectionBackground": { backgroundColor: "var(--selection) !important" },
  "&.cm-focused .cm-matchingBracket": { backgroundColor: "var(--pressed)", outline: "1px solid var(--line-strong)" },
  "&.cm-focused .cm-nonmatchingBracket": { backgroundColor: "transparent", color: "var(--bad)" },
  ".cm-tooltip": {
    backgroundColor: "var(--raised)",
    border: "1px solid var(--line-strong)",
    borderRadius: "8px",
    boxShadow: "var(--shadow)",
    color: "var(--text)",
    zIndex: "40",
  },
  ".cm-tooltip.cm-tooltip-autocomplete > ul": { fontFamily: "var(--mono)", fontSize: "0.78rem", maxHeight: "19em", padding: "4px", maxWidth: "min(560px, 92vw)" },
  ".cm-tooltip.cm-tooltip-autocomplete > ul > li": { padding: "3px 8px", borderRadius: "5px" },
  ".cm-tooltip.cm-tooltip-autocomplete > ul > li[aria-selected]": { backgroundColor: "var(--pressed)", color: "var(--text)", boxShadow: "inset 2px 0 var(--accent)" },
  ".cm-completionMatchedText": { textDecoration: "none", fontWeight: "700", color: "var(--accent-text)" },
  ".cm-completionDetail": { color: "var(--text-faint)", fontStyle: "normal", float: "right", marginLeft: "18px" },
  ".cm-completionInfo": { fontFamily: "var(--sans)", fontSize: "0.75rem", maxWidth: "320px", padding: "8px 10px", lineHeight: "1.45" },
  ".cm-completionIcon": { display: "none" },
  ".cm-diagnostic": { fontFamily: "var(--sans)", fontSize: "0.75rem", borderLeftColor: "var(--bad)" },
  ".cm-lintRange-error": { backgroundImage: "none", textDecoration: "underline wavy var(--bad)", textUnderlineOffset: "4px" },
  ".cm-lintPoint-error:after": { borderBottomColor: "var(--bad)" },
});

const client = new CompletionClient();

/**
 * A PromQL editor. It lives in a shadow root, where its styles are adopted sheets rather than `<style>` elements,
 * so that the page's content security policy stays strict.
 */
export default function Editor({ value, label, error, onChange, onRun }: EditorProps) {
  const host = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView | null>(null);
  const latest = useRef({ onChange, onRun });
  useEffect(() => {
    latest.current = { onChange, onRun };
  });

  useEffect(() => {
    const element = host.current;
    if (!element) return;
    const root = element.shadowRoot ?? element.attachShadow({ mode: "open" });
    const promql = new PromQLExtension().activateLinter(false).setComplete({ remote: client });
    const run = (editor: EditorView) => {
      closeCompletion(editor);
      latest.current.onRun();
      return true;
    };
    const built = new EditorView({
      root,
      parent: root,
      state: EditorState.create({
        doc: value,
        extensions: [
          Prec.highest(keymap.of([{ key: "Mod-Enter", run }, { key: "Shift-Enter", run }])),
          highlightSpecialChars(),
          history(),
          bracketMatching(),
          closeBrackets(),
          autocompletion({ icons: false }),
          EditorView.lineWrapping,
          EditorState.tabSize.of(2),
          keymap.of([...closeBracketsKeymap, ...defaultKeymap, ...historyKeymap, ...completionKeymap]),
          placeholder("A PromQL query, such as rate(node_cpu_seconds_total[5m])"),
          syntaxHighlighting(highlighting),
          look,
          promql.asExtension(),
          EditorView.contentAttributes.of({ "aria-label": label }),
          EditorView.updateListener.of((update) => {
            if (update.docChanged) latest.current.onChange(update.state.doc.toString());
          }),
        ],
      }),
    });
    view.current = built;
    return () => {
      view.current = null;
      built.destroy();
      promql.destroy();
    };
    // The first value starts the editor; later ones are put into it below.
    // oxlint-disable-next-line react-hooks/exhaustive-deps
  }, [label]);

  useEffect(() => {
    const editor = view.current;
    if (!editor || editor.state.doc.toString() === value) return;
    editor.dispatch({ changes: { from: 0, to: editor.state.doc.length, insert: value } });
  }, [value]);

  useEffect(() => {
    const editor = view.current;
    if (!editor) return;
    const length = editor.state.doc.length;
    const marks = error?.span
      ? [{ from: Math.min(error.span.start, length), to: Math.min(error.span.end, length), severity: "error" as const, message: error.message }]
      : [];
    editor.dispatch(setDiagnostics(editor.state, marks));
  }, [error]);

  return <div ref={host} className="editor-host" />;
}
