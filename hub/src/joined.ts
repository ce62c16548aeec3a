/** One run at a time: whoever asks while one goes on is given what that one comes to. A run that fails, fails for all who wait for it, and for nobody later. */
export function joined<T>(work: () => Promise<T>): () => Promise<T> {
  let running: Promise<T> | undefined;
  return () => {
    running ??= work().finally(() => (running = undefined));
    return running;
  };
}
