// People with browsers: Debian's Chromium, driven by playwright-core (a package of web/).
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { ROOT } from '../system/lib/env.mjs';

const fromWeb = createRequire(path.join(ROOT, 'web/package.json'));
const { chromium } = fromWeb('playwright-core');
const AXE = fromWeb.resolve('axe-core/axe.min.js');

const FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

// Chromium's own words for what a test does on purpose: killed servers, refused requests.
const EXPECTED = /^Failed to load resource|^WebSocket connection to /;

export async function launchBrowser() {
  const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';
  assert.ok(fs.existsSync(executablePath), `there is no ${executablePath}: apt-get install chromium`);
  return chromium.launch({ executablePath, args: FLAGS });
}

// One person: a browser profile of its own with one page, and everything that went wrong in it.
export class Person {
  static async arrive(browser, url, options = {}) {
    const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, ...options });
    const page = await context.newPage();
    page.setDefaultTimeout(20_000);
    const person = new Person(context, page, url);
    await page.goto(url);
    return person;
  }

  constructor(context, page, url) {
    this.context = context;
    this.page = page;
    this.url = url;
    this.faults = [];
    page.on('console', (message) => {
      if (message.type() !== 'error' || EXPECTED.test(message.text())) return;
      this.faults.push(message.text());
    });
    page.on('pageerror', (error) => this.faults.push(String(error)));
    page.on('request', (request) => {
      const { protocol, host } = new URL(request.url());
      if (protocol !== 'data:' && host !== new URL(url).host) this.faults.push(request.url());
    });
  }

  async signUp(name) {
    const { page } = this;
    await page.getByRole('button', { name: 'Sign up' }).click();
    await page.getByLabel('Name').fill(name);
    await page.getByLabel('E-mail').fill(`${name.toLowerCase()}@example.org`);
    await page.getByLabel('Password').fill('correct horse battery staple');
    await page.getByRole('button', { name: 'Create the account' }).click();
    await page.getByText('Signed in as').waitFor();
  }

  async createRoom(name) {
    const { page } = this;
    await page.getByRole('button', { name: 'New room' }).click();
    await page.getByLabel('Name of the room').fill(name);
    await page.getByRole('button', { name: 'Create' }).click();
    await page.getByRole('heading', { name, exact: true }).waitFor();
    await this.connected();
    return Number(/rooms\/(\d+)$/.exec(page.url())[1]);
  }

  async joinRoom(name) {
    const { page } = this;
    await page.reload();
    await page.getByRole('link', { name: new RegExp(name) }).click();
    await page.getByRole('button', { name: 'Join this room' }).click();
    await this.connected();
  }

  // A session that exists already, as if one had signed in here before.
  async useSession({ token, username, id }, hash = '') {
    const session = JSON.stringify({ token, username, id });
    await this.page.evaluate((value) => localStorage.setItem('banter.session', value), session);
    await this.page.goto(`${this.url}/${hash}`);
    await this.page.reload();
    await this.page.getByText('Signed in as').waitFor({ state: 'attached' });
  }

  get composer() {
    return this.page.getByLabel(/^Message to/);
  }

  connected() {
    return this.page.getByText('Connected', { exact: true }).waitFor();
  }

  async say(text) {
    await this.composer.fill(text);
    await this.composer.press('Enter');
  }

  hears(text) {
    return this.page.locator('.message:not(.outgoing) .said', { hasText: text }).first().waitFor();
  }

  // The texts of the conversation from top to bottom, what is under way included.
  conversation() {
    return this.page.locator('.said').allTextContents();
  }

  token() {
    return this.page.evaluate(() => JSON.parse(localStorage.getItem('banter.session')).token);
  }

  // What axe-core finds wrong, as lines.
  async accessibilityFaults() {
    await this.page.evaluate(fs.readFileSync(AXE, 'utf8'));
    const { violations } = await this.page.evaluate(() => globalThis.axe.run());
    return violations.flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.html}`));
  }

  async leave() {
    await this.context.close();
    assert.deepEqual(this.faults, [], 'nothing goes wrong in the browser');
  }
}
