import { describe, expect, it } from 'vitest';
import { connectionOf, type ConnectionFacts } from './connection.ts';

const now = Date.parse('2026-11-21T14:30:00Z');
const ago = (seconds: number) => new Date(now - seconds * 1_000);
const names = { cluster: 'east', namespace: 'steward-acme', hubUrl: 'https://hub.example' };
const nothing: ConnectionFacts = {
  manifestFetchedAt: null,
  enrolledAt: null,
  revokedAt: null,
  hasSession: false,
  connectedAt: null,
  lastSeenAt: null,
  clockSkewMs: null,
  refusedAt: null,
  refusedUid: null,
  formerUid: null,
  tokenExpiresAt: new Date(now + 86_400_000),
};
const enrolled = { ...nothing, enrolledAt: ago(90_000) };

describe('the connection of a cluster', () => {
  it.each<[string, Partial<ConnectionFacts>, string, string]>([
    ['nobody has fetched the manifest', {}, 'waiting', 'run the install line'],
    ['its token has ended unused', { tokenExpiresAt: ago(1) }, 'waiting', 'steward cluster enrol east'],
    [
      'the manifest was fetched',
      { manifestFetchedAt: ago(1680) },
      'fetched',
      'manifest fetched 14:02 UTC, not enrolled: look at',
    ],
    ['… and the token has ended', { manifestFetchedAt: ago(1680), tokenExpiresAt: null }, 'fetched', 'token has ended'],
    ['it enrolled and never connected', { enrolledAt: ago(60) }, 'enrolled', 'enrolled 14:29 UTC, not connected yet'],
    [
      'it has a session',
      { ...enrolled, hasSession: true, connectedAt: ago(3600) },
      'connected',
      'connected since 13:30 UTC',
    ],
    ['its session ended a moment ago', { ...enrolled, lastSeenAt: ago(74) }, 'connected', 'dials again by itself'],
    ['it was not heard for 75 s', { ...enrolled, lastSeenAt: ago(75) }, 'stale', 'not heard since 14:28 UTC'],
    [
      'it was not heard for 150 s',
      { ...enrolled, lastSeenAt: ago(150) },
      'offline',
      'offline since 14:27 UTC: look at',
    ],
    [
      'it was not heard since another day',
      { ...enrolled, lastSeenAt: ago(86_400) },
      'offline',
      'since 2026-11-20 14:30 UTC',
    ],
    ['it was revoked', { ...enrolled, hasSession: true, revokedAt: ago(60) }, 'revoked', 'revoked 14:29 UTC'],
    [
      'its clock is behind',
      { ...enrolled, lastSeenAt: ago(200), clockSkewMs: -61_000 },
      'offline',
      'its clock is 61 s behind',
    ],
    [
      'its clock is ahead',
      { ...enrolled, hasSession: true, clockSkewMs: 90_000 },
      'connected',
      '90 s ahead of the hub',
    ],
    [
      'a copy of it was refused',
      { ...enrolled, hasSession: true, refusedAt: ago(600), refusedUid: 'uid-2' },
      'connected',
      'a copy of its agent was refused at 14:20 UTC because it runs in another cluster (uid-2)',
    ],
    [
      'what is left where it was before was refused',
      { ...enrolled, hasSession: true, refusedAt: ago(600), refusedUid: 'uid-1', formerUid: 'uid-1' },
      'connected',
      'in the cluster that it has moved from (uid-1) was refused at 14:20 UTC: remove it there',
    ],
  ])('when %s', (_name, facts, connection, text) => {
    const found = connectionOf({ ...nothing, ...facts }, names, now);
    expect(found.connection).toBe(connection);
    expect(found.connectionMessage).toContain(text);
  });

  it('says nothing of a small skew or an old refusal', () => {
    const facts = { ...enrolled, hasSession: true, clockSkewMs: 59_000, refusedAt: ago(90_000), refusedUid: 'x' };
    expect(connectionOf(facts, names, now).connectionMessage).toBe('connected');
  });
});
