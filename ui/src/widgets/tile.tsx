interface TileProps {
  tone?: string;
  value: string | number;
  name: string;
  note: string;
}

/** One number that matters, inside a `<ul className="tiles">`. */
export function Tile({ tone = "plain", value, name, note }: TileProps) {
  return (
    <li className="tile" data-tone={tone}>
      <span className="tile-value">{value}</span>
      <span className="tile-name">{name}</span>
      <span className="tile-note">{note}</span>
    </li>
  );
}
