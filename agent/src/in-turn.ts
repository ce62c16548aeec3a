interface Turns<K> {
  get(key: K): Promise<void> | undefined;
  set(key: K, turn: Promise<void>): unknown;
}

/** Does the work when all earlier work of the same key has ended, however it ended. @param turns the last of each; kept by the caller */
export function inTurn<K>(turns: Turns<K>, key: K, work: () => Promise<void>): Promise<void> {
  const turn = (turns.get(key) ?? Promise.resolve()).then(work, work);
  turns.set(key, turn);
  return turn;
}
