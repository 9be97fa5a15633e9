// The main job, end to end, on real input: a caller talks to the agent while staff watch it live. The product is the real
// binary with its own Postgres and Redis; Twilio and OpenAI are emulated at their wire protocols; the screens are Chromium.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { chromium } from 'playwright-core';
import { cuttable, freePort } from './cuttable.mjs';
import { Outside, recognise, until } from './outside.mjs';
import { emulate, up } from './programs.mjs';

const GREETING = 'Hello, this is the front desk. How can I help you today?';
const HOURS = 'We are open from nine to five on weekdays, and on Saturday from ten to two in the afternoon.';
const LONG = 'Our prices depend on the size of the car and the work to be done. A small car is the cheapest, a large van costs more, and a motor home costs the most of all.';
const BYE = 'You are welcome. Have a nice day.';
const HERE = '+15550199';
const CALLER = '+15550100';
// The cut is what the caller heard. Frames are 20 ms, the product learns of play-out by marks, and the machine is shared.
const CUT_TOLERANCE_MS = 120;

const flags = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync', '--autoplay-policy=no-user-gesture-required'];
const shots = process.env.STORY_SHOTS;

let home, network, outside, programs = [], browser, publicUrl, ann, ben, api;

before(async () => {
  home = fs.mkdtempSync(path.join(os.tmpdir(), 'switchboard-story-'));
  // As root the product drops privileges for its stores, which must be able to walk to their folder.
  fs.chmodSync(home, 0o755);
  const [seen, inner] = [await freePort(), await freePort()];
  publicUrl = `http://127.0.0.1:${seen}`;
  network = await cuttable(seen, { host: '127.0.0.1', port: inner });
  const emulators = emulate(publicUrl, `http://127.0.0.1:${inner}`);
  programs.push(emulators);
  const addresses = await emulators.ready;
  outside = new Outside(addresses);
  const product = up(path.join(home, 'up'), inner, publicUrl, addresses);
  programs.push(product);
  const link = await product.ready;
  browser = await chromium.launch({ executablePath: process.env.CHROMIUM || '/usr/bin/chromium', args: flags });
  ann = await screen();
  await ann.goto(link.replace(/^https?:\/\/[^/]+/, publicUrl));
  await badge(ann).waitFor();
  api = await machine(ann);
  await connectNumbers();
  ben = await colleague();
});

after(async () => {
  await browser?.close();
  for (const program of programs.reverse()) await program.stop();
  network?.close();
  fs.rmSync(home, { recursive: true, force: true });
});

async function screen() {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, baseURL: publicUrl });
  const page = await context.newPage();
  page.on('pageerror', (error) => console.error('page error:', error.message));
  return page;
}

/** A program's way in: an API key that the signed-in owner makes. */
async function machine(page) {
  const secret = await page.evaluate(async () => {
    const signed = await fetch('/api/v1/auth/refresh', { method: 'POST', headers: { 'X-Switchboard': '1' } });
    const { access_token: token } = await signed.json();
    const made = await fetch('/api/v1/api-keys', {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ name: 'story', role: 'admin' }),
    });
    return (await made.json()).secret;
  });
  return async (method, path, body) => {
    const answer = await fetch(`${publicUrl}/api/v1${path}`, {
      method,
      headers: { authorization: `Bearer ${secret}`, ...(body && { 'content-type': 'application/json' }) },
      body: body && JSON.stringify(body),
    });
    const text = await answer.text();
    assert.ok(answer.ok, `${method} ${path}: ${answer.status} ${text}`);
    return text ? JSON.parse(text) : null;
  };
}

async function connectNumbers() {
  const connection = await api('POST', '/connections', {
    provider: 'twilio', account: 'AC00000000000000000000000000000001', auth_token: 'emulated-auth-token',
  });
  for (const channel of ['voice', 'sms']) {
    await api('POST', '/inboxes', { channel, address: HERE, name: `Main number (${channel})`, connection_id: connection.id });
  }
  await outside.number(HERE, publicUrl);
  const settings = await api('GET', '/agent-settings');
  await api('PUT', '/agent-settings', { ...settings, agent: 'realtime', greeting: GREETING });
  await outside.script({
    turns: [
      { hears: 'When are you open?', reply: { say: HOURS } },
      { hears: 'And what does it cost?', reply: { say: LONG } },
      { hears: 'Stop, that is enough, thank you.', reply: { say: BYE } },
    ],
  });
}

