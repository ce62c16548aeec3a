import { expect, it } from 'vitest';
import { AgentSession, type SessionRouter } from './agent-session.ts';
import { LinkedSocket } from './linked-socket.ts';
import { ManualClock } from './manual-clock.ts';
import { SessionRegistry } from './session-registry.ts';

function world() {
  const registry = new SessionRegistry();
  const router: SessionRouter = {
    greet: () => Promise.reject(new Error('unused')),
    welcomed: () => Promise.resolve(),
    route: () => Promise.resolve(),
    closeReasonOf: () => 'internal',
    received: () => undefined,
    sent: () => undefined,
    closed: (session) => registry.remove(session),
  };
  const connect = (epoch: number) => {
    const socket = new LinkedSocket();
    const identity = { clusterId: 'c', organizationId: 'o', customerId: 'u', organization: 'acme', epoch };
    const session = new AgentSession(identity, socket, router, new ManualClock());
    socket.attach(session);
    return { socket, session, isAdded: registry.add(session) };
  };
  return { registry, connect };
}

it('ends a session with 4409 when a newer one of the same agent takes over', () => {
  const { registry, connect } = world();
  const first = connect(1);
  const second = connect(2);
  expect(first.socket.closedWith?.code).toBe(4409);
  expect(second.socket.closedWith).toBeUndefined();
  expect(registry.get('c')).toBe(second.session);
});

it('keeps the newer session when the older one is registered late', () => {
  const { registry, connect } = world();
  const newer = connect(2);
  const older = connect(1);
  expect(older.isAdded).toBe(false);
  expect(older.socket.closedWith?.code).toBe(4409);
  expect(registry.get('c')).toBe(newer.session);
});

it('is not cleared by the late end of an old session', () => {
  const { registry, connect } = world();
  const first = connect(1);
  const second = connect(2);
  first.socket.hangUp(1006);
  registry.remove(first.session);
  expect(registry.get('c')).toBe(second.session);
  second.socket.hangUp();
  expect(registry.size).toBe(0);
});

it('ends only sessions below an epoch', () => {
  const { registry, connect } = world();
  const { socket } = connect(3);
  registry.endBelow('c', 3, 'revoked');
  expect(socket.closedWith).toBeUndefined();
  registry.endBelow('c', 4, 'revoked');
  expect(socket.closedWith?.code).toBe(4403);
});
