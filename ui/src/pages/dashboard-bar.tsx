import { useDashboardList } from "../api/hooks.ts";
import { useTheme } from "../app/theme.ts";
import type { AnnotationSpec } from "../dashboard/annotations.ts";
import { readyLink, type LinkScope, type LinkSpec, type ReadyLink } from "../dashboard/links.ts";
import { resolveColor } from "../format/colors.ts";
import { Icon } from "../widgets/icons.tsx";
import { LinkTo } from "../widgets/link-to.tsx";

/** The names of annotations that were turned about from what their author says, as the address keeps them. */
export function toggled(turned: string, name: string): string | undefined {
  const names = turned.split(",").filter((one) => one !== "");
  const next = names.includes(name) ? names.filter((one) => one !== name) : [...names, name];
  return next.length > 0 ? next.join(",") : undefined;
}

interface AnnotationBarProps {
  specs: readonly AnnotationSpec[];
  shown: readonly AnnotationSpec[];
  problems: readonly string[];
  toggle: (name: string) => void;
}

/** What is marked on the charts, each to be turned on and off. */
export function AnnotationBar({ specs, shown, problems, toggle }: AnnotationBarProps) {
  const theme = useTheme();
  const offered = specs.filter((spec) => !spec.hide);
  if (offered.length === 0 && problems.length === 0) return null;
  return (
    <div className="annotation-bar" role="group" aria-label="Annotations">
      {offered.map((spec) => (
        <button key={spec.name} type="button" className="chip-toggle" aria-pressed={shown.includes(spec)} onClick={() => toggle(spec.name)}>
          <span className="swatch" style={{ background: resolveColor(spec.color, theme) }} />
          {spec.name}
        </button>
      ))}
      {problems.map((problem) => (
        <span key={problem} className="variable-problem" role="alert">
          <Icon name="warning" size={14} /> {problem}
        </span>
      ))}
    </div>
  );
}

/** Where the author of a dashboard sends its reader next. */
export function DashboardLinks({ uid, links, scope }: { uid: string; links: readonly LinkSpec[]; scope: LinkScope }) {
  const byTags = links.some((link) => link.tags !== undefined);
  if (links.length === 0) return null;
  return (
    <nav className="dashboard-links" aria-label="Links of this dashboard">
      {byTags ? <TaggedLinks uid={uid} links={links.filter((link) => link.tags !== undefined)} scope={scope} /> : null}
      <Links links={links.filter((link) => link.tags === undefined).flatMap((link) => readyLink(link, scope) ?? [])} />
    </nav>
  );
}

function TaggedLinks({ uid, links, scope }: { uid: string; links: readonly LinkSpec[]; scope: LinkScope }) {
  const list = useDashboardList();
  const found = links.flatMap((link) =>
    (list.data ?? [])
      .filter((entry) => entry.uid !== uid && (link.tags ?? []).every((tag) => entry.tags?.includes(tag)))
      .flatMap((entry) => readyLink({ ...link, title: entry.title, url: `/d/${encodeURIComponent(entry.uid)}` }, scope) ?? []),
  );
  return <Links links={found} />;
}

function Links({ links }: { links: readonly ReadyLink[] }) {
  return links.map((link) => (
    <LinkTo key={`${link.title} ${link.href}`} link={link} className="dashboard-link">
      {link.title}
      {link.inside ? null : <Icon name="external" size={12} />}
    </LinkTo>
  ));
}
