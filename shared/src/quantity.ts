const FACTORS: Readonly<Record<string, number>> = {
  '': 1,
  n: 1e-9,
  u: 1e-6,
  m: 1e-3,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  E: 1e18,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
  Ei: 2 ** 60,
};

/** A Kubernetes quantity (`8Gi`, `1e9`, `500M`) as a number of its unit; undefined when it is none. */
export function amountOf(quantity: unknown): number | undefined {
  if (typeof quantity === 'number') return quantity;
  const found = /^([0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?)([num]|k|[KMGTPE]i?)?$/.exec(
    typeof quantity === 'string' ? quantity : '',
  );
  const factor = FACTORS[found?.[2] ?? ''];
  return found && factor !== undefined ? Number(found[1]) * factor : undefined;
}
