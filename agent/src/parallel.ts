/**
 * Does the same for many, a bounded number at a time, answers in their order. The first one that throws ends it: what is
 * under way is awaited, the rest is not begun.
 */
export async function inParallel<T, R>(
  items: readonly T[],
  width: number,
  work: (item: T) => Promise<R>,
): Promise<R[]> {
  const results: R[] = [];
  const queue = items.entries();
  let isBroken = false;
  const lane = async (): Promise<void> => {
    for (const [index, item] of queue) {
      if (isBroken) return;
      try {
        results[index] = await work(item);
      } catch (error) {
        isBroken = true;
        throw error;
      }
    }
  };
  const lanes = await Promise.allSettled(Array.from({ length: Math.min(width, items.length) }, lane));
  const broken = lanes.find((settled) => settled.status === 'rejected');
  if (broken) throw broken.reason;
  return results;
}
