// Runs the browser tests of every place against the server at SWITCHBOARD_URL: `npm run e2e [-- name …]`.
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { launch, silence, url } from './browser.mjs'

const wanted = process.argv.slice(2)
const folder = new URL('./places/', import.meta.url)
const tests = []
globalThis.test = (name, run) => tests.push({ name, run })
for (const file of readdirSync(folder).sort()) {
  if (file.endsWith('.mjs')) await import(new URL(file, folder))
}

console.log(`against ${url}`)
// Chromium's own fake microphone beeps twice a second: to an agent, a caller who begins to speak again and again.
const home = mkdtempSync(join(tmpdir(), 'switchboard-microphone-'))
const browser = await launch({ wav: silence(join(home, 'silence.wav')) })
let failed = 0
for (const { name, run } of tests) {
  if (wanted.length && !wanted.some((part) => name.includes(part))) continue
  const start = Date.now()
  try {
    await run(browser)
    console.log(`ok    ${name} (${Date.now() - start} ms)`)
  } catch (error) {
    failed += 1
    console.log(`FAIL  ${name}\n      ${String(error.stack ?? error).replaceAll('\n', '\n      ')}`)
  }
  for (const context of browser.contexts()) await context.close()
}
await browser.close()
rmSync(home, { recursive: true, force: true })
console.log(failed ? `${failed} failed` : 'all passed')
process.exit(failed ? 1 : 0)
