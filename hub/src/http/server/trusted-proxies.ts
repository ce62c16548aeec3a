import type { IncomingMessage } from 'node:http';
import { BlockList, isIP } from 'node:net';

interface Network {
  address: string;
  family: 'ipv4' | 'ipv6';
  prefix: number;
}

/** `10.0.0.5`, `10.0.0.0/8`, `fd00::/8`; undefined for anything else. */
export function parseNetwork(text: string): Network | undefined {
  const [, address = '', digits] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const version = isIP(address);
  const bits = version === 4 ? 32 : 128;
  const prefix = digits === undefined ? bits : Number(digits);
  if (version === 0 || prefix > bits) return undefined;
  return { address, family: version === 4 ? 'ipv4' : 'ipv6', prefix };
}

/** The proxies whose word about where a request comes from is taken. Of everybody else that header is a claim. */
export class TrustedProxies {
  readonly #networks = new BlockList();

  constructor(networks: readonly string[]) {
    for (const text of networks) {
      const network = parseNetwork(text);
      if (!network) throw new Error(`"${text}" is no address and no network`);
      this.#networks.addSubnet(network.address, network.prefix, network.family);
    }
  }

  trusts(address: string): boolean {
    const version = isIP(address);
    return version !== 0 && this.#networks.check(address, version === 4 ? 'ipv4' : 'ipv6');
  }

  /** The nearest address on the request's way that is no such proxy. */
  addressOf({
    socket,
    headers,
  }: Pick<IncomingMessage, 'headers'> & { socket: { remoteAddress?: string | undefined } }): string {
    const forwarded = [headers['x-forwarded-for'] ?? []].flat().join(',').split(',');
    let address = socket.remoteAddress ?? '';
    for (const before of forwarded.map((text) => text.trim()).reverse()) {
      if (before === '' || !this.trusts(address)) break;
      address = before;
    }
    return address;
  }
}
