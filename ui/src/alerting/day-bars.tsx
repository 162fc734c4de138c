interface DayBarsProps {
  name: string;
  /** In order, without gaps. `text` says the whole of a day to who cannot see its bar. */
  days: readonly { day: string; count: number; text: string }[];
}

/** A bar for each day. One day alone needs no picture. */
export function DayBars({ name, days }: DayBarsProps) {
  if (days.length < 2) return null;
  const most = Math.max(1, ...days.map((day) => day.count));
  return (
    <section className="card days" aria-label={name}>
      <h2>{name}</h2>
      <ol className="day-bars">
        {days.map((day) => (
          <li key={day.day} title={`${day.day}: ${day.text}`}>
            <span className="day-bar" style={{ height: `${(day.count / most) * 100}%` }} />
            <span className="visually-hidden">
              {day.day}: {day.text}
            </span>
          </li>
        ))}
      </ol>
      <p className="muted day-ends">
        <span>{days[0]?.day}</span>
        <span>{days.at(-1)?.day} (UTC)</span>
      </p>
    </section>
  );
}
