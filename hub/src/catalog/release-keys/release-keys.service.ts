import { Injectable } from '@nestjs/common';
import {
  publicKeyFromRaw,
  releaseKeyOf,
  type CreateTrustedKey,
  type PageOf,
  type PageQuery,
  type ReleaseKey,
  type TrustedKey,
} from '@steward/shared';
import { Database } from '../../db/database.ts';
import type { TenantContext } from '../../db/tenant-context.ts';
import { pageOfRows } from '../../http/newest-first.ts';
import { pageRequest } from '../../http/page.ts';
import { ProblemError } from '../../http/problem.ts';
import { ReleaseKeysRepository, toTrustedKey } from './release-keys.repository.ts';

function readKey(publicKey: string): ReleaseKey {
  try {
    return releaseKeyOf(publicKeyFromRaw(publicKey));
  } catch (error) {
    throw new ProblemError('invalid-request', 'the public key is no Ed25519 key', {
      action: 'send what `steward keys create` printed',
      cause: error,
    });
  }
}

/** Public halves of the vendor's release keys. What a cluster trusts is pinned in its own manifest; the hub cannot add to that later. */
@Injectable()
export class ReleaseKeysService {
  constructor(
    private readonly database: Database,
    private readonly keys: ReleaseKeysRepository,
  ) {}

  async list(context: TenantContext, query: PageQuery): Promise<PageOf<TrustedKey>> {
    const page = pageRequest(query);
    return pageOfRows(await this.database.inTenant(context, (tx) => this.keys.list(tx, page)), page, toTrustedKey);
  }

  async create(context: TenantContext, { name, publicKey }: CreateTrustedKey): Promise<TrustedKey> {
    const key = readKey(publicKey);
    const made = await this.database.inTenant(context, (tx) => this.keys.insert(tx, context, name, key));
    if (!made) throw new ProblemError('already-exists', `the release key ${key.fingerprint} is trusted already`);
    return toTrustedKey(made);
  }
}
