import { Injectable } from '@nestjs/common';
import { INSTALL_PATHS } from '@steward/shared';
import { HttpServers } from '../http/server/http-servers.ts';
import { TlsMaterial } from '../tls/tls-material.ts';

/** Makes the one line that a customer pastes: a download with the token in a header, piped to kubectl. */
@Injectable()
export class InstallLineService {
  constructor(
    private readonly servers: HttpServers,
    private readonly tls: TlsMaterial,
  ) {}

  /** The agent, with the grants of all installations that are known by then. */
  agent(token: string): string {
    return this.#line(INSTALL_PATHS.agent, token);
  }

  /** One installation's namespace and rights. */
  grant(installationId: string, token: string): string {
    return this.#line(`${INSTALL_PATHS.grants}/${installationId}`, token);
  }

  #line(path: string, token: string): string {
    // curl checks the pinned key also with -k, which only skips the chain of an authority that it does not know.
    const pin = this.tls.publicKeyPin();
    const trust = pin === undefined ? '' : ` -k --pinnedpubkey '${pin}'`;
    return `curl -sS${trust} -H 'Authorization: Bearer ${token}' ${this.servers.publicUrl}${path} | kubectl apply --server-side -f -`;
  }
}
