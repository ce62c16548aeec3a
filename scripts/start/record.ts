import { compile } from '@steward/shared';
import { readFile, rename, writeFile } from 'node:fs/promises';
import Type, { type Static } from 'typebox';

const StartRecord = Type.Object({
  port: Type.Integer({ minimum: 1, maximum: 65_535 }),
  ownerPassword: Type.String(),
  /** The hub's process, while it may be running. */
  hubPid: Type.Optional(Type.Integer({ minimum: 2 })),
});
/** What one `npm start` leaves for the next: agents dial the same port, people log in with the same password. */
export type StartRecord = Static<typeof StartRecord>;
const decodeRecord = compile(StartRecord);

/** @returns undefined when there was no start before */
export async function loadRecord(file: string): Promise<StartRecord | undefined> {
  const text = await readFile(file, 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  const decoded = decodeRecord(JSON.parse(text));
  if (!decoded.ok) throw new Error(`${file} is not what npm start wrote (${decoded.error}): npm run clean removes it`);
  return decoded.value;
}

export async function saveRecord(file: string, record: StartRecord): Promise<void> {
  await writeFile(`${file}.new`, JSON.stringify(record), { mode: 0o600 });
  await rename(`${file}.new`, file);
}
