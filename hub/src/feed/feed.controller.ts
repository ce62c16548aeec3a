import { Controller, Get, Req, Res } from '@nestjs/common';
import { FEED_EVENTS } from '@steward/shared';
import type { FastifyReply, FastifyRequest } from 'fastify';
import * as Type from 'typebox';
import type { Static } from 'typebox';
import type { TenantContext } from '../db/tenant-context.ts';
import { Allow, ANYONE, Tenant } from '../http/access.ts';
import { bearerOf } from '../http/access.guard.ts';
import { Answers } from '../http/answers.ts';
import { DecodedQuery } from '../http/decoded.ts';
import { ProblemError } from '../http/problem.ts';
import { parsePosition, type FeedPosition } from './feed-position.ts';
import { FeedService } from './feed.service.ts';

const FeedQuery = Type.Object({
  after: Type.Optional(Type.String({ maxLength: 50, description: 'as Last-Event-ID' })),
  type: Type.Optional(Type.Unsafe<string>({ type: 'string', enum: Object.keys(FEED_EVENTS) })),
  installation: Type.Optional(Type.String({ maxLength: 64, description: 'name or id' })),
});
type FeedQuery = Static<typeof FeedQuery>;

function placeOf(text: string | undefined): FeedPosition | undefined {
  if (text === undefined || text === '') return undefined;
  const position = parsePosition(text);
  if (!position)
    throw new ProblemError('invalid-request', 'the event id to resume from is malformed', {
      action: 'send the last `id` of the feed as it is, or none to begin now',
    });
  return position;
}

@Controller('api/v1/feed')
export class FeedController {
  constructor(private readonly feed: FeedService) {}

  @Get()
  @Allow(...ANYONE)
  @Answers(Type.String(), { summary: 'live events (server-sent events)', contentType: 'text/event-stream' })
  async stream(
    @Tenant() context: TenantContext,
    @DecodedQuery(FeedQuery) query: FeedQuery,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const last = request.headers['last-event-id'];
    const after = placeOf(typeof last === 'string' ? last : query.after);
    // Who only asks whether there is one would wait for ever.
    if (request.method === 'HEAD') return void reply.type('text/event-stream').send();
    // A feed has a place of its own, for as long as it is open; only to find out whose it is was counted as a request.
    request.leavePlace?.();
    const { type, installation } = query;
    await this.feed.stream(
      {
        context,
        credential: bearerOf(request) ?? '',
        filter: { ...(type === undefined ? {} : { type }), ...(installation === undefined ? {} : { installation }) },
        ...(after === undefined ? {} : { after }),
        requestId: request.id,
      },
      reply,
    );
  }
}
