import * as Type from 'typebox';
import type { TSchema } from 'typebox';
import { parseBoundedJson } from '../json.ts';
import { LIMITS } from '../limits.ts';
import { compile, type Decoded, type Decoder } from '../schema.ts';
import { AGENT_FRAMES, HUB_FRAMES, type AgentFrame, type HubFrame } from './frames.ts';

/**
 * `unknown-type` is answered with an `error` frame and the session goes on. `bad-record` and `bad-report` have a good envelope and a body that
 * is not of its schema: it is set aside, and a record acked, so that one that is poisoned cannot wedge its stream or keep everything else
 * from the hub. Anything else closes the session with `badFrame`.
 */
export type FrameError =
  | { kind: 'bad-frame' | 'unknown-type'; message: string }
  | { kind: 'bad-report'; message: string; type: string; body: unknown }
  | { kind: 'bad-record'; message: string; type: string; stream: string; sequence: number; body: unknown };
export type DecodedFrame<F> = { ok: true; frame: F } | { ok: false; error: FrameError };

const decodeEnvelope = compile(
  Type.Object({
    t: Type.String({ maxLength: 40 }),
    s: Type.Optional(Type.String({ maxLength: 100 })),
    q: Type.Optional(Type.Integer({ minimum: 1 })),
    id: Type.Optional(Type.String({ maxLength: 64 })),
    re: Type.Optional(Type.String({ maxLength: 64 })),
    tp: Type.Optional(Type.String({ pattern: '^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$' })),
    b: Type.Unknown(),
  }),
);

function decodersOf(frames: Record<string, TSchema>): Map<string, Decoder<unknown>> {
  return new Map(Object.entries(frames).map(([type, schema]) => [type, compile(schema)]));
}
const agentDecoders = decodersOf(AGENT_FRAMES);
const hubDecoders = decodersOf(HUB_FRAMES);
const RECORD_TYPES: ReadonlySet<string> = new Set(['result', 'event', 'metrics']);
const REPORT_TYPES: ReadonlySet<string> = new Set(['health', 'observed']);

function decode<F>(text: string, decoders: Map<string, Decoder<unknown>>): DecodedFrame<F> {
  const bad = (message: string): DecodedFrame<F> => ({ ok: false, error: { kind: 'bad-frame', message } });
  const json: Decoded<unknown> = parseBoundedJson(text, LIMITS.maxFrameDepth);
  if (!json.ok) return bad(json.error);
  const envelope = decodeEnvelope(json.value);
  if (!envelope.ok) return bad(`envelope: ${envelope.error}`);
  const { t, s, q, b } = envelope.value;
  const decodeBody = decoders.get(t);
  if (!decodeBody)
    return { ok: false, error: { kind: 'unknown-type', message: `frame type "${t}" is not known here` } };
  if (RECORD_TYPES.has(t) && (s === undefined || q === undefined))
    return bad(`${t}: a record needs a stream (s) and a sequence (q)`);
  const body = decodeBody(b);
  if (body.ok) return { ok: true, frame: envelope.value as F };
  const message = `${t}: ${body.error}`;
  if (REPORT_TYPES.has(t)) return { ok: false, error: { kind: 'bad-report', message, type: t, body: b } };
  return RECORD_TYPES.has(t) && s !== undefined && q !== undefined
    ? { ok: false, error: { kind: 'bad-record', message, type: t, stream: s, sequence: q, body: b } }
    : bad(message);
}

/** Reads what an agent sent. The caller has bounded the size already. */
export function decodeAgentFrame(text: string): DecodedFrame<AgentFrame> {
  return decode(text, agentDecoders);
}

/** Reads what a hub sent. */
export function decodeHubFrame(text: string): DecodedFrame<HubFrame> {
  return decode(text, hubDecoders);
}

export function encodeFrame(frame: AgentFrame | HubFrame): string {
  return JSON.stringify(frame);
}
