import { decodeHubFrame, type CloseReason, type HubFrame, type HubFrameOf } from '@steward/shared';

export interface InboundHandlers {
  onWelcome(welcome: HubFrameOf<'welcome'>['b']): void;
  onAck(stream: string, upTo: number): void;
  onDesired(frame: HubFrameOf<'desired'>): void;
  onCancel(frame: HubFrameOf<'operation.cancel'>): void;
  onResync(reason: string): void;
  onGoaway(goaway: HubFrameOf<'goaway'>['b']): void;
  onError(error: HubFrameOf<'error'>['b']): void;
  /** A type this version does not know: the hub is told, the session goes on. */
  onUnknownType(message: string): void;
  /** What cannot be read ends the session. */
  onBroken(reason: CloseReason, message: string): void;
}

/** The direction from the hub: one message in, one handler called. Nothing but an error or a goaway counts before the welcome. */
export class Inbound {
  readonly #handlers: InboundHandlers;
  #isWelcomed = false;

  constructor(handlers: InboundHandlers) {
    this.#handlers = handlers;
  }

  onMessage(data: Buffer, isBinary: boolean): void {
    if (isBinary) {
      this.#handlers.onBroken('badFrame', 'a binary frame, which this protocol does not have');
      return;
    }
    const decoded = decodeHubFrame(data.toString('utf8'));
    if (decoded.ok) this.#dispatch(decoded.frame);
    else if (decoded.error.kind === 'unknown-type') this.#handlers.onUnknownType(decoded.error.message);
    else this.#handlers.onBroken('badFrame', decoded.error.message);
  }

  #dispatch(frame: HubFrame): void {
    const handlers = this.#handlers;
    if (frame.t === 'goaway') return handlers.onGoaway(frame.b);
    if (frame.t === 'error') return handlers.onError(frame.b);
    if (frame.t === 'welcome') {
      if (this.#isWelcomed) return handlers.onBroken('protocol', 'a second welcome');
      this.#isWelcomed = true;
      return handlers.onWelcome(frame.b);
    }
    if (!this.#isWelcomed) return handlers.onBroken('badFrame', `a ${frame.t} before the welcome`);
    switch (frame.t) {
      case 'ack':
        return handlers.onAck(frame.b.stream, frame.b.upTo);
      case 'desired':
        return handlers.onDesired(frame);
      case 'operation.cancel':
        return handlers.onCancel(frame);
      case 'resync':
        return handlers.onResync(frame.b.reason);
    }
  }
}
