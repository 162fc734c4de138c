import * as Ariakit from "@ariakit/react";
import { useDeferredValue, useMemo, useState } from "react";
import { Icon } from "./icons.tsx";

export interface Option {
  value: string;
  text: string;
}

interface ChoiceProps {
  label: string;
  value: string;
  options: readonly Option[];
  onChange: (value: string) => void;
}

/** One of a few. */
export function Choice({ label, value, options, onChange }: ChoiceProps) {
  const select = Ariakit.useSelectStore({ value, setValue: (next) => onChange(String(next)) });
  const shown = options.find((option) => option.value === value)?.text ?? value;
  return (
    <>
      <Ariakit.Select store={select} className="button select-button" aria-label={`${label}: ${shown}`}>
        {shown}
        <Icon name="chevron" size={12} />
      </Ariakit.Select>
      <Ariakit.SelectPopover store={select} className="popover menu" gutter={6} unmountOnHide aria-label={label}>
        {options.map((option) => (
          <Ariakit.SelectItem key={option.value} value={option.value} className="menu-item">
            <Ariakit.SelectItemCheck>
              <Icon name="check" size={14} />
            </Ariakit.SelectItemCheck>
            {option.text}
          </Ariakit.SelectItem>
        ))}
      </Ariakit.SelectPopover>
    </>
  );
}

interface SearchChoiceProps {
  label: string;
  values: readonly string[];
  options: readonly Option[];
  multi: boolean;
  onChange: (values: string[]) => void;
  /** Offered when nothing fits: what was typed, as it is. */
  allowTyped?: boolean;
}

const MOST_SHOWN = 200;

/** One or several of many, found by typing. Only the first that fit are drawn. */
export function SearchChoice({ label, values, options, multi, onChange, allowTyped = true }: SearchChoiceProps) {
  const [typed, setTyped] = useState("");
  const search = useDeferredValue(typed.trim().toLowerCase());
  const found = useMemo(
    () => (search === "" ? options : options.filter((option) => option.text.toLowerCase().includes(search))),
    [options, search],
  );
  const text = values.map((value) => options.find((option) => option.value === value)?.text ?? value);
  const summary = text.length === 0 ? "none" : text.length <= 2 ? text.join(", ") : `${text.length} chosen`;

  const items = (
    <>
      {found.slice(0, MOST_SHOWN).map((option) => (
        <Ariakit.SelectItem
          key={option.value}
          value={option.value}
          className="menu-item"
          render={<Ariakit.ComboboxItem hideOnClick={!multi} setValueOnClick={false} />}
        >
          <Ariakit.SelectItemCheck>
            <Icon name="check" size={14} />
          </Ariakit.SelectItemCheck>
          <span className="menu-item-text">{option.text}</span>
        </Ariakit.SelectItem>
      ))}
      {allowTyped && typed.trim() !== "" && found.length === 0 ? (
        <Ariakit.SelectItem value={typed.trim()} className="menu-item" render={<Ariakit.ComboboxItem setValueOnClick={false} />}>
          <span className="menu-item-text">Use “{typed.trim()}”</span>
        </Ariakit.SelectItem>
      ) : null}
    </>
  );

  return (
    <Ariakit.ComboboxProvider resetValueOnHide setValue={setTyped}>
      <Ariakit.SelectProvider
        value={multi ? [...values] : (values[0] ?? "")}
        setValue={(next: string | string[]) => onChange(Array.isArray(next) ? next : [next])}
      >
        <Ariakit.Select className="button select-button" aria-label={`${label}: ${summary}`}>
          <span className="select-text">{summary}</span>
          <Icon name="chevron" size={12} />
        </Ariakit.Select>
        <Ariakit.SelectPopover className="popover menu search-menu" gutter={6} unmountOnHide aria-label={label}>
          <Ariakit.Combobox className="input" placeholder="Type to find" aria-label={`Find in ${label}`} />
          <Ariakit.ComboboxList className="menu-scroll" aria-label={label}>
            {items}
          </Ariakit.ComboboxList>
          {found.length > MOST_SHOWN ? (
            <p className="note">
              {MOST_SHOWN} of {found.length} shown: type to narrow down.
            </p>
          ) : null}
          {found.length === 0 && typed.trim() === "" ? <p className="note">There is nothing to choose from.</p> : null}
        </Ariakit.SelectPopover>
      </Ariakit.SelectProvider>
    </Ariakit.ComboboxProvider>
  );
}
