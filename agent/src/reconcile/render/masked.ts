/** Texts shorter than this are words of any message rather than secrets. */
const SHORTEST = 3;

/**
 * A message of a program that has seen the parameters, without any of their texts, also where they are part of a longer
 * word or encoded as Secrets are.
 */
export function masked(message: string, parameters: unknown): string {
  const texts = [...textsOf(parameters)].flatMap((text) => [text, Buffer.from(text).toString('base64')]);
  texts.sort((a, b) => b.length - a.length);
  return texts.reduce((rest, text) => rest.replaceAll(text, '***'), message);
}

function* textsOf(value: unknown): Generator<string> {
  if (typeof value === 'string' || typeof value === 'number') {
    const text = String(value);
    if (text.length >= SHORTEST) yield text;
  } else if (Array.isArray(value)) {
    for (const item of value) yield* textsOf(item);
  } else if (typeof value === 'object' && value !== null) {
    for (const item of Object.values(value)) yield* textsOf(item);
  }
}
