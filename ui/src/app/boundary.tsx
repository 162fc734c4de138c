import { Component, type ReactNode } from "react";
import { messageOf } from "../api/errors.ts";
import { Notice } from "../widgets/states.tsx";

/** Keeps a fault in one page from taking the navigation with it. */
export class Boundary extends Component<{ children: ReactNode }, { error: unknown }> {
  override state: { error: unknown } = { error: undefined };

  static getDerivedStateFromError(error: unknown) {
    return { error };
  }

  override render() {
    if (this.state.error === undefined) return this.props.children;
    return (
      <Notice icon="error" tone="error" title="This page failed to draw">
        <p>{messageOf(this.state.error)}</p>
        <button type="button" className="button" onClick={() => window.location.reload()}>
          Load the page again
        </button>
      </Notice>
    );
  }
}
