/** One event of a `text/event-stream`. */
export interface ServerEvent {
  id: string | undefined;
  type: string;
  data: string;
}

/**
 * Splits a byte stream into server-sent events, by the rules of the WHATWG. An id without data, with which a keep-alive moves the
 * place to resume from, comes as an event of type `keep-alive`; other comments are left out.
 * @param maxEventBytes an event longer than this ends the stream with an error
 */
export async function* serverEvents(body: AsyncIterable<Buffer>, maxEventBytes: number): AsyncGenerator<ServerEvent> {
  const text = new TextDecoder();
  let rest = '';
  let event: { id: string | undefined; type: string; data: string[] } = { id: undefined, type: 'message', data: [] };
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.length;
    if (bytes > maxEventBytes) throw new Error(`an event is longer than ${maxEventBytes} bytes`);
    const lines = (rest + text.decode(chunk, { stream: true })).split(/\r\n|\n/);
    rest = lines.pop() ?? '';
    for (const line of lines) {
      if (line === '') {
        if (event.data.length > 0) yield { id: event.id, type: event.type, data: event.data.join('\n') };
        else if (event.id !== undefined) yield { id: event.id, type: 'keep-alive', data: '' };
        event = { id: event.id, type: 'message', data: [] };
        bytes = rest.length;
        continue;
      }
      const colon = line.indexOf(':');
      if (colon === 0) continue;
      const field = colon < 0 ? line : line.slice(0, colon);
      const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
      if (field === 'data') event.data.push(value);
      else if (field === 'event') event.type = value;
      else if (field === 'id') event.id = value;
    }
  }
}
