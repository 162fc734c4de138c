import { useId, type ReactNode } from "react";

interface FieldProps {
  label: string;
  problem?: string | undefined;
  hint?: string | undefined;
  children: (props: { id: string; "aria-invalid": true | undefined; "aria-describedby": string }) => ReactNode;
}

/** A labelled field with its hint, or what is wrong with it, in one place. */
export function Field({ label, problem, hint, children }: FieldProps) {
  const id = useId();
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      {children({ id, "aria-invalid": problem ? true : undefined, "aria-describedby": `${id}-note` })}
      <p id={`${id}-note`} className={problem ? "field-problem" : "field-hint"}>
        {problem ?? hint ?? ""}
      </p>
    </div>
  );
}
