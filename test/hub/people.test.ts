import { randomUUID } from 'node:crypto';
import type {
  ApiToken,
  CreatedApiToken,
  CreatedUser,
  Customer,
  Identity,
  NewPassword,
  PageOf,
  Problem,
  User,
} from '@steward/shared';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Api } from '../support/api.ts';
import { openFeed, type OpenFeed } from '../support/feed.ts';
import { inTransaction, waiting } from '../support/held-rows.ts';
import { startHubWithDatabase, type HubWithDatabase } from '../support/hub-database.ts';
import { withClient } from '../support/postgres.ts';
import { waitUntil } from '../support/wait-until.ts';

let running: HubWithDatabase;
let owner: Api;
let customer: Customer;

beforeAll(async () => {
  running = await startHubWithDatabase();
  owner = await running.hub.owner();
  customer = await owner.post<Customer>('/customers', { slug: 'globex', name: 'Globex' });
  await owner.post('/customers', { slug: 'initech', name: 'Initech' });
});
afterAll(() => running.end());

async function tokenOf(role: string, of?: string): Promise<Api> {
  const made = await owner.post<CreatedApiToken>('/tokens', { name: role, role, ...(of && { customer: of }) });
  return owner.as(made.token);
}

async function refusal(api: Api, method: string, path: string, body?: unknown): Promise<string> {
  const { status, body: told } = await api.call<Partial<Problem> | undefined>(method, path, body);
  return `${status} ${told?.type?.split('/').at(-1) ?? ''}`;
}

describe('users', () => {
  it('log in with a password that was made for them, and are who they are', async () => {
    const made = await owner.post<CreatedUser>('/users', {
      email: 'Eve@globex.test',
      name: 'Eve',
      role: 'customer-admin',
      customer: 'globex',
    });
    const eve = await owner.as(undefined).login('eve@GLOBEX.test', made.password ?? '');
    const { user, role, customer: of } = await eve.get<Identity>('/me');
    expect([user?.email, role, of?.slug]).toEqual(['Eve@globex.test', 'customer-admin', 'globex']);
    expect((await eve.get<User>(`/users/${made.id}`)).name).toBe('Eve');
  });

  it('are out when they log out', async () => {
    const session = await running.hub.owner();
    expect((await session.call('DELETE', '/sessions/current')).status).toBe(204);
    expect((await session.call('GET', '/me')).status).toBe(401);
  });

  it('are out when they are removed', async () => {
    const made = await owner.post<CreatedUser>('/users', { email: 'gone@acme.test', name: 'Gone', role: 'viewer' });
    const gone = await owner.as(undefined).login('gone@acme.test', made.password ?? '');
    expect((await owner.call('DELETE', `/users/${made.id}`)).status).toBe(204);
    expect((await gone.call('GET', '/me')).status).toBe(401);
    expect(await refusal(owner, 'GET', `/users/${made.id}`)).toBe('404 not-found');
  });

  it('end with everything that is open or was made as them, when they are removed', async () => {
    const made = await owner.post<CreatedUser>('/users', { email: 'all@acme.test', name: 'All', role: 'owner' });
    const leaving = await owner.as(undefined).login('all@acme.test', made.password ?? '');
    const token = await leaving.post<CreatedApiToken>('/tokens', { name: 'of all', role: 'owner' });
    const second = await owner.as(token.token).post<CreatedApiToken>('/tokens', { name: 'of that', role: 'viewer' });
    const others = await owner.post<CreatedApiToken>('/tokens', { name: 'of another', role: 'viewer' });
    expect([token.madeBy, second.madeBy, token.createdBy]).toEqual([made.id, made.id, 'all@acme.test']);
    const callers = [leaving, owner.as(token.token), owner.as(second.token)];
    const feeds = await Promise.all(callers.map((api) => openFeed(api)));
    const staying = await openFeed(owner.as(others.token));
    expect((await owner.call('DELETE', `/users/${made.id}`)).status).toBe(204);
    await waitUntil(() => feeds.every(({ isEnded }) => isEnded), { what: 'the live feeds to end', timeoutMs: 5_000 });
    for (const api of callers) expect((await api.call('GET', '/me')).status).toBe(401);
    expect([staying.isEnded, (await owner.as(others.token).call('GET', '/me')).status]).toEqual([false, 200]);
    await staying.close();
  });

  it('have their feed ended by a log-out, a new password and a revoked token at once, not by the next heartbeat', async () => {
    const wanted = { email: 'feeds@acme.test', name: 'Feeds', role: 'viewer', password: 'correct horse battery' };
    const { id } = await owner.post<CreatedUser>('/users', wanted);
    const session = async () => owner.as(undefined).login(wanted.email, wanted.password);
    const [first, second] = [await session(), await session()];
    const token = await owner.post<CreatedApiToken>('/tokens', { name: 'feed', role: 'viewer' });
    const [one, two, three] = await Promise.all([first, second, owner.as(token.token)].map((api) => openFeed(api)));
    const ended = (feed: OpenFeed | undefined, what: string) =>
      waitUntil(() => feed?.isEnded, { what: `the feed to end by ${what}`, timeoutMs: 5_000 });
    await first.call('DELETE', '/sessions/current');
    await ended(one, 'the log-out');
    expect(two?.isEnded).toBe(false);
    await owner.post(`/users/${id}/password`, {});
    await ended(two, 'the new password');
    await owner.call('DELETE', `/tokens/${token.id}`);
    await ended(three, 'the revocation');
  });

  it('keep one owner', async () => {
    const { items } = await owner.get<PageOf<User>>('/users');
    const only = items.find(({ role }) => role === 'owner');
    expect(await refusal(owner, 'DELETE', `/users/${only?.id ?? ''}`)).toBe('409 conflict');
  });

  it('have one address each per customer, which does not tell about others', async () => {
    const wanted = { email: 'twice@acme.test', name: 'Twice', role: 'viewer', password: 'correct horse battery' };
    await owner.post('/users', wanted);
    expect(await refusal(owner, 'POST', '/users', { ...wanted, email: 'TWICE@acme.test' })).toBe('409 already-exists');
    const admin = await tokenOf('customer-admin', 'globex');
    const same = await admin.call('POST', '/users', {
      ...wanted,
      role: 'customer-viewer',
      password: 'another horse battery',
    });
    expect(same.status).toBe(201);
    const [vendor, customers] = [
      await owner.as(undefined).login('twice@acme.test', 'correct horse battery'),
      await owner.as(undefined).login('twice@acme.test', 'another horse battery'),
    ];
    expect([(await vendor.get<Identity>('/me')).role, (await customers.get<Identity>('/me')).role]).toEqual([
      'viewer',
      'customer-viewer',
    ]);
  });
});

