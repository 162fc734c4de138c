import { useCallback, useMemo } from "react";
import { useLocation, useSearch } from "wouter";

/** Changes to the query string: a value, several, or `undefined` to take the key away. */
export type UrlChange = Readonly<Record<string, string | readonly string[] | undefined>>;

export interface UrlState {
  params: URLSearchParams;
  /** Replaces the current entry unless `push` asks for a new one in the history. */
  change: (change: UrlChange, options?: { push?: boolean }) => void;
}

/** The whole state of a page is in its query string; this reads and changes it. */
export function useUrlState(): UrlState {
  const search = useSearch();
  const [, navigate] = useLocation();
  const params = useMemo(() => new URLSearchParams(search), [search]);
  const change = useCallback(
    (wanted: UrlChange, options: { push?: boolean } = {}) => {
      const next = changed(new URLSearchParams(window.location.search), wanted);
      const text = next.toString();
      navigate(text === "" ? currentPath() : `${currentPath()}?${text}`, { replace: !options.push });
    },
    [navigate],
  );
  return { params, change };
}

/** The query string after a change, keys of the change last. */
export function changed(params: URLSearchParams, wanted: UrlChange): URLSearchParams {
  const next = new URLSearchParams(params);
  for (const [key, value] of Object.entries(wanted)) {
    next.delete(key);
    if (value === undefined) continue;
    for (const one of typeof value === "string" ? [value] : value) next.append(key, one);
  }
  return next;
}

function currentPath(): string {
  const base = new URL(document.baseURI).pathname.replace(/\/[^/]*$/, "");
  return window.location.pathname.slice(base.length) || "/";
}
