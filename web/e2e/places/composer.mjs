// When a reply cannot be sent, the composer says why before anybody writes it.
import assert from 'node:assert/strict'
import { asOwner, axe, open, shoot, signIn, url } from '../browser.mjs'

const HERE = '+15550111'

async function written(page, name) {
  await page.getByTestId('conversation-row').filter({ hasText: name }).first().click()
  await page.getByTestId('timeline').waitFor()
}

/** Notes still work where replies do not. */
async function addNote(page, text) {
  await page.getByRole('textbox', { name: 'Note for the team' }).fill(text)
  await page.keyboard.press('Control+Enter')
  await page.getByTestId('timeline').locator('[data-direction=note]', { hasText: text }).waitFor()
}

test('composer: somebody without a telephone can be noted about, not texted', async (browser) => {
  const { items } = await asOwner('GET', '/inboxes')
  const form = items.find((inbox) => inbox.channel === 'form') ?? (await asOwner('POST', '/inboxes', { channel: 'form', name: 'Site' }))
  const name = `Phoneless ${Date.now()}`
  const sent = await fetch(`${url}/forms/${form.address}`, {
    method: 'POST',
    headers: { accept: 'application/json', 'x-forwarded-for': '198.51.100.251' },
    body: new URLSearchParams({ name, email: `p${Date.now()}@example.com`, message: 'Hello' }),
  })
  assert.ok(sent.ok, `the form: ${sent.status}`)
  const page = await open(browser)
  await signIn(page)
  await written(page, name)
  await page.getByTestId('barrier').getByText('left no phone number').waitFor()
  await shoot(page, 'composer-no-phone-1440')
  assert.deepEqual(await axe(page), [])
  await addNote(page, `Ask for a number ${Date.now()}`)
  assert.deepEqual(page.faults, [])
})

test('composer: somebody who wrote STOP cannot be texted until they write START', async (browser) => {
  const outside = process.env.SWITCHBOARD_OUTSIDE
  if (!outside) return console.log('      (no emulated telephone company: not run)')
  const control = async (path, body) => {
    const answer = await fetch(`${JSON.parse(outside).twilio}/_control${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
    assert.ok(answer.ok, `${path}: ${answer.status} ${await answer.clone().text()}`)
  }
  const account = 'AC00000000000000000000000000000001'
  const connection = await asOwner('POST', '/connections', { provider: 'twilio', account, auth_token: 'emulated-auth-token' })
  const { items } = await asOwner('GET', '/inboxes')
  if (!items.some((inbox) => inbox.address === HERE)) {
    await asOwner('POST', '/inboxes', { channel: 'sms', address: HERE, name: 'Texts', connection_id: connection.id })
  }
  await control('/numbers', {
    number: HERE,
    account_sid: account,
    voice_url: `${url}/webhooks/twilio/voice`,
    voice_fallback_url: null,
    sms_url: `${url}/webhooks/twilio/sms`,
    status_callback: `${url}/webhooks/twilio/voice/status`,
    status_events: [],
  })
  const from = `+1202555${String(Date.now() % 10_000).padStart(4, '0')}`
  const first = `Are you there, ${Date.now()}?`
  const text = (body) => control('/sms', { from, to: HERE, body })
  await text(first)
  const page = await open(browser)
  await signIn(page)
  await written(page, first)
  await page.getByRole('textbox', { name: 'Reply' }).waitFor()
  await text('STOP')
  const barrier = page.getByTestId('barrier').getByText('has asked not to get text messages')
  await barrier.waitFor()
  await shoot(page, 'composer-opted-out-1440')
  assert.deepEqual(await axe(page), [])
  await text('START')
  await barrier.waitFor({ state: 'detached' })
  await page.getByRole('textbox', { name: 'Reply' }).waitFor()
  assert.deepEqual(page.faults, [])
})
