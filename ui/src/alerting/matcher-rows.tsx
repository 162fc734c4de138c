import { Icon } from "../widgets/icons.tsx";
import { OPERATORS, operatorOf, withOperator, type Matcher, type Operator } from "./matchers.ts";
import { emptyMatcher } from "./silences.ts";

interface MatcherRowsProps {
  matchers: readonly Matcher[];
  problem: string | undefined;
  onChange: (matchers: Matcher[]) => void;
}

/** Matchers as rows of label, operator and value. All of them must fit. */
export function MatcherRows({ matchers, problem, onChange }: MatcherRowsProps) {
  const replace = (at: number, change: Matcher) => onChange(matchers.map((matcher, index) => (index === at ? change : matcher)));
  return (
    <fieldset className="form-group">
      <legend>Alerts with all of</legend>
      {matchers.map((matcher, index) => (
        // Rows have nothing else to be known by.
        <div key={index} className="matcher-row" role="group" aria-label={`Matcher ${index + 1}`}>
          <input
            className="input mono"
            aria-label="Label"
            placeholder="label"
            spellCheck={false}
            autoCapitalize="off"
            aria-invalid={problem && (matcher.name.trim() === "" || index === 0) ? true : undefined}
            value={matcher.name}
            onChange={(event) => replace(index, { ...matcher, name: event.target.value })}
          />
          <select className="input mono" aria-label="Operator" value={operatorOf(matcher)} onChange={(event) => replace(index, withOperator(matcher, event.target.value as Operator))}>
            {OPERATORS.map((operator) => (
              <option key={operator}>{operator}</option>
            ))}
          </select>
          <input
            className="input mono"
            aria-label="Value"
            placeholder={matcher.isRegex ? "regular expression" : "value"}
            spellCheck={false}
            autoCapitalize="off"
            value={matcher.value}
            onChange={(event) => replace(index, { ...matcher, value: event.target.value })}
          />
          <button
            type="button"
            className="button icon-button"
            aria-label={`Remove matcher ${index + 1}`}
            title="Remove"
            disabled={matchers.length === 1}
            onClick={() => onChange(matchers.filter((_, other) => other !== index))}
          >
            <Icon name="close" />
          </button>
        </div>
      ))}
      <p className="field-problem" role="status">
        {problem ?? ""}
      </p>
      <button type="button" className="button" onClick={() => onChange([...matchers, emptyMatcher()])}>
        <Icon name="plus" /> Add a matcher
      </button>
    </fieldset>
  );
}
