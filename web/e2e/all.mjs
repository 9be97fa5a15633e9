// Every browser test: `npm run e2e`; some places: `npm run e2e -- part of a name`. Starts the built product and the emulated outside, drives every place, then tells the
// whole story, which starts a product of its own.
import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { freePort } from './story/cuttable.mjs'
import { emulate, up, whatsapp } from './story/programs.mjs'

/** Parts of names: only these places, and no story. */
const wanted = process.argv.slice(2)
const here = path.dirname(fileURLToPath(import.meta.url))

function run(what, args, env = {}) {
  console.log(`▸ ${what}`)
  const ended = spawnSync(process.execPath, args, { cwd: here, stdio: 'inherit', env: { ...process.env, ...env } })
  if (ended.status !== 0) throw new Error(`${what}: failed`)
}

async function places() {
  const home = fs.mkdtempSync(path.join(os.tmpdir(), 'switchboard-places-'))
  // As root the product's stores run as another user, who must be able to walk to their folder.
  fs.chmodSync(home, 0o755)
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const emulators = emulate(url, url)
  const chats = whatsapp()
  let product
  try {
    const outside = { ...(await emulators.ready), whatsapp: await chats.ready }
    product = up(path.join(home, 'up'), port, url, outside)
    const link = await product.ready
    run(wanted.length ? 'Some places' : 'Every place', ['run.mjs', ...wanted], {
      SWITCHBOARD_URL: url,
      SWITCHBOARD_SIGN_IN_LINK: link,
      SWITCHBOARD_OUTSIDE: JSON.stringify(outside),
    })
  } finally {
    await product?.stop()
    await Promise.all([emulators.stop(), chats.stop()])
    fs.rmSync(home, { recursive: true, force: true })
  }
}

await places()
if (!wanted.length) run('The story', ['--test', '--test-reporter=spec', 'story/story.test.mjs'])
