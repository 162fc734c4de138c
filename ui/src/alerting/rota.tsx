import { useMemo } from "react";
import type { Schedule, Shift } from "../api/schedules.ts";
import { useTheme } from "../app/theme.ts";
import { readableOn, seriesColor } from "../format/colors.ts";
import { dayName, dayStarts, dayTime } from "../time/zoned.ts";

interface RotaProps {
  schedule: Schedule;
  start: number;
  days: number;
  zone: string;
  now: number;
}

/** A calendar of shifts: a row for who is on call in the end, and one for each layer it comes from. */
export function Rota({ schedule, start, days, zone, now }: RotaProps) {
  const theme = useTheme();
  const borders = useMemo(() => dayStarts(start, days, zone), [start, days, zone]);
  const end = borders.at(-1) ?? start;
  const people = useMemo(() => [...new Set([...schedule.layers.flatMap((layer) => layer.shifts), ...schedule.final].flatMap((shift) => shift.people))].sort(), [schedule]);
  const place = (from: number, to: number) => {
    const [left, right] = [Math.max(from, start), Math.min(to, end)];
    return { left: `${((left - start) / (end - start)) * 100}%`, width: `${(Math.max(0, right - left) / (end - start)) * 100}%` };
  };
  const overrides: Shift[] = schedule.overrides.map(({ from, to, people: who }) => ({ from, to, people: who, layer: "override" }));
  const rows = [
    { name: "On call", shifts: schedule.final, strong: true },
    ...(overrides.length > 0 ? [{ name: "Overrides", shifts: overrides, strong: false }] : []),
    ...schedule.layers.map((layer) => ({ name: layer.name, shifts: layer.shifts, strong: false })),
  ];
  return (
    <div className="rota" role="img" aria-label={`Calendar of ${schedule.name}; the table below says the same`}>
      <div className="rota-days" aria-hidden="true">
        {borders.slice(0, -1).map((border, index) => (
          <span key={border} className="rota-day" data-today={now >= border && now < (borders[index + 1] ?? end) ? "" : undefined} style={place(border, borders[index + 1] ?? end)}>
            {dayName(border, zone)}
          </span>
        ))}
      </div>
      {rows.map((row) => (
        <div key={row.name} className="rota-row" data-strong={row.strong ? "" : undefined} aria-hidden="true">
          <span className="rota-name">{row.name}</span>
          <div className="rota-track">
            {borders.slice(1, -1).map((border) => (
              <span key={border} className="rota-border" style={{ left: place(border, border).left }} />
            ))}
            {row.shifts.map((shift) => {
              const [from, to] = [Date.parse(shift.from), Date.parse(shift.to)];
              if (to <= start || from >= end) return null;
              const color = seriesColor(people.indexOf(shift.people[0] ?? ""), theme);
              return (
                <span
                  key={`${shift.from} ${shift.people.join()}`}
                  className="rota-shift"
                  style={{ ...place(from, to), background: color, color: readableOn(color) }}
                  title={`${shift.people.join(", ")}: ${dayTime(from, zone)} to ${dayTime(to, zone)}`}
                >
                  {shift.people.join(", ")}
                </span>
              );
            })}
            {row.strong
              ? schedule.gaps.map((gap) => (
                  <span key={gap.from} className="rota-gap" style={place(Date.parse(gap.from), Date.parse(gap.to))} title={`Nobody: ${dayTime(Date.parse(gap.from), zone)} to ${dayTime(Date.parse(gap.to), zone)}`} />
                ))
              : null}
            {now > start && now < end ? <span className="rota-now" style={{ left: place(now, now).left }} /> : null}
          </div>
        </div>
      ))}
    </div>
  );
}
