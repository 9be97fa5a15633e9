// Fails the build when the JavaScript that the inbox with an open conversation needs at first load passes 200 KB compressed.
import { readFileSync, rmSync } from 'node:fs'
import { gzipSync } from 'node:zlib'

const BUDGET_KB = 200
const dist = new URL('../dist/', import.meta.url)
const manifest = JSON.parse(readFileSync(new URL('.vite/manifest.json', dist), 'utf8'))

const files = new Set()
function collect(key) {
  const chunk = manifest[key]
  if (!chunk || files.has(chunk.file)) return
  files.add(chunk.file)
  for (const next of chunk.imports ?? []) collect(next)
}
collect('index.html')
collect('src/inbox/InboxPage.tsx')
collect('src/inbox/ConversationPage.tsx')

let total = 0
for (const file of files) {
  if (file.endsWith('.js')) total += gzipSync(readFileSync(new URL(file, dist)), { level: 9 }).length
}
const kb = (total / 1024).toFixed(1)
console.log(`first load of the inbox and a conversation: ${kb} KB of JavaScript (gzip), budget ${BUDGET_KB} KB`)
// The manifest is for this check only; the server does not need to serve it.
rmSync(new URL('.vite/', dist), { recursive: true })
if (total > BUDGET_KB * 1024) process.exit(1)
