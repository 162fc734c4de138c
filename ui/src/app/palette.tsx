import * as Ariakit from "@ariakit/react";
import { useMemo, useState } from "react";
import { useLocation } from "wouter";
import { useDashboardList } from "../api/hooks.ts";
import { Icon, type IconName } from "../widgets/icons.tsx";
import { INNER_PLACES, PLACES } from "./places.ts";
import { chooseTheme } from "./theme.ts";

interface Entry {
  key: string;
  name: string;
  kind: string;
  icon: IconName;
  words: string;
  run: () => void;
}

/** Ctrl-K: every page and dashboard by name. */
export function Palette({ open, close }: { open: boolean; close: () => void }) {
  return (
    <Ariakit.Dialog open={open} onClose={close} className="dialog palette" backdrop={<div className="backdrop" />} aria-label="Go to" unmountOnHide>
      <PaletteContent close={close} />
    </Ariakit.Dialog>
  );
}

function PaletteContent({ close }: { close: () => void }) {
  const [, navigate] = useLocation();
  const dashboards = useDashboardList();
  const [typed, setTyped] = useState("");

  const entries = useMemo((): Entry[] => {
    const go = (path: string) => () => navigate(path);
    return [
      ...[...PLACES, ...INNER_PLACES].map((place) => ({ key: place.path, name: place.name, kind: "Page", icon: place.icon, words: place.words, run: go(place.path) })),
      ...(dashboards.data ?? []).map((one) => ({
        key: `d-${one.uid}`,
        name: one.title,
        kind: "Dashboard",
        icon: "dashboards" as const,
        words: (one.tags ?? []).join(" "),
        run: go(`/d/${encodeURIComponent(one.uid)}`),
      })),
      { key: "dark", name: "Dark colours", kind: "Action", icon: "moon", words: "theme night", run: () => chooseTheme("dark") },
      { key: "light", name: "Light colours", kind: "Action", icon: "sun", words: "theme day", run: () => chooseTheme("light") },
      { key: "system", name: "Colours as the system", kind: "Action", icon: "system", words: "theme auto", run: () => chooseTheme("system") },
    ];
  }, [dashboards.data, navigate]);

  const words = typed.toLowerCase().split(/\s+/).filter(Boolean);
  const found = entries.filter((entry) => {
    const text = `${entry.name} ${entry.kind} ${entry.words}`.toLowerCase();
    return words.every((word) => text.includes(word));
  });

  return (
    <Ariakit.ComboboxProvider setValue={setTyped} open setOpen={(next) => next || close()} focusLoop>
      <Ariakit.Combobox className="palette-input" placeholder="A page or dashboard" aria-label="Go to" autoSelect="always" autoFocus />
      <Ariakit.ComboboxList className="palette-list" aria-label="Found" alwaysVisible>
        {found.slice(0, 50).map((entry) => (
          <Ariakit.ComboboxItem
            key={entry.key}
            className="menu-item palette-item"
            focusOnHover
            setValueOnClick={false}
            onClick={() => {
              entry.run();
              close();
            }}
          >
            <Icon name={entry.icon} />
            <span className="menu-item-text">{entry.name}</span>
            <span className="muted">{entry.kind}</span>
          </Ariakit.ComboboxItem>
        ))}
      </Ariakit.ComboboxList>
      {found.length === 0 ? <p className="note">Nothing is called “{typed}”.</p> : null}
    </Ariakit.ComboboxProvider>
  );
}
