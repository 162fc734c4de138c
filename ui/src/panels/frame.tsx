import * as Ariakit from "@ariakit/react";
import { useId, type ReactNode } from "react";
import type { ReadyLink } from "../dashboard/links.ts";
import { Icon } from "../widgets/icons.tsx";
import { LinkTo } from "../widgets/link-to.tsx";

export interface PanelAction {
  text: string;
  run: () => void;
  link?: undefined;
}

export interface PanelLinkAction {
  link: ReadyLink;
}

export interface PanelNote {
  tone: "info" | "warning" | "error";
  text: string;
}

/** Below this a title and what stands beside it do not fit next to each other. */
const NARROW_PX = 185;
/** Below this tables need their paddings. */
const SLIM_PX = 560;

function roomOf(width: number | undefined): "narrow" | "slim" | undefined {
  if (width === undefined || width >= SLIM_PX) return undefined;
  return width < NARROW_PX ? "narrow" : "slim";
}

interface FrameProps {
  title: string;
  description?: string;
  notes?: readonly PanelNote[];
  actions: readonly (PanelAction | PanelLinkAction)[];
  busy: boolean;
  level?: 2 | 3;
  /** Pixels from left to right, once they are known. */
  width?: number | undefined;
  children: ReactNode;
}

/** The box around a panel: its title, what is to be said about its data, its menu. */
export function PanelFrame({ title, description, notes = [], actions, busy, level = 2, width, children }: FrameProps) {
  const heading = useId();
  const Heading = level === 2 ? "h2" : "h3";
  const name = title || "Panel without a title";
  return (
    <figure className="panel" data-room={roomOf(width)} aria-labelledby={heading} aria-busy={busy}>
      <figcaption className="panel-head">
        <Heading id={heading} className={title ? "panel-title" : "visually-hidden"} title={title || undefined}>
          {name}
        </Heading>
        {description ? <Hint label={`About ${name}`} icon="info" text={[description]} tone="about" /> : null}
        {notes.length > 0 ? (
          <Hint
            label={`Notes on ${name}`}
            icon={notes.some((note) => note.tone !== "info") ? "warning" : "info"}
            text={notes.map((note) => note.text)}
            tone={notes.some((note) => note.tone === "error") ? "error" : notes.some((note) => note.tone === "warning") ? "warning" : "info"}
          />
        ) : null}
        <span className="panel-space" />
        <PanelMenu name={name} actions={actions} />
      </figcaption>
      <div className="panel-body">{children}</div>
    </figure>
  );
}

function Hint({ label, icon, text, tone }: { label: string; icon: "info" | "warning"; text: readonly string[]; tone: string }) {
  return (
    <Ariakit.PopoverProvider placement="bottom-start">
      <Ariakit.PopoverDisclosure className="hint-button" data-tone={tone} aria-label={label}>
        <Icon name={icon} size={14} />
      </Ariakit.PopoverDisclosure>
      <Ariakit.Popover className="popover hint" gutter={4} aria-label={label} unmountOnHide>
        {text.map((line) => (
          <p key={line}>{line}</p>
        ))}
      </Ariakit.Popover>
    </Ariakit.PopoverProvider>
  );
}

function PanelMenu({ name, actions }: { name: string; actions: readonly (PanelAction | PanelLinkAction)[] }) {
  return (
    <Ariakit.MenuProvider placement="bottom-end">
      <Ariakit.MenuButton className="hint-button panel-menu" aria-label={`Menu of ${name}`}>
        <Icon name="more" size={16} />
      </Ariakit.MenuButton>
      <Ariakit.Menu className="popover menu" gutter={4} unmountOnHide>
        {actions.map((action, index) =>
          action.link ? (
            <Ariakit.MenuItem key={`link ${index}`} className="menu-item" render={<LinkTo link={action.link} />}>
              {action.link.title}
            </Ariakit.MenuItem>
          ) : (
            <Ariakit.MenuItem key={action.text} className="menu-item" onClick={action.run}>
              {action.text}
            </Ariakit.MenuItem>
          ),
        )}
      </Ariakit.Menu>
    </Ariakit.MenuProvider>
  );
}
