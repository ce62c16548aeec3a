/** Powers of ten. */
const DECIMAL: Readonly<Record<string, number>> = { '': 0, n: -9, u: -6, m: -3, k: 3, M: 6, G: 9, T: 12, P: 15, E: 18 };
/** Powers of two. */
const BINARY: Readonly<Record<string, number>> = { Ki: 10, Mi: 20, Gi: 30, Ti: 40, Pi: 50, Ei: 60 };

/** A Kubernetes quantity (`8Gi`, `1e9`, `500M`) as a number of its unit, the same however it is written; undefined when it is none. */
export function amountOf(quantity: unknown): number | undefined {
  if (typeof quantity === 'number') return quantity;
  const found = /^([0-9]+(?:\.[0-9]*)?)(?:[eE]([+-]?[0-9]+))?([num]|k|[KMGTPE]i?)?$/.exec(
    typeof quantity === 'string' ? quantity : '',
  );
  if (!found) return undefined;
  const [, digits = '', exponent = '0', unit = ''] = found;
  const [tens, twos] = [DECIMAL[unit], BINARY[unit]];
  if (twos !== undefined) return Number(`${digits}e${exponent}`) * 2 ** twos;
  // Multiplied by a thousandth, 700 would be a little more than 0.7.
  return tens === undefined ? undefined : Number(`${digits}e${Number(exponent) + tens}`);
}
