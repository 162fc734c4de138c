import type { TextSpan } from "./spans.ts";

export interface EditorProps {
  value: string;
  /** The editor's name for those who do not see it. */
  label: string;
  error: { message: string; span: TextSpan | undefined } | undefined;
  onChange: (value: string) => void;
  onRun: () => void;
}
