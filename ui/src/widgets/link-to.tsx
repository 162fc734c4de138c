import type { AnchorHTMLAttributes } from "react";
import { Link } from "wouter";
import type { ReadyLink } from "../dashboard/links.ts";

interface LinkToProps extends AnchorHTMLAttributes<HTMLAnchorElement> {
  link: ReadyLink;
}

/** Follows a link of a dashboard: inside this UI without a new page, elsewhere telling nothing of where from. */
export function LinkTo({ link, children, ...rest }: LinkToProps) {
  const title = link.tooltip || undefined;
  if (link.inside && !link.newTab) {
    return (
      <Link {...rest} href={link.href} title={title}>
        {children}
      </Link>
    );
  }
  // An absolute path would forget a prefix this UI may be served under.
  const href = link.inside ? new URL(link.href.slice(1), document.baseURI).href : link.href;
  return (
    <a {...rest} href={href} title={title} rel="noopener noreferrer" target={link.newTab ? "_blank" : undefined}>
      {children}
      {link.newTab ? <span className="visually-hidden"> (opens a new tab)</span> : null}
    </a>
  );
}
