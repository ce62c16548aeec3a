const BARS = '▁▂▃▄▅▆▇█';

/** `pod="nats-0", endpoint="server"` as Prometheus writes it. */
export function labelsText(labels: Record<string, string>): string {
  return Object.entries(labels)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${name}=${JSON.stringify(value)}`)
    .join(', ');
}

/** Short enough for a column: four places that count, none of a whole number lost. */
export function numberText(value: number | null): string {
  if (value === null) return '-';
  return Number.isInteger(value) ? `${value}` : `${Number(value.toPrecision(4))}`;
}

/** The course of a series, from its lowest to its highest; a space where nothing was measured. */
export function spark(values: readonly (number | null)[]): string {
  const numbers = values.filter((value) => value !== null);
  const lowest = Math.min(...numbers);
  const span = Math.max(...numbers) - lowest;
  return values
    .map((value) => {
      if (value === null) return ' ';
      const place = span === 0 ? 0 : Math.round(((value - lowest) / span) * (BARS.length - 1));
      return BARS[place] ?? ' ';
    })
    .join('')
    .trimEnd();
}
