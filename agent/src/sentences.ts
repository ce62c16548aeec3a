/** Puts texts one after the other as sentences. What comes from Kubernetes or a chart may end with a period already, or not. */
export function sentences(...texts: string[]): string {
  const last = texts.length - 1;
  return texts
    .map((text) => text.trim())
    .map((text, index) => (index === last || /[.!?:]$/.test(text) ? text : `${text}.`))
    .join(' ');
}