describe('a new password', () => {
  const wanted = { email: 'pass@acme.test', name: 'Pass', role: 'support-engineer', password: 'correct horse battery' };
  const logIn = (password: string) => owner.as(undefined).login(wanted.email, password);
  const change = (api: Api, oldPassword: string, password: string) =>
    refusal(api, 'PUT', '/me/password', { oldPassword, password });

  it('of one’s own needs the old one, and ends every other session', async () => {
    await owner.post('/users', wanted);
    const [here, there] = [await logIn(wanted.password), await logIn(wanted.password)];
    expect(await change(here, 'not the old one', 'another horse battery')).toBe('403 not-allowed');
    expect(await change(here, wanted.password, 'short')).toBe('400 invalid-request');
    expect((await there.call('GET', '/me')).status).toBe(200);
    const changed = await here.call('PUT', '/me/password', {
      oldPassword: wanted.password,
      password: 'another horse battery',
    });
    expect(changed.status).toBe(204);
    expect([(await here.call('GET', '/me')).status, (await there.call('GET', '/me')).status]).toEqual([200, 401]);
    expect(
      await refusal(owner.as(undefined), 'POST', '/sessions', { email: wanted.email, password: wanted.password }),
    ).toBe('401 not-authenticated');
    await logIn('another horse battery');
  });

  it('of one’s own cannot be guessed quickly by who has only the session', async () => {
    const here = await logIn('another horse battery');
    const answers = await Promise.all(Array.from({ length: 14 }, () => change(here, 'a guess', 'yet another battery')));
    expect(answers.filter((answer) => answer === '429 too-many-requests').length).toBeGreaterThanOrEqual(3);
  });

  it('is given to somebody else by who may make such users, and never to oneself', async () => {
    const { items } = await owner.get<PageOf<User>>('/users?limit=200');
    const person = items.find(({ email }) => email === wanted.email);
    const path = `/users/${person?.id ?? ''}/password`;
    const here = await logIn('another horse battery');
    const { password } = await owner.post<NewPassword>(path, {});
    expect((await here.call('GET', '/me')).status).toBe(401);
    await logIn(password);
    const admin = await tokenOf('customer-admin', 'globex');
    expect(await refusal(admin, 'POST', path, {})).toBe('404 not-found');
    expect(await refusal(await tokenOf('release-engineer'), 'POST', path, {})).toBe('403 not-allowed');
    const boss = await owner.post<CreatedUser>('/users', { email: 'boss@acme.test', name: 'Boss', role: 'owner' });
    const own = await owner.as(undefined).login('boss@acme.test', boss.password ?? '');
    expect(await refusal(own, 'POST', `/users/${boss.id}/password`, {})).toBe('400 invalid-request');
    expect(await change(await tokenOf('owner'), 'x', 'correct horse battery')).toBe('400 invalid-request');
    expect(running.hub.logs.some((line) => line.includes(password))).toBe(false);
  });
});

