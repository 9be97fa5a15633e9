// Driving Chromium: how it is launched, signed in, and looked at. Everything a browser test of Switchboard needs.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { chromium } from 'playwright-core'

export const url = process.env.SWITCHBOARD_URL ?? 'http://127.0.0.1:5000'
export const shots = new URL('./shots/', import.meta.url).pathname
const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

/** `wav`: a file that is played as the microphone. */
export function launch({ wav, headless = true } = {}) {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    headless,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--autoplay-policy=no-user-gesture-required',
      '--use-fake-ui-for-media-stream',
      '--use-fake-device-for-media-stream',
      ...(wav ? [`--use-file-for-fake-audio-capture=${wav}%noloop`] : []),
    ],
  })
}

/** Writes a second of silence for `launch` to play (after its end the microphone stays silent), and returns its name. */
export function silence(file) {
  const rate = 48_000
  const header = Buffer.alloc(44)
  header.write('RIFF', 0)
  header.writeUInt32LE(36 + rate * 2, 4)
  header.write('WAVEfmt ', 8)
  header.writeUInt32LE(16, 16)
  header.writeUInt16LE(1, 20)
  header.writeUInt16LE(1, 22)
  header.writeUInt32LE(rate, 24)
  header.writeUInt32LE(rate * 2, 28)
  header.writeUInt16LE(2, 32)
  header.writeUInt16LE(16, 34)
  header.write('data', 36)
  header.writeUInt32LE(rate * 2, 40)
  writeFileSync(file, Buffer.concat([header, Buffer.alloc(rate * 2)]))
  return file
}

/** The four looks that every place is seen in; each at both widths. */
export const looks = ['light', 'dark'].flatMap((theme) =>
  ['en', 'he'].flatMap((language) =>
    [1440, 390].map((width) => ({ theme, language, width, height: width === 390 ? 844 : 900, name: `${width}-${theme}-${language === 'he' ? 'rtl' : 'ltr'}` })),
  ),
)

/** A browser window of its own: theme, language and size as given; console errors and page errors are collected. */
export async function open(browser, { theme = 'light', language = 'en', width = 1440, height = 900 } = {}) {
  const context = await browser.newContext({
    viewport: { width, height },
    colorScheme: theme,
    locale: language,
    reducedMotion: 'reduce',
    hasTouch: width < 720,
    permissions: ['microphone', 'clipboard-read', 'clipboard-write'],
    ignoreHTTPSErrors: true,
  })
  await context.addInitScript((chosen) => localStorage.setItem('switchboard.language', chosen), language)
  const page = await context.newPage()
  page.faults = []
  page.on('pageerror', (error) => page.faults.push(`page error: ${error.message}`))
  page.on('console', (message) => {
    // A request that the test makes fail on purpose is logged by the browser itself.
    if (message.type() === 'error' && !/Failed to load resource|WebSocket connection|net::ERR/.test(message.text())) page.faults.push(message.text())
  })
  page.setDefaultTimeout(15_000)
  return page
}

let admin = null

