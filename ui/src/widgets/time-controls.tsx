import * as Ariakit from "@ariakit/react";
import { useState, type FormEvent } from "react";
import {
  describeRange,
  fromInputValue,
  isLive,
  QUICK_RANGES,
  resolveInstant,
  toInputValue,
  zoneName,
  type Zone,
} from "../time/range.ts";
import { REFRESH_CHOICES, type TimeState } from "../time/clock.ts";
import { Icon } from "./icons.tsx";
import { Choice } from "./choice.tsx";

/** Range, zoom out, refresh: the same on every page that draws over time. */
export function TimeControls({ time }: { time: TimeState }) {
  const span = time.resolved.end - time.resolved.start;
  const zoomOut = () => {
    const start = Math.round(time.resolved.start - span / 2);
    const end = Math.round(Math.min(Date.now(), time.resolved.end + span / 2));
    time.setRange({ from: String(start), to: String(end) });
  };
  return (
    <div className="time-controls" role="group" aria-label="Time">
      <RangePicker time={time} />
      <button type="button" className="button icon-button" aria-label="Zoom out" title="Zoom out" onClick={zoomOut}>
        <Icon name="zoomOut" />
      </button>
      <button type="button" className="button icon-button" aria-label="Refresh now" title="Refresh now" onClick={time.refreshNow}>
        <Icon name="refresh" />
      </button>
      <Choice
        label="Refresh interval"
        value={time.refresh || "off"}
        options={REFRESH_CHOICES.map((value) => ({ value, text: value === "off" ? "Off" : value }))}
        onChange={(value) => time.setRefresh(value === "off" ? "" : value)}
      />
    </div>
  );
}

function RangePicker({ time }: { time: TimeState }) {
  const popover = Ariakit.usePopoverStore({ placement: "bottom-end" });
  const open = Ariakit.useStoreState(popover, "open");
  return (
    <>
      <Ariakit.PopoverDisclosure store={popover} className="button range-button">
        <Icon name="clock" />
        <span className="range-text">{describeRange(time.range, time.zone)}</span>
        {time.zone === "utc" ? <span className="muted">UTC</span> : null}
        <Icon name="chevron" size={12} />
      </Ariakit.PopoverDisclosure>
      <Ariakit.Popover store={popover} className="popover range-popover" gutter={6} aria-label="Time range" unmountOnHide>
        {open ? <RangeForm time={time} close={popover.hide} /> : null}
      </Ariakit.Popover>
    </>
  );
}

function RangeForm({ time, close }: { time: TimeState; close: () => void }) {
  const [zone, setZone] = useState<Zone>(time.zone);
  const [from, setFrom] = useState(() => toInputValue(time.resolved.start, time.zone));
  const [to, setTo] = useState(() => toInputValue(time.resolved.end, time.zone));
  const [problem, setProblem] = useState("");

  const changeZone = (next: Zone) => {
    for (const [text, set] of [[from, setFrom], [to, setTo]] as const) {
      const at = fromInputValue(text, zone);
      if (at !== undefined) set(toInputValue(at, next));
    }
    setZone(next);
    time.setZone(next);
  };

  const submit = (event: FormEvent) => {
    event.preventDefault();
    const start = fromInputValue(from, zone);
    const end = fromInputValue(to, zone);
    if (start === undefined || end === undefined) return setProblem("Both times must be filled in.");
    if (end <= start) return setProblem("The end must lie after the start.");
    time.setRange({ from: String(start), to: String(end) });
    close();
  };

  return (
    <div className="range-form">
      <ul className="range-quick" aria-label="Quick ranges">
        {QUICK_RANGES.map((quick) => {
          const chosen = isLive(time.range) && time.range.from === quick.from;
          return (
            <li key={quick.from}>
              <button
                type="button"
                className="menu-item"
                aria-current={chosen ? "true" : undefined}
                onClick={() => {
                  time.setRange({ from: quick.from, to: "now" });
                  close();
                }}
              >
                {quick.label}
              </button>
            </li>
          );
        })}
      </ul>
      <form onSubmit={submit} noValidate>
        <label className="field">
          <span>From</span>
          <input type="datetime-local" step="1" value={from} onChange={(event) => setFrom(event.target.value)} />
        </label>
        <label className="field">
          <span>To</span>
          <input type="datetime-local" step="1" value={to} onChange={(event) => setTo(event.target.value)} />
        </label>
        {problem ? (
          <p className="field-problem" role="alert">
            {problem}
          </p>
        ) : null}
        <button type="submit" className="button primary">
          Use these times
        </button>
        <RelativeForm time={time} close={close} />
        <fieldset className="zone-choice">
          <legend>Time zone</legend>
          {(["browser", "utc"] as const).map((one) => (
            <label key={one} className="radio">
              <input type="radio" name="zone" checked={zone === one} onChange={() => changeZone(one)} />
              {zoneName(one)}
            </label>
          ))}
        </fieldset>
      </form>
    </div>
  );
}

/** For those who think in `now-36h`. */
function RelativeForm({ time, close }: { time: TimeState; close: () => void }) {
  const [text, setText] = useState(time.range.from.startsWith("now") ? time.range.from : "now-36h");
  const valid = text.startsWith("now") && resolveInstant(text, Date.now()) !== undefined;
  const use = () => {
    time.setRange({ from: text, to: "now" });
    close();
  };
  return (
    <div className="field relative-field">
      <label htmlFor="relative-from">Since</label>
      <input id="relative-from" className="input" value={text} aria-invalid={!valid} onChange={(event) => setText(event.target.value)} />
      <button type="button" className="button" disabled={!valid} onClick={use}>
        Use
      </button>
    </div>
  );
}