/** A second staff member at a second browser. */
async function colleague() {
  const { sign_in_link: link } = await api('POST', '/staff', { name: 'Ben', email: 'ben@example.test', role: 'staff' });
  const page = await screen();
  await page.goto(link);
  await badge(page).waitFor();
  return page;
}

async function look(page, name) {
  if (shots) await page.screenshot({ path: path.join(shots, `${name}.png`) });
}

let call, answerSinceUs;

test('a caller is answered, and the transcript is on the screen while the call lasts', async () => {
  await ann.goto('/calls');
  call = await outside.call(CALLER, HERE);
  const card = ann.getByTestId('live-call');
  await card.waitFor({ timeout: 20_000 });
  await until('the greeting on the card', async () => (await card.getByTestId('last-words').innerText()).includes('front desk'));
  await until('the greeting played out', async () => heardMs(await call.heard()) > 3_000 && !(await playing(call)));
  const { pieces } = await call.heard();
  answerSinceUs = pieces.at(-1).at_us + pieces.at(-1).duration_ms * 1000;
  await call.say('When are you open?');
  await card.getByRole('link').first().click();
  const transcript = ann.getByTestId('transcript');
  await transcript.getByText('When are you open?').waitFor({ timeout: 20_000 });
  await transcript.locator('[data-speaker=agent]').getByText('We are open from nine to five', { exact: false }).first().waitFor({ timeout: 20_000 });
  assert.equal((await call.state()).status, 'in-progress');
  await look(ann, 'call-live');
});

test('a second browser listens', async () => {
  await ben.goto('/calls');
  await ben.getByTestId('live-call').getByRole('button', { name: /listen/i }).click();
  const bar = ben.getByTestId('listening');
  await until('frames at the listener', async () => Number(await bar.getAttribute('data-frames')) > 50);
  assert.equal(await bar.getAttribute('data-state'), 'on');
  await look(ben, 'listening');
});

test('what came back by telephone is what the agent said', async () => {
  await until('the answer recognised in the audio the caller heard', async () => {
    const file = await call.wav(path.join(home, 'heard.wav'), answerSinceUs);
    return (await recognise(file, [GREETING, HOURS, LONG, BYE])) === words(HOURS);
  }, 40_000);
});

test('the caller interrupts, and the model remembers exactly what was heard', async () => {
  const before = await call.heard();
  await call.say('And what does it cost?');
  const started = await until('the long answer playing', async () => {
    const heard = await call.heard();
    return heardMs(heard) - heardMs(before) > 2_000 && heard;
  });
  await call.say('Stop, that is enough, thank you.');
  const session = await until('the cut', async () => (await outside.sessions()).find((one) => one.truncations.length > 0));
  const cut = session.truncations.at(-1);
  const heard = await until('the clear at the phone', async () => {
    const now = await call.heard();
    return now.clears.length > before.clears.length && now;
  });
  const cleared = heard.clears.at(before.clears.length);
  const played = playedOfLast(heard, started, cleared.at_us);
  console.log(JSON.stringify({ started: started.pieces.slice(-4), pieces: heard.pieces.slice(-40), cleared, marks: heard.marks.slice(-12), cut }));
  console.log(`cut at ${cut.audio_end_ms} ms; the caller heard ${played} ms of it (${cut.sent_ms} ms had been sent)`);
  assert.ok(Math.abs(cut.audio_end_ms - played) <= CUT_TOLERANCE_MS, `cut ${cut.audio_end_ms}, heard ${played}`);
  assert.ok(cut.audio_end_ms < cut.sent_ms, 'something was cut');
  await ann.getByTestId('unheard').first().waitFor({ timeout: 20_000 });
  await look(ann, 'interrupted');
});

test('the call ends, and its record and transcript stay', async () => {
  await until('the goodbye', async () => (await outside.sessions())[0].spoken.some((one) => one.text === BYE && one.status === 'completed'));
  await call.hangUp();
  await until('the call ended on the screen', async () => /ended|hung up/i.test(await ann.getByTestId('call-state').innerText()));
  const { items: calls } = await api('GET', '/calls?state=ended');
  assert.equal(calls.length, 1);
  assert.ok(calls[0].duration_ms > 5_000);
  const { items: turns } = await api('GET', `/calls/${calls[0].id}/turns`);
  const spoken = turns.filter((turn) => turn.speaker === 'caller').map((turn) => turn.text);
  assert.deepEqual(spoken, ['When are you open?', 'And what does it cost?', 'Stop, that is enough, thank you.']);
  assert.ok(turns.some((turn) => turn.interrupted && turn.unheard.length > 0));
});

