import { compile, parseImageReference } from '@steward/shared';
import * as Type from 'typebox';
import { readBytes } from '../bytes.ts';
import { messageOf } from '../cli-error.ts';
import type { HttpAnswer, HttpClient } from '../hub-api/http.ts';
import type { DigestLookup } from './images.ts';

const ACCEPT = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
].join(', ');
const decodeToken = compile(
  Type.Object({ token: Type.Optional(Type.String()), access_token: Type.Optional(Type.String()) }),
);

/**
 * Asks registries for digests, by the OCI distribution protocol, without an account: public images only. For others
 * the digest is given by hand.
 */
export function registryLookup(http: HttpClient, signal: AbortSignal, tell: (line: string) => void): DigestLookup {
  const send = (method: 'HEAD' | 'GET', url: string, headers: Record<string, string>): Promise<HttpAnswer> =>
    http.send({ method, url, headers, timeoutMs: 15_000, signal });

  const anonymousToken = async (challenge: string): Promise<string | undefined> => {
    const parts = new Map([...challenge.matchAll(/(\w+)="([^"]*)"/g)].map((match) => [match[1], match[2]]));
    const realm = URL.parse(parts.get('realm') ?? '');
    if (realm?.protocol !== 'https:') return undefined;
    for (const key of ['service', 'scope']) if (parts.has(key)) realm.searchParams.set(key, parts.get(key) ?? '');
    const answer = await send('GET', realm.href, {});
    const decoded = decodeToken(JSON.parse((await readBytes(answer.body, 256 * 1024)).toString('utf8')));
    return decoded.ok ? (decoded.value.token ?? decoded.value.access_token) : undefined;
  };

  return async (reference) => {
    const image = parseImageReference(reference);
    if (!image) return undefined;
    const host = image.host === 'docker.io' ? 'registry-1.docker.io' : image.host;
    const url = `https://${host}/v2/${image.repository}/manifests/${image.digest ?? image.tag ?? 'latest'}`;
    try {
      let answer = await send('HEAD', url, { accept: ACCEPT });
      answer.body.resume();
      if (answer.status === 401) {
        const token = await anonymousToken(answer.headers['www-authenticate'] ?? '');
        if (token !== undefined) answer = await send('HEAD', url, { accept: ACCEPT, authorization: `Bearer ${token}` });
        answer.body.resume();
      }
      const digest = answer.headers['docker-content-digest'];
      if (answer.status === 200 && typeof digest === 'string') return digest;
      tell(`${host} answered ${answer.status} for ${reference}`);
    } catch (error) {
      if (signal.aborted) throw error;
      tell(`cannot ask ${host} for ${reference}: ${messageOf(error)}`);
    }
    return undefined;
  };
}
