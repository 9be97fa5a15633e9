// WhatsApp numbers from nothing, with a WhatsApp server, phones that scan and customers who write: linked by QR, answered, read,
// unlinked on the phone; linked by code; and staff who write first.
import assert from 'node:assert/strict'
import { axe, looks, open, shoot, signIn, stranger, url } from '../browser.mjs'
import { add, card, control, got, linkByQr, PAGE, reaches, stage } from '../linking.mjs'

const OURS = '+15550195'
const OTHER = '+15550196'
const THIRD = '+15550197'
const ANN = '+15550121'
const BEN = '+15550122'

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
