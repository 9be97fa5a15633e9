// A WhatsApp server that is told what its phones and customers do, and numbers that are linked with it.
import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { axe, eventually, shoot, url } from './browser.mjs'

export const PAGE = `${url}/settings/channels/whatsapp`
export const card = (page, name) => page.getByTestId('session').filter({ has: page.getByRole('heading', { name, exact: true }) })
export const stage = (page, name) => page.locator(`[data-testid=linking][data-stage=${name}]`).waitFor()

/** What the outside can be told, as `fake-whatsapp` lists it. */
export async function control(method, path, body) {
  const { whatsapp } = JSON.parse(process.env.SWITCHBOARD_OUTSIDE ?? '{}')
  assert.ok(whatsapp, 'SWITCHBOARD_OUTSIDE does not name a WhatsApp server')
  // The plain product talks to WhatsApp's own server and to nobody else, as it must.
  assert.ok(!whatsapp.certificates_are_checked, 'this program trusts WhatsApp only: build it by `cargo test --workspace --no-run`')
  const answer = await fetch(`${whatsapp.control}/${path}`, {
    method,
    headers: { 'content-type': 'application/json' },
    body: body === undefined ? undefined : JSON.stringify(body),
  })
  const text = await answer.text()
  assert.ok(answer.ok, `${method} ${path}: ${answer.status} ${text}`)
  return text ? JSON.parse(text) : null
}

/** What the phone's camera makes of the picture on the screen. */
async function scanned(browser, page) {
  const picture = await page.getByTestId('qr').screenshot()
  const context = await browser.newContext()
  const lens = await context.newPage()
  await lens.addScriptTag({ path: createRequire(import.meta.url).resolve('jsqr') })
  const text = await lens.evaluate(async (png) => {
    const bitmap = await createImageBitmap(await (await fetch(`data:image/png;base64,${png}`)).blob())
    const canvas = new OffscreenCanvas(bitmap.width, bitmap.height).getContext('2d')
    canvas.drawImage(bitmap, 0, 0)
    return globalThis.jsQR(canvas.getImageData(0, 0, bitmap.width, bitmap.height).data, bitmap.width, bitmap.height)?.data
  }, picture.toString('base64'))
  await context.close()
  return text
}

export async function add(page, name) {
  await page.goto(PAGE)
  await page.getByRole('button', { name: 'Add a number' }).click()
  await page.getByLabel('Name').fill(name)
  await page.keyboard.press('Enter')
}

/** A message that somebody has got with these words. */
export async function got(phone, text) {
  return eventually(`${phone} has “${text}”`, async () => (await control('GET', `customers/${phone}/news?kind=message`)).find((news) => news.data.text === text)?.data, 30_000)
}

const tick = (page, text) => page.getByTestId('message').filter({ hasText: text }).getByTestId('tick')
export const reaches = (page, text, states) =>
  eventually(`“${text}” is ${states.join(' or ')}`, async () => states.includes(await tick(page, text).getAttribute('data-state', { timeout: 1_000 }).catch(() => null)), 30_000)

/** Adds a number and scans its QR with the phone's camera until the phone takes it; which device of the account it is. */
export async function linkByQr(browser, page, name, phone) {
  await add(page, name)
  await stage(page, 'shown')
  await page.getByRole('img', { name: 'QR code to be scanned with WhatsApp' }).waitFor()
  await shoot(page, `pairing-1-qr-${name}`)
  const { device } = await eventually(
    'the phone takes the code',
    async () => {
      const qr = await scanned(browser, page)
      // One whose time ended while the camera looked: the next is on the screen by then.
      return qr && control('POST', 'scan', { qr, phone }).catch((error) => void console.log(`      ${error.message}`))
    },
    40_000,
  )
  await stage(page, 'linked')
  await page.getByRole('dialog').getByText(phone).waitFor()
  await shoot(page, `pairing-2-linked-${name}`)
  assert.deepEqual(await axe(page), [])
  await page.getByRole('button', { name: 'Done' }).click()
  await card(page, name).getByText('Connected', { exact: true }).waitFor()
  await shoot(page, `pairing-3-connected-${name}`)
  assert.deepEqual(await axe(page), [])
  return device
}
