import { expect, it } from 'vitest';
import { parseNetwork, TrustedProxies } from './trusted-proxies.ts';

const proxies = new TrustedProxies(['10.0.0.0/8', '192.0.2.1', 'fd00::/8']);

it.each([
  ['198.51.100.7', undefined, '198.51.100.7'],
  ['198.51.100.7', '203.0.113.9', '198.51.100.7'],
  ['10.1.2.3', undefined, '10.1.2.3'],
  ['10.1.2.3', '203.0.113.9', '203.0.113.9'],
  ['::ffff:10.1.2.3', '203.0.113.9', '203.0.113.9'],
  ['fd00::1', '203.0.113.9, 192.0.2.1', '203.0.113.9'],
  ['10.1.2.3', 'made-up, 203.0.113.9, 10.9.9.9', '203.0.113.9'],
])('of a request of %s with the header %s the address is %s', (remoteAddress, header, address) => {
  const headers = header === undefined ? {} : { 'x-forwarded-for': header };
  expect(proxies.addressOf({ socket: { remoteAddress }, headers })).toBe(address);
});

it.each(['', '10.0.0', '10.0.0.0/33', 'fd00::/129', 'proxy.example', '10.0.0.0/8/8'])('"%s" is no network', (text) => {
  expect(parseNetwork(text)).toBeUndefined();
});
