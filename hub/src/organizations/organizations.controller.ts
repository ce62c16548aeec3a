import { Controller, Get } from '@nestjs/common';
import { Organization } from '@steward/shared';
import { Database } from '../db/database.ts';
import type { TenantContext } from '../db/tenant-context.ts';
import { Allow, ANYONE, Tenant } from '../http/access.ts';
import { Answers } from '../http/answers.ts';
import { OrganizationsRepository } from './organizations.repository.ts';

@Controller('api/v1/organization')
export class OrganizationsController {
  constructor(
    private readonly database: Database,
    private readonly organizations: OrganizationsRepository,
  ) {}

  @Get()
  @Allow(...ANYONE)
  @Answers(Organization, { summary: 'the vendor whose hub this is' })
  get(@Tenant() context: TenantContext): Promise<Organization> {
    return this.database.inTenant(context, (tx) => this.organizations.load(tx));
  }
}
