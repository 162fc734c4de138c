import type { ReactNode } from "react";

const PATHS = {
  home: "M3 11 12 4l9 7M5 10v10h14V10M10 20v-6h4v6",
  dashboards: "M4 4h7v9H4zM13 4h7v5h-7zM13 11h7v9h-7zM4 15h7v5H4z",
  explore: "M11 4a7 7 0 1 0 0 14 7 7 0 0 0 0-14zM16 16l5 5M8 12l2-3 2 3 2-4",
  alerts: "M6 16V11a6 6 0 0 1 12 0v5l2 2H4zM10 21h4",
  mute: "M6 16V11a6 6 0 0 1 9-5M18 12v4l2 2H8M10 21h4M4 4l16 16",
  rules: "M8 6h12M8 12h12M8 18h12M4 6h.01M4 12h.01M4 18h.01",
  targets: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM12 12h.01",
  status: "M4 5h16v6H4zM4 13h16v6H4zM8 8h.01M8 16h.01M12 8h5M12 16h5",
  storage: "M12 3c-4.5 0-8 1.3-8 3s3.5 3 8 3 8-1.3 8-3-3.5-3-8-3zM4 6v12c0 1.7 3.5 3 8 3s8-1.3 8-3V6M4 12c0 1.7 3.5 3 8 3s8-1.3 8-3",
  training: "M4 4v16h16M7 7c1 8 4 9 13 9",
  search: "M11 4a7 7 0 1 0 0 14 7 7 0 0 0 0-14zM16 16l4 4",
  clock: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM12 7v5l3 2",
  refresh: "M20 11a8 8 0 1 0-2 6M20 5v6h-6",
  chevron: "m6 9 6 6 6-6",
  more: "M5 12h.01M12 12h.01M19 12h.01",
  close: "M6 6l12 12M18 6 6 18",
  check: "m5 12 5 5 9-10",
  warning: "M12 4 2.5 20h19zM12 10v4M12 17h.01",
  error: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM12 8v5M12 16h.01",
  info: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM12 11v5M12 8h.01",
  sidebar: "M4 5h16v14H4zM9 5v14",
  back: "M19 12H5M11 6l-6 6 6 6",
  plus: "M12 5v14M5 12h14",
  play: "M7 5l12 7-12 7z",
  zoomOut: "M11 4a7 7 0 1 0 0 14 7 7 0 0 0 0-14zM16 16l4 4M8 11h6",
  sun: "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM12 2v3M12 19v3M2 12h3M19 12h3M5 5l2 2M17 17l2 2M5 19l2-2M17 7l2-2",
  moon: "M20 14a8 8 0 0 1-10-10 8 8 0 1 0 10 10z",
  system: "M4 5h16v11H4zM9 20h6M12 16v4",
  external: "M14 4h6v6M20 4l-9 9M18 14v6H4V6h6",
  history: "M4 12a8 8 0 1 0 2-5M4 4v4h4M12 8v5l3 2",
  trash: "M5 7h14M9 7V4h6v3M7 7l1 13h8l1-13",
} as const;

export type IconName = keyof typeof PATHS;

/** A line icon that says nothing by itself: what it stands beside, or its button's label, does. */
export function Icon({ name, size = 16 }: { name: IconName; size?: number }): ReactNode {
  return (
    <svg className="icon" width={size} height={size} viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  );
}

/** The mark of Watchfire. */
export function Mark(): ReactNode {
  return (
    <svg className="mark" width="22" height="22" viewBox="0 0 32 32" aria-hidden="true" focusable="false">
      <path d="M16 2c1 5-6 8-6 15a6 6 0 0 0 2 4c0-3 1-5 3-7 0 3 5 4 5 9a5 5 0 0 1-2 4c5-1 8-5 8-10 0-8-8-9-10-15z" />
      <path d="M5 27h22v3H5z" />
    </svg>
  );
}