async function rest(method, path, body, token) {
  const response = await fetch(`${url}/api/v1${path}`, {
    method,
    headers: { 'content-type': 'application/json', 'x-switchboard': '1', ...(token ? { authorization: `Bearer ${token}` } : {}) },
    body: body === undefined ? undefined : JSON.stringify(body),
  })
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`)
  return response.status === 204 ? null : response.json()
}

/** The REST API as the owner that SWITCHBOARD_SIGN_IN_LINK belongs to (the link is used up by the first call). */
export async function asOwner(method, path, body) {
  if (!admin) {
    const link = process.env.SWITCHBOARD_SIGN_IN_LINK
    if (!link) throw new Error('SWITCHBOARD_SIGN_IN_LINK is not set')
    admin = rest('POST', '/auth/link', { token: link.split('#link=').at(-1) })
  }
  return rest(method, path, body, (await admin).access_token)
}

let ready = null

/** A form that anybody may fill in, and a number that texts can be sent from; made once. */
function inboxes() {
  ready ??= (async () => {
    const { items } = await asOwner('GET', '/inboxes')
    const form = items.find((inbox) => inbox.channel === 'form') ?? (await asOwner('POST', '/inboxes', { channel: 'form', name: 'Test form' }))
    if (!items.some((inbox) => inbox.channel === 'sms')) {
      const account = `AC${'0'.repeat(31)}9`
      const connection = await asOwner('POST', '/connections', { provider: 'twilio', account, auth_token: 'test-token-of-nobody-000000000000' })
      await asOwner('POST', '/inboxes', { channel: 'sms', address: '+15550109', name: 'Test texts', connection_id: connection.id })
    }
    return { form: form.address }
  })()
  return ready
}

let strangers = 0

/** Somebody new fills in the web form; their conversation can be answered by text. Returns their name. */
export async function stranger(message = 'Hello') {
  const { form } = await inboxes()
  strangers += 1
  const unique = String((Date.now() * 10 + strangers) % 10_000_000).padStart(7, '0')
  const name = `Stranger ${unique}`
  const response = await fetch(`${url}/forms/${form}`, {
    method: 'POST',
    // An address of their own, as a proxy on this machine would report it: forms are limited by address.
    headers: {
      'content-type': 'application/x-www-form-urlencoded',
      accept: 'application/json',
      'x-forwarded-for': `198.51.100.${strangers % 250}`,
    },
    body: new URLSearchParams({ name, phone: `+1202${unique}`, message }),
  })
  if (!response.ok) throw new Error(`the form was not taken: ${response.status} ${await response.text()}`)
  return name
}

let members = 0

/** Invites somebody new and returns their one-time link: every window of a test is a person of its own. */
export async function invite({ name, role = 'admin' } = {}) {
  members += 1
  const { sign_in_link } = await asOwner('POST', '/staff', {
    name: name ?? `Tester ${members}`,
    email: `tester-${process.pid}-${Date.now()}-${members}@example.com`,
    role,
  })
  return sign_in_link
}

/** Signs a window in by a one-time link, a new person's unless one is given, and waits for the live inbox. */
export async function signIn(page, { link, name, role } = {}) {
  const token = (link ?? (await invite({ name, role }))).split('#link=').at(-1)
  await page.goto(`${url}/sign-in#link=${token}`)
  await page.waitForURL(/\/inbox/)
  await live(page)
}

/** Waits until the badge says that the feed is live and caught up. */
export async function live(page) {
  await page.locator('[data-testid=connection][data-state=live]').first().waitFor({ state: 'attached' })
}

/** Accessibility faults of the page as it stands, one line each. */
export async function axe(page) {
  await page.evaluate(axeSource)
  const { violations } = await page.evaluate(() =>
    globalThis.axe.run(document, {
      runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
      // A tooltip belongs to what it describes, wherever in the page it is drawn; it is no part of a landmark, as a dialog is none.
      checks: { region: { options: { regionMatcher: 'dialog, [role=dialog], [role=alertdialog], svg, [role=tooltip]' } } },
    }),
  )
  return violations.flatMap((rule) => rule.nodes.map((node) => `${rule.id}: ${node.target.join(' ')}: ${node.failureSummary?.split('\n')[1]?.trim() ?? rule.help}`))
}

export async function shoot(page, name) {
  mkdirSync(shots, { recursive: true })
  await page.screenshot({ path: `${shots}${name}.png` })
}

/** Waits for something to become true, and says what it last was. */
export async function eventually(what, check, timeoutMs = 10_000) {
  const end = Date.now() + timeoutMs
  let last
  while (Date.now() < end) {
    last = await check()
    if (last) return last
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  throw new Error(`${what}: did not come true within ${timeoutMs} ms (last: ${JSON.stringify(last)})`)
}
