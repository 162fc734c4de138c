import { useEffect, useId, useState } from "react";

interface MatcherFieldProps {
  label: string;
  value: string;
  problem: string | undefined;
  onChange: (value: string | undefined) => void;
}

/** A text of matchers, taken over a moment after the typing ends. */
export function MatcherField({ label, value, problem, onChange }: MatcherFieldProps) {
  const [typed, setTyped] = useState(value);
  const help = useId();
  useEffect(() => setTyped(value), [value]);
  useEffect(() => {
    if (typed === value) return;
    const timer = window.setTimeout(() => onChange(typed || undefined), 250);
    return () => window.clearTimeout(timer);
  }, [typed, value, onChange]);
  return (
    <div className="matcher-field">
      <input
        className="input mono"
        type="search"
        spellCheck={false}
        autoComplete="off"
        aria-label={label}
        aria-invalid={problem ? true : undefined}
        aria-describedby={problem ? help : undefined}
        placeholder={'severity="critical", team=~"ml.*"'}
        value={typed}
        onChange={(event) => setTyped(event.target.value)}
      />
      <p id={help} className="field-problem" role="status">
        {problem ?? ""}
      </p>
    </div>
  );
}
