import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { decodeAgentFrame, decodeHubFrame, encodeFrame } from './codec.ts';
import { AGENT_FRAMES, HUB_FRAMES } from './frames.ts';

/**
 * `golden/v<major>/<agent|hub>.<type>[.<case>].json`: what has been on the wire. Files are added and never changed, so that every
 * later reader is held to what earlier writers sent.
 */
const folder = join(import.meta.dirname, 'golden/v1');
const files = readdirSync(folder);
const read = (name: string): string => readFileSync(join(folder, name), 'utf8');

describe('golden frames of version 1', () => {
  it.each(files)('%s is read, and written as it was', (name) => {
    const text = read(name);
    const decoded = name.startsWith('agent.') ? decodeAgentFrame(text) : decodeHubFrame(text);
    if (!decoded.ok) throw new Error(decoded.error.message);
    expect(name).toMatch(new RegExp(`^(agent|hub)\\.${decoded.frame.t.replaceAll('.', '\\.')}(\\.[a-z-]+)?\\.json$`));
    expect(JSON.parse(encodeFrame(decoded.frame))).toEqual(JSON.parse(text));
  });

  it.each([
    ['agent', Object.keys(AGENT_FRAMES)],
    ['hub', Object.keys(HUB_FRAMES)],
  ])('has every type that the %s sends', (side, types) => {
    expect(types.filter((type) => !files.includes(`${side}.${type}.json`))).toEqual([]);
  });
});
