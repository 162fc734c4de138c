interface PagerProps {
  offset: number;
  size: number;
  total: number;
  go: (offset: number) => void;
}

/** Which part of a long list is shown, and the way to its neighbours. Nothing where all of it is. */
export function Pager({ offset, size, total, go }: PagerProps) {
  if (total <= size && offset === 0) return null;
  return (
    <nav className="pager" aria-label="Pages of the list">
      <button type="button" className="button" disabled={offset === 0} onClick={() => go(Math.max(0, offset - size))}>
        Newer
      </button>
      <span className="muted">
        {Math.min(offset + 1, total)} to {Math.min(offset + size, total)} of {total}
      </span>
      <button type="button" className="button" disabled={offset + size >= total} onClick={() => go(offset + size)}>
        Older
      </button>
    </nav>
  );
}
