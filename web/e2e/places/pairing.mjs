// WhatsApp numbers from nothing, with a WhatsApp server, phones that scan and customers who write: linked by QR, answered, read,
// unlinked on the phone; linked by code; and staff who write first.
import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { axe, eventually, looks, open, shoot, signIn, stranger, url } from '../browser.mjs'

const PAGE = `${url}/settings/channels/whatsapp`
const OURS = '+15550195'
const OTHER = '+15550196'
const THIRD = '+15550197'
const ANN = '+15550121'
const BEN = '+15550122'
const card = (page, name) => page.getByTestId('session').filter({ has: page.getByRole('heading', { name, exact: true }) })
const stage = (page, name) => page.locator(`[data-testid=linking][data-stage=${name}]`).waitFor()

/** What the outside can be told, as `fake-whatsapp` lists it. */
async function control(method, path, body) {
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

async function add(page, name) {
  await page.goto(PAGE)
  await page.getByRole('button', { name: 'Add a number' }).click()
  await page.getByLabel('Name').fill(name)
  await page.keyboard.press('Enter')
}

/** A message that somebody has got with these words. */
async function got(phone, text) {
  return eventually(`${phone} has “${text}”`, async () => (await control('GET', `customers/${phone}/news?kind=message`)).find((news) => news.data.text === text)?.data, 30_000)
}

const tick = (page, text) => page.getByTestId('message').filter({ hasText: text }).getByTestId('tick')
const reaches = (page, text, states) =>
  eventually(`“${text}” is ${states.join(' or ')}`, async () => states.includes(await tick(page, text).getAttribute('data-state', { timeout: 1_000 }).catch(() => null)), 30_000)

/** Adds a number and scans its QR with the phone's camera until the phone takes it; which device of the account it is. */
async function linkByQr(browser, page, name, phone) {
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

test('pairing: a number is linked by its QR, a customer writes, is answered and reads it, and the phone unlinks it', async (browser) => {
  const page = await open(browser)
  await signIn(page)
  const device = await linkByQr(browser, page, 'Front desk', OURS)

  await page.goto(`${url}/inbox?channel=whatsapp`)
  await page.getByRole('heading', { name: 'Open' }).waitFor()
  await control('POST', 'customers', { phone: ANN, name: 'Ann' })
  await control('POST', `customers/${ANN}/say`, { to: OURS, text: 'Are you open today?' })
  const row = page.getByTestId('conversation-row').filter({ hasText: 'Are you open today?' })
  await row.waitFor({ timeout: 30_000 })
  await row.getByText('Ann').waitFor()
  await shoot(page, 'pairing-4-arrived')
  await row.click()
  await page.getByTestId('timeline').getByText('Are you open today?').waitFor()
  await page.getByText('WhatsApp to').waitFor()
  await page.getByRole('textbox', { name: 'Reply' }).fill('Until six. Come by!')
  await page.getByRole('button', { name: 'Send', exact: true }).click()
  const message = await got(ANN, 'Until six. Come by!')
  await reaches(page, 'Until six', ['delivered'])
  await shoot(page, 'pairing-5-delivered')
  await control('POST', `customers/${ANN}/read`, { ids: [message.id] })
  await reaches(page, 'Until six', ['read'])
  await shoot(page, 'pairing-6-read')
  assert.deepEqual(await axe(page), [])

  await control('DELETE', `accounts/${OURS}/devices/${device}`)
  await page.getByTestId('barrier').getByText('not linked', { exact: false }).waitFor({ timeout: 30_000 })
  await shoot(page, 'pairing-7-chat-unlinked')
  await page.goto(PAGE)
  await card(page, 'Front desk').getByText('Unlinked on the phone').waitFor()
  await card(page, 'Front desk').getByRole('button', { name: 'Link again' }).waitFor()
  await shoot(page, 'pairing-8-unlinked')
  assert.deepEqual([...(await axe(page)), ...page.faults], [])
})

test('pairing: on a phone, another number is linked by the code that is typed on it', async (browser) => {
  const page = await open(browser, { width: 390, height: 844, theme: 'dark' })
  await signIn(page)
  await add(page, 'Workshop')
  await page.getByRole('button', { name: 'Type a code' }).click()
  await page.getByLabel('The number’s own phone number').fill('+1 555 01 96')
  await shoot(page, 'pairing-code-1-number')
  await page.getByRole('button', { name: 'Get a code' }).click()
  await page.getByTestId('pairing-code').waitFor({ timeout: 30_000 })
  await shoot(page, 'pairing-code-2-shown')
  assert.deepEqual(await axe(page), [])
  const code = (await page.getByTestId('pairing-code').innerText()).replace(/\s/g, '')
  await control('POST', 'code', { phone: OTHER, code })
  await stage(page, 'linked')
  await shoot(page, 'pairing-code-3-linked')
  await page.getByRole('button', { name: 'Done' }).click()
  await card(page, 'Workshop').getByText('Connected', { exact: true }).waitFor()
  assert.deepEqual([...(await axe(page)), ...page.faults], [])
})

test('first word: staff write on WhatsApp to somebody who never wrote', async (browser) => {
  const page = await open(browser)
  await signIn(page, { role: 'admin' })
  await linkByQr(browser, page, 'Sales', THIRD)
  await control('POST', 'customers', { phone: BEN, name: 'Ben' })
  await page.goto(`${url}/inbox`)
  await page.getByRole('button', { name: 'New message' }).waitFor()
  await page.keyboard.press('c')
  const dialog = page.getByRole('dialog', { name: 'New message' })
  await dialog.getByRole('option', { name: 'Sales' }).waitFor({ state: 'attached' })
  await dialog.getByLabel('From').selectOption({ label: (await dialog.getByRole('option').allInnerTexts()).find((text) => text.startsWith('Sales')) })
  await dialog.getByTestId('risk').getByText('New people today: 0 of 5.', { exact: false }).waitFor()
  await dialog.getByLabel('Message').fill('Your bicycle is ready.')
  const to = dialog.getByLabel('Phone number')
  for (const [wrong, why] of [['030 12', 'This is no phone number'], [THIRD, 'the number it would go out from']]) {
    await to.fill(wrong)
    await page.keyboard.press('Enter')
    await dialog.getByText(why, { exact: false }).waitFor()
  }
  await shoot(page, 'first-word-1440-wrong')
  assert.deepEqual(await axe(page), [])
  await to.fill('+1 555 01 22')
  await dialog.getByLabel('Message').press('Control+Enter')
  await page.waitForURL(/\/inbox\/[0-9a-f-]{36}/)
  await page.getByTestId('timeline').getByText('Your bicycle is ready.').waitFor()
  const message = await got(BEN, 'Your bicycle is ready.')
  await reaches(page, 'Your bicycle is ready.', ['delivered'])
  await control('POST', `customers/${BEN}/say`, { to: THIRD, text: 'On my way!', quote: message.id })
  await page.getByTestId('timeline').getByText('On my way!').waitFor({ timeout: 30_000 })
  await shoot(page, 'first-word-1440-answered')
  assert.deepEqual([...(await axe(page)), ...page.faults], [])
})

test('first word: who may only read is not offered it', async (browser) => {
  const page = await open(browser)
  await signIn(page, { role: 'read_only' })
  await page.getByRole('heading', { name: 'Open' }).waitFor()
  assert.equal(await page.getByRole('button', { name: 'New message' }).count(), 0)
  await page.keyboard.press('c')
  assert.equal(await page.getByRole('dialog').count(), 0)
  assert.deepEqual(page.faults, [])
})

test('first word: looks right in every look', async (browser) => {
  await stranger('A number for texts is there')
  for (const look of looks) {
    const page = await open(browser, look)
    await signIn(page)
    await page.keyboard.press('c')
    await page.locator('[role=dialog] textarea').waitFor()
    await page.waitForFunction(() => document.activeElement?.matches('input[type=tel]'))
    await shoot(page, `first-word-${look.name}`)
    assert.deepEqual([...(await axe(page)), ...page.faults], [], look.name)
    await page.context().close()
  }
})
