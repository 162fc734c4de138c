import type { ReactNode } from "react";
import { messageOf } from "../api/errors.ts";
import { Icon, type IconName } from "./icons.tsx";

interface NoticeProps {
  icon: IconName;
  tone?: "plain" | "error" | "warning" | undefined;
  title: string;
  children?: ReactNode;
}

/** What stands where something cannot be shown: what is the matter, why, and what to do. */
export function Notice({ icon, tone = "plain", title, children }: NoticeProps) {
  return (
    <div className="notice" data-tone={tone} role={tone === "error" ? "alert" : undefined}>
      <Icon name={icon} size={20} />
      <p className="notice-title">{title}</p>
      {children ? <div className="notice-body">{children}</div> : null}
    </div>
  );
}

export function Failed({ error, what, retry }: { error: unknown; what: string; retry?: () => void }) {
  return (
    <Notice icon="error" tone="error" title={`${what} could not be loaded`}>
      <p>{messageOf(error)}</p>
      {retry ? (
        <button type="button" className="button" onClick={retry}>
          Try again
        </button>
      ) : null}
    </Notice>
  );
}

/** Grey shapes in the place of what is on its way. */
export function Loading({ what, rows = 6 }: { what: string; rows?: number }) {
  return (
    <div className="loading" role="status">
      <span className="visually-hidden">Loading {what}</span>
      {Array.from({ length: rows }, (_, row) => (
        <span key={row} className="skeleton" style={{ width: `${92 - ((row * 17) % 40)}%` }} />
      ))}
    </div>
  );
}

const TONES = { good: "good", bad: "bad", warn: "warn", info: "info", plain: "plain" } as const;
export type Tone = keyof typeof TONES;

/** A short word with a colour; the word alone carries the meaning. */
export function Badge({ tone = "plain", children }: { tone?: Tone; children: ReactNode }) {
  return (
    <span className="badge" data-tone={TONES[tone]}>
      {children}
    </span>
  );
}

/** Labels as chips, hostile text included: it is only ever text. */
export function LabelChips({ labels, omit = [] }: { labels: Readonly<Record<string, string>>; omit?: readonly string[] }) {
  const entries = Object.entries(labels).filter(([name]) => !omit.includes(name));
  if (entries.length === 0) return <span className="muted">no labels</span>;
  return (
    <ul className="chips">
      {entries.map(([name, value]) => (
        <li key={name} className="chip">
          <span className="chip-name">{name}</span>
          <span className="chip-value">{value}</span>
        </li>
      ))}
    </ul>
  );
}
