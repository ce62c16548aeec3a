import { readFile } from 'node:fs/promises';

/** An IPv4 network this machine has a way to, other than by its default route. */
export interface Route {
  network: number;
  mask: number;
}

export async function loadRoutes(): Promise<Route[]> {
  return parseRoutes(await readFile('/proc/net/route', 'utf8'));
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
  const value = Buffer.from(address.split('.').map(Number)).readUInt32BE();
  return routes.some(({ network, mask }) => (value & mask) >>> 0 === network);
}

function fromKernel(hex = ''): number {
  return Buffer.from(hex.trim().padStart(8, '0'), 'hex').readUInt32LE();
}
