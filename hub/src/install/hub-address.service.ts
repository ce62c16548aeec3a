import { Inject, Injectable } from '@nestjs/common';
import { CONFIG, type Config } from '../config.ts';
import { HttpServers } from '../http/server/http-servers.ts';
import { TlsMaterial } from '../tls/tls-material.ts';

/** How agents reach this hub and what they run. */
@Injectable()
export class HubAddressService {
  constructor(
    @Inject(CONFIG) private readonly config: Config,
    private readonly servers: HttpServers,
    private readonly tls: TlsMaterial,
  ) {}

  get agentImage(): string {
    return this.config.agentImage;
  }

  parts(): { hubUrl: string; hubCaPem?: string } {
    const hubCaPem = this.tls.caPem();
    return { hubUrl: this.servers.publicUrl, ...(hubCaPem === undefined ? {} : { hubCaPem }) };
  }
}
