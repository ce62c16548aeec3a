import { Controller, Get, Post } from '@nestjs/common';
import {
  CancelOperation,
  CreateOperation,
  IDEMPOTENCY_KEY_HEADER,
  Operation,
  OperationDetails,
  OperationQuery,
  Page,
  type PageOf,
} from '@steward/shared';
import * as Type from 'typebox';
import type { TenantContext } from '../db/tenant-context.ts';
import { Allow, ANYONE, Tenant } from '../http/access.ts';
import { Answers } from '../http/answers.ts';
import { DecodedBody, DecodedParameters, DecodedQuery, NotedHeader } from '../http/decoded.ts';
import { TraceParent } from '../telemetry/trace-context.ts';
import { IdempotencyKey } from './idempotency.repository.ts';
import { OperationsService } from './operations.service.ts';

const ById = Type.Object({ id: Type.String({ format: 'uuid' }) });

@Controller('api/v1')
export class OperationsController {
  constructor(private readonly operations: OperationsService) {}

  @Post('installations/:id/operations')
  @Allow('owner', 'release-engineer', 'support-engineer', 'customer-admin')
  @Answers(Operation, {
    status: 201,
    summary:
      'pushes an upgrade, a rollback, a restart, a stop, a start, a scale, a resize, an autoscale, a schedule, an uninstall, an adopt or a leave',
  })
  create(
    @Tenant() context: TenantContext,
    @DecodedParameters(ById) { id }: { id: string },
    @DecodedBody(CreateOperation) wanted: CreateOperation,
    @NotedHeader(IDEMPOTENCY_KEY_HEADER, IdempotencyKey) idempotencyKey: string | undefined,
    @NotedHeader('traceparent', TraceParent) traceparent: string | undefined,
  ): Promise<Operation> {
    return this.operations.create(context, { installationId: id, wanted, idempotencyKey, traceparent });
  }

  @Get('operations')
  @Allow(...ANYONE)
  @Answers(Page(Operation), { summary: 'operations, newest first' })
  list(
    @Tenant() context: TenantContext,
    @DecodedQuery(OperationQuery) query: OperationQuery,
  ): Promise<PageOf<Operation>> {
    return this.operations.list(context, query);
  }

  @Get('operations/:id')
  @Allow(...ANYONE)
  @Answers(OperationDetails, { summary: 'one operation with its plan and history' })
  get(@Tenant() context: TenantContext, @DecodedParameters(ById) { id }: { id: string }): Promise<OperationDetails> {
    return this.operations.get(context, id);
  }

  @Post('operations/:id/cancel')
  @Allow('owner', 'release-engineer', 'support-engineer', 'customer-admin')
  @Answers(Operation, {
    summary: 'ends an operation that has not changed anything yet; one under way as `ifUnderWay` says',
  })
  cancel(
    @Tenant() context: TenantContext,
    @DecodedParameters(ById) { id }: { id: string },
    @DecodedBody(CancelOperation) cancel: CancelOperation,
  ): Promise<Operation> {
    return this.operations.cancel(context, id, cancel);
  }
}
