/** Calendar days of any IANA zone, with the browser's own tables. All instants are Unix milliseconds. */

const FORMATS = new Map<string, Intl.DateTimeFormat>();

function formatOf(zone: string): Intl.DateTimeFormat {
  let found = FORMATS.get(zone);
  if (!found) {
    found = new Intl.DateTimeFormat("en-US", { timeZone: zone, hourCycle: "h23", year: "numeric", month: "numeric", day: "numeric", hour: "numeric", minute: "numeric", second: "numeric" });
    FORMATS.set(zone, found);
  }
  return found;
}

/** The zone itself, or UTC when the browser does not know it. */
export function knownZone(zone: string): string {
  try {
    formatOf(zone);
    return zone;
  } catch {
    return "UTC";
  }
}

/** What clocks there show, as if it were UTC. */
function wallOf(at: number, zone: string): number {
  const parts = Object.fromEntries(formatOf(zone).formatToParts(at).map(({ type, value }) => [type, Number(value)]));
  return Date.UTC(parts["year"] ?? 0, (parts["month"] ?? 1) - 1, parts["day"] ?? 1, parts["hour"] ?? 0, parts["minute"] ?? 0, parts["second"] ?? 0);
}

/** The instant at which clocks there show this; where they skip it, the first one after. */
function instantOf(wall: number, zone: string): number {
  let at = wall;
  // Twice, because the offset at the first guess may be that of the other side of a change.
  for (let round = 0; round < 2; round += 1) at -= wallOf(at, zone) - wall;
  return wallOf(at, zone) < wall ? at + 3_600_000 : at;
}

const DAY_MS = 86_400_000;

/** The beginnings of `count` days from the one that `at` lies in, and the end of the last. */
export function dayStarts(at: number, count: number, zone: string): number[] {
  const wall = wallOf(at, zone);
  const first = wall - (((wall % DAY_MS) + DAY_MS) % DAY_MS);
  return Array.from({ length: count + 1 }, (_, day) => instantOf(first + day * DAY_MS, zone));
}

/** The beginning of the week, a Monday, that `at` lies in. */
export function weekStart(at: number, zone: string): number {
  const [day = at] = dayStarts(at, 0, zone);
  const weekday = (new Date(wallOf(day, zone)).getUTCDay() + 6) % 7;
  return instantOf(wallOf(day, zone) - weekday * DAY_MS, zone);
}

const WEEKDAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];

/** `Mon 11-23`, as clocks there show it. */
export function dayName(at: number, zone: string): string {
  const date = new Date(wallOf(at, zone));
  const two = (value: number) => String(value).padStart(2, "0");
  return `${WEEKDAYS[date.getUTCDay()]} ${two(date.getUTCMonth() + 1)}-${two(date.getUTCDate())}`;
}

/** `Mon 11-23 09:00`, as clocks there show it. */
export function dayTime(at: number, zone: string): string {
  const date = new Date(wallOf(at, zone));
  const two = (value: number) => String(value).padStart(2, "0");
  return `${dayName(at, zone)} ${two(date.getUTCHours())}:${two(date.getUTCMinutes())}`;
}
