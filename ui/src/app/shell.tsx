import { useEffect, useRef, useState, type ReactNode } from "react";
import { Link, useLocation } from "wouter";
import { useAlertCount } from "../api/alertmanager.ts";
import { useBoot } from "../api/hooks.ts";
import { useConnection } from "../api/connection.ts";
import { formatTime } from "../time/range.ts";
import { Icon, Mark } from "../widgets/icons.tsx";
import { Palette } from "./palette.tsx";
import { PLACES } from "./places.ts";
import { ThemeMenu } from "./theme-menu.tsx";

const NARROW_KEY = "watchfire.nav";

/** What stands around every page: navigation, connection state, the palette. */
export function Shell({ children }: { children: ReactNode }) {
  const [location] = useLocation();
  const [narrow, setNarrow] = useState(readNarrow);
  const [palette, setPalette] = useState(false);
  const main = useRef<HTMLElement>(null);
  const boot = useBoot();

  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if ((event.ctrlKey || event.metaKey) && !event.altKey && event.key.toLowerCase() === "k") {
        event.preventDefault();
        setPalette((open) => !open);
      }
    };
    window.addEventListener("keydown", onKey);
    return () => window.removeEventListener("keydown", onKey);
  }, []);

  // A new page begins at its top, and a screen reader is told by the heading that takes the focus.
  const shown = useRef(location);
  useEffect(() => {
    if (shown.current === location) return;
    shown.current = location;
    main.current?.focus({ preventScroll: true });
    window.scrollTo(0, 0);
  }, [location]);

  const toggle = () => {
    setNarrow(!narrow);
    storeNarrow(!narrow);
  };

  return (
    <div className="shell" data-nav={narrow ? "narrow" : "wide"}>
      <a
        className="skip-link"
        href={`${window.location.pathname}${window.location.search}#main`}
        onClick={(event) => {
          event.preventDefault();
          main.current?.focus();
        }}
      >
        Skip to the content
      </a>
      <header className="sidebar">
        <div className="brand">
          <Link href="/" className="brand-link" aria-label="Watchfire, overview">
            <Mark />
            <span className="brand-name">Watchfire</span>
          </Link>
        </div>
        <button type="button" className="palette-button" onClick={() => setPalette(true)} aria-label="Go to… Ctrl K" aria-keyshortcuts="Control+K Meta+K">
          <Icon name="search" />
          <span className="nav-text">Go to…</span>
          <kbd className="nav-text">Ctrl K</kbd>
        </button>
        <nav aria-label="Pages">
          <ul className="nav-list">
            {PLACES.map((place) => (
              <li key={place.path}>
                <Link href={place.path} className="nav-link" title={place.name} aria-current={isCurrent(location, place.path) ? "page" : undefined}>
                  <Icon name={place.icon} size={18} />
                  <span className="nav-text">{place.name}</span>
                  {place.path === "/alerts" ? <FiringCount /> : null}
                </Link>
              </li>
            ))}
          </ul>
        </nav>
        <div className="sidebar-foot">
          <ThemeMenu />
          <button type="button" className="nav-button nav-toggle" onClick={toggle} aria-label={narrow ? "Widen the navigation" : "Narrow the navigation"} aria-expanded={!narrow}>
            <Icon name="sidebar" size={18} />
          </button>
          {boot.data ? <span className="version nav-text">{boot.data.version}</span> : null}
        </div>
      </header>
      <div className="page">
        <ConnectionBanner />
        <main id="main" ref={main} tabIndex={-1}>
          {children}
        </main>
      </div>
      <Palette open={palette} close={() => setPalette(false)} />
    </div>
  );
}

function isCurrent(location: string, path: string): boolean {
  if (path === "/dashboards") return location === path || location.startsWith("/d/");
  if (path === "/explore") return location === path || location === "/graph";
  if (path === "/alerts" || path === "/rules") return location === path || location.startsWith(`${path}/`);
  return location === path;
}

function FiringCount() {
  const firing = useAlertCount().data?.active ?? 0;
  if (firing === 0) return null;
  return (
    <span className="nav-count">
      {firing}
      <span className="visually-hidden"> firing</span>
    </span>
  );
}

function ConnectionBanner() {
  const { reachable, lostAt } = useConnection();
  return (
    <div role="status" className="connection">
      {reachable ? null : (
        <p className="connection-text">
          <Icon name="warning" /> The server has not answered since {formatTime(lostAt ?? 0, "browser")}. What you see is from before; this page goes on trying.
        </p>
      )}
    </div>
  );
}

function readNarrow(): boolean {
  try {
    return window.localStorage.getItem(NARROW_KEY) === "narrow";
  } catch {
    return false;
  }
}

function storeNarrow(narrow: boolean) {
  try {
    window.localStorage.setItem(NARROW_KEY, narrow ? "narrow" : "wide");
  } catch {
    // Without storage the choice lasts as long as the page.
  }
}
