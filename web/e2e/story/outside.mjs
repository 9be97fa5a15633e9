// The emulated outside, as the story uses it: callers, texts, what the model was told and what it cut.
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { root } from './programs.mjs';

const run = promisify(execFile);

async function json(url, method = 'GET', body = undefined) {
  const answer = await fetch(url, {
    method,
    headers: body === undefined ? {} : { 'content-type': 'application/json' },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  if (!answer.ok) throw new Error(`${method} ${url}: ${answer.status} ${await answer.text()}`);
  const text = await answer.text();
  return text ? JSON.parse(text) : null;
}

/** Asks until `check` gives something truthy. */
export async function until(what, check, limitMs = 20_000) {
  const end = Date.now() + limitMs;
  let last;
  while (Date.now() < end) {
    try {
      const value = await check();
      if (value) return value;
    } catch (error) {
      last = error;
    }
    await new Promise((later) => setTimeout(later, 50));
  }
  throw new Error(`waited ${limitMs} ms in vain: ${what}${last ? ` (${last.message})` : ''}`);
}

export class Outside {
  /** `addresses`: what `loadtest emulate` printed. */
  constructor(addresses) {
    this.twilio = `${addresses.twilio}/_control`;
    this.openai = `${new URL(addresses.openai).origin}/_control`;
  }

  number(number, publicUrl) {
    return json(`${this.twilio}/numbers`, 'POST', {
      number,
      account_sid: 'AC00000000000000000000000000000001',
      voice_url: `${publicUrl}/webhooks/twilio/voice`,
      voice_fallback_url: null,
      sms_url: `${publicUrl}/webhooks/twilio/sms`,
      status_callback: `${publicUrl}/webhooks/twilio/voice/status`,
      status_events: ['initiated', 'ringing', 'answered', 'completed'],
    });
  }

  script(script) { return json(`${this.openai}/script`, 'PUT', script); }

  async call(from, to) {
    const { call_sid: sid } = await json(`${this.twilio}/calls`, 'POST', { from, to });
    const at = `${this.twilio}/calls/${sid}`;
    return {
      sid,
      state: () => json(at),
      say: (text) => json(`${at}/say`, 'POST', { text }),
      hangUp: () => json(`${at}/hang-up`, 'POST', {}),
      heard: () => json(`${at}/heard`),
      wav: async (file, sinceUs = 0) => {
        const answer = await fetch(`${at}/heard.wav?since_us=${sinceUs}`);
        fs.writeFileSync(file, Buffer.from(await answer.arrayBuffer()));
        return file;
      },
    };
  }

  /** A text, with files of `{ media_type, base64 }`. */
  text(from, to, body, files = []) { return json(`${this.twilio}/sms`, 'POST', { from, to, body, files }); }
  effects(kind) { return json(`${this.twilio}/effects?kind=${kind}`); }
  sessions() { return json(`${this.openai}/sessions`); }
}

/** Which of `sentences` the file holds, in order, as the recogniser heard it. */
export async function recognise(file, sentences) {
  const python = path.join(root, '.switchboard/python/bin/python');
  const script = path.join(root, 'web/e2e/story/recognise.py');
  const { stdout } = await run(process.env.STORY_PYTHON ?? python, [script, file, ...sentences]);
  return JSON.parse(stdout).text;
}
