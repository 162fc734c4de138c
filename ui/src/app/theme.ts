import { useSyncExternalStore } from "react";
import type { Theme } from "../format/colors.ts";

/** What the person chose; `system` follows the operating system. */
export type ThemeChoice = "system" | Theme;

const STORED = "watchfire.theme";
const listeners = new Set<() => void>();
const systemLight = typeof window === "undefined" ? undefined : window.matchMedia("(prefers-color-scheme: light)");

let choice: ThemeChoice = readChoice();

function readChoice(): ThemeChoice {
  try {
    const stored = window.localStorage.getItem(STORED);
    return stored === "dark" || stored === "light" ? stored : "system";
  } catch {
    return "system"; // Storage may be forbidden; then the choice lasts as long as the page.
  }
}

function theme(): Theme {
  if (choice !== "system") return choice;
  return systemLight?.matches ? "light" : "dark";
}

function apply() {
  document.documentElement.dataset["theme"] = theme();
  for (const listener of listeners) listener();
}

/** Writes the theme on `<html>` and keeps it true when the operating system changes its mind. */
export function startTheme(): void {
  apply();
  systemLight?.addEventListener("change", apply);
}

export function chooseTheme(next: ThemeChoice): void {
  choice = next;
  try {
    if (next === "system") window.localStorage.removeItem(STORED);
    else window.localStorage.setItem(STORED, next);
  } catch {
    // See readChoice.
  }
  apply();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function useTheme(): Theme {
  return useSyncExternalStore(subscribe, theme);
}

export function useThemeChoice(): ThemeChoice {
  return useSyncExternalStore(subscribe, () => choice);
}
