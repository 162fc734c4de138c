interface SearchFieldProps {
  label: string;
  value: string;
  onChange: (value: string | undefined) => void;
}

export function SearchField({ label, value, onChange }: SearchFieldProps) {
  return (
    <input
      className="input search"
      type="search"
      aria-label={label}
      placeholder={label}
      value={value}
      onChange={(event) => onChange(event.target.value || undefined)}
    />
  );
}

interface FilterButtonsProps {
  label: string;
  value: string;
  options: readonly { value: string; text: string; count?: number }[];
  onChange: (value: string) => void;
}

/** One of a few, all in sight, each with how many there are. */
export function FilterButtons({ label, value, options, onChange }: FilterButtonsProps) {
  return (
    <div className="segments" role="group" aria-label={label}>
      {options.map((option) => (
        <button key={option.value} type="button" className="segment" aria-pressed={value === option.value} onClick={() => onChange(option.value)}>
          {option.text}
          {option.count === undefined ? null : <span className="segment-count">{option.count}</span>}
        </button>
      ))}
    </div>
  );
}