describe('at the same moment as somebody is asked for something', () => {
  const NEW_PASSWORD = `UPDATE users SET password_hash = 'of another' WHERE id = $1`;
  const REMOVED = 'DELETE FROM users WHERE id = $1';
  /** What is taken, so that a statement with that text waits for it. */
  const HELD = { sql: 'SELECT 1 FROM users WHERE id = $1 FOR UPDATE', waits: '' };
  const BEFORE = { sql: 'LOCK TABLE customers', waits: 'FROM customers WHERE slug' };
  const password = 'correct horse battery';
  const newToken = { name: 'left over', role: 'customer-viewer', customer: 'globex' };

  async function person(): Promise<{ id: string; logIn: () => Promise<string>; own: Api }> {
    const email = `${randomUUID()}@acme.test`;
    const { id } = await owner.post<CreatedUser>('/users', { email, name: 'Race', role: 'owner', password });
    const logIn = () => refusal(owner.as(undefined), 'POST', '/sessions', { email, password });
    return { id, logIn, own: await owner.as(undefined).login(email, password) };
  }

  /** What is asked waits for what is held; meanwhile the person changes. */
  async function meanwhile(
    { id, ask, change }: { id: string; ask: () => Promise<string>; change: string },
    hold = HELD,
  ): Promise<string> {
    const { asked } = await inTransaction(running.database.superuserUrl, async (client) => {
      await client.query(hold.sql, hold.sql.includes('$1') ? [id] : []);
      const answer = ask();
      await waiting(client, 1, hold.waits);
      await client.query(change, [id]);
      return { asked: answer };
    });
    return asked;
  }

  it('a new password by another is not overwritten by who knows the old one', async () => {
    const { id, own } = await person();
    const ask = () => refusal(own, 'PUT', '/me/password', { oldPassword: password, password: 'another horse battery' });
    expect(await meanwhile({ id, ask, change: NEW_PASSWORD })).toBe('409 conflict');
    await withClient(running.database.superuserUrl, async (client) => {
      const { rows } = await client.query('SELECT password_hash AS hash FROM users WHERE id = $1', [id]);
      expect(rows).toEqual([{ hash: 'of another' }]);
    });
  });

  it.each([
    ['has a new password', NEW_PASSWORD],
    ['is removed', REMOVED],
  ])('nobody is logged in who %s', async (_what, change) => {
    const { id, logIn } = await person();
    expect(await meanwhile({ id, ask: logIn, change })).toBe('401 not-authenticated');
  });

  it.each([
    ['person', 'before the token is made', BEFORE],
    ['person', 'while it is made', HELD],
    ['token', 'before the token is made', BEFORE],
    ['token', 'while it is made', HELD],
  ])('a %s that is removed %s leaves none behind', async (by, _when, hold) => {
    const { id, own } = await person();
    const token = await own.post<CreatedApiToken>('/tokens', { name: 'of race', role: 'owner' });
    const api = by === 'person' ? own : owner.as(token.token);
    // Its use is noted once a minute, which would wait too.
    await api.get('/me');
    const ask = () => refusal(api, 'POST', '/tokens', newToken);
    expect(await meanwhile({ id, ask, change: REMOVED }, hold)).toBe('401 not-authenticated');
    const { items } = await owner.get<PageOf<ApiToken>>('/tokens?limit=200');
    expect(items.filter(({ name }) => name === newToken.name)).toEqual([]);
  });
});

