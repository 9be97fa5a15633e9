// Fails the build when a page needs more compressed JavaScript at first load than it may: the inbox with an open
// conversation, and the demo page, which strangers open on their phones.
import { readFileSync, rmSync } from 'node:fs'
import { gzipSync } from 'node:zlib'

const dist = new URL('../dist/', import.meta.url)
const manifest = JSON.parse(readFileSync(new URL('.vite/manifest.json', dist), 'utf8'))

const pages = [
  {
    what: 'first load of the inbox and a conversation',
    // One language's texts, whichever it is.
    entries: ['index.html', 'src/inbox/InboxPage.tsx', 'src/inbox/ConversationPage.tsx', 'src/i18n/en.ts'],
    budgetKb: 190,
  },
  { what: 'first load of the demo page', entries: ['try.html'], budgetKb: 12 },
]

function files(entries) {
  const found = new Set()
  const collect = (key) => {
    const chunk = manifest[key]
    if (!chunk || found.has(chunk.file)) return
    found.add(chunk.file)
    for (const next of chunk.imports ?? []) collect(next)
  }
  for (const entry of entries) {
    if (!manifest[entry]) throw new Error(`${entry} is no part of the build any more`)
    collect(entry)
  }
  return [...found].filter((file) => file.endsWith('.js'))
}

let over = false
for (const { what, entries, budgetKb } of pages) {
  const bytes = files(entries).reduce((sum, file) => sum + gzipSync(readFileSync(new URL(file, dist)), { level: 9 }).length, 0)
  console.log(`${what}: ${(bytes / 1024).toFixed(1)} KB of JavaScript (gzip), budget ${budgetKb} KB`)
  over ||= bytes > budgetKb * 1024
}
// The manifest is for this check only; the server does not need to serve it.
rmSync(new URL('.vite/', dist), { recursive: true })
if (over) process.exit(1)