test('an SMS arrives live and is answered', async () => {
  await ann.goto('/');
  const { status } = await outside.text(CALLER, HERE, 'Can I come by at three?');
  assert.equal(status, 200);
  const row = ann.getByTestId('conversation-row').filter({ hasText: 'Can I come by at three?' });
  await row.waitFor({ timeout: 20_000 });
  await row.click();
  await ann.getByTestId('timeline').getByText('Can I come by at three?').waitFor();
  await ann.getByLabel('Reply', { exact: true }).fill('Yes, three is fine. See you then.');
  await ann.keyboard.press('Control+Enter');
  await until('the reply at the phone company', async () =>
    (await outside.effects('sms')).some((sms) => JSON.stringify(sms).includes('Yes, three is fine')));
  await until('the delivery tick', async () =>
    (await ann.getByTestId('tick').last().getAttribute('data-state')) === 'delivered');
  await look(ann, 'sms-answered');
});

test('a picture and a document that came with a text are there to be seen', async () => {
  const picture = await ann.screenshot({ clip: { x: 0, y: 0, width: 320, height: 240 } });
  const files = [
    { media_type: 'image/png', base64: picture.toString('base64') },
    { media_type: 'application/pdf', base64: Buffer.from('%PDF-1.4\n%%EOF\n').toString('base64') },
  ];
  assert.equal((await outside.text(CALLER, HERE, 'This is the lamp, and its bill.', files)).status, 200);
  const said = ann.getByTestId('timeline').locator('article', { hasText: 'This is the lamp' });
  await until('the picture is drawn', () => said.locator('img').first().evaluate((image) => image.naturalWidth === 320));
  assert.equal(await said.getByTestId('attachment').and(ann.locator('[data-state=waiting], [data-state=failed]')).count(), 0);
  await said.getByRole('button', { name: /pdf|file|attachment/i }).first().waitFor();
  await look(ann, 'attachments');
});

test('the network goes and comes back, and nothing is missing or doubled', async () => {
  network.cut();
  await until('the screen says so', async () => (await badge(ann).getAttribute('data-state')) === 'offline');
  const texts = Array.from({ length: 20 }, (_, n) => `While you were away, number ${n + 1} of twenty.`);
  for (const text of texts) assert.equal((await outside.text(CALLER, HERE, text)).status, 200);
  await look(ann, 'offline');
  network.restore();
  await until('live again', async () => (await badge(ann).getAttribute('data-state')) === 'live', 40_000);
  const timeline = ann.getByTestId('timeline');
  await timeline.getByText(texts.at(-1)).waitFor({ timeout: 20_000 });
  const { items: conversations } = await api('GET', '/conversations?channel=sms');
  const { items: messages } = await api('GET', `/conversations/${conversations[0].id}/messages?limit=100`);
  for (const text of texts) {
    assert.equal(messages.filter((message) => message.body === text).length, 1, `stored once: ${text}`);
    await until(`on the screen once: ${text}`, async () => (await timeline.getByText(text, { exact: true }).count()) === 1);
  }
  await look(ann, 'caught-up');
});

/** Milliseconds of the agent's audio that were played to the caller. */
function heardMs(heard) {
  return heard.pieces.reduce((sum, piece) => sum + piece.duration_ms, 0);
}

/** How much of the reply that was playing at `started` had been played when the clear came. */
function playedOfLast(heard, started, clearedUs) {
  const upTo = heard.pieces.filter((piece) => piece.at_us < clearedUs);
  // A reply is a run of audio without a pause: the last run before the clear.
  let ms = 0;
  for (let n = upTo.length - 1; n >= 0; n -= 1) {
    ms += upTo[n].duration_ms;
    const gap = n > 0 ? upTo[n].at_us - (upTo[n - 1].at_us + upTo[n - 1].duration_ms * 1000) : 0;
    if (gap > 300_000) break;
  }
  assert.ok(started.pieces.length > 0);
  return Math.round(ms);
}

/** The connection's badge: each layout has its own, one is seen. */
function badge(page) {
  return page.locator('[data-testid=connection]:visible').first();
}

/** Whether the caller hears something right now. */
async function playing(caller) {
  const before = heardMs(await caller.heard());
  await new Promise((later) => setTimeout(later, 300));
  return heardMs(await caller.heard()) > before;
}

/** A sentence as the recogniser writes it. */
function words(sentence) {
  return sentence.toLowerCase().replace(/[^a-z' ]/g, ' ').split(/\s+/).filter(Boolean).join(' ');
}
