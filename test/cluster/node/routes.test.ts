import { expect, it } from 'vitest';
import { isRouted, networksOf, parseRoutes } from './routes.ts';

const table = `Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0
eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
steward70\t186433C6\t00000000\t0001\t0\t0\t0\tFCFFFFFF\t0\t0\t0
`;

it.each([
  ['192.0.2.77', true],
  ['198.51.100.26', true],
  ['198.51.100.28', false],
  ['203.0.113.1', false],
])('says whether this machine has a route to %s besides the default one', (address, isSo) => {
  expect(isRouted(address, parseRoutes(table))).toBe(isSo);
});

it('keeps clear of the networks of what the machine needs, whatever else stands among the addresses', () => {
  const needed = networksOf(['203.0.113.80', '10.255.255.53', '::1', '[2001:db8::1]:53', '10.0.0.1:5353']);
  expect(isRouted('203.0.113.2', needed)).toBe(true);
  expect(isRouted('198.51.100.2', needed)).toBe(false);
  expect(needed).toHaveLength(2);
});
