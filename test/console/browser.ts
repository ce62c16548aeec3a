import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { chromium, type Browser, type Page } from 'playwright-core';

/** Nothing that calls out, nothing that needs a display or a sandbox of its own. */
const ARGUMENTS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

const REPORT_VIOLATIONS = `document.addEventListener('securitypolicyviolation', (event) =>
  reportViolation('refused by the content security policy: ' + event.violatedDirective + ' ' + event.blockedURI));`;

function chromiumProgram(): string {
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    const path = join(folder, 'chromium');
    if (existsSync(path)) return path;
  }
  throw new Error('there is no chromium on PATH: apt-get install chromium');
}

/** Headless, with a new profile that is removed when it ends. */
export function startBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath: chromiumProgram(), headless: true, args: ARGUMENTS });
}

export interface WatchedPage {
  page: Page;
  /** What the page complained about: console errors and warnings, uncaught exceptions, refusals by the content security policy. */
  complaints: string[];
  /** How often the document was loaded. */
  loads(): number;
}

/** A page in a context of its own: no cookies, no storage of others. */
export async function openPage(browser: Browser, width = 1280): Promise<WatchedPage> {
  const context = await browser.newContext({ viewport: { width, height: 900 }, locale: 'en-GB', timezoneId: 'UTC' });
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  const complaints: string[] = [];
  let loads = 0;
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('dialog', (dialog) => {
    complaints.push(`a dialog opened: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on('load', () => (loads += 1));
  await page.exposeFunction('reportViolation', (text: string) => void complaints.push(text));
  await page.addInitScript({ content: REPORT_VIOLATIONS });
  return { page, complaints, loads: () => loads };
}

/** Horizontal overflow of the document, in pixels; 0 when nothing has to be scrolled sideways. */
export function overflow(page: Page): Promise<number> {
  return page.evaluate<number>('document.documentElement.scrollWidth - document.documentElement.clientWidth');
}

/** Keeps a picture to look at, when the environment names a folder for it. */
export async function picture(page: Page, name: string): Promise<void> {
  const folder = process.env['STEWARD_SCREENSHOTS'];
  if (folder) await page.screenshot({ path: join(folder, `${name}.png`), fullPage: true });
}
