import { applyDecorators, HttpCode, SetMetadata } from '@nestjs/common';
import type { TSchema } from 'typebox';

export const ANSWER = Symbol('answer');

/** What a route answers when all is well. Without a schema: no body (204) or something that is not JSON. */
export interface Answer {
  schema?: TSchema;
  status: number;
  /** Other statuses of an answer with the same body, which the route sets itself. */
  also?: readonly number[];
  summary?: string;
  /** Default application/json. */
  contentType?: string;
}

/** Names a route's answer, for the status that is sent and for the OpenAPI document. */
export function Answers(schema: TSchema | undefined, options: Partial<Omit<Answer, 'schema'>> = {}): MethodDecorator {
  const status = options.status ?? (schema ? 200 : 204);
  const answer: Answer = { ...options, status, ...(schema ? { schema } : {}) };
  return applyDecorators(HttpCode(status), SetMetadata(ANSWER, answer));
}
