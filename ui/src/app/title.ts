import { useEffect } from "react";

/** Names the document after what it shows. */
export function useDocumentTitle(title: string): void {
  useEffect(() => {
    document.title = title === "" ? "Watchfire" : `${title} · Watchfire`;
  }, [title]);
}
