import { useEffect, useState, type FormEvent } from "react";
import { ALL, type ResolvedVariable } from "../dashboard/variables.ts";
import { Icon } from "../widgets/icons.tsx";
import { SearchChoice } from "../widgets/choice.tsx";

interface VariableBarProps {
  variables: readonly ResolvedVariable[];
  onChange: (name: string, values: string[]) => void;
}

const HIDE_LABEL = 1;
const HIDE_ALL = 2;

/** The choices above a dashboard. What has only one answer is not asked. */
export function VariableBar({ variables, onChange }: VariableBarProps) {
  const asked = variables.filter(({ variable }) => variable.hide !== HIDE_ALL && variable.type !== "datasource" && variable.type !== "constant");
  if (asked.length === 0) return null;
  return (
    <div className="variables" role="group" aria-label="Variables">
      {asked.map((one) => (
        <div key={one.variable.name} className="variable">
          {one.variable.hide === HIDE_LABEL ? null : <span className="variable-label">{one.variable.label}</span>}
          {one.variable.type === "textbox" ? (
            <TextVariable one={one} onChange={onChange} />
          ) : (
            <SearchChoice
              label={one.variable.label}
              values={one.selected}
              multi={one.variable.multi}
              options={[
                ...(one.variable.includeAll ? [{ value: ALL, text: "All" }] : []),
                ...[...new Set([...one.options, ...one.selected.filter((value) => value !== ALL)])].map((value) => ({ value, text: value })),
              ]}
              onChange={(values) => onChange(one.variable.name, settle(values, one.selected))}
            />
          )}
          {one.problem ? (
            <span className="variable-problem" role="alert">
              <Icon name="warning" size={14} /> {one.problem}
            </span>
          ) : null}
        </div>
      ))}
    </div>
  );
}

/** `All` and single values exclude each other; the newest choice wins. */
function settle(next: string[], before: readonly string[]): string[] {
  if (next.includes(ALL) && !before.includes(ALL)) return [ALL];
  const single = next.filter((value) => value !== ALL);
  return single.length > 0 ? single : next;
}

function TextVariable({ one, onChange }: { one: ResolvedVariable; onChange: VariableBarProps["onChange"] }) {
  const chosen = one.selected[0] ?? "";
  const [text, setText] = useState(chosen);
  useEffect(() => setText(chosen), [chosen]);
  const submit = (event?: FormEvent) => {
    event?.preventDefault();
    if (text !== chosen) onChange(one.variable.name, [text]);
  };
  return (
    <form onSubmit={submit}>
      <input className="input" aria-label={one.variable.label} value={text} onChange={(event) => setText(event.target.value)} onBlur={() => submit()} />
    </form>
  );
}
