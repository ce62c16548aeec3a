import { compile, Problem, problemCodeOf } from '@steward/shared';
import type { RawAnswer, RawCall } from './send-raw.ts';

const decodeProblem = compile(Problem);

/** What is wrong with an answer to something nasty: a fault of the hub, or a refusal that does not tell itself. */
export function faultOf(call: RawCall, { status, headers, text }: RawAnswer): string | undefined {
  const said = `${status} ${text.slice(0, 300)}`;
  if (status >= 500) return `a fault: ${said}`;
  if (status < 400 || call.method === 'HEAD') return undefined;
  if (!headers['content-type']?.startsWith('application/problem+json'))
    return `no problem: ${headers['content-type']} ${said}`;
  const problem = decodeProblem(parsed(text));
  if (!problem.ok) return `not as RFC 9457 has it: ${problem.error} ${said}`;
  if (problemCodeOf(problem.value) === undefined) return `of no known code: ${said}`;
  if (problem.value.status !== status) return `the problem says another status: ${said}`;
  if (text.length > 3_000) return `it repeats ${text.length} characters: ${said}`;
  return problem.value.detail.trim() === '' ? `without a reason: ${said}` : undefined;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** A call in one line. */
export function callText({ method, path, headers = {}, body = '' }: RawCall): string {
  const { 'content-type': type = '', ...others } = headers;
  const more = Object.keys(others).length > 0 ? ` ${JSON.stringify(others).slice(0, 200)}` : '';
  return `${method} ${path.slice(0, 200)} ${type.slice(0, 80)}${more} ${String(body).slice(0, 300)}`;
}
