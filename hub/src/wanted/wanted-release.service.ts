import { Injectable } from '@nestjs/common';
import { LIMITS, parseBoundedJson, type Release } from '@steward/shared';
import type { EntityManager } from 'typeorm';
import { ReleasesRepository, type StoredRelease } from '../catalog/releases.repository.ts';
import { noSuchRelease } from '../catalog/services.service.ts';
import { openStored } from '../catalog/stored-release.ts';
import { ProblemError } from '../http/problem.ts';
import { SchemaCheckerService } from '../parameters/schema-checker.service.ts';

/** Of parameters: they reach the agent two levels inside of a frame. */
const MAX_DEPTH = LIMITS.maxFrameDepth - 2;

export interface ReleaseChoice {
  version?: string | undefined;
  channel?: string | undefined;
}

/** A release that was chosen, with what was signed. */
export interface ChosenRelease {
  row: StoredRelease;
  release: Release;
}

/** Finds the release that a request means, and checks what it asks of it. */
@Injectable()
export class WantedReleaseService {
  constructor(
    private readonly releases: ReleasesRepository,
    private readonly checker: SchemaCheckerService,
  ) {}

  /** By version, or by channel (`stable` without either). @throws ProblemError */
  async choose(tx: EntityManager, service: string, { version, channel }: ReleaseChoice): Promise<ChosenRelease> {
    if (version !== undefined && channel !== undefined)
      throw new ProblemError('invalid-request', 'version and channel were given', { action: 'give one of them' });
    const name = channel ?? 'stable';
    const found =
      version === undefined
        ? await this.releases.findByChannel(tx, service, name)
        : await this.releases.find(tx, service, version);
    if (found) return { row: found, release: openStored(found.envelope).release };
    if (version !== undefined) throw noSuchRelease(service, version);
    throw new ProblemError('not-found', `the service "${service}" has no channel "${name}"`, {
      action: `name a version, or set the channel: steward channel set ${service} ${name} VERSION`,
    });
  }

  async byId(tx: EntityManager, id: string): Promise<ChosenRelease> {
    const found = await this.releases.findById(tx, id);
    if (!found) throw new Error('a release that a generation refers to is not there');
    return { row: found, release: openStored(found.envelope).release };
  }

  /** Against what the release's signature allows to be set. Bounded in time. @throws ProblemError `invalid-parameters`, `too-large` */
  async checkParameters({ row, release }: ChosenRelease, parameters: Record<string, unknown>): Promise<void> {
    const json = JSON.stringify(parameters);
    if (Buffer.byteLength(json) > LIMITS.maxParametersBytes)
      throw new ProblemError('too-large', `the parameters are larger than ${LIMITS.maxParametersBytes} bytes`);
    const bounded = parseBoundedJson(json, MAX_DEPTH);
    if (!bounded.ok) throw new ProblemError('invalid-parameters', `the parameters are ${bounded.error}`);
    const result = await this.checker.check({ key: row.digest, schema: release.parameters, value: parameters });
    if (result.kind === 'ok') return;
    throw new ProblemError(
      'invalid-parameters',
      `${row.service} ${row.version} does not take these parameters: ${result.problems.join('; ')}`,
      {
        action: `see what it takes: steward release show ${row.service} ${row.version}`,
      },
    );
  }
}
