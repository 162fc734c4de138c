import { Link } from "wouter";
import type { Suppression } from "../api/routes.ts";
import { Icon } from "../widgets/icons.tsx";

/** What keeps an alert quiet, each with the way to it. */
export function Suppressions({ list }: { list: readonly Suppression[] }) {
  if (list.length === 0) return null;
  return (
    <ul className="suppressions">
      {list.map((one) => (
        <li key={`${one.kind} ${one.names.join(" ")}`}>
          <Icon name="mute" size={13} /> {one.text}
          {one.kind === "silence"
            ? one.names.map((id) => (
                <Link key={id} href={`/alerts/silences/${encodeURIComponent(id)}`} className="text-link">
                  {" "}
                  Look at it
                </Link>
              ))
            : null}
        </li>
      ))}
    </ul>
  );
}
