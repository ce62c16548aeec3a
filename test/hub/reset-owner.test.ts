import type { CreatedUser } from '@steward/shared';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createApi } from '../support/api.ts';
import { command, type Finished } from '../support/command.ts';
import { HUB_PROGRAM } from '../../scripts/process.ts';
import { startHubWithDatabase, type HubWithDatabase } from '../support/hub-database.ts';

let running: HubWithDatabase;
beforeAll(async () => {
  running = await startHubWithDatabase();
});
afterAll(() => running.end());

function hub(...args: string[]): Promise<Finished> {
  const env = { STEWARD_DATABASE_URL: running.database.url, STEWARD_DATA_DIR: running.hub.dataDir };
  return command(process.execPath, [HUB_PROGRAM, ...args], { env });
}

describe('reset-owner', () => {
  it('gives the owner another password while the hub runs, and ends the sessions of the old one', async () => {
    const session = await running.hub.owner();
    const { code, stdout, stderr } = await hub('reset-owner');
    expect(code).toBe(0);
    const password = /with the password (\S+)/.exec(stderr)?.[1] ?? '';
    expect(password).not.toBe('');
    expect(stdout).not.toContain(password);
    expect((await session.call('GET', '/me')).status).toBe(401);
    await expect(running.hub.owner()).rejects.toThrow('401');
    const again = await session.as(undefined).login(running.hub.ownerEmail, password);
    expect((await again.call('GET', '/me')).status).toBe(200);
  });

  it('wants to know which of several owners is meant, and names them', async () => {
    const password = /with the password (\S+)/.exec((await hub('reset-owner', 'OWNER@example.test')).stderr)?.[1] ?? '';
    const owner = await createApi(running.hub.url).login(running.hub.ownerEmail, password);
    const second = { email: 'second@example.test', name: 'Second', role: 'owner' };
    const made = await owner.post<CreatedUser>('/users', second);
    for (const args of [[], ['nobody@example.test']]) {
      const { code, stderr } = await hub('reset-owner', ...args);
      expect([code, stderr]).toEqual([
        1,
        expect.stringContaining('there are: owner@example.test (acme), second@example.test (acme)'),
      ]);
    }
    await owner.as(undefined).login(second.email, made.password ?? '');
    expect((await owner.call('GET', '/me')).status).toBe(200);
  });
});

describe('the hub', () => {
  it('does not start for a command that it does not know', async () => {
    const { code, stderr } = await hub('reset-password');
    expect([code, stderr]).toEqual([1, expect.stringContaining('or reset-owner [EMAIL]')]);
  });
});
