import type { Identity } from '@steward/shared';
import { ApiError, login, request, session } from './api.ts';
import { element, part } from './element.ts';
import { showFleet, untilAnswered } from './live.ts';
import { loginView } from './view.ts';

function showLogin(last: { email?: string; error?: string } = {}): void {
  document.title = 'Steward';
  part('feed').textContent = '';
  part('organization').textContent = '';
  part('logout').hidden = true;
  const form = loginView(({ email, password }) => {
    login(email, password).then(
      (answer) => {
        session.keep(answer.token);
        void show();
      },
      (reason: unknown) => showLogin({ email, error: reason instanceof Error ? reason.message : String(reason) }),
    );
  }, last);
  part('main').replaceChildren(form);
  form.querySelector<HTMLInputElement>(last.email ? '[type=password]' : '[type=email]')?.focus();
}

function say(text: string): void {
  part('main').replaceChildren(element('p', { class: 'error', role: 'alert' }, text));
}

async function show(): Promise<void> {
  const stop = new AbortController();
  const logout = part('logout');
  logout.hidden = false;
  logout.onclick = () => {
    stop.abort();
    void request('/sessions/current', { method: 'DELETE' })
      .catch(() => undefined)
      .finally(() => {
        session.forget();
        showLogin();
      });
  };
  part('main').replaceChildren(element('p', { class: 'muted', role: 'status' }, 'Loading …'));
  try {
    const me = async (): Promise<Identity> => (await (await request('/me')).json()) as Identity;
    const identity = await untilAnswered(me, stop.signal, (error) => say(`${error.message} Trying again …`));
    if (!identity) return;
    part('organization').textContent =
      `${identity.organization.name}${identity.user ? ` · ${identity.user.email}` : ''}`;
    await showFleet(stop.signal);
  } catch (error) {
    if (stop.signal.aborted) return;
    stop.abort();
    if (error instanceof ApiError && error.status === 401) {
      session.forget();
      showLogin({ error: 'The session has ended. Log in again.' });
    } else say(`${error instanceof Error ? error.message : String(error)} Reload the page to try again.`);
  }
}

if (session.token()) void show();
else showLogin();