describe('logging in', () => {
  it('refuses an unknown address and a wrong password in the same words', async () => {
    const answers = await Promise.all(
      [running.hub.ownerEmail, 'nobody@acme.test'].map((email) =>
        owner.as(undefined).call<Problem>('POST', '/sessions', { email, password: 'wrong' }),
      ),
    );
    const [known, unknown] = answers.map(({ status, body }) => [status, body.type, body.detail, body.action]);
    expect(known).toEqual(unknown);
    expect(known?.[0]).toBe(401);
  });

  it('is slowed down per address', async () => {
    const attempts = await Promise.all(
      Array.from({ length: 14 }, () =>
        owner.as(undefined).call('POST', '/sessions', { email: 'victim@acme.test', password: 'wrong' }),
      ),
    );
    const limited = attempts.filter(({ status }) => status === 429);
    expect(limited.length).toBeGreaterThanOrEqual(3);
    expect(Number(limited[0]?.headers['retry-after'])).toBeGreaterThan(0);
    expect((await running.hub.owner()).token).toBeDefined();
  });
});

describe('roles', () => {
  it.each([
    ['support-engineer', 'viewer', undefined, 201],
    ['support-engineer', 'owner', undefined, 403],
    ['support-engineer', 'release-engineer', undefined, 403],
    ['release-engineer', 'customer-admin', 'globex', 403],
    ['customer-admin', 'customer-admin', undefined, 201],
    ['customer-admin', 'viewer', undefined, 403],
    ['customer-admin', 'customer-viewer', 'initech', 404],
    ['owner', 'customer-admin', undefined, 400],
    ['owner', 'viewer', 'globex', 400],
    ['owner', 'customer-admin', 'nowhere', 404],
  ])('%s handing out %s for %s gets %i', async (own, role, of, status) => {
    const api = await tokenOf(own, own.startsWith('customer-') ? 'globex' : undefined);
    const answer = await api.call<ApiToken>('POST', '/tokens', { name: 'x', role, ...(of && { customer: of }) });
    expect(answer.status).toBe(status);
    if (status === 201 && own === 'customer-admin') expect(answer.body.customerId).toBe(customer.id);
  });

  it('cannot take away a stronger one', async () => {
    const { items } = await owner.get<PageOf<User>>('/users');
    const strong = await owner.post<CreatedApiToken>('/tokens', { name: 'strong', role: 'owner' });
    expect(await refusal(await tokenOf('release-engineer'), 'DELETE', `/tokens/${strong.id}`)).toBe('403 not-allowed');
    const admin = await tokenOf('customer-admin', 'globex');
    expect(await refusal(admin, 'DELETE', `/users/${items[0]?.id ?? ''}`)).toBe('404 not-found');
  });
});

describe('API tokens', () => {
  it('are shown once, remember their use, and end at once when revoked', async () => {
    const made = await owner.post<CreatedApiToken>('/tokens', {
      name: 'ci',
      role: 'release-engineer',
      expiresInDays: 1,
    });
    const ci = owner.as(made.token);
    expect((await ci.get<Identity>('/me')).tokenName).toBe('ci');
    const listed = (await owner.get<PageOf<ApiToken>>('/tokens?limit=200')).items.find(({ id }) => id === made.id);
    expect(listed).toMatchObject({
      name: 'ci',
      role: 'release-engineer',
      lastUsedAt: expect.any(String),
      expiresAt: made.expiresAt,
    });
    expect(JSON.stringify(listed)).not.toContain(made.token);
    expect(await refusal(ci, 'DELETE', '/sessions/current')).toBe('400 invalid-request');
    await owner.call('DELETE', `/tokens/${made.id}`);
    expect((await ci.call('GET', '/me')).status).toBe(401);
  });

  it('are never in the log or the database as they are', async () => {
    expect(running.hub.logs.some((line) => line.includes('stw_') || line.includes('correct horse'))).toBe(false);
  });
});

describe('lists', () => {
  it('come in pages that together hold each row once', async () => {
    for (let i = 0; i < 7; i += 1) await owner.post('/customers', { slug: `page-${i}`, name: 'Page' });
    const whole = (await owner.get<PageOf<Customer>>('/customers?limit=200')).items;
    const paged: Customer[] = [];
    let next: string | undefined;
    do {
      const page: PageOf<Customer> = await owner.get(
        `/customers?limit=2${next === undefined ? '' : `&cursor=${next}`}`,
      );
      expect(page.items.length).toBeLessThanOrEqual(2);
      paged.push(...page.items);
      next = page.next;
    } while (next !== undefined);
    expect(paged).toEqual(whole);
    expect(whole.length).toBe(9);
  });

  it.each([
    'limit=0',
    'limit=201',
    'limit=many',
    'cursor=zzz',
    `cursor=${Buffer.from('{"at":"x","id":"y"}').toString('base64url')}`,
  ])('refuse %s', async (query) => {
    expect(await refusal(owner, 'GET', `/customers?${query}`)).toBe('400 invalid-request');
  });
});

