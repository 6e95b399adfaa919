/** The studio in a browser, for the tests of its pages. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { expect } from 'vitest';
import { browserPath, serveFolder, startBrowser, type Served } from './browser.ts';
import { kuosan } from './kuosan.ts';
import { root } from './source-files.ts';

/** Where the build has put the studio's pages. */
export const builtStudio = join(root, 'dist/web-studio');

/** Whether its pages can be visited: they are built, and there is a browser. */
export const canVisit = browserPath !== undefined && existsSync(builtStudio);

/** How a page is visited. */
export interface Visit {
  readonly width?: number;
  readonly language?: 'zh' | 'en';
  readonly theme?: 'light' | 'dark';
}

/** A page of the studio, and what has gone wrong on it. */
export interface VisitedPage {
  readonly page: Page;
  readonly errors: readonly string[];
}

/** The studio as static files behind a server, and a browser. */
export interface VisitedStudio {
  /** A folder for the files of a test. */
  readonly cwd: string;
  readonly served: Served;
  readonly browser: Browser;
  visit(hash: string, how?: Visit): Promise<VisitedPage>;
  close(): Promise<void>;
}

/** @param options  of `kuosan studio --static`, such as `--model` and a folder */
export async function openStudio(options: readonly string[] = []): Promise<VisitedStudio> {
  const cwd = mkdtempSync(join(tmpdir(), 'kuosan-studio-'));
  const site = join(cwd, 'site');
  const written = await kuosan(['studio', '--static', site, ...options], { cwd });
  expect(written.stderr).toBe('');
  const served = await serveFolder(site, true);
  const browser = await startBrowser();
  return {
    cwd,
    served,
    browser,
    visit: (hash, how) => visitAt(browser, served.url, hash, how),
    async close() {
      await browser.close();
      served.close();
      rmSync(cwd, { recursive: true, force: true });
    },
  };
}

/**
 * A page of a studio that is served, in a language and a theme.
 *
 * @param url  the studio's address
 */
export async function visitAt(
  browser: Browser,
  url: string,
  hash: string,
  { width = 1280, language = 'en', theme = 'light' }: Visit = {},
): Promise<VisitedPage> {
  const page = await browser.newPage({ viewport: { width, height: 860 } });
  const errors: string[] = [];
  page.on('pageerror', (error) => errors.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error') errors.push(`${message.text()} ${message.location().url}`);
  });
  await page.addInitScript(
    `if (!localStorage.getItem('kuosan-language')) { localStorage.setItem('kuosan-language', '${language}'); localStorage.setItem('kuosan-theme', '${theme}'); }`,
  );
  await page.goto(`${url}#/${hash}`);
  await page.waitForSelector('main h1');
  return { page, errors };
}

/** Waits until an expression holds in a page, whose policy lets Playwright's own waiting evaluate nothing. */
export async function expectSoon(page: Page, expression: string, timeout = 15_000): Promise<void> {
  await expect.poll(() => page.evaluate(expression), { timeout, interval: 200, message: expression }).toBe(true);
}

/** How far a page can be scrolled sideways: an expression of the page. */
export const sidewaysScroll = 'document.documentElement.scrollWidth - innerWidth';

/** What axe finds against a page. */
export async function findingsOf(page: Page): Promise<unknown[]> {
  await page.evaluate(readFileSync(join(root, 'node_modules/axe-core/axe.min.js'), 'utf8'));
  return page.evaluate(async () => {
    const { axe } = globalThis as unknown as {
      axe: {
        run(context: object, options: object): Promise<{ violations: { id: string; nodes: { html: string }[] }[] }>;
      };
    };
    // Formulas are KaTeX's own, hundreds of elements each, and take most of the time.
    const { violations } = await axe.run({ exclude: [['.katex']] }, { resultTypes: ['violations'] });
    return violations.map(({ id, nodes }) => [id, ...nodes.slice(0, 3).map(({ html }) => html)]);
  });
}
