import type { PageOf, Problem, Session } from '@steward/shared';

const TOKEN_KEY = 'steward.token';

/** The session's token lives as long as the tab. */
export const session = {
  token: (): string | null => sessionStorage.getItem(TOKEN_KEY),
  keep: (token: string): void => sessionStorage.setItem(TOKEN_KEY, token),
  forget: (): void => sessionStorage.removeItem(TOKEN_KEY),
};

/** What the hub refused, in its own words. `status` 0 means that no answer came. */
export class ApiError extends Error {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** With a capital and a full stop, so that what happened and what to do can stand one after the other. */
function sentence(text = ''): string {
  return text && `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.!?:]$/.test(text) ? '' : '.'}`;
}

export async function request(path: string, init: RequestInit = {}): Promise<Response> {
  const headers = new Headers(init.headers);
  const token = session.token();
  if (token) headers.set('authorization', `Bearer ${token}`);
  if (init.body) headers.set('content-type', 'application/json');
  const response = await fetch(`/api/v1${path}`, { ...init, headers }).catch((error: unknown) => {
    throw new ApiError(0, `The hub does not answer (${error instanceof Error ? error.message : String(error)}).`);
  });
  if (response.ok) return response;
  const problem = (await response.json().catch(() => undefined)) as Partial<Problem> | undefined;
  const text = [problem?.detail, problem?.action].map(sentence).join(' ').trim();
  throw new ApiError(response.status, text || `The hub answered ${response.status}.`);
}

export async function login(email: string, password: string): Promise<Session> {
  const response = await request('/sessions', { method: 'POST', body: JSON.stringify({ email, password }) });
  return (await response.json()) as Session;
}

/** Every row of a list, page by page, up to 1,000. */
export async function loadAll<T>(path: string): Promise<T[]> {
  const items: T[] = [];
  let cursor: string | undefined;
  do {
    const query = cursor ? `?limit=200&cursor=${encodeURIComponent(cursor)}` : '?limit=200';
    const page = (await (await request(`${path}${query}`)).json()) as PageOf<T>;
    items.push(...page.items);
    cursor = page.next;
  } while (cursor && items.length < 1000);
  return items;
}
