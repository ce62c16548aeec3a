import { getServers } from 'node:dns';
import { lookup } from 'node:dns/promises';
import { readFile } from 'node:fs/promises';
import { isIPv4 } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

/** Where packages and modules come from. */
const REGISTRIES = ['proxy.golang.org', 'sum.golang.org', 'registry.npmjs.org', 'deb.debian.org'];
const LOOKUP_MS = 2_000;

/** An IPv4 network this machine has a way to, other than by its default route. */
export interface Route {
  network: number;
  mask: number;
}

export async function loadRoutes(): Promise<Route[]> {
  return parseRoutes(await readFile('/proc/net/route', 'utf8'));
}

/**
 * The networks of what this machine reaches by its default route and must go on reaching: name servers and registries. In a
 * sandbox these may have addresses that are kept for documentation.
 */
export async function loadNeededNetworks(): Promise<Route[]> {
  const found = await Promise.all(
    REGISTRIES.map((host) => Promise.race([addressesOf(host), delay(LOOKUP_MS, [], { ref: false })])),
  );
  return networksOf([...getServers(), ...found.flat()]);
}

async function addressesOf(host: string): Promise<string[]> {
  // Without a network there is nothing that could become unreachable.
  const found = await lookup(host, { family: 4, all: true }).catch(() => []);
  return found.map(({ address }) => address);
}

/** Of each IPv4 address the 256 around it; anything else is left out. */
export function networksOf(addresses: readonly string[]): Route[] {
  const mask = 0xffffff00;
  return addresses
    .filter((address) => isIPv4(address))
    .map((address) => ({ network: (numberOf(address) & mask) >>> 0, mask }));
}

/** The kernel's table: tab-separated, addresses in hexadecimal with the first byte last. */
export function parseRoutes(table: string): Route[] {
  const rows = table.trim().split('\n').slice(1);
  const routes = rows.map((row) => {
    const fields = row.split('\t');
    return { network: fromKernel(fields[1]), mask: fromKernel(fields[7]) };
  });
  return routes.filter(({ mask }) => mask !== 0);
}

/** Whether some route leads to the address. */
export function isRouted(address: string, routes: readonly Route[]): boolean {
  const value = numberOf(address);
  return routes.some(({ network, mask }) => (value & mask) >>> 0 === network);
}

function numberOf(address: string): number {
  return Buffer.from(address.split('.').map(Number)).readUInt32BE();
}

function fromKernel(hex = ''): number {
  return Buffer.from(hex.trim().padStart(8, '0'), 'hex').readUInt32LE();
}
