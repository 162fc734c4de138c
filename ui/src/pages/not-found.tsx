import { Link } from "wouter";
import { useDocumentTitle } from "../app/title.ts";
import { Notice } from "../widgets/states.tsx";

export function NotFoundPage() {
  useDocumentTitle("Not found");
  return (
    <>
      <h1 className="visually-hidden">Not found</h1>
      <Notice icon="search" title="There is no such page">
        <p>
          <Link href="/">Go to the overview</Link>, or press Ctrl K to find a page.
        </p>
      </Notice>
    </>
  );
}
