/**
 * What a session needs of a connection; `ws` fits behind it, and so does memory. Who owns the socket tells the session
 * of messages ({@link AgentSession.receive}), of pings and pongs (`heard`) and of the end (`closed`).
 */
export interface SessionSocket {
  /** Bytes that were sent here and have not left. */
  readonly bufferedAmount: number;
  /** @param done called when the bytes have left, or never will */
  send(text: string, done: () => void): void;
  ping(): void;
  /** No more messages, as far as the transport can hold them back, until `resume`. */
  pause(): void;
  resume(): void;
  close(code: number, reason: string): void;
  /** Ends it without a farewell. */
  terminate(): void;
}