describe('problems', () => {
  it.each([
    ['not JSON', 'POST', '/customers', '{bad', 'application/json', 400, 'invalid-request'],
    ['another content type', 'POST', '/customers', 'a=b', 'application/x-www-form-urlencoded', 400, 'invalid-request'],
    ['deep JSON', 'POST', '/customers', '['.repeat(100), 'application/json', 400, 'invalid-request'],
    [
      'a field too many',
      'POST',
      '/customers',
      '{"slug":"a","name":"A","x":1}',
      'application/json',
      400,
      'invalid-request',
    ],
    ['a body that is too large', 'POST', '/customers', ' '.repeat(1_100_000), 'application/json', 413, 'too-large'],
    ['an unknown route', 'GET', '/nothing', undefined, 'application/json', 404, 'not-found'],
    ['a malformed id', 'GET', '/users/1', undefined, 'application/json', 404, 'not-found'],
    ['a taken name', 'POST', '/customers', '{"slug":"globex","name":"G"}', 'application/json', 409, 'already-exists'],
  ])('name %s', async (_name, method, path, body, contentType, status, code) => {
    const response = await fetch(new URL(`/api/v1${path}`, owner.url), {
      method,
      headers: { authorization: `Bearer ${owner.token ?? ''}`, 'content-type': contentType, connection: 'close' },
      ...(body === undefined ? {} : { body }),
    });
    const problem = (await response.json()) as Problem;
    expect(response.headers.get('content-type')).toContain('application/problem+json');
    expect(problem).toMatchObject({
      type: `https://steward.dev/problems/${code}`,
      status,
      detail: expect.any(String),
      requestId: response.headers.get('request-id'),
    });
    expect(response.status).toBe(status);
  });

  it('come with headers that keep a browser safe', async () => {
    const { headers } = await owner.call('GET', '/me');
    expect(headers['content-security-policy']).not.toContain('unsafe');
    expect([headers['x-content-type-options'], headers['cache-control']]).toEqual(['nosniff', 'no-store']);
  });
});

const ENROLMENT = { token: 'x'.repeat(20), publicKey: `${'A'.repeat(43)}=`, clusterUid: 'uid', agentVersion: '1' };

describe('what cannot be stored or read', () => {
  it.each([
    ['POST', '/sessions', { email: 'a\u0000@acme.test', password: 'wrong' }, '400 invalid-request'],
    ['POST', '/agent/v1/enrol', { ...ENROLMENT, kubernetesVersion: 'v1\u0000' }, '400 invalid-request'],
    ['POST', '/customers', { slug: 'nul', name: 'N\u0000L' }, '400 invalid-request'],
    ['POST', '/customers', { slug: 'half', name: 'half \ud83d' }, '400 invalid-request'],
    ['GET', '/services/nats/releases/2.1%00', undefined, '404 not-found'],
    ['GET', '/services/%ff', undefined, '400 invalid-request'],
  ])('%s %s with %o is a problem of who sent it', async (method, path, body, expected) => {
    expect(await refusal(owner, method, path, body)).toBe(expected);
  });
});

describe('the last owner', () => {
  it('is not removed when two owners remove each other at once', async () => {
    const { user } = await owner.get<Identity>('/me');
    const { items } = await owner.get<PageOf<User>>('/users?limit=200');
    for (const { id, role } of items)
      if (role === 'owner' && id !== user?.id) await owner.call('DELETE', `/users/${id}`);
    const wanted = { email: 'two@acme.test', name: 'Two', role: 'owner', password: 'correct horse battery' };
    const { id } = await owner.post<CreatedUser>('/users', wanted);
    const other = await owner.as(undefined).login(wanted.email, wanted.password);
    const answers = await Promise.all([
      owner.call('DELETE', `/users/${id}`),
      other.call('DELETE', `/users/${user?.id ?? ''}`),
    ]);
    expect(answers.filter(({ status }) => status === 204)).toHaveLength(1);
    const left = await withClient(running.database.superuserUrl, (client) =>
      client.query(`SELECT 1 FROM users WHERE role = 'owner'`),
    );
    expect(left.rowCount).toBe(1);
  });
});
