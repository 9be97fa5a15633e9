// Runs the browser tests of every place against the server at SWITCHBOARD_URL: `npm run e2e [-- name …]`.
import { readdirSync } from 'node:fs'
import { launch, url } from './browser.mjs'

const wanted = process.argv.slice(2)
const folder = new URL('./places/', import.meta.url)
const tests = []
globalThis.test = (name, run) => tests.push({ name, run })
for (const file of readdirSync(folder).sort()) {
  if (file.endsWith('.mjs')) await import(new URL(file, folder))
}

console.log(`against ${url}`)
const browser = await launch()
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
console.log(failed ? `${failed} failed` : 'all passed')
process.exit(failed ? 1 : 0)
