// The programs of the story: the product (`switchboard up` with stores of its own) and the emulated outside.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import readline from 'node:readline';
import { fileURLToPath } from 'node:url';

export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../..');
const target = process.env.CARGO_TARGET_DIR ?? path.join(root, 'target');

/** Where a built program is; `make test` builds it before. */
function built(name) {
  const file = path.join(target, 'debug', name);
  if (!fs.existsSync(file)) throw new Error(`${file} is not built: run cargo build --workspace`);
  return file;
}

/** Starts a program; `match` sees every line it prints and returns a value when it is ready. */
function start(name, args, env, match, limitMs) {
  const child = spawn(built(name), args, { cwd: root, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  const said = [];
  const ready = new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error(`${name} was not ready in ${limitMs} ms:\n${said.join('\n')}`)), limitMs);
    const see = (line) => {
      said.push(line);
      if (said.length > 2000) said.shift();
      const value = match(line);
      if (value) { clearTimeout(late); resolve(value); }
    };
    readline.createInterface({ input: child.stdout }).on('line', see);
    readline.createInterface({ input: child.stderr }).on('line', see);
    child.on('exit', (code) => { clearTimeout(late); reject(new Error(`${name} ended with ${code}:\n${said.join('\n')}`)); });
  });
  const stop = () => new Promise((ended) => {
    if (child.exitCode !== null) return ended();
    child.on('exit', ended);
    child.kill('SIGINT');
  });
  return { ready, stop, said };
}

/** The emulators; ready with { twilio, openai } addresses. */
export function emulate(publicUrl, productUrl) {
  const args = ['emulate', '--twilio', '127.0.0.1:0', '--openai', '127.0.0.1:0', '--public-url', publicUrl, '--target', productUrl];
  return start('loadtest', args, {}, (line) => (line.startsWith('{"') ? JSON.parse(line) : null), 20_000);
}

/** A WhatsApp server; ready with { socket, control, certificates_are_checked }. */
export function whatsapp() {
  return start('fake-whatsapp', ['serve', '--listen', '127.0.0.1:0'], {}, (line) => (line.startsWith('{"') ? JSON.parse(line) : null), 20_000);
}

/** The product on `port`; ready with its sign-in link. */
export function up(home, port, publicUrl, outside) {
  const env = {
    ...(outside.whatsapp && { WHATSAPP_WEB_URL: outside.whatsapp.socket, SWITCHBOARD_WHATSAPP__VERSION: '2.3000.0' }),
    PUBLIC_URL: publicUrl,
    SWITCHBOARD_LISTEN__UP: `127.0.0.1:${port}`,
    SWITCHBOARD_CALLS__STORAGE: path.join(home, 'objects'),
    OPENAI_API_KEY: 'sk-emulated',
    OPENAI_BASE_URL: outside.openai,
    TWILIO_API_URL: outside.twilio,
    RUST_LOG: process.env.RUST_LOG ?? 'info',
  };
  const link = /https?:\/\/\S+\/sign-in#link=\S+/;
  return start('switchboard', ['up', '--home', home], env, (line) => line.match(link)?.[0], 120_000);
}
