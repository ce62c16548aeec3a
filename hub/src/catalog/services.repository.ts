import { Injectable } from '@nestjs/common';
import { compile, type Channel, type CreateService, type Service, mapOf } from '@steward/shared';
import * as Type from 'typebox';
import type { EntityManager } from 'typeorm';
import { row, rows } from '../db/query.ts';
import type { TenantContext } from '../db/tenant-context.ts';
import { pageClause, type PageRequest } from '../http/page.ts';

interface ServiceRow {
  id: string;
  slug: string;
  name: string;
  createdAt: Date;
  channels: unknown;
  latestVersion: string | null;
}

export interface ChannelRow {
  id: string;
  createdAt: Date;
  service: string;
  name: string;
  version: string;
  updatedAt: Date;
}

const decodeChannels = compile(mapOf(Type.String()));

const SELECT = `
  SELECT s.id, s.slug, s.name, s.created_at AS "createdAt",
         COALESCE((SELECT json_object_agg(c.name, r.version ORDER BY c.name)
                   FROM channels c JOIN releases r ON r.id = c.release_id WHERE c.service_id = s.id), '{}') AS channels,
         (SELECT r.version FROM releases r WHERE r.service_id = s.id ORDER BY r.created_at DESC, r.id DESC LIMIT 1) AS "latestVersion"
  FROM services s`;

const SELECT_CHANNEL = `
  SELECT c.id, c.created_at AS "createdAt", s.slug AS service, c.name, r.version, c.updated_at AS "updatedAt"
  FROM channels c JOIN services s ON s.id = c.service_id JOIN releases r ON r.id = c.release_id`;

function toService({ createdAt, channels, latestVersion, ...found }: ServiceRow): Service {
  const decoded = decodeChannels(channels);
  return {
    ...found,
    createdAt: createdAt.toISOString(),
    channels: decoded.ok ? decoded.value : {},
    ...(latestVersion === null ? {} : { latestVersion }),
  };
}

export function toChannel({ service, name, version, updatedAt }: ChannelRow): Channel {
  return { service, name, version, updatedAt: updatedAt.toISOString() };
}

@Injectable()
export class ServicesRepository {
  async list(tx: EntityManager, page: PageRequest): Promise<Service[]> {
    const { where, tail, parameters } = pageClause(page, 1, 's');
    return (await rows<ServiceRow>(tx, `${SELECT} WHERE ${where} ${tail}`, parameters)).map(toService);
  }

  async find(tx: EntityManager, slug: string): Promise<Service | undefined> {
    const found = await row<ServiceRow>(tx, `${SELECT} WHERE s.slug = $1`, [slug]);
    return found && toService(found);
  }

  /** False when the slug is taken. */
  async insert(tx: EntityManager, context: TenantContext, { slug, name }: CreateService): Promise<boolean> {
    const made = await row(
      tx,
      `INSERT INTO services (organization_id, slug, name, created_by) VALUES ($1, $2, $3, $4)
       ON CONFLICT (organization_id, slug) DO NOTHING RETURNING id`,
      [context.organizationId, slug, name, context.actor],
    );
    return made !== undefined;
  }

  /** Keeps others from publishing to or moving channels of this service until the transaction ends. */
  async lock(tx: EntityManager, slug: string): Promise<string | undefined> {
    const found = await row<{ id: string }>(tx, 'SELECT id FROM services WHERE slug = $1 FOR UPDATE', [slug]);
    return found?.id;
  }

  channels(tx: EntityManager, slug: string, page: PageRequest): Promise<ChannelRow[]> {
    const { where, tail, parameters } = pageClause(page, 2, 'c');
    return rows(tx, `${SELECT_CHANNEL} WHERE s.slug = $1 AND ${where} ${tail}`, [slug, ...parameters]);
  }

  async setChannel(
    tx: EntityManager,
    context: TenantContext,
    channel: { serviceId: string; name: string; releaseId: string },
  ): Promise<Channel> {
    const made = await row<{ id: string }>(
      tx,
      `INSERT INTO channels (organization_id, service_id, name, release_id, updated_by) VALUES ($1, $2, $3, $4, $5)
       ON CONFLICT (service_id, name) DO UPDATE
       SET release_id = excluded.release_id, updated_by = excluded.updated_by, updated_at = now() RETURNING id`,
      [context.organizationId, channel.serviceId, channel.name, channel.releaseId, context.actor],
    );
    const found = await row<ChannelRow>(tx, `${SELECT_CHANNEL} WHERE c.id = $1`, [made?.id]);
    if (!found) throw new Error('a channel that was just written is not there');
    return toChannel(found);
  }
}
