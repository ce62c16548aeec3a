import { Controller, Post, Req } from '@nestjs/common';
import { EnrolRequest, EnrolResponse } from '@steward/shared';
import type { FastifyRequest } from 'fastify';
import { Public } from '../http/access.ts';
import { Answers } from '../http/answers.ts';
import { DecodedBody } from '../http/decoded.ts';
import { EnrolmentService } from './enrolment.service.ts';

@Controller('agent/v1')
export class EnrolmentController {
  constructor(private readonly enrolment: EnrolmentService) {}

  @Post('enrol')
  @Public()
  @Answers(EnrolResponse, { summary: "an agent's identity, for a single-use token; the same again is answered again" })
  enrol(@DecodedBody(EnrolRequest) wanted: EnrolRequest, @Req() request: FastifyRequest): Promise<EnrolResponse> {
    return this.enrolment.enrol(wanted, request.ip);
  }
}
